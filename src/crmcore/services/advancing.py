"""Advancing: time acts only by facts, and this is what appends them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from crmcore.domain.errors import Refused
from crmcore.domain.expressions import field
from crmcore.domain.instants import instant
from crmcore.domain.life_cycle import Move
from crmcore.domain.member_tiers import LoyaltyAdvance
from crmcore.domain.ports import Backend
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.loyalty import advance_programmes

__all__ = ["Advanced", "advance"]

BATCH = 5_000


@attrs.frozen
class Advanced:
    """How many customers made which move, by its rule: `{"acquire": 12, "lapse": 3}`; and what fell
    due in each loyalty programme.
    """

    moves: Mapping[str, int]
    programmes: Mapping[str, LoyaltyAdvance] = attrs.field(factory=dict)

    @property
    def total(self) -> int:
        """All moves together."""
        return sum(self.moves.values())


def advance(backend: Backend, *, at: datetime, actor: str = "advance") -> Advanced:
    """Post what fell due in the loyalty programmes until `at`, then make every life-cycle move that
    is due; again for the same instant, none is left.

    The work follows who is due, not how many customers there are: each move is one question to
    the profiles, answered and saved a page at a time, each page a unit of work. Of the moves out
    of one stage the first in the table wins, and a move into a stage asks for those out of it
    again. No move is dated later than `at`. Facts later than `at` are not unknown to it: somebody
    who bought since is not idle. Moves that lead round in a circle without end are `Refused`.
    """
    at = instant(at)
    programmes = advance_programmes(backend, at=at, actor=actor)
    moves = [move for move in backend.model.life_cycle.moves if move.falls_due]
    instant(at - max((move.idle for move in moves if move.idle), default=timedelta()))
    asked = dict.fromkeys(range(len(moves)), 0)
    waiting = set(asked)
    made: dict[str, int] = {}
    while waiting:
        place = min(waiting)
        waiting.remove(place)
        move = moves[place]
        asked[place] += 1
        if asked[place] > len(moves) ** 2 + 1:
            raise Refused("life_cycle.no_circle", f"{move.rule} falls due again and again")
        if moved := _move(backend, move, at, actor):
            made[move.rule] = made.get(move.rule, 0) + moved
            waiting |= {other for other, m in enumerate(moves) if m.before == move.after}
    return Advanced(made, programmes)


def _move(backend: Backend, move: Move, at: datetime, actor: str) -> int:
    total, after = 0, None
    while True:
        moved, after = backend.run(_page, move, at, after, actor=actor, source="advance")
        total += moved
        if after is None:
            return total


def _page(unit: UnitOfWork, move: Move, at: datetime, after: str | None) -> tuple[int, str | None]:
    """Move the next of those who are due; answer how many, and behind whom to go on."""
    due = move.due(at=at) & (field("stage_since") <= at)
    page = unit.profiles.where(due).page(limit=BATCH, after=after)
    since = {p.customer_id: p[move.dated] + (move.idle or timedelta()) for p in page}
    customers = unit.customers.get_many(since)
    moved = unit.customers.save_many(
        customers[id].moved_to(move.after, at=max(customers[id].stage_since, moved_at))
        for id, moved_at in since.items()
    )
    return moved, page.next
