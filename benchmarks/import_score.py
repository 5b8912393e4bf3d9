"""Import and scoring on SQLite: 1,000,000 purchases of 100,000 customers.

The import's rival is the program by hand in `rivals/raw_sqlite`, on the same file and tables.
Peak memory is taken for a quarter of the lines as well: it follows the customers and the batch,
not the lines.
`CRMCORE_BENCH_PURCHASES` sets another number of purchases, `CRMCORE_BENCH_REPEAT` of runs.
"""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import numpy as np

import crmcore
from benchmarks.harness import Comparison, alone, compare, peak_memory
from benchmarks.rivals.raw_sqlite import import_by_hand
from crmcore.services import PurchaseColumns, import_purchases, score

PURCHASES = int(os.environ.get("CRMCORE_BENCH_PURCHASES", "1000000"))
REPEAT = int(os.environ.get("CRMCORE_BENCH_REPEAT", "3"))
CUSTOMERS = PURCHASES // 10
BEGIN, LAST = date(2022, 1, 1), date(2023, 12, 31)
FOLDER = Path(tempfile.gettempdir()) / "crmcore-bench"
COLUMNS = PurchaseColumns(key="order_id")


def purchases(lines: int) -> Path:
    """A CSV file in date order: every customer buys at a rate of their own until they leave."""
    path = FOLDER / f"purchases-{lines}.csv"
    if path.exists():
        return path
    FOLDER.mkdir(exist_ok=True)
    draw = np.random.default_rng(7)
    rate, stay = draw.gamma(1.2, 1.0, CUSTOMERS), draw.beta(3.0, 1.5, CUSTOMERS)
    who = draw.choice(CUSTOMERS, lines, p=rate / rate.sum())
    when = np.floor(draw.random(lines) * stay[who] * (LAST - BEGIN).days).astype(int)
    amount = np.round(draw.gamma(6.0, 6.0, lines) + 1, 2)
    order = np.argsort(when, kind="stable")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("order_id", "customer_id", "date", "amount"))
        for number, place in enumerate(order):
            day = BEGIN + timedelta(days=int(when[place]))
            writer.writerow((number, int(who[place]), day.isoformat(), f"{amount[place]:.2f}"))
    return path


def database() -> Path:
    """Where the import writes."""
    return FOLDER / "bench.db"


def backend() -> crmcore.Backend:
    """The backend on that file."""
    return crmcore.connect(f"sqlite:///{database()}")


def empty() -> None:
    """A fresh, migrated database."""
    FOLDER.mkdir(exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database()}{suffix}").unlink(missing_ok=True)
    made = backend()
    made.migrate()
    made.close()


def import_ours(lines: int = PURCHASES) -> None:
    """Our import, from the CSV file to committed rows."""
    made = backend()
    report = import_purchases(made, purchases(lines), source="shop", columns=COLUMNS)
    made.close()
    if report.added != lines:
        raise SystemExit(f"imported {report.added} of {lines}")


def import_rival(lines: int = PURCHASES) -> None:
    """The same by hand."""
    if import_by_hand(database(), purchases(lines)) != lines:
        raise SystemExit("the rival did not import every line")


def import_again() -> None:
    """The same file a second time: every line is known, nothing changes."""
    made = backend()
    report = import_purchases(made, purchases(PURCHASES), source="shop", columns=COLUMNS)
    made.close()
    if report.unchanged != PURCHASES:
        raise SystemExit(f"{report.added} lines were new the second time")


def scoring() -> None:
    """Read all purchases, fit both models, record three scores a customer."""
    made = backend()
    score(made, as_of=LAST)
    made.close()


def import_quarter() -> None:
    """A quarter of the lines."""
    import_ours(PURCHASES // 4)


def main() -> list[Comparison]:
    """Import beside the program by hand, import again, scoring; peak memory of each."""
    purchases(PURCHASES), purchases(PURCHASES // 4)
    imported = compare(
        "import purchases, SQLite", import_ours, import_rival,
        repeat=REPEAT, rival_name="sqlite3 by hand", rows=PURCHASES, before=empty, memory=True,
    )  # fmt: skip
    quarter = alone(
        "import a quarter of the lines", import_quarter,
        repeat=1, rows=PURCHASES // 4, before=empty, memory=True,
    )  # fmt: skip
    empty()
    import_ours()
    again = alone("import the same again", import_again, repeat=1, rows=PURCHASES)
    copy = FOLDER / "scored.db"
    made = backend()
    made.close()
    shutil.copy(database(), copy)
    scored = alone(
        "score all customers", scoring,
        repeat=REPEAT, rows=CUSTOMERS, before=partial(_restore, copy), memory=False,
    )  # fmt: skip
    _restore(copy)
    print(f"peak memory of scoring: {peak_memory(scoring):.0f} MiB")
    shutil.rmtree(FOLDER)
    return [imported, quarter, again, scored]


def _restore(copy: Path) -> None:
    for suffix in ("-wal", "-shm"):
        Path(f"{database()}{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, database())
