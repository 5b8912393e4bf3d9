"""A loyalty programme: time acts on all its members, a purchase is posted, a desk asks for a card.

`advance` twice: at the end of 2025, when nobody was advanced before, so that each member's tiers
come out of all their entries; and a month later, when the first points end and tiers fall. Beside
it stands an expert's SQL (`benchmarks/rivals/loyalty_sql.py`), which leaves the same rows: a few
statements over whole tables that know this programme's rules, where ours would follow any. One
purchase is posted beside a program by hand on the driver that writes the same rows.

Members with their ledgers are written as rows, past the library, once a database; each side works
on its own copy. `CRMCORE_BENCH_MEMBERS` sets how many members (20,000), with 20 entries each,
`CRMCORE_BENCH_REPEAT` how often (3), `CRMCORE_BENCH_ON` which databases (`sqlite,postgres`).
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import crmcore
from benchmarks.harness import Comparison, Side
from benchmarks.rivals.loyalty_rows import ENTRIES, MODEL, NOW, fill
from benchmarks.rivals.loyalty_sql import LoyaltyPostgres, LoyaltySqlite
from crmcore import Money, Order
from crmcore.adapters.sql.engine import engine_for
from crmcore.domain.instants import to_millis
from crmcore.domain.programme import Benefit
from crmcore.services import Authority, advance_programmes, desk_card
from tests import servers

MEMBERS = int(os.environ.get("CRMCORE_BENCH_MEMBERS", "20000"))
REPEAT = int(os.environ.get("CRMCORE_BENCH_REPEAT", "3"))
ON = os.environ.get("CRMCORE_BENCH_ON", "sqlite,postgres").split(",")
SINGLE = 300
MANY = 5_000
YEAR_ENDS, POINTS_END = datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
LATER = POINTS_END + timedelta(hours=1)
ROOM = {"shared_buffers": "2GB", "work_mem": "64MB", "max_wal_size": "16GB"}
"""Of a PostgreSQL server that holds so much: what it brings is for a machine of 1 GB."""
HANDS: dict[str, Any] = {"sqlite": LoyaltySqlite, "postgres": LoyaltyPostgres}

Copied = Callable[[str], str]
"""The URL of a fresh copy of the filled store, of that name; the one before it may be gone."""


@contextmanager
def opened(name: str) -> Iterator[tuple[list[Any], Copied]]:
    """A filled store to make copies of, and the ids of its customers."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if name == "sqlite":
            filled = Path(folder) / "filled.db"
            people = _filled(f"sqlite:///{filled}", name, started)

            def copied(side: str) -> str:
                copy = filled.with_name(f"{side}.db")
                for former in filled.parent.iterdir():
                    if former != filled:
                        former.unlink()
                shutil.copyfile(filled, copy)
                return f"sqlite:///{copy}"

            yield people, copied
            return
        with servers.started(name, durable=True) as server:
            engine = engine_for(server.url).execution_options(isolation_level="AUTOCOMMIT")

            def run(text: str) -> None:
                with engine.connect() as connection:
                    connection.exec_driver_sql(text)

            def url(database: str) -> str:
                own = sa.make_url(server.url).set(database=database)
                return own.render_as_string(hide_password=False)

            def made(side: str) -> str:
                run(f"DROP DATABASE IF EXISTS {side}")
                run(f"CREATE DATABASE {side} TEMPLATE filled")
                return url(side)

            for setting, value in ROOM.items():
                run(f"ALTER SYSTEM SET {setting} = '{value}'")
            engine.dispose()
            server.stop()
            server.start()
            run("CREATE DATABASE filled")
            yield _filled(url("filled"), name, started), made
            engine.dispose()


def _filled(url: str, name: str, started: float) -> list[Any]:
    backend: Any = crmcore.connect(url, model=MODEL)
    people = fill(backend, MEMBERS)
    if name == "postgres":
        alone = backend.engine.execution_options(isolation_level="AUTOCOMMIT")
        with alone.connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    backend.close()
    seconds, load = time.perf_counter() - started, os.getloadavg()[0]
    told = f"{name}: {MEMBERS:,} members with {ENTRIES} entries each, filled in {seconds:.0f} s"
    print(f"{told}, load average {load:.1f}", file=sys.stderr, flush=True)
    return people


