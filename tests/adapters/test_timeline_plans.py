"""A page of the timeline is read from an index, whatever the customer's history is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.domain.kinds import FACTS
from crmcore.testing import a_consent, a_customer, an_interaction
from tests.migrations.databases import empty_database, server_url

AT = datetime(2024, 1, 1, tzinfo=UTC)
ANA = a_customer("Ana", at=AT)
KINDS = ("interactions", "consents")
LONG = 500
"""How many facts of each of these kinds one customer has; the others have a hundred each."""
PAGE = 20


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SqlBackend]:
    """A customer with a long history among many others."""
    folder: Path = tmp_path_factory.mktemp("timeline")
    with ExitStack() as stack:
        server = stack.enter_context(server_url(request.param))
        engine = engine_for(stack.enter_context(empty_database(server, folder)))
        stack.callback(engine.dispose)
        made = SqlBackend(engine)
        made.migrate()
        others = [a_customer(f"Number {n}", at=AT) for n in range(200)]
        minute = timedelta(minutes=1)
        with made.unit_of_work() as uow:
            uow.customers.add_many([ANA, *others])
            for make, name in ((an_interaction, KINDS[0]), (a_consent, KINDS[1])):
                facts: Any = getattr(uow, name)
                facts.add_many(make(ANA, at=AT + n * minute, nth=n) for n in range(LONG))
                facts.add_many(
                    make(other, at=AT + 5 * n * minute, nth=n)
                    for other in others
                    for n in range(100)
                )
        with engine.begin() as connection:
            tables = ", ".join(table.name for table in made.tables.kinds.values())
            if request.param != "sqlite":
                table = " TABLE " if request.param == "mariadb" else " "
                connection.exec_driver_sql(f"ANALYZE{table}{tables}")
        yield made


def asked(backend: SqlBackend, **given: Any) -> list[tuple[str, Any]]:
    """The statements of the second page."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if " LIMIT " in statement:
            seen.append((statement, parameters))

    with backend.reading() as uow:
        timeline = uow.timeline(ANA.id, **given)
        first = timeline.page(limit=PAGE)
        sa.event.listen(backend.engine, "before_cursor_execute", note)
        try:
            page = timeline.page(limit=PAGE, after=first.next)
        finally:
            sa.event.remove(backend.engine, "before_cursor_execute", note)
    assert len(page) == PAGE
    return seen


WAYS: dict[str, dict[str, Any]] = {
    "newest first": {},
    "oldest first": {"oldest_first": True},
    "within a window": {"since": AT, "until": AT + timedelta(days=1)},
}


@pytest.mark.parametrize("given", WAYS.values(), ids=WAYS)
def test_each_kind_is_asked_once_through_its_index(backend: SqlBackend, given: dict[str, Any]):
    """Promise 6: by tenant, customer and instant; no table is read whole, and no more rows than
    the page has are read of any kind."""
    statements = asked(backend, **given)
    assert len(statements) == len(FACTS)
    with backend.engine.connect() as connection:
        for kind, (statement, parameters) in zip(FACTS, statements, strict=True):
            index = f"ix_crm_{kind.name}_customer"
            if backend.engine.dialect.name == "sqlite":
                plan = _plan(connection, "EXPLAIN QUERY PLAN ", statement, parameters)
                assert index in plan
                assert re.search(r"resolved_customer_id=\? AND at[<>]", plan)
                assert "SCAN" not in plan
            elif backend.engine.dialect.name == "postgresql":
                plan = _plan(connection, "EXPLAIN (ANALYZE, COSTS OFF) ", statement, parameters)
                assert index in plan or kind.name not in KINDS  # of an empty table it reads all
                assert all(int(rows) <= PAGE + 2 for rows in re.findall(r"rows=(\d+)", plan))
            else:
                connection.exec_driver_sql("FLUSH STATUS")
                found = connection.exec_driver_sql(statement, parameters).all()
                assert len(found) <= PAGE + 1
                status = connection.exec_driver_sql("SHOW STATUS LIKE 'Handler_read%%'").all()
                assert sum(int(value) for _, value in status) <= PAGE + 10


def _plan(connection: sa.Connection, explain: str, statement: str, parameters: Any) -> str:
    rows = connection.exec_driver_sql(explain + statement, parameters)
    return "\n".join(str(row[-1]) for row in rows)
