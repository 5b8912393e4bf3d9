"""Redaction: after it nothing personal of a customer is answered, and nothing counted changes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.attributes import AttributeType
from crmcore.domain.contact_points import ContactKind, ContactPoint
from crmcore.domain.customer import Customer
from crmcore.domain.errors import ConflictingFact, NotFound, Stale
from crmcore.domain.facts import Fact
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.interaction import Interaction
from crmcore.domain.journal import Operation, plain
from crmcore.domain.kinds import FACTS
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.order_facts import Cancellation, Return
from crmcore.domain.points import PointsEntry
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_consent,
    a_customer,
    a_payment,
    a_return,
    a_segment_change,
    an_interaction,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.subject import MODEL, Make, Subject
from crmcore.testing.members import a_decision, a_membership, a_points_entry, a_tier_change

__all__ = ["WITH_PERSONAL", "RedactionContract"]

CANARY = "canary-7731"
DAY = timedelta(days=1)
WITH_PERSONAL = attrs.evolve(
    MODEL,
    attributes=(
        *MODEL.attributes,
        AttributeType("nickname", "text", personal=True),
    ),
    measures=(*MODEL.measures, Measure("last_subject", "interactions", Fold.LATEST, "subject")),
)


def _ana() -> Customer:
    """The canary in every personal field, a seat that is not personal."""
    ana = a_customer(
        f"Ana {CANARY}", emails=[f"{CANARY}@example.com"], phones=["+34600777310"],
        identifiers=[Identifier("card", CANARY), Identifier("external", CANARY, source="shop")],
        attributes={"nickname": CANARY, "seat": "12a"},
    )  # fmt: skip
    return ana.reachable_at(ContactPoint(ContactKind.POSTAL, f"Calle {CANARY} 1"))


def _told(uow: UnitOfWork, ana: Customer) -> Customer:
    """Facts with free text, one of them taken out, and changes that the journal tells."""
    ana = uow.customers.add(ana)
    ana = uow.customers.save(ana.renamed(f"Ana {CANARY} Soto"))
    call = an_interaction(ana, subject=CANARY, source_key="call", topic="billing")
    wrong = an_interaction(ana, subject=f"wrong {CANARY}", source_key="wrong", nth=2)
    bought, off = an_order(ana), an_order(ana, "7.00", nth=2)
    uow.interactions.add_many([call, wrong])
    uow.interactions.remove(wrong.id)
    uow.orders.add_many([bought, off])
    uow.payments.add(a_payment(bought))
    uow.returns.add(a_return(bought, "20.00", reason=CANARY))
    uow.cancellations.add(a_cancellation(off, reason=CANARY))
    uow.consents.add(a_consent(ana))
    uow.segment_changes.add(a_segment_change(ana))
    member = uow.memberships.add(a_membership(ana, number=CANARY))
    uow.memberships.save(attrs.evolve(member, number=f"{CANARY} 2"))
    uow.points.add(a_points_entry(member, reason=CANARY))
    uow.tier_changes.add(a_tier_change(member))
    uow.decisions.add(a_decision(ana))
    other = a_customer("Ben")
    uow.customers.add(other)
    uow.customers.save_many([
        uow.customers.get(ana.id).with_attribute("nickname", f"{CANARY}!", at=AT + DAY),
        uow.customers.get(other.id).renamed("Ben Mora"),
    ])  # fmt: skip
    return uow.customers.get(ana.id)


def _deeply(value: Any) -> Any:
    """A value with everything in it, what its repr hides too."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [_deeply(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _deeply(item) for key, item in value.items()}
    return plain(value) if attrs.has(type(value)) else str(value)


def _everything(backend: Backend) -> str:
    """All that the store answers, as text."""
    journal = backend.journal(limit=1000)  # first, so that every row has its position
    with backend.reading() as uow:
        people = list(uow.customers.stream())
        members = list(uow.memberships.stream())
        found: list[Any] = [
            *people,
            *(dict(profile) for profile in uow.profiles.where().page(limit=1000)),
            *(entry for who in people for entry in uow.customers.history(who.id)),
            *members,
            *(entry for one in members for entry in uow.memberships.history(one.id)),
            *(fact for who in people for fact in uow.timeline(who.id).page(limit=1000)),
        ]
    found += journal
    for kind in (*(kind.name for kind in FACTS), "purchases", "profiles"):
        batches = [dict(batch) for batch in backend.columns(kind, personal=True)]
        columns = [(list(batch), zip(*batch.values(), strict=True)) for batch in batches]
        rows = [dict(zip(names, row, strict=True)) for names, some in columns for row in some]
        found += sorted(rows, key=str)  # columns come in no order
    return json.dumps([
        {a.name: _deeply(getattr(one, a.name)) for a in attrs.fields(type(one))
         if a.name != "life_cycle"} if attrs.has(type(one)) else _deeply(one)
        for one in found
    ])  # fmt: skip


