"""Standing: which tier a member is in, by what they earned and as time passes (S40, S43).

One function says it for what happened and for what will happen: `advance` appends the steps until
now, `project` tells the steps until a later instant, so a projection without further activity is
what then comes about (O4).

Every purchase that reaches a tier within its period entitles to it from then to the tier's end,
and a member has the highest tier that they are entitled to. Once given, a tier is kept to its end,
whatever comes back later. At its end it is renewed, or after the grace it falls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import inf
from operator import itemgetter, lt
from typing import NamedTuple
from uuid import UUID

import attrs

from crmcore.domain.instants import LATEST, MILLISECOND, instant, start_of, zone_named
from crmcore.domain.membership import Membership, TierChange, TierReason
from crmcore.domain.periods import Fixed, Rolling
from crmcore.domain.points import PointsEntry
from crmcore.domain.programme import Downgrade, Programme, Rules

__all__ = [
    "Count", "Entitlement", "Standing", "Step", "Sums", "behind", "counted", "counts_of",
    "entitled", "entitlements", "period_sums", "standing",
]  # fmt: skip


Count = tuple[datetime, int, int, int]
"""What counts for a tier: when it was earned; points, spend in minor units, purchases. A tuple, for
of a base that is advanced there are as many as entries.
"""

AT: Callable[[Count], datetime] = itemgetter(0)


@attrs.frozen
class Sums:
    """What counts for a tier: points, spend in minor units, purchases."""

    points: int = 0
    spend: int = 0
    purchases: int = 0

    def plus(self, other: Sums, times: int = 1) -> Sums:
        """Both together."""
        return Sums(
            self.points + times * other.points,
            self.spend + times * other.spend,
            self.purchases + times * other.purchases,
        )

    def rank(self, rules: Rules) -> int:
        """The place of the highest tier that they reach."""
        return rules.rank_reached(self.points, self.spend, self.purchases)


class Entitlement(NamedTuple):
    """To the tier at this place, from `since` to before `until`."""

    since: datetime
    until: datetime
    rank: int


@attrs.frozen
class Step:
    """A tier that is entered or kept, at an instant, until when at least, and why. Who falls into
    the grace of a lower tier enters it behind its `until`.
    """

    tier: str
    at: datetime
    until: datetime
    reason: TierReason


@attrs.frozen
class Standing:
    """The tier, since when and until when at least; the steps that led there from what is stored;
    and when something falls due next, if nothing happens.
    """

    tier: str
    since: datetime
    until: datetime
    steps: tuple[Step, ...]
    due_at: datetime


def counts_of(entries: Iterable[PointsEntry]) -> dict[UUID, list[Count]]:
    """By membership, what counts of these entries for a tier."""
    found: dict[UUID, list[Count]] = {}
    for entry in entries:
        if entry.qualifying or entry.spend or entry.purchases:
            own = (entry.qualifies_at, entry.qualifying, entry.spend, entry.purchases)
            found.setdefault(entry.membership_id, []).append(own)
    return found


def counted(counts: Iterable[Count]) -> list[Count]:
    """What counts for a tier, by when it was earned: returns are taken out of there, and what came
    back whole is as if it never was.
    """
    known = sorted(counts, key=AT)
    instants = list(map(AT, known))
    if not all(map(lt, instants, instants[1:])):
        found: dict[datetime, Count] = {}
        for own in known:
            before = found.get(own[0])
            found[own[0]] = own if before is None else _both(before, own)
        known = list(found.values())
    return [own for own in known if own[1] or own[2] or own[3]]


def _both(one: Count, other: Count) -> Count:
    return (one[0], one[1] + other[1], one[2] + other[2], one[3] + other[3])


def entitlements(
    programme: Programme, joined: datetime, earned: Sequence[Count]
) -> list[Entitlement]:
    """To which tiers, from when to when, what was earned entitles; to the lowest nobody needs it.

    What was earned before the first rules, or before joining, counts by the first rules; what was
    earned in a period before it was one, under the rules of another window, counts in it too. Of
    those that end together only the first that reaches a tier is told.
    """
    found: list[Entitlement] = []
    rules, begin, end, until = None, LATEST, LATEST, None
    alone = programme.rules[0] if len(programme.rules) == 1 else None
    points = spend = purchases = reached = 0
    of_points = of_spend = of_purchases = inf
    for place, (at, more_points, more_spend, more_purchases) in enumerate(earned):
        held = alone or programme.rules_from(at)
        if held is not rules or not begin <= at < end:
            if isinstance(held.window, Rolling):
                rules = None
                if held.tier_expiry is not None:
                    sums = _rolling(programme, held.window, earned[: place + 1], at)
                    if rank := held.rank_reached(sums.points, sums.spend, sums.purchases):
                        found.append(Entitlement(at, _end(programme, held, at, joined), rank))
                continue
            rules = held
            begin, end = held.window.period(at, joined, programme.zone)
            if begin == end:
                rules = None
                continue
            _, points, spend, purchases = _since(begin, earned, place)
            reached, until = 0, None
            of_points, of_spend, of_purchases = held.least_above(reached)
        points += more_points
        spend += more_spend
        purchases += more_purchases
        if points < of_points and spend < of_spend and purchases < of_purchases:
            continue
        rank = held.rank_reached(points, spend, purchases)
        if until is None:
            until = _end(programme, held, at, joined)
        found.append(Entitlement(at, until, rank))
        if held.tier_expiry is not None and held.tier_expiry.months is None:
            reached = rank
            of_points, of_spend, of_purchases = held.least_above(reached)
        else:
            until = None
    return [*found, *_while_it_holds(programme, earned)]


def _end(programme: Programme, rules: Rules, at: datetime, joined: datetime) -> datetime:
    """When a tier ends that is reached at `at`."""
    if rules.tier_expiry is None:
        return LATEST
    return rules.tier_expiry.end(at, window=rules.window, joined=joined, zone=programme.zone)


def _since(begin: datetime, earned: Sequence[Count], place: int) -> Count:
    """What was earned from `begin` on and stands before this place, together."""
    held = (begin, 0, 0, 0)
    while place and earned[place - 1][0] >= begin:
        place -= 1
        held = _both(held, earned[place])
    return held


def _rolling(programme: Programme, window: Rolling, earned: Sequence[Count], at: datetime) -> Sums:
    total = Sums()
    for earlier, *own in reversed(earned):
        if window.leaves(earlier, programme.zone) <= at:
            break
        total = total.plus(Sums(*own))
    return total


def _while_it_holds(programme: Programme, earned: Sequence[Count]) -> Iterator[Entitlement]:
    """With a rolling window and no expiry: each stretch in which the window's sums reach a tier. By
    the rules of each version those from the first that was earned under it, without what is earned
    under later ones.
    """
    for rules in programme.rules:
        if isinstance(rules.window, Rolling) and rules.tier_expiry is None:
            under = [at for at, *_ in earned if programme.rules_from(at) is rules]
            if under:
                known = [own for own in earned if own[0] <= under[-1]]
                yield from _stretches(rules, rules.window, known, under[0], programme.zone)


def _stretches(
    rules: Rules, window: Rolling, earned: Sequence[Count], first: datetime, zone: str
) -> Iterator[Entitlement]:
    events: list[tuple[datetime, Sums, int]] = []
    for at, *more in earned:
        own = Sums(*more)
        events += [(at, own, 1), (window.leaves(at, zone), own, -1)]
    events.sort(key=lambda event: event[0])
    total = Sums()
    for (at, own, sign), (until, *_) in pairwise(events):
        total = total.plus(own, sign)
        if first <= at < until and (rank := total.rank(rules)):
            yield Entitlement(at, until, rank)


def period_sums(
    programme: Programme, membership: Membership, counts: Iterable[Count], at: datetime
) -> tuple[Sums, datetime]:
    """What counts at `at` in the period that it lies in, and when that period ends; a rolling one
    does not.
    """
    rules, total = programme.rules_from(at), Sums()
    earned = [own for own in counted(counts) if own[0] <= at]
    if isinstance(rules.window, Rolling):
        return _rolling(programme, rules.window, earned, at), LATEST
    begin, end = rules.window.period(at, membership.at, programme.zone)
    for e, *own in earned:
        if begin <= e < end:
            total = total.plus(Sums(*own))
    return total, end


def standing(
    programme: Programme,
    membership: Membership,
    counts: Iterable[Count],
    changes: Iterable[TierChange],
    *,
    at: datetime,
) -> Standing:
    """The tier of a member at `at`, from the last of their tier changes on, by all that counts of
    what they earned. What was given is kept to its end, unless it was revoked. Two changes are
    never of one instant: one that comes about with another is dated right behind it.
    """
    changes = list(changes)
    rights = _rights(programme, membership, counts, changes)
    last = max((change.at for change in changes), default=membership.tier_since)
    rank, since, until = (
        programme.rank_of(membership.tier), membership.tier_since, membership.tier_until
    )  # fmt: skip
    steps: list[Step] = []

    def step(reached: int, when: datetime, end: datetime, reason: TierReason) -> None:
        nonlocal rank, since, until
        since = when if reached != rank else since
        rank, until = reached, end if reached else LATEST
        if rank:
            rights.append(Entitlement(when, until, rank))
        steps.append(Step(programme.tiers[rank], when, until, reason))

    while True:
        last = steps[-1].at if steps else last
        rise = _next_rise(rights, rank, last)
        if rise is not None and rise <= at and (rank == 0 or rise <= until):
            reached = _rank_at(rights, rise)
            step(reached, rise, _kept(programme, rights, reached, rise), TierReason.QUALIFIED)
            continue
        if rank == 0 or until > at or until == LATEST:
            due_at = min(until if rank else LATEST, rise or LATEST)
            return Standing(programme.tiers[rank], since, until, tuple(steps), due_at)
        fall = _after_grace(programme, until)
        again = _again(rights, rank, max(until, last + MILLISECOND), fall)
        if again is not None and again <= at:
            reached = max(rank, _rank_at(rights, again))
            step(reached, again, _kept(programme, rights, reached, again), _reason(reached, rank))
            continue
        if fall > at:
            due_at = min(fall, again or fall)
            return Standing(programme.tiers[rank], since, until, tuple(steps), due_at)
        reached, end = _fallen(programme, rights, rank, fall)
        if programme.rules_from(fall).downgrade is Downgrade.ONE_DOWN:
            end = max(end, _a_period(programme, membership.at, fall))
        step(reached, fall, end, _reason(reached, rank))


def behind(changes: Iterable[TierChange], at: datetime) -> datetime | None:
    """`at`, or right behind it where the last change is of that instant; `None` if it is later."""
    last = max((change.at for change in changes), default=None)
    if last is None or last < at:
        return at
    return at + MILLISECOND if last == at < LATEST else None


def entitled(
    programme: Programme,
    membership: Membership,
    counts: Iterable[Count],
    changes: Iterable[TierChange],
    *,
    at: datetime,
) -> tuple[str, datetime]:
    """The tier that somebody is entitled to at `at`, whatever they are in, and until when."""
    rank, until = _lasting(programme, _rights(programme, membership, counts, changes), at)
    return programme.tiers[rank], until


def _rights(
    programme: Programme,
    membership: Membership,
    counts: Iterable[Count],
    changes: Iterable[TierChange],
) -> list[Entitlement]:
    """By what was earned, and by the tier changes that hold still: a revoked one gives nothing."""
    known = list(changes)
    revoked = {c.decision_id for c in known if c.reason is TierReason.REVOKED}
    given = (c for c in known if c.decision_id is None or c.decision_id not in revoked)
    return [
        *entitlements(programme, membership.at, counted(counts)),
        *(
            Entitlement(change.at, change.until, rank)
            for change in given
            if (rank := programme.rank_of(change.tier))
        ),
    ]


def _reason(reached: int, rank: int) -> TierReason:
    if reached == rank:
        return TierReason.RENEWED
    return TierReason.LOWERED if reached < rank else TierReason.QUALIFIED


def _rank_at(rights: Iterable[Entitlement], at: datetime) -> int:
    return max((r.rank for r in rights if r.since <= at < r.until), default=0)


def _next_rise(rights: Iterable[Entitlement], rank: int, last: datetime) -> datetime | None:
    """When first, behind the last change, somebody is entitled to a higher tier."""
    if last == LATEST:
        return None
    first = last + MILLISECOND
    found = (max(r.since, first) for r in rights if r.rank > rank and r.until > first)
    return min(found, default=None)


def _again(
    rights: Iterable[Entitlement], rank: int, until: datetime, fall: datetime
) -> datetime | None:
    """When, from the end of a tier to the end of its grace, somebody is entitled to it again."""
    found = (max(r.since, until) for r in rights if r.rank >= rank and r.until > until)
    return min((at for at in found if at == until or at < fall), default=None)


def _kept(programme: Programme, rights: Sequence[Entitlement], rank: int, at: datetime) -> datetime:
    """Until when somebody is entitled to this tier or a higher one, without a gap, from `at` on."""
    if rank and programme.rules_from(at).downgrade is Downgrade.NONE:
        return LATEST
    end, before = at, None
    while end != before:
        before = end
        end = max(
            (r.until for r in rights if r.rank >= rank and r.since <= end < r.until), default=end
        )
    return end


def _after_grace(programme: Programme, until: datetime) -> datetime:
    days = programme.rules_from(until).grace
    if not days:
        return until
    if until.year >= 9980:
        return LATEST
    local = until.astimezone(zone_named(programme.zone))
    begin = start_of(local.date(), zone=programme.zone)
    return instant(start_of(local.date() + timedelta(days=days), zone=programme.zone)) + (
        until - begin
    )


def _lasting(
    programme: Programme, rights: Sequence[Entitlement], at: datetime, least: int = 0
) -> tuple[int, datetime]:
    """The highest tier, but not below `least`, that somebody is entitled to at `at` or was so
    lately that its own grace lasts; and until when.
    """
    lasting = [r for r in rights if r.since <= at < _after_grace(programme, r.until)]
    rank = max(least, max((r.rank for r in lasting), default=0))
    if rank == 0:
        return 0, LATEST
    until = _kept(programme, rights, rank, at)
    if until == at:
        until = max((r.until for r in lasting if r.rank >= rank), default=at)
    return rank, until


def _fallen(
    programme: Programme, rights: Sequence[Entitlement], rank: int, at: datetime
) -> tuple[int, datetime]:
    """Where somebody falls whose grace is over, and until when they have that."""
    downgrade = programme.rules_from(at).downgrade
    least = {Downgrade.NONE: rank, Downgrade.ONE_DOWN: rank - 1}.get(downgrade, 0)
    return _lasting(programme, rights, at, least)


def _a_period(programme: Programme, joined: datetime, at: datetime) -> datetime:
    """How long a tier one step down is kept at least: as one that is reached at `at`."""
    rules = programme.rules_from(at)
    if rules.tier_expiry is None and isinstance(rules.window, Rolling):
        return rules.window.leaves(at, programme.zone)
    return LATEST if isinstance(rules.window, Fixed) else _end(programme, rules, at, joined)
