"""The connection of `backend.reading()`: look-ups by key need nothing of SQLAlchemy's."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

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
        self._before: bool | None = None
        try:
            self._pooled = self.engine.raw_connection()
            if self.engine.dialect.name == "postgresql":
                driver: Any = self._pooled.driver_connection
                driver.rollback()  # what a host's listener asked when it was taken
                self._before, driver.autocommit = driver.autocommit, True
        except self._errors as error:
            raise raised(error, self.engine.dialect) from None

    @property
    def _errors(self) -> Any:
        dialect: Any = self.engine.dialect
        return dialect.loaded_dbapi.Error

    @property
    def connection(self) -> sa.Connection:
        """The same connection for SQLAlchemy's own statements."""
        if self._sql is None:
            self._sql = sa.Connection(self.engine, self._pooled)
        return self._sql

    @property
    def is_bare(self) -> bool:
        """Was SQLAlchemy not needed for it, until now?"""
        return self._sql is None and not self._seen

    def rows(self, statement: sa.Select[Any], params: dict[str, Any]) -> list[Any]:
        """What a statement finds whose parameters hold no list."""
        prepared = text_of(statement, self.engine.dialect)
        driver = self._pooled.driver_connection
        try:
            with closing(self._pooled.cursor()) as cursor:
                cursor.execute(prepared.text, [params[name] for name in prepared.names])
                found: list[Any] = list(cursor.fetchall())
        except self._errors as error:
            ours = raised(error, self.engine.dialect, driver)
        except BaseException:
            self._pooled.invalidate()  # interrupted: the answer is not read
            raise
        else:
            return found
        if ours.connection_invalidated:
            self._pooled.invalidate(ours)
        raise ours

    def close(self) -> None:
        """Back to the pool, as it was. Nothing was written: an error here is nobody's matter."""
        held: Any = self._sql or self._pooled
        try:
            if self._sql is not None and self._sql.in_transaction():
                self._sql.rollback()
            if self._before is not None and self._pooled.is_valid:
                self._pooled.driver_connection.autocommit = self._before  # type: ignore[union-attr]
            elif self.engine.dialect.name not in ("sqlite", "postgresql"):
                self._pooled.rollback()
        except (self._errors, SQLAlchemyError, AttributeError):
            held.invalidate()
        finally:
            held.close()
