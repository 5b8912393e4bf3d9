"""Facts folded are read through an index: by instant for a short window, by customer for few."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from crmcore import Predicate, facts, field
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.testing import a_customer, an_interaction, an_order
from tests.migrations.databases import empty_database, server_url

AT = datetime(2024, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LAST = AT + 20_000 * MINUTE
CALLS, BOUGHT = facts("interactions"), facts("purchases")
FEW = field("tags").has("rare")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SqlBackend]:
    """2,000 customers with ten calls and five orders each, one of a kind among them."""
    with ExitStack() as stack:
        server = stack.enter_context(server_url(request.param))
        folder = tmp_path_factory.mktemp("folded")
        engine = engine_for(stack.enter_context(empty_database(server, folder)))
        stack.callback(engine.dispose)
        made = SqlBackend(engine)
        made.migrate()
        people = [a_customer(nth=n, at=AT, tags=["rare"] if n == 7 else []) for n in range(2_000)]
        with made.unit_of_work() as uow:
            uow.customers.add_many(people)
            uow.interactions.add_many(
                an_interaction(who, at=AT + (10 * n + nth) * MINUTE, nth=nth)
                for n, who in enumerate(people)
                for nth in range(10)
            )
            uow.orders.add_many(
                an_order(who, lines=[], at=AT + (10 * n + nth) * MINUTE, nth=nth)
                for n, who in enumerate(people)
                for nth in range(5)
            )
        with engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()
        yield made


@pytest.mark.parametrize(
    ("asked", "index", "found"),
    [
        (CALLS.between(LAST - 30 * MINUTE, LAST).count() >= 2, "ix_crm_interactions_at", 3),
        (CALLS.between(LAST - 30 * MINUTE, None).max("at").is_present(),
         "ix_crm_interactions_at", 3),
        (BOUGHT.between(LAST - 30 * MINUTE, LAST).count() >= 2, "ix_crm_orders_at", 3),
        (FEW & (CALLS.count() >= 3), "ix_crm_interactions_customer", 1),
        (FEW & (CALLS.latest("channel") == "phone"), "ix_crm_interactions_customer", 1),
        (FEW & (BOUGHT.count() >= 3), "ix_crm_orders_customer", 1),
    ],
    ids=["window", "present in a window", "purchases in a window", "few", "latest of few",
         "purchases of few"],
)  # fmt: skip
def test_a_narrow_term_is_folded_through_an_index(
    backend: SqlBackend, asked: Predicate, index: str, found: int
):
    """Promise 6: neither do all facts have to be read, nor those of everybody."""
    plan = plan_of(backend, asked, found)
    assert index in plan
    table = index.removeprefix("ix_").rpartition("_")[0]
    assert f"SCAN {table}" not in plan
    assert f"Seq Scan on {table}" not in plan


def test_a_wide_term_reads_all_facts(backend: SqlBackend):
    """The control: what asks about all facts goes through neither of these indexes' stretches."""
    plan = plan_of(backend, CALLS.count() >= 3, 2_000)
    assert "at>" not in plan
    if backend.engine.dialect.name == "postgresql":
        assert "Seq Scan on crm_interactions" in plan


def plan_of(backend: SqlBackend, asked: Predicate, found: int) -> str:
    """What the database says of how it finds the ids, of which there are so many."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *rest: Any) -> None:
        if "crm_profiles" in statement:
            seen.append((statement, parameters))

    sa.event.listen(backend.engine, "before_cursor_execute", note)
    try:
        with backend.reading() as uow:
            assert len(list(uow.profiles.where(asked).ids())) == found
    finally:
        sa.event.remove(backend.engine, "before_cursor_execute", note)
    ((statement, parameters),) = seen
    explain = "EXPLAIN QUERY PLAN" if backend.engine.dialect.name == "sqlite" else "EXPLAIN"
    with backend.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"{explain} {statement}", parameters)
        return "\n".join(str(row[-1]) for row in rows)
