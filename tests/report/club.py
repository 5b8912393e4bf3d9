"""A club of forty members over two years: purchases, returns, redemptions, decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from crmcore import Backend, Model, Money
from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.decisions import Decision, Reason, Verdict
from crmcore.domain.earning import EarningRule
from crmcore.domain.membership import Membership
from crmcore.domain.periods import Calendar, Expiry
from crmcore.domain.programme import Benefit, Pending, Programme, Rules, Tier
from crmcore.services import (
    EarlyPromotion,
    RetentionBonus,
    advance,
    give_retention_bonuses,
    near_fall,
    near_promotion,
    promote_early,
    revoke_promotion,
)
from crmcore.testing import a_customer, a_return, an_order

__all__ = ["AT", "CLUB", "COUNT", "MODEL", "PARTNERS", "fill_club"]

AT = datetime(2025, 11, 15, 23, tzinfo=UTC)
"""Midnight in Madrid: the report is of the 15th of November and all before it."""
START = datetime(2024, 1, 8, 12, tzinfo=UTC)
DAY = timedelta(days=1)
COUNT = 40

CLUB = Programme(
    "club",
    Rules(
        tiers=[
            Tier("classic"),
            Tier("silver", 200, benefits=[Benefit("lounge", Money("20", "EUR"))]),
            Tier("gold", 450, purchases=12, benefits=[Benefit("upgrade", Money("60", "EUR"))]),
            Tier(
                "black", spend=Money("900", "EUR"), benefits=[Benefit("gift", Money("90", "EUR"))]
            ),
        ],
        earning=[EarningRule("spend", 1), EarningRule("gold", "1.5", tiers=["gold", "black"],
                                                      multiplies=True)],
        expiry=Expiry("after", 12),
        pending=Pending("after", days=14),
        window=Calendar(6),
    ),
    zone="Europe/Madrid",
    point_cost=Decimal("0.008"),
)  # fmt: skip
PARTNERS = Programme("partner_club", Rules(tiers=[Tier("one"), Tier("two", 10)]))
"""A programme that nobody joined."""
MODEL = Model(programmes=[CLUB, PARTNERS], zone="Europe/Madrid")


def fill_club(backend: Backend, *, count: int = COUNT) -> list[Membership]:
    """Two thirds as many more customers than members; what fell due is posted every quarter."""
    with backend.unit_of_work(actor="till", source="shop") as uow:
        people = [
            a_customer(f"Member {n}", at=START + n * 9 * DAY, nth=n)
            for n in range(1, count * 5 // 3)
        ]
        uow.customers.add_many(people)
        members = [
            uow.memberships.enrol(one.id, "club", at=START + (n * 9 + n % 4) * DAY, number=f"C-{n}")
            for n, one in enumerate(people[:count], 1)
        ]
        customers = {one.id: one for one in people}
    for quarter in range(8):
        begin = START + quarter * 91 * DAY
        with backend.unit_of_work(actor="till", source="shop") as uow:
            for n, one in enumerate(people, 1):
                orders = []
                for visit in range((n * 7 + quarter * 3 + quarter * n // 3) % 5 * (n < 60)):
                    at = max(begin, one.at) + (visit * 17 + n) % 80 * DAY
                    if at >= AT:
                        continue
                    amount = f"{15 + (n * 37 + visit * 53 + quarter * 11) % 90 + n * 2}.50"
                    orders.append(
                        an_order(customers[one.id], amount, at=at, nth=quarter * 10 + visit + 1)
                    )
                uow.orders.add_many(orders)
                uow.memberships.earn_many(orders)
                if orders and n % 6 == 0 and n <= count:
                    fact = a_return(orders[0], "10.00", at=orders[0].at + DAY, nth=quarter + 1)
                    if fact.at >= members[n - 1].at <= orders[0].at:
                        uow.returns.add(fact)
                        uow.memberships.reverse(fact)
        end = min(begin + 91 * DAY, AT - DAY)
        advance(backend, at=end)
        with backend.unit_of_work(actor="desk", source="desk") as uow:
            for member in members[::3]:
                held = uow.memberships.get(member.id)
                if held.active > 150 and held.entered_at <= end:
                    key = f"{held.number} {quarter}"
                    uow.memberships.redeem(held, 100 + quarter * 10, at=end, source_key=key)
    _decide(backend, members)
    return members


def _decide(backend: Backend, members: list[Membership]) -> None:
    """A round of early promotions, one of bonuses, an upgrade that waits, and one taken back."""
    at = AT - DAY / 2
    chosen = list(near_promotion(backend, "club", at=at, within=0.5))
    policy = EarlyPromotion(gain=Money("90", "EUR"), limit=Money("500", "EUR"))
    promote_early(
        backend, "club", chosen, policy, at=at, until=AT + 90 * DAY, actor="night",
        budget=Money("150", "EUR"),
    )  # fmt: skip
    falling = list(near_fall(backend, "club", at=at, until=AT + 120 * DAY))
    bonus = RetentionBonus(gain=Money("100", "EUR"), limit=Money("1", "EUR"), most=500)
    give_retention_bonuses(backend, "club", falling, bonus, at=at, actor="night")
    with backend.unit_of_work(actor="desk") as uow:
        member = members[0]
        asked = Decision(
            verdict=Verdict.NEEDS_APPROVAL, reasons=(Reason("limit", "costs too much"),),
            customer_id=member.customer_id, at=at, policy="desk agent", authority="supervisor",
            cost=Money("60", "EUR"),
        )  # fmt: skip
        for approver in (None, "Ines"):
            fact = RecordedDecision.of(
                asked, subject="upgrade", membership_id=member.id, approved_by=approver
            )
            uow.decisions.add(fact)
        promoted = [
            fact for one in members for fact in uow.decisions.of(one.customer_id)
            if fact.subject == "early_promotion" and fact.holds
        ]  # fmt: skip
        if promoted:
            revoke_promotion(uow, promoted[0].id, at=at + timedelta(hours=1))
