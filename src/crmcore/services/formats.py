"""Formats: files of rows, written column by column: CSV, JSON lines, Parquet.

Each writer takes the descriptions of the columns and batches of wire values, and turns these into
what the format knows. Nothing but the rows is in a file, so that the same rows give the same
bytes: no name, no clock, and a gzip header without either.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from gzip import GzipFile
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, TextIO

from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import FieldType
from crmcore.domain.ports import Batch
from crmcore.services.dictionary import ColumnDescription

__all__ = ["SUFFIXES", "format_of", "written"]

SUFFIXES = (".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".parquet")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Columns = Sequence[ColumnDescription]


def format_of(path: Path, what: str) -> tuple[str, bool]:
    """The format of a file by its name, and whether it is compressed; an unknown one is
    `InvalidInput` of `what`.
    """
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise InvalidInput.of(what, f"must end in {', '.join(SUFFIXES)}")
    compressed = name.endswith(".gz")
    suffix = name.removesuffix(".gz").rpartition(".")[2]
    return ("jsonl" if suffix == "ndjson" else suffix), compressed


def written(file: IO[bytes], path: Path, columns: Columns, batches: Iterable[Batch]) -> int:
    """Write the batches in the format that `path` names; answer how many rows there were."""
    format, compressed = format_of(path, "path")
    if format == "parquet":
        from crmcore.services.frames import write_parquet

        return write_parquet(file, columns, _converted(columns, batches, TYPED))
    with _text(file, compressed=compressed) as text:
        if format == "csv":
            return _write_csv(text, columns, _converted(columns, batches, TEXTUAL))
        return _write_json(text, columns, _converted(columns, batches, PLAIN))


@contextmanager
def _text(file: IO[bytes], *, compressed: bool) -> Iterator[TextIO]:
    binary = GzipFile("", "wb", 6, file, mtime=0) if compressed else None
    text = TextIOWrapper(binary or file, "utf-8", newline="", write_through=False)
    yield text
    text.flush()
    text.detach()
    if binary is not None:
        binary.close()


Convert = Callable[[Any], Any]


def _converted(
    columns: Columns, batches: Iterable[Batch], by_type: dict[FieldType, Convert]
) -> Iterator[list[Sequence[Any]]]:
    """The batches as lists of columns in their order, every value in the format's form."""
    for batch in batches:
        found: list[Sequence[Any]] = []
        for column in columns:
            values, convert = batch[column.column], by_type.get(column.type)
            if convert is not None:
                values = [None if value is None else convert(value) for value in values]
            found.append(values)
        yield found


def _write_csv(text: TextIO, columns: Columns, batches: Iterable[list[Sequence[Any]]]) -> int:
    writer, count = csv.writer(text), 0
    writer.writerow([column.column for column in columns])
    nested = [index for index, c in enumerate(columns) if c.type is FieldType.NESTED]
    for found in batches:
        for index in nested:
            _check_lengths(columns[index].column, found[index])
        writer.writerows(zip(*found, strict=True))
        count += len(found[0])
    return count


def _check_lengths(name: str, cells: Sequence[Any]) -> None:
    """A cell that no reader of CSV takes back is refused here."""
    limit = csv.field_size_limit()
    if any(cell is not None and len(cell) > limit for cell in cells):
        reason = f"is longer than the {limit:,} characters of a CSV cell: export .jsonl or .parquet"
        raise InvalidInput.of(name, reason)


def _write_json(text: TextIO, columns: Columns, batches: Iterable[list[Sequence[Any]]]) -> int:
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
    names, count = [column.column for column in columns], 0
    for found in batches:
        rows = zip(*found, strict=True)
        text.writelines(f"{encode(dict(zip(names, row, strict=True)))}\n" for row in rows)
        count += len(found[0])
    return count


def _id(value: bytes) -> str:
    text = value.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _iso(millis: int) -> str:
    return (EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds")[:-6] + "Z"


TYPED: dict[FieldType, Convert] = {FieldType.ID: _id, FieldType.BOOLEAN: bool}
"""For formats that know instants and numbers."""

PLAIN: dict[FieldType, Convert] = {**TYPED, FieldType.INSTANT: _iso, FieldType.NESTED: json.loads}
"""For JSON."""

TEXTUAL: dict[FieldType, Convert] = {
    FieldType.ID: _id,
    FieldType.INSTANT: _iso,
    FieldType.BOOLEAN: lambda value: "true" if value else "false",
    FieldType.FLOAT: repr,
}
"""For CSV, where an absent value is an empty cell: no text that crmcore keeps is empty."""
