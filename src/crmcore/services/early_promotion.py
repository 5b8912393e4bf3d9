"""Early promotion and retention: who near a tier is put into it, or kept in it, and why (S42, S44).

A policy is a function of a candidate that answers a `Decision`; the ones here weigh what is
expected to be gained against what it costs. A host writes its own beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

import attrs

from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.decisions import Decision, Reason, Verdict
from crmcore.domain.errors import ConflictingFact, InvalidInput, Refused
from crmcore.domain.ids import FactId, as_id
from crmcore.domain.instants import instant
from crmcore.domain.membership import Membership
from crmcore.domain.money import Money, an_amount
from crmcore.domain.ports import Backend
from crmcore.domain.programme import Programme
from crmcore.domain.text import text
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.loyalty import Candidate, checked_candidates

__all__ = [
    "EarlyPromotion", "LoyaltyPolicy", "LoyaltyRound", "RetentionBonus", "benefit_cost",
    "give_retention_bonuses", "promote_early", "revoke_promotion",
]  # fmt: skip

LoyaltyPolicy = Callable[[Candidate, Programme, datetime], Decision]
"""What a policy of these rounds is: a named function, or an object that can be called."""

PAGE = 500


def benefit_cost(programme: Programme, tier: str, *, at: datetime, currency: str) -> Money:
    """What the benefits of a tier cost for a member and a year, by the rules at that instant."""
    known = programme.rules_from(at).tiers[programme.rank_of(tier)]
    total = Money.of_minor(0, currency)
    for benefit in known.benefits:
        if benefit.cost is not None:
            total = total + benefit.cost
    return total


def _weighed(
    candidate: Candidate,
    at: datetime,
    *,
    policy: str,
    gain: Money,
    cost: Money,
    limit: Money,
    authority: str,
    first: Reason,
) -> Decision:
    """Allowed where it gains at least what it costs, by whoever may spend that much."""
    gains = f"is expected to gain {gain.amount} {gain.currency}"
    reasons: tuple[Reason, ...] = (
        first,
        Reason("gain", f"{gains} and costs {cost.amount} {cost.currency}"),
    )
    verdict, who = Verdict.ALLOW, None
    if gain < cost:
        verdict = Verdict.REFUSE
    elif cost > limit:
        verdict, who = Verdict.NEEDS_APPROVAL, authority
        reasons += (Reason("limit", f"costs more than {limit.amount} {limit.currency}"),)
    return Decision(
        verdict=verdict, reasons=reasons, customer_id=candidate.customer_id, at=at, policy=policy,
        authority=who, cost=cost, value=gain,
    )  # fmt: skip


def _chance(candidate: Candidate, chance: Callable[[Candidate], float] | None) -> float:
    found = 1 - candidate.share if chance is None else chance(candidate)
    if not isinstance(found, float | int) or not 0 <= found <= 1:
        raise InvalidInput.of("chance", "must be a probability")
    return float(found)


def _times(money: Money, chance: float) -> Money:
    return Money.rounded(money.amount * Decimal(repr(chance)), money.currency)


def _some(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not int or value < 1:
        raise InvalidInput.of(attribute.name, "must be a whole number above zero")


def _asked(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise InvalidInput.of(attribute.name, "must be a function of a candidate")


@attrs.frozen(kw_only=True)
class _Weighing:
    """What every policy here weighs, and who approves what costs more than `limit`."""

    gain: Money = attrs.field(validator=an_amount)
    limit: Money = attrs.field(validator=an_amount)
    authority: str = attrs.field(default="loyalty manager", validator=text(80))
    chance: Callable[[Candidate], float] | None = attrs.field(default=None, validator=_asked)

    def __attrs_post_init__(self) -> None:
        if self.gain.currency != self.limit.currency:
            raise InvalidInput.of("limit", f"must be in {self.gain.currency}, as gain is")


@attrs.frozen(kw_only=True)
class EarlyPromotion(_Weighing):
    """Promotes who is expected to be worth it: `gain` is what a member of the higher tier brings in
    a year beyond one of the lower, times the `chance` that they live up to it (without one, the
    share that they have done already); the cost is that of the higher tier's benefits beyond those
    of their own. What costs more than `limit` needs the approval of `authority`.
    """

    name: str = attrs.field(default="early_promotion 1", validator=text(80))

    def __call__(self, candidate: Candidate, programme: Programme, at: datetime) -> Decision:
        """What it says of one candidate."""
        currency = self.gain.currency
        cost = benefit_cost(programme, candidate.towards, at=at, currency=currency)
        cost = cost - benefit_cost(programme, candidate.tier, at=at, currency=currency)
        chance = _chance(candidate, self.chance)
        told = f"lacks {candidate.share:.1%} of {candidate.towards}, with a chance of {chance:.1%}"
        return _weighed(
            candidate, at, policy=self.name, gain=_times(self.gain, chance),
            cost=cost, limit=self.limit, authority=self.authority, first=Reason("near", told),
        )  # fmt: skip


@attrs.frozen(kw_only=True)
class RetentionBonus(_Weighing):
    """Gives who is about to fall the points that are missing in the present period, up to `most`,
    where keeping them in their tier is worth it; to whom none is missing none is given. `gain` is
    what a member of the tier brings in a year beyond one of the tier below, times the `chance` that
    it keeps them (one half without a word); the cost is that of the points and of the tier's
    benefits beyond those below.
    """

    most: int = attrs.field(validator=_some)
    name: str = attrs.field(default="retention_bonus 1", validator=text(80))

    def __call__(self, candidate: Candidate, programme: Programme, at: datetime) -> Decision:
        """What it says of one candidate."""
        points, currency = candidate.missing.points, self.gain.currency
        if not points or points > self.most:
            lacks = f"more than {self.most} points" if points else "no points"
            reason = Reason("most", f"lacks {lacks} of {candidate.tier} in this period")
            return Decision(
                verdict=Verdict.REFUSE, reasons=(reason,), customer_id=candidate.customer_id,
                at=at, policy=self.name,
            )  # fmt: skip
        cost = Money.rounded(programme.point_cost * points, currency)
        cost = cost + benefit_cost(programme, candidate.tier, at=at, currency=currency)
        cost = cost - benefit_cost(programme, candidate.towards, at=at, currency=currency)
        chance = 0.5 if self.chance is None else _chance(candidate, self.chance)
        told = (
            f"lacks {points} points to stay in {candidate.tier}, and falls to {candidate.towards}"
        )
        return _weighed(
            candidate, at, policy=self.name, gain=_times(self.gain, chance),
            cost=cost, limit=self.limit, authority=self.authority, first=Reason("near", told),
        )  # fmt: skip


@attrs.frozen
class LoyaltyRound:
    """What a round decided: how many were considered, allowed (and done), refused, and wait for
    approval; how many it allowed whom the budget left out, of whom nothing is recorded; what those
    allowed cost and are expected to gain.
    """

    considered: int
    allowed: int
    refused: int
    waiting: int
    over_budget: int
    cost: Money
    value: Money


Deed = Callable[[UnitOfWork, Membership, Candidate, FactId], None]


@attrs.frozen
class _Task:
    """What a round does with those who are allowed, and within what."""

    deed: Deed
    budget: Money | None
    subject: str
    programme: str


def promote_early(
    backend: Backend,
    programme: str,
    candidates: Iterable[Candidate],
    policy: LoyaltyPolicy,
    *,
    at: datetime,
    until: datetime,
    budget: Money | None = None,
    actor: str,
) -> LoyaltyRound:
    """Put the candidates whom the policy allows into the tier that they are near, until then at
    least. Every decision is recorded, with its reasons, cost and value; once the budget is spent
    nobody more is promoted. Who cannot be promoted after all (left the programme, has reached the
    tier meanwhile) is recorded as refused, and who is no member of the programme is counted so. The
    candidates come as `near_promotion` answers them, best first where a budget binds.
    """
    until = instant(until, "until")

    def promote(
        unit: UnitOfWork, member: Membership, candidate: Candidate, decision: FactId
    ) -> None:
        unit.memberships.promote(
            member, candidate.towards, at=instant(at), until=until, decision_id=decision
        )

    return _round(backend, programme, candidates, policy, promote, at=at, budget=budget,
                  actor=actor, subject="early_promotion")  # fmt: skip


def give_retention_bonuses(
    backend: Backend,
    programme: str,
    candidates: Iterable[Candidate],
    policy: LoyaltyPolicy,
    *,
    at: datetime,
    budget: Money | None = None,
    actor: str,
) -> LoyaltyRound:
    """Give the candidates whom the policy allows the qualifying points that they lack to stay, as
    `near_fall` answers them; recorded as in `promote_early`. To keep a member from one fall it is
    given once, however often they are among the candidates: then it is refused.
    """

    def give(unit: UnitOfWork, member: Membership, candidate: Candidate, decision: FactId) -> None:
        points = candidate.missing.points
        if not points:
            raise Refused("retention_bonus.missing", "lacks no points", str(member.id))
        try:
            unit.memberships.bonus(
                member, points, at=instant(at), qualifying=True,
                of_fact=decision, reason="retention bonus",
                source_key=f"retention_bonus:{member.id}:{candidate.by.isoformat()}",
            )  # fmt: skip
        except ConflictingFact:
            raise Refused("retention_bonus.once", "was given it already", str(member.id)) from None

    return _round(backend, programme, candidates, policy, give, at=at, budget=budget,
                  actor=actor, subject="retention_bonus")  # fmt: skip


def _round(
    backend: Backend,
    programme: str,
    candidates: Iterable[Candidate],
    policy: LoyaltyPolicy,
    deed: Deed,
    *,
    at: datetime,
    budget: Money | None,
    actor: str,
    subject: str,
) -> LoyaltyRound:
    known, at, zero = _checked(backend, programme, policy, at, budget)
    found, task = LoyaltyRound(0, 0, 0, 0, 0, zero, zero), _Task(deed, budget, subject, programme)
    for page in _pages(checked_candidates(candidates)):
        decided = [(candidate, _decided(policy, candidate, known, at)) for candidate in page]
        found = backend.run(_recorded, decided, found, task, actor=actor, source="loyalty")
    return found


def _checked(
    backend: Backend, programme: str, policy: LoyaltyPolicy, at: datetime, budget: Money | None
) -> tuple[Programme, datetime, Money]:
    zero = Money.of_minor(0, backend.model.currency)
    if not callable(policy):
        raise InvalidInput.of("policy", "must be a function of a candidate")
    if budget is not None and (not isinstance(budget, Money) or budget.currency != zero.currency):
        raise InvalidInput.of("budget", f"must be Money in {zero.currency}")
    return backend.model.programme(programme), instant(at), zero


def _decided(
    policy: LoyaltyPolicy, candidate: Candidate, programme: Programme, at: datetime
) -> Decision:
    decision: object = policy(candidate, programme, at)
    if not isinstance(decision, Decision) or decision.customer_id != candidate.customer_id:
        raise InvalidInput.of("policy", "must answer a decision on the candidate it is asked of")
    return decision


def _recorded(
    unit: UnitOfWork,
    decided: Sequence[tuple[Candidate, Decision]],
    found: LoyaltyRound,
    task: _Task,
) -> LoyaltyRound:
    """The round so far with these decisions, done and recorded."""
    members = unit.memberships.get_many(candidate.membership_id for candidate, _ in decided)
    for candidate, decision in decided:
        found = attrs.evolve(found, considered=found.considered + 1)
        member = members.get(candidate.membership_id)
        if member is None or member.programme != task.programme:
            # There is nobody to record it of.
            found = attrs.evolve(found, refused=found.refused + 1)
            continue
        fact = RecordedDecision.of(decision, subject=task.subject, membership_id=member.id)
        if decision.allowed:
            cost = found.cost if decision.cost is None else found.cost + decision.cost
            if task.budget is not None and cost > task.budget:
                found = attrs.evolve(found, over_budget=found.over_budget + 1)
                continue
            try:
                task.deed(unit, member, candidate, fact.id)
            except Refused as no:
                why = Reason(no.rule, no.reason)
                fact = attrs.evolve(fact, verdict=Verdict.REFUSE, reasons=(*fact.reasons, why))
            else:
                value = found.value if decision.value is None else found.value + decision.value
                found = attrs.evolve(found, allowed=found.allowed + 1, cost=cost, value=value)
        found = attrs.evolve(
            found,
            refused=found.refused + (fact.verdict is Verdict.REFUSE),
            waiting=found.waiting + (fact.verdict is Verdict.NEEDS_APPROVAL),
        )
        unit.decisions.add(fact)
    return found


def _pages(candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    remaining = iter(candidates)
    while page := list(islice(remaining, PAGE)):
        yield page


def revoke_promotion(unit: UnitOfWork, decision_id: FactId, *, at: datetime) -> RecordedDecision:
    """Take back an early promotion, or a retention bonus, once: the member is where they would be
    without it (`uow.memberships.revoke` says of a bonus that was spent, or kept a tier already),
    and the decision that says so is recorded and answered. `NotFound` if there is no such decision,
    or nothing was done by it.
    """
    before = unit.decisions.get(FactId(as_id(decision_id, "decision_id")))
    if before.membership_id is None:
        raise InvalidInput.of("decision_id", "is about no membership")
    member = unit.memberships.get(before.membership_id)
    unit.memberships.revoke(member, before.id, at=at)
    for known in unit.decisions.of(before.customer_id):
        if known.revokes == before.id:
            return known
    return unit.decisions.add(
        RecordedDecision(
            customer_id=before.customer_id, at=at, subject=before.subject, verdict=Verdict.REFUSE,
            policy=before.policy, membership_id=before.membership_id, revokes=before.id,
            reasons=(Reason("revoked", "was taken back", (before.id,)),),
        )
    )  # fmt: skip
