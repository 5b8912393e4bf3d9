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
    that they can be mended there and imported again. Where rows have no header line, the names are
    those of the first rejected row that has any, and what a later one has under other names stands
    behind its cells as one of JSON.
    """

    writer: Writer | None = None
    count: int = 0
    first: list[Reject] = attrs.field(factory=list[Reject])
    header: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = attrs.field(default=None, init=False)
    held: list[tuple[object, ...]] = attrs.field(factory=list[tuple[object, ...]], init=False)

    def add(self, row: int, faults: Iterable[Fault], values: Row) -> None:
        """Set a row aside for all the faults found in it."""
        found = [Reject(row, fault.path, fault.reason) for fault in faults]
        self.count += 1
        self.first += found[: SHOWN - len(self.first)]
        if self.writer is not None:
            self._write(self.writer, row, found, values)

    def _write(self, writer: Writer, row: int, found: list[Reject], values: Row) -> None:
        named = tuple(name for name in values if cast(Any, name) is not None)
        columns = ", ".join(reject.column for reject in found)
        reasons = "; ".join(reject.reason for reject in found)
        beyond = [_cell(value) for value in beyond_header(values)]
        if self.names is None and self.header is None and not named and len(self.held) < SHOWN:
            self.held.append((row, columns, reasons, *beyond))
            return
        if self.names is None:
            self._begin(writer, named if self.header is None else self.header)
        names = self.names or ()
        kept = [_cell(values.get(name)) for name in names]
        more = {str(name): values[name] for name in named if name not in names}
        writer.writerow((row, columns, reasons, *kept, *([_cell(more)] if more else ()), *beyond))

    def _begin(self, writer: Writer, names: tuple[str, ...]) -> None:
        """Write the header line, and the rows without names that came before one was known."""
        self.names = names
        writer.writerow(("row", "column", "reason", *names))
        for row in self.held:
            writer.writerow(row)
        self.held.clear()

    def finish(self) -> None:
        """Write what waited for a header line that never came."""
        if self.writer is not None and self.held:
            self._begin(self.writer, ())


def _cell(value: object) -> object:
    """A nested cell as JSON, so that the rejects file can be imported."""
    try:
        if isinstance(value, list | dict):
            return json.dumps(value, ensure_ascii=False, default=str)
        return "" if value is None else str(value)
    except (TypeError, ValueError, RecursionError):
        return ""  # nothing that has a text: a number of thousands of digits, a list in itself


def beyond_header(row: Row) -> Iterable[object]:
    """The cells of a row that no column name stands over."""
    found: Any = cast("Mapping[Any, Any]", row).get(None)
    return found if isinstance(found, list | tuple) else () if found is None else (found,)
