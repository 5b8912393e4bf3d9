"""Bulk rows in PostgreSQL: binary COPY inside SQLAlchemy's own transaction, updates joined to
arrays of new values, and reads by one array of values.

COPY is 2.6 times as fast as psycopg's `executemany` on 10,000 customers (`python -m benchmarks
bulk`). The joined updates of their profiles take two fifths of its processor time, client and
server together; where a row has a long text, quoting it takes longer than all that is gained.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import visitors

from crmcore.adapters.sql.driver import DriverText, done_by, driver_of, text_of, text_of_many

__all__ = ["array", "copy", "is_worth_joining", "text_of_any", "update"]

AT_ONCE = 2_000
"""So many rows a statement: more are no faster, and take memory on both sides."""
LONG = 500
"""Characters of a text, from which on quoting it takes longer than sending it by itself."""
FROM = " FROM crm_new WHERE "
AMONG = re.compile(r"IN \(%s(?:::(\w+))?\)")


def copy(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: list[tuple[Any, ...]]
) -> None:
    """New rows, whose values are in the order of `names`."""
    quote = connection.dialect.identifier_preparer
    columns = ", ".join(quote.quote(name) for name in names)
    text = f"COPY {quote.format_table(table)} ({columns}) FROM STDIN (FORMAT BINARY)"
    types = [_type(table.c[name].type) for name in names]
    with driver_of(connection) as driver, driver.cursor() as cursor, cursor.copy(text) as copying:
        copying.set_types(types)
        write = copying.write_row
        for row in rows:
            write(row)


@lru_cache(maxsize=128)
def text_of_any(statement: sa.ClauseElement, name: str, dialect: sa.Dialect) -> DriverText:
    """The text of a statement whose parameter `name` is among the values of one `array`."""
    one = text_of_many(statement, name, 1, dialect)
    text = AMONG.sub(lambda found: f"= ANY (%s::{found[1] or 'BYTEA'}[])", one.text)
    return DriverText(text, one.names)


def is_worth_joining(row: tuple[Any, ...]) -> bool:
    """Are rows like this one faster updated together than one by one?"""
    return not any(isinstance(value, str) and len(value) > LONG for value in row)


def update(
    connection: sa.Connection,
    statement: sa.Update,
    shared: dict[str, Any],
    names: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
) -> int:
    """Run an update for all of `rows`; see `crmcore.adapters.sql.bulk.update`."""
    text, held = _joined(statement, tuple(names), connection.dialect)
    tail = tuple(shared[name] for name in held)
    found = 0
    for start in range(0, len(rows), AT_ONCE):
        chunk = rows[start : start + AT_ONCE]
        arrays = map(array, zip(*chunk, strict=True))
        found += done_by(connection, text, [(*arrays, *tail)])
    return found


@lru_cache(maxsize=256)
def _joined(
    statement: sa.Update, names: tuple[str, ...], dialect: sa.Dialect
) -> tuple[str, tuple[str, ...]]:
    """The text, whose first parameters are the arrays, and its other parameters in order."""
    columns: Any = statement.table.c
    types: dict[str, Any] = {
        bound.key: columns[bound.key.removeprefix("new_")].type
        if isinstance(bound.type, sa.types.NullType)
        else bound.type
        for bound in visitors.iterate(statement)
        if isinstance(bound, sa.BindParameter)
    }
    known = {name: sa.column(f"v{place}", types[name]) for place, name in enumerate(names)}
    source = sa.table("crm_new", *known.values())

    def replaced(element: Any, **_: Any) -> Any:
        name = element.key if isinstance(element, sa.BindParameter) else None
        return source.c[known[name].name] if name in known else None

    prepared = text_of(visitors.replacement_traverse(statement, {}, replaced), dialect)
    arrays = ", ".join(f"%s::{_type(types[name])}[]" for name in names)
    places = ", ".join(column.name for column in known.values())
    before, after = prepared.text.split(FROM, 1)
    return f"{before} FROM unnest({arrays}) AS crm_new ({places}) WHERE {after}", prepared.names


def array(values: Sequence[Any]) -> str:
    """PostgreSQL's text of an array: psycopg would make it one value at a time, in Python."""
    return f"{{{','.join(map(_text, values))}}}"


def _text(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case bytes():
            return rf'"\\x{value.hex()}"'
        case str():
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{quoted}"'
    return str(value)


def _type(kind: sa.types.TypeEngine[Any]) -> str:
    """PostgreSQL's name for how a value is written; all text is written alike."""
    if isinstance(kind, sa.String):
        return "text"
    return kind.compile(dialect=postgresql.dialect()).lower()  # type: ignore[no-untyped-call]
