"""The SQLite engine that `connect` makes, and the translation of driver errors to ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from crmcore.domain.errors import Busy, OutcomeUnknown, StorageError, UnknownBackend

__all__ = ["sqlite_engine", "translated"]

BUSY = ("database is locked", "database table is locked", "database schema is locked")


def sqlite_engine(url: str) -> sa.Engine:
    """An engine for a SQLite file: write-ahead log, foreign keys, five seconds of patience."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise UnknownBackend("this is no URL of a SQLite file: sqlite:///file") from None
    if parsed.database in (None, "", ":memory:"):
        raise UnknownBackend("SQLite in memory is not served: sqlite:///file, or memory://")
    engine = sa.create_engine(parsed, hide_parameters=True, pool_size=5, max_overflow=27)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 5000")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA cache_size = -65536")
        cursor.close()

    return engine


@contextmanager
def translated(*, committing: bool = False) -> Iterator[None]:
    """Let no driver exception out. Messages of ours carry no value of a statement."""
    try:
        yield
    except OperationalError as error:
        # SQLAlchemy's own error may quote the parameters of a statement; the driver's does not.
        if any(text in str(error.orig) for text in BUSY):
            raise Busy("another writer holds the database") from error.orig
        if committing and error.connection_invalidated:
            raise OutcomeUnknown("the connection was lost while committing") from error.orig
        raise StorageError(f"the database failed: {type(error.orig).__name__}") from error.orig
    except DBAPIError as error:
        # The driver's text may quote the values of a row, so it is not chained.
        raise StorageError(f"the database refused: {type(error.orig).__name__}") from None
    except SQLAlchemyError as error:
        raise StorageError(f"the database layer failed: {type(error).__name__}") from None
