"""The ledger of a member: every point is in one account, and the lots hold the balance (O1, O2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.domain import ledger
from crmcore.domain.errors import CrmError, InvalidInput, Refused
from crmcore.domain.membership import Membership
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Return
from crmcore.domain.periods import Expiry
from crmcore.domain.points import Movement, PointsBalance, PointsEntry
from crmcore.domain.programme import Pending, Programme
from crmcore.domain.rebuilding import rebuilt
from crmcore.domain.reversing import reversal
from crmcore.domain.standing import Sums
from tests.domain.loyalty import WHO, a_member, a_programme, day

PROGRAMMES = st.builds(
    lambda expiry, pending, returns, redeems: a_programme(
        expiry=expiry, pending=pending, returns=returns, redeems=redeems
    ),
    st.sampled_from([Expiry("never"), Expiry("after", 1), Expiry("end_of_period")]),
    st.sampled_from([Pending("immediately"), Pending("after", days=10), Pending("on_action")]),
    st.sampled_from(["only_pending", "within_balance", "unlimited"]),
    st.sampled_from(["soonest_expiring", "oldest"]),
)
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["order", "order", "return", "bonus", "redeem", "adjust", "release", "wait"]
        ),
        st.integers(1, 200),
        st.integers(0, 20),
    ),
    max_size=25,
)


class Story:
    """A member to whom deeds are done, one day after another."""

    def __init__(self, programme: Programme) -> None:
        self.programme = programme
        self.member = a_member()
        self.entries: list[PointsEntry] = []
        self.orders: list[Order] = []
        self.returns: list[Return] = []
        self.today = 1

    def keep(self, posting: ledger.Posting) -> None:
        self.member = posting.membership
        self.entries += posting.entries

    def do(self, deed: str, points: int, days: int) -> None:
        at = day(self.today)
        self.today += days
        try:
            self.keep(getattr(self, f"_{deed}")(points, at))
        except Refused:
            return

    def _order(self, points: int, at: datetime) -> ledger.Posting:
        order = Order(customer_id=WHO, at=at, total=Money(points, "EUR"))
        self.orders.append(order)
        return ledger.gain(
            self.programme, self.member, points, at=at, movement=Movement.EARN,
            counts=Sums(points, points * 100, 1), of_fact=order.id,
        )  # fmt: skip

    def _return(self, share: int, at: datetime) -> ledger.Posting:
        if not self.orders:
            return ledger.Posting(self.member, ())
        order = self.orders[share % len(self.orders)]
        back = sum(known.amount.minor for known in self.returns if known.order_id == order.id)
        left = order.total.minor - back
        if not left:
            return ledger.Posting(self.member, ())
        amount = left if share % 3 == 0 else max(1, left * share // 200)
        fact = Return(
            customer_id=WHO, at=at, order_id=order.id, amount=Money.of_minor(amount, "EUR")
        )
        self.returns.append(fact)
        found = reversal(
            self.programme, self.member, order, fact, entries=self.entries, returns=self.returns
        )
        assert found is not None
        return found

    def _bonus(self, points: int, at: datetime) -> ledger.Posting:
        return ledger.gain(self.programme, self.member, points, at=at, movement=Movement.BONUS)

    def _redeem(self, points: int, at: datetime) -> ledger.Posting:
        return ledger.take(self.programme, self.member, points, at=at, movement=Movement.REDEEM)

    def _adjust(self, points: int, at: datetime) -> ledger.Posting:
        return ledger.take(self.programme, self.member, points, at=at, movement=Movement.ADJUST)

    def _release(self, which: int, at: datetime) -> ledger.Posting:
        pending = [lot.id for lot in self.member.lots if lot.pending]
        if not pending:
            return ledger.Posting(self.member, ())
        lot = pending[which % len(pending)]
        return ledger.release(self.programme, self.member, lot, at=at)

    def _wait(self, _: int, at: datetime) -> ledger.Posting:
        return ledger.fallen_due(self.programme, self.member, at)


def by_id(member: Membership) -> list[Any]:
    return sorted(member.lots, key=lambda lot: lot.id)


@given(PROGRAMMES, DEEDS)
def test_every_point_is_in_one_account(
    programme: Programme, deeds: Sequence[tuple[str, int, int]]
) -> None:
    """O1, at the end and at every instant before; the lots are what their entries leave."""
    story = Story(programme)
    for deed, points, days in deeds:
        story.do(deed, points, days)
        found = PointsBalance.of(story.entries)
        assert (found.active, found.pending) == (story.member.active, story.member.pending)
        fresh = rebuilt(programme, story.member, story.entries, [])
        assert by_id(fresh) == by_id(story.member)
        if programme.rules[0].returns != "unlimited":
            assert all(lot.points > 0 for lot in story.member.lots)
    for entry in story.entries:
        told = PointsBalance.of(story.entries, at=entry.at)
        assert told.earned == (
            told.active + told.pending + told.spent + told.expired + told.reversed
        )
        assert min(told.pending, told.spent, told.expired, told.reversed) >= 0


@given(
    st.integers(0, 5_000),
    st.lists(st.integers(1, 100), min_size=1, max_size=8),
    st.sampled_from(["unlimited", "within_balance"]),
    st.booleans(),
)
def test_what_is_earned_and_returned_leaves_the_balance(
    points: int, shares: list[int], returns: str, spends: bool
) -> None:
    """O2: in parts whose shares add up, with a debt where it was spent and the policy says so."""
    programme = a_programme(returns=returns)
    story = Story(programme)
    story.do("bonus", 50, 1)
    total = sum(shares)
    order = Order(customer_id=WHO, at=day(2), total=Money.of_minor(total, "EUR"))
    story.keep(
        ledger.gain(
            programme, story.member, points, at=day(2), movement=Movement.EARN,
            counts=Sums(points, total, 1), of_fact=order.id,
        )
    )  # fmt: skip
    if spends and points:
        story.keep(
            ledger.take(programme, story.member, points, at=day(3), movement=Movement.REDEEM)
        )
    for nth, share in enumerate(shares):
        fact = Return(
            customer_id=WHO, at=day(4 + nth), order_id=order.id,
            amount=Money.of_minor(share, "EUR"),
        )  # fmt: skip
        found = reversal(
            programme, story.member, order, fact, entries=story.entries, returns=story.returns
        )
        assert found is not None
        story.keep(found)
        story.returns.append(fact)
        again = reversal(
            programme, story.member, order, fact, entries=story.entries, returns=story.returns
        )
        assert again == ledger.Posting(story.member, ())
    owed = points if spends else 0
    whole = 50 - owed if returns == "unlimited" else max(50 - owed, 0)
    assert story.member.points == whole
    counts = [(e.qualifying, e.spend, e.purchases) for e in story.entries]
    assert tuple(map(sum, zip(*counts, strict=True))) == (0, 0, 0)


def test_points_that_expired_are_not_taken_twice() -> None:
    programme = a_programme(expiry=Expiry("after", 1))
    story = Story(programme)
    order = Order(customer_id=WHO, at=day(1), total=Money(100, "EUR"))
    story.orders.append(order)
    story.keep(
        ledger.gain(
            programme, story.member, 100, at=day(1), movement=Movement.EARN, of_fact=order.id
        )
    )
    story.keep(ledger.take(programme, story.member, 60, at=day(2), movement=Movement.REDEEM))
    story.keep(ledger.fallen_due(programme, story.member, day(60)))
    assert PointsBalance.of(story.entries) == PointsBalance(100, 0, 0, 60, 40, 0)
    fact = Return(customer_id=WHO, at=day(61), order_id=order.id, amount=order.total)
    found = reversal(programme, story.member, order, fact, entries=story.entries, returns=[])
    assert found is not None
    story.keep(found)
    assert PointsBalance.of(story.entries) == PointsBalance(100, -60, 0, 60, 40, 60)


def test_the_next_points_settle_a_debt() -> None:
    programme, member = a_programme(), a_member()
    first = ledger.gain(programme, member, 100, at=day(1), movement=Movement.BONUS)
    spent = ledger.take(programme, first.membership, 100, at=day(2), movement=Movement.REDEEM)
    owed = ledger.reverse(
        programme, spent.membership, first.entries[0].id, 100, at=day(3),
        qualifies_at=day(1), counts=Sums(),
    )  # fmt: skip
    assert owed.membership.active == -100
    then = ledger.gain(programme, owed.membership, 130, at=day(4), movement=Movement.BONUS)
    assert [lot.points for lot in then.membership.lots] == [30]
    with pytest.raises(Refused, match="not so many"):
        ledger.take(programme, then.membership, 31, at=day(5), movement=Movement.REDEEM)


@pytest.mark.parametrize(
    ("order", "left"), [("soonest_expiring", [0, 50, 100]), ("oldest", [50, 0, 100])]
)
def test_points_are_redeemed_in_the_stated_order(order: str, left: list[int]) -> None:
    """The soonest to expire first and those without an end last; or the oldest first."""
    programme, member = a_programme(redeems=order, expiry=Expiry("never")), a_member()
    ids = []
    for earned, end in ((2, day(50)), (1, day(90)), (3, None)):
        posting = ledger.gain(
            programme, member, 100, at=day(earned), movement=Movement.BONUS, expires_at=end
        )
        member = posting.membership
        ids.append(posting.entries[0].id)
    found = ledger.take(programme, member, 150, at=day(9), movement=Movement.REDEEM).membership
    points = {lot.id: lot.points for lot in found.lots}
    assert [points.get(id, 0) for id in ids] == left


def test_a_lot_lives_through_its_last_day() -> None:
    programme, member = a_programme(expiry=Expiry("after", 1)), a_member()
    member = ledger.gain(programme, member, 10, at=day(0), movement=Movement.BONUS).membership
    end = member.lots[0].expires_at
    assert end == day(32, 0)
    before = ledger.fallen_due(programme, member, end - timedelta(milliseconds=1))
    assert (before.membership.points, before.entries) == (10, ())
    assert ledger.fallen_due(programme, member, end).membership.points == 0


def test_bad_input_is_refused() -> None:
    programme, member = a_programme(), a_member()
    some = ledger.gain(programme, member, 10, at=day(9), movement=Movement.BONUS).membership
    for points in (0, -1, 2**53, 1.5, True, "10"):
        with pytest.raises(InvalidInput):
            ledger.take(programme, some, points, at=day(10), movement=Movement.REDEEM)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="later entries"):
        ledger.take(programme, some, 1, at=day(8), movement=Movement.REDEEM)
    full = attrs.evolve(some, lots=[attrs.evolve(some.lots[0], points=2**53 - 5)])
    with pytest.raises(CrmError, match="no more points"):
        ledger.gain(programme, full, 10, at=day(10), movement=Movement.BONUS)
