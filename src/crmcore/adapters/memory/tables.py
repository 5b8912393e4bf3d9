"""Tables of the memory backend: dictionaries, and overlays of what a transaction changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from threading import Lock, RLock, get_ident
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import attrs

from crmcore.domain.errors import Busy, Refused

__all__ = [
    "MemoryStore",
    "Overlay",
    "Reader",
    "Snapshot",
    "at_one_moment",
]

P = ParamSpec("P")
R = TypeVar("R")

ABSENT: Any = object()


class Reader(Protocol):
    """What reads a store; `reading` is the lock that commits apply their changes under."""

    reading: AbstractContextManager[bool]


S = TypeVar("S", bound=Reader)


def at_one_moment(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A method that sees every commit whole or not at all; it must not answer lazily."""

    @wraps(method)
    def held(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.reading:
            return method(self, *args, **kwargs)

    return held


class Overlay:
    """One table as a transaction sees it: what is committed, and its own changes above."""

    def __init__(self, base: dict[Any, Any], lock: AbstractContextManager[bool]) -> None:
        self._base = base
        self._lock = lock
        self._changed: dict[Any, Any] = {}

    def get(self, key: Any, default: Any = None) -> Any:
        """The row under `key`."""
        found = self._changed.get(key, ABSENT) if self._changed else ABSENT
        if found is ABSENT:
            found = self._base.get(key, ABSENT)
        return default if found is ABSENT or found is None else found

    def put(self, key: Any, row: Any) -> None:
        """Set the row under `key`; `None` deletes it."""
        self._changed[key] = row

    def items(self) -> Iterator[tuple[Any, Any]]:
        """All rows, unordered."""
        with self._lock:
            committed = list(self._base.items())
        for key, row in committed:
            if key not in self._changed:
                yield key, row
        for key, row in list(self._changed.items()):
            if row is not None:
                yield key, row

    def apply(self, replaced: list[tuple[dict[Any, Any], Any, Any]] | None) -> None:
        """Make the changes everybody's; `replaced` collects what was there before."""
        if replaced is not None:
            base = self._base
            replaced += [(base, key, base.get(key, ABSENT)) for key in self._changed]
        for key, row in self._changed.items():
            if row is None:
                self._base.pop(key, None)
            else:
                self._base[key] = row


@attrs.frozen(eq=False)
class Snapshot:
    """What a store held at one moment, to be given to `reset`; it is no copy of the data."""

    replaced: int
    journals: Mapping[str, tuple[list[Any], int]] = attrs.field(repr=False)
    models: Mapping[str, str] = attrs.field(repr=False)


class MemoryStore:
    """The data of any number of tenants. Give one store to several `MemoryBackend`s.

    From its first snapshot on it remembers every row that a commit replaces, so that going back
    costs as much as was changed since, however much the store holds.
    """

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], dict[Any, Any]] = defaultdict(dict)
        self.journals: dict[str, list[Any]] = defaultdict(list)
        self.models: dict[str, str] = {}
        self.reading: AbstractContextManager[bool] = RLock()
        self._writing = Lock()
        self._writer: int | None = None
        self._snapshots: list[Snapshot] = []
        self.replaced: list[tuple[dict[Any, Any], Any, Any]] | None = None

    def snapshot(self) -> Snapshot:
        """This moment, to come back to."""
        self.replaced = self.replaced or []
        journals = {tenant: (held, len(held)) for tenant, held in self.journals.items()}
        taken = Snapshot(len(self.replaced), journals, dict(self.models))
        self._snapshots.append(taken)
        return taken

    def reset(self, to: Snapshot) -> None:
        """Go back to a snapshot; those that were taken after it are gone."""
        if not any(taken is to for taken in self._snapshots):
            reason = "is no snapshot of this store, or an earlier one was gone back to"
            raise Refused("memory.reset", reason)
        while self._snapshots[-1] is not to:
            self._snapshots.pop()
        replaced = self.replaced or []
        with self.reading:
            for table, key, row in reversed(replaced[to.replaced :]):
                if row is ABSENT:
                    table.pop(key, None)
                else:
                    table[key] = row
            del replaced[to.replaced :]
            self.journals.clear()
            for tenant, (entries, count) in to.journals.items():
                del entries[count:]
                self.journals[tenant] = entries
            self.models = dict(to.models)

    def table(self, tenant: str, name: str) -> Overlay:
        """An overlay of one tenant's table."""
        with self.reading:
            return Overlay(self.tables[tenant, name], self.reading)

    def acquire(self, timeout: float) -> None:
        """Become the one writer, or `Busy`: at once if this thread is it already."""
        if self._writer == get_ident() or not self._writing.acquire(timeout=timeout):
            raise Busy("another unit of work is writing")
        self._writer = get_ident()

    def release(self) -> None:
        """Let the next writer in."""
        self._writer = None
        self._writing.release()
