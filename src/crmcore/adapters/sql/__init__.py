"""The SQL backend: SQLAlchemy Core over tables that a BI tool can read. Needs the `sql` extra.

Representation: one table per kind, scalar fields as columns, nested values as JSON text; ids as
16 bytes, instants as UTC milliseconds, money as minor units beside their currency: the same
integers on every dialect, so they compare and sort alike. One profile row per customer with one
column per measure. Text compares by code point everywhere. Tested on all three dialects:

- SQLite: write-ahead log, foreign keys, full durability; one writer at a time, who takes the write
  lock at once. Host attributes are indexed by expression.
- PostgreSQL (psycopg 3): read committed; ids are BYTEA, text has the collation `C`. Attributes are
  indexed by expression, long text by its beginning.
- MariaDB (PyMySQL): read committed, strict mode; ids are BINARY(16), text is LONGTEXT or, in keys,
  VARCHAR under `utf8mb4_nopad_bin`. An indexed attribute has a stored generated
  column.

`docs/storage.md` lists the tables.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from crmcore.domain.errors import MissingExtra
from crmcore.domain.model import Model
from crmcore.domain.money import Rates

try:
    import alembic  # noqa: F401  migrate() needs it; say so at once
    import sqlalchemy  # noqa: F401
except ImportError as _error:
    raise MissingExtra("sql") from _error

from crmcore.adapters.sql.backend import SqlBackend
from crmcore.adapters.sql.engine import engine_for

if TYPE_CHECKING:
    from crmcore.adapters.backend import Backend

__all__ = ["SqlBackend", "connect", "engine_for"]


def connect(
    url: str, *, tenant: str, model: Model, clock: Callable[[], datetime], rates: Rates
) -> Backend:
    """A backend on an engine of its own for a SQLite, PostgreSQL or MariaDB URL."""
    engine = engine_for(url)
    return SqlBackend(
        engine, tenant=tenant, model=model, clock=clock, rates=rates, owns_engine=True
    )
