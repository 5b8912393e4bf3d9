"""Profiles and facts as Arrow tables, a column per field of its own type, for any library."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, get_args

from crmcore.adapters.columns.arrow import TYPES
from crmcore.adapters.columns.frames import FrameLibrary
from crmcore.adapters.columns.stream import layout
from crmcore.adapters.columns.texts import FOLDED, WORDS
from crmcore.adapters.wire import column_of, unwired
from crmcore.domain.errors import InvalidInput, MissingExtra, UnknownField
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.model import Model
from crmcore.domain.names import folded_text, name_words
from crmcore.domain.ports import Backend, Batch

try:
    import narwhals.stable.v2 as nw
    import pyarrow as pa
except ImportError as _error:
    raise MissingExtra("frames") from _error

__all__ = ["fact_table", "library_frame", "profile_table"]

TYPED: dict[FieldType, Any] = TYPES | {
    FieldType.DATE: pa.date32(),
    FieldType.DECIMAL: pa.decimal128(16, 6),
    FieldType.MONEY: pa.int64(),
    FieldType.ID: pa.binary(),
    FieldType.TEXT_SET: pa.list_(pa.string()),
}
Values = Sequence[Any]


def profile_table(backend: Backend, personal: bool, folded: tuple[str, ...]) -> Any:
    """See `profile_frame`."""
    model = backend.model
    fields = [f for f in model.profile_fields.values() if personal or not f.personal]
    _check_folded(folded, {known.name for known in fields}, model)
    schema = [pa.field("customer_id", TYPED[FieldType.ID], nullable=False)]
    schema += [_field(column_of(known), known) for known in fields]
    for name in folded:
        schema.append(pa.field(name + FOLDED, pa.string()))
        if model.profile_fields[name].in_words:
            schema.append(pa.field(name + WORDS, pa.string()))

    def batches() -> Iterable[Any]:
        for batch in backend.columns("profiles", personal=True):
            columns = dict(_profile_columns(batch, fields, model))
            for name in folded:
                columns[name + FOLDED] = list(map(_folded, columns[name]))
                columns[name + WORDS] = list(map(_in_words, columns[name]))
            yield _record_batch(columns, schema)

    return _table(batches(), schema)


def fact_table(
    backend: Backend, kind: str, *, since: datetime | None, until: datetime | None, personal: bool
) -> Any:
    """See `fact_frame`."""
    if kind == "profiles":
        raise InvalidInput.of("kind", "profiles are no facts: use profile_frame()")
    kept = [c for c in layout(kind, backend.model) if personal or not c.personal]
    schema = [pa.field(c.name, TYPED[c.type], nullable=c.optional) for c in kept]
    lines: Callable[[Batch], Iterable[str]] | None = None
    if kind in ("orders", "purchases"):
        schema += [pa.field(name, TYPED[FieldType.TEXT_SET]) for name in ("products", "categories")]
        lines = _lines_of(backend, kind, since, until)
    stream = backend.columns(kind, since=since, until=until, personal=personal)

    def batches() -> Iterable[Any]:
        for batch in stream:
            columns = {c.name: _typed(c.type, batch[c.name], "") for c in kept}
            if lines is not None:
                told = list(map(_products_and_categories, lines(batch)))
                columns["products"] = [products for products, _ in told]
                columns["categories"] = [categories for _, categories in told]
            yield _record_batch(columns, schema)

    return _table(batches(), schema)


def library_frame(library: FrameLibrary, table: Callable[[], Any]) -> Any:
    """A table as a frame of that library, which is asked for before the table is made."""
    if library not in get_args(FrameLibrary):
        raise InvalidInput.of("library", f"must be one of {', '.join(get_args(FrameLibrary))}")
    if find_spec(library) is None:
        if library == "pyspark":
            raise MissingExtra("spark")
        raise InvalidInput.of("library", f"{library} is not installed")
    match library:
        case "pandas":
            # pandas' own types know no absent integer, and no date.
            return table().to_pandas(types_mapper=import_module("pandas").ArrowDtype)
        case "duckdb":
            return import_module("duckdb").from_arrow(table())
        case "pyspark":
            session = import_module("pyspark.sql").SparkSession.getActiveSession()
            if session is None:
                raise InvalidInput.of("library", "has no active session: start a SparkSession")
            return session.createDataFrame(table())
    return nw.DataFrame.from_arrow(table(), backend=library).to_native()


def _field(column: str, known: Field) -> Any:
    return pa.field(column, TYPED[known.type], nullable=known.optional)


def _table(batches: Iterable[Any], schema: Sequence[Any]) -> Any:
    # Not every library takes a table without a batch.
    none = pa.RecordBatch.from_pylist([], schema=pa.schema(schema))
    return pa.Table.from_batches(list(batches) or [none], schema=pa.schema(schema))


def _record_batch(columns: Mapping[str, Values], schema: Sequence[Any]) -> Any:
    arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(schema))


def _profile_columns(
    batch: Batch, fields: Iterable[Field], model: Model
) -> Iterable[tuple[str, Values]]:
    yield "customer_id", batch["customer_id"]
    held = {attribute.name for attribute in model.attributes}
    attributes: list[Mapping[str, Any]] = []
    if held:
        attributes = [{} if told == "{}" else json.loads(told) for told in batch["attributes"]]
    for known in fields:
        column = column_of(known)
        if known.name in held:
            values: Values = [told.get(known.name) for told in attributes]
        else:
            values = batch[column]
        yield column, _typed(known.type, values, model.currency)


def _typed(type: FieldType, values: Values, currency: str) -> Values:
    """Wire values as Arrow takes them for a column of that type."""
    if type in (FieldType.DATE, FieldType.DECIMAL, FieldType.BOOLEAN):
        return [unwired(type, value, currency) for value in values]
    if type is FieldType.TEXT_SET:
        return [[] if value is None else json.loads(value) for value in values]
    return values


def _check_folded(folded: tuple[str, ...], there: set[str], model: Model) -> None:
    for name in folded:
        known = model.profile_fields.get(name)
        if known is None:
            raise UnknownField.named(name, known=tuple(model.profile_fields))
        if not known.folds:
            raise InvalidInput.of(name, "is not searched by its text")
        if name not in there:
            raise InvalidInput.of(name, "is personal, and only there if asked for")


def _folded(text: str | None) -> str | None:
    return None if text is None else folded_text(text)


def _in_words(text: str | None) -> str | None:
    return None if text is None else "".join(f" {word}" for word in name_words(text))


def _lines_of(
    backend: Backend, kind: str, since: datetime | None, until: datetime | None
) -> Callable[[Batch], Iterable[str]]:
    """The lines of orders; purchases have those of the orders that they are."""
    if kind == "orders":
        return lambda batch: batch["lines"]
    lines: dict[bytes, str] = {}
    for orders in backend.columns("orders", since=since, until=until):
        lines |= zip(orders["id"], orders["lines"], strict=True)
    return lambda batch: (lines.get(id, "[]") for id in batch["id"])


@lru_cache(maxsize=65_536)
def _products_and_categories(lines: str) -> tuple[list[str], list[str]]:
    told = [] if lines == "[]" else json.loads(lines)
    products = {line["product"] for line in told}
    categories = {line["category"] for line in told if line.get("category") is not None}
    return sorted(products), sorted(categories)
