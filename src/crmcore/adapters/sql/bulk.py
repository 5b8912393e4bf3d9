"""Many rows at once: straight to the driver, past SQLAlchemy's work on each row.

A dialect has a module of its own (`bulk_postgresql`, `bulk_mariadb`) only for what it does at
least 1.3 times faster than the driver's `executemany`; its header says how much.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from crmcore.adapters.sql import bulk_mariadb, bulk_postgresql
from crmcore.adapters.sql.driver import (
    DriverText,
    done_by,
    insert_text,
    pair_text,
    text_of,
    text_of_many,
)
from crmcore.adapters.sql.types import MARIADB

__all__ = ["among", "insert", "inserted", "update"]

Row = tuple[Any, ...]
TAKEN = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
PAIR = 2
"""What one unit of work most often tells the journal; COPY takes a round trip more."""
FEW = 20
"""So few rows go as fast without the ceremony of a bulk statement."""


def among(
    statement: sa.ClauseElement, name: str, values: Sequence[Any], most: int, dialect: sa.Dialect
) -> tuple[DriverText, Iterator[Any]]:
    """The text of a statement whose parameter `name` is among these values, and what stands for it,
    one after the other: an array for PostgreSQL, elsewhere each value, at `most` so many. They are
    filled up with the last one, so that a statement has a text for a few lengths only.
    """
    if dialect.name == "postgresql":
        text = bulk_postgresql.text_of_any(statement, name, dialect)
        return text, repeat(bulk_postgresql.array(values))
    count = min(most, 1 << (len(values) - 1).bit_length())
    return text_of_many(statement, name, count, dialect), chain(values, repeat(values[-1]))


def insert(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: list[Row]
) -> None:
    """New rows, whose values are in the order of `names`."""
    if not rows:
        return
    dialect = connection.dialect
    if dialect.name == "postgresql" and len(rows) > 1:
        if len(rows) == PAIR:
            text = pair_text(table, tuple(names), dialect)
            done_by(connection, text, [(*rows[0], *rows[1])])
        else:
            bulk_postgresql.copy(connection, table, names, rows)
        return
    done_by(connection, insert_text(table, tuple(names), dialect).text, rows)


def inserted(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: list[Row]
) -> bool:
    """As `insert`; where a unique key refuses any of the rows, none is kept and the answer is no.

    A statement alone is undone by itself when it fails, except on PostgreSQL, where a failure
    ends the transaction: there one row is inserted "on conflict do nothing", and many within a
    savepoint as everywhere.
    """
    alone = len(rows) == 1
    if alone and connection.dialect.name == "postgresql":
        prepared = insert_text(table, tuple(names), connection.dialect)
        return done_by(connection, f"{prepared.text} ON CONFLICT DO NOTHING", rows) == 1
    try:
        with nullcontext() if alone else connection.begin_nested():
            insert(connection, table, names, rows)
    except IntegrityError as error:
        if not _is_taken(error):
            raise
        return False
    return True


def _is_taken(error: IntegrityError) -> bool:
    """Was it a unique key that refused, and no foreign key or check?"""
    driver: Any = error.orig
    if getattr(driver, "sqlstate", None) == "23505" or driver.args[:1] == (1062,):
        return True
    return getattr(driver, "sqlite_errorname", None) in TAKEN


def update(
    connection: sa.Connection,
    statement: sa.Update,
    shared: dict[str, Any],
    names: Sequence[str],
    rows: list[Row],
) -> int:
    """Run an update for each of `rows`, whose values are of the parameters `names`, together with
    the `shared` ones; answer how many rows it found, where the driver tells it.
    """
    if not rows:
        return 0
    if len(rows) > FEW:
        if connection.dialect.name in MARIADB:
            return bulk_mariadb.update(connection, statement, shared, names, rows)
        if connection.dialect.name == "postgresql" and bulk_postgresql.is_worth_joining(rows[0]):
            return bulk_postgresql.update(connection, statement, shared, names, rows)
    prepared = text_of(statement, connection.dialect)
    pick = itemgetter(*map([*names, *shared].index, prepared.names))
    tail = tuple(shared.values())
    return done_by(connection, prepared.text, [pick(row + tail) for row in rows])
