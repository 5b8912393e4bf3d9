"""Exporting: one kind of thing to one file, the same bytes for the same store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from os import PathLike, urandom
from pathlib import Path
from typing import IO, Any

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import FieldType, fields_of
from crmcore.domain.instants import to_millis
from crmcore.domain.kinds import AGGREGATES, AggregateKind
from crmcore.domain.ports import Backend, Batch
from crmcore.services.dictionary import described
from crmcore.services.formats import format_of, written
from crmcore.services.nested_values import plain

__all__ = ["ExportReport", "export"]

BATCH = 10_000


@attrs.frozen(kw_only=True)
class ExportReport:
    """What was exported: so many rows of a kind, to this file."""

    kind: str
    rows: int
    path: Path


def export(
    backend: Backend,
    kind: str,
    path: str | PathLike[str],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    personal: bool = False,
) -> ExportReport:
    """Write all of a kind to a file: `customers`, `products`, facts, `purchases`, `profiles`.

    The suffix chooses CSV, JSON lines (`.jsonl`) or Parquet; `.csv.gz` and `.jsonl.gz` are
    compressed. The columns are those of the data dictionary, without the personal ones unless
    asked for; `since <= at < until` for facts and purchases. Rows stand in the order of their ids
    (profiles in that of their customers'), so the same store gives the same bytes. They stream
    through memory in batches, and the file appears under its name when it is whole. A file that
    cannot be written, or another kind or suffix, is `InvalidInput`.
    """
    path = Path(path)
    columns = tuple(c for c in described(kind, backend.model) if personal or not c.personal)
    format_of(path, "path")
    aggregates = next((known for known in AGGREGATES if known.name == kind), None)
    if aggregates is None:
        stream = backend.columns(kind, since=since, until=until, personal=personal, in_order=True)
        batches = _in_batches_of(stream, kind)
    elif since is not None or until is not None:
        bound = "since" if until is None else "until"
        raise InvalidInput.of(bound, f"does not go with {kind}: a row is as they are now")
    else:
        batches = _aggregates(backend, aggregates)
    with _appearing(path) as file:
        rows = written(file, path, columns, batches)
    return ExportReport(kind=kind, rows=rows, path=path)


@contextmanager
def _appearing(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path`, which takes its place once all is written, and is gone otherwise."""
    beside = path.with_name(f".{path.name}.{urandom(4).hex()}.part")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        reason = f"cannot be written: {error.strerror or 'the file system refuses it'}"
        raise InvalidInput.of("path", reason) from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise InvalidInput.of("path", "is no file name") from error
    finally:
        with suppress(OSError, ValueError):
            beside.unlink(missing_ok=True)


def _in_batches_of(stream: Any, kind: str) -> Iterator[Batch]:
    """The batches of a stream; of profiles, host attributes come in the order of their names."""
    for batch in stream:
        if kind == "profiles" and "attributes" in batch:
            known = [_sorted(text) for text in batch["attributes"]]
            yield {**batch, "attributes": known}
        else:
            yield batch


def _sorted(text: str) -> str:
    """Each store writes the object of host attributes in an order of its own."""
    if text == "{}":
        return text
    return json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _aggregates(backend: Backend, kind: AggregateKind[Any]) -> Iterator[Batch]:
    """All aggregates as columns of wire values, in the order of their ids."""
    fields = fields_of(kind.cls)
    with backend.reading() as unit:
        remaining = getattr(unit, kind.name).stream()
        while found := list(islice(remaining, BATCH)):
            batch: dict[str, list[Any]] = {}
            for field in fields:
                values = [getattr(aggregate, field.name) for aggregate in found]
                if field.type is FieldType.MONEY:
                    batch[f"{field.name}_minor"] = [v and v.minor for v in values]
                    batch[f"{field.name}_currency"] = [v and v.currency for v in values]
                else:
                    batch[field.name] = [
                        None if v is None else _wire(field.type, v) for v in values
                    ]
            yield batch


def _wire(type: FieldType, value: Any) -> Any:
    match type:
        case FieldType.ID:
            return value.bytes
        case FieldType.INSTANT:
            return to_millis(value)
        case FieldType.NESTED:
            return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
    return plain(value)
