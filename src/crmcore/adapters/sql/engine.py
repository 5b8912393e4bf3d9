"""The engines that `connect` makes, and the translation of driver errors to ours."""

from __future__ import annotations

import logging
from collections.abc import Callable
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

from crmcore.adapters.sql.driver import IN_TRANSACTION
from crmcore.domain.errors import (
    Busy,
    CrmError,
    MissingExtra,
    OutcomeUnknown,
    StorageError,
    UnknownBackend,
)

__all__ = ["engine_for", "sqlite_engine", "translated"]

POSTGRES_OPTIONS = (
    "-c lock_timeout=5000 -c idle_in_transaction_session_timeout=600000 -c timezone=UTC"
)
MARIADB_SETTINGS = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
    " SESSION innodb_lock_wait_timeout = 5, SESSION lock_wait_timeout = 5"
)
"""Strictness, and five seconds of waiting for rows, and for tables that are being changed."""

EXTRAS = {"postgresql": "postgres", "mariadb": "mariadb"}
LOCKED = ("database is locked", "database table is locked", "database schema is locked")
BUSY_STATES = ("40001", "40P01", "55P03")
"""PostgreSQL: serialisation failure, deadlock, lock not available."""
BUSY_NUMBERS = (1020, 1205, 1213, 1305)
"""MariaDB: a row changed since the snapshot, lock wait timeout, deadlock, and the savepoint that a
deadlock took away."""


CHECK_NUMBER = 4025
"""MariaDB: a CHECK constraint failed, which it calls operational."""
OVERFLOW_STATE = "22003"
"""PostgreSQL: a number out of range."""
OVERFLOW = "integer overflow"
"""SQLite: a sum beyond 64 bits."""


def engine_for(
    url: str, *, pool_size: int = 5, max_overflow: int = 27, pool_timeout: float = 30.0
) -> sa.Engine:
    """An engine with the settings that the backend counts on, for any URL it serves.

    `pool_size` connections are kept, `max_overflow` more are opened at need, and who waits longer
    than `pool_timeout` seconds for one gets a `StorageError`.
    """
    pool = {"pool_size": pool_size, "max_overflow": max_overflow, "pool_timeout": pool_timeout}
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise UnknownBackend("this is no URL of a database") from None
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(url, **pool)
    return _server_engine(parsed, pool)


def _log() -> str:
    """The name under which our engines log. Where the whole program logs at DEBUG, SQLAlchemy
    would log every row it reads: whoever wants that sets this very logger to DEBUG.
    """
    name = "crmcore"
    engines = logging.getLogger(f"sqlalchemy.engine.Engine.{name}")
    if engines.level == logging.NOTSET and engines.getEffectiveLevel() < logging.INFO:
        engines.setLevel(logging.INFO)
    return name


def _server_engine(url: sa.URL, pool: dict[str, Any]) -> sa.Engine:
    """A pooled engine that reads what is committed.

    What the URL's query says (TLS, timeouts) goes to the driver as it is; its `options` and
    `init_command` come after ours. Whoever waits five seconds for a lock is `Busy`; a transaction
    that idles for ten minutes is ended by PostgreSQL.
    """
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        arguments["options"] = f"{POSTGRES_OPTIONS} {url.query.get('options', '')}".strip()
    elif url.get_backend_name() == "mariadb":
        own = str(url.query.get("init_command", "")).strip()
        own = own[4:] if own[:4].upper() == "SET " else own
        arguments["init_command"] = f"{MARIADB_SETTINGS}, {own}" if own else MARIADB_SETTINGS
    try:
        made = sa.create_engine(
            url,
            hide_parameters=True,
            logging_name=_log(),
            pool_reset_on_return=None,  # `_as_new` does it, at no cost where nothing is to be done
            isolation_level="READ COMMITTED",
            connect_args=arguments,
            **pool,
        )
    except ImportError:
        raise MissingExtra(EXTRAS.get(url.get_backend_name(), "sql")) from None
    event.listen(made, "reset", _as_new)
    return made


