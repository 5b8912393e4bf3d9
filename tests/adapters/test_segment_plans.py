"""A page of a segment's members costs what it answers: a stretch of one index, nothing sorted."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from crmcore.adapters.sql import SqlBackend, statements
from crmcore.adapters.sql.engine import engine_for
from crmcore.testing import a_customer, a_segment, a_segment_change

PAGED = frozenset({"tenant", "segment", "after", "limit"})


@pytest.fixture
def backend(tmp_path: Path) -> SqlBackend:
    backend = SqlBackend(engine_for(f"sqlite:///{tmp_path}/crm.db"), owns_engine=True)
    backend.migrate()
    people = [a_customer(f"Number {n}") for n in range(200)]
    with backend.unit_of_work() as uow:
        uow.customers.add_many(people)
        uow.segments.add(a_segment("vip"))
        uow.segment_changes.add_many(
            a_segment_change(one, name) for one in people for name in ("vip", "other")
        )
    return backend


def plan_of(
    backend: SqlBackend, statement: sa.Select[*tuple[object, ...]], **params: object
) -> list[str]:
    with backend.engine.connect() as connection:
        compiled = statement.compile(dialect=connection.dialect)
        rows = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {compiled}",
            tuple(
                {"param_1": 1, "param_2": 0, **params}.get(n, 0) for n in compiled.positiontup or ()
            ),
        )
        return [row[3] for row in rows]


def test_the_last_changes_are_read_along_their_index(backend: SqlBackend):
    statement = statements.last_changes(backend.tables, PAGED)
    plan = plan_of(backend, statement, tenant="main", segment="vip", after=b"", limit=10)

    reading = [step for step in plan if step.startswith(("SEARCH", "SCAN"))]
    assert len(reading) == 2
    assert all("ix_crm_segment_changes_segment (tenant=? AND segment=?" in r for r in reading)
    assert "resolved_customer_id>?" in reading[0]
    assert not any(step == "USE TEMP B-TREE FOR ORDER BY" for step in plan)


def test_a_plan_without_the_index_is_noticed(backend: SqlBackend):
    with backend.engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_crm_segment_changes_segment")
    statement = statements.last_changes(backend.tables, PAGED)
    plan = plan_of(backend, statement, tenant="main", segment="vip", after=b"", limit=10)

    assert not any("ix_crm_segment_changes_segment" in step for step in plan)
