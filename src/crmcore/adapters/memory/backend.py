"""`MemoryBackend`: the memory store as a backend."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, TypeVar

import attrs

from crmcore.adapters.backend import Backend, check_place, check_window
from crmcore.adapters.columns import BatchStream, by_id
from crmcore.adapters.memory.extracts import extract
from crmcore.adapters.memory.tables import MemoryStore, Snapshot
from crmcore.adapters.memory.transaction import MemoryTransaction
from crmcore.domain.errors import NotMigrated
from crmcore.domain.instants import optional_instant
from crmcore.domain.journal import Entry
from crmcore.domain.ports import Columns

__all__ = ["MemoryBackend", "MemoryStore", "Snapshot"]

R = TypeVar("R")


@attrs.define(slots=False, eq=False)
class MemoryBackend(Backend):
    """One tenant of a `MemoryStore`; `busy_timeout` is how long a writer waits, in seconds."""

    store: MemoryStore = attrs.field(factory=MemoryStore, repr=False, kw_only=False)
    busy_timeout: float = attrs.field(default=5.0, kw_only=True)

    def migrate(self) -> None:
        """Remember the model; if it changed, fold every profile anew."""
        if self.store.models.get(self.tenant) == self.definition:
            return
        self.check_follows(self.store.models.get(self.tenant))
        transaction = self._open(write=True)
        try:
            transaction.refold(None)
        except BaseException:
            transaction.rollback()
            raise
        transaction.commit()
        self.store.models[self.tenant] = self.definition

    def close(self) -> None:
        """Nothing to let go of."""

    def snapshot(self) -> Snapshot:
        """This moment of the whole store, all its tenants, to be given to `reset`. For tests:
        load the data once, and begin each test from there.
        """
        return self._alone(self.store.snapshot)

    def reset(self, to: Snapshot) -> None:
        """Put the store back to a snapshot, at the cost of what changed since. The same snapshot
        serves any number of times; those taken after it are gone. `Busy` while a unit is open,
        `Refused` where the snapshot is not of this store.
        """
        self._alone(lambda: self.store.reset(to))

    def _alone(self, act: Callable[[], R]) -> R:
        self.store.acquire(self.busy_timeout)
        try:
            return act()
        finally:
            self.store.release()

    def columns(
        self,
        kind: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        personal: bool = False,
        in_order: bool = False,
    ) -> Columns:
        """See `Backend.columns`."""
        since, until = optional_instant(since), optional_instant(until)
        check_window(kind, since, until)
        transaction = self._begin(write=False)

        def rows() -> Iterable[tuple[Any, ...]]:
            found = extract(transaction, kind, since, until)
            return by_id(found, kind, self.model) if in_order else found

        return BatchStream.of(kind, self.model, personal, rows)

    def journal(self, *, after: int = 0, limit: int = 1000) -> list[Entry]:
        """See `Backend.journal`. Positions are places in the list, which follows commits."""
        self._check_migrated()
        check_place(after, limit)
        with self.store.reading:
            entries = self.store.journals[self.tenant][after : after + limit]
        return [
            attrs.evolve(entry, position=after + offset)
            for offset, entry in enumerate(entries, start=1)
        ]

    def stored_definition(self) -> str | None:
        """See `Backend.stored_definition`."""
        return self.store.models.get(self.tenant)

    def _begin(self, *, write: bool) -> MemoryTransaction:
        self._check_migrated()
        return self._open(write=write)

    def _open(self, *, write: bool) -> MemoryTransaction:
        if write:
            self.store.acquire(self.busy_timeout)
        return MemoryTransaction(self.store, self.tenant, self.model, write=write)

    def _check_migrated(self) -> None:
        if self.store.models.get(self.tenant) != self.definition:
            raise NotMigrated("this store has no data of this tenant and model: call migrate()")
