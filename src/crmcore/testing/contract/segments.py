"""Segments: kept like every aggregate, and who is in them, who was, and who came and went."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import attrs
import pytest
from hypothesis import given, settings

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import IdentifierTaken, InvalidInput, NotFound, Refused, Stale
from crmcore.domain.expressions import field
from crmcore.domain.ids import CustomerId
from crmcore.domain.journal import Operation
from crmcore.domain.model import Model
from crmcore.domain.predicates import InSegment, Predicate
from crmcore.domain.segments import SegmentRefresh
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    AT,
    a_customer,
    a_segment,
    an_interaction,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.draws import QUESTIONS
from crmcore.testing.contract.predicates import people
from crmcore.testing.contract.subject import MODEL, Make, Subject

__all__ = ["BUYERS", "CALLERS", "NONE", "SegmentsContract", "changes_of", "migrated", "some_people"]

DAY = timedelta(days=1)
BUYERS, CALLERS = field("order_count") >= 1, field("interaction_count") >= 1
NONE = SegmentRefresh(0, 0)


def some_people(uow: UnitOfWork, count: int = 5) -> list[CustomerId]:
    """Customers in the order of their ids; the first two bought, the second and third called."""
    some = sorted((a_customer(f"Number {n}") for n in range(count)), key=lambda one: one.id)
    uow.customers.add_many(some)
    uow.orders.add_many(an_order(one) for one in some[:2])
    uow.interactions.add_many(an_interaction(one) for one in some[1:3])
    return [one.id for one in some]


def changes_of(uow: UnitOfWork, ids: list[CustomerId]) -> list[tuple[int, str, bool, int | None]]:
    """Whose changes of which segment there are, by customer and `at`."""
    return [
        (place, change.segment, change.entered, change.segment_version)
        for place, id in enumerate(ids)
        for change in uow.segment_changes.of(id)
    ]


def migrated(backends: Make, clock: FrozenClock, model: Model, *, tenant: str = "a") -> Backend:
    """A tenant under a model of the test's own."""
    backend = backends(tenant=tenant, model=model, clock=clock)
    backend.migrate()
    return backend


