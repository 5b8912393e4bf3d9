"""The life cycle of a customer: one transition table as data.

Theory: a customer is in exactly one stage. A stage has a standing (what a caller is, S10:
prospect, customer, or former customer); a move joins two stages under the name of a rule. A move
that is in the table is allowed, any other is refused by name. A move with a condition (`when`)
falls due by itself: `advance` makes it for everybody for whom the condition holds. Moves never
run backwards in time. The default follows acquire, grow, retain, lapse, win back (S9):

    prospect ─acquire─► active ─retain─► loyal
                          │  ▲             │
                         lapse  │         lapse        any ─close─► closed ─reopen─► prospect
                          ▼  grow│         ▼
                        lapsed ─win_back─► won_back ─retain─► loyal
"""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from crmcore.domain.errors import InvalidInput, MoveRefused
from crmcore.domain.expressions import field
from crmcore.domain.predicates import Predicate
from crmcore.domain.text import Words, symbol

__all__ = ["DEFAULT_LIFE_CYCLE", "LifeCycle", "Move", "Stage", "Standing"]


LONGEST_IDLE = timedelta(days=36_525)


class Standing(Words):
    """What somebody in a stage is to the organisation: how an agent greets them."""

    PROSPECT = "prospect"
    CUSTOMER = "customer"
    FORMER = "former"


@attrs.frozen
class Stage:
    """One stage and its standing."""

    name: str = attrs.field(validator=symbol)
    standing: Standing = attrs.field(converter=Standing)


@attrs.frozen
class Move:
    """An allowed move between two stages, under the name of its rule.

    With `when` it falls due by itself once the predicate over the profile holds; with `idle`,
    once that long has passed since the instant in the profile field `dated`. `advance` dates the
    move by that field (plus `idle`), though never before the entry into the present stage.
    """

    before: str = attrs.field(validator=symbol)
    after: str = attrs.field(validator=symbol)
    rule: str = attrs.field(validator=symbol)
    when: Predicate | None = attrs.field(default=None, kw_only=True)
    idle: timedelta | None = attrs.field(default=None, kw_only=True)
    dated: str = attrs.field(default="last_purchase_at", kw_only=True, validator=symbol)

    def __attrs_post_init__(self) -> None:
        if self.before == self.after:
            raise InvalidInput.of("after", "must be another stage than before")
        if self.idle is not None and not timedelta() < self.idle <= LONGEST_IDLE:
            raise InvalidInput.of("idle", "must be above zero and at most a hundred years")

    @property
    def falls_due(self) -> bool:
        """Is it made by `advance`, without anybody's decision?"""
        return self.when is not None or self.idle is not None

    def due(self, *, at: datetime) -> Predicate:
        """Who is due for this move at the instant `at`, as a predicate over the profile."""
        due = (field("stage") == self.before) & (
            field(self.dated) <= at - (self.idle or timedelta())
        )
        return due if self.when is None else due & self.when


@attrs.frozen
class LifeCycle:
    """Stages and moves; valid when every move joins two known stages, once."""

    stages: tuple[Stage, ...] = attrs.field(converter=tuple[Stage, ...])
    moves: tuple[Move, ...] = attrs.field(converter=tuple[Move, ...])

    def __attrs_post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) != len(names):
            raise InvalidInput.of("stages", "must be at least one, each named once")
        pairs = [(move.before, move.after) for move in self.moves]
        for index, pair in enumerate(pairs):
            if not set(pair) <= set(names) or pair in pairs[:index]:
                reason = "must join two known stages, each pair once"
                raise InvalidInput.of(f"moves[{index}]", reason)

    @property
    def first(self) -> str:
        """The stage in which a customer begins."""
        return self.stages[0].name

    def standing(self, stage: str) -> Standing:
        """The standing of a stage; an unknown one is `InvalidInput`."""
        for known in self.stages:
            if known.name == stage:
                return known.standing
        raise InvalidInput.of("stage", "is none of the life cycle's stages")

    def next_stages(self, stage: str) -> tuple[str, ...]:
        """The stages that may follow."""
        return tuple(move.after for move in self.moves if move.before == stage)

    def check(self, before: str, after: str, *, since: datetime, at: datetime, who: str) -> Move:
        """The move from `before` to `after`; `MoveRefused` names the rule that forbids it."""
        self.standing(after)
        allowed = self.next_stages(before)
        if after not in allowed:
            reason = f"{before} cannot become {after}; it may become {', '.join(allowed) or 'none'}"
            raise MoveRefused("life_cycle.no_such_move", reason, who, before, after, allowed)
        if at < since:
            reason = f"the move would precede the entry into {before}"
            raise MoveRefused("life_cycle.back_in_time", reason, who, before, after, allowed)
        return next(move for move in self.moves if (move.before, move.after) == (before, after))


def _default() -> LifeCycle:
    half_a_year = timedelta(days=182)
    bought = field("purchase_count") >= 1
    came_back = field("last_purchase_at") >= field("stage_since")
    often = field("purchase_count") >= 5
    return LifeCycle(
        stages=(
            Stage("prospect", Standing.PROSPECT),
            Stage("active", Standing.CUSTOMER),
            Stage("loyal", Standing.CUSTOMER),
            Stage("lapsed", Standing.FORMER),
            Stage("won_back", Standing.CUSTOMER),
            Stage("closed", Standing.FORMER),
        ),
        moves=(
            Move("prospect", "active", "acquire", when=bought, dated="first_purchase_at"),
            Move("lapsed", "won_back", "win_back", when=came_back),
            Move("active", "loyal", "retain", when=often),
            Move("active", "lapsed", "lapse", idle=half_a_year),
            Move("loyal", "lapsed", "lapse", idle=half_a_year),
            Move("won_back", "lapsed", "lapse", idle=half_a_year),
            Move("won_back", "active", "grow"),
            Move("won_back", "loyal", "retain"),
            Move("prospect", "closed", "close"),
            Move("active", "closed", "close"),
            Move("loyal", "closed", "close"),
            Move("lapsed", "closed", "close"),
            Move("won_back", "closed", "close"),
            Move("closed", "prospect", "reopen"),
        ),
    )


DEFAULT_LIFE_CYCLE = _default()
"""Prospect, active, loyal, lapsed, won back, closed."""
