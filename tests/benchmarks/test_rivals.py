"""The rivals of the benchmarks write what crmcore writes, or their ratios mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import crmcore
from benchmarks.rivals.hand_rows import NOW
from benchmarks.rivals.hand_sql import HandSqlite
from crmcore import Customer, Money, Order, OrderLine
from crmcore.domain.instants import from_millis

AT = datetime(2024, 1, 1, tzinfo=UTC)
PEOPLE = [
    Customer.person(
        f"Name {n}", emails=[f"n{n}@example.com"], phones=[f"+346{n:08d}"], language="es", at=AT
    )
    for n in range(12)
]
LINES = [
    OrderLine.of("SKU-1", 1, "10", "EUR", category="té"),
    OrderLine.of("S 2", "0.5", "5", "EUR"),
]
ORDERS = [
    Order(
        customer_id=PEOPLE[n % 5].id, at=AT, total=Money("12.50", "EUR"), source_key=f"{n}",
        channel="web", lines=LINES if n % 3 == 0 else (),
    )
    for n in range(20)
]  # fmt: skip
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Callable[[str], None]], Rows]:
    """All rows of a new store after somebody wrote to it."""

    def rows(write: Callable[[str], None]) -> Rows:
        url = f"sqlite:///{tmp_path / 'one.db'}"
        backend: Any = crmcore.connect(url, clock=lambda: from_millis(NOW))
        backend.migrate()
        write(url)
        with backend.engine.connect() as connection:
            found = {
                table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
                for table in backend.tables.metadata.sorted_tables
            }
        backend.close()
        (tmp_path / "one.db").unlink()
        return found

    return rows


def ours(url: str) -> None:
    backend = crmcore.connect(url, clock=lambda: from_millis(NOW))
    with backend.unit_of_work(source="shop") as uow:
        uow.customers.add_many(PEOPLE)
    with backend.unit_of_work(source="shop") as uow:
        uow.orders.add_many(ORDERS[:-1])
    with backend.unit_of_work(source="shop") as uow:
        uow.orders.add(ORDERS[-1])


def by_hand(url: str) -> None:
    program = HandSqlite.connected(url)
    program.add_customers(PEOPLE)
    program.add_orders(ORDERS[:-1])
    program.add_order(ORDERS[-1])
    program.close()


def test_the_program_by_hand_writes_the_same_rows(
    written: Callable[[Callable[[str], None]], Rows],
):
    """Every table, every column, but for the texts of the journal that say nothing there."""
    expected, found = written(ours), written(by_hand)
    assert {name: len(rows) for name, rows in found.items()} == {
        name: len(rows) for name, rows in expected.items()
    }
    for name, rows in expected.items():
        assert _inline(found[name]) == _inline(rows), name


def _inline(rows: Iterable[dict[str, Any]]) -> list[str]:
    skipped = ("changes", "personal", "definition")
    return sorted(repr(sorted((n, v) for n, v in row.items() if n not in skipped)) for row in rows)
