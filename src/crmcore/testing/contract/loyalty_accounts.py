"""The ledger of a member as one keeps it by hand: point by point, in plain lists.

It shares no code with the library's. Each point is moved on its own: into the pile that it opens,
or to a debt; out of the pile that comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from math import ceil, floor
from uuid import UUID

import attrs

from crmcore.testing.contract.loyalty_calendar import DAY, LATE, end_of
from crmcore.testing.contract.loyalty_draws import EARLY, GIVEN, Given, Version

__all__ = [
    "Account",
    "Bought",
    "Pile",
    "Refusal",
    "worth",
]


class Refusal(Exception):
    """The library has to raise the error of this name."""


@attrs.define(eq=False)
class Pile:
    """Points of one origin; below zero a debt."""

    points: int
    earned_at: datetime
    expires_at: datetime | None = None
    pending: bool = False
    available_at: datetime | None = None
    expired: int = 0


@attrs.define(eq=False)
class Bought:
    """A purchase that was posted, and what was taken back of it."""

    total: int
    at: datetime
    gave: tuple[int, int, int]
    """Points, qualifying points and spend."""
    pile: Pile
    back: int = 0
    whole: bool = False
    taken: int = 0
    told: list[UUID] = attrs.field(factory=list)


@attrs.define(eq=False)
class Account:
    """One member's points in one programme, by all that was posted."""

    programme: str
    joined: datetime
    piles: list[Pile] = attrs.field(factory=list)
    moves: list[tuple[datetime, str, int]] = attrs.field(factory=list)
    counts: dict[datetime, tuple[int, int, int]] = attrs.field(factory=dict)
    bought: dict[UUID, Bought] = attrs.field(factory=dict)
    entered: datetime = EARLY
    closed_at: datetime | None = None

    @property
    def given(self) -> Given:
        """The programme's rules."""
        return GIVEN[self.programme]

    def sums(self, at: datetime = LATE) -> dict[str, int]:
        """The accounts as of an instant."""
        names: tuple[str, ...] = (
            "earned", "active", "pending", "spent", "expired", "reversed",
        )  # fmt: skip
        found: dict[str, int] = dict.fromkeys(names, 0)
        for when, account, points in self.moves:
            if when <= at:
                found[account] += points
        return found

    def told(self) -> list[tuple[object, ...]]:
        """The piles that are open, without their order."""
        return sorted(
            (p.earned_at, p.points, p.expires_at or LATE, p.pending, p.available_at or LATE)
            for p in self.piles
            if p.points
        )

    def move(self, at: datetime, **accounts: int) -> None:
        """Book so many points of these accounts."""
        self.moves += [(at, name, points) for name, points in accounts.items()]
        self.entered = max(self.entered, at)

    def pour(self, pile: Pile, points: int) -> None:
        """Active points into a pile, one by one; what is owed is paid first."""
        for _ in range(points):
            owing = [other for other in self.piles if other.points < 0]
            (owing[0] if owing else pile).points += 1

    def fall_due(self, at: datetime) -> None:
        """Release and expire, one pile at a time, each when it was due."""
        while True:
            due = [
                (when, expires, place)
                for place, pile in enumerate(self.piles)
                for when, expires in ((pile.available_at, 0), (pile.expires_at, 1))
                if pile.points > 0 and when is not None and when <= at
                and (expires or pile.pending)
            ]  # fmt: skip
            if not due:
                return
            when, expires, place = min(due)
            if expires:
                self.expire(self.piles[place], when)
            else:
                self.release(self.piles[place], when)

    def expire(self, pile: Pile, at: datetime) -> None:
        """All of a pile is gone."""
        where = "pending" if pile.pending else "active"
        self.move(at, **{where: -pile.points, "expired": pile.points})
        pile.expired += pile.points
        pile.points = 0

    def release(self, pile: Pile, at: datetime) -> None:
        """All of a pile becomes active."""
        points, pile.points, pile.pending, pile.available_at = pile.points, 0, False, None
        self.move(at, pending=-points, active=points)
        self.pour(pile, points)

    def forward(self, at: datetime) -> None:
        """What falls due until then; earlier than the latest entry is refused."""
        if at < self.entered:
            raise Refusal("Refused")
        self.fall_due(at)

    def gain(
        self,
        points: int,
        at: datetime,
        *,
        waits: bool = False,
        counts: tuple[int, int, int] = (0, 0, 0),
        expires_at: datetime | None = None,
    ) -> Pile:
        """So many more points."""
        if at >= self.entered:
            self.fall_due(at)
        known = self.given.at(at)
        release, days = known.release
        end = expires_at or end_of(self.given, known.expiry, at, self.joined)
        waits = waits and release != "immediately"
        pile = Pile(0, at, None if end == LATE else end, waits)
        if waits and days is not None:
            pile.available_at = at + days * DAY
        self.piles.append(pile)
        if waits:
            pile.points = points
        else:
            self.pour(pile, points)
        self.move(at, earned=points, **{"pending" if waits else "active": points})
        self.count(at, counts)
        return pile

    def count(self, at: datetime, counts: Sequence[int], sign: int = 1) -> None:
        """What counts for a tier, by when it was earned."""
        a, b, c = self.counts.get(at, (0, 0, 0))
        self.counts[at] = (a + sign * counts[0], b + sign * counts[1], c + sign * counts[2])

    def first(self, known: Version) -> Pile | None:
        """The pile that is taken from first; `None` where nothing is active."""
        soon = known.redeems == "soonest_expiring"
        return min(
            (pile for pile in self.piles if pile.points > 0 and not pile.pending),
            key=lambda pile: (
                ((pile.expires_at or LATE), pile.earned_at)
                if soon
                else (pile.earned_at, (pile.expires_at or LATE))
            ),
            default=None,
        )

    def take(self, points: int, at: datetime, account: str) -> list[Pile]:
        """Spend, or give away, so many active points; whence each of them."""
        self.forward(at)
        known, whence = self.given.at(at), list[Pile]()
        for _ in range(points):
            pile = self.first(known)
            if pile is None:
                raise Refusal("Refused")
            pile.points -= 1
            whence.append(pile)
        # What is given away or corrected was never earned.
        self.move(at, active=-points, **{account: -points if account == "earned" else points})
        return whence

    def earn(self, order: UUID, total: int, at: datetime, tier: str) -> bool:
        """Post a purchase; was it new?"""
        if order in self.bought or at < self.joined or self.closed_at is not None:
            return False
        points, qualifying = worth(self.given.at(at), total, tier)
        pile = self.gain(points, at, waits=True, counts=(qualifying, total, 1))
        self.bought[order] = Bought(total, at, (points, qualifying, total), pile)
        return True

    def give_back(self, order: UUID, fact: UUID, amount: int | None, at: datetime) -> bool:
        """Post a return of so much, or the cancellation; did it change anything?"""
        bought = self.bought[order]
        if fact in bought.told or self.closed_at is not None:
            return False
        bought.told.append(fact)
        at = max(at, bought.at)
        if at >= self.entered:
            self.fall_due(at)
        before, was_whole = bought.back, bought.whole
        bought.back = bought.total if amount is None else min(bought.total, before + amount)
        bought.whole = was_whole or bought.back == bought.total
        points, qualifying, spend = (
            0 if was_whole
            else value - _half_up(value, before, bought.total) if bought.whole
            else _half_up(value, bought.back, bought.total) - _half_up(value, before, bought.total)
            for value in bought.gave
        )  # fmt: skip
        points = max(0, min(points, bought.gave[0] - bought.pile.expired - bought.taken))
        whence = [self._taken_back(bought.pile, at) for _ in range(points)]
        active, pending = whence.count("active"), whence.count("pending")
        bought.taken += active + pending
        self.move(at, active=-active, pending=-pending, reversed=active + pending)
        purchases = int(bought.whole and not was_whole)
        self.count(bought.at, (qualifying, spend, purchases), -1)
        return True

    def _taken_back(self, own: Pile, at: datetime) -> str | None:
        """Take one point back, and say where it was."""
        known = self.given.at(at)
        if own.points > 0 and own.pending:
            own.points -= 1
            return "pending"
        if known.returns == "only_pending":
            return None
        pile = own if own.points > 0 else self.first(known)
        if pile is not None:
            pile.points -= 1
        elif known.returns == "within_balance":
            return None
        else:
            self._owed(at).points -= 1
        return "active"

    def _owed(self, at: datetime) -> Pile:
        """The debt of this instant."""
        for pile in self.piles:
            if pile.earned_at == at and pile.points < 0:
                return pile
        self.piles.append(Pile(0, at))
        return self.piles[-1]

    def close(self, at: datetime) -> None:
        """Everything ends; what is owed is written off."""
        self.forward(at)
        for pile in self.piles:
            if pile.points > 0:
                self.expire(pile, at)
            elif pile.points < 0:
                self.move(at, active=-pile.points, earned=-pile.points)
                pile.points = 0
        self.closed_at = at


def worth(known: Version, total: int, tier: str) -> tuple[int, int]:
    """What a purchase of so many cents gives: points, and those that qualify."""
    points = qualifying = Fraction(0)
    for rule in known.earning:
        if rule.tiers and tier not in rule.tiers:
            continue
        more = also = rule.points * (Fraction(total, 100) if rule.of == "euro" else 1)
        if rule.of == "times":
            more, also = points * (rule.points - 1), qualifying * (rule.points - 1)
        if rule.cap is not None:
            more, also = min(more, Fraction(rule.cap)), min(also, Fraction(rule.cap))
        points, qualifying = points + more, qualifying + (also if rule.qualifying else 0)
    rounded = {"down": floor, "up": ceil, "half_up": lambda value: floor(value + Fraction(1, 2))}
    return rounded[known.rounding](points), rounded[known.rounding](qualifying)


def _half_up(value: int, part: int, whole: int) -> int:
    return floor(Fraction(value * part, whole) + Fraction(1, 2)) if whole else 0
