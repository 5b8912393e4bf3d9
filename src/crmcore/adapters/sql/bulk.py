"""Many rows at once: straight to the driver, past SQLAlchemy's work on each row.

A dialect has a module of its own (`bulk_postgresql`, `bulk_mariadb`) only for what it does at
least 1.3 times faster than the driver's `executemany`; its header says how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from crmcore.adapters.sql import bulk_mariadb, bulk_postgresql
from crmcore.adapters.sql.driver import done_by, insert_text, text_of
from crmcore.adapters.sql.types import MARIADB

__all__ = ["insert", "inserted", "update"]

LONG = 500
"""Characters of a text, from which on PostgreSQL updates go faster row by row."""
Row = tuple[Any, ...]
TAKEN = ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY")
FEW = 20
"""So few rows go as fast without the ceremony of a bulk statement."""


def insert(
    connection: sa.Connection, table: sa.Table, names: Sequence[str], rows: list[Row]
) -> None:
    """New rows, whose values are in the order of `names`."""
    if not rows:
        return
    if connection.dialect.name == "postgresql" and len(rows) > 1:
        bulk_postgresql.copy(connection, table, names, rows)
        return
    prepared = insert_text(table, tuple(names), connection.dialect)
    done_by(connection, prepared.text, rows)


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


def _is_long(value: Any) -> bool:
    """A text that takes longer to be quoted than the driver takes to send it by itself."""
    return isinstance(value, str) and len(value) > LONG


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
        if connection.dialect.name == "postgresql" and not any(map(_is_long, rows[0])):
            return bulk_postgresql.update(connection, statement, shared, names, rows)
    prepared = text_of(statement, connection.dialect)
    pick = itemgetter(*map([*names, *shared].index, prepared.names))
    tail = tuple(shared.values())
    return done_by(connection, prepared.text, [pick(row + tail) for row in rows])
