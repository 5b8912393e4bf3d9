"""Rows with typed cells: of JSON lines, of Parquet, of a data frame; and compressed CSV.

A line that is no JSON object is rejected, and reading goes on behind it (O17).
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO, cast

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.services.rejects import Rejects, Row

__all__ = [
    "BROKEN",
    "TYPED",
    "Numbered",
    "opened_file",
    "opened_frame",
    "opened_text",
    "unreadable",
]

TYPED = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".parquet")
"""The suffixes of files whose cells have types."""

Numbered = Callable[[Rejects], Iterator[tuple[int, Row]]]


def opened_file(path: Path, stack: ExitStack, needed: Collection[str]) -> Numbered:
    """What numbers the rows of a file; `stack` closes it."""
    if path.name.lower().endswith(".parquet"):
        from crmcore.services.frames import parquet_rows

        return _checked(*parquet_rows(path), needed)
    text = stack.enter_context(opened_text(path))
    return lambda rejected: _json_rows(text, rejected)


def opened_frame(frame: Any, needed: Collection[str]) -> Numbered:
    """What numbers the rows of a data frame."""
    from crmcore.services.frames import frame_rows

    return _checked(*frame_rows(frame), needed)


def opened_text(path: Path) -> TextIO:
    """A text file in UTF-8, decompressed where its name ends in `.gz`."""
    try:
        compressed = path.name.lower().endswith(".gz")
        binary: Any = gzip.open(path) if compressed else path.open("rb")  # noqa: SIM115  the caller closes it
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "is no file name"
        raise InvalidInput.of("rows", f"cannot be opened: {why}") from error
    return io.TextIOWrapper(binary, "utf-8-sig", "surrogateescape", newline="")


def unreadable(error: Exception) -> InvalidInput:
    """What is told of a compressed file that ends too early or is none."""
    return InvalidInput.of("rows", f"cannot be decompressed ({type(error).__name__})")


def _checked(
    names: Iterable[str], rows: Iterator[Mapping[str, Any]], needed: Collection[str]
) -> Numbered:
    header = tuple(names)
    counts = Counter(header)
    faults = [Fault(name, "is no column of the rows") for name in sorted(set(needed) - set(counts))]
    # Rows are mappings: of two columns of one name the last would win.
    faults += [Fault(name, "is there twice") for name, count in counts.items() if count > 1]
    if faults:
        raise InvalidInput(tuple(faults))

    def numbered(rejected: Rejects) -> Iterator[tuple[int, Row]]:
        rejected.header = header
        yield from enumerate(rows, start=1)

    return numbered


def _json_rows(text: TextIO, rejected: Rejects) -> Iterator[tuple[int, Row]]:
    # Numbers with a point stay exact: as a float, a large amount would be another one.
    decode = json.JSONDecoder(parse_float=Decimal).decode
    index = 0
    for line in text:
        if not line.strip():
            continue
        index += 1
        try:
            row = decode(line)
        except (ArithmeticError, ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            yield index, row
        else:
            whole = cast(Row, {None: [line.rstrip("\r\n")]})
            rejected.add(index, [Fault("", "is no JSON object")], whole)


BROKEN = (gzip.BadGzipFile, EOFError, zlib.error)
"""What reading a compressed file raises that is none, or not whole."""
