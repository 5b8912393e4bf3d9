"""The driver beneath SQLAlchemy: statements as its own text, and its errors as SQLAlchemy's.

A statement that was compiled once goes straight to the driver: for a row found by its key
SQLAlchemy takes three times as long as SQLite takes to find it. Where the host listens to what
its engine executes (tracing, logging), SQLAlchemy runs it, and the host sees it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

__all__ = [
    "IN_TRANSACTION",
    "DriverText",
    "done_by",
    "driver_of",
    "found_by",
    "insert_text",
    "is_seen",
    "pair_text",
    "raised",
    "text_of",
    "text_of_many",
]

IN_TRANSACTION = 1
"""The bit of MariaDB's status that says that a transaction is open."""


@attrs.frozen
class DriverText:
    """A statement as the driver takes it, and the names of its parameters in their order."""

    text: str
    names: tuple[str, ...]


@lru_cache(maxsize=512)
def text_of(statement: sa.ClauseElement, dialect: sa.Dialect) -> DriverText:
    """The driver's text of a statement, its parameters by place: psycopg's by `%s` as well."""
    by_place = dialect if dialect.positional else _by_place(dialect)
    compiled: Any = statement.compile(dialect=by_place)
    return DriverText(str(compiled), tuple(compiled.positiontup or ()))


@lru_cache(maxsize=128)
def text_of_many(
    statement: sa.ClauseElement, name: str, count: int, dialect: sa.Dialect
) -> DriverText:
    """The text of a statement whose parameter `name` is among so many values: its name stands so
    many times.
    """
    by_place = dialect if dialect.positional else _by_place(dialect)
    compiled: Any = statement.compile(dialect=by_place)
    named: dict[str, Any] = {known: known for known in compiled.params}
    expanded = compiled.construct_expanded_state(named | {name: [name] * count})
    return DriverText(expanded.statement, tuple(expanded.positional_parameters))


@lru_cache(maxsize=512)
def insert_text(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> DriverText:
    """An insert whose parameters are the columns `names`, in that order."""
    columns = [sa.column(name, table.c[name].type) for name in names]
    values = {column.name: sa.bindparam(column.name, type_=column.type) for column in columns}
    lean = sa.table(table.name, *columns, schema=table.schema)
    return text_of(sa.insert(lean).values(values), dialect)


@lru_cache(maxsize=64)
def pair_text(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> str:
    """An insert of two rows, one's values behind the other's."""
    text = insert_text(table, names, dialect).text
    return f"{text}, {text.rpartition(' VALUES ')[2]}"


@lru_cache(maxsize=16)
def _by_place(dialect: sa.Dialect) -> sa.Dialect:
    made: Any = type(dialect)
    by_place: sa.Dialect = made(paramstyle="format")
    return by_place


class driver_of:  # noqa: N801  read as a phrase; a class enters faster than a generator
    """The driver's own connection, for what SQLAlchemy has no word for; its errors come out as if
    SQLAlchemy had run the statement, and a lost connection is let go of.
    """

    __slots__ = ("connection", "driver")

    def __init__(self, connection: sa.Connection) -> None:
        self.connection: sa.Connection = connection

    def __enter__(self) -> Any:
        self.driver: Any = self.connection.connection.driver_connection
        return self.driver

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if error is None:
            return
        dialect = self.connection.dialect
        if isinstance(error, dialect.loaded_dbapi.Error):
            ours = raised(error, dialect, self.driver)
            if ours.connection_invalidated:
                self.connection.invalidate(error)
            raise ours from error
        if not isinstance(error, Exception):
            # Interrupted, the driver may not have read its answer: the next would get it.
            self.connection.invalidate(error)


def raised(error: Any, dialect: sa.Dialect, driver: Any = None) -> DBAPIError:
    """The error that SQLAlchemy would make of a driver's, with nothing of the statement."""
    base: Any = dialect.loaded_dbapi.Error
    lost = driver is not None and dialect.is_disconnect(error, driver, None)
    made: Any = DBAPIError.instance(
        None, None, error, base, hide_parameters=True, connection_invalidated=lost,
        dialect=dialect,
    )  # fmt: skip
    ours: DBAPIError = made
    return ours


def is_seen(engine: sa.Engine) -> bool:
    """Does anybody listen to what this engine executes, or log it?"""
    dispatch = engine.dispatch
    listened = dispatch.before_cursor_execute or dispatch.after_cursor_execute
    return bool(listened) or engine.logger.isEnabledFor(logging.INFO)


def found_by(connection: sa.Connection, text: str, values: Sequence[Any]) -> Sequence[Any]:
    """The rows that a statement finds."""
    if is_seen(connection.engine):
        return connection.exec_driver_sql(text, tuple(values)).all()
    with driver_of(connection) as driver:
        # Unless psycopg is told otherwise, every value comes as a text to be read.
        binary = connection.dialect.name == "postgresql"
        cursor = driver.cursor(binary=True) if binary else driver.cursor()
        cursor.execute(text, values)
        found: list[Any] = cursor.fetchall()
        cursor.close()
        if hasattr(driver, "server_status"):
            # PyMySQL does not read of a query's answer that a transaction is open since.
            driver.server_status |= IN_TRANSACTION
    return found


def done_by(connection: sa.Connection, text: str, rows: Sequence[Sequence[Any]]) -> int:
    """Run a statement for each row of values; answer how many rows it touched."""
    if is_seen(connection.engine):
        return connection.exec_driver_sql(text, rows if len(rows) > 1 else rows[0]).rowcount
    with driver_of(connection) as driver:
        cursor = driver.cursor()
        if len(rows) == 1:
            cursor.execute(text, rows[0])
        else:
            cursor.executemany(text, rows)
        touched: int = cursor.rowcount
        cursor.close()
    return touched
