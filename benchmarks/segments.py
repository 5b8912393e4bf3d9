"""Segments over many profiles, beside the same questions written by hand on the driver.

A segment has three conditions: on stage, revenue and last purchase, or with an indexed attribute in
the place of one. Ours is asked through `uow.profiles` in a unit of its own for reading; by hand it
is one statement in a transaction of its own on an open connection, whose ids are made UUIDs as
well, in their order. A hundred segments are ten bands of revenue by ten of the last purchase: ours
`count_each`, by hand a hundred counts one after the other.

The profiles are simulated from a seed and loaded as rows, past the repositories: how fast orders
are recorded is measured in `persistence`. The servers are started for it, one at a time.
`CRMCORE_BENCH_ROWS` sets how many profiles (1,000,000; on Mongo a hundredth of it, for the server
of the tests is slow), `CRMCORE_BENCH_REPEAT` how often (5), `CRMCORE_BENCH_ON` which databases
(`sqlite,postgres,mariadb,mongo`).
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import crmcore
from benchmarks.harness import Comparison, compare
from crmcore import AttributeType, Customer, Model, Money, Predicate, field, new_id
from crmcore.adapters.codec import codec_of
from crmcore.adapters.profile_codec import ProfileCodec
from crmcore.adapters.sql import bulk
from crmcore.domain.instants import to_millis
from tests import servers

ROWS = int(os.environ.get("CRMCORE_BENCH_ROWS", "1000000"))
REPEAT = int(os.environ.get("CRMCORE_BENCH_REPEAT", "5"))
ON = os.environ.get("CRMCORE_BENCH_ON", "sqlite,postgres,mariadb,mongo").split(",")
AT = datetime(2025, 1, 1, tzinfo=UTC)
DAY = 86_400_000
MODEL = Model(attributes=[AttributeType("points", "integer", indexed=True)])
STAGES = ("prospect",) * 4 + ("active",) * 3 + ("lapsed",) * 2 + ("loyal",)

Row = dict[str, Any]
Bounds = dict[str, Any]
"""By column: what it equals, or from which value (and below which) it is."""


def profiles(count: int) -> Iterator[Row]:
    """What differs between them: stage, revenue to 1,000 euros, last purchase in 1,000 days,
    points to 1,000.
    """
    draw = random.Random(5)  # no secret
    for n in range(count):
        yield {
            "customer_id": new_id(AT + timedelta(milliseconds=n)).bytes,
            "stage": draw.choice(STAGES),
            "revenue_minor": draw.randrange(100_000),
            "last_purchase_at": to_millis(AT) - draw.randrange(1000 * DAY),
            "points": draw.randrange(1000),
        }


def batches(count: int, size: int) -> Iterator[list[Row]]:
    """So many profiles, by so many."""
    drawn = profiles(count)
    while batch := list(islice(drawn, size)):
        yield batch


def since(days: int) -> datetime:
    """So many days before."""
    return AT - timedelta(days=days)


def euros(amount: int) -> Money:
    """An amount of the model's currency."""
    return Money(amount, "EUR")


ACTIVE = field("stage") == "active"
SEGMENTS: dict[str, tuple[Predicate, Bounds]] = {
    "2.7 in a hundred": (
        ACTIVE & (field("revenue") >= euros(100)) & (field("last_purchase_at") >= since(100)),
        {"stage": "active", "revenue_minor": (10_000, None),
         "last_purchase_at": (to_millis(since(100)), None)},
    ),
    "3 in a thousand": (
        ACTIVE & (field("revenue") >= euros(900)) & (field("last_purchase_at") >= since(100)),
        {"stage": "active", "revenue_minor": (90_000, None),
         "last_purchase_at": (to_millis(since(100)), None)},
    ),
    "3 in a thousand, attribute": (
        ACTIVE & (field("points") >= 980) & (field("revenue") >= euros(500)),
        {"stage": "active", "points": (980, None), "revenue_minor": (50_000, None)},
    ),
}  # fmt: skip
HUNDRED: dict[str, tuple[Predicate, Bounds]] = {
    f"{low} euros, {days} days": (
        (field("revenue") >= euros(low)) & (field("revenue") < euros(low + 100))
        & (field("last_purchase_at") > since(days + 100))
        & (field("last_purchase_at") <= since(days)),
        {"revenue_minor": (low * 100, (low + 100) * 100),
         "last_purchase_at": (to_millis(since(days + 100)) + 1, to_millis(since(days)) + 1)},
    )
    for low, days in product(range(0, 1000, 100), repeat=2)
}  # fmt: skip


