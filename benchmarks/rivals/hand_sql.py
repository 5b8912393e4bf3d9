"""Programs by hand on the drivers sqlite3, psycopg and PyMySQL.

Each writes the rows that crmcore writes, in as many round trips: a batch of customers with keys,
profiles, the words of their names and a journal row; a batch of orders, whose profiles are locked
first and merged after; one order as a unit of work of its own. What is fastest on the driver is
used: `executemany` on SQLite and MariaDB, binary COPY on PostgreSQL; on MariaDB profiles are merged
200 at a time, joined to a list of new values.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import psycopg
import pymysql
import sqlalchemy as sa

from benchmarks.rivals.hand_rows import (
    CUSTOMER,
    JOURNAL,
    KEY,
    ORDER,
    PROFILE,
    READ,
    WORD,
    HandCustomer,
    batches,
    customer_of,
    customer_row,
    journal_row,
    key_rows,
    order_row,
    profile_row,
    sums,
    word_rows,
)
from crmcore import Customer, Order


def insert(table: str, columns: Sequence[str], mark: str, quote: str) -> str:
    """The text of an insert; MariaDB reserves `lines`."""
    names = ",".join(f"{quote}{column}{quote}" for column in columns)
    places = ",".join([mark] * len(columns))
    return f"INSERT INTO crm_{table} ({names}) VALUES ({places})"


class Hand:
    """What the three programs share; the statements' parameters are marked with `mark`."""

    mark = "%s"
    quote = ""
    for_update = " FOR UPDATE"
    merge = """UPDATE crm_profiles SET order_count = order_count + {0},
        purchase_count = purchase_count + {0}, revenue_minor = revenue_minor + {0},
        first_purchase_at = CASE WHEN first_purchase_at < {0} THEN first_purchase_at ELSE {0} END,
        last_purchase_at = CASE WHEN last_purchase_at > {0} THEN last_purchase_at ELSE {0} END
        WHERE tenant = 'main' AND customer_id = {0}"""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.cursor = connection.cursor()
        self.inserts = {
            table: insert(table, columns, self.mark, self.quote)
            for table, columns in (
                ("customers", CUSTOMER), ("keys", KEY), ("profiles", PROFILE), ("orders", ORDER),
                ("journal", JOURNAL), ("words", WORD),
            )
        }  # fmt: skip
        self.merging = self.merge.format(self.mark)
        columns = ",".join(READ)
        self.one = f"SELECT {columns} FROM crm_customers WHERE tenant = 'main' AND id = {self.mark}"
        self.all = f"SELECT {columns} FROM crm_customers WHERE tenant = 'main' ORDER BY id"
        self.lock = "SELECT customer_id FROM crm_profiles WHERE tenant = 'main' AND customer_id "

    def begin(self) -> None:
        """PostgreSQL and MariaDB begin by themselves."""

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()

    def rows(self, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
        """Insert many rows."""
        self.cursor.executemany(self.inserts[table], rows)

    def add_customers(self, customers: Iterable[Customer]) -> None:
        """In bulk, one transaction."""
        self.begin()
        for batch in batches(customers):
            self.rows("customers", CUSTOMER, [customer_row(c) for c in batch])
            self.rows("keys", KEY, [row for c in batch for row in key_rows(c)])
            self.rows("profiles", PROFILE, [profile_row(c) for c in batch])
            self.rows("words", WORD, [row for c in batch for row in word_rows(c)])
            self.cursor.execute(self.inserts["journal"], journal_row("customers", "added", batch))
        self.connection.commit()

    def add_orders(self, orders: Iterable[Order]) -> None:
        """In bulk, one transaction."""
        self.begin()
        for batch in batches(orders):
            ids = sorted({order.customer_id.bytes for order in batch})
            for start in range(0, len(ids), 1000):
                chunk = ids[start : start + 1000]
                places = ",".join([self.mark] * len(chunk))
                lock = f"{self.lock} IN ({places}) ORDER BY customer_id{self.for_update}"
                self.cursor.execute(lock, chunk)
                self.cursor.fetchall()
            self.rows("orders", ORDER, [order_row(order) for order in batch])
            self.merge_many(batch)
            self.cursor.execute(self.inserts["journal"], journal_row("orders", "appended", batch))
        self.connection.commit()

    def merge_many(self, orders: list[Order]) -> None:
        """The profiles' counts, sums and bounds."""
        self.cursor.executemany(self.merging, [_merged(state) for state in sums(orders)])

    def add_order(self, order: Order) -> None:
        """A whole unit of work."""
        self.begin()
        lock = f"{self.lock} = {self.mark}{self.for_update}"
        self.cursor.execute(lock, (order.customer_id.bytes,))
        if not self.cursor.fetchall():
            raise LookupError
        self.cursor.execute(self.inserts["orders"], order_row(order))
        self.cursor.execute(self.merging, _merged(sums([order])[0]))
        self.cursor.execute(self.inserts["journal"], journal_row("orders", "appended", [order]))
        self.connection.commit()

    def get(self, id: UUID) -> HandCustomer:
        """One customer by id."""
        self.cursor.execute(self.one, (id.bytes,))
        return customer_of(self.cursor.fetchone())

    def read(self) -> Iterator[HandCustomer]:
        """All customers, streamed in the order of their ids."""
        self.cursor.execute(self.all)
        while rows := self.cursor.fetchmany(10_000):
            yield from map(customer_of, rows)


def _merged(state: tuple[int, int, int, int, bytes]) -> tuple[Any, ...]:
    count, total, first, last, id = state
    return (count, count, total, first, first, last, last, id)


class HandSqlite(Hand):
    """By hand on sqlite3."""

    mark = "?"
    for_update = ""

    def begin(self) -> None:
        """At once, as crmcore does."""
        self.cursor.execute("BEGIN IMMEDIATE")

    @classmethod
    def connected(cls, url: str) -> HandSqlite:
        """On the file of that URL, with the settings of crmcore's own connections."""
        path = sa.make_url(url).database or ""
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("busy_timeout=5000", "journal_mode=WAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-65536")
        return cls(connection)


class HandPostgres(Hand):
    """By hand on psycopg."""

    @classmethod
    def connected(cls, url: str) -> HandPostgres:
        """On the server of that URL."""
        plain = sa.make_url(url).set(drivername="postgresql")
        return cls(psycopg.connect(plain.render_as_string(hide_password=False)))

    def rows(self, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
        """Binary COPY."""
        text = f"COPY crm_{table} ({','.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with self.cursor.copy(text) as copy:
            copy.set_types([TYPES.get(name, "text") for name in columns])
            for row in rows:
                copy.write_row(row)

    def read(self) -> Iterator[HandCustomer]:
        """Through a server-side cursor."""
        with self.connection.cursor(name="customers") as cursor:
            cursor.itersize = 10_000
            cursor.execute(self.all)
            yield from map(customer_of, cursor)
        self.connection.commit()

    def get(self, id: UUID) -> HandCustomer:
        """One customer by id, in no transaction."""
        if not self.connection.autocommit:
            self.connection.autocommit = True
        return super().get(id)


TYPES = dict.fromkeys(
    ("at", "stage_since", "known_since", "recorded_at", "version", "total_minor",
     "base_amount_minor"),
    "int8",
)  # fmt: skip
TYPES |= dict.fromkeys(
    ("id", "customer_id", "resolved_customer_id", "aggregate_id", "ids"), "bytea"
)
TYPES["schema_version"] = "int2"


class HandMariadb(Hand):
    """By hand on PyMySQL."""

    quote = "`"

    @classmethod
    def connected(cls, url: str) -> HandMariadb:
        """On the server of that URL."""
        at = sa.make_url(url)
        return cls(
            pymysql.connect(
                host=at.host, port=at.port or 3306, user=at.username,
                password=at.password or "", database=at.database, charset="utf8mb4",
            )
        )  # fmt: skip

    def merge_many(self, orders: list[Order]) -> None:
        """The profiles' counts, sums and bounds, 200 customers a statement."""
        states = sums(orders)
        for start in range(0, len(states), 200):
            chunk = states[start : start + 200]
            more = " UNION ALL SELECT %s, %s, %s, %s, %s" * (len(chunk) - 1)
            self.cursor.execute(
                f"""UPDATE crm_profiles AS p, (SELECT %s AS n, %s AS total, %s AS first_at,
                %s AS last_at, %s AS id{more}) AS d SET p.order_count = p.order_count + d.n,
                p.purchase_count = p.purchase_count + d.n,
                p.revenue_minor = p.revenue_minor + d.total,
                p.first_purchase_at = least(coalesce(p.first_purchase_at, d.first_at), d.first_at),
                p.last_purchase_at = greatest(coalesce(p.last_purchase_at, d.last_at), d.last_at)
                WHERE p.tenant = 'main' AND p.customer_id = d.id""",
                [value for state in chunk for value in state],
            )

    def read(self) -> Iterator[HandCustomer]:
        """Through an unbuffered cursor."""
        with self.connection.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute(self.all)
            while rows := cursor.fetchmany(10_000):
                yield from map(customer_of, rows)
