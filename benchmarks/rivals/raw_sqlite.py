"""The rival of `import_score`: a program by hand on the sqlite3 driver, for this one job.

It reads the same CSV file with the csv module, writes the same rows into the same tables with the
same durability in the same batches (customers, keys, profiles, orders, journal), skips what is
recorded already, and keeps the profile's counts and sums. It checks nothing and builds no objects.
"""

from __future__ import annotations

import csv
import os
import sqlite3
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

BATCH = 10_000
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - whole days, compared with whole days


def millis(day: str) -> int:
    """UTC milliseconds of an ISO day."""
    return int((datetime.fromisoformat(day) - EPOCH).total_seconds()) * 1000


def new_id(at: int) -> bytes:
    """A UUIDv7."""
    tail = bytearray(at.to_bytes(6, "big") + os.urandom(10))
    tail[6] = tail[6] & 0x0F | 0x70
    tail[8] = tail[8] & 0x3F | 0x80
    return bytes(tail)


def insert(table: str, columns: str) -> str:
    """The text of an insert into these columns."""
    places = ",".join("?" * len(columns.split(",")))
    return f"INSERT INTO {table} ({columns}) VALUES ({places})"


CUSTOMER = insert(
    "crm_customers",
    "tenant,kind,at,stage,stage_since,channels,identifiers,contact_points,roles,relationships,"
    "attributes,id,version",
)
KEY = insert("crm_keys", "tenant,kind,scope,value,id,claim")
PROFILE = insert("crm_profiles", "tenant,customer_id,kind,stage,stage_since,known_since,attributes")
ORDER = (
    insert(
        "crm_orders",
        "tenant,resolved_customer_id,schema_version,customer_id,at,source,source_key,id,"
        "recorded_at,actor,total_minor,total_currency,lines,base_amount_minor,"
        "base_amount_currency",
    )
    + " ON CONFLICT DO NOTHING RETURNING 1"
)
JOURNAL = insert(
    "crm_journal",
    "tenant,kind,operation,ids,changes,personal,at,recorded_at,actor,source",
)
MERGE = """UPDATE crm_profiles SET order_count = order_count + ?1,
    purchase_count = purchase_count + ?1, revenue_minor = revenue_minor + ?2,
    first_purchase_at = min(coalesce(first_purchase_at, ?3), ?3),
    last_purchase_at = max(coalesce(last_purchase_at, ?4), ?4)
    WHERE tenant = 'main' AND customer_id = ?5"""


def import_by_hand(database: Path, purchases: Path) -> int:
    """Import the file; answer how many orders were new."""
    connection = sqlite3.connect(database, isolation_level=None)
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA cache_size=-65536")
    added = 0
    with purchases.open(newline="") as file:
        rows = csv.DictReader(file)
        while batch := list(islice(rows, BATCH)):
            added += _batch(connection, batch)
    connection.close()
    return added


def _batch(connection: sqlite3.Connection, rows: list[dict[str, str]]) -> int:
    now = 1_700_000_000_000
    read = sorted(
        (millis(r["date"]), r["customer_id"], round(float(r["amount"]) * 100), r["order_id"])
        for r in rows
    )
    connection.execute("BEGIN IMMEDIATE")
    ids = _customers(connection, read, now)
    connection.execute("SAVEPOINT orders")
    orders = []
    for at, customer, amount, key in read:
        id = ids[customer]
        orders.append(
            ("main", id, 1, id, at, "shop", key, new_id(at), now, "import", amount, "EUR", "[]",
             amount, "EUR")
        )  # fmt: skip
    before = connection.total_changes
    connection.executemany(ORDER.removesuffix(" RETURNING 1"), orders)
    added = connection.total_changes - before
    if added == len(orders):
        merged: dict[bytes, list[int]] = {}
        for at, customer, amount, _ in read:
            found = merged.setdefault(ids[customer], [0, 0, at, at])
            found[0] += 1
            found[1] += amount
            found[2] = min(found[2], at)
            found[3] = max(found[3], at)
        connection.executemany(MERGE, [(*state, id) for id, state in merged.items()])
        packed = b"".join(order[7] for order in orders)
        connection.execute(
            JOURNAL,
            ("main", "orders", "appended", packed, "[]", "[]", read[-1][0], now, "import", "shop"),
        )
    elif added:
        raise SystemExit("a file that is known in part is beyond this program")
    connection.execute("RELEASE orders")
    connection.execute("COMMIT")
    return added


def _customers(
    connection: sqlite3.Connection, read: list[tuple[Any, ...]], now: int
) -> dict[str, bytes]:
    names = list(dict.fromkeys(row[1] for row in read))
    ids: dict[str, bytes] = {}
    for start in range(0, len(names), 1000):
        chunk = names[start : start + 1000]
        marks = ",".join("?" * len(chunk))
        known = connection.execute(
            "SELECT value, id FROM crm_keys WHERE tenant = 'main' AND kind = 'customers' "
            f"AND scope = 'external:shop' AND value IN ({marks})",
            chunk,
        )
        ids.update(known.fetchall())
    new: list[tuple[str, bytes, int]] = []
    for at, customer, _, _ in read:
        if customer not in ids:
            ids[customer] = new_id(at)
            new.append((customer, ids[customer], at))
    connection.executemany(
        CUSTOMER,
        [
            ("main", "person", at, "prospect", at, "[]",
             f'[{{"type":"external","value":"{name}","source":"shop"}}]',
             "[]", "[]", "[]", "[]", id, 1)
            for name, id, at in new
        ],
    )  # fmt: skip
    connection.executemany(
        KEY, [("main", "customers", "external:shop", n, id, n) for n, id, _ in new]
    )
    connection.executemany(
        PROFILE, [("main", id, "person", "prospect", at, at, "{}") for _, id, at in new]
    )
    if new:
        packed = b"".join(id for _, id, _ in new)
        connection.execute(
            JOURNAL,
            ("main", "customers", "added", packed, "[]", "[]", new[-1][2], now, "import", "shop"),
        )
    return ids