class ByHand:
    """SQL on the driver."""

    points: ClassVar[dict[str, str]] = {
        "sqlite": "json_extract(attributes, '$.\"points\"')",
        "postgresql": "CAST(jsonb_path_query_first(CAST(attributes AS JSONB),"
        ' \'$."points" ?(@.type() == "number")\') AS NUMERIC)',
        "mariadb": "points__n",
    }

    def __init__(self, backend: Any) -> None:
        self.dialect: str = backend.engine.dialect.name
        self.held = backend.engine.raw_connection()
        self.mark = "?" if self.dialect == "sqlite" else "%s"

    def rows(self, answer: str, bounds: Bounds, order: str = "") -> list[Any]:
        """What one statement finds."""
        asked, values = ["tenant = " + self.mark], ["main"]
        for name, bound in bounds.items():
            column = self.points[self.dialect] if name == "points" else name
            low, high = bound if isinstance(bound, tuple) else (None, None)
            signs = [(">=", low), ("<", high)] if isinstance(bound, tuple) else [("=", bound)]
            for sign, value in signs:
                if value is not None:
                    asked.append(f"{column} {sign} {self.mark}")
                    values.append(value)
        cursor = self.held.cursor()
        text = f"SELECT {answer} FROM crm_profiles WHERE {' AND '.join(asked)}{order}"
        cursor.execute(text, values)
        found: list[Any] = cursor.fetchall()
        cursor.close()
        self.held.rollback()  # so that it sees, the next time, what was committed since
        return found

    def count(self, bounds: Bounds) -> int:
        """How many."""
        return int(self.rows("count(*)", bounds)[0][0])

    def ids(self, bounds: Bounds) -> list[UUID]:
        """Who."""
        found = self.rows("customer_id", bounds, " ORDER BY customer_id")
        return [UUID(bytes=row[0]) for row in found]

    def close(self) -> None:
        """Let go."""
        self.held.close()


class ByHandMongo:
    """The same with pymongo."""

    def __init__(self, backend: Any) -> None:
        self.profiles = backend.database["crm_profiles"]

    @staticmethod
    def filter(bounds: Bounds) -> Row:
        """A filter without nesting."""
        found: Row = {"tenant": "main"}
        for name, bound in bounds.items():
            path = "attributes.points" if name == "points" else name
            found[path] = bound
            if isinstance(bound, tuple):
                signs = zip(("$gte", "$lt"), bound, strict=True)
                found[path] = {sign: value for sign, value in signs if value is not None}
        return found

    def count(self, bounds: Bounds) -> int:
        """How many."""
        return int(self.profiles.count_documents(self.filter(bounds)))

    def ids(self, bounds: Bounds) -> list[UUID]:
        """Who."""
        found = self.profiles.find(self.filter(bounds), {"customer_id": 1}).sort("customer_id", 1)
        return [UUID(bytes=row["customer_id"]) for row in found]

    def close(self) -> None:
        """Nothing is held."""


