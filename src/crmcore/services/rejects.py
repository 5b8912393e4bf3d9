"""Rejects: rows that an import sets aside, each with its number, column and reason (O17).

Rejected values are written nowhere but to the rejects file that the caller names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

import attrs

from crmcore.domain.errors import Fault

__all__ = ["Reject", "Rejects", "Row", "Writer", "beyond_header"]

SHOWN = 100

Row = Mapping[str, Any]
"""From column name to cell: text, or a typed value where the rows have types. As in
`csv.DictReader`, cells beyond the header are under `None`.
"""


@attrs.frozen
class Reject:
    """Why one row was set aside: its number in the input (the first is 1), column and reason.

    The column is empty where the row as a whole is at fault.
    """

    row: int
    column: str
    reason: str


class Writer(Protocol):
    """What a `csv.writer` is."""

    def writerow(self, row: Iterable[object], /) -> object:
        """Write one row."""
        ...


@attrs.define
class Rejects:
    """Counts rejected rows, keeps the first reasons, and writes all to the rejects file.

    The file repeats the rows behind `row`, `column` and `reason`, under the names of `header`, so
    that they can be mended there and imported again.
    """

    writer: Writer | None = None
    count: int = 0
    first: list[Reject] = attrs.field(factory=list[Reject])
    header: tuple[str, ...] | None = None

    def add(self, row: int, faults: Iterable[Fault], values: Row) -> None:
        """Set a row aside for all the faults found in it."""
        found = [Reject(row, fault.path, fault.reason) for fault in faults]
        self.count += 1
        self.first += found[: SHOWN - len(self.first)]
        if self.writer is not None:
            self._write(self.writer, row, found, values)

    def _write(self, writer: Writer, row: int, found: list[Reject], values: Row) -> None:
        if self.header is None:
            self.header = tuple(name for name in values if cast(Any, name) is not None)
        if self.count == 1:
            writer.writerow(("row", "column", "reason", *self.header))
        columns = ", ".join(reject.column for reject in found)
        reasons = "; ".join(reject.reason for reject in found)
        kept = (_cell(values.get(name)) for name in self.header)
        writer.writerow((row, columns, reasons, *kept, *beyond_header(values)))


def _cell(value: object) -> object:
    """A nested cell as JSON, so that the rejects file can be imported."""
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value


def beyond_header(row: Row) -> Iterable[str]:
    """The cells of a row that no column name stands over."""
    found: Iterable[str] | None = cast("Mapping[Any, Any]", row).get(None)
    return found or ()