class Ours:
    """crmcore, at an instant of our own."""

    def __init__(self, url: str) -> None:
        self.backend = crmcore.connect(url, model=MODEL, clock=lambda: NOW)

    def close(self) -> None:
        """Let go of connections."""
        self.backend.close()

    def advance(self, at: datetime, _: int) -> None:
        """What is due for everybody."""
        advance_programmes(self.backend, at=at)

    def earn(self, order: Order, _: int) -> None:
        """The points of one stored purchase, in a unit of work."""
        with self.backend.unit_of_work() as uow:
            uow.memberships.earn(order)


def orders(people: list[Any], at: datetime) -> list[Order]:
    """A purchase by each of these."""
    return [
        Order(
            customer_id=who, at=at + timedelta(seconds=nth), total=Money("12.50", "EUR"),
            source_key=f"{at:%Y%m%d}-{nth}",
        )
        for nth, who in enumerate(people)
    ]  # fmt: skip


def main() -> list[Comparison]:
    """Each database in its turn."""
    found: list[Comparison] = []
    for name in ON:
        with opened(name) as (people, copied):
            found += measured(name, people, copied)
    return found


def measured(name: str, people: list[Any], copied: Copied) -> Iterator[Comparison]:
    """All comparisons on one database."""
    sides: dict[str, Any] = {"crmcore": Ours, "by hand": HANDS[name].connected}
    times: dict[tuple[str, str], list[float]] = {}
    now = to_millis(NOW)
    step = max(1, len(people) // SINGLE)
    bought = orders(people[::step][:SINGLE], LATER)
    for turn in range(REPEAT):
        for side, make in sides.items():
            url = copied(side.replace(" ", "_"))
            with stored(url) as backend, backend.unit_of_work(source="shop") as uow:
                uow.orders.add_many(bought)
            program = make(url)

            def took(work: str, seconds: float, side: str = side) -> None:
                print(f"{name}: {work}, {side}: {seconds:.4f} s", file=sys.stderr, flush=True)
                times.setdefault((work, side), []).append(seconds)

            took("advance, all tiers", _seconds(lambda p=program: p.advance(YEAR_ENDS, now)))  # type: ignore[misc]
            took("advance, a month", _seconds(lambda p=program: p.advance(POINTS_END, now)))  # type: ignore[misc]
            each = [_seconds(lambda p=program, o=o: p.earn(o, now)) for o in bought]  # type: ignore[misc]
            took("post one purchase", statistics.median(each))
            program.close()
            if side == "crmcore" and turn == REPEAT - 1:
                alone = list(without_rival(name, people, url))
    for work in ("advance, all tiers", "advance, a month", "post one purchase"):
        one = work.startswith("post")
        ours, hand = (Side(side, tuple(times[work, side])) for side in sides)
        yield Comparison(f"{work}, {name}", ours, hand, 1 if one else MEMBERS)
    yield from alone


@contextmanager
def stored(url: str) -> Iterator[Any]:
    """The store at that URL."""
    backend = crmcore.connect(url, model=MODEL, clock=lambda: NOW)
    yield backend
    backend.close()


def without_rival(name: str, people: list[Any], url: str) -> Iterator[Comparison]:
    """A card at the desk, and purchases posted in bulk."""
    authority = Authority(
        name="agent", limit=Money(50, "EUR"), yearly=Money(200, "EUR"), from_tier="silver"
    )
    benefit = Benefit("lounge", Money(30, "EUR"))
    with stored(url) as backend:
        cards = []
        for nth in range(SINGLE):
            number = f"C-{nth * 7919 % len(people)}"
            started = time.perf_counter()
            with backend.reading() as uow:
                desk_card(
                    uow, number=number, programme="club", at=LATER, benefit=benefit,
                    authority=authority,
                )  # fmt: skip
            cards.append(time.perf_counter() - started)
        yield Comparison(f"desk card, {name}", Side("crmcore", tuple(cards)), None, 1)
        many = orders(people[:MANY], LATER + timedelta(days=1))
        with backend.unit_of_work(source="shop") as uow:
            uow.orders.add_many(many)

        def earn() -> None:
            with backend.unit_of_work() as uow:
                uow.memberships.earn_many(many)

        side = Side("crmcore", (_seconds(earn),))
        yield Comparison(f"post purchases in bulk, {name}", side, None, len(many))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
