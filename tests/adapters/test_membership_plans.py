"""What falls due is found along its index: nothing is sorted, and no member beyond it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from crmcore import Model
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.domain.ports import Transaction
from crmcore.testing import a_customer, a_membership, a_points_entry, a_programme
from tests import servers
from tests.adapters.mongo_watch import watched
from tests.contract.sql_server import started
from tests.migrations.databases import empty_database, server_url

AT = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MANY, FEW = 2_000, 7
MODEL = Model(programmes=[a_programme("club"), a_programme("staff")])
UNTIL = AT + (FEW - 1) * MINUTE


def populate(backend: SqlBackend | MongoBackend) -> None:
    """Members of two programmes, one due each minute."""
    people = [a_customer(f"Number {n}") for n in range(MANY)]
    with backend.unit_of_work() as uow:
        uow.customers.add_many(people)
        uow.memberships.add_many(
            a_membership(who, programme, due_at=AT + n * MINUTE)
            for n, who in enumerate(people)
            for programme in ("club", "staff")
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SqlBackend]:
    with ExitStack() as stack:
        server = stack.enter_context(server_url(request.param))
        folder = tmp_path_factory.mktemp("members")
        engine = engine_for(stack.enter_context(empty_database(server, folder)))
        stack.callback(engine.dispose)
        made = SqlBackend(engine, model=MODEL)
        made.migrate()
        populate(made)
        with engine.begin() as connection:
            tables = " TABLE crm_memberships" if request.param == "mariadb" else ""
            connection.exec_driver_sql(f"ANALYZE{tables}")
        yield made


def plan_of(
    backend: SqlBackend, ask: Callable[[Transaction], Sized], table: str = "crm_memberships"
) -> tuple[int, str]:
    """How many are answered, and how the database says that it finds them."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if table in statement:
            seen.append((statement, parameters))

    event.listen(backend.engine, "before_cursor_execute", note)
    try:
        with backend.reading() as uow:
            found = len(ask(uow.reads))
    finally:
        event.remove(backend.engine, "before_cursor_execute", note)
    ((statement, parameters),) = seen
    explain = "EXPLAIN QUERY PLAN" if backend.engine.dialect.name == "sqlite" else "EXPLAIN"
    with backend.engine.connect() as connection:
        rows: list[Any] = list(connection.exec_driver_sql(f"{explain} {statement}", parameters))
    return found, "\n".join(" ".join(map(str, row)) for row in rows)


@pytest.mark.parametrize("limit", [3, 100])
def test_what_is_due_is_a_stretch_of_an_index(backend: SqlBackend, limit: int):
    """Promise 6: the cost grows with what is due, however many members there are."""
    found, plan = plan_of(backend, lambda reads: reads.due("club", UNTIL, limit))

    assert found == min(limit, FEW)
    assert "ix_crm_memberships_programme" in plan
    assert not any(word in plan for word in ("TEMP B-TREE", "Sort", "filesort", "SCAN"))


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_plan_without_the_index_is_noticed(backend: SqlBackend):
    with backend.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_crm_memberships_programme")
    backend.engine.dispose()  # a connection would explain what it explained before

    assert "TEMP B-TREE" in plan_of(backend, lambda reads: reads.due("club", UNTIL, 3))[1]


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_what_counts_is_read_from_an_index_alone(backend: SqlBackend):
    """A member's entries lie as far apart as they were posted: none of them is looked up."""
    with backend.unit_of_work() as uow:
        members, _ = uow.memberships.page("club", limit=MANY)
        for n in range(5):
            posted = [a_points_entry(m, at=AT + n * MINUTE, nth=n) for m in members]
            uow.points.add_many(posted)
    with backend.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    who = [member.customer_id for member in members[:10]]
    found, plan = plan_of(backend, lambda reads: reads.counts(who), "crm_points")

    assert found == len(who)
    assert "Index Only Scan using ix_crm_points_customer" in plan


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    yield from started(servers.mongo)


def test_what_is_due_is_a_stretch_of_mongos_index(url: str):
    with watched(url) as (plain, watch):
        backend = MongoBackend(plain.database, model=MODEL, tenant="club")
        backend.migrate()
        populate(backend)
        watch.commands.clear()
        with backend.reading() as uow:
            assert len(uow.reads.due("club", UNTIL, 100)) == FEW
        asked = next(c for name, c in watch.commands if c.get("find") == "crm_memberships")
        plan = plain.database["crm_memberships"].find(asked["filter"], sort=asked["sort"]).explain()
        assert "programme_due_at_id" in str(plan["queryPlanner"]["winningPlan"])
