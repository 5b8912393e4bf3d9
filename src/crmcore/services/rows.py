"""Rows from outside: of a file, a data frame, or any iterable of mappings, numbered and streamed.

The suffix of a file says whether it is CSV, JSON lines or Parquet; without a known one it is CSV.
Each line of a file becomes a row or a reject. A quotation mark that is never closed would swallow
all lines up to the next one, so quoting is strict: where a record cannot be read, its first line
is rejected and reading goes on with the second (O17).
"""

from __future__ import annotations

import csv
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, TextIO, cast

import attrs

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.services.csv_files import CsvForm, csv_path, form_of, opened, unopened
from crmcore.services.rejects import Rejects, Row
from crmcore.services.typed_rows import (
    BROKEN,
    TYPED,
    Numbered,
    opened_file,
    opened_frame,
    unreadable,
)

__all__ = ["Rows", "read_rows"]

Rows = str | PathLike[str] | Iterable[Row] | Any
"""A file, rows as mappings, or a data frame: any that narwhals knows, or an Arrow stream."""

FRAMES = (
    "__arrow_c_stream__", "__dataframe__", "__narwhals_dataframe__", "__narwhals_lazyframe__",
    "collect_schema",
)  # fmt: skip
"""What a data frame has and rows have not; the last is what lazy frames share."""


@contextmanager
def read_rows(
    rows: Rows,
    rejects: str | PathLike[str] | None,
    *,
    needed: Collection[str],
    single: Collection[str] = (),
    form: CsvForm | None = None,
) -> Iterator[tuple[Iterator[tuple[int, Row]], Rejects]]:
    """The numbered rows, and what collects the rejected ones (into the file `rejects`).

    A CSV file has a header line; how it is written is found out unless `form` says it. JSON lines
    are in UTF-8. Files and data frames have the columns `needed`, none of them twice, nor one of
    `single` (in Parquet and data frames, no name is there twice). What cannot be opened is
    `InvalidInput`, and so is a rejects file that is the very file to read.
    """
    with ExitStack() as stack:
        file: TextIO | None = None
        found: Numbered | None = None
        if (named := csv_path(rows)) is not None:
            form = form or form_of(named)
            file = stack.enter_context(opened(named, form))
            found = partial(_numbered, file, form.delimiter, needed, single)
        elif isinstance(rows, str | PathLike):
            if not Path(rows).name.lower().endswith(TYPED):
                raise InvalidInput.of("rows", "is a file of a format that is not read")
            found = opened_file(Path(rows), stack, needed)
        elif any(hasattr(rows, name) for name in FRAMES):
            found = opened_frame(rows, needed)
        rejected = Rejects()
        if rejects is not None:
            path = Path(rejects)
            read = Path(rows) if isinstance(rows, str | PathLike) else None
            if read is not None and path.exists() and path.samefile(read):
                raise InvalidInput.of("rejects", "is the file that is read")
            rejected.writer = csv.writer(stack.enter_context(_written(path)))
            stack.callback(rejected.finish)
        try:
            found = found or _given(rows)
            yield found(rejected), rejected
        except BROKEN as error:
            raise unreadable(error) from error


def _given(rows: Any) -> Numbered:
    """What numbers the rows of a program; what is none of named values is rejected."""
    if isinstance(rows, Mapping | bytes) or not isinstance(rows, Iterable):
        raise InvalidInput.of("rows", "is no file, data frame or rows of named values")

    def numbered(rejected: Rejects) -> Iterator[tuple[int, Row]]:
        for index, row in enumerate(rows, start=1):
            if isinstance(row, Mapping):
                yield index, cast(Row, row)
            else:
                cells: Any = row if isinstance(row, list | tuple) else [row]
                reason = "is no row of named values"
                rejected.add(index, [Fault("", reason)], cast(Row, {None: cells}))

    return numbered


def _written(path: Path) -> TextIO:
    """The rejects file; a new one is its owner's alone, for it holds what people are called."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        file = os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace", newline="")
    except (OSError, ValueError) as error:
        raise unopened("rejects", error) from error
    return cast(TextIO, file)


@attrs.frozen
class _Unread:
    """A line that is no CSV."""

    text: str
    reason: str


def _numbered(
    file: TextIO,
    delimiter: str,
    needed: Collection[str],
    single: Collection[str],
    rejected: Rejects,
) -> Iterator[tuple[int, Row]]:
    records = _records(file, delimiter)
    header = _header(next(records, None), needed, single)
    rejected.header = header
    width = len(header)
    for index, record in enumerate(records, start=1):
        if isinstance(record, _Unread):
            rejected.add(index, [Fault("", record.reason)], cast(Row, {None: [record.text]}))
            continue
        row: dict[Any, Any] = dict(zip(header, record, strict=False))
        if len(record) > width and any(record[width:]):
            row[None] = record[width:]
        yield index, row


def _header(
    record: Sequence[str] | _Unread | None, needed: Collection[str], single: Collection[str]
) -> tuple[str, ...]:
    if record is None or isinstance(record, _Unread):
        raise InvalidInput.of("rows", "has no header line that can be read")
    header = tuple(name.strip() for name in record)
    counts = {name: header.count(name) for name in sorted({*needed, *single})}
    faults = [
        Fault(name, "is no column of the header line" if count == 0 else "is there twice")
        for name, count in counts.items()
        if count > 1 or (count == 0 and name in needed)
    ]
    if faults:
        if not all(name.isprintable() for name in header):
            reason = "has a header line of which not all is text: name its encoding"
            faults.insert(0, Fault("rows", reason))
        raise InvalidInput(tuple(faults))
    return header


def _records(file: TextIO, delimiter: str) -> Iterator[list[str] | _Unread]:
    """The records of the file without empty lines, read anew behind each that is unreadable."""
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.taken.clear()
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = "its quotation marks do not pair up"
            if "limit" in str(error):
                reason = (
                    f"has a cell beyond {csv.field_size_limit():,} characters, or an open quote"
                )
            yield _Unread(lines.taken[0].rstrip("\r\n"), reason)
            lines.held.extendleft(reversed(lines.taken[1:]))
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        else:
            if record:
                yield record


@attrs.define
class _Lines:
    """The lines of a file; those `taken` for the present record can be `held` to be read again."""

    file: TextIO
    taken: list[str] = attrs.field(factory=list[str])
    held: deque[str] = attrs.field(factory=deque[str])

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self.held.popleft() if self.held else next(self.file)
        except UnicodeError:
            raise InvalidInput.of("rows", "is not in its encoding throughout") from None
        self.taken.append(line)
        return line
