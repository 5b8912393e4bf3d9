"""What a dialect's own bulk module gains over the driver's `executemany`, on 10,000 rows.

What gains less than 1.3 times is deleted. The headers of `adapters/sql/bulk_*.py` quote it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import sqlalchemy as sa

import crmcore
from benchmarks.harness import Comparison, compare
from benchmarks.persistence import AT, customers, orders
from benchmarks.rivals.hand_rows import CUSTOMER, PROFILE, customer_row, profile_row, sums
from crmcore.adapters.sql import bulk
from crmcore.adapters.sql.driver import done_by, insert_text, text_of
from crmcore.adapters.sql.folds import merge_statement
from tests import servers

ROWS = 10_000
MEASURES = ("order_count", "purchase_count", "revenue", "first_purchase_at", "last_purchase_at")


SHARED = {"of_tenant": "main"}


def main() -> list[Comparison]:
    """COPY on PostgreSQL, joined updates on PostgreSQL and MariaDB."""
    people = customers()[:ROWS]
    rows = [customer_row(customer) for customer in people]
    found: list[Comparison] = []
    for name in ("postgres", "mariadb"):
        with servers.started(name, durable=True) as server:
            backend: Any = crmcore.connect(server.url)
            backend.migrate()
            table = backend.tables.kinds["customers"]
            if name == "postgres":
                found.append(copied(backend, table, rows))
            with backend.engine.begin() as connection:
                profiles = [profile_row(customer) for customer in people]
                bulk.insert(connection, table, CUSTOMER, rows)
                bulk.insert(connection, backend.tables.profiles, PROFILE, profiles)
            found.append(joined(backend, name, people))
            backend.close()
    return found


def copied(backend: Any, table: sa.Table, rows: list[Any]) -> Comparison:
    """New customers, which are rolled back each time."""

    def inserted(write: Any) -> None:
        with backend.engine.connect() as connection, connection.begin() as transaction:
            write(connection)
            transaction.rollback()

    def one_by_one(connection: sa.Connection) -> None:
        text = insert_text(table, CUSTOMER, connection.dialect).text
        done_by(connection, text, rows)

    together = partial(bulk.insert, table=table, names=CUSTOMER, rows=rows)
    return compare(
        "COPY, postgres", partial(inserted, together), partial(inserted, one_by_one),
        rival_name="executemany", rows=ROWS,
    )  # fmt: skip


def joined(backend: Any, name: str, people: list[Any]) -> Comparison:
    """What orders add to profiles."""
    measures = tuple(m for m in backend.model.all_measures if m.name in MEASURES)
    statement = merge_statement(backend.tables, measures)
    names = (
        "new_order_count", "new_purchase_count", "new_revenue_minor", "new_first_purchase_at",
        "new_last_purchase_at", "who",
    )  # fmt: skip
    changes = [(count, count, *told) for count, *told in sums(orders(people, AT, ROWS))]

    def together() -> None:
        with backend.engine.begin() as connection:
            bulk.update(connection, statement, SHARED, names, changes)

    def each() -> None:
        with backend.engine.begin() as connection:
            prepared = text_of(statement, connection.dialect)
            known = [dict(zip(names, change, strict=True)) | SHARED for change in changes]
            values = [[row[name] for name in prepared.names] for row in known]
            done_by(connection, prepared.text, values)

    return compare(
        f"joined updates, {name}", together, each, rival_name="executemany", rows=len(changes)
    )
