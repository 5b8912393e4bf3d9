"""Consuming the journal: every entry reaches a handler, in order, behind a cursor of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import Protocol

import attrs

from crmcore.domain.errors import InvalidInput, Refused, StorageError
from crmcore.domain.journal import Entry
from crmcore.domain.ports import Backend
from crmcore.domain.subscribing import journaled

__all__ = ["Cursor", "FileCursor", "MemoryCursor", "consume"]


class Cursor(Protocol):
    """Where a consumer keeps how far it has come: a position of the journal, 0 at the beginning."""

    def load(self) -> int:
        """The position of the last entry that was handled."""
        ...

    def save(self, position: int) -> None:
        """Remember this one instead."""
        ...


@attrs.define
class MemoryCursor:
    """A cursor that lasts as long as this object."""

    position: int = 0

    def load(self) -> int:
        """See `Cursor`."""
        return self.position

    def save(self, position: int) -> None:
        """See `Cursor`."""
        self.position = position


@attrs.frozen
class FileCursor:
    """A cursor in a file of its own, one number; it is replaced whole, and written to the disk.

    One process at a time may consume with it. A file that cannot be read or written, or that
    holds no position, is `StorageError`; without the file consuming begins at the beginning.
    """

    path: str | PathLike[str]

    def load(self) -> int:
        """See `Cursor`."""
        try:
            text = Path(self.path).read_text("ascii").strip()
        except FileNotFoundError:
            return 0
        except (OSError, UnicodeDecodeError) as error:
            raise self._error("cannot be read", error) from None
        if not (text.isdecimal() and len(text) <= 19):
            raise StorageError("the cursor file holds no position")
        return int(text)

    def save(self, position: int) -> None:
        """See `Cursor`."""
        path = Path(self.path)
        beside = path.with_name(f"{path.name}.new")
        try:
            with beside.open("w", encoding="ascii") as file:
                file.write(f"{position}\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            raise self._error("cannot be written", error) from None

    @staticmethod
    def _error(what: str, error: Exception) -> StorageError:
        return StorageError(f"the cursor file {what}: {type(error).__name__}")


def consume(
    backend: Backend,
    handler: Callable[[Entry], object],
    *,
    cursor: Cursor,
    kinds: str | Iterable[str] = "*",
    limit: int = 1000,
) -> int:
    """Give `handler` every journal entry behind the cursor, in order, until none is left; answer
    how many it was given. Call it again, every few seconds say, for what came since.

    Each entry is handled at least once. The cursor is saved after every `limit` entries and
    whenever the handler raises, so an exception repeats the entry that it came from, and a
    killed process up to `limit` entries. To have each effect exactly once, let the handler write
    its effect and `entry.position` in one transaction of yours, and give a cursor that loads it
    from there. Entries of other `kinds` are passed over. Any number of consumers read the same
    journal, each with a cursor of its own. A cursor that is ahead of the journal is `Refused`: it
    belongs to another store.
    """
    wanted, position = journaled(kinds), cursor.load()
    if not isinstance(position, int) or isinstance(position, bool) or position < 0:
        raise InvalidInput.of("cursor", "must load a whole number from 0")
    if position and not backend.journal(after=position - 1, limit=1):
        reason = "the cursor is ahead of the journal: it belongs to another store or tenant"
        raise Refused("consume.cursor", reason)
    handled = 0
    while True:
        entries, saved = backend.journal(after=position, limit=limit), position
        try:
            for entry in entries:
                if entry.kind in wanted:
                    handler(entry)
                    handled += 1
                position = entry.position or position
        finally:
            if position != saved:
                cursor.save(position)
        if len(entries) < limit:
            return handled
