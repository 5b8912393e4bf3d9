"""The timeline of a customer: every kind of fact in one order, page by page."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.ids import FactId
from crmcore.domain.instants import EARLIEST, LATEST
from crmcore.domain.kinds import FACTS
from crmcore.domain.score import Score
from crmcore.domain.timeline import Timeline
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_consent,
    a_customer,
    a_fulfilment,
    a_payment,
    a_return,
    a_score,
    a_segment_change,
    an_interaction,
    an_order,
)
from crmcore.testing.contract.subject import Subject
from crmcore.testing.members import a_decision, a_membership, a_points_entry, a_tier_change

__all__ = ["TimelineContract"]

DAY = timedelta(days=1)
INSTANTS = (EARLIEST, AT, AT + timedelta(milliseconds=1), AT + DAY, LATEST)


def _everything(ana: Customer) -> dict[str, list[Any]]:
    """Some of every kind, several at one instant."""
    member = a_membership(ana)
    first, second = an_order(ana), an_order(ana, "80.00", at=AT + DAY)
    return {
        "orders": [first, second],
        "payments": [a_payment(first, at=AT), a_payment(second, at=AT + DAY)],
        "fulfilments": [a_fulfilment(first, at=AT + DAY)],
        "returns": [a_return(first, "20.00", at=AT + 2 * DAY)],
        "cancellations": [a_cancellation(second, at=AT + 2 * DAY)],
        "interactions": [an_interaction(ana, nth=n, at=AT + n * DAY) for n in range(3)],
        "scores": [a_score(ana, at=AT + DAY)],
        "consents": [a_consent(ana, at=AT), a_consent(ana, given=False, at=AT + 2 * DAY)],
        "segment_changes": [a_segment_change(ana, at=AT + DAY)],
        "points": [a_points_entry(member, at=AT), a_points_entry(member, 5, at=AT + DAY)],
        "tier_changes": [a_tier_change(member, at=AT + DAY)],
        "decisions": [a_decision(ana, at=AT + DAY)],
    }


def _told(uow: UnitOfWork, ana: Customer) -> list[Fact]:
    """Everything recorded; in the order of the timeline, oldest first."""
    told = _everything(uow.customers.add(ana))
    for kind in FACTS:
        getattr(uow, kind.name).add_many(told[kind.name])
    kinds = [kind.name for kind in FACTS]
    pairs = [(kinds.index(name), fact) for name, facts in told.items() for fact in facts]
    pairs.sort(key=lambda pair: (pair[1].at, pair[0], pair[1].id))
    return [fact for _, fact in pairs]


def _read(timeline: Timeline, limit: int) -> Iterator[Fact]:
    """All of it, page by page; no page but the last is short."""
    after = None
    while True:
        page = timeline.page(limit=limit, after=after)
        yield from page
        if page.next is None:
            return
        assert len(page) == limit
        after = page.next


def _ids(facts: Any) -> list[UUID]:
    return [fact.id for fact in facts]


class TimelineContract(Subject):
    """`uow.timeline(…)`."""

    @pytest.mark.parametrize("oldest_first", [False, True])
    def test_all_kinds_of_fact_stand_in_one_order(
        self, backend: Backend, oldest_first: bool
    ) -> None:
        """Newest first, or oldest first; at one instant an order before its payment; pages of any
        size are the same list.
        """
        with backend.unit_of_work() as uow:
            ana = a_customer()
            expected = _ids(_told(uow, ana))
        expected = expected if oldest_first else expected[::-1]
        with backend.reading() as uow:
            timeline = uow.timeline(ana.id, oldest_first=oldest_first)
            for limit in (1, 2, 3, len(expected), 50):
                assert _ids(_read(timeline, limit)) == expected

    def test_a_page_may_end_among_facts_of_one_instant(self, backend: Backend) -> None:
        """Each is read once, by any pages, in both directions."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            calls = [an_interaction(ana, nth=n) for n in range(5)]
            uow.interactions.add_many(calls)
            uow.orders.add_many(an_order(ana, nth=n) for n in range(2))
            for oldest_first in (False, True):
                timeline = uow.timeline(ana.id, oldest_first=oldest_first)
                whole = _ids(timeline.page())

                assert len(set(whole)) == len(whole) == 7
                assert [_ids(_read(timeline, limit)) for limit in (1, 2, 4)] == [whole] * 3

    def test_a_fact_is_read_as_it_is_stored(self, backend: Backend) -> None:
        """Whole, of its own class, with when and by whom it was recorded: every fact carries its
        actor.
        """
        with backend.unit_of_work(actor="ines", source="till") as uow:
            ana = a_customer()
            expected = [
                getattr(uow, kind.name).get(fact.id)
                for fact in _told(uow, ana)
                for kind in FACTS
                if isinstance(fact, kind.cls)
            ]
            found = list(uow.timeline(ana.id, oldest_first=True).page())

        assert found == expected
        assert {(f.actor, f.source, f.recorded_at is None) for f in found} == {
            ("ines", "till", False)
        }

    def test_every_row_of_the_journal_says_who(self, backend: Backend) -> None:
        """Whatever kind of fact was appended or taken out, its row carries the actor."""
        with backend.unit_of_work(actor="ines") as uow:
            told = _told(uow, a_customer())
            uow.scores.remove(next(fact.id for fact in told if isinstance(fact, Score)))
        entries = backend.journal()

        assert {entry.kind for entry in entries} == {"customers", *(k.name for k in FACTS)}
        assert {entry.actor for entry in entries} == {"ines"}

    def test_only_what_is_asked_for(self, backend: Backend) -> None:
        """Of these kinds, with `since <= at < until`."""
        with backend.unit_of_work() as uow:
            ana = a_customer()
            told = _told(uow, ana)
            found = uow.timeline(ana.id, kinds=["consents", "interactions"], since=AT + DAY)
            until = uow.timeline(ana.id, until=AT + DAY, oldest_first=True)
            empty = uow.timeline(ana.id, kinds=[]).page()

            assert [type(fact).__name__ for fact in found.page()] == [
                "Consent", "Interaction", "Interaction",
            ]  # fmt: skip
            assert _ids(_read(until, 2)) == _ids(fact for fact in told if fact.at == AT)
            assert (len(empty), empty.next) == (0, None)

    def test_of_nobody_else(self, backend: Backend) -> None:
        """The facts of another customer stand in another timeline; without facts it is empty."""
        with backend.unit_of_work() as uow:
            ana, ben = a_customer(), uow.customers.add(a_customer("Ben"))
            told = _told(uow, ana)
            call = uow.interactions.add(an_interaction(ben))

            assert _ids(uow.timeline(ben.id).page()) == [call.id]
            assert len(uow.timeline(ana.id).page()) == len(told)
            assert len(uow.timeline(a_customer("Cid").id).page()) == 0

    def test_what_was_taken_out_is_not_there(self, backend: Backend) -> None:
        """Nor does it leave a page short."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            calls = [an_interaction(ana, nth=n, at=AT + n * DAY) for n in range(5)]
            uow.interactions.add_many(calls)
            for wrong in calls[1:4]:
                uow.interactions.remove(wrong.id)

            assert _ids(_read(uow.timeline(ana.id), 1)) == [calls[4].id, calls[0].id]

    def test_what_is_recorded_meanwhile_moves_no_page(self, backend: Backend) -> None:
        """The next page begins behind the last fact read, whatever was recorded since, and shows
        what came in behind it.
        """
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            calls = [an_interaction(ana, nth=n, at=AT + n * DAY) for n in range(4)]
            uow.interactions.add_many(calls)
        with backend.reading() as uow:
            page = uow.timeline(ana.id).page(limit=2)
        with backend.unit_of_work() as uow:
            newer = an_interaction(ana, nth=7, at=AT + 9 * DAY)
            older = an_interaction(ana, nth=8, at=AT)
            uow.interactions.add_many([newer, older])
        with backend.reading() as uow:
            rest = uow.timeline(ana.id).page(after=page.next)

        assert _ids(page) == [calls[3].id, calls[2].id]
        assert _ids(rest)[:1] == [calls[1].id]
        assert set(_ids(rest)[1:]) == {calls[0].id, older.id}

    def test_pages_of_any_history_are_the_whole_in_order(self, backend: Backend) -> None:
        """However instants and ids meet, at the ends of time too, in both directions, within any
        window: page by page it is what sorting all facts gives.
        """
        ana = a_customer(at=EARLIEST)
        ids = st.integers(0, 5) | st.just(2**128 - 1)
        facts = st.lists(
            st.tuples(st.sampled_from(["interactions", "scores", "consents"]),
                      st.sampled_from(INSTANTS), ids),
            max_size=8, unique_by=lambda told: (told[0], told[2]),
        )  # fmt: skip
        bound = st.none() | st.sampled_from(INSTANTS)
        make: dict[str, Any] = {
            "interactions": an_interaction, "scores": a_score, "consents": a_consent,
        }  # fmt: skip
        kinds = [kind.name for kind in FACTS]

        @settings(max_examples=self.examples, deadline=None)
        @given(facts, bound, bound, st.integers(1, 3), st.booleans())
        def check(told: Any, since: Any, until: Any, limit: int, oldest_first: bool) -> None:
            with backend.unit_of_work() as uow:
                uow.customers.add(ana)
                for name, at, id in told:
                    getattr(uow, name).add(make[name](ana, at=at, id=FactId(UUID(int=id))))
                timeline = uow.timeline(
                    ana.id, since=since, until=until, oldest_first=oldest_first
                )  # fmt: skip
                found = [(type(f).__name__.lower(), f.at, f.id.int) for f in _read(timeline, limit)]
                uow.rollback()
            wanted = [
                (name[:-1], at, id)
                for name, at, id in sorted(
                    told, key=lambda t: (t[1], kinds.index(t[0]), t[2]), reverse=not oldest_first
                )
                if (since is None or at >= since) and (until is None or at < until)
            ]
            assert found == wanted

        check()

    @pytest.mark.parametrize(
        "asked",
        [
            {"limit": 0}, {"limit": 10_001}, {"after": "x"}, {"after": ""}, {"after": 3},
            {"after": "W10="}, {"after": "bnVsbA=="},
        ],
    )  # fmt: skip
    def test_a_page_that_cannot_be_is_invalid(
        self, backend: Backend, asked: dict[str, Any]
    ) -> None:
        """One page is of 1 to 10,000 facts, and begins behind a cursor that was given out."""
        with backend.reading() as uow, pytest.raises(InvalidInput) as raised:
            uow.timeline(a_customer().id).page(**asked)

        assert [fault.path for fault in raised.value.faults] == list(asked)

    def test_a_cursor_that_was_changed_is_invalid(self, backend: Backend) -> None:
        """Or is of the other direction; it goes through URLs."""
        with backend.unit_of_work() as uow:
            ana = a_customer()
            _told(uow, ana)
            cursor = uow.timeline(ana.id).page(limit=1).next
        assert cursor is not None
        whole = json.loads(base64.urlsafe_b64decode(cursor))
        for place, other in ((0, True), (1, "1"), (1, 2**70), (1, -(2**50)), (1, 1.5), (2, "x"),
                             (3, "x"), (3, 7)):  # fmt: skip
            changed = [*whole[:place], other, *whole[place + 1 :]]
            text = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode()
            with backend.reading() as uow, pytest.raises(InvalidInput) as raised:
                uow.timeline(ana.id).page(after=text)
            assert [fault.path for fault in raised.value.faults] == ["after"]

    def test_a_kind_or_an_instant_that_is_none_is_invalid(self, backend: Backend) -> None:
        """Told by their places."""
        with backend.reading() as uow:
            several: list[dict[str, Any]] = [
                {"kinds": ["order"]}, {"kinds": "x"}, {"since": AT.replace(tzinfo=None)},
            ]  # fmt: skip
            for wrong in several:
                with pytest.raises(InvalidInput) as raised:
                    uow.timeline(a_customer().id, **wrong)
                assert [fault.path for fault in raised.value.faults] == list(wrong)
