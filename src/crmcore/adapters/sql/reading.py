"""The connection of `backend.reading()`: look-ups by key need nothing of SQLAlchemy's."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from crmcore.adapters.sql.driver import is_seen, raised, text_of

__all__ = ["Reading"]


class Reading:
    """A connection from the pool: in no transaction on SQLite and PostgreSQL, and on MariaDB in
    one that ends with it.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._seen = is_seen(engine)
        self.open()

    def open(self) -> None:
        """Take a connection; also instead of one that was lost."""
        self._sql: sa.Connection | None = None
        try:
            self._pooled = self.engine.raw_connection()
        except self._errors as error:
            raise raised(error, self.engine.dialect) from None
        self._alone(True)

    @property
    def _errors(self) -> Any:
        return self.engine.dialect.loaded_dbapi.Error

    def _alone(self, each: bool) -> None:
        """Let each statement be a transaction by itself, or no longer."""
        if self.engine.dialect.name == "postgresql":
            self._pooled.driver_connection.autocommit = each  # type: ignore[union-attr]

    @property
    def connection(self) -> sa.Connection:
        """The same connection for SQLAlchemy's own statements."""
        if self._sql is None:
            self._sql = sa.Connection(self.engine, self._pooled)
        return self._sql

    @property
    def alone(self) -> bool:
        """Is SQLAlchemy not needed for it, until now?"""
        return self._sql is None and not self._seen

    def rows(self, statement: sa.Select[Any], params: dict[str, Any]) -> list[Any]:
        """What a statement finds whose parameters hold no list."""
        prepared = text_of(statement, self.engine.dialect)
        driver = self._pooled.driver_connection
        try:
            cursor = self._pooled.cursor()
            cursor.execute(prepared.text, [params[name] for name in prepared.names])
            found: list[Any] = cursor.fetchall()  # type: ignore[assignment]
            cursor.close()
        except self._errors as error:
            ours = raised(error, self.engine.dialect, driver)
        else:
            return found
        if ours.connection_invalidated:
            self._pooled.invalidate(ours)
            self.engine.dispose()  # the server has ended, and with it all that idle in the pool
        raise ours

    def close(self) -> None:
        """Back to the pool, as it was."""
        pooled, sql = self._pooled, self._sql
        if pooled.is_valid and (sql is None or not sql.invalidated):
            if sql is not None and sql.in_transaction():
                sql.rollback()
            elif self.engine.dialect.name not in ("sqlite", "postgresql"):
                pooled.rollback()
            self._alone(False)
        (sql or pooled).close()
