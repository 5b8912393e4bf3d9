"""Refreshing segments: who came and who went, recorded as facts, and asked as facts."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput, NotFound, Refused
from crmcore.domain.expressions import field
from crmcore.domain.ids import FactId
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.predicates import InSegment
from crmcore.domain.segments import SegmentRefresh
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.refreshing import customers_of, refresh_segments
from crmcore.testing.builders import (
    AT,
    a_customer,
    a_segment,
    a_segment_change,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.concurrency import at_once
from crmcore.testing.contract.segments import (
    BUYERS,
    CALLERS,
    NONE,
    changes_of,
    migrated,
    some_people,
)
from crmcore.testing.contract.subject import MODEL, Make, Subject

__all__ = ["RefreshingContract"]

DAY = timedelta(days=1)


class RefreshingContract(Subject):
    """`uow.segments.refresh(…)`, `services.refresh_segments(…)` and `uow.segment_changes`."""

    def test_refreshing_records_the_difference_and_then_nothing(
        self, backend: Backend, clock: FrozenClock
    ) -> None:
        """Who came and who went, by which version of the definition; again, nobody."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
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

            assert changes_of(uow, ids) == [
                (0, "vip", True, 1), (0, "vip", False, 2), (1, "vip", True, 1), (2, "vip", True, 2),
            ]  # fmt: skip
            at = [change.at for change in uow.segment_changes.of(ids[0])]
            assert at == [clock() - DAY, clock()]

    def test_the_journal_tells_for_whom_something_happened(self, backend: Backend) -> None:
        """Whoever lost an order leaves, though nobody else is looked at."""
        with backend.unit_of_work(source="shop") as uow:
            ids = some_people(uow)
            uow.segments.add(a_segment("vip", BUYERS))
            uow.segments.refresh("vip")
            lost = uow.orders.of(ids[0])[0]
        seen = backend.journal()[-1].position
        with backend.unit_of_work() as uow:
            uow.orders.remove(FactId(lost.id))
            uow.orders.add(an_order(uow.customers.get(ids[2]), at=AT))
        rows = backend.journal()
        with backend.unit_of_work() as uow:
            touched = [customers_of(uow, row) for row in rows if (row.position or 0) > (seen or 0)]
            assert touched == [{ids[0]}, {ids[2]}]
            assert uow.segments.refresh("vip", customers=set().union(*touched)) == SegmentRefresh(
                entered=1, left=1
            )
            assert uow.segments.refresh("vip") == NONE
            whom = [customers_of(uow, row) for row in rows]
            assert set(ids) == set().union(*whom)
            assert set() in whom  # the segment's own row

    def test_a_change_counts_though_it_is_told_of_an_earlier_instant(
        self, backend: Backend
    ) -> None:
        """Dated behind the one before it, so that refreshing again finds nothing, whatever `at`."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
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
            ids = some_people(uow)
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
            ids = some_people(uow, 7)
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
            ids = some_people(uow)
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
        with pytest.raises(InvalidInput, match="give several names"):
            refresh_segments(backend, names="buyers")

    def test_a_segment_that_cannot_be_asked_stops_no_other(self, backend: Backend) -> None:
        """The others are refreshed, and then it is told which were not, and why."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
            for name in ("adrift", "lost"):
                uow.segments.add(a_segment(name, ~InSegment("nowhere")))
            uow.segments.add(a_segment("buyers", BUYERS))
            uow.segments.add(a_segment("zealous", CALLERS))
        with pytest.raises(InvalidInput) as told:
            refresh_segments(backend)
        assert [fault.path for fault in told.value.faults] == ["adrift", "lost"]
        assert str(told.value).count("no segments with name nowhere") == 2
        with backend.reading() as uow:
            assert list(uow.segments.recorded_members("buyers")) == ids[:2]
            assert list(uow.segments.recorded_members("zealous")) == ids[1:3]

    def test_who_refreshes_at_once_records_each_change_once(self, backend: Backend) -> None:
        """One of them appends the facts, the others find them there."""
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
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
        backend = migrated(backends, clock, attrs.evolve(MODEL, measures=(asked,)))
        with backend.unit_of_work() as uow:
            ids = some_people(uow, 6)
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
        backend = migrated(backends, clock, attrs.evolve(MODEL, measures=(asked,)))
        with backend.unit_of_work() as uow:
            ids = some_people(uow)
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
            ids = some_people(uow)
            change = a_segment_change(ids[0], "vip", source_key="1")
            again = a_segment_change(ids[0], "vip", source_key="1", nth=2)
            assert uow.segment_changes.add_many([change]) == 1
            assert uow.segment_changes.add_many([again]) == 0
            assert len(uow.segment_changes.of(ids[0])) == 1
