"""Ledgers that a host adds facts to: a membership follows them, and is not set past them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput, NotFound, Refused
from crmcore.domain.membership import TierChange
from crmcore.domain.points import PointsEntry
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_cancellation, a_customer, a_return, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.loyalty import as_rebuilt
from crmcore.testing.contract.subject import MODEL, Make, Subject
from crmcore.testing.members import a_points_entry, a_programme, a_tier_change

__all__ = ["LedgerFactsContract"]

DAY = timedelta(days=1)
TWO = attrs.evolve(MODEL, programmes=(*MODEL.programmes, a_programme("staff")))


def _some(uow: UnitOfWork, count: int) -> list[Customer]:
    some = [a_customer(f"Number {n}") for n in range(count)]
    uow.customers.add_many(some)
    return some


def _added(uow: UnitOfWork, fact: PointsEntry | TierChange) -> None:
    if isinstance(fact, PointsEntry):
        uow.points.add(fact)
    else:
        uow.tier_changes.add(fact)


class LedgerFactsContract(Subject):
    """`uow.points.add` and `uow.tier_changes.add`, beside what `uow.memberships` posts."""

    @pytest.fixture
    def two(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant with two programmes."""
        made = backends(model=TWO, clock=clock)
        made.migrate()
        return made

    def test_a_membership_follows_what_is_added_to_its_ledger(self, backend: Backend) -> None:
        """Or removed: its lots and its tier are what all its facts tell, and what they hold can be
        redeemed, no more of it; the same entry again changes nothing (O1).
        """
        with backend.unit_of_work(source="club") as uow:
            (ana,) = _some(uow, 1)
            member = uow.memberships.enrol(ana.id, "club", at=AT)
            given = a_points_entry(member, 100)
            uow.points.add_many([given, a_points_entry(member, 40, pending=True)])
            uow.points.remove(uow.points.add(a_points_entry(member, 7, nth=2)).id)
            uow.tier_changes.add(a_tier_change(member, at=AT + DAY))
            after = uow.memberships.get(member.id)
            uow.points.add(given)

            assert uow.memberships.get(member.id) == after
            assert (after.active, after.pending, after.entered_at) == (100, 40, AT)
            assert (after.tier, after.tier_since) == ("silver", AT + DAY)
            assert as_rebuilt(uow, after) == after
            with pytest.raises(Refused):
                uow.memberships.redeem(after, 101, at=AT + DAY)
            after = uow.memberships.redeem(after, 60, at=AT + DAY)
            balance = uow.memberships.balance(after)
            assert (balance.active, balance.pending, balance.earned) == (40, 40, 140)
            assert (after.active, after.pending) == (40, 40)

    def test_what_facts_tell_of_a_membership_is_not_set_by_hand(self, backend: Backend) -> None:
        """Its points, tier and end: `InvalidInput`."""
        with backend.unit_of_work(source="club") as uow:
            (ana,) = _some(uow, 1)
            member = uow.memberships.enrol(ana.id, "club", at=AT)
            member = uow.memberships.bonus(member, 100, at=AT)
            more = attrs.evolve(member.lots[0], points=1_000)
            told = {
                "lots": (more,), "tier": "gold", "tier_since": AT + DAY, "tier_until": AT + DAY,
                "entered_at": AT + DAY, "closed_at": AT + DAY,
            }  # fmt: skip
            for name, value in told.items():
                changed: dict[str, Any] = {name: value}
                with pytest.raises(InvalidInput, match=name):
                    uow.memberships.save(attrs.evolve(member, **changed))
            assert uow.memberships.get(member.id) == member
            assert uow.memberships.save(attrs.evolve(member, number="8")).number == "8"

    def test_a_ledger_ends_with_its_membership(self, backend: Backend) -> None:
        """What is added behind the end is `Refused`; what is dated before is what it tells."""
        with backend.unit_of_work(source="club") as uow:
            (ana,) = _some(uow, 1)
            late = AT + 2 * DAY
            member = uow.memberships.enrol(ana.id, "club", at=AT)
            closed = uow.memberships.close(member, at=AT + DAY)
            for fact in (a_points_entry(closed, at=late), a_tier_change(closed, at=late)):
                with pytest.raises(Refused) as raised:
                    _added(uow, fact)
                assert raised.value.rule == "memberships.open"
            assert uow.memberships.get(closed.id) == closed
            uow.points.add(a_points_entry(closed, 40, at=AT))
            after = uow.memberships.get(closed.id)
            assert as_rebuilt(uow, after) == after
            assert (after.active, after.due_at) == (40, closed.due_at)

    def test_what_is_not_stored_takes_nothing_back(self, backend: Backend) -> None:
        """A return or a cancellation that was never recorded is `NotFound`."""
        with backend.unit_of_work() as uow:
            (ana,) = _some(uow, 1)
            member = uow.memberships.enrol(ana.id, "club", at=AT)
            order = uow.orders.add(an_order(ana, "100.00", at=AT + DAY))
            (member,) = uow.memberships.earn(order)
            for fact in (a_return(order, "60.00"), a_cancellation(order)):
                with pytest.raises(NotFound):
                    uow.memberships.reverse(fact)
            assert uow.memberships.get(member.id) == member

    def test_what_is_added_to_a_ledger_falls_due(self, backend: Backend) -> None:
        """`advance` gives the tier that an entry qualifies for, as if it had been posted."""
        with backend.unit_of_work() as uow:
            members = [uow.memberships.enrol(c.id, "club", at=AT) for c in _some(uow, 2)]
            uow.memberships.bonus(members[0], 1_000, at=AT + DAY, qualifying=True)
            uow.points.add(a_points_entry(members[1], 1_000, movement="bonus", at=AT + DAY))
            uow.memberships.advance_page("club", at=AT + DAY)
            found = [uow.memberships.get(member.id) for member in members]
        assert [(m.tier, m.tier_since, m.due_at) for m in found] == [
            ("silver", AT + DAY, found[0].due_at)
        ] * 2

    def test_an_entry_of_another_customers_membership_is_refused(self, two: Backend) -> None:
        """And one of another programme: `InvalidInput`, before anything is written."""
        with two.unit_of_work() as uow:
            ana, ben = _some(uow, 2)
            member = uow.memberships.enrol(ana.id, "club", at=AT)
            entry = a_points_entry(member)
            wrong: list[dict[str, Any]] = [{"customer_id": ben.id}, {"programme": "staff"}]
            for change in wrong:
                with pytest.raises(InvalidInput, match="membership_id"):
                    uow.points.add(attrs.evolve(entry, **change))
            assert (uow.points.of(ana.id), uow.points.of(ben.id)) == ([], [])
            assert uow.memberships.get(member.id) == member
