"""Data frames and Parquet: the only place of the services that knows pyarrow and narwhals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from crmcore.domain.errors import InvalidInput, MissingExtra
from crmcore.domain.fields import FieldType

try:
    import narwhals.stable.v2 as nw
    import pyarrow as pa
    import pyarrow.parquet as pq
    from narwhals.exceptions import DuplicateError
except ImportError as _error:
    raise MissingExtra("frames") from _error

if TYPE_CHECKING:
    from crmcore.services.dictionary import ColumnDescription

__all__ = ["frame_rows", "parquet_rows", "write_parquet"]

BATCH = 10_000

TYPES = {
    FieldType.INTEGER: pa.int64(),
    FieldType.FLOAT: pa.float64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.INSTANT: pa.timestamp("ms", tz="UTC"),
}
"""All other columns are text."""

Found = tuple[list[str], Iterator[Mapping[str, Any]]]


def frame_rows(frame: Any) -> Found:
    """The names of the columns of any frame that narwhals knows, and its rows, a batch at a time.

    What speaks Arrow's stream protocol (polars, pyarrow, `backend.columns()`, a DuckDB relation)
    is read as a stream. A pandas frame is read as it is: its columns may mix types.
    """
    try:
        known = nw.from_native(frame, pass_through=True)
    except DuplicateError:
        raise InvalidInput.of("rows", "has two columns of one name") from None
    if isinstance(known, nw.DataFrame) and known.implementation.is_pandas_like():
        return known.columns, known.iter_rows(named=True, buffer_size=BATCH)
    if isinstance(known, nw.LazyFrame):
        frame = known.collect("pyarrow").to_native()
    try:
        reader = pa.RecordBatchReader.from_stream(frame)
    except (TypeError, pa.ArrowException):
        raise InvalidInput.of("rows", "is no file, data frame or rows of named values") from None
    return reader.schema.names, _rows(reader)


def parquet_rows(path: Path) -> Found:
    """The names of the columns of a Parquet file, and its rows, a batch at a time."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        why = getattr(error, "strerror", None) or "is no Parquet file"
        raise InvalidInput.of("rows", f"cannot be opened: {why}") from error

    def rows() -> Iterator[Mapping[str, Any]]:
        with file:
            yield from _rows(file.iter_batches(BATCH))

    return file.schema_arrow.names, rows()


def _rows(batches: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    try:
        for batch in batches:
            # A frame of one piece comes as one batch: its rows are made a few at a time.
            for begin in range(0, batch.num_rows, BATCH):
                yield from _listed(batch.slice(begin, BATCH))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput.of("rows", "cannot be read to the end") from error


def _listed(batch: Any) -> list[Mapping[str, Any]]:
    """The rows of a batch. A value that Python has not, such as an instant after the year 9999,
    comes as its text, or as what no reader takes: it costs its own row.
    """
    try:
        found: list[Mapping[str, Any]] = batch.to_pylist()
    except (OverflowError, ValueError):
        names = batch.schema.names
        columns = [[_value(scalar) for scalar in column] for column in batch.columns]
        return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return found


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (OverflowError, ValueError):
        try:
            return scalar.cast(pa.string()).as_py()
        except (pa.ArrowException, ValueError):
            return _Unread()


class _Unread:
    """A cell that is not missing, and nothing that can be read."""

    def __str__(self) -> str:
        return ""


def write_parquet(
    file: IO[bytes],
    columns: Sequence[ColumnDescription],
    batches: Iterable[Sequence[Sequence[Any]]],
) -> int:
    """Write the batches, each a row group; answer how many rows there were."""
    schema = pa.schema(
        [pa.field(c.column, TYPES.get(c.type, pa.string()), nullable=c.nullable) for c in columns]
    )
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for found in batches:
            arrays = [
                pa.array(values, type=field.type)
                for values, field in zip(found, schema, strict=True)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            count += len(found[0])
    return count
