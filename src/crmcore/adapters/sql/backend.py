"""`SqlBackend`: a SQLAlchemy engine as a backend; your own engine is as good as `connect`'s."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import attrs
import sqlalchemy as sa

from crmcore.adapters.backend import Backend, check_window, window
from crmcore.adapters.columns import BatchStream
from crmcore.adapters.sql.driver import driver_of
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.extracts import extract
from crmcore.adapters.sql.journal import read_journal
from crmcore.adapters.sql.migrating import migrate, stored_definition, stored_version
from crmcore.adapters.sql.tables import Tables, tables_of
from crmcore.adapters.sql.transaction import SqlTransaction
from crmcore.adapters.sql.types import MARIADB
from crmcore.domain.errors import NotMigrated, Refused
from crmcore.domain.journal import Entry
from crmcore.domain.ports import Columns
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["SqlBackend"]


@attrs.define(slots=False, eq=False)
class SqlBackend(Backend):
    """One tenant of the tables in a database; `schema` and `prefix` say where they are.

    With an engine of the host's own, set what `connect` would set: the SQLite pragmas
    (`foreign_keys`, `journal_mode`, `busy_timeout`), and `READ COMMITTED` on the servers.
    """

    engine: sa.Engine = attrs.field(kw_only=False, repr=False)
    schema: str | None = attrs.field(default=None, kw_only=True)
    prefix: str = attrs.field(default="crm_", kw_only=True)
    owns_engine: bool = attrs.field(default=False, kw_only=True, repr=False)
    known_version: int | None = attrs.field(default=None, init=False, repr=False)
    isolation_checked: bool = attrs.field(default=False, init=False, repr=False)

    @cached_property
    def tables(self) -> Tables:
        """The tables, for the host's own queries and foreign keys."""
        return tables_of(self.model, prefix=self.prefix, schema=self.schema)

    def migrate(self) -> None:
        """Bring the tables to the newest revision, and the profiles to the model.

        Tables that the host's own alembic keeps are left to it: behind its newest revision they
        are `NotMigrated`.
        """
        migrate(self)
        self.known_version = None

    def close(self) -> None:
        """Close the engine that `connect` made; an engine of the host's own stays open."""
        if self.owns_engine:
            self.engine.dispose()

    def unit_of_work(
        self,
        *,
        actor: str | None = None,
        source: str | None = None,
        connection: sa.Connection | None = None,
    ) -> UnitOfWork:
        """As `Backend.unit_of_work`. With `connection` it joins the host's open transaction:
        it keeps or undoes its own part, and the host commits.
        """
        if connection is None:
            return super().unit_of_work(actor=actor, source=source)
        return self._unit(partial(self._join, connection), actor, source)

    def columns(
        self,
        kind: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        personal: bool = False,
        in_order: bool = False,
    ) -> Columns:
        """See `Backend.columns`."""
        check_window(kind, since, until)
        bounds = window(since, until)
        self._begin(write=False).rollback()

        def rows() -> Iterator[tuple[Any, ...]]:
            begun = self._opened(partial(self._connected, write=False))
            return extract(begun, kind, bounds, in_order=in_order)

        return BatchStream.of(kind, self.model, personal, rows)

    def journal(self, *, after: int = 0, limit: int = 1000) -> list[Entry]:
        """See `Backend.journal`."""
        return read_journal(self, after, limit)

    def stored_definition(self) -> str | None:
        """See `Backend.stored_definition`. Tables of another release say it too."""
        transaction = self._opened(partial(self._connected, write=False, alone=True))
        try:
            with translated():
                transaction.run(sa.select(sa.literal(1)))  # does the connection answer?
                connection = transaction.connection
                known = sa.inspect(connection).has_table(self.tables.models.name, self.schema)
                return stored_definition(self, connection) if known else None
        finally:
            transaction.close()

    def begin(self, *, write: bool) -> SqlTransaction:
        """An open transaction, under the stored model."""
        return self._begin(write=write)

    def connected(self) -> sa.Connection:
        """A connection that answers, in a transaction for writing, whatever is stored."""
        transaction = self._opened(partial(self._connected, write=True))
        try:
            with translated():
                transaction.run(sa.select(sa.literal(1)))
        except BaseException:
            transaction.close()
            raise
        return transaction.connection

    def _connected(self, *, write: bool, alone: bool = False) -> sa.Connection:
        """A connection, perhaps one that the server has ended while it was idle. For writing it is
        in a transaction, which on SQLite has the write lock at once; `alone`, each statement on
        PostgreSQL is a transaction by itself.
        """
        with translated():
            connection = self.engine.connect()
        try:
            with translated():
                if write:
                    connection.begin()
                    _begin_now(connection)
                    _check_transactions(connection)
                elif alone and connection.dialect.name == "postgresql":
                    connection.execution_options(isolation_level="AUTOCOMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _opened(self, connect: Callable[[], sa.Connection]) -> SqlTransaction:
        return SqlTransaction(connect(), self.tables, self.tenant, self.model, connect=connect)

    def _begin(self, *, write: bool) -> SqlTransaction:
        transaction = self._opened(partial(self._connected, write=write, alone=not write))
        try:
            self._check_model(transaction, write=write)
            if write and not self.isolation_checked:
                _check_isolation(transaction.connection)
                self.isolation_checked = True
        except BaseException:
            transaction.close()
            raise
        return transaction

    def _join(self, connection: sa.Connection) -> SqlTransaction:
        with translated():
            _begin_now(connection)
            _check_transactions(connection)
            _check_isolation(connection)
            joined = connection.begin_nested()
        transaction = SqlTransaction(
            connection, self.tables, self.tenant, self.model, joined=joined
        )
        try:
            self._check_model(transaction, write=True)
        except BaseException:
            transaction.rollback()
            raise
        return transaction

    def _check_model(self, transaction: SqlTransaction, *, write: bool) -> None:
        """Is the stored model ours? Writers ask each time: under a model that another process
        has changed since, they would leave its new measures behind.
        """
        if self.known_version is not None and not write:
            return
        with translated():
            if self.known_version is None:
                transaction.run(sa.select(sa.literal(1)))  # does the connection answer?
                version = stored_version(self, transaction.connection, checked=False)
            else:
                version = transaction.model_version()
            if version is None or version != self.known_version:
                connection = transaction.connection
                if version is None or stored_definition(self, connection) != self.definition:
                    reason = "this store has no data of this tenant and model: call migrate()"
                    raise NotMigrated(reason)
                self.known_version = version


def _begin_now(connection: sa.Connection) -> None:
    """Begin in the database what SQLAlchemy calls begun: SQLite's driver would wait for the first
    write, and release a savepoint before it as if it were the whole transaction.
    """
    if connection.dialect.name == "sqlite":
        with driver_of(connection) as driver:
            if not driver.in_transaction:
                driver.execute("BEGIN IMMEDIATE")


def _check_transactions(connection: sa.Connection) -> None:
    """Refuse an engine that commits each statement by itself: half a unit would be kept."""
    driver: Any = connection.connection.driver_connection
    dialect = connection.dialect.name
    if (dialect == "postgresql" and driver.autocommit) or (
        dialect in MARIADB and driver.get_autocommit()
    ):
        reason = "this engine commits each statement by itself: set another isolation_level"
        raise Refused("unit_of_work.transaction", reason)


def _check_isolation(connection: sa.Connection) -> None:
    """Refuse MariaDB's REPEATABLE READ: what waited for a profile's lock would go on to read what
    was there before, and write over it in silence. PostgreSQL's is told as `Busy`.
    """
    if connection.dialect.name in MARIADB:
        with translated():
            level = connection.exec_driver_sql("SELECT @@tx_isolation").scalar()
        if level == "REPEATABLE-READ":
            reason = "on MariaDB set isolation_level='READ COMMITTED' on the engine"
            raise Refused("unit_of_work.isolation", reason)
