"""Batches as an Arrow stream: ids as 16 bytes, instants as UTC timestamps, money as int64."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crmcore.adapters.codec import Column
from crmcore.domain.errors import MissingExtra
from crmcore.domain.fields import FieldType
from crmcore.domain.ports import Batch

try:
    import pyarrow as pa
except ImportError as _error:
    raise MissingExtra("frames") from _error

__all__ = ["TYPES", "arrow_stream"]

TYPES: dict[FieldType, pa.DataType] = {
    FieldType.TEXT: pa.string(),
    FieldType.INTEGER: pa.int64(),
    FieldType.FLOAT: pa.float64(),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.INSTANT: pa.timestamp("ms", tz="UTC"),
    FieldType.ID: pa.binary(16),
    FieldType.TEXT_SET: pa.string(),
    FieldType.NESTED: pa.string(),
}


def arrow_stream(
    columns: tuple[Column, ...], batches: Iterable[Batch], requested: object | None
) -> object:
    """The Arrow C stream of `batches`."""
    schema = pa.schema([pa.field(c.name, TYPES[c.type], nullable=c.optional) for c in columns])

    def records() -> Iterable[pa.RecordBatch]:
        for batch in batches:
            arrays = [
                pa.array(
                    map(_truth, batch[c.name]) if c.type is FieldType.BOOLEAN else batch[c.name],
                    type=schema.field(c.name).type,
                )
                for c in columns
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    reader = pa.RecordBatchReader.from_batches(schema, records())
    return reader.__arrow_c_stream__(requested)


def _truth(value: Any) -> bool | None:
    """Some stores keep a truth value as a number; an absent one is no answer."""
    return None if value is None else bool(value)
