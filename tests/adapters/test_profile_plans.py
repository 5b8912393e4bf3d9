"""A segment of three conditions is found by the index of the one that few customers meet.

Through the public API, on every database: stage, revenue, last purchase, an indexed attribute, a
tag. The control: the same question about an attribute without an index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crmcore import (
    AttributeType,
    Customer,
    Model,
    Money,
    Order,
    Predicate,
    UnitOfWork,
    ago,
    field,
    partition,
)
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.services import check_partition
from crmcore.testing import FrozenClock
from tests import servers
from tests.adapters.mongo_watch import Watch, watched
from tests.contract.sql_server import started
from tests.migrations.databases import empty_database, server_url

AT = datetime(2024, 6, 1, tzinfo=UTC)
MODEL = Model(attributes=[AttributeType("seat", "integer", indexed=True),
                          AttributeType("row", "integer")])  # fmt: skip
MANY, FEW = 1200, 12
BROAD = (field("language") == "es") & (field("purchase_count") >= 1)
"""What everybody meets, of two fields without an index."""

SEGMENTS: dict[str, Predicate] = {
    "stage": (field("stage") == "loyal") & BROAD,
    "revenue": (field("revenue") >= Money(1000, "EUR")) & BROAD,
    "last_purchase_at": (field("last_purchase_at") > ago(days=7)) & BROAD,
    "seat": (field("seat") > MANY) & BROAD,
    "tags": field("tags").has("vip") & BROAD,
}
SQL_INDEXES: dict[str, Any] = {
    "stage": "ix_crm_profiles_stage",
    "revenue": "ix_crm_profiles_revenue_minor",
    "last_purchase_at": "ix_crm_profiles_last_purchase_at",
    "seat": "ian_crm_profiles_seat",
    "tags": {
        "sqlite": "crm_words USING PRIMARY KEY",
        "postgresql": "crm_words_pkey",
        "mariadb": "crm_words ref PRIMARY",
    },
}
MONGO_INDEXES = {
    "stage": "stage_customer_id",
    "revenue": "revenue_minor_customer_id",
    "last_purchase_at": "last_purchase_at_customer_id",
    "seat": "attributes.seat_customer_id",
    "tags": "tags_customer_id",
}
ROW = (field("row") > MANY) & BROAD
"""As `seat`, without an index."""

ASK: dict[str, Callable[[UnitOfWork, Predicate], int]] = {
    "count": lambda uow, segment: uow.profiles.where(segment).count(),
    "ids": lambda uow, segment: len(list(uow.profiles.where(segment).ids())),
}


def populate(backend: Any, many: int) -> None:
    """Many who are alike, and a few whom each of the segments finds."""
    people, orders = [], []
    for n in range(many + FEW):
        few = n >= many
        number = MANY + n if few else n
        person = Customer.person(f"Person {n}", language="es", at=AT - timedelta(days=400))
        for name in ("seat", "row"):
            person = person.with_attribute(name, number, at=AT)
        if few:
            person = person.moved_to("active", at=AT).moved_to("loyal", at=AT).tagged("vip")
        people.append(person)
        orders.append(
            Order(customer_id=person.id, total=Money(2000 if few else 1 + n % 500, "EUR"),
                  at=AT - timedelta(days=1 if few else 100 + n % 200))
        )  # fmt: skip
    with backend.unit_of_work() as uow:
        uow.customers.add_many(people)
        uow.orders.add_many(orders)


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SqlBackend]:
    """A database that knows how its customers are spread."""
    folder: Path = tmp_path_factory.mktemp("segments")
    with ExitStack() as stack:
        server = stack.enter_context(server_url(request.param))
        engine = engine_for(stack.enter_context(empty_database(server, folder)))
        stack.callback(engine.dispose)
        made = SqlBackend(engine, model=MODEL, clock=FrozenClock(AT))
        made.migrate()
        populate(made, MANY)
        with engine.begin() as connection:
            tables = "TABLE crm_profiles, crm_words" if request.param == "mariadb" else ""
            connection.exec_driver_sql(f"ANALYZE {tables}")
        yield made


def sql_plan(backend: SqlBackend, ask: Callable[[UnitOfWork], int]) -> tuple[int, str]:
    """What was answered, and how the database says that it finds it."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if "crm_profiles" in statement:
            seen.append((statement, parameters))

    sa.event.listen(backend.engine, "before_cursor_execute", note)
    try:
        with backend.reading() as uow:
            found = ask(uow)
    finally:
        sa.event.remove(backend.engine, "before_cursor_execute", note)
    ((statement, parameters),) = seen
    dialect = backend.engine.dialect.name
    explain = "EXPLAIN QUERY PLAN" if dialect == "sqlite" else "EXPLAIN"
    with backend.engine.connect() as connection:
        rows: list[Any] = list(connection.exec_driver_sql(f"{explain} {statement}", parameters))
    if dialect == "mariadb":  # which names the keys that it might have used as well
        rows = [(row.table, row.type, row.key) for row in rows]
    return found, "\n".join(" ".join(map(str, row)) for row in rows)


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
@pytest.mark.parametrize("name", SEGMENTS)
def test_sql_uses_the_index(backend: SqlBackend, name: str, ask: Any):
    """Promise 6, for segments."""
    found, plan = sql_plan(backend, lambda uow: ask(uow, SEGMENTS[name]))
    assert found == FEW
    index = SQL_INDEXES[name]
    assert (index if isinstance(index, str) else index[backend.engine.dialect.name]) in plan, plan


