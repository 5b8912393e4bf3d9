"""The generator of revision-1 databases writes what today's code stores, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.adapters.sql.migrating import config
from tests.migrations import first
from tests.migrations.databases import empty_database, stored, structure
from tests.migrations.told import KINDS, told_to


@pytest.fixture
def made(url: str) -> Iterator[sa.Engine]:
    """A database as revision 1 left it."""
    first.make(url)
    engine = engine_for(url)
    yield engine
    engine.dispose()


@pytest.fixture
def written(server: str | None, tmp_path: Path) -> Iterator[sa.Engine]:
    """Another one, to which today's code was told the same."""
    with empty_database(server, tmp_path) as url:
        engine = engine_for(url)
        told_to(lambda **given: SqlBackend(engine, **given))
        yield engine
        engine.dispose()


def test_the_generated_rows_are_those_that_todays_code_stores(made: sa.Engine, written: sa.Engine):
    """Every value of every column of revision 1, in every table, with its type."""
    old, new = stored(made), stored(written)
    journal = new["crm_journal"]  # of a removed fact it says whose it was since
    for place, (kind, done) in enumerate(zip(journal["kind"], journal["operation"], strict=True)):
        if kind in KINDS and done == "removed":
            assert "customer_id" in str(journal["changes"][place])
            journal["changes"][place] = "[]"
    assert old.keys() <= new.keys()
    for table in old.keys() - {"crm_version"}:
        assert old[table], table
        for column, values in old[table].items():
            assert values == new[table][column], f"{table}.{column}"
            assert [type(v) for v in values] == [type(v) for v in new[table][column]]


def test_a_value_changed_by_one_is_noticed(made: sa.Engine, written: sa.Engine):
    """The comparison can fail: the control of the test above."""
    with written.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE crm_orders SET total_minor = 3001 WHERE total_minor = 3000"
        )
    assert stored(made)["crm_orders"] != stored(written)["crm_orders"]


NEVER_NULL = {"recorded_at", "base_amount_minor", "base_amount_currency"}
"""What may be NULL by its column, and never is: the store fills it in as it records."""


def test_every_column_has_values_and_every_optional_one_a_null(tmp_path: Path):
    """The generator shows all forms of a row, or an upgrade could lose one unnoticed."""
    url = f"sqlite:///{tmp_path}/crm.db"
    first.make(url)
    engine = sa.create_engine(url)
    missing: list[str] = []
    for table, held in stored(engine).items():
        assert held, table
        optional = {c["name"] for c in sa.inspect(engine).get_columns(table) if c["nullable"]}
        for column, values in held.items():
            if column in optional and column not in NEVER_NULL and None not in values:
                missing.append(f"{table}.{column}: no NULL")
            if set(values) == {None}:
                missing.append(f"{table}.{column}: no value")
    engine.dispose()
    assert missing == []


NEW = {
    "customers": {"tags", "notes", "attachments"},
    "profiles": {"tags", "texts__folded"},
    "words": {"tenant", "field", "word", "customer_id"},
    "consents": {
        "tenant",
        "resolved_customer_id",
        "schema_version",
        "customer_id",
        "at",
        "source",
        "source_key",
        "id",
        "recorded_at",
        "actor",
        "purpose",
        "channel",
        "given",
        "basis",
        "until",
        "removed_at",
    },
    "segments": {
        "tenant", "name", "at", "predicate", "owner", "description", "id", "version",
    },
    "segment_changes": {
        "tenant", "resolved_customer_id", "schema_version", "customer_id", "at", "source",
        "source_key", "id", "recorded_at", "actor", "segment", "entered", "segment_version",
        "removed_at",
    },
}  # fmt: skip
"""By table, the columns of later revisions."""


def test_the_generated_tables_are_those_of_revision_1(made: sa.Engine, written: sa.Engine):
    """Columns, keys, checks and indexes: what today's code asks for is there, and no more is,
    once later revisions are undone.
    """
    assert structure(made) != structure(written)
    with written.connect() as connection:
        inspector = sa.inspect(connection)
        new = {
            table: {c["name"] for c in inspector.get_columns(f"crm_{table}")} - held_in(made, table)
            for table in NEW
        }
    assert new == NEW
    settings = config()
    with written.begin() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, "crmcore_0002")
    assert structure(made) == structure(written)


def held_in(engine: sa.Engine, table: str) -> set[str]:
    """The columns of a table, none where it is not there."""
    inspector = sa.inspect(engine)
    if not inspector.has_table(f"crm_{table}"):
        return set()
    return {column["name"] for column in inspector.get_columns(f"crm_{table}")}
