"""The timeline of a customer: all kinds of fact in one order, a page at a time.

The order is by `at`, at one instant by kind (an order stands before its payment), then by id, so a
page begins exactly where the last one ended whatever is recorded in between. Each kind is asked for
no more than a page of facts behind the cursor, and what they answer is merged.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.instants import EARLIEST, LATEST, from_millis, optional_instant, to_millis
from crmcore.domain.kinds import FACTS, FactKind
from crmcore.domain.ports import Window
from crmcore.domain.profile import check_limit

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["Timeline", "TimelinePage"]

RANKS = {kind.cls: rank for rank, kind in enumerate(FACTS)}
"""How the kinds of fact follow each other at one instant."""

MILLISECOND = timedelta(milliseconds=1)
Place = tuple[datetime, int, FactId]


def _place_of(fact: Fact) -> Place:
    """Where a fact stands in the timeline."""
    return fact.at, RANKS[type(fact)], fact.id


@attrs.frozen
class TimelinePage:
    """Some facts in order, and where the next page begins (`None`: this was the last)."""

    facts: tuple[Fact, ...]
    next: str | None

    def __iter__(self) -> Iterator[Fact]:
        return iter(self.facts)

    def __len__(self) -> int:
        return len(self.facts)


def _kinds(names: Iterable[str] | None) -> tuple[FactKind[Fact], ...]:
    if names is None:
        return FACTS
    wanted = {names} if isinstance(names, str) else set(names)
    if wanted - {kind.name for kind in FACTS}:
        raise InvalidInput.of("kinds", f"are of {', '.join(kind.name for kind in FACTS)}")
    return tuple(kind for kind in FACTS if kind.name in wanted)


def _since(value: datetime | None) -> datetime | None:
    return optional_instant(value, "since")


def _until(value: datetime | None) -> datetime | None:
    return optional_instant(value, "until")


@attrs.frozen
class Timeline:
    """`uow.timeline(...)`; ask it with `page`."""

    unit: UnitOfWork = attrs.field(repr=False)
    customer_id: CustomerId
    kinds: tuple[FactKind[Fact], ...] = attrs.field(converter=_kinds, kw_only=True)
    since: datetime | None = attrs.field(converter=_since, kw_only=True)
    until: datetime | None = attrs.field(converter=_until, kw_only=True)
    oldest_first: bool = attrs.field(kw_only=True)

    def page(self, *, limit: int = 50, after: str | None = None) -> TimelinePage:
        """The next `limit` facts behind the cursor `after` (a former page's `next`)."""
        check_limit(limit)
        place = None if after is None else self._decoded(after)
        found: list[Fact] = []
        for kind in self.kinds:
            window = self._window(kind, place, limit + 1)
            if window is not None:
                found += self.unit.reads.facts_within(kind, self.customer_id, window)
        found.sort(key=_place_of, reverse=not self.oldest_first)
        kept = found[:limit]
        return TimelinePage(tuple(kept), self._encoded(kept[-1]) if len(found) > limit else None)

    def _window(self, kind: FactKind[Fact], place: Place | None, limit: int) -> Window | None:
        """What of this kind lies behind the place; `None` if nothing can."""
        window = Window(
            since=self.since, until=self.until, oldest_first=self.oldest_first, limit=limit
        )
        if place is None:
            return window
        at, rank, id = place
        if RANKS[kind.cls] == rank:
            return attrs.evolve(window, after=(at, id))
        if (RANKS[kind.cls] > rank) == self.oldest_first:  # those at that instant are to come
            if self.oldest_first:
                return attrs.evolve(window, since=max(at, self.since or EARLIEST))
            until = None if at == LATEST else at + MILLISECOND
        else:
            if self.oldest_first:
                if at == LATEST:
                    return None
                return attrs.evolve(window, since=max(at + MILLISECOND, self.since or EARLIEST))
            until = at
        ends = [end for end in (until, self.until) if end is not None]
        return attrs.evolve(window, until=min(ends, default=None))

    def _encoded(self, fact: Fact) -> str:
        name = FACTS[RANKS[type(fact)]].name
        data = [self.oldest_first, to_millis(fact.at), name, str(fact.id)]
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode()

    def _decoded(self, cursor: str) -> Place:
        """Where a page ended. Whoever sends a cursor may have changed it."""
        try:
            data: Any = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            oldest_first, millis, name, id = data
            rank = next(rank for rank, kind in enumerate(FACTS) if kind.name == name)
            at = from_millis(millis)
            if oldest_first is self.oldest_first and type(millis) is int and at >= EARLIEST:
                return at, rank, FactId(UUID(id))
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
            pass
        except StopIteration:
            pass
        raise InvalidInput.of("after", "is no cursor of a page in this order") from None
