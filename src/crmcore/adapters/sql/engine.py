"""The engines that `connect` makes, and the translation of driver errors to ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    SQLAlchemyError,
)

from crmcore.domain.errors import (
    Busy,
    MissingExtra,
    OutcomeUnknown,
    StorageError,
    UnknownBackend,
)

__all__ = ["breaks_a_check", "engine_for", "sqlite_engine", "translated"]

EXTRAS = {"postgresql": "postgres", "mariadb": "mariadb"}
LOCKED = ("database is locked", "database table is locked", "database schema is locked")
BUSY_STATES = ("40001", "40P01", "55P03")
"""PostgreSQL: serialisation failure, deadlock, lock not available."""
BUSY_NUMBERS = (1205, 1213, 1305)
"""MariaDB: lock wait timeout, deadlock, and the savepoint that a deadlock took away."""


CHECK_NUMBER = 4025
"""MariaDB: a CHECK constraint failed."""


def engine_for(url: str) -> sa.Engine:
    """An engine with the settings that the backend counts on, for any URL it serves."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise UnknownBackend("this is no URL of a database") from None
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(url)
    return _server_engine(parsed)


def _server_engine(url: sa.URL) -> sa.Engine:
    """A pooled engine that tries connections before use and reads what is committed.

    What the URL's query says (TLS, timeouts) goes to the driver as it is. Whoever waits five
    seconds for a lock is `Busy`; a transaction that idles for ten minutes is ended by PostgreSQL.
    """
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql" and "options" not in url.query:
        arguments["options"] = (
            "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=600000 -c timezone=UTC"
        )
    elif url.get_backend_name() == "mariadb":
        strict = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
        arguments["init_command"] = (
            f"SET SESSION sql_mode = '{strict}', SESSION innodb_lock_wait_timeout = 5"
        )
    try:
        return sa.create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=27,
            isolation_level="READ COMMITTED",
            connect_args=arguments,
        )
    except ImportError:
        raise MissingExtra(EXTRAS.get(url.get_backend_name(), "sql")) from None


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
    """Let no driver exception out. Messages of ours carry no value of a statement.

    Nothing is chained but an operational error of the driver's own, which speaks of locks and
    connections; any other may quote the values of a row.
    """
    try:
        yield
    except DBAPIError as error:
        if _is_busy(error):
            raise Busy("another writer holds what is needed") from None
        if error.connection_invalidated:
            if committing:
                raise OutcomeUnknown("the connection was lost while committing") from None
            raise StorageError("the connection to the database was lost") from None
        name = type(error.orig).__name__
        if isinstance(error, OperationalError):
            raise StorageError(f"the database failed: {name}") from error.orig
        raise StorageError(f"the database refused: {name}") from None
    except SQLAlchemyError as error:
        raise StorageError(f"the database layer failed: {type(error).__name__}") from None


def breaks_a_check(error: DBAPIError) -> bool:
    """Did a CHECK constraint refuse the statement? MariaDB calls that operational."""
    driver = error.orig
    number = driver.args[0] if driver is not None and driver.args else None
    return isinstance(error, IntegrityError) or number == CHECK_NUMBER


def _is_busy(error: DBAPIError) -> bool:
    driver = error.orig
    if getattr(driver, "sqlstate", None) in BUSY_STATES:
        return True
    if driver is not None and driver.args and driver.args[0] in BUSY_NUMBERS:
        return True
    return any(text in str(driver) for text in LOCKED)