class RedactionContract(Subject):
    """`uow.customers.redact(…)`."""

    @pytest.fixture
    def personal(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant whose model has personal attributes and a measure over free text."""
        made = backends(tenant="p", model=WITH_PERSONAL, clock=clock)
        made.migrate()
        return made

    def test_nothing_personal_is_answered_afterwards(self, personal: Backend) -> None:
        """Neither record, identifiers, profile, facts, removed ones, journal nor columns hold any
        value that was personal (O10).
        """
        with personal.unit_of_work(source="shop") as uow:
            ana = _told(uow, _ana())
            card = uow.memberships.of(ana.id, "club")
        before = _everything(personal)
        with personal.unit_of_work() as uow:
            uow.customers.redact(ana.id)
        after = _everything(personal)

        assert before.count("canary") > 10
        assert [word for word in ("canary", "600777310", "Soto") if word in after] == []
        assert "Mora" in after
        with personal.reading() as uow:
            for identifier in ana.keys:
                found = uow.customers.find_all_by_identifier(
                    identifier.type, identifier.value, source=identifier.source
                )
                assert found == []
            assert uow.memberships.find_by_number(f"{CANARY} 2", "club") is None
            member = uow.memberships.of(ana.id, "club")
            assert card is not None
            assert member == attrs.evolve(card, number=None, version=card.version + 1)

    def test_nothing_counted_changes(self, personal: Backend) -> None:
        """The facts stay, each with all that is not personal, and so does every field of the
        profile that is not; a rebuild finds the same.
        """
        names = [n for n, known in WITH_PERSONAL.profile_fields.items() if not known.personal]
        with personal.unit_of_work(source="shop") as uow:
            ana = _told(uow, _ana())
            before = dict(uow.profiles.get(ana.id))
            facts = list(uow.timeline(ana.id).page())
        with personal.unit_of_work() as uow:
            redacted = uow.customers.redact(ana.id)
            assert redacted is not None
            kept = dict(uow.profiles.get(ana.id))
            uow.profiles.rebuild()

            assert dict(uow.profiles.get(ana.id)) == kept
            assert {name: kept[name] for name in names} == {name: before[name] for name in names}
            assert (kept["last_subject"], kept["nickname"], kept["seat"]) == (None, None, "12a")
            assert list(uow.timeline(ana.id).page()) == [_bare(fact) for fact in facts]
            assert (redacted.version, redacted.stage) == (ana.version + 1, ana.stage)
            assert uow.customers.get(ana.id) == redacted

    def test_the_journal_says_that_it_was_done_and_by_whom(self, personal: Backend) -> None:
        """A row more for each record, and all others stay in place with what is not personal."""
        with personal.unit_of_work(source="shop") as uow:
            ana = _told(uow, _ana())
            card = uow.memberships.of(ana.id, "club")
        before = personal.journal()
        with personal.unit_of_work(actor="privacy desk") as uow:
            uow.customers.redact(ana.id)
        *rows, member, last = personal.journal()

        assert (last.operation, last.kind, last.ids) == (
            Operation.REDACTED, "customers", (ana.id,),
        )  # fmt: skip
        assert (member.operation, member.kind) == (Operation.REDACTED, "memberships")
        assert card is not None
        assert (member.actor, member.personal) == ("privacy desk", ())
        assert member.version == card.version + 1
        assert (last.actor, last.version, last.personal) == ("privacy desk", ana.version + 1, ())
        assert [attrs.evolve(e, personal=()) for e in rows] == [
            attrs.evolve(e, personal=()) for e in before
        ]
        assert [e.position for e in rows] == [e.position for e in before]
        assert rows[-1].personal == ({}, {"name": ["Ben", "Ben Mora"]})

    def test_what_was_done_in_the_same_unit_is_redacted_too(self, personal: Backend) -> None:
        """Also rows of the journal and facts that nobody else has seen yet."""
        with personal.unit_of_work(source="shop") as uow:
            ana = _told(uow, _ana())
            uow.customers.redact(ana.id)
            rows = uow.customers.history(ana.id)

        assert "canary" not in json.dumps([_deeply([e.personal, e.changes]) for e in rows])
        assert "canary" not in _everything(personal)

    def test_the_same_fact_again_is_nothing_and_brings_nothing_back(
        self, personal: Backend
    ) -> None:
        """Importing the file again, with the values that were taken out, changes nothing; a fact
        that contradicts what is left conflicts still.
        """
        with personal.unit_of_work(source="shop") as uow:
            ana = _told(uow, _ana())
        with personal.unit_of_work() as uow:
            uow.customers.redact(ana.id)
        before = _everything(personal)
        call = an_interaction(ana, subject=CANARY, source_key="call", topic="billing")
        again = attrs.evolve(call, id=FactId(UUID(int=9)))
        wrong = an_interaction(ana, subject=f"wrong {CANARY}", source_key="wrong", nth=2)
        other = attrs.evolve(again, topic="delivery")
        with personal.unit_of_work(source="shop") as uow:
            assert uow.interactions.conflicts([again, wrong, other]) == {2: ("topic",)}
            assert uow.interactions.add_many([again, wrong]) == 0
            assert uow.interactions.add(again).subject is None
        with pytest.raises(ConflictingFact) as raised, personal.unit_of_work(source="shop") as uow:
            uow.interactions.add(other)

        assert raised.value.fields == ("topic",)
        assert _everything(personal) == before

    def test_of_others_an_absent_value_contradicts(self, backend: Backend) -> None:
        """Without a redaction, what was told without a subject is not the same with one."""
        with backend.unit_of_work(source="shop") as uow:
            ana = uow.customers.add(a_customer())
            call = an_interaction(ana, source_key="call")
            uow.interactions.add(call)
            with pytest.raises(ConflictingFact) as raised:
                uow.interactions.add(attrs.evolve(call, subject="hello"))

        assert raised.value.fields == ("subject",)

    def test_a_copy_that_was_read_before_brings_nothing_back(self, personal: Backend) -> None:
        """Saving it is `Stale`."""
        with personal.unit_of_work(source="shop") as uow:
            ana = _told(uow, _ana())
        with personal.unit_of_work() as uow:
            uow.customers.redact(ana.id)
        with pytest.raises(Stale), personal.unit_of_work() as uow:
            uow.customers.save(ana.moved_to("active", at=AT + DAY))

        assert "canary" not in _everything(personal)

    def test_the_customer_lives_on_without_a_name(self, personal: Backend) -> None:
        """Their identifiers are free for others, and facts go on being recorded."""
        with personal.unit_of_work(source="shop") as uow:
            ana = _told(uow, _ana())
        with personal.unit_of_work() as uow:
            redacted = uow.customers.redact(ana.id)
            assert redacted is not None
            uow.customers.add(a_customer("New", identifiers=[Identifier("card", CANARY)]))
            uow.orders.add(an_order(redacted, "5.00", nth=9))
            uow.customers.save(redacted.moved_to("active", at=AT + DAY))

            assert uow.profiles.get(ana.id)["order_count"] == 3

    def test_what_is_given_up_is_as_it_was(self, personal: Backend) -> None:
        """Rolled back, nothing was taken out."""
        with personal.unit_of_work(source="shop") as uow:
            ana = _told(uow, _ana())
        before = _everything(personal)
        with personal.unit_of_work() as uow:
            uow.customers.redact(ana.id)
            uow.rollback()

        assert _everything(personal) == before

    def test_once_more_finds_what_came_since(self, personal: Backend) -> None:
        """Personal values that were told afterwards are taken out by the next redaction."""
        with personal.unit_of_work(source="shop") as uow:
            ana = _told(uow, _ana())
            uow.customers.redact(ana.id)
        with personal.unit_of_work() as uow:
            uow.interactions.add(an_interaction(ana, subject=CANARY, nth=5))
            uow.customers.redact(ana.id)

        assert "canary" not in _everything(personal)
        rows = [(e.operation, e.kind) for e in personal.journal()]
        assert rows.count((Operation.REDACTED, "customers")) == 2

    def test_redacting_nobody_is_not_found(self, backend: Backend) -> None:
        """An id that never was stored is `NotFound`, and no row is written."""
        with pytest.raises(NotFound), backend.unit_of_work() as uow:
            uow.customers.redact(CustomerId(UUID(int=7)))

        assert backend.journal() == []

    def test_of_one_who_was_removed_the_journal_is_redacted(self, personal: Backend) -> None:
        """Their record is gone, and its rows of the journal tell nothing any more."""
        with personal.unit_of_work() as uow:
            ana = uow.customers.add(_ana())
            uow.customers.remove(uow.customers.save(ana.renamed(f"{CANARY}!")))
        assert "canary" in _everything(personal)
        with personal.unit_of_work(actor="privacy desk") as uow:
            assert uow.customers.redact(ana.id) is None

        assert "canary" not in _everything(personal)
        last = personal.journal()[-1]
        assert (last.operation, last.version) == (Operation.REDACTED, None)


FREE_TEXT: dict[type[Fact], str] = {
    Interaction: "subject", Return: "reason", Cancellation: "reason", PointsEntry: "reason",
}  # fmt: skip


def _bare(fact: Fact) -> Fact:
    name = FREE_TEXT.get(type(fact))
    bare: dict[str, Any] = {} if name is None else {name: None}
    return attrs.evolve(fact, **bare)
