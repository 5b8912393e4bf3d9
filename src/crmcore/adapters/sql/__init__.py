"""The SQL backend: SQLAlchemy Core over tables that a BI tool can read. Needs the `sql` extra.

Representation: one table per kind, scalar fields as columns, nested values as JSON text; ids as
16 bytes, instants as UTC milliseconds, money as minor units beside their currency: the same
integers on every dialect, so they compare and sort alike. One profile row per customer with one
column per measure. Tested on SQLite (write-ahead log, foreign keys, full durability).
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

__all__ = ["SqlBackend", "connect"]


def connect(
    url: str, *, tenant: str, model: Model, clock: Callable[[], datetime], rates: Rates
) -> Backend:
    """A backend on an engine of its own for a SQLite, PostgreSQL or MariaDB URL."""
    return SqlBackend(engine_for(url), tenant=tenant, model=model, clock=clock, rates=rates)
