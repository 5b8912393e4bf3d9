"""Tables of the memory backend: dictionaries, and overlays of what a transaction changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import wraps
from threading import Lock, RLock, get_ident
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from crmcore.domain.errors import Busy

__all__ = [
    "MemoryStore",
    "Overlay",
    "Reader",
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

    def apply(self) -> None:
        """Make the changes everybody's."""
        for key, row in self._changed.items():
            if row is None:
                self._base.pop(key, None)
            else:
                self._base[key] = row


class MemoryStore:
    """The data of any number of tenants. Give one store to several `MemoryBackend`s."""

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], dict[Any, Any]] = defaultdict(dict)
        self.journals: dict[str, list[Any]] = defaultdict(list)
        self.models: dict[str, str] = {}
        self.reading: AbstractContextManager[bool] = RLock()
        self._writing = Lock()
        self._writer: int | None = None

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
