"""Export and import of 100,000 orders on SQLite, beside programs by hand for this one kind.

The orders are of 10,000 customers and have a line each. Both sides write the same columns and
read the same file into the same tables. Peak memory is taken for a quarter of the orders as well;
an export holds a batch of 50,000 rows, an import one of 10,000, and SQLite keeps 64 MiB of pages.
`CRMCORE_BENCH_ORDERS` sets another number of orders, `CRMCORE_BENCH_REPEAT` of runs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import crmcore
from benchmarks.harness import Comparison, alone, compare
from benchmarks.rivals.raw_exchange import (
    export_csv_by_hand,
    export_parquet_by_hand,
    import_csv_by_hand,
)
from crmcore.services import export, import_aggregates, import_facts

ORDERS = int(os.environ.get("CRMCORE_BENCH_ORDERS", "100000"))
REPEAT = int(os.environ.get("CRMCORE_BENCH_REPEAT", "3"))
FOLDER = Path(tempfile.gettempdir()) / "crmcore-exchange"
BEGIN = datetime(2022, 1, 1, tzinfo=UTC)


def database(orders: int) -> Path:
    """A database with so many orders."""
    return FOLDER / f"{orders}.db"


def fill(orders: int) -> None:
    """Record the orders, and export what an import needs."""
    FOLDER.mkdir(exist_ok=True)
    database(orders).unlink(missing_ok=True)
    backend = crmcore.connect(f"sqlite:///{database(orders)}")
    backend.migrate()
    customers = [crmcore.Customer.person(at=BEGIN) for _ in range(orders // 10)]
    with backend.unit_of_work(source="shop") as uow:
        uow.customers.add_many(customers)
        uow.orders.add_many(
            crmcore.Order.of_lines(
                customers[n * 7919 % len(customers)].id,
                [crmcore.OrderLine.of(f"SKU-{n % 500}", n % 3 + 1, f"{n % 90 + 1}.99", "EUR")],
                at=BEGIN + timedelta(minutes=7 * n), source_key=str(n),
            )
            for n in range(orders)
        )  # fmt: skip
    for kind in ("customers", "orders"):
        export(backend, kind, FOLDER / f"{kind}-{orders}.csv", personal=True)
    export(backend, "orders", FOLDER / f"orders-{orders}.parquet", personal=True)
    backend.close()


def export_ours(suffix: str, orders: int = ORDERS) -> None:
    """All orders to a file."""
    backend = crmcore.connect(f"sqlite:///{database(orders)}")
    report = export(backend, "orders", FOLDER / f"ours{suffix}", personal=True)
    backend.close()
    if report.rows != orders:
        raise SystemExit(f"exported {report.rows} of {orders}")


def csv_ours() -> None:
    """To CSV."""
    export_ours(".csv")


def csv_quarter() -> None:
    """A quarter of the orders to CSV."""
    export_ours(".csv", ORDERS // 4)


def csv_rival() -> None:
    """To CSV by hand."""
    export_csv_by_hand(database(ORDERS), FOLDER / "rival.csv")


def parquet_ours() -> None:
    """To Parquet."""
    export_ours(".parquet")


def parquet_rival() -> None:
    """To Parquet by hand."""
    export_parquet_by_hand(database(ORDERS), FOLDER / "rival.parquet")


def customers_only(orders: int = ORDERS) -> None:
    """A database with the customers, which both sides import the orders of."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{FOLDER / 'into.db'}{suffix}").unlink(missing_ok=True)
    backend = crmcore.connect(f"sqlite:///{FOLDER / 'into.db'}")
    backend.migrate()
    file = FOLDER / f"customers-{orders}.csv"
    import_aggregates(backend, "customers", file, source="x", restore=True)
    backend.close()


def import_ours(suffix: str, orders: int = ORDERS) -> None:
    """The orders of a file into the database."""
    backend = crmcore.connect(f"sqlite:///{FOLDER / 'into.db'}")
    report = import_facts(backend, "orders", FOLDER / f"orders-{orders}{suffix}", source="x")
    backend.close()
    if report.added != orders:
        raise SystemExit(f"imported {report.added} of {orders}: {report.rejects[:1]}")


def import_csv() -> None:
    """From CSV."""
    import_ours(".csv")


def import_parquet() -> None:
    """From Parquet."""
    import_ours(".parquet")


def import_quarter() -> None:
    """A quarter of the orders from CSV."""
    import_ours(".csv", ORDERS // 4)


def import_rival() -> None:
    """From CSV by hand."""
    if import_csv_by_hand(FOLDER / "into.db", FOLDER / f"orders-{ORDERS}.csv") != ORDERS:
        raise SystemExit("the rival did not import every order")


def same_files() -> None:
    """Both sides have written the same."""
    if (FOLDER / "ours.csv").read_bytes() != (FOLDER / "rival.csv").read_bytes():
        raise SystemExit("the rival wrote another file")


def main() -> list[Comparison]:
    """Export to CSV and Parquet, import from both; peak memory of each."""
    fill(ORDERS)
    fill(ORDERS // 4)
    found = [
        compare(
            "export orders, CSV", csv_ours, csv_rival,
            rival_name="csv by hand", repeat=REPEAT, rows=ORDERS, memory=True,
        ),
        compare(
            "export orders, Parquet", parquet_ours, parquet_rival,
            rival_name="pyarrow by hand", repeat=REPEAT, rows=ORDERS, memory=True,
        ),
        alone("export a quarter, CSV", csv_quarter, repeat=1, rows=ORDERS // 4, memory=True),
    ]  # fmt: skip
    csv_ours()
    csv_rival()
    same_files()
    found += [
        compare(
            "import orders, CSV", import_csv, import_rival, before=customers_only,
            rival_name="sqlite3 by hand", repeat=REPEAT, rows=ORDERS, memory=True,
        ),
        alone(
            "import orders, Parquet", import_parquet, before=customers_only,
            repeat=REPEAT, rows=ORDERS, memory=True,
        ),
        alone(
            "import a quarter, CSV", import_quarter, before=partial(customers_only, ORDERS // 4),
            repeat=1, rows=ORDERS // 4, memory=True,
        ),
    ]  # fmt: skip
    shutil.rmtree(FOLDER)
    return found
