"""Exporting: one kind of thing to one file, the same bytes for the same store."""

from __future__ import annotations

import json
import os
import stat
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

__all__ = ["ExportReport", "appearing", "export"]

BATCH = 10_000
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


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
    """Write all of a kind to a file: `customers`, `products`, `segments`, `memberships`, facts,
    `purchases`, `profiles`.

    The suffix chooses CSV, JSON lines (`.jsonl`) or Parquet; `.csv.gz` and `.jsonl.gz` are
    compressed. The columns are those of the data dictionary, without the personal ones unless
    asked for; `since <= at < until` for facts and purchases. Rows stand in the order of their ids
    (profiles in that of their customers'), so the same store gives the same bytes. They stream
    through memory in batches, and the file appears under its name when it is whole. It has the
    permissions of the file that it replaces; a new one with personal columns is its owner's alone
    (mode 0600). Of a symbolic link, the file that it points to is replaced. A file that cannot be
    written, or another kind or suffix, is `InvalidInput`.

    A CSV file has the values as they are, so that they can be imported again. A spreadsheet takes
    a cell that begins with `=`, `+`, `-` or `@` for a formula, and such text may come from outside:
    before a file is opened in one, have its columns imported there as text.
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
    with appearing(path, private=personal) as file:
        rows = written(file, path, columns, batches)
    return ExportReport(kind=kind, rows=rows, path=path)


@contextmanager
def appearing(path: Path, *, private: bool) -> Iterator[IO[bytes]]:
    """A file beside `path`, which takes its place once all is written, and is gone otherwise.

    Nobody may read it meanwhile who may not read the former one.
    """
    beside: Path | None = None
    try:
        path = path.resolve()
        former = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
        beside = path.with_name(f".{path.name}.{urandom(4).hex()}.part")
        mode = 0o600 if private or former is not None else 0o666
        with os.fdopen(os.open(beside, NEW, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if former is not None:
            beside.chmod(former)
        beside.replace(path)
    except OSError as error:
        reason = f"cannot be written: {error.strerror or 'the file system refuses it'}"
        raise InvalidInput.of("path", reason) from error
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise InvalidInput.of("path", "is no file name") from error
    finally:
        if beside is not None:
            with suppress(OSError):
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
