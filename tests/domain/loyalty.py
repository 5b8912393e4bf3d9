"""A programme to try, and members of it: what the tests of points and tiers share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from crmcore.domain.earning import EarningRule
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.membership import Membership
from crmcore.domain.money import Money
from crmcore.domain.periods import Expiry
from crmcore.domain.points import Movement, PointsEntry
from crmcore.domain.programme import Programme, Rules, Tier

START = datetime(2023, 1, 1, tzinfo=UTC)
WHO = CustomerId(UUID(int=1))
TIERS = (Tier("classic"), Tier("silver", 100), Tier("gold", 300), Tier("platinum", 600))


def a_programme(**rules: Any) -> Programme:
    """Points of a year make a tier, which is kept to the end of the next year."""
    known: dict[str, Any] = {
        "tiers": TIERS, "earning": [EarningRule("spend", 1)], "expiry": Expiry("after", 18),
    }  # fmt: skip
    return Programme("club", Rules(**(known | rules)))


def a_member(at: datetime = START, **more: Any) -> Membership:
    """A member in the lowest tier."""
    return Membership(customer_id=WHO, programme="club", at=at, tier="classic", **more)


def day(number: int, hour: int = 12) -> datetime:
    """An instant of the day so long after the start."""
    return START + timedelta(days=number, hours=hour)


def counting(
    member: Membership, at: datetime, points: int, *, spend: int = 0, purchases: int = 0
) -> PointsEntry:
    """An entry that counts for a tier and holds no points."""
    return PointsEntry(
        customer_id=WHO, membership_id=member.id, programme="club", movement=Movement.EARN, at=at,
        qualifying=points, spend=spend, purchases=purchases, of_fact=FactId(UUID(int=7)),
    )  # fmt: skip


def euros(amount: int) -> Money:
    """So many euros."""
    return Money(amount, "EUR")
