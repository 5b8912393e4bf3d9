"""Advancing the life cycle: time acts only by facts, and this is what appends them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from crmcore.domain.instants import instant
from crmcore.domain.life_cycle import Move
from crmcore.domain.ports import Backend

__all__ = ["Advanced", "advance"]

BATCH = 5_000


@attrs.frozen
class Advanced:
    """How many customers made which move, by its rule: `{"acquire": 12, "lapse": 3}`."""

    moves: Mapping[str, int]

    @property
    def total(self) -> int:
        """All moves together."""
        return sum(self.moves.values())


def advance(backend: Backend, *, at: datetime, actor: str = "advance") -> Advanced:
    """Make every life-cycle move that is due at `at`; again for the same instant, none is left.

    The work follows who is due, not how many customers there are: each move is one question to
    the profiles, answered and saved a page at a time, each page a unit of work. Facts later than
    `at` are not unknown to it: somebody who bought since is not idle.
    """
    at = instant(at)
    made: dict[str, int] = {}
    for move in backend.model.life_cycle.moves:
        if move.falls_due:
            while moved := _page(backend, move, at, actor):
                made[move.rule] = made.get(move.rule, 0) + moved
    return Advanced(made)


def _page(backend: Backend, move: Move, at: datetime, actor: str) -> int:
    with backend.unit_of_work(actor=actor, source="advance") as unit:
        due = unit.profiles.where(move.due(at=at)).page(limit=BATCH)
        since = {p.customer_id: p[move.dated] + (move.idle or timedelta()) for p in due}
        customers = unit.customers.get_many(since)
        return unit.customers.save_many(
            customers[id].moved_to(move.after, at=max(customers[id].stage_since, moved_at))
            for id, moved_at in since.items()
        )
