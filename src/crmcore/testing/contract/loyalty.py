"""Loyalty: points as money, tiers as time passes, the same on every backend (O1 to O4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.earning import EarningRule
from crmcore.domain.errors import (
    ConflictingFact,
    IdentifierTaken,
    InvalidInput,
    NotFound,
    Refused,
)
from crmcore.domain.expressions import field
from crmcore.domain.instants import LATEST
from crmcore.domain.kinds import POINTS, TIER_CHANGES
from crmcore.domain.membership import Membership, TierReason
from crmcore.domain.model import Model
from crmcore.domain.periods import Expiry
from crmcore.domain.points import Movement, PointsBalance
from crmcore.domain.programme import Programme, Rules, Tier
from crmcore.domain.rebuilding import rebuilt
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services import advance
from crmcore.testing.builders import a_customer, a_return, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.concurrency import at_once
from crmcore.testing.contract.segments import migrated
from crmcore.testing.contract.subject import Make, Subject

__all__ = [
    "CLUB",
    "DAY",
    "JOINED",
    "LOYALTY",
    "LoyaltyContract",
    "LoyaltySubject",
    "as_rebuilt",
    "bought",
    "enrolled",
]

JOINED = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLUB = Programme(
    "club",
    Rules(
        tiers=[Tier("classic"), Tier("silver", 100), Tier("gold", 300), Tier("platinum", 600)],
        earning=[EarningRule("spend", 1)],
        expiry=Expiry("after", 6),
    ),
)
LOYALTY = Model(programmes=[CLUB])
"""The model of these tests: a point for a euro, tiers by points of a calendar year."""


def enrolled(uow: UnitOfWork, count: int = 1) -> list[Membership]:
    """New members of the club, in the order of their ids, numbered from 1."""
    some = sorted((a_customer(f"Member {n}") for n in range(count)), key=lambda one: one.id)
    uow.customers.add_many(some)
    return [
        uow.memberships.enrol(one.id, "club", at=JOINED, number=f"C-{nth}")
        for nth, one in enumerate(some, 1)
    ]


def bought(uow: UnitOfWork, member: Membership, amount: str, *, at: datetime) -> Membership:
    """The member behind a purchase."""
    order = an_order(uow.customers.get(member.customer_id), amount, at=at)
    uow.orders.add(order)
    return uow.memberships.earn(order)[0]


def as_rebuilt(uow: UnitOfWork, member: Membership) -> Membership:
    """The member as the facts alone tell of them."""
    programme = uow.model.programme(member.programme)
    entries = uow.reads.facts(POINTS, customers=[member.customer_id])
    changes = uow.reads.facts(TIER_CHANGES, customers=[member.customer_id])
    fresh = rebuilt(programme, member, entries, changes)
    return attrs.evolve(fresh, lots=sorted(fresh.lots, key=lambda lot: lot.id))


class LoyaltySubject(Subject):
    """A store with a programme."""

    @pytest.fixture
    def club(self, backends: Make, clock: FrozenClock) -> Backend:
        """The store."""
        return migrated(backends, clock, LOYALTY)


class LoyaltyContract(LoyaltySubject):
    """Members, their ledgers and their tiers."""

    def test_a_customer_is_enrolled_once(self, club: Backend) -> None:
        """Found by customer and by number; a second membership, or a number twice, is refused."""
        with club.unit_of_work() as uow:
            first, second = enrolled(uow, 2)
        with club.reading() as uow:
            assert uow.memberships.of(first.customer_id, "club") == first
            assert uow.memberships.find_by_number("C-2", "club") == second
            assert uow.memberships.find_by_number("C-9", "club") is None
            assert (first.tier, first.tier_until) == ("classic", LATEST)
            assert uow.profiles.get(first.customer_id)["club_tier"] == "classic"
            assert [c.reason for c in uow.tier_changes.of(first.customer_id)] == [
                TierReason.ENROLLED
            ]
        for who, number in ((first.customer_id, "C-3"), (a_customer("New").id, "C-2")):
            with pytest.raises((IdentifierTaken, NotFound)), club.unit_of_work() as uow:
                uow.memberships.enrol(who, "club", at=JOINED, number=number)
        with pytest.raises(InvalidInput), club.unit_of_work() as uow:
            uow.memberships.enrol(first.customer_id, "clubb", at=JOINED)

    def test_a_purchase_earns_once(self, club: Backend) -> None:
        """However often it is posted; before joining, or by a stranger, nothing."""
        with club.unit_of_work() as uow:
            member = enrolled(uow)[0]
            customer = uow.customers.get(member.customer_id)
            stranger = uow.customers.add(a_customer("Stranger"))
            early = an_order(customer, "70.00", at=JOINED - DAY)
            order = an_order(customer, "120.00", at=JOINED + DAY)
            other = an_order(stranger, "50.00", at=JOINED + DAY)
            uow.orders.add_many([early, order, other])
            assert uow.memberships.earn_many([early, order, other]) == 1
            assert uow.memberships.earn(order) == []
        with club.unit_of_work() as uow:
            assert uow.memberships.earn_many([order, early]) == 0
            stored = uow.memberships.get(member.id)
            assert uow.memberships.balance(stored) == PointsBalance(earned=120, active=120)
            assert (stored.active, stored.version) == (120, 2)
            profile = uow.profiles.get(member.customer_id)
            assert (profile["club_points"], profile["club_pending"]) == (120, 0)

    def test_an_order_that_is_kept_elsewhere_earns(self, club: Backend) -> None:
        """Once, as any; what comes back of it cannot be looked up."""
        with club.unit_of_work() as uow:
            member = enrolled(uow)[0]
            order = an_order(uow.customers.get(member.customer_id), "70.00", at=JOINED + DAY)
            assert uow.memberships.earn(order)[0].active == 70
            assert uow.memberships.earn(order) == []
            with pytest.raises(NotFound) as raised:
                uow.memberships.reverse(a_return(order, "70.00", at=JOINED + 2 * DAY))
            assert raised.value.kind == "orders"
            assert uow.memberships.get(member.id).active == 70

    def test_a_key_is_redeemed_once(self, club: Backend) -> None:
        """The same key again is nothing, with other points it conflicts; too many are refused."""
        with club.unit_of_work(source="desk") as uow:
            member = bought(uow, enrolled(uow)[0], "100.00", at=JOINED + DAY)
            for _ in range(2):
                member = uow.memberships.redeem(
                    member, 60, at=JOINED + 2 * DAY, source_key="voucher 1"
                )
            assert member.active == 40
        with pytest.raises(ConflictingFact), club.unit_of_work(source="desk") as uow:
            uow.memberships.redeem(member, 10, at=JOINED + 2 * DAY, source_key="voucher 1")
        with pytest.raises(Refused), club.unit_of_work(source="desk") as uow:
            uow.memberships.redeem(member, 41, at=JOINED + 3 * DAY)
        with club.reading() as uow:
            assert uow.memberships.balance(member) == PointsBalance(100, 40, 0, 60)
            assert uow.memberships.balance(member, at=JOINED + DAY) == PointsBalance(100, 100)

    def test_two_redemptions_at_once_do_not_overspend(self, club: Backend) -> None:
        """Of four who want 40 of 100 points, two get them."""
        with club.unit_of_work() as uow:
            member = bought(uow, enrolled(uow)[0], "100.00", at=JOINED + DAY)

        def redeem(uow: UnitOfWork) -> str:
            uow.memberships.redeem(member, 40, at=JOINED + 2 * DAY)
            return "redeemed"

        ended = at_once(club, *[redeem] * 4)
        assert sorted(ended) == ["Refused", "Refused", "redeemed", "redeemed"]
        with club.reading() as uow:
            stored = uow.memberships.get(member.id)
            assert (stored.active, uow.memberships.balance(stored).active) == (20, 20)

    def test_what_comes_back_takes_its_points(self, club: Backend) -> None:
        """In proportion, once, with a debt where they were spent; the next purchase settles it."""
        with club.unit_of_work() as uow:
            member = enrolled(uow)[0]
            order = an_order(uow.customers.get(member.customer_id), "100.00", at=JOINED + DAY)
            uow.orders.add(order)
            member = uow.memberships.earn(order)[0]
            member = uow.memberships.redeem(member, 80, at=JOINED + 2 * DAY)
            part = a_return(order, "33.33", at=JOINED + 3 * DAY)
            rest = a_return(order, "66.67", at=JOINED + 4 * DAY)
            for fact in (part, rest):
                uow.returns.add(fact)
                assert len(uow.memberships.reverse(fact)) == 1
                assert uow.memberships.reverse(fact) == []
            member = uow.memberships.get(member.id)
            assert member.active == -80
            assert uow.memberships.balance(member) == PointsBalance(100, -80, 0, 80, 0, 100)
            member = bought(uow, member, "90.00", at=JOINED + 5 * DAY)
            assert [lot.points for lot in member.lots] == [10]
            unposted = an_order(uow.customers.get(member.customer_id), "5.00", nth=9)
            uow.orders.add(unposted)
            fact = a_return(unposted, "5.00", nth=9)
            uow.returns.add(fact)
        with pytest.raises(NotFound), club.unit_of_work() as uow:
            uow.memberships.reverse(fact)

    def test_points_move_between_members(self, club: Backend) -> None:
        """They keep their end, count for no tier, and are neither lost nor made."""
        with club.unit_of_work(source="desk") as uow:
            giver, taker = enrolled(uow, 2)
            giver = bought(uow, giver, "100.00", at=JOINED + DAY)
            for _ in range(2):
                giver, taker = uow.memberships.transfer(
                    giver, taker, 30, at=JOINED + 2 * DAY, source_key="gift"
                )
            assert (giver.active, taker.active) == (70, 30)
            assert [lot.expires_at for lot in taker.lots] == [giver.lots[0].expires_at]
            assert taker.lots[0].expires_at is not None
            for entry in uow.points.of(taker.customer_id):
                assert (entry.movement, entry.qualifying) == (Movement.TRANSFER, 0)

    def test_an_adjustment_says_who_and_why(self, club: Backend) -> None:
        """Without an actor it is refused."""
        with club.unit_of_work() as uow:
            member = enrolled(uow)[0]
        with pytest.raises(InvalidInput), club.unit_of_work() as uow:
            uow.memberships.adjust(member, 5, at=JOINED + DAY, reason="a complaint")
        with club.unit_of_work(actor="agent 7") as uow:
            uow.memberships.adjust(member, 5, at=JOINED + DAY, reason="a complaint")
            (entry,) = uow.points.of(member.customer_id)
        assert (entry.active, entry.reason) == (5, "a complaint")

    def test_what_falls_due_is_posted_at_its_time(self, club: Backend) -> None:
        """Points expire and tiers rise and fall, each dated when it was; again, nothing."""
        at = datetime(2026, 6, 1, tzinfo=UTC)
        with club.unit_of_work() as uow:
            for member, amount in zip(enrolled(uow, 3), ("99.00", "300.00", "600.00"), strict=True):
                bought(uow, member, amount, at=JOINED + 10 * DAY)
        found = advance(club, at=at).programmes["club"]
        assert (found.members, found.entries, found.tier_changes) == (3, 3, 4)
        assert advance(club, at=at).programmes["club"].members == 0
        with club.reading() as uow:
            members = [uow.memberships.find_by_number(f"C-{n}", "club") for n in (1, 2, 3)]
            told = [
                [(c.tier, c.at, c.reason) for c in uow.tier_changes.of(member.customer_id)][1:]
                for member in members
                if member is not None
            ]
            end = datetime(2026, 1, 1, tzinfo=UTC)
            assert told == [
                [],
                [("gold", JOINED + 10 * DAY, "qualified"), ("classic", end, "lowered")],
                [("platinum", JOINED + 10 * DAY, "qualified"), ("classic", end, "lowered")],
            ]
            for known in members:
                assert known is not None
                (expired,) = [
                    e for e in uow.points.of(known.customer_id) if e.movement is Movement.EXPIRE
                ]
                assert expired.at == datetime(2024, 7, 12, tzinfo=UTC)
            assert uow.profiles.where(field("club_tier") == "classic").count() == 3

    def test_one_alone_is_advanced_with_the_base(self, club: Backend) -> None:
        """Of whom something is due, there may be a single one."""
        with club.unit_of_work() as uow:
            bought(uow, enrolled(uow)[0], "300.00", at=JOINED + 10 * DAY)
        found = advance(club, at=JOINED + 20 * DAY).programmes["club"]
        assert (found.members, found.tier_changes) == (1, 1)

    def test_a_base_is_advanced_as_each_of_them(self, backends: Make, clock: FrozenClock) -> None:
        """Set-based or one by one, members end alike; lots and tiers are what the facts tell."""
        days, ends = (3, 90, 200, 500, 700), []
        for tenant in ("set", "each"):
            club = migrated(backends, clock, LOYALTY, tenant=tenant)
            with club.unit_of_work() as uow:
                members = enrolled(uow, 8)
                for nth, member in enumerate(members):
                    for day in days:
                        amount = f"{(nth * 53 + day) % 350 + 1}.00"
                        bought(uow, member, amount, at=JOINED + day * DAY)
            for month in (100, 400, 1000):
                at = JOINED + month * DAY
                if tenant == "set":
                    advance(club, at=at)
                    continue
                with club.unit_of_work() as uow:
                    for member in members:
                        uow.memberships.advance(member, at=at)
            with club.reading() as uow:
                found = []
                for nth in range(1, 9):
                    stored = uow.memberships.find_by_number(f"C-{nth}", "club")
                    assert stored is not None
                    lots = sorted(stored.lots, key=lambda lot: lot.id)
                    fresh = as_rebuilt(uow, stored)
                    assert attrs.evolve(stored, lots=lots) == fresh
                    found.append((stored.tier, stored.tier_since, stored.tier_until, stored.points))
                    balance = uow.memberships.balance(stored)
                    assert balance.points == stored.points
                ends.append(found)
        assert ends[0] == ends[1]

    def test_a_promotion_rests_on_its_decision(self, club: Backend) -> None:
        """It holds until its end, and taken back the member is where they would be without it."""
        with club.unit_of_work() as uow:
            member = bought(uow, enrolled(uow)[0], "250.00", at=JOINED + DAY)
            member = uow.memberships.advance(member, at=JOINED + 2 * DAY)
            decision = uow.points.of(member.customer_id)[0].id
            member = uow.memberships.promote(
                member, "gold", at=JOINED + 3 * DAY, until=JOINED + 90 * DAY, decision_id=decision
            )
            assert uow.memberships.project(member, at=JOINED + 89 * DAY).tier == "gold"
            assert uow.memberships.project(member, at=JOINED + 91 * DAY).tier == "silver"
            with pytest.raises(Refused):
                uow.memberships.promote(
                    member, "silver", at=JOINED + 4 * DAY, until=JOINED + 9 * DAY
                )
            member = uow.memberships.revoke(member, decision, at=JOINED + 5 * DAY)
            assert (member.tier, member.tier_since) == ("silver", JOINED + 5 * DAY)
            assert uow.memberships.project(member, at=JOINED + 89 * DAY).tier == "silver"
            assert uow.profiles.get(member.customer_id)["club_tier"] == "silver"

    def test_a_closed_membership_has_nothing_left(self, club: Backend) -> None:
        """Its points have ended, and nothing more is posted to it or falls due."""
        with club.unit_of_work() as uow:
            member = bought(uow, enrolled(uow)[0], "250.00", at=JOINED + DAY)
            member = uow.memberships.close(member, at=JOINED + 3 * DAY)
            assert (member.points, member.closed_at) == (0, JOINED + 3 * DAY)
            assert uow.memberships.balance(member) == PointsBalance(earned=250, expired=250)
            customer = uow.customers.get(member.customer_id)
            order = an_order(customer, "10.00", at=JOINED + 4 * DAY, nth=4)
            uow.orders.add(order)
            assert uow.memberships.earn(order) == []
            member = uow.memberships.get(member.id)
            told = uow.memberships.project(member, at=JOINED + 999 * DAY, planned=[order])
            assert (told.tier, told.points, told.steps) == (member.tier, 0, ())
            assert (told.to_next, told.to_stay, told.falls_at) == (None, None, None)
        with pytest.raises(Refused), club.unit_of_work() as uow:
            uow.memberships.bonus(member, 5, at=JOINED + 5 * DAY)
        assert advance(club, at=JOINED + 999 * DAY).programmes["club"].members == 0
        with club.reading() as uow:
            assert uow.memberships.get(member.id).tier == told.tier
