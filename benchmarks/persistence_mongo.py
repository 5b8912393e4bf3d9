"""Persistence on the MongoDB wire protocol, beside the program by hand in `rivals/raw_mongo`.

Both write the same documents to the same server in the same transactions, in turn; crmcore also
asks each time whether the model is still its own, whether the customers exist, and whether a fact
is stored already, which the program by hand leaves out. After the table of wall time a line per
row tells the processor time of this process alone: the server's own time, which is most of the
wall time on the server of the tests, says nothing about either.

`CRMCORE_BENCH_ROWS` sets another number of rows, `CRMCORE_BENCH_REPEAT` of runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from benchmarks.harness import Comparison, compare
from benchmarks.rivals.raw_mongo import Program
from crmcore import Customer, Money, Order
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import database_for
from crmcore.adapters.profile_codec import ProfileCodec
from tests import servers

ROWS = int(os.environ.get("CRMCORE_BENCH_ROWS", "10000"))
REPEAT = int(os.environ.get("CRMCORE_BENCH_REPEAT", "3"))
UNITS, LOOK_UPS = 200, 500
AT = datetime(2024, 1, 1, tzinfo=UTC)


def customers() -> list[Customer]:
    """People with an e-mail address and a phone number."""
    return [
        Customer.person(
            f"Person {place}", emails=[f"person{place}@example.com"],
            phones=[f"+3460{place:07d}"], language="es", at=AT + timedelta(seconds=place),
        )
        for place in range(ROWS)
    ]  # fmt: skip


class Orders:
    """New orders of these customers, other ones each time they are made."""

    def __init__(self, people: Sequence[Customer]) -> None:
        self.people = people
        self.made: list[Order] = []
        self.number = 0

    def make(self, count: int) -> None:
        """So many new orders, of as many customers as there are."""
        first, self.number = self.number, self.number + count
        self.made = [
            Order(
                customer_id=self.people[place % len(self.people)].id,
                at=AT + timedelta(minutes=place), total=Money.of_minor(1000 + place % 977, "EUR"),
                source="shop", source_key=str(place),
            )
            for place in range(first, self.number)
        ]  # fmt: skip


class Timed:
    """Processor seconds of this process, by benchmark and side."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], list[float]] = {}

    def side(self, name: str, side: str, work: Callable[[], object]) -> Callable[[], None]:
        """The same work, with its processor time kept."""

        def timed() -> None:
            started = time.process_time()
            work()
            self.seconds.setdefault((name, side), []).append(time.process_time() - started)

        return timed

    def told(self) -> str:
        """A line for each benchmark."""
        lines = []
        for name in dict.fromkeys(name for name, _ in self.seconds):
            ours, theirs = (
                sorted(self.seconds[name, side])[len(self.seconds[name, side]) // 2]
                for side in ("crmcore", "rival")
            )
            lines.append(
                f"processor time, {name}: crmcore {ours * 1e3:.0f} ms, pymongo by hand "
                f"{theirs * 1e3:.0f} ms ({ours / theirs:.2f} times)"
            )
        return "\n".join(lines)


def measured(url: str) -> list[Comparison]:
    """All comparisons on the database that the URL names, which is emptied."""
    backend = MongoBackend(database_for(url), owns_client=True)
    rival = Program(url, ProfileCodec(backend.model).untouched())
    people, timed, found = customers(), Timed(), []
    orders = Orders(people)

    def empty() -> None:
        rival.client.drop_database(rival.database.name)
        backend.migrate()

    def row(
        name: str, ours: Callable[[], object], theirs: Callable[[], object], rows: int,
        before: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        found.append(
            compare(
                f"{name}, Mongo", timed.side(name, "crmcore", ours),
                timed.side(name, "rival", theirs), repeat=REPEAT, rows=rows, before=before,
                rival_name="pymongo by hand",
            )
        )  # fmt: skip

    def add_customers() -> None:
        with backend.unit_of_work(source="shop") as uow:
            uow.customers.add_many(people)

    def add_orders() -> None:
        with backend.unit_of_work(source="shop") as uow:
            uow.orders.add_many(orders.made)

    def add_order_by_order() -> None:
        for order in orders.made:
            with backend.unit_of_work(source="shop") as uow:
                uow.orders.add(order)

    def read() -> None:
        with backend.reading() as uow:
            count(uow.customers.stream())

    def look_up() -> None:
        for person in people[:LOOK_UPS]:
            with backend.reading() as uow:
                uow.customers.get(person.id)

    def count(stream: Iterable[object]) -> None:
        if sum(1 for _ in stream) != ROWS:
            raise SystemExit("not every customer was read")

    row("add customers", add_customers, lambda: rival.add_customers(people), ROWS, empty)
    row(
        "add orders", add_orders, lambda: rival.add_orders(orders.made), ROWS,
        lambda: orders.make(ROWS),
    )  # fmt: skip
    row("read customers", read, lambda: count(rival.customers()), ROWS)
    row(
        "one order, whole unit", add_order_by_order,
        lambda: rival.add_each(orders.made), UNITS,
        lambda: orders.make(UNITS),
    )  # fmt: skip
    row(
        "look up by id", look_up, lambda: [rival.customer(p.id) for p in people[:LOOK_UPS]],
        LOOK_UPS,
    )  # fmt: skip
    print(timed.told())
    backend.close()
    rival.client.close()
    return found


def main() -> list[Comparison]:
    """Bulk add, bulk read, one unit and one look-up, on a server of its own."""
    with servers.mongo() as url:
        return measured(url)
