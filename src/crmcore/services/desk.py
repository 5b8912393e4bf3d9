"""The desk: who stands in front of an agent, and what they may give at once (S45, S66, S76)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs

from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.decisions import Decision, Reason, Verdict
from crmcore.domain.errors import InvalidInput, NotFound, Refused
from crmcore.domain.foresight import Projection
from crmcore.domain.instants import instant
from crmcore.domain.membership import Membership
from crmcore.domain.money import Money
from crmcore.domain.profile import Profile
from crmcore.domain.programme import Benefit
from crmcore.domain.text import symbol, text
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["Authority", "DeskCard", "decide_benefit", "desk_card", "grant_benefit"]

YEAR = timedelta(days=365)


def _most(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Money) or value.minor < 0:
        raise InvalidInput.of(attribute.name, "must be money, not negative")


@attrs.frozen(kw_only=True)
class Authority:
    """What an agent may give without asking: `limit` at once, `yearly` to one member in 365 days,
    to members from the tier `from_tier` on. Beyond it `asks` approves.
    """

    name: str = attrs.field(validator=symbol)
    limit: Money = attrs.field(validator=_most)
    yearly: Money = attrs.field(validator=_most)
    from_tier: str = attrs.field(validator=symbol)
    asks: str = attrs.field(default="supervisor", validator=text(80))


@attrs.frozen(repr=False)
class DeskCard:
    """A member as the desk sees them: the profile, the membership with tier and points, what is
    missing to the next tier, and what may be given now.
    """

    profile: Profile
    membership: Membership
    projection: Projection
    benefits: tuple[Benefit, ...]
    decision: Decision | None

    def __repr__(self) -> str:
        return f"DeskCard({self.membership.id}, {self.membership.tier})"


def desk_card(
    unit: UnitOfWork,
    *,
    number: str,
    programme: str,
    at: datetime,
    benefit: Benefit | None = None,
    authority: Authority | None = None,
) -> DeskCard:
    """The card of the member with this number; with a `benefit` that the agent would give, the
    decision whether they may. `NotFound` if nobody has the number. Nothing is written. Asked for
    an instant that is past, tier and points are as they were then.
    """
    member = unit.memberships.find_by_number(number, programme)
    if member is None:
        raise NotFound("memberships", programme, "number")
    member = unit.memberships.as_of(member, at=at)
    projected = unit.memberships.project(member, at=at)
    known = unit.model.programme(programme)
    tier = known.rules_from(instant(at)).tiers[known.rank_of(projected.tier)]
    decision = None
    if benefit is not None and authority is not None:
        decision = _decided(
            unit, member, projected.tier, benefit, at=instant(at), authority=authority
        )
    return DeskCard(
        unit.profiles.get(member.customer_id), member, projected, tier.benefits, decision
    )


def decide_benefit(
    unit: UnitOfWork,
    membership: Membership,
    benefit: Benefit,
    *,
    at: datetime,
    authority: Authority,
) -> Decision:
    """May an agent of this authority give the benefit at `at`, and why? It goes by the membership
    as it is stored and by the tier that the member is in then, whether `advance` told of it yet or
    not. What was granted counts, as far as it was not taken back: no 365 days have more than is
    given in a year, in whatever order it is entered.
    """
    tier = unit.memberships.project(membership, at=at).tier
    member = unit.memberships.get(membership.id)
    return _decided(unit, member, tier, benefit, at=instant(at), authority=authority)


def _decided(
    unit: UnitOfWork,
    membership: Membership,
    tier: str,
    benefit: Benefit,
    *,
    at: datetime,
    authority: Authority,
) -> Decision:
    if not isinstance(benefit, Benefit):
        raise InvalidInput.of("benefit", "must be a Benefit")
    if not isinstance(authority, Authority):
        raise InvalidInput.of("authority", "must be an Authority")
    known = unit.model.programme(membership.programme)
    zero = Money.of_minor(0, unit.model.currency)
    cost, spent = benefit.cost or zero, zero
    granted = _granted(unit, membership, at)
    for fact in granted:
        spent = spent + (fact.cost or zero)
    reasons, verdict = [], Verdict.ALLOW
    if not membership.is_open:
        verdict = Verdict.REFUSE
        reasons.append(Reason("open", "is no member any more"))
    if at < membership.at:
        verdict = Verdict.REFUSE
        reasons.append(Reason("open", "is no member yet"))
    if known.rank_of(tier) < known.rank_of(authority.from_tier):
        verdict = Verdict.REFUSE
        reasons.append(Reason("tier", f"is in {tier}, below {authority.from_tier}"))
    if verdict is Verdict.ALLOW and cost > authority.limit:
        verdict = Verdict.NEEDS_APPROVAL
        reasons.append(Reason("limit", f"costs more than {authority.name} may give at once"))
    if verdict is not Verdict.REFUSE and spent + cost > authority.yearly:
        verdict = Verdict.NEEDS_APPROVAL
        facts = tuple(fact.id for fact in granted)
        reasons.append(Reason("yearly", "was given too much within the year for one more", facts))
    if not reasons:
        reasons.append(Reason("authority", f"is within what {authority.name} may give"))
    return Decision(
        verdict=verdict, reasons=tuple(reasons), customer_id=membership.customer_id, at=at,
        policy=f"desk {authority.name}", cost=cost,
        authority=authority.asks if verdict is Verdict.NEEDS_APPROVAL else None,
    )  # fmt: skip


def grant_benefit(
    unit: UnitOfWork,
    membership: Membership,
    benefit: Benefit,
    *,
    at: datetime,
    authority: Authority,
    approved_by: str | None = None,
) -> RecordedDecision:
    """Decide and record: the benefit is given where the authority allows it, or where somebody
    approved what needs approval; else it is `Refused`, and nothing is recorded. Several at once
    decide one after another, so that together they keep within what may be given in a year.
    """
    member = unit.memberships.hold(membership)
    tier = unit.memberships.project(member, at=at).tier
    decision = _decided(unit, member, tier, benefit, at=instant(at), authority=authority)
    fact = RecordedDecision.of(
        decision, subject=benefit.name, membership_id=member.id, approved_by=approved_by
    )
    if not fact.holds:
        raise Refused(f"desk.{decision.reasons[-1].rule}", str(decision), str(member.id))
    return unit.decisions.add(fact)


def _granted(unit: UnitOfWork, membership: Membership, at: datetime) -> list[RecordedDecision]:
    """What was granted to this member at the desk and not taken back, within a year that holds
    `at`: of those that end then, or with something granted later, the one with the greatest cost.
    """
    known = unit.decisions.of(membership.customer_id)
    revoked = {fact.revokes for fact in known if fact.revokes is not None}
    near = [
        fact
        for fact in known
        if fact.membership_id == membership.id
        and fact.policy.startswith("desk ")
        and fact.holds
        and fact.id not in revoked
        and at - YEAR < fact.at < at + YEAR
    ]
    ends = [at, *(fact.at for fact in near if fact.at > at)]
    years = [[fact for fact in near if end - YEAR < fact.at <= end] for end in ends]
    return max(years, key=lambda year: sum(fact.cost.minor for fact in year if fact.cost))
