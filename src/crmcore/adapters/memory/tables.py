"""Tables of the memory backend: dictionaries, and overlays of what a transaction changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager
from threading import Lock, RLock, get_ident
from typing import Any

from crmcore.domain.errors import Busy

__all__ = ["MemoryStore", "Overlay"]

ABSENT: Any = object()


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
