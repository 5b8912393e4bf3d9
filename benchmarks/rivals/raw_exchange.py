"""The rivals of `exchange`: programs by hand on csv, sqlite3 and pyarrow, for orders alone.

They write the same columns in the same order with the same texts, and read the same file into the
same tables with the same durability in the same batches (orders, profiles, journal), skipping what
is recorded already. They check nothing and build no objects.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.rivals.raw_sqlite import BATCH, JOURNAL, MERGE, ORDER

COLUMNS = (
    "customer_id", "at", "source", "source_key", "id", "recorded_at", "actor", "total_minor",
    "total_currency", "lines", "channel", "base_amount_minor", "base_amount_currency",
)  # fmt: skip
SELECT = (
    "SELECT resolved_customer_id, at, source, source_key, id, recorded_at, actor, total_minor, "
    "total_currency, lines, channel, base_amount_minor, base_amount_currency FROM crm_orders "
    "WHERE tenant = 'main' AND removed_at IS NULL ORDER BY id"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text_of(millis: int) -> str:
    """An instant as text."""
    return (EPOCH + timedelta(milliseconds=millis)).isoformat(timespec="milliseconds")[:-6] + "Z"


def millis_of(text: str) -> int:
    """The instant of a text."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


def rows_of(database: Path) -> Iterable[tuple[Any, ...]]:
    """The orders, read by hand."""
    connection = sqlite3.connect(database)
    yield from connection.execute(SELECT)
    connection.close()


def export_csv_by_hand(database: Path, path: Path) -> None:
    """All orders to a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(
            (str(UUID(bytes=row[0])), text_of(row[1]), row[2], row[3], str(UUID(bytes=row[4])),
             text_of(row[5]), *row[6:])
            for row in rows_of(database)
        )  # fmt: skip


def export_parquet_by_hand(database: Path, path: Path) -> None:
    """All orders to a Parquet file."""
    instant = pa.timestamp("ms", tz="UTC")
    kinds = {"at": instant, "recorded_at": instant}
    kinds |= {"total_minor": pa.int64(), "base_amount_minor": pa.int64()}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
    remaining = iter(rows_of(database))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows := list(islice(remaining, 50_000)):
            columns = list(zip(*rows, strict=True))
            for place in (0, 4):
                columns[place] = tuple(str(UUID(bytes=id)) for id in columns[place])
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def import_csv_by_hand(database: Path, path: Path) -> int:
    """The orders of a CSV file into the tables; answer how many were new."""
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA cache_size=-65536")
    added = 0
    with path.open(newline="") as file:
        rows = csv.reader(file)
        next(rows)
        while batch := list(islice(rows, BATCH)):
            added += _batch(connection, batch)
    connection.close()
    return added


def _batch(connection: sqlite3.Connection, rows: list[list[str]]) -> int:
    now = 1_700_000_000_000
    orders, merged = [], dict[bytes, list[int]]()
    for row in rows:
        who, at, amount = UUID(row[0]).bytes, millis_of(row[1]), int(row[7])
        orders.append(
            ("main", who, 1, who, at, row[2], row[3], UUID(row[4]).bytes, now, "import", amount,
             row[8], row[9], amount, row[8])
        )  # fmt: skip
        found = merged.setdefault(who, [0, 0, at, at])
        found[0] += 1
        found[1] += amount
        found[2] = min(found[2], at)
        found[3] = max(found[3], at)
    connection.execute("BEGIN IMMEDIATE")
    before = connection.total_changes
    connection.executemany(ORDER.removesuffix(" RETURNING 1"), orders)
    added = connection.total_changes - before
    if added == len(orders):
        connection.executemany(MERGE, [(*state, id) for id, state in merged.items()])
        packed = b"".join(order[7] for order in orders)
        last = max(order[4] for order in orders)
        connection.execute(
            JOURNAL, ("main", "orders", "appended", packed, "[]", "[]", last, now, "import", "x")
        )
    elif added:
        raise SystemExit("a file that is known in part is beyond this program")
    connection.execute("COMMIT")
    return added
