"""Rows from outside: of a file, a data frame, or any iterable of mappings, numbered and streamed.

The suffix of a file says whether it is CSV, JSON lines or Parquet; without a known one it is CSV.
Each line of a file becomes a row or a reject. A quotation mark that is never closed would swallow
all lines up to the next one, so quoting is strict: where a record cannot be read, its first line
is rejected and reading goes on with the second (O17).
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, TextIO, cast

import attrs

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.services.rejects import Rejects, Row
from crmcore.services.typed_rows import (
    BROKEN,
    TYPED,
    opened_file,
    opened_frame,
    opened_text,
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
    rows: Rows, rejects: str | PathLike[str] | None, *, needed: Collection[str]
) -> Iterator[tuple[Iterator[tuple[int, Row]], Rejects]]:
    """The numbered rows, and what collects the rejected ones (into the file `rejects`).

    A CSV or JSON lines file is in UTF-8; a CSV file begins with a header line, and has the columns
    `needed`, as a Parquet file or data frame has. What cannot be opened is `InvalidInput`, and so
    is a rejects file that is the very file to read.
    """
    with ExitStack() as stack:
        file, found = None, None
        if isinstance(rows, str | PathLike) and Path(rows).name.lower().endswith(TYPED):
            found = opened_file(Path(rows), stack, needed)
        elif isinstance(rows, str | PathLike):
            # Bytes that are no UTF-8 pass as lone surrogates, and are refused cell by cell.
            if Path(rows).name.lower().endswith(".gz"):
                file = opened_text(Path(rows))
            else:
                file = _opened("rows", rows, "r", encoding="utf-8-sig", errors="surrogateescape")
            stack.enter_context(file)
        rejected = Rejects()
        if rejects is not None:
            path = Path(rejects)
            read = Path(rows) if isinstance(rows, str | PathLike) else None
            if read is not None and path.exists() and path.samefile(read):
                raise InvalidInput.of("rejects", "is the file that is read")
            output = _opened("rejects", path, "w", encoding="utf-8", errors="backslashreplace")
            rejected.writer = csv.writer(stack.enter_context(output))
        if file is not None:
            found = partial(_numbered, file, needed)
        elif found is None and any(hasattr(rows, name) for name in FRAMES):
            found = opened_frame(rows, needed)
        try:
            yield (
                (
                    enumerate(cast("Iterable[Row]", rows), start=1)
                    if found is None
                    else found(rejected)
                ),
                rejected,
            )
        except BROKEN as error:
            raise unreadable(error) from error


def _opened(
    what: str, path: str | PathLike[str], mode: str, *, encoding: str, errors: str
) -> TextIO:
    try:
        file = Path(path).open(mode, encoding=encoding, errors=errors, newline="")  # noqa: SIM115  the caller closes it
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "is no file name"
        raise InvalidInput.of(what, f"cannot be opened: {why}") from error
    return cast(TextIO, file)


@attrs.frozen
class _Unread:
    """A line that is no CSV."""

    text: str
    reason: str


def _numbered(
    file: TextIO, needed: Collection[str], rejected: Rejects
) -> Iterator[tuple[int, Row]]:
    records = _records(file)
    header = _header(next(records, None), needed)
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


def _header(record: Sequence[str] | _Unread | None, needed: Collection[str]) -> tuple[str, ...]:
    if record is None or isinstance(record, _Unread):
        raise InvalidInput.of("rows", "has no header line that can be read")
    header = tuple(name.strip() for name in record)
    counts = {name: header.count(name) for name in sorted(needed)}
    faults = [
        Fault(name, "is no column of the header line" if count == 0 else "is there twice")
        for name, count in counts.items()
        if count != 1
    ]
    if faults:
        if not all(name.isprintable() for name in header):
            faults.insert(0, Fault("rows", "has a header line that is not in UTF-8"))
        raise InvalidInput(tuple(faults))
    return header


def _records(file: TextIO) -> Iterator[list[str] | _Unread]:
    """The records of the file without empty lines, read anew behind each that is unreadable."""
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
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
            reader = csv.reader(lines, strict=True)
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
        line = self.held.popleft() if self.held else next(self.file)
        self.taken.append(line)
        return line
