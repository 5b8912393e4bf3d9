"""Loyalty services: lists of a whole base, rounds of decisions, the desk, what is owed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

import crmcore
from crmcore.domain.decisions import Decision, Reason, Verdict
from crmcore.domain.earning import EarningRule
from crmcore.domain.errors import InvalidInput, NotFound, Refused
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.periods import Expiry
from crmcore.domain.programme import Benefit, Programme, Rules, Tier
from crmcore.services import (
    Authority,
    EarlyPromotion,
    RetentionBonus,
    advance,
    decide_benefit,
    desk_card,
    give_retention_bonuses,
    grant_benefit,
    liability,
    near_fall,
    near_promotion,
    promote_early,
    revoke_promotion,
    tier_flow,
)
from crmcore.testing.builders import a_customer, an_order

START = datetime(2024, 1, 1, tzinfo=UTC)
YEAR_ENDS = datetime(2025, 1, 1, tzinfo=UTC)
NEXT_ENDS = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
AMOUNTS = (50, 90, 100, 240, 290, 299, 300, 450, 700)


def euros(amount: int | str) -> Money:
    return Money(amount, "EUR")


CLUB = Programme(
    "club",
    Rules(
        tiers=[
            Tier("classic"),
            Tier("silver", 100, benefits=[Benefit("line", euros(5))]),
            Tier("gold", 300, benefits=[Benefit("line", euros(5)), Benefit("lounge", euros(40))]),
        ],
        earning=[EarningRule("euro", 1)],
        expiry=Expiry("after", 6),
    ),
    point_cost="0.01",
)


@pytest.fixture
def backend():
    """Nine members, each of whom bought once for one of the amounts, advanced to February."""
    found = crmcore.connect("memory://", model=Model(programmes=[CLUB]))
    found.migrate()
    with found.unit_of_work(source="shop") as uow:
        for nth, amount in enumerate(AMOUNTS):
            customer = uow.customers.add(a_customer(f"Member {nth}"))
            uow.memberships.enrol(customer.id, "club", at=START, number=f"C{amount}")
            order = an_order(customer, f"{amount}.00", at=START + 10 * DAY)
            uow.orders.add(order)
            uow.memberships.earn(order)
    advance(found, at=START + 31 * DAY)
    return found


def member(backend, number):
    with backend.reading() as uow:
        return uow.memberships.find_by_number(number, "club")


def test_near_promotion_says_who_lacks_what(backend):
    at = START + 40 * DAY
    found = sorted(near_promotion(backend, "club", at=at, within=0.25), key=lambda c: c.share)
    assert [(c.towards, c.missing.points, c.by) for c in found] == [
        ("gold", 1, YEAR_ENDS), ("gold", 10, YEAR_ENDS), ("silver", 10, YEAR_ENDS),
        ("gold", 60, YEAR_ENDS),
    ]  # fmt: skip
    assert found[0].membership_id == member(backend, "C299").id
    assert [c.share for c in found] == pytest.approx([1 / 300, 10 / 300, 0.1, 0.2])
    for wrong in (0, 1.5, "much"):
        with pytest.raises(InvalidInput):
            list(near_promotion(backend, "club", at=at, within=wrong))  # type: ignore[arg-type]


def test_near_fall_says_who_falls_when_and_where(backend):
    at = START + 400 * DAY
    found = list(near_fall(backend, "club", at=at, until=NEXT_ENDS))
    assert {c.by for c in found} == {NEXT_ENDS}
    assert sorted((c.tier, c.towards, c.missing.points) for c in found) == [
        *[("gold", "classic", 300)] * 3, *[("silver", "classic", 100)] * 4,
    ]  # fmt: skip
    assert list(near_fall(backend, "club", at=at, until=NEXT_ENDS - DAY)) == []
    advance(backend, at=NEXT_ENDS)
    assert tier_flow(backend, "club", since=NEXT_ENDS, until=NEXT_ENDS + DAY) == {
        ("gold", "classic"): 3, ("silver", "classic"): 4,
    }  # fmt: skip


def test_early_promotion_keeps_limit_and_budget_and_records_why(backend):
    at = START + 40 * DAY
    candidates = sorted(near_promotion(backend, "club", at=at), key=lambda c: c.share)
    policy = EarlyPromotion(gain=euros(50), limit=euros(100))
    done = promote_early(
        backend, "club", candidates, policy, at=at, until=NEXT_ENDS, budget=euros(45), actor="ana"
    )
    # To gold it costs 40, to silver 5: the second gold one is over the budget, the last one is
    # refused too, since .8 of 50 is 40 and costs no more.
    assert (done.considered, done.allowed, done.over_budget, done.refused) == (4, 2, 2, 0)
    assert done.cost == euros(45)
    with backend.reading() as uow:
        first = uow.memberships.get(candidates[0].membership_id)
        (decision,) = uow.decisions.of(first.customer_id)
        assert (first.tier, first.tier_until) == ("gold", NEXT_ENDS)
        assert (decision.verdict, decision.actor, decision.cost) == ("allow", "ana", euros(40))
        assert decision.value == Money("49.83", "EUR")
        assert [reason.rule for reason in decision.reasons] == ["near", "gain"]
        change = uow.tier_changes.of(first.customer_id)[-1]
        assert (change.reason, change.decision_id) == ("promoted", decision.id)
        last = uow.memberships.get(candidates[3].membership_id)
        assert (last.tier, uow.decisions.of(last.customer_id)) == ("silver", [])


def test_what_costs_too_much_waits_or_is_refused(backend):
    at = START + 40 * DAY
    candidates = list(near_promotion(backend, "club", at=at, within=0.05))
    for policy, told in (
        (EarlyPromotion(gain=euros(50), limit=euros(39)), (0, 2, 0)),
        (EarlyPromotion(gain=euros(20), limit=euros(100)), (0, 0, 2)),
        (EarlyPromotion(gain=euros(90), limit=euros(100), chance=lambda _: 0.4), (0, 0, 2)),
    ):
        done = promote_early(
            backend, "club", candidates, policy, at=at, until=NEXT_ENDS, actor="ana"
        )
        assert (done.allowed, done.waiting, done.refused) == told
    with backend.reading() as uow:
        decided = uow.decisions.of(candidates[0].customer_id)
        assert sorted(fact.verdict for fact in decided) == ["needs_approval", "refuse", "refuse"]
        (waiting,) = [fact for fact in decided if fact.verdict is Verdict.NEEDS_APPROVAL]
        assert (waiting.authority, waiting.holds) == ("loyalty manager", False)
        assert uow.memberships.get(candidates[0].membership_id).tier == "silver"


def test_a_hosts_policy_is_a_function(backend):
    def generous(candidate, programme, at):
        return Decision(
            verdict=Verdict.ALLOW, reasons=(Reason("host", "likes everybody"),),
            customer_id=candidate.customer_id, at=at, policy="generous 1",
        )  # fmt: skip

    at = START + 40 * DAY
    candidates = list(near_promotion(backend, "club", at=at))
    done = promote_early(backend, "club", candidates, generous, at=at, until=NEXT_ENDS, actor="x")
    assert (done.allowed, done.cost) == (4, euros(0))


def test_a_promotion_is_taken_back(backend):
    at = START + 40 * DAY
    candidates = list(near_promotion(backend, "club", at=at, within=0.01))
    policy = EarlyPromotion(gain=euros(50), limit=euros(100))
    promote_early(backend, "club", candidates, policy, at=at, until=NEXT_ENDS, actor="ana")
    who = candidates[0].customer_id
    with backend.unit_of_work(actor="ben") as uow:
        (decision,) = uow.decisions.of(who)
        back = revoke_promotion(uow, decision.id, at=at + DAY)
        assert (back.revokes, back.actor) == (decision.id, "ben")
        assert uow.memberships.get(candidates[0].membership_id).tier == "silver"
        assert [c.reason for c in uow.tier_changes.of(who)] == [
            "enrolled", "qualified", "promoted", "revoked",
        ]  # fmt: skip


def test_a_retention_bonus_keeps_the_tier(backend):
    """Who gets what is missing does not fall; what lacks more than the most is refused."""
    at = START + 500 * DAY
    with backend.unit_of_work(source="shop") as uow:
        for number, amount in (("C300", "280.00"), ("C450", "150.00")):
            who = uow.memberships.find_by_number(number, "club")
            order = an_order(uow.customers.get(who.customer_id), amount, at=at - DAY, nth=9)
            uow.orders.add(order)
            uow.memberships.earn(order)
    advance(backend, at=at)
    gold = [c for c in near_fall(backend, "club", at=at, until=NEXT_ENDS) if c.tier == "gold"]
    assert {c.missing.points for c in gold} == {20, 150, 300}
    policy = RetentionBonus(gain=euros(200), limit=euros(60), most=200)
    done = give_retention_bonuses(backend, "club", gold, policy, at=at, actor="ana")
    assert (done.considered, done.allowed, done.refused) == (3, 2, 1)
    advance(backend, at=NEXT_ENDS + DAY)
    assert [member(backend, number).tier for number in ("C300", "C450", "C700")] == [
        "gold", "gold", "classic",
    ]  # fmt: skip


AGENT = Authority(name="agent", limit=euros(60), yearly=euros(100), from_tier="silver")
UPGRADE = Benefit("upgrade", euros(40))


def test_the_desk_gives_within_its_authority(backend):
    at = START + 60 * DAY
    with backend.reading() as uow:
        card = desk_card(
            uow, number="C300", programme="club", at=at, benefit=UPGRADE, authority=AGENT
        )
        assert card.decision is not None
        assert (card.membership.tier, card.decision.verdict) == ("gold", "allow")
        assert [benefit.name for benefit in card.benefits] == ["line", "lounge"]
        assert "Member" not in repr(card)
        dear = attrs.evolve(UPGRADE, cost=euros(61))
        decided = decide_benefit(uow, card.membership, dear, at=at, authority=AGENT)
        assert (decided.verdict, decided.authority) == ("needs_approval", "supervisor")
        low = uow.memberships.find_by_number("C50", "club")
        refused = decide_benefit(uow, low, UPGRADE, at=at, authority=AGENT)
        assert (refused.verdict, refused.reasons[0].rule) == ("refuse", "tier")
        with pytest.raises(NotFound):
            desk_card(uow, number="C1", programme="club", at=at)


def test_what_was_given_within_the_year_counts(backend):
    at = START + 60 * DAY
    who = member(backend, "C300")
    with backend.unit_of_work(actor="agent 7", source="desk") as uow:
        first = grant_benefit(uow, who, UPGRADE, at=at, authority=AGENT)
        grant_benefit(uow, who, UPGRADE, at=at + DAY, authority=AGENT)
        again = decide_benefit(uow, who, UPGRADE, at=at + 2 * DAY, authority=AGENT)
        assert (again.verdict, len(again.reasons[0].facts)) == ("needs_approval", 2)
        later = decide_benefit(uow, who, UPGRADE, at=at + 365 * DAY, authority=AGENT)
        assert later.verdict == "allow"
    with pytest.raises(Refused), backend.unit_of_work(actor="agent 7") as uow:
        grant_benefit(uow, who, UPGRADE, at=at + 2 * DAY, authority=AGENT)
    with backend.unit_of_work(actor="agent 7") as uow:
        granted = grant_benefit(
            uow, who, UPGRADE, at=at + 2 * DAY, authority=AGENT, approved_by="Eva"
        )
        assert (granted.holds, granted.approved_by, granted.actor) == (True, "Eva", "agent 7")
        assert first.cost == euros(40)


def test_what_is_owed_as_of_an_instant(backend):
    total = sum(AMOUNTS)
    before = liability(backend, "club", at=START + 9 * DAY)
    assert (before.points, before.amount, before.redemption_rate) == (0, euros(0), 1.0)
    now = liability(backend, "club", at=START + 40 * DAY)
    assert (now.points, now.ending) == (total, {"2024-07": total})
    assert now.amount == Money.of_minor(total, "EUR")
    with backend.unit_of_work(source="shop") as uow:
        who = uow.memberships.find_by_number("C700", "club")
        uow.memberships.redeem(who, 500, at=START + 50 * DAY)
    assert liability(backend, "club", at=START + 40 * DAY).points == total
    half = liability(backend, "club", at=START + 60 * DAY, redemption_rate=0.5)
    assert (half.points, half.amount) == (total - 500, Money("10.10", "EUR"))
    end = START + 300 * DAY
    assert liability(backend, "club", at=end).points == 0
    advance(backend, at=end)
    ended = liability(backend, "club", at=end)
    assert ended.points == 0
    assert ended.redemption_rate == pytest.approx(500 / total)


@pytest.mark.parametrize("rate", ["0.5", -0.1, 1.1, float("nan"), Decimal("0.5"), []])
def test_a_share_that_is_none_is_refused(backend, rate):
    with pytest.raises(InvalidInput, match="redemption_rate"):
        liability(backend, "club", at=START, redemption_rate=rate)


def test_what_was_owed_stays_when_the_ledgers_go_on(backend):
    """Of whom nothing later is known the lots tell it, of the others their entries."""
    at = START + 60 * DAY
    with backend.unit_of_work(source="shop") as uow:
        found, _ = uow.memberships.page("club")
        members = sorted(found, key=lambda member: -member.points)
        for member, points in zip(members, (40, 5, 90), strict=False):
            uow.memberships.redeem(member, points, at=at)
        end = members[3].lots[0].expires_at
    told = [liability(backend, "club", at=when) for when in (at, end)]
    advance(backend, at=end)
    told.append(liability(backend, "club", at=end))
    with backend.unit_of_work(actor="clerk") as uow:
        for member in uow.memberships.page("club")[0]:
            uow.memberships.adjust(member, 7, at=end + DAY, reason="sorry")

    assert [known.points for known in told] == [sum(AMOUNTS) - 135, 0, 0]
    assert told[2].redemption_rate == pytest.approx(135 / sum(AMOUNTS))
    assert liability(backend, "club", at=at) == told[0]
    assert liability(backend, "club", at=end) == told[2]
    assert liability(backend, "club", at=end + DAY).points == 7 * len(AMOUNTS)