def _as_new(driver: Any, *_: Any) -> None:
    """End what a unit of work that nobody ended has left on a connection, before another gets it.
    Both drivers know without a round trip whether there is anything.
    """
    if hasattr(driver, "server_status"):
        if driver.server_status & IN_TRANSACTION:
            driver.rollback()
        return
    driver.rollback()
    driver.autocommit = False


def sqlite_engine(url: str, **pool: Any) -> sa.Engine:
    """An engine for a SQLite file: write-ahead log, foreign keys, five seconds of patience."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise UnknownBackend("this is no URL of a SQLite file: sqlite:///file") from None
    if parsed.database in (None, "", ":memory:"):
        raise UnknownBackend("SQLite in memory is not served: sqlite:///file, or memory://")
    pool = {"pool_size": 5, "max_overflow": 27, **pool}
    engine = sa.create_engine(parsed, hide_parameters=True, logging_name=_log(), **pool)

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


class translated:  # noqa: N801  read as a phrase; a class enters faster than a generator
    """Let no driver exception out. Messages of ours carry no value of a statement.

    Nothing is chained but an operational error of the driver's own, which speaks of locks and
    connections; any other may quote the values of a row. `out_of_range` makes the error for
    what a CHECK constraint refuses.
    """

    __slots__ = ("committing", "out_of_range")

    def __init__(
        self, *, committing: bool = False, out_of_range: Callable[[], CrmError] | None = None
    ) -> None:
        self.committing: bool = committing
        self.out_of_range: Callable[[], CrmError] | None = out_of_range

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        if error is None:
            return
        if isinstance(error, CrmError):
            error.__context__ = None  # what it was raised from may be a driver's error as well
            return
        if isinstance(error, DBAPIError):
            ours = _translation(error, committing=self.committing, out_of_range=self.out_of_range)
            plain = type(ours) is StorageError and not error.connection_invalidated
            quotable = isinstance(error, OperationalError) and not _may_quote(error.orig)
            cause = error.orig if plain and quotable else None
        elif isinstance(error, SQLAlchemyError):
            ours, cause = StorageError(f"the database layer failed: {type(error).__name__}"), None
        else:
            return
        try:
            raise ours from cause
        finally:
            # `from` only hides the context, and SQLAlchemy's error may quote the parameters.
            ours.__context__ = None


def _may_quote(driver: BaseException | None) -> bool:
    """MariaDB calls nearly every error of its server operational, those that quote the values of
    a row among them; 2000 to 2999 are the client's own, about the connection.
    """
    number = driver.args[0] if driver is not None and driver.args else None
    return isinstance(number, int) and not 2000 <= number < 3000


def _translation(
    error: DBAPIError, *, committing: bool, out_of_range: Callable[[], CrmError] | None
) -> CrmError:
    if _is_busy(error):
        return Busy("another writer holds what is needed")
    if error.connection_invalidated:
        if committing:
            return OutcomeUnknown("the connection was lost while committing")
        return StorageError("the connection to the database was lost")
    if out_of_range is not None and _out_of_range(error):
        return out_of_range()
    name, driver = type(error.orig).__name__, error.orig
    if driver is not None and driver.args and isinstance(driver.args[0], int):
        name += f" {driver.args[0]}"  # MariaDB's number says more than the class
    if isinstance(error, OperationalError):
        return StorageError(f"the database failed: {name}")
    return StorageError(f"the database refused: {name}")


def _out_of_range(error: DBAPIError) -> bool:
    """Did a CHECK constraint refuse a value, or a sum leave 64 bits before it was checked?"""
    driver = error.orig
    number = driver.args[0] if driver is not None and driver.args else None
    if isinstance(error, IntegrityError) or number == CHECK_NUMBER:
        return True
    return getattr(driver, "sqlstate", None) == OVERFLOW_STATE or str(driver) == OVERFLOW


def _is_busy(error: DBAPIError) -> bool:
    driver = error.orig
    if getattr(driver, "sqlstate", None) in BUSY_STATES:
        return True
    if driver is not None and driver.args and driver.args[0] in BUSY_NUMBERS:
        return True
    return any(text in str(driver) for text in LOCKED)
