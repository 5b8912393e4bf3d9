"""The tier of a member as one reckons it by hand: instant after instant, from scratch each time."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import attrs

from crmcore.testing.contract.loyalty_accounts import Account, Refusal
from crmcore.testing.contract.loyalty_calendar import LATE, days_later, end_of, leaves, period
from crmcore.testing.contract.loyalty_draws import Version

__all__ = [
    "TICK",
    "Change",
    "Held",
    "entitled",
    "reached",
]

TICK = timedelta(milliseconds=1)
Right = tuple[datetime, datetime, int]


@attrs.frozen
class Change:
    """A tier that was entered, or is kept for longer."""

    at: datetime
    rank: int
    until: datetime
    reason: str
    decision: UUID | None = None


@attrs.define(eq=False)
class Held:
    """One member's tier, by all the changes that were posted."""

    account: Account
    changes: list[Change]
    rank: int = 0
    since: datetime = LATE
    until: datetime = LATE

    @classmethod
    def enrolled(cls, account: Account) -> Held:
        """In the lowest tier since they joined."""
        return cls(account, [Change(account.joined, 0, LATE, "enrolled")], since=account.joined)

    @property
    def last(self) -> datetime:
        """When the latest change was."""
        return max(change.at for change in self.changes)

    @property
    def fall(self) -> datetime:
        """When the tier is lost, unless something happens."""
        if not self.rank or self.until == LATE:
            return LATE
        given = self.account.given
        return days_later(self.until, given.at(self.until).grace, given.zone)

    def advance(self, to: datetime) -> None:
        """Every change that comes about until then, one after another."""
        earned = self.earned()
        while (change := self._next(earned, to)) is not None:
            self.put(change)

    def as_of(self, to: datetime) -> int:
        """The rank that was, or that `advance` would come to; nothing is changed."""
        if to < self.last:
            before = [change.rank for change in self.changes if change.at <= to]
            return before[-1] if before else 0
        then = Held(self.account, [*self.changes], self.rank, self.since, self.until)
        then.advance(to)
        return then.rank

    def put(self, change: Change) -> None:
        """This change comes about."""
        self.changes.append(change)
        if change.rank != self.rank:
            self.since = change.at
        self.rank, self.until = change.rank, change.until

    def promote(self, rank: int, at: datetime, until: datetime, decision: UUID | None) -> None:
        """Somebody puts the member higher."""
        self.advance(at)
        if rank <= self.rank or at < self.last or until <= at:
            raise Refusal("Refused")
        self.put(Change(max(at, self.last + TICK), rank, until, "promoted", decision))

    def revoke(self, decision: UUID, at: datetime) -> bool:
        """A promotion is taken back; `False` if it was already."""
        if not any(change.decision == decision for change in self.changes):
            raise Refusal("NotFound")
        if any(c.decision == decision and c.reason == "revoked" for c in self.changes):
            return False
        self.advance(at)
        if at < self.last:
            raise Refusal("Refused")
        at = max(at, self.last + TICK)
        rights = self.rights(self.earned(), without=decision)
        rank = self.lasting(rights, at)
        end = self.end(rights, rank, at) if rank else LATE
        self.put(Change(at, rank, end, "revoked", decision))
        return True

    def _next(self, earned: list[Right], to: datetime) -> Change | None:
        rights, fall = self.rights(earned), self.fall
        moments = {self.last + TICK, self.until, fall}
        moments |= {at for since, until, _ in rights for at in (since, until)}
        for at in sorted(at for at in moments if self.last < at <= to):
            now = entitled(rights, at)
            if now > self.rank and (not self.rank or at <= self.until or at < fall):
                return Change(at, now, self.kept(rights, now, at), "qualified")
            if not self.rank or at < self.until or self.until == LATE:
                continue
            if now >= self.rank and (at == self.until or at < fall):
                return Change(at, self.rank, self.kept(rights, self.rank, at), "renewed")
            if at >= fall:
                return self._fallen(rights, at)
        return None

    def _fallen(self, rights: list[Right], at: datetime) -> Change:
        known, now = self.account.given.at(at), self.lasting(rights, at)
        least = {"none": self.rank, "one_down": self.rank - 1}.get(known.downgrade, 0)
        rank = max(least, now)
        end = self.end(rights, rank, at)
        if known.downgrade == "one_down":
            end = max(end, self._one_more(known, at))
        reason = "lowered" if rank < self.rank else "renewed" if rank == self.rank else "qualified"
        return Change(at, rank, end if rank else LATE, reason)

    def _one_more(self, known: Version, at: datetime) -> datetime:
        given = self.account.given
        if known.tier_expiry is None:
            return leaves(at, known.window[1], given.zone)
        if known.window[0] == "fixed":
            return LATE
        return end_of(given, known.tier_expiry, at, self.account.joined)

    def kept(self, rights: list[Right], rank: int, at: datetime) -> datetime:
        """The first instant at which nothing entitles to that rank any more."""
        if rank and self.account.given.at(at).downgrade == "none":
            return LATE
        ends = sorted({at} | {until for _, until, _ in rights if until > at} | {LATE})
        return next(end for end in ends if end == LATE or entitled(rights, end) < rank)

    def lasting(self, rights: list[Right], at: datetime) -> int:
        """To which rank, if every right lasts as many days longer as the grace of its end."""
        given = self.account.given
        longer = [
            (since, days_later(until, given.at(until).grace, given.zone), rank)
            for since, until, rank in rights
            if until < LATE
        ]
        return max(entitled(rights, at), entitled(longer, at))

    def end(self, rights: list[Right], rank: int, at: datetime) -> datetime:
        """Until when they have that rank: who is in its grace already, until that began."""
        if entitled(rights, at) >= rank or self.account.given.at(at).downgrade == "none":
            return self.kept(rights, rank, at)
        last = [right for right in rights if right[2] >= rank and self.lasting([right], at)]
        return max((until for _, until, _ in last), default=at)

    def rights(self, earned: list[Right], without: UUID | None = None) -> list[Right]:
        """From when to when what was earned, and what was given, entitles to which rank."""
        gone = {c.decision for c in self.changes if c.reason == "revoked"} | {without}
        given = [c for c in self.changes if c.decision is None or c.decision not in gone]
        return [*earned, *((c.at, c.until, c.rank) for c in given if c.rank)]

    def earned(self) -> list[Right]:
        """From when to when what was earned entitles to which rank."""
        account, found = self.account, list[Right]()
        counts = {at: own for at, own in account.counts.items() if any(own)}
        zone = account.given.zone
        for at in counts:
            known, left = account.given.at(at), dict[datetime, datetime]()
            if known.window[0] == "rolling":
                left = {q: leaves(q, known.window[1], zone) for q in counts if q <= at}
                within = [q for q in left if at < left[q]]
            else:
                bounds = period(known, at, account.joined, zone)
                within = [q for q in counts if bounds and bounds[0] <= q <= at]
            if known.tier_expiry is not None:
                end = end_of(account.given, known.tier_expiry, at, account.joined)
                found.append((at, end, reached(known, [counts[q] for q in within])))
                continue
            while within:
                end = min(left[q] for q in within)
                found.append((at, end, reached(known, [counts[q] for q in within])))
                within = [q for q in within if left[q] > end]
        return [right for right in found if right[2]]


def entitled(rights: list[Right], at: datetime) -> int:
    """To which rank, then."""
    return max((rank for since, until, rank in rights if since <= at < until), default=0)


def reached(known: Version, counts: list[tuple[int, int, int]]) -> int:
    """The highest tier of which these sums are enough for one of the things that it asks."""
    sums = [sum(own[place] for own in counts) for place in range(3)]
    return max(
        rank
        for rank, (_, *asked) in enumerate(known.tiers)
        if not rank or any(a is not None and s >= a for s, a in zip(sums, asked, strict=True))
    )
