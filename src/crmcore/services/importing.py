"""Importing: what reading rows from outside has in common, whatever they become.

A row is a mapping from column name to text. Rows stream through in batches, each one unit of
work; a bad row is set aside with its number, column and reason, and takes no good row with it
(O17). Rejected values are written nowhere but to the rejects file that the caller names.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Protocol, TypeVar

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import instant, start_of, zone_named

__all__ = ["ImportReport", "Reject", "Rejects", "Row", "Rows", "read_rows"]

BATCH = 10_000
SHOWN = 100

Row = Mapping[str, str]
Rows = str | PathLike[str] | Iterable[Row]
T = TypeVar("T")


@attrs.frozen
class Reject:
    """One row that was set aside: its number in the input (the first is 1), column and reason."""

    row: int
    column: str
    reason: str


@attrs.frozen(kw_only=True)
class ImportReport:
    """What an import did. `rows = added + updated + unchanged + rejected`; `rejects` holds the
    first hundred of the rejected."""

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    customers_added: int = 0
    rejects: tuple[Reject, ...] = ()


class Writer(Protocol):
    """What a `csv.writer` is."""

    def writerow(self, row: Iterable[object], /) -> object:
        """Write one row."""
        ...


@attrs.define
class Rejects:
    """Counts rejected rows, keeps the first of them, and writes all to the rejects file."""

    writer: Writer | None = None
    count: int = 0
    first: list[Reject] = attrs.field(factory=list[Reject])
    header: tuple[str, ...] | None = None

    def add(self, row: int, error: InvalidInput | Reject, values: Row) -> None:
        """Set a row aside, for every fault found in it."""
        if isinstance(error, Reject):
            found = [error]
        else:
            found = [Reject(row, fault.path, fault.reason) for fault in error.faults]
        self.count += 1
        self.first += found[: max(0, SHOWN - len(self.first))]
        if self.writer is not None:
            if self.header is None:
                self.header = tuple(values)
                self.writer.writerow(("row", "column", "reason", *self.header))
            columns = ", ".join(reject.column for reject in found)
            reasons = "; ".join(reject.reason for reject in found)
            kept = (values.get(name) for name in self.header)
            self.writer.writerow((row, columns, reasons, *kept))


@contextmanager
def rejecting(path: str | PathLike[str] | None) -> Iterator[Rejects]:
    """A collector of rejects that writes to `path`, if one is given."""
    with ExitStack() as stack:
        writer = None
        if path is not None:
            file = stack.enter_context(Path(path).open("w", encoding="utf-8", newline=""))
            writer = csv.writer(file)
        yield Rejects(writer)


@contextmanager
def read_rows(rows: Rows, *, encoding: str = "utf-8-sig") -> Iterator[Iterator[tuple[int, Row]]]:
    """Numbered rows of a CSV file with a header line, or of any iterable of mappings."""
    with ExitStack() as stack:
        if isinstance(rows, str | PathLike):
            file = stack.enter_context(Path(rows).open(encoding=encoding, newline=""))
            rows = csv.DictReader(file)
        yield enumerate(rows, start=1)


def batches(rows: Iterator[T], size: int = BATCH) -> Iterator[list[T]]:
    """`rows` in lists of at most `size`."""
    while batch := list(islice(rows, size)):
        yield batch


def cell(row: Row, column: str | None) -> str | None:
    """The text in a column, stripped; `None` if the column is not mapped or is empty."""
    if column is None:
        return None
    text = row.get(column)
    return (text.strip() or None) if text else None


def required(row: Row, column: str) -> str:
    """The text in a column that must not be empty."""
    text = cell(row, column)
    if text is None:
        raise InvalidInput.of(column, "is empty" if column in row else "is missing")
    return text


def at_column(column: str, read: Callable[[], T]) -> T:
    """What `read` gives; its faults named by the column they come from."""
    try:
        return read()
    except InvalidInput as error:
        raise InvalidInput.of(column, error.faults[0].reason) from None


@lru_cache(maxsize=65_536)
def moment(text: str, zone: str) -> datetime:
    """An instant from ISO text, or `19970131`; a day, or a time without offset, is in `zone`."""
    try:
        if len(text) <= 10:
            return start_of(date.fromisoformat(text), zone=zone)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput.of("", "is no date or instant in ISO 8601 form") from None
    return instant(found.replace(tzinfo=zone_named(zone)) if found.tzinfo is None else found)


def number(text: str) -> Decimal:
    """A decimal number with a point; grouping marks are refused rather than guessed."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise InvalidInput.of("", "is no number (a point before the decimals, no grouping)") from None
