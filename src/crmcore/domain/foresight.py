"""Foresight: a member's tier and points at a later instant, and what is missing (S41, S43)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from operator import attrgetter

import attrs

from crmcore.domain import ledger
from crmcore.domain.earning import earned
from crmcore.domain.ids import FactId
from crmcore.domain.instants import LATEST
from crmcore.domain.ledger import Posting
from crmcore.domain.membership import Membership, TierChange
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.points import Movement
from crmcore.domain.programme import Programme, Rules
from crmcore.domain.standing import Count, Standing, Step, Sums, counts_of, period_sums, standing

__all__ = ["Missing", "Projection", "missing", "projection", "tier_at"]


@attrs.frozen
class Missing:
    """What is missing to a tier in the present period: any one of these is enough; `None` where
    the tier does not go by it.
    """

    tier: str
    points: int | None
    spend: Money | None
    purchases: int | None


@attrs.frozen
class Projection:
    """A member at a later instant.

    `tier` and `points` are what they will have; `steps` the tier changes on the way; `counts` what
    counts for a tier at that instant in its period, which ends at `period_ends`. `to_next` is what
    is missing to the tier above, `to_stay` to the same one; `falls_at` is when they fall without
    further activity, to `falls_to`. Of a membership that is closed nothing is missing and nothing
    comes: it stays as it ended.
    """

    at: datetime
    tier: str
    until: datetime
    points: int
    steps: tuple[Step, ...]
    counts: Sums
    period_ends: datetime
    to_next: Missing | None
    to_stay: Missing | None
    falls_at: datetime | None
    falls_to: str | None


def missing(rules: Rules, rank: int, counts: Sums, currency: str) -> Missing | None:
    """What is missing to the tier at this place; `None` for the lowest, or where there is none."""
    if not 0 < rank < len(rules.tiers):
        return None
    tier = rules.tiers[rank]
    if tier.reached(counts.points, counts.spend, counts.purchases):
        none = Money.of_minor(0, currency)
        return Missing(
            tier.name,
            None if tier.points is None else 0,
            None if tier.spend is None else none,
            None if tier.purchases is None else 0,
        )
    return Missing(
        tier.name,
        None if tier.points is None else tier.points - counts.points,
        None if tier.spend is None else Money.of_minor(tier.spend.minor - counts.spend, currency),
        None if tier.purchases is None else tier.purchases - counts.purchases,
    )


def tier_at(
    programme: Programme,
    member: Membership,
    counts: Iterable[Count],
    changes: Collection[TierChange],
    *,
    at: datetime,
) -> str:
    """The tier that a member was in, is in, or will be in at `at`, which is not before they joined;
    `changes` are all of their tier changes.
    """
    if at < member.tier_since:
        before = [change for change in changes if change.at <= at]
        return max(before, key=attrgetter("at")).tier if before else programme.tiers[0]
    return standing(programme, member, counts, changes, at=at).tier


def projection(
    programme: Programme,
    member: Membership,
    counts: Sequence[Count],
    changes: Iterable[TierChange],
    *,
    at: datetime,
    currency: str,
    planned: Iterable[tuple[Order, Money]] = (),
) -> Projection:
    """What a member's tier and points will be at `at`, by what they earned that counts for a tier
    and the tier `changes` that hold still; `planned` are purchases of theirs since joining, until
    `at` and not posted, with what each is worth in the model's currency.
    """
    known, changes = list(counts), list(changes)
    if not member.is_open:
        sums, ends = period_sums(programme, member, known, at)
        return Projection(
            at, member.tier, member.tier_until, member.points, (), sums, ends,
            None, None, None, None,
        )  # fmt: skip
    posting = Posting(member, ())
    for order, worth in sorted(planned, key=lambda plan: plan[0].at):
        rules = programme.rules_from(order.at)
        tier = tier_at(programme, member, known, changes, at=order.at)
        given = earned(order, worth, tier, rules.earning, rules.rounding)
        posting = posting.then(
            ledger.gain(
                programme,
                posting.membership,
                given.points,
                at=order.at,
                of_fact=FactId(order.id),
                movement=Movement.EARN,
                counts=Sums(given.qualifying, worth.minor, 1),
            )
        )
        known = [*counts, *counts_of(posting.entries).get(member.id, ())]
    posting = posting.then(ledger.fallen_due(programme, posting.membership, at))
    then = standing(programme, member, known, changes, at=at)
    rules, rank = programme.rules_from(at), programme.rank_of(then.tier)
    sums, ends = period_sums(programme, member, known, at)
    falls_at, falls_to = _fall(
        programme, then, at, lambda when: standing(programme, member, known, changes, at=when)
    )
    return Projection(
        at, then.tier, then.until, posting.membership.points, then.steps, sums, ends,
        missing(rules, rank + 1, sums, currency), missing(rules, rank, sums, currency),
        falls_at, falls_to,
    )  # fmt: skip


def _fall(
    programme: Programme, then: Standing, at: datetime, later: Callable[[datetime], Standing]
) -> tuple[datetime | None, str | None]:
    """When, behind `at`, they first fall below that tier without further activity, and where."""
    rank, due = programme.rank_of(then.tier), then.due_at
    while rank and due < LATEST:
        found = later(due)
        for step in found.steps:
            if step.at > at and programme.rank_of(step.tier) < rank:
                return step.at, step.tier
        if found.due_at <= due:
            break
        due = found.due_at
    return None, None
