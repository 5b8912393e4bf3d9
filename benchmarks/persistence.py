"""Writing and reading on SQLite, PostgreSQL and MariaDB, beside four rivals doing the same.

Reading has one more beside it: the rows as tuples of the driver, of which nothing is built.
The rivals are in `benchmarks/rivals`: a program by hand on the driver, SQLAlchemy's ORM and
advanced-alchemy. All write the same rows into the same tables with the same indexes (customers,
keys, profiles, orders, journal), in as many transactions, with the databases' durable defaults
(SQLite: synchronous FULL); projections are never switched off. The servers are started for it.

`CRMCORE_BENCH_ROWS` sets how many customers and orders (20,000), `CRMCORE_BENCH_REPEAT` how often
(5), `CRMCORE_BENCH_ON` which databases (`sqlite,postgres,mariadb`).
"""

from __future__ import annotations

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import crmcore
from benchmarks.harness import Comparison, Side
from benchmarks.rivals.hand_sql import HandMariadb, HandPostgres, HandSqlite
from benchmarks.rivals.orm import AdvancedAlchemy, Orm
from crmcore import Customer, Money, Order
from crmcore.adapters.sql.engine import engine_for
from tests import servers

ROWS = int(os.environ.get("CRMCORE_BENCH_ROWS", "20000"))
REPEAT = int(os.environ.get("CRMCORE_BENCH_REPEAT", "5"))
ON = os.environ.get("CRMCORE_BENCH_ON", "sqlite,postgres,mariadb").split(",")
SINGLE = 300
"""How many single units and look-ups a run times; it keeps their median."""

AT = datetime(2024, 1, 1, tzinfo=UTC)


def customers() -> list[Customer]:
    """People with an e-mail and a phone."""
    return [
        Customer.person(
            f"Name {n}", emails=[f"n{n}@example.com"], phones=[f"+346{n:08d}"], language="es", at=AT
        )
        for n in range(ROWS)
    ]


def orders(people: list[Customer], since: datetime, count: int) -> list[Order]:
    """Orders in the model's currency, two a customer."""
    return [
        Order(
            customer_id=people[n % max(1, ROWS // 2)].id, at=since + timedelta(seconds=n),
            total=Money("12.50", "EUR"), source_key=f"{since:%Y%m%d}-{n}", channel="web",
        )
        for n in range(count)
    ]  # fmt: skip


class Ours:
    """crmcore, on an engine as `connect` makes it."""

    def __init__(self, url: str) -> None:
        self.backend = crmcore.connect(url)
        self.backend.migrate()

    def close(self) -> None:
        """Let go of connections."""
        self.backend.close()

    def add_customers(self, added: list[Customer]) -> None:
        """In bulk, one transaction."""
        with self.backend.unit_of_work(source="shop") as uow:
            uow.customers.add_many(added)

    def add_orders(self, added: list[Order]) -> None:
        """In bulk, one transaction."""
        with self.backend.unit_of_work(source="shop") as uow:
            uow.orders.add_many(added)

    def add_order(self, order: Order) -> None:
        """A whole unit of work."""
        with self.backend.unit_of_work(source="shop") as uow:
            uow.orders.add(order)

    def get(self, id: Any) -> Customer:
        """One customer by id."""
        with self.backend.reading() as uow:
            return uow.customers.get(id)

    def read(self) -> Iterator[Customer]:
        """All customers, streamed."""
        with self.backend.reading() as uow:
            yield from uow.customers.stream()


@contextmanager
def _file() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'bench.db'}"


@contextmanager
def _server(name: str) -> Iterator[str]:
    with servers.started(name, durable=True) as server:
        yield server.url


def _orm(url: str) -> Orm:
    return Orm(engine_for(url))


def _advanced(url: str) -> Orm:
    return AdvancedAlchemy(engine_for(url))


Server = Callable[[], AbstractContextManager[str]]
DATABASES: dict[str, tuple[Server, Any]] = {
    "sqlite": (_file, HandSqlite.connected),
    "postgres": (partial(_server, "postgres"), HandPostgres.connected),
    "mariadb": (partial(_server, "mariadb"), HandMariadb.connected),
}
RAW = "tuples by the driver"
"""A rival that reads alone, and builds nothing: the limit of what can be read in this process."""
WORK = ("add customers", "add orders", "read all", "one unit", "one look-up")


def main() -> list[Comparison]:
    """Each database, each kind of work, beside each rival."""
    people = customers()
    bought = orders(people, AT, ROWS)
    found: list[Comparison] = []
    for name in ON:
        start, hand = DATABASES[name]
        sides = {"crmcore": Ours, "by hand": hand, "ORM": _orm, "advanced-alchemy": _advanced}
        times: dict[tuple[str, str], list[float]] = {}
        with start() as url:
            for turn in range(REPEAT):
                for side, make in sides.items():
                    _emptied(url)
                    program = make(url)
                    for work, seconds in _timed(program, people, bought, turn):
                        times.setdefault((work, side), []).append(seconds)
                    if side == "crmcore":
                        times.setdefault(("read all", RAW), []).append(_raw(url))
                    program.close()
        for work in WORK:
            rivals = list(sides)[1:] + ([RAW] if work == "read all" else [])
            for rival in rivals:
                ours = Side("crmcore", tuple(times[work, "crmcore"]))
                other = Side(rival, tuple(times[work, rival]))
                rows = ROWS if not work.startswith("one") else 1
                found.append(Comparison(f"{work}, {name}", ours, other, rows))
    return found


def _raw(url: str) -> float:
    """Seconds to read every customer as a tuple of what the driver makes."""
    backend: Any = crmcore.connect(url)
    connection = backend.engine.raw_connection()
    try:
        cursor = connection.cursor()

        def read() -> int:
            cursor.execute(
                f"select * from {backend.tables.kinds['customers'].name} where tenant = 'main'"
            )
            return sum(1 for _ in cursor)

        gc.collect()
        return _seconds(read)
    finally:
        connection.close()
        backend.close()


def _emptied(url: str) -> None:
    """All tables, without a row."""
    backend: Any = crmcore.connect(url)
    backend.migrate()
    with backend.engine.begin() as connection:
        for table in reversed(backend.tables.metadata.sorted_tables):
            if table is not backend.tables.models:
                connection.execute(sa.delete(table))
    if backend.engine.dialect.name == "postgresql":
        alone = backend.engine.execution_options(isolation_level="AUTOCOMMIT")
        with alone.connect() as connection:
            connection.exec_driver_sql("VACUUM")
    backend.close()


def _timed(
    program: Any, people: list[Customer], bought: list[Order], turn: int
) -> Iterator[tuple[str, float]]:
    gc.collect()
    yield "add customers", _seconds(lambda: program.add_customers(people))
    yield "add orders", _seconds(lambda: program.add_orders(bought))
    yield "read all", _seconds(lambda: sum(1 for _ in program.read()))
    later = orders(people, AT + timedelta(days=400 + turn), SINGLE)
    yield "one unit", statistics.median(_seconds(lambda o=o: program.add_order(o)) for o in later)  # type: ignore[misc]
    some = people[:SINGLE]
    yield "one look-up", statistics.median(_seconds(lambda c=c: program.get(c.id)) for c in some)  # type: ignore[misc]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
