"""Valid objects of loyalty for tests: a programme, its members, their points and tiers, decisions.

    club = Model(programmes=[a_programme("club")])
    member = a_membership(ana)
    uow.points.add(a_points_entry(member, 100))

As the builders of everything else: the same call gives the same object.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from crmcore.domain.customer import Customer
from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.decisions import Reason, Verdict
from crmcore.domain.earning import EarningRule
from crmcore.domain.ids import CustomerId, FactId, MembershipId
from crmcore.domain.instants import LATEST
from crmcore.domain.membership import Lot, Membership, TierChange, TierReason
from crmcore.domain.money import Money
from crmcore.domain.points import LotPart, Movement, PointsEntry
from crmcore.domain.programme import Programme, Rules, Tier
from crmcore.testing.builders import AT, id_of, made_id, money_of

__all__ = ["a_decision", "a_membership", "a_points_entry", "a_programme", "a_tier_change"]


def a_programme(name: str = "club", tiers: Iterable[str] = ("blue", "silver", "gold")) -> Programme:
    """One point for each whole unit of the currency; each tier asks for 1,000 points more."""
    asked = [Tier(tier, 1_000 * rank or None) for rank, tier in enumerate(tiers)]
    return Programme(name, Rules(tiers=tuple(asked), earning=(EarningRule("base", Decimal(1)),)))


def a_membership(
    customer: Customer | CustomerId,
    programme: str = "club",
    *,
    number: str | None = None,
    tier: str = "blue",
    lots: Iterable[Lot] = (),
    due_at: datetime = LATEST,
    at: datetime = AT,
    closed_at: datetime | None = None,
    id: MembershipId | None = None,
    nth: int = 1,
) -> Membership:
    """A member in the lowest tier, without points."""
    who = id_of(customer)
    return Membership(
        customer_id=who, programme=programme, number=number, tier=tier, lots=tuple(lots), at=at,
        due_at=due_at, closed_at=closed_at,
        id=id or MembershipId(made_id(at, "membership", who, programme, nth)),
    )  # fmt: skip


def a_points_entry(
    membership: Membership,
    points: int = 100,
    *,
    movement: Movement | str = Movement.EARN,
    pending: bool = False,
    at: datetime | None = None,
    reason: str | None = None,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> PointsEntry:
    """Points earned, in a lot of their own, when the member joined."""
    at = at or membership.at
    made_for = (membership.id, points, pending, source, source_key, nth)
    id = id or FactId(made_id(at, "points", *made_for))
    return PointsEntry(
        customer_id=membership.customer_id, membership_id=membership.id,
        programme=membership.programme, movement=Movement(movement),
        active=0 if pending else points, pending=points if pending else 0,
        qualifying=points, lots=(LotPart(id, points),), at=at, reason=reason, source=source,
        source_key=source_key, id=id,
    )  # fmt: skip


def a_tier_change(
    membership: Membership,
    tier: str = "silver",
    *,
    reason: TierReason | str = TierReason.QUALIFIED,
    at: datetime | None = None,
    until: datetime = LATEST,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> TierChange:
    """The member qualified for another tier when they joined."""
    at = at or membership.at
    return TierChange(
        customer_id=membership.customer_id, membership_id=membership.id,
        programme=membership.programme, tier=tier, previous=membership.tier,
        reason=TierReason(reason), at=at, until=until, source=source, source_key=source_key,
        id=id or FactId(made_id(at, "tier", membership.id, tier, source, source_key, nth)),
    )  # fmt: skip


def a_decision(
    customer: Customer | CustomerId,
    verdict: Verdict | str = Verdict.ALLOW,
    *,
    subject: str = "early_promotion",
    policy: str = "promotion 1",
    reasons: Iterable[Reason] = (),
    cost: Money | str | None = None,
    at: datetime = AT,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> RecordedDecision:
    """An early promotion, allowed."""
    who, verdict = id_of(customer), Verdict(verdict)
    made_for = (who, subject, verdict.value, source, source_key, nth)
    return RecordedDecision(
        customer_id=who, subject=subject, verdict=verdict, policy=policy, reasons=tuple(reasons),
        cost=None if cost is None else money_of(cost, "EUR"), at=at, source=source,
        source_key=source_key, id=id or FactId(made_id(at, "decision", *made_for)),
    )  # fmt: skip