def test_sql_without_an_index_says_so(backend: SqlBackend):
    """The control."""
    found, plan = sql_plan(backend, lambda uow: uow.profiles.where(ROW).count())
    assert found == FEW
    assert not any(i in plan for i in SQL_INDEXES.values() if isinstance(i, str)), plan


@pytest.fixture(scope="module")
def mongo() -> Iterator[tuple[MongoBackend, Watch]]:
    """The same on Mongo, with fewer: the server of the tests is slow."""
    for url in started(servers.mongo):
        with watched(url) as (made, watch):
            backend = MongoBackend(made.database, model=MODEL, clock=FrozenClock(AT))
            backend.migrate()
            populate(backend, 200)
            yield backend, watch


def mongo_plan(
    backend: MongoBackend, watch: Watch, ask: Callable[[UnitOfWork], int]
) -> tuple[int, str]:
    """What was answered, and the plan of the command that asked for it."""
    watch.commands.clear()
    with backend.reading() as uow:
        found = ask(uow)
    (command,) = [c for _, c in watch.commands if "profiles" in str(next(iter(c.values())))]
    kept = {name: command[name] for name in command if name in KEPT}
    told = backend.database.command("explain", kept, verbosity="queryPlanner")
    return found, str(told["queryPlanner"]["winningPlan"])


KEPT = ("aggregate", "find", "pipeline", "filter", "sort", "projection", "cursor")


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
@pytest.mark.parametrize("name", SEGMENTS)
def test_mongo_uses_the_index(mongo: tuple[MongoBackend, Watch], name: str, ask: Any):
    """Asked with that condition alone: beside another, the server of the tests uses none."""
    condition = SEGMENTS[name].parts[0]  # type: ignore[attr-defined]
    found, plan = mongo_plan(*mongo, lambda uow: ask(uow, condition))
    assert found == FEW
    assert f"'{MONGO_INDEXES[name]}'" in plan, plan


def test_mongo_without_an_index_says_so(mongo: tuple[MongoBackend, Watch]):
    """The control."""
    alone = ROW.parts[0]  # type: ignore[attr-defined]
    found, plan = mongo_plan(*mongo, lambda uow: uow.profiles.where(alone).count())
    assert found == FEW
    assert not any(index in plan for index in MONGO_INDEXES.values()), plan


HUNDRED = {f"{n}": field("seat") == n for n in range(100)}


def test_sql_counts_a_hundred_in_one_statement(backend: SqlBackend):
    """One pass over the profiles; so is the check that they are a partition."""

    def ask(uow: UnitOfWork) -> int:
        return sum(uow.profiles.count_each(HUNDRED).values())

    assert sql_plan(backend, ask)[0] == 100
    seats = partition({"low": field("seat") < 100, "high": field("seat") >= 100})
    assert sql_plan(backend, lambda _: check_partition(backend, seats).total)[0] == MANY + FEW


def test_mongo_counts_a_hundred_in_one_command(mongo: tuple[MongoBackend, Watch]):
    """And answers as one by one."""
    backend, watch = mongo
    watch.commands.clear()
    with backend.reading() as uow:
        assert set(uow.profiles.count_each(HUNDRED).values()) == {1}
    assert [name for name, _ in watch.commands].count("aggregate") == 1