class SegmentsContract(Subject):
    """`uow.segments` and `uow.segment_changes`."""

    def test_a_static_segment_is_asked_as_of_an_instant(self, backend: Backend) -> None:
        """In a predicate, in another segment and by `members` alike: who was in it then."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
            uow.segments.add(a_segment("jury"))
            uow.segments.add(a_segment("others", ~InSegment("jury")))
            uow.segments.enter("jury", ids[:2], at=AT)
            uow.segments.leave("jury", ids[:1], at=AT + 2 * DAY)
            for at, inside in (
                (AT - DAY, []), (AT, ids[:2]), (AT + DAY, ids[:2]), (AT + 2 * DAY, ids[1:2]),
            ):  # fmt: skip
                assert list(uow.segments.members("jury", at=at)) == inside
                assert list(uow.profiles.where(InSegment("jury"), at=at).ids()) == inside
                told = [uow.profiles.explain(InSegment("jury"), id, at=at).holds for id in ids]
                assert [id for id, holds in zip(ids, told, strict=True) if holds] == inside
                others = [id for id in ids if id not in inside]
                assert list(uow.segments.members("others", at=at)) == others
            assert list(uow.profiles.where(InSegment("jury")).ids()) == ids[1:2]

    def test_a_removed_segment_leaves_its_name_and_nobody_in_it(self, backend: Backend) -> None:
        """Who was recorded leaves; while another names it, it stays; a stale one is refused."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
            jury = uow.segments.add(a_segment("jury"))
            uow.segments.enter("jury", ids[:2])
            others = uow.segments.add(a_segment("others", ~InSegment("jury")))
            with pytest.raises(Refused, match="is named by others"):
                uow.segments.remove(jury)
        with backend.unit_of_work() as uow:
            uow.segments.remove(uow.segments.get(others.id))
            held = uow.segments.save(uow.segments.get(jury.id).owned_by("eva"))
            with pytest.raises(Stale):
                uow.segments.remove(jury)
            uow.segments.remove(held)
        with backend.unit_of_work() as uow:
            assert uow.segments.find("jury") is None
            assert [c.entered for c in uow.segment_changes.of(ids[0])] == [True, False]
            assert uow.segments.history(jury.id)[-1].operation is Operation.REMOVED
            uow.segments.add(attrs.evolve(a_segment("jury"), id=a_segment("another").id))
            assert list(uow.segments.members("jury")) == []
            with pytest.raises(NotFound):
                uow.segments.remove(held)

    @pytest.mark.parametrize(
        "asked", [None, BUYERS & ~(field("name") == "Ana") | field("zone").is_absent()]
    )
    def test_a_segment_comes_back_whole(self, backend: Backend, asked: Predicate | None) -> None:
        """By its id, by its name, and in the stream; its predicate to the last value."""
        made = a_segment("vip_2024", asked, description="who buys")
        with backend.unit_of_work() as uow:
            stored = uow.segments.add(made)
        with backend.reading() as uow:
            assert stored == attrs.evolve(made, version=1)
            assert uow.segments.get(made.id) == uow.segments.named("vip_2024") == stored
            assert list(uow.segments.stream()) == [stored]
            assert uow.segments.find("vip") is uow.segments.find("VIP_2024") is None
            with pytest.raises(NotFound, match="no segments with name vip"):
                uow.segments.named("vip")

    def test_a_name_belongs_to_one_segment(self, backend: Backend) -> None:
        """Another of that name is refused, and nothing of it is kept."""
        with backend.unit_of_work() as uow:
            first = uow.segments.add(a_segment("vip", BUYERS))
        taken = pytest.raises(IdentifierTaken, match="of the segments has this name already")
        with taken, backend.unit_of_work() as uow:
            uow.segments.add(a_segment("vip", id=a_segment("other").id))
        with backend.reading() as uow:
            assert list(uow.segments.stream()) == [first]

    def test_every_definition_has_its_version_and_stays_in_the_journal(
        self, backend: Backend
    ) -> None:
        """Who changed it, when, from what to what: a predicate stands with the personal values."""
        with backend.unit_of_work(actor="ines") as uow:
            first = uow.segments.add(a_segment("vip", BUYERS))
        with backend.unit_of_work(actor="luis") as uow:
            second = uow.segments.save(first.redefined(CALLERS))
            third = uow.segments.save(second.owned_by("luis").described("callers"))
        with backend.reading() as uow:
            assert uow.segments.get(first.id) == third
            assert (third.version, third.predicate, third.owner) == (3, CALLERS, "luis")
            told = uow.segments.history(first.id)

        assert [(e.operation, e.version, e.actor) for e in told] == [
            (Operation.ADDED, 1, "ines"), (Operation.SAVED, 2, "luis"), (Operation.SAVED, 3, "luis")
        ]  # fmt: skip
        assert told[1].changes == ({},)
        before, after = told[1].personal[0]["predicate"]
        assert (before["is"], before["name"], before["op"], before["value"]) == (
            "Comparison", "order_count", ">=", 1,
        )  # fmt: skip
        assert after["name"] == "interaction_count"
        assert told[2].changes[0].keys() == {"owner", "description"}

    def test_a_stale_save_is_refused(self, backend: Backend) -> None:
        """The second of two who read the same version is `Stale`."""
        with backend.unit_of_work() as uow:
            held = uow.segments.add(a_segment("vip", BUYERS))
            uow.segments.save(held.redefined(CALLERS))
        with pytest.raises(Stale), backend.unit_of_work() as uow:
            uow.segments.save(held.owned_by("luis"))

    def test_what_a_segment_is_called_and_how_it_is_made_stays(self, backend: Backend) -> None:
        """Another name is refused, and so is a predicate for a static one, or none instead."""
        with backend.unit_of_work() as uow:
            asked, static = (
                uow.segments.add(a_segment("asked", BUYERS)), uow.segments.add(a_segment("static")),
            )  # fmt: skip
        for rule, other in (
            ("segments.name_stays", attrs.evolve(asked, name="other")),
            ("segments.kind_stays", attrs.evolve(asked, predicate=None)),
            ("segments.kind_stays", attrs.evolve(static, predicate=BUYERS)),
        ):
            with pytest.raises(Refused) as refused, backend.unit_of_work() as uow:
                uow.segments.save(other)
            assert refused.value.rule == rule
        with pytest.raises(Refused, match="by hand"):
            static.redefined(BUYERS)

    def test_a_predicate_that_the_model_does_not_know_is_not_stored(self, backend: Backend) -> None:
        """Unknown fields and values of another type, each with its place."""
        with backend.unit_of_work() as uow:
            held = uow.segments.add(a_segment("vip", BUYERS))
        for wrong in (field("shoe_size") > 40, field("revenue") > "much"):
            with pytest.raises(InvalidInput) as told, backend.unit_of_work() as uow:
                uow.segments.add(a_segment("other", wrong))
            assert told.value.faults[0].path.startswith("predicate")
            with pytest.raises(InvalidInput) as told, backend.unit_of_work() as uow:
                uow.segments.save(held.redefined(wrong))
            assert told.value.faults[0].path.startswith("predicate")
        with backend.reading() as uow:
            assert list(uow.segments.stream()) == [held]

    def test_a_segment_survives_a_model_that_lost_its_field(
        self, backends: Make, clock: FrozenClock
    ) -> None:
        """It can be read, given to somebody, and redefined; who is in it cannot be said."""
        asked = field("seat") == "12A"
        with migrated(backends, clock, MODEL).unit_of_work() as uow:
            held = uow.segments.add(a_segment("window", asked))
        smaller = attrs.evolve(MODEL, attributes=MODEL.attributes[1:])
        with migrated(backends, clock, smaller).unit_of_work() as uow:
            given = uow.segments.save(held.owned_by("luis"))
            assert (given.predicate, given.version) == (asked, 2)
            with pytest.raises(InvalidInput):
                uow.segments.members("window")
            uow.segments.save(given.redefined(BUYERS))
            assert list(uow.segments.members("window")) == []

    def test_a_segment_is_asked_for_by_its_name(self, backend: Backend) -> None:
        """In any question to profiles, beside other terms; an unknown one is `NotFound`, and none
        is defined by itself.
        """
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
            buyers = uow.segments.add(a_segment("buyers", BUYERS))
            asked = InSegment("buyers")
            assert list(uow.profiles.where(asked).ids()) == ids[:2]
            assert list(uow.profiles.where(~asked & CALLERS).ids()) == ids[2:3]
            with pytest.raises(NotFound):
                uow.profiles.where(asked | InSegment("nowhere"))
        with pytest.raises(InvalidInput, match="itself"), backend.unit_of_work() as uow:
            uow.segments.save(buyers.redefined(~asked & CALLERS))

    def test_segments_of_one_batch_are_not_defined_by_each_other(self, backend: Backend) -> None:
        """Neither new ones nor redefined ones; nothing of the batch is kept."""
        asked = {"one": InSegment("two") & BUYERS, "two": ~InSegment("one")}
        both = [a_segment(name, predicate) for name, predicate in asked.items()]
        itself = pytest.raises(InvalidInput, match="segment: one is defined by itself")
        with itself, backend.unit_of_work() as uow:
            uow.segments.add_many(both)
        with backend.unit_of_work() as uow:
            assert list(uow.segments.stream()) == []
            fine = [uow.segments.add(a_segment(known.name, BUYERS)) for known in both]
        with itself, backend.unit_of_work() as uow:
            uow.segments.save_many(held.redefined(asked[held.name]) for held in fine)
        with backend.unit_of_work() as uow:
            later = [a_segment("three", InSegment("four")), a_segment("four", InSegment("one"))]
            assert uow.segments.add_many(later) == 2

    # who is in it

    def test_the_members_of_a_dynamic_segment_are_whom_its_predicate_selects(
        self, backends: Make, clock: FrozenClock
    ) -> None:
        """The same ids in the same order, for any predicate; refreshed, they are recorded."""
        backend, number = people(backends, clock), count()

        @settings(max_examples=self.examples, deadline=None)
        @given(QUESTIONS)
        def check(question: Predicate) -> None:
            name = f"s{next(number)}"
            with backend.unit_of_work() as uow:
                held = uow.segments.add(a_segment(name, question))
                assert uow.segments.get(held.id) == held
                expected = list(uow.profiles.where(question).ids())
                assert list(uow.segments.members(name)) == expected
                assert uow.segments.refresh(name) == SegmentRefresh(len(expected), 0)
                assert list(uow.segments.recorded_members(name)) == expected

        check()

    def test_a_static_segment_has_whom_it_was_given(self, backend: Backend) -> None:
        """Putting in who is in, or taking out who is not, records nothing."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
            uow.segments.add(a_segment("friends"))
            assert uow.segments.enter("friends", [ids[3], ids[0], ids[3]]) == 2
            assert uow.segments.enter("friends", [ids[0]]) == 0
            assert uow.segments.leave("friends", [ids[1], ids[0]]) == 1
            assert uow.segments.leave("friends", [ids[0]]) == 0
            assert list(uow.segments.members("friends")) == [ids[3]]
            assert uow.segments.enter("friends", [ids[0]]) == 1
            assert list(uow.segments.members("friends")) == [ids[0], ids[3]]

            assert changes_of(uow, ids) == [
                (0, "friends", True, 1), (0, "friends", False, 1), (0, "friends", True, 1),
                (3, "friends", True, 1),
            ]  # fmt: skip

    def test_only_those_who_are_known_enter(self, backend: Backend) -> None:
        """`NotFound`, and nobody of them has entered; an unknown segment is no segment."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
            uow.segments.add(a_segment("friends"))
        nobody = a_customer("Nobody").id
        with pytest.raises(NotFound), backend.unit_of_work() as uow:
            uow.segments.enter("friends", [*ids, nobody])
        with pytest.raises(NotFound), backend.unit_of_work() as uow:
            uow.segments.enter("foes", ids)
        with pytest.raises(InvalidInput), backend.unit_of_work() as uow:
            uow.segments.enter("friends", ["nobody"])  # type: ignore[list-item]
        with backend.reading() as uow:
            assert list(uow.segments.members("friends")) == []

    def test_each_kind_of_segment_is_filled_in_its_own_way(self, backend: Backend) -> None:
        """Nobody is put into a dynamic one by hand, and a static one is not refreshed."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
            uow.segments.add(a_segment("asked", BUYERS))
            uow.segments.add(a_segment("friends"))
        uses: dict[str, Any] = {
            "segments.dynamic": lambda uow: uow.segments.enter("asked", ids),
            "segments.static": lambda uow: uow.segments.refresh("friends"),
        }
        for rule, use in uses.items():
            with pytest.raises(Refused) as refused, backend.unit_of_work() as uow:
                use(uow)
            assert refused.value.rule == rule
        with pytest.raises(Refused), backend.unit_of_work() as uow:
            uow.segments.leave("asked", ids)

    def test_members_are_told_as_of_an_earlier_instant(self, backend: Backend) -> None:
        """By what had happened until then."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
            uow.segments.add(a_segment("friends"))
            uow.segments.enter("friends", ids[:2], at=AT)
            uow.segments.leave("friends", ids[:1], at=AT + DAY)
            uow.segments.enter("friends", ids[2:3], at=AT + 2 * DAY)

            def then(days: int) -> list[CustomerId]:
                return list(uow.segments.members("friends", at=AT + days * DAY))

            assert [then(n) for n in range(-1, 3)] == [[], ids[:2], ids[1:2], ids[1:3]]
            assert list(uow.segments.members("friends")) == ids[1:3]
            assert list(uow.segments.recorded_members("friends", at=AT)) == ids[:2]

    def test_tenants_have_segments_of_their_own(self, backend: Backend, backends: Make) -> None:
        """The same names and customers, and no member in common (O13)."""
        other = migrated(backends, FrozenClock(), MODEL, tenant="other")
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
            uow.segments.add(a_segment("vip", BUYERS))
            uow.segments.add(a_segment("friends"))
            uow.segments.refresh("vip")
            uow.segments.enter("friends", ids)
        with other.unit_of_work() as uow:
            assert uow.segments.find("vip") is None
            some_people(uow, 2)
            uow.segments.add(a_segment("vip", ~BUYERS))
            uow.segments.add(a_segment("friends"))
            assert uow.segments.refresh("vip") == NONE
            assert list(uow.segments.members("friends")) == []
        with backend.reading() as uow:
            assert list(uow.segments.recorded_members("vip")) == ids[:2]
            assert list(uow.segments.members("friends")) == ids