@contextmanager
def opened(name: str) -> Iterator[Any]:
    """A backend with all profiles in it."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if name == "sqlite":
            backend: Any = crmcore.connect(f"sqlite:///{Path(folder) / 'bench.db'}", model=MODEL)
            fill_sql(backend)
            yield told(backend, name, started)
            backend.close()
            return
        with servers.started(name) as server:
            backend = crmcore.connect(server.url, model=MODEL)
            (fill_mongo if name == "mongo" else fill_sql)(backend)
            yield told(backend, name, started)
            backend.close()


def told(backend: Any, name: str, started: float) -> Any:
    """Say how long it took to fill, and how busy the machine is."""
    seconds, load = time.perf_counter() - started, os.getloadavg()[0]
    print(
        f"{name}: filled in {seconds:.0f} s, load average {load:.1f}", file=sys.stderr, flush=True
    )
    return backend


def fill_sql(backend: Any) -> None:
    """Rows of customers and profiles, made after one of each."""
    backend.migrate()
    customer = Customer.person(language="es", at=AT - timedelta(days=2000))
    codec, profile_codec = codec_of(Customer), ProfileCodec(MODEL)
    names = ["tenant", *(column.name for column in codec.columns)]
    one = dict(zip(names, ("main", *codec.encode(customer)), strict=True))
    other = {"tenant": "main", "customer_id": b""}
    other |= profile_codec.copies(customer) | profile_codec.untouched()
    for batch in batches(ROWS, 20_000):
        with backend.engine.begin() as connection:
            own = ({"id": row["customer_id"], "stage": row["stage"]} for row in batch)
            rows = [tuple({**one, **changed}.values()) for changed in own]
            bulk.insert(connection, backend.tables.kinds["customers"], names, rows)
            rows = []
            for row in batch:
                row["attributes"] = json.dumps({"points": row.pop("points")})
                rows.append(tuple({**other, **row}.values()))
            bulk.insert(connection, backend.tables.profiles, list(other), rows)
    dialect = backend.engine.dialect.name
    if dialect != "sqlite":
        alone = backend.engine.execution_options(isolation_level="AUTOCOMMIT")
        with alone.connect() as connection:
            wanted = "VACUUM ANALYZE" if dialect == "postgresql" else "ANALYZE TABLE crm_profiles"
            connection.exec_driver_sql(wanted)


def fill_mongo(backend: Any) -> None:
    """Documents of profiles alone."""
    backend.migrate()
    customer = Customer.person(language="es", at=AT - timedelta(days=2000))
    codec = ProfileCodec(MODEL)
    one = {"tenant": "main", "clock": 0, **codec.copies(customer), **codec.untouched()}
    for batch in batches(ROWS // 100, 1000):
        documents = [{**one, **row, "attributes": {"points": row["points"]}} for row in batch]
        backend.database["crm_profiles"].insert_many(documents)


def measured(name: str, backend: Any) -> Iterator[Comparison]:
    """All comparisons on one database; both sides must find the same."""
    hand: Any = ByHandMongo(backend) if name == "mongo" else ByHand(backend)

    def ask(question: Callable[[Any], Any]) -> Any:
        with backend.reading() as uow:
            return question(uow.profiles)

    def versus(what: str, ours: Callable[[], Any], theirs: Callable[[], Any], repeat: int) -> Any:
        if ours() != theirs():
            raise SystemExit(f"{what}: not the same answer")
        return compare(f"{what}, {name}", ours, theirs, repeat=repeat, rival_name="by hand")

    def counted(segment: Predicate) -> int:
        return int(ask(lambda profiles: profiles.where(segment).count()))

    def selected(segment: Predicate) -> list[UUID]:
        return list(ask(lambda profiles: list(profiles.where(segment).ids())))

    for which, (segment, bounds) in SEGMENTS.items():
        ours, theirs = partial(counted, segment), partial(hand.count, bounds)
        yield versus(f"count {which}", ours, theirs, REPEAT)
        yield versus(f"ids {which}", partial(selected, segment), partial(hand.ids, bounds), REPEAT)
    each = {which: segment for which, (segment, _) in HUNDRED.items()}
    yield versus(
        "a hundred counts",
        lambda: ask(lambda p: list(p.count_each(each).values())),
        lambda: [hand.count(bounds) for _, bounds in HUNDRED.values()], min(REPEAT, 3),
    )  # fmt: skip
    hand.close()


def main() -> list[Comparison]:
    """Each database in its turn."""
    found: list[Comparison] = []
    for name in ON:
        with opened(name) as backend:
            found += measured(name, backend)
    return found
