"""Migrations and the model: the store follows the model that it is opened with."""

from __future__ import annotations

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.attributes import AttributeType
from crmcore.domain.consent import PURPOSES, Purpose
from crmcore.domain.errors import InvalidInput, NotMigrated, Refused
from crmcore.domain.expressions import field
from crmcore.domain.identifiers import Identifier, IdentifierType
from crmcore.domain.life_cycle import LifeCycle, Move, Stage, Standing
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.testing.builders import a_consent, a_customer, an_interaction, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.subject import MODEL, Make, Subject, everything_in, opened

__all__ = ["ModelsContract"]

MORE = attrs.evolve(
    MODEL,
    attributes=(*MODEL.attributes, AttributeType("vip", "boolean", indexed=True)),
    measures=(
        *MODEL.measures,
        Measure("chats", "interactions", Fold.COUNT, where=field("channel") == "chat"),
        Measure("smallest_purchase", "purchases", Fold.MIN, "amount", indexed=True),
    ),
)


class ModelsContract(Subject):
    """`backend.migrate()` and `Model`."""

    def test_a_store_is_not_used_before_it_is_migrated(self, backends: Make) -> None:
        """Every way in is `NotMigrated` until `migrate()` was called for this tenant."""
        new = backends(tenant="new")
        with pytest.raises(NotMigrated), new.unit_of_work():
            pass
        with pytest.raises(NotMigrated), new.reading():
            pass
        with pytest.raises(NotMigrated):
            new.journal()
        with pytest.raises(NotMigrated):
            list(new.columns("orders"))

    def test_migrating_again_changes_nothing(self, backend: Backend) -> None:
        """`migrate()` is idempotent, and leaves data and journal alone."""
        with backend.unit_of_work() as uow:
            uow.orders.add(an_order(uow.customers.add(a_customer())))
        before = everything_in(backend)
        backend.migrate()

        assert everything_in(backend) == before

    def test_another_model_needs_migrating(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """A store of another model is `NotMigrated`, not silently reinterpreted."""
        with pytest.raises(NotMigrated), backends(tenant="a", model=MORE, clock=clock).reading():
            pass

        assert opened(backends, clock, "a").model == backend.model

    def test_a_store_tells_the_model_it_is_kept_under(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """Whoever opens it with another one can ask, and connect again with it; each tenant has
        its own, and nobody has one before `migrate()`.
        """
        assert backends(tenant="new").stored_model() is None
        asked = backends(tenant="a", model=Model(currency="JPY"), clock=clock)
        assert asked.stored_model() == backend.model
        backends(tenant="a", model=MORE, clock=clock).migrate()

        stored = asked.stored_model()
        assert stored is not None
        assert backend.stored_model() == stored == MORE
        with backends(tenant="a", model=stored, clock=clock).reading() as uow:
            assert "chats" in uow.model.profile_fields

    def test_a_new_measure_is_folded_from_old_facts(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """After `migrate()` the profiles have the new fields, as if they had always been there."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add_many([an_order(ana, "5"), an_order(ana, "3")])
            uow.interactions.add(an_interaction(ana, "chat"))
            before = uow.profiles.get(ana.id)
        grown = backends(tenant="a", model=MORE, clock=clock)
        grown.migrate()

        with grown.unit_of_work() as uow:
            profile = uow.profiles.get(ana.id)
            assert {name: profile[name] for name in before} == dict(before)
            assert (profile["chats"], profile["smallest_purchase"]) == (1, Money("3", "EUR"))
            assert profile["vip"] is None
            uow.customers.save(uow.customers.get(ana.id).with_attribute("vip", False, at=ana.at))
            assert uow.profiles.where(field("vip") == False).count() == 1  # noqa: E712

    def test_measures_of_what_the_store_adds(self, backends: Make, clock: FrozenClock) -> None:
        """Source, actor, time of recording and base amount count at once as after a rebuild; and
        a measure may be named by a word of SQL.
        """
        model = Model(
            measures=[
                Measure("order", "orders", "count", where=field("source") == "shop"),
                Measure("by_ana", "orders", "count", where=field("actor") == "ana"),
                Measure("dear", "orders", "count", where=field("base_amount") >= Money("5", "EUR")),
                Measure("last_recorded_at", "orders", "max", "recorded_at"),
            ]
        )
        made = backends(tenant="recording", model=model, clock=clock)
        made.migrate()

        with made.unit_of_work(actor="ana", source="shop") as uow:
            cid = uow.customers.add(a_customer("Cid"))
            uow.orders.add(an_order(cid, "7.00"))
            at_once = uow.profiles.get(cid.id)
            uow.profiles.rebuild()

            assert uow.profiles.get(cid.id) == at_once
            found = [at_once[name] for name in ("order", "by_ana", "dear", "last_recorded_at")]
            assert found == [1, 1, 1, clock.now]

    def test_stages_and_identifiers_stay(self, backends: Make, clock: FrozenClock) -> None:
        """What stored customers may be in or be known by is not dropped from the model; an
        attribute may be, and who has it can still be saved.
        """
        first = Model(
            attributes=[AttributeType("seat", "text")], identifier_types=[IdentifierType("badge")]
        )
        old = backends(tenant="model stays", model=first, clock=clock)
        old.migrate()
        with old.unit_of_work() as uow:
            dan = a_customer("Dan").with_attribute("seat", "window", at=clock.now)
            dan = uow.customers.add(dan.identified_by(Identifier("badge", "7")))
        cycle = first.life_cycle
        fewer = LifeCycle(stages=cycle.stages[:1], moves=())
        shared = [IdentifierType("badge", exclusive=False)]
        for changed, rule in (
            (Model(), "model.identifiers_stay"),
            (Model(identifier_types=shared), "model.identifiers_stay"),
            (Model(identifier_types=first.identifier_types, life_cycle=fewer), "model.stages_stay"),
        ):
            with pytest.raises(Refused) as raised:
                backends(tenant="model stays", model=changed, clock=clock).migrate()
            assert raised.value.rule == rule

        lean = Model(identifier_types=first.identifier_types)
        new = backends(tenant="model stays", model=lean, clock=clock)
        new.migrate()
        with new.unit_of_work() as uow:
            assert uow.customers.save(uow.customers.get(dan.id).renamed("Daniel")).version == 2

    def test_purposes_stay(self, backends: Make, clock: FrozenClock) -> None:
        """An opt-out is not lost with the name of what it is about, and is heard by a model that
        asks for no opt-in any more.
        """
        first = Model(purposes=[Purpose("news"), Purpose("bills", needs_opt_in=False)])
        old = backends(tenant="purposes stay", model=first, clock=clock)
        old.migrate()
        with old.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
            no = uow.consents.add(a_consent(ana, "news", given=False))
        renamed = [Purpose("newsletter"), Purpose("bills", needs_opt_in=False)]
        for purposes in (first.purposes[:1], renamed, PURPOSES):
            with pytest.raises(Refused) as raised:
                backends(
                    tenant="purposes stay", model=Model(purposes=purposes), clock=clock
                ).migrate()
            assert raised.value.rule == "model.purposes_stay"

        more = Model(purposes=[*PURPOSES, *renamed, Purpose("news", needs_opt_in=False)])
        new = backends(tenant="purposes stay", model=more, clock=clock)
        new.migrate()
        with new.reading() as uow:
            answer = uow.may_contact(ana.id, purpose="news", channel="email", at=no.at)
        assert (answer.allowed, answer.reasons[0].facts) == (False, (no.id,))

    def test_a_measure_may_go(self, backend: Backend, backends: Make, clock: FrozenClock) -> None:
        """A model with fewer measures has fewer fields, and no fact is lost."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(attributes={"seat": "12A"}))
            uow.interactions.add(an_interaction(ana))
        less = backends(tenant="a", model=attrs.evolve(MODEL, measures=()), clock=clock)
        less.migrate()

        with less.unit_of_work() as uow:
            uow.interactions.add(an_interaction(ana, nth=2))
            profile = uow.profiles.get(ana.id)
        assert "calls" not in profile
        assert (profile["interaction_count"], profile["seat"]) == (2, "12A")

    def test_a_measure_that_comes_back_is_right(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """What was recorded while a measure was gone is folded when it returns."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.interactions.add(an_interaction(ana))
        less = backends(tenant="a", model=attrs.evolve(MODEL, measures=()), clock=clock)
        less.migrate()
        with less.unit_of_work() as uow:
            ben = uow.customers.add(a_customer("Ben"))
            uow.interactions.add_many([an_interaction(ana, nth=2), an_interaction(ben)])

        with opened(backends, clock, "a").reading() as uow:
            assert uow.profiles.get(ana.id)["calls"] == 2
            assert uow.profiles.get(ben.id)["calls"] == 1

    def test_the_currency_stays(self, backend: Backend, backends: Make, clock: FrozenClock) -> None:
        """Amounts are recorded in the first model's currency; another is refused (O12)."""
        with backend.unit_of_work() as uow:
            uow.orders.add(an_order(uow.customers.add(a_customer())))
        dollars = attrs.evolve(MODEL, currency="USD")

        with pytest.raises(Refused) as raised:
            backends(tenant="a", model=dollars, clock=clock).migrate()

        assert raised.value.rule == "model.one_currency"

    def test_each_tenant_has_its_own_model(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """Currencies, attributes and measures of one are nothing to the other."""
        yen = attrs.evolve(MORE, currency="JPY")
        other = backends(tenant="c", model=yen, clock=clock)
        other.migrate()
        with other.unit_of_work() as uow:
            ken = uow.customers.add(a_customer(attributes={"vip": True}))
            uow.orders.add(an_order(ken, Money("1200", "JPY")))
            assert uow.profiles.get(ken.id)["smallest_purchase"] == Money("1200", "JPY")
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add(an_order(ana))

            assert "vip" not in uow.profiles.get(ana.id)
            assert uow.profiles.get(ana.id)["revenue"] == Money("120", "EUR")

    def test_the_hosts_life_cycle_governs_stored_customers(
        self, backends: Make, clock: FrozenClock
    ) -> None:
        """A customer that was read moves by the model's life cycle, not by the default one."""
        short = LifeCycle(
            stages=(Stage("guest", Standing.PROSPECT), Stage("member", Standing.CUSTOMER)),
            moves=(Move("guest", "member", "join"),),
        )
        club = backends(tenant="c", model=attrs.evolve(MODEL, life_cycle=short), clock=clock)
        club.migrate()
        with club.unit_of_work() as uow:
            uow.customers.add(a_customer(life_cycle=short))
        with club.unit_of_work() as uow:
            read = uow.customers.get(a_customer().id)
            assert uow.customers.save(read.moved_to("member", at=read.at)).stage == "member"
            with pytest.raises(InvalidInput):
                read.moved_to("active", at=read.at)

    def test_an_old_handle_learns_nothing_wrong(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """After another handle migrated, what the old one writes is folded all the same."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
        grown = backends(tenant="a", model=MORE, clock=clock)
        grown.migrate()
        try:
            with backend.unit_of_work() as uow:
                uow.interactions.add(an_interaction(ana, "chat"))
        except NotMigrated:
            expected = 0
        else:
            expected = 1

        with grown.reading() as uow:
            profile = uow.profiles.get(ana.id)
        assert (profile["interaction_count"], profile["chats"]) == (expected, expected)
