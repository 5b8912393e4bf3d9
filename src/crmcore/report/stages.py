"""Who was in which stage at an instant, and every move before it: read from the journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import attrs
import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.domain.instants import to_millis
from crmcore.domain.journal import Entry
from crmcore.domain.kinds import CUSTOMERS
from crmcore.domain.ports import Backend
from crmcore.report.customers import Customers, Labels

__all__ = ["Stages"]

ROOM = 20_000
"""About so many rows of a batch are looked at together: a journal row may name 10,000 customers."""


@attrs.frozen(kw_only=True, eq=False)
class Stages:
    """By customer, the `stage` they were in and since when; and by move, oldest first as the
    journal has them, its instant (`moved_at`), the stages it joins and (`moved`) whose it was.
    """

    stage: Labels
    since: IntArray
    moved_at: IntArray
    moved_from: IntArray
    moved_to: IntArray

    @classmethod
    def read(
        cls, backend: Backend, customers: Customers, places: dict[bytes, int], *, before: datetime
    ) -> Stages:
        """From the journal, whose later moves are undone."""
        until = to_millis(before)
        known = {name: code for code, name in enumerate(customers.stages.names)}
        codes, since = customers.stages.codes.copy(), customers.stage_since.copy()
        at, left, entered = [], [], []
        undone: dict[int, tuple[int, int]] = {}
        entry_of: dict[int, int] = {}
        for id, (stage, next_stage), moved in _moves(backend):
            here = places.get(id)
            pair = (known.setdefault(stage, len(known)), known.setdefault(next_stage, len(known)))
            if moved < until:
                at.append(moved)
                left.append(pair[0])
                entered.append(pair[1])
                if here is not None and customers.stage_since[here] >= until:
                    entry_of[here] = moved
            elif here is not None and here not in undone:
                undone[here] = pair
        for here, (stage, _) in undone.items():
            codes[here] = stage
            since[here] = entry_of.get(here, int(customers.known_since[here]))
        return cls(
            stage=Labels(tuple(known), codes),
            since=since,
            moved_at=np.array(at, np.int64),
            moved_from=np.array(left, np.int32),
            moved_to=np.array(entered, np.int32),
        )


def _moves(backend: Backend) -> Iterator[tuple[bytes, tuple[str, str], int]]:
    """Whose move, between which stages, and when (milliseconds)."""
    after, limit = 0, 100
    while page := backend.journal(after=after, limit=limit):
        rows = 0
        for entry in page:
            rows += len(entry.ids)
            if entry.kind == CUSTOMERS.name and entry.changes:
                yield from _moves_of(entry)
        after = page[-1].position or 0
        limit = max(1, min(1000, limit * ROOM // max(rows, 1)))


def _moves_of(entry: Entry) -> Iterator[tuple[bytes, tuple[str, str], int]]:
    for id, changes in zip(entry.ids, entry.changes, strict=True):
        if (stages := changes.get("stage")) is not None:
            when = changes.get("stage_since")
            at = entry.at if when is None else datetime.fromisoformat(when[1])
            yield id.bytes, (stages[0], stages[1]), to_millis(at)
