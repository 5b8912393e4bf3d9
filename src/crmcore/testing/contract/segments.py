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
from crmcore.domain.ids import CustomerId
from crmcore.domain.journal import Operation
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.predicates import Predicate, field
from crmcore.domain.segments import SegmentRefresh
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.refreshing import refresh_segments
from crmcore.testing.builders import (
    AT,
    a_customer,
    a_segment,
    a_segment_change,
    an_interaction,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.concurrency import at_once
from crmcore.testing.contract.draws import QUESTIONS
from crmcore.testing.contract.predicates import people
from crmcore.testing.contract.subject import MODEL, Make, Subject

__all__ = ["SegmentsContract"]

DAY = timedelta(days=1)
BUYERS, CALLERS = field("order_count") >= 1, field("interaction_count") >= 1
NONE = SegmentRefresh(0, 0)


def _people(uow: UnitOfWork, count: int = 5) -> list[CustomerId]:
    """Customers in the order of their ids; the first two bought, the second and third called."""
    some = sorted((a_customer(f"Number {n}") for n in range(count)), key=lambda one: one.id)
    uow.customers.add_many(some)
    uow.orders.add_many(an_order(one) for one in some[:2])
    uow.interactions.add_many(an_interaction(one) for one in some[1:3])
    return [one.id for one in some]


def _told(uow: UnitOfWork, ids: list[CustomerId]) -> list[tuple[int, str, bool, int | None]]:
    """Whose changes of which segment there are, by customer and `at`."""
    return [
        (place, change.segment, change.entered, change.segment_version)
        for place, id in enumerate(ids)
        for change in uow.segment_changes.of(id)
    ]


class SegmentsContract(Subject):
    """`uow.segments` and `uow.segment_changes`."""

    # the aggregate

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
            with pytest.raises(NotFound):
                uow.segments.named("vip")

    def test_a_name_belongs_to_one_segment(self, backend: Backend) -> None:
        """Another of that name is refused, and nothing of it is kept."""
        with backend.unit_of_work() as uow:
            first = uow.segments.add(a_segment("vip", BUYERS))
        with pytest.raises(IdentifierTaken), backend.unit_of_work() as uow:
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

    def test_a_stale_save_is_told(self, backend: Backend) -> None:
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
            for use in (
                lambda uow, wrong=wrong: uow.segments.add(a_segment("other", wrong)),
                lambda uow, wrong=wrong: uow.segments.save(held.redefined(wrong)),
            ):
                with pytest.raises(InvalidInput) as told, backend.unit_of_work() as uow:
                    use(uow)
                assert told.value.faults[0].path.startswith("predicate")
        with backend.reading() as uow:
            assert list(uow.segments.stream()) == [held]

    def test_a_segment_survives_a_model_that_lost_its_field(
        self, backends: Make, clock: FrozenClock
    ) -> None:
        """It can be read, given to somebody, and redefined; who is in it cannot be said."""
        asked = field("seat") == "12A"
        with self._migrated(backends, clock, MODEL).unit_of_work() as uow:
            held = uow.segments.add(a_segment("window", asked))
        smaller = attrs.evolve(MODEL, attributes=MODEL.attributes[1:])
        with self._migrated(backends, clock, smaller).unit_of_work() as uow:
            given = uow.segments.save(held.owned_by("luis"))
            assert (given.predicate, given.version) == (asked, 2)
            with pytest.raises(InvalidInput):
                uow.segments.members("window")
            uow.segments.save(given.redefined(BUYERS))
            assert list(uow.segments.members("window")) == []

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
            ids = _people(uow)
            uow.segments.add(a_segment("friends"))
            assert uow.segments.enter("friends", [ids[3], ids[0], ids[3]]) == 2
            assert uow.segments.enter("friends", [ids[0]]) == 0
            assert uow.segments.leave("friends", [ids[1], ids[0]]) == 1
            assert uow.segments.leave("friends", [ids[0]]) == 0
            assert list(uow.segments.members("friends")) == [ids[3]]
            assert uow.segments.enter("friends", [ids[0]]) == 1
            assert list(uow.segments.members("friends")) == [ids[0], ids[3]]

            assert _told(uow, ids) == [
                (0, "friends", True, 1), (0, "friends", False, 1), (0, "friends", True, 1),
                (3, "friends", True, 1),
            ]  # fmt: skip

    def test_only_those_who_are_known_enter(self, backend: Backend) -> None:
        """`NotFound`, and nobody of them has entered; an unknown segment is no segment."""
        with backend.unit_of_work() as uow:
            ids = _people(uow)
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
            ids = _people(uow)
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
            ids = _people(uow)
            uow.segments.add(a_segment("friends"))
            uow.segments.enter("friends", ids[:2], at=AT)
            uow.segments.leave("friends", ids[:1], at=AT + DAY)
            uow.segments.enter("friends", ids[2:3], at=AT + 2 * DAY)

            def then(days: int) -> list[CustomerId]:
                return list(uow.segments.members("friends", at=AT + days * DAY))

            assert [then(n) for n in range(-1, 3)] == [[], ids[:2], ids[1:2], ids[1:3]]
            assert list(uow.segments.members("friends")) == ids[1:3]
            assert list(uow.segments.recorded_members("friends", at=AT)) == ids[:2]

    # refreshing

    def test_refreshing_records_the_difference_and_then_nothing(
        self, backend: Backend, clock: FrozenClock
    ) -> None:
        """Who came and who went, by which version of the definition; again, nobody."""
        with backend.unit_of_work() as uow:
            ids = _people(uow)
            held = uow.segments.add(a_segment("vip", BUYERS))
            assert list(uow.segments.recorded_members("vip")) == []
            assert uow.segments.refresh("vip") == SegmentRefresh(entered=2, left=0)
            assert uow.segments.refresh("vip") == NONE
        clock.advance(DAY)
        with backend.unit_of_work() as uow:
            uow.segments.save(held.redefined(CALLERS))
            assert list(uow.segments.members("vip")) == ids[1:3]
            assert list(uow.segments.recorded_members("vip")) == ids[:2]
            assert uow.segments.refresh("vip") == SegmentRefresh(entered=1, left=1)
            assert uow.segments.refresh("vip") == NONE
            assert list(uow.segments.recorded_members("vip")) == ids[1:3]

            assert _told(uow, ids) == [
                (0, "vip", True, 1), (0, "vip", False, 2), (1, "vip", True, 1), (2, "vip", True, 2),
            ]  # fmt: skip
            at = [change.at for change in uow.segment_changes.of(ids[0])]
            assert at == [clock() - DAY, clock()]

    def test_a_change_counts_though_it_is_told_of_an_earlier_instant(
        self, backend: Backend
    ) -> None:
        """Dated behind the one before it, so that refreshing again finds nothing, whatever `at`."""
        with backend.unit_of_work() as uow:
            ids = _people(uow)
            held = uow.segments.add(a_segment("vip", BUYERS))
            uow.segments.refresh("vip", at=AT + DAY)
            uow.segments.save(held.redefined(CALLERS))
            for at in (AT, AT + DAY, None):
                first = uow.segments.refresh("vip", at=at)
                assert first == (SegmentRefresh(1, 1) if at == AT else NONE)
            assert list(uow.segments.recorded_members("vip")) == ids[1:3]
            assert list(uow.segments.recorded_members("vip", at=AT + DAY)) == ids[:3]

    def test_refreshing_some_leaves_the_others(self, backend: Backend) -> None:
        """Of those who changed, as the journal tells; no fact of anybody else is made."""
        with backend.unit_of_work() as uow:
            ids = _people(uow)
            uow.segments.add(a_segment("vip", BUYERS))
            assert uow.segments.refresh("vip", customers=ids[1:4]) == SegmentRefresh(1, 0)
            assert uow.segments.refresh("vip", customers=ids[1:4]) == NONE
            assert uow.segments.refresh("vip", customers=[]) == NONE
            assert list(uow.segments.recorded_members("vip")) == [ids[1]]
            uow.customers.add(a_customer("Later"))
            assert uow.segments.refresh("vip") == SegmentRefresh(1, 0)
            assert uow.segments.refresh("vip", customers=iter(ids)) == NONE

    @pytest.mark.parametrize("limit", [1, 2, 3, 50])
    def test_refreshing_in_pages_is_refreshing_at_once(self, backend: Backend, limit: int) -> None:
        """Whoever is in the segment or was, however few are looked at in one unit of work."""
        with backend.unit_of_work() as uow:
            ids = _people(uow, 7)
            held = uow.segments.add(a_segment("vip", CALLERS))
            uow.segments.refresh("vip")
            uow.segments.save(held.redefined(~CALLERS))
        total, pages = NONE, 0
        while total.next is not None or not pages:
            with backend.unit_of_work() as uow:
                page = uow.segments.refresh_page("vip", after=total.next, limit=limit)
                total, pages = total.and_(page), pages + 1
        assert total == SegmentRefresh(entered=5, left=2)
        assert pages >= 5 // limit
        with backend.reading() as uow:
            assert list(uow.segments.recorded_members("vip")) == [ids[0], *ids[3:]]

    def test_all_dynamic_segments_are_refreshed_by_one_call(
        self, backend: Backend, clock: FrozenClock
    ) -> None:
        """Each by name with what came and went; static ones are left alone."""
        with backend.unit_of_work() as uow:
            ids = _people(uow)
            for name, asked in (("buyers", BUYERS), ("callers", CALLERS), ("friends", None)):
                uow.segments.add(a_segment(name, asked))
        expected = {"buyers": SegmentRefresh(2, 0), "callers": SegmentRefresh(2, 0)}
        assert refresh_segments(backend, actor="nightly") == expected
        assert refresh_segments(backend, names=["callers"], at=clock()) == {"callers": NONE}
        with backend.reading() as uow:
            change = uow.segment_changes.of(ids[0])[0]
            assert (change.at, change.actor, change.source) == (clock(), "nightly", "refresh")
        with pytest.raises(NotFound):
            refresh_segments(backend, names=["nobody"])
        with pytest.raises(Refused):
            refresh_segments(backend, names=["friends"])

    def test_who_refreshes_at_once_records_each_change_once(self, backend: Backend) -> None:
        """One of them appends the facts, the others find them there."""
        with backend.unit_of_work() as uow:
            ids = _people(uow)
            uow.segments.add(a_segment("vip", BUYERS))

        def refresh(uow: UnitOfWork) -> int:
            return uow.segments.refresh("vip").entered

        assert sorted(at_once(backend, *[refresh] * 3)) == [0, 0, 2]
        with backend.reading() as uow:
            assert [len(uow.segment_changes.of(id)) for id in ids] == [1, 1, 0, 0, 0]

    # as facts

    def test_the_last_change_is_the_one_that_a_measure_finds(
        self, backends: Make, clock: FrozenClock
    ) -> None:
        """Of one instant the one recorded last, of those an entry; one taken out does not count.
        Members and the measure agree in any order of arrival.
        """
        asked = Measure("in_vip", "segment_changes", Fold.LATEST, "entered",
                        where=field("segment") == "vip")  # fmt: skip
        backend = self._migrated(backends, clock, attrs.evolve(MODEL, measures=(asked,)))
        with backend.unit_of_work() as uow:
            ids = _people(uow, 6)
            uow.segments.add(a_segment("vip"))
        steps = [
            [(0, True, 0), (1, True, 0), (2, False, 1), (3, True, 0), (3, False, 0), (4, True, 1)],
            [(0, False, 0), (1, False, 1), (2, True, 0), (4, False, 0), (5, True, 0)],
        ]
        for nth, step in enumerate(steps):
            clock.advance()
            with backend.unit_of_work() as uow:
                uow.segment_changes.add_many(
                    a_segment_change(ids[who], "vip", entered=entered, at=AT + days * DAY, nth=nth)
                    for who, entered, days in step
                )
                uow.segment_changes.add(a_segment_change(ids[1], "other", at=AT + 9 * DAY, nth=nth))
        with backend.unit_of_work() as uow:
            uow.segment_changes.remove(uow.segment_changes.of(ids[5])[0].id)
            members = list(uow.segments.members("vip"))
            assert members == [ids[3], ids[4]]
            assert list(uow.profiles.where(field("in_vip") == True).ids()) == members  # noqa: E712
            uow.profiles.rebuild()
            assert list(uow.profiles.where(field("in_vip") == True).ids()) == members  # noqa: E712

    def test_membership_is_a_term_of_another_segment(
        self, backends: Make, clock: FrozenClock
    ) -> None:
        """By a measure over the changes, as old as the last refresh."""
        asked = Measure("in_vip", "segment_changes", Fold.LATEST, "entered",
                        where=field("segment") == "vip")  # fmt: skip
        backend = self._migrated(backends, clock, attrs.evolve(MODEL, measures=(asked,)))
        with backend.unit_of_work() as uow:
            ids = _people(uow)
            uow.segments.add(a_segment("vip", BUYERS))
            uow.segments.add(a_segment("vip_callers", (field("in_vip") == True) & CALLERS))  # noqa: E712
            assert list(uow.segments.members("vip_callers")) == []
            uow.segments.refresh("vip")
            assert list(uow.segments.members("vip_callers")) == [ids[1]]
            profile = uow.profiles.get(ids[0])
            assert (profile["in_vip"], profile["in_vip_at"]) == (True, clock())

    def test_the_same_change_again_is_nothing(self, backend: Backend) -> None:
        """By its source key, as every fact: an import of memberships can be run again."""
        with backend.unit_of_work(source="crm") as uow:
            ids = _people(uow)
            change = a_segment_change(ids[0], "vip", source_key="1")
            again = a_segment_change(ids[0], "vip", source_key="1", nth=2)
            assert uow.segment_changes.add_many([change]) == 1
            assert uow.segment_changes.add_many([again]) == 0
            assert len(uow.segment_changes.of(ids[0])) == 1

    def test_tenants_have_segments_of_their_own(self, backend: Backend, backends: Make) -> None:
        """The same names and customers, and no member in common (O13)."""
        other = self._migrated(backends, FrozenClock(), MODEL, tenant="other")
        with backend.unit_of_work() as uow:
            ids = _people(uow)
            uow.segments.add(a_segment("vip", BUYERS))
            uow.segments.add(a_segment("friends"))
            uow.segments.refresh("vip")
            uow.segments.enter("friends", ids)
        with other.unit_of_work() as uow:
            assert uow.segments.find("vip") is None
            _people(uow, 2)
            uow.segments.add(a_segment("vip", ~BUYERS))
            uow.segments.add(a_segment("friends"))
            assert uow.segments.refresh("vip") == NONE
            assert list(uow.segments.members("friends")) == []
        with backend.reading() as uow:
            assert list(uow.segments.recorded_members("vip")) == ids[:2]
            assert list(uow.segments.members("friends")) == ids

    @staticmethod
    def _migrated(backends: Make, clock: FrozenClock, model: Any, tenant: str = "a") -> Backend:
        backend = backends(tenant=tenant, model=model, clock=clock)
        backend.migrate()
        return backend
