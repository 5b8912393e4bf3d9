"""Restoring: what another store held and recorded is kept as it was there."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import ConflictingFact, InvalidInput, Refused
from crmcore.domain.ids import FactId
from crmcore.domain.money import Money
from crmcore.testing.builders import (
    AT,
    a_customer,
    a_return,
    a_score,
    an_interaction,
    an_order,
)
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["RestoringContract"]

THEN = AT + timedelta(days=30)


class RestoringContract(Subject):
    """`restore_many` of every collection."""

    def test_restored_facts_keep_what_their_store_said(self, backend: Backend) -> None:
        """When and by whom they were recorded, from which source, at which worth."""
        ana = a_customer()
        order = attrs.evolve(
            an_order(ana, "10.00", currency="USD"), recorded_at=THEN, actor="ines",
            base_amount=Money("9.13", "EUR"),
        )  # fmt: skip
        back = attrs.evolve(
            a_return(order, "3.00"), recorded_at=THEN, base_amount=Money("2.75", "EUR")
        )
        with backend.unit_of_work(actor="import", source="shop") as uow:
            uow.customers.add(ana)
            assert uow.orders.restore_many([order]) == 1
            assert uow.orders.restore_many([order]) == 0
            uow.returns.restore_many([back])
        with backend.reading() as uow:
            (kept,), (returned,) = uow.orders.of(ana.id), uow.returns.of(ana.id)
            revenue = uow.profiles.get(ana.id)["revenue"]

        assert (kept.recorded_at, kept.actor, kept.source) == (THEN, "ines", None)
        assert kept.base_amount == Money("9.13", "EUR")
        assert returned.base_amount == Money("2.75", "EUR")
        assert revenue == Money("6.38", "EUR")

    def test_restored_facts_are_latest_as_they_were(self, backend: Backend) -> None:
        """Of two at one instant the one recorded last counts, in whatever order they come."""
        ana = a_customer()
        older = attrs.evolve(a_score(ana, 0.9, nth=1), recorded_at=AT)
        newer = attrs.evolve(a_score(ana, 0.1, nth=2), recorded_at=THEN)
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            uow.scores.restore_many([newer])
            uow.scores.restore_many([older])
            found = uow.profiles.get(ana.id)
            uow.profiles.rebuild()
            rebuilt = uow.profiles.get(ana.id)

        assert found["probability_alive"] == 0.1
        assert rebuilt == found

    def test_added_facts_are_recorded_now(self, backend: Backend) -> None:
        """A fact that was read elsewhere and is added here is recorded here."""
        ana = a_customer()
        early = attrs.evolve(a_score(ana, 0.9, nth=1), recorded_at=THEN, actor="ines")
        with backend.unit_of_work(actor="import") as uow:
            uow.customers.add(ana)
            uow.scores.add_many([early, a_score(ana, 0.1, nth=2)])
            found = uow.profiles.get(ana.id)
            uow.profiles.rebuild()
            rebuilt = uow.profiles.get(ana.id)
            stored = uow.scores.get(early.id)

        assert found == rebuilt
        assert (stored.recorded_at, stored.actor) == (uow.recorded_at, "import")

    def test_restored_customers_keep_their_version(self, backend: Backend) -> None:
        """And grow by one with the next save; what never was stored begins at one."""
        ana, eva = a_customer("Ana"), a_customer("Eva")
        with backend.unit_of_work() as uow:
            assert uow.customers.restore_many([attrs.evolve(ana, version=7), eva]) == 2
            assert uow.customers.get(eva.id).version == 1
            held = uow.customers.get(ana.id)
            assert (held.version, uow.customers.save(held).version) == (7, 8)

    def test_restored_worth_is_in_the_models_currency(self, backend: Backend) -> None:
        """Restoring is no way around the rules: what could not have been recorded is refused."""
        ana = a_customer()
        order = an_order(ana, "10.00", currency="USD")
        worth = attrs.evolve(order, recorded_at=THEN, base_amount=Money("9", "GBP"))
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            plain = uow.orders.add(an_order(ana, "10.00", nth=2))
        with pytest.raises(InvalidInput), backend.unit_of_work() as uow:
            uow.orders.restore_many([worth])
        with pytest.raises(Refused), backend.unit_of_work() as uow:
            uow.returns.restore_many([attrs.evolve(a_return(plain, "10.01"), recorded_at=THEN)])

    @pytest.mark.parametrize("paid", ["EUR", "USD"])
    @pytest.mark.parametrize("worth", [Money("9000", "USD"), Money("9000", "GBP")])
    def test_a_restored_return_is_worth_the_models_currency(
        self, backend: Backend, paid: str, worth: Money
    ) -> None:
        """In another currency it is refused, and the profile is as it was."""
        ana = a_customer()
        order = attrs.evolve(
            an_order(ana, "10.00", currency=paid), recorded_at=THEN,
            base_amount=Money("10.00" if paid == "EUR" else "9.13", "EUR"),
        )  # fmt: skip
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            uow.orders.restore_many([order])
            before = uow.profiles.get(ana.id)
        back = attrs.evolve(a_return(order, "3.00"), recorded_at=THEN, base_amount=worth)
        with pytest.raises(InvalidInput) as raised, backend.unit_of_work() as uow:
            uow.returns.restore_many([back])

        assert [fault.path for fault in raised.value.faults] == ["base_amount"]
        with backend.unit_of_work() as uow:
            uow.profiles.rebuild()
            assert uow.profiles.get(ana.id) == before

    def test_a_restored_return_without_a_rate_is_worth_its_amount(self, backend: Backend) -> None:
        """Of an order in the model's currency nothing else could have been recorded."""
        ana = a_customer()
        order = an_order(ana, "10.00")
        back = attrs.evolve(a_return(order, "3.00"), recorded_at=THEN)
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            uow.orders.add(order)
        with pytest.raises(InvalidInput), backend.unit_of_work() as uow:
            uow.returns.restore_many([attrs.evolve(back, base_amount=Money("9000", "EUR"))])
        with backend.unit_of_work() as uow:
            uow.returns.restore_many([attrs.evolve(back, base_amount=Money("3.00", "EUR"))])
            assert uow.profiles.get(ana.id)["revenue"] == Money("7.00", "EUR")

    def test_a_restored_key_needs_its_own_source(self, backend: Backend) -> None:
        """The unit's is not the source that a recorded fact is known from, so its key would be no
        key; what never was recorded takes the unit's, and is counted once.
        """
        ana = a_customer()
        bare = an_interaction(ana, source_key="k")
        told = attrs.evolve(bare, recorded_at=THEN)
        known = attrs.evolve(bare, recorded_at=THEN, source="shop", id=FactId(UUID(int=9)))
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
        with (
            pytest.raises(InvalidInput) as raised,
            backend.unit_of_work(source="shop") as uow,
        ):
            uow.interactions.restore_many([an_interaction(ana, nth=2), told])
        assert [fault.path for fault in raised.value.faults] == ["[1].source_key"]

        with backend.unit_of_work(source="shop") as uow:
            assert uow.interactions.restore_many([bare]) == 1
        with backend.unit_of_work(source="shop") as uow:
            assert uow.interactions.restore_many([known, bare]) == 0
            assert uow.profiles.get(ana.id)["interaction_count"] == 1

    def test_the_same_fact_of_one_redacted_elsewhere_is_nothing(
        self, backends: Make, backend: Backend
    ) -> None:
        """Who was redacted in one store and restored into another is redacted there too: the
        source's file again brings nothing back, and what contradicts the rest conflicts still.
        """
        ana = a_customer()
        call = an_interaction(ana, subject="hello", topic="billing", source_key="call")
        with backend.unit_of_work(source="shop") as uow:
            uow.customers.add(ana)
            uow.interactions.add(call)
        with backend.unit_of_work() as uow:
            redacted = uow.customers.redact(ana.id)
            (left,) = uow.interactions.of(ana.id)
        assert redacted is not None
        other = backends(tenant="elsewhere", model=backend.model)
        other.migrate()
        with other.unit_of_work() as uow:
            uow.customers.restore_many([redacted])
            uow.interactions.restore_many([left])
        with other.unit_of_work(source="shop") as uow:
            assert uow.interactions.add_many([call]) == 0
            assert uow.interactions.of(ana.id) == [left]
            wrong = attrs.evolve(call, topic="delivery")
            assert uow.interactions.conflicts([call, wrong]) == {1: ("topic",)}

    def test_who_never_was_redacted_is_not_taken_for_it(self, backend: Backend) -> None:
        """Of a customer who came without any personal value, what differs conflicts."""
        nobody = a_customer(None)
        call = an_interaction(nobody, source_key="call")
        with backend.unit_of_work(source="shop") as uow:
            uow.customers.add(nobody)
            uow.interactions.add(call)
            with pytest.raises(ConflictingFact) as raised:
                uow.interactions.add(attrs.evolve(call, subject="hello"))

        assert raised.value.fields == ("subject",)
