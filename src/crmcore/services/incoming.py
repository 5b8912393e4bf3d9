"""What comes in: a source of rows opened, its columns placed, its notation found out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from os import PathLike
from typing import Any, Generic, TypeVar, cast

import attrs

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.services.column_names import REQUIRED, found_columns
from crmcore.services.csv_files import CsvForm, csv_path, form_of
from crmcore.services.importing import needed
from crmcore.services.notation import Notation, notation_of
from crmcore.services.rejects import Rejects, Row
from crmcore.services.rows import Rows, read_rows

__all__ = ["Incoming", "Writing", "incoming"]

C = TypeVar("C")


@attrs.frozen(kw_only=True)
class Writing:
    """What the caller says of how a file is written; `None` is to be found out."""

    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    day_first: bool | None = None

    def __attrs_post_init__(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise InvalidInput.of("decimal", "must be a point or a comma")


@attrs.frozen
class Incoming(Generic[C]):
    """Numbered rows, what rejects them, and how to read them."""

    rows: Iterator[tuple[int, Row]]
    rejected: Rejects
    columns: C
    notation: Notation
    guessed: tuple[str, ...]


@contextmanager
def incoming(
    rows: Rows,
    rejects: str | PathLike[str] | None,
    *,
    columns: C | None,
    columns_class: type[C],
    required: Collection[str],
    dates: Collection[str],
    numbers: Collection[str],
    writing: Writing,
) -> Iterator[Incoming[C]]:
    """The rows of a file or of a program.

    `required`, `dates` and `numbers` name fields of `columns_class`. Columns that are not told are
    guessed from the header line, or from the names in the first of a program's rows.
    """
    path = csv_path(rows)
    form = None
    if path is not None:
        form = form_of(path, encoding=writing.encoding, delimiter=writing.delimiter)
    always: Collection[str] = ()
    if columns is not None:
        always = needed(columns, *(getattr(columns, name) for name in required))
    rest: tuple[tuple[int, Row], ...] = ()
    with read_rows(rows, rejects, needed=always, form=form) as (numbered, rejected):
        guessed = form.guessed if form is not None else ()
        if columns is None:
            first = next(numbered, None)
            rest = () if first is None else (first,)
            columns = _guessed(first, rejected.header, columns_class)
            guessed = (*guessed, *_told(columns))
        chosen = cast(Any, columns)

        def named(fields: Collection[str]) -> list[str]:
            return [column for name in fields if (column := getattr(chosen, name)) is not None]

        notation = Notation(
            decimal=writing.decimal or ".",
            day_first=writing.day_first,
            grouped=writing.decimal is not None,
        )
        again = path is not None and path.is_file()
        if path is not None and form is not None and again:
            notation = _notation(path, form, named(dates), named(numbers), writing)
        guessed = (*guessed, *notation.guessed)
        yield Incoming(chain(rest, numbered), rejected, columns, notation, guessed)


def _guessed(
    first: tuple[int, Row] | None, header: tuple[str, ...] | None, columns_class: type[C]
) -> C:
    """From a header line; or from a program's first row, whose later ones may have more."""
    is_file = header is not None
    if header is None:
        row: Any = {} if first is None else first[1]
        header = tuple(name for name in row if isinstance(name, str))
    found, faults = found_columns(header, columns_class)
    if not is_file:
        # A later row of a program may have what the first one has not.
        usual = {field.name: field.default for field in attrs.fields(cast(Any, columns_class))}
        found = {name: found.get(name) or usual[name] for name in usual}
        faults = [fault for fault in faults if REQUIRED not in fault.reason]
    elif any("\0" in name or (faults and not name.isprintable()) for name in header):
        reason = "has a header line of which not all is text: name its encoding"
        faults.insert(0, Fault("rows", reason))
    if faults:
        raise InvalidInput(tuple(faults))
    return columns_class(**found)


def _told(columns: object) -> tuple[str, ...]:
    """Which columns are not called as usual."""
    usual = {field.name: field.default for field in attrs.fields(cast(Any, type(columns)))}
    return tuple(
        f"{name} is read from the column {column!r}"
        for name in usual
        if (column := getattr(columns, name)) not in (None, usual[name])
    )


def _notation(
    path: Any, form: CsvForm, dates: list[str], numbers: list[str], writing: Writing
) -> Notation:
    if writing.decimal is not None and writing.day_first is not None:
        return Notation(decimal=writing.decimal, day_first=writing.day_first, grouped=True)
    with read_rows(path, None, needed=(), form=form) as (numbered, _):
        return notation_of(
            numbered,
            dates=dates,
            numbers=numbers,
            decimal=writing.decimal,
            day_first=writing.day_first,
            delimiter=form.delimiter,
        )
