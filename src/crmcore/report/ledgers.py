"""The ledgers of a programme as columns: what was posted by month, and the lots that are open."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.domain.instants import to_millis
from crmcore.domain.money import Money
from crmcore.domain.points import GAINS, TAKEN, Movement
from crmcore.domain.ports import Backend
from crmcore.domain.programme import Programme
from crmcore.report.periods import months_of
from crmcore.report.purchases import local_days_of

__all__ = ["ACCOUNTS", "Ledgers"]

ACCOUNTS = ("earned", "spent", "expired", "reversed")
"""Into which of them an entry counts; what is released stays in the ledger."""
NEVER = to_millis(datetime(9998, 1, 1, tzinfo=UTC))
"""Whatever ends later never does."""


@attrs.define
class _Lots:
    """Collects what entries did to lots: by part the lot, its points, and when it ends if told."""

    ids: list[bytes] = attrs.field(factory=list)
    points: list[int] = attrs.field(factory=list)
    ends: list[int] = attrs.field(factory=list)
    parts: list[tuple[IntArray, IntArray, IntArray]] = attrs.field(factory=list)

    def add(self, id: bytes, points: int, end: int = NEVER) -> None:
        self.ids.append(id)
        self.points.append(points)
        self.ends.append(end)

    def pack(self) -> None:
        """What was added since as arrays, which take a fifth of the room."""
        ids = np.frombuffer(b"".join(self.ids), ">u8").reshape(-1, 2).astype(np.int64)
        self.parts.append((ids, np.array(self.points, np.int64), np.array(self.ends, np.int64)))
        self.ids, self.points, self.ends = [], [], []

    def left(self) -> tuple[IntArray, IntArray]:
        """By lot, the points that are left in it, and when it ends."""
        ids = np.concatenate([np.empty((0, 2), np.int64), *(part[0] for part in self.parts)])
        points, ends = (
            np.concatenate([np.empty(0, np.int64), *(part[n] for part in self.parts)])
            for n in (1, 2)
        )
        order = np.lexsort((ids[:, 1], ids[:, 0]))
        fresh = np.ones(len(order), bool)
        fresh[1:] = np.any(np.diff(ids[order], axis=0) != 0, axis=1)
        opens = np.flatnonzero(fresh)
        if not len(opens):
            return points, ends
        return np.add.reduceat(points[order], opens), np.minimum.reduceat(ends[order], opens)


@attrs.frozen(kw_only=True, eq=False)
class Ledgers:
    """What was posted to a programme before an instant: by account and month (since January 1970,
    in the programme's zone) so many points; and the open lots by the month in which they expire,
    `None` for those that never do, debts among them.
    """

    programme: Programme
    posted: dict[str, dict[int, int]]
    ending: dict[int | None, int]

    @classmethod
    def read(cls, backend: Backend, *, before: datetime) -> dict[str, Ledgers]:
        """Of every programme, in one pass over the entries."""
        posted: dict[str, dict[str, Counter[int]]] = {
            p.name: {account: Counter() for account in ACCOUNTS} for p in backend.model.programmes
        }
        lots = {programme.name: _Lots() for programme in backend.model.programmes}
        zones = {programme.name: programme.zone for programme in backend.model.programmes}
        for batch in backend.columns("points", until=before):
            at = np.array(batch["at"], np.int64)
            months = {zone: months_of(local_days_of(at, zone)) for zone in set(zones.values())}
            columns = (
                batch[n] for n in ("programme", "id", "movement", "active", "pending", "lots")
            )
            rows = zip(*columns, batch["expires_at"], strict=True)
            for row, (name, id, movement, active, pending, parts, ends) in enumerate(rows):
                account, sign = _account(movement)
                if account is not None:
                    month = int(months[zones[name]][row])
                    posted[name][account][month] += sign * (active + pending)
                if ends is not None and ends < NEVER:
                    lots[name].add(id, 0, ends)
                for part in () if parts == "[]" else json.loads(parts):
                    lot = bytes.fromhex(part["lot"].replace("-", ""))
                    lots[name].add(lot, part["points"])
            for known in lots.values():
                known.pack()
        return {
            programme.name: cls(
                programme=programme, ending=_ending(lots[programme.name], programme, before),
                posted={name: dict(found) for name, found in posted[programme.name].items()},
            )
            for programme in backend.model.programmes
        }  # fmt: skip

    def sum(self, account: str) -> int:
        """All points of an account."""
        return sum(self.posted[account].values())

    @property
    def open(self) -> int:
        """All open points, with debts taken off."""
        return sum(self.ending.values())

    @property
    def redemption_rate(self) -> float:
        """The share of the points that came to an end which were spent; 1 where none did."""
        spent, expired = self.sum("spent"), self.sum("expired")
        return spent / (spent + expired) if spent + expired else 1.0

    def liability(self, currency: str) -> Money:
        """What the open points will cost, as `services.liability` reckons it."""
        owed = self.programme.point_cost * self.open * Decimal(repr(self.redemption_rate))
        return Money.rounded(max(owed, Decimal(0)), currency)


def _account(movement: str) -> tuple[str | None, int]:
    known = Movement(movement)
    if known in GAINS:
        return "earned", 1
    return (None, 0) if known is Movement.RELEASE else (TAKEN[known], -1)


def _ending(lots: _Lots, programme: Programme, before: datetime) -> dict[int | None, int]:
    """Open points by month of expiry; a lot that has ended is not open, whoever has advanced."""
    points, ends = lots.left()
    is_open = (points < 0) | ((points > 0) & (ends >= to_millis(before)))
    found: dict[int | None, int] = {}
    if (ever := is_open & (ends == NEVER)).any():
        found[None] = sum(points[ever].tolist())
    some = is_open & (ends < NEVER)
    months = months_of(local_days_of(ends[some], programme.zone))
    for month in np.unique(months).tolist():
        found[month] = sum(points[some][months == month].tolist())
    return found
