"""Who was in which stage at an instant, and every move before it: read from the journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import attrs
import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.domain.instants import to_millis
from crmcore.domain.kinds import CUSTOMERS
from crmcore.domain.ports import Backend
from crmcore.report.customers import Customers, Labels

__all__ = ["Stages"]

ROOM = 20_000
"""About so many ids are looked at together: one row of the journal may name 10,000 of them."""


@attrs.frozen(kw_only=True, eq=False)
class Stages:
    """By customer, the `stage` they were in and since when; and by move, the instant from which
    it holds (`moved_at`) and the stage it leads to.
    """

    stage: Labels
    since: IntArray
    moved_at: IntArray
    moved_to: IntArray

    @classmethod
    def read(
        cls, backend: Backend, customers: Customers, places: dict[bytes, int], *, before: datetime
    ) -> Stages:
        """From the journal, whose later moves are undone. Moves of who is no longer stored, and
        of who came in since the customers were read, are left out.
        """
        known = {name: code for code, name in enumerate(customers.stages.names)}
        who, left, entered, at = _Moves.of(backend, known, customers, places).arrays()
        codes, since = customers.stages.codes.copy(), customers.stage_since.copy()
        now = at < to_millis(before)
        undone, first = np.unique(who[~now], return_index=True)
        codes[undone] = left[~now][first]
        since[undone] = customers.known_since[undone]
        # Moves are in the order of each customer's own: the last one before the instant stays.
        earlier = now & np.isin(who, undone)
        since[who[earlier]] = at[earlier]
        return cls(
            stage=Labels(tuple(known), codes), since=since, moved_at=at[now], moved_to=entered[now]
        )


@attrs.define
class _Moves:
    """Moves as they are found. A save that leaves `stage_since` as it was tells it nowhere: it is
    that of the move before, or what a later move replaced, or what it still is.
    """

    who: list[int] = attrs.field(factory=list)
    left: list[int] = attrs.field(factory=list)
    entered: list[int] = attrs.field(factory=list)
    at: list[int | None] = attrs.field(factory=list)
    last: dict[int, int] = attrs.field(factory=dict)
    waiting: dict[int, list[int]] = attrs.field(factory=dict)

    @classmethod
    def of(
        cls,
        backend: Backend,
        known: dict[str | None, int],
        customers: Customers,
        places: dict[bytes, int],
    ) -> _Moves:
        moves = cls()
        for id, stages, since in _changes(backend):
            if (here := places.get(id)) is not None:
                left, entered = (known.setdefault(name, len(known)) for name in stages)
                moves.add(here, left, entered, since)
        for here, rows in moves.waiting.items():
            for row in rows:
                moves.at[row] = int(customers.stage_since[here])
        return moves

    def add(self, here: int, left: int, entered: int, since: list[str] | None) -> None:
        row = len(self.who)
        if since is None:
            at = self.last.get(here)
            if at is None:
                self.waiting.setdefault(here, []).append(row)
        else:
            at = self.last[here] = to_millis(datetime.fromisoformat(since[1]))
            for earlier in self.waiting.pop(here, ()):
                self.at[earlier] = to_millis(datetime.fromisoformat(since[0]))
        self.who.append(here)
        self.left.append(left)
        self.entered.append(entered)
        self.at.append(at)

    def arrays(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        columns: list[list[Any]] = [self.who, self.left, self.entered, self.at]
        who, left, entered, at = (np.array(column, np.int64) for column in columns)
        return who, left, entered, at


def _changes(backend: Backend) -> Iterator[tuple[bytes, list[str], list[str] | None]]:
    """Whose stage was changed: before and after, and so of the instant since which it holds."""
    after, limit = 0, 2
    while page := backend.journal(after=after, limit=limit):
        seen = 0
        for entry in page:
            seen += len(entry.ids)
            if entry.kind == CUSTOMERS.name and entry.changes:
                for id, changes in zip(entry.ids, entry.changes, strict=True):
                    if (stages := changes.get("stage")) is not None:
                        yield id.bytes, stages, changes.get("stage_since")
        after = page[-1].position or 0
        limit = max(1, min(1000, limit * ROOM // max(seen, 1)))
