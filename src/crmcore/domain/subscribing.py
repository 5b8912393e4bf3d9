"""Subscribers: functions of the host that are told of journal entries within the unit of work.

They run before the commit, in the same transaction, so what they write is kept with what they
were told of, or neither is. What leaves the process (a message, a call to another system) does
not belong here: nothing is committed yet. For that the journal is consumed behind a cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from crmcore.domain.errors import InvalidInput
from crmcore.domain.journal import Entry
from crmcore.domain.kinds import AGGREGATES, FACTS

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["DEEPEST", "JOURNALED", "Subscriber", "Subscriptions", "journaled"]

Subscriber: TypeAlias = "Callable[[UnitOfWork, Entry], object]"
"""Is told of an entry by `function(uow, entry)`; what it answers is not looked at."""

JOURNALED: tuple[str, ...] = tuple(kind.name for kind in (*AGGREGATES, *FACTS))
"""The kinds of journal entries: every aggregate and every fact."""

DEEPEST = 10
"""How many subscribers may lead to each other before the unit is refused."""


def journaled(kinds: str | Iterable[str]) -> frozenset[str]:
    """The kinds asked for: one, several, or `"*"` for all; another is `InvalidInput`."""
    names = [kinds] if isinstance(kinds, str) else list(kinds)
    if names == ["*"]:
        return frozenset(JOURNALED)
    if not names or any(name not in JOURNALED for name in names):
        raise InvalidInput.of("kinds", f"must be of {', '.join(JOURNALED)}, or '*'")
    return frozenset(names)


class Subscriptions:
    """Who is told of what, in the order in which they asked."""

    def __init__(self) -> None:
        self._all: tuple[tuple[frozenset[str], Subscriber], ...] = ()
        self._lock = Lock()
        self.told: Mapping[str, tuple[Subscriber, ...]] = {}

    def add(self, kinds: str | Iterable[str], function: Subscriber) -> Callable[[], None]:
        """Tell `function` of entries of these kinds, until what this answers is called."""
        if not callable(function):
            raise InvalidInput.of("function", "must be callable: function(uow, entry)")
        subscription = (journaled(kinds), function)
        with self._lock:
            self._set((*self._all, subscription))

        def unsubscribe() -> None:
            with self._lock:
                self._set(tuple(held for held in self._all if held is not subscription))

        return unsubscribe

    def _set(self, subscriptions: tuple[tuple[frozenset[str], Subscriber], ...]) -> None:
        self._all = subscriptions
        found = {
            kind: tuple(function for kinds, function in subscriptions if kind in kinds)
            for kind in JOURNALED
        }
        self.told = {kind: functions for kind, functions in found.items() if functions}
