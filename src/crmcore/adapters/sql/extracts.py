"""Rows for `columns()` from SQL, streamed on a connection of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from crmcore.adapters.codec import codec_of
from crmcore.adapters.profile_codec import FIXED_COLUMNS, FOLDED
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.folds import purchases
from crmcore.adapters.sql.tables import Tables
from crmcore.adapters.sql.transaction import SqlTransaction
from crmcore.domain.kinds import FACTS, PURCHASES

__all__ = ["extract"]

FETCH = 10_000


def extract(
    transaction: SqlTransaction,
    kind: str,
    window: tuple[int | None, int | None],
    *,
    in_order: bool,
) -> Iterator[tuple[Any, ...]]:
    """The rows of a kind in the order of its columns, with `since <= at < until`."""
    tables = transaction.tables
    statement = _statement(tables, transaction.tenant, kind, window)
    if in_order and kind == "profiles":  # by the primary key, as facts are
        statement = statement.order_by(tables.profiles.c.customer_id)
    elif in_order:
        facts = tables.kinds["orders" if kind == PURCHASES.name else kind]
        statement = statement.order_by(facts.c.id)
    streamed = statement.execution_options(stream_results=True, max_row_buffer=FETCH)
    try:
        with translated():
            found = transaction.run(streamed)
            while rows := found.fetchmany(FETCH):
                yield from rows
    finally:
        transaction.close()


def _statement(
    tables: Tables, tenant: str, kind: str, window: tuple[int | None, int | None]
) -> sa.Select[Any]:
    if kind == "profiles":
        profiles = tables.profiles
        fixed = ["customer_id", *(column.name for column in FIXED_COLUMNS)]
        rest = [c.name for c in profiles.c if c.name not in ("tenant", FOLDED, *fixed)]
        return sa.select(*(profiles.c[n] for n in (*fixed, *rest))).where(
            profiles.c.tenant == tenant
        )
    if kind == PURCHASES.name:
        statement, at = purchases(tables, tenant), tables.kinds["orders"].c.at
    else:
        table = tables.kinds[kind]
        known = next(fact for fact in FACTS if fact.name == kind)
        names = [column.name for column in codec_of(known.cls).columns]
        own = [
            table.c.resolved_customer_id.label(n) if n == "customer_id" else table.c[n]
            for n in names
        ]
        statement = sa.select(*own).where(table.c.tenant == tenant, table.c.removed_at.is_(None))
        at = table.c.at
    since, until = window
    if since is not None:
        statement = statement.where(at >= since)
    if until is not None:
        statement = statement.where(at < until)
    return statement
