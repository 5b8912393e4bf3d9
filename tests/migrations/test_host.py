"""A host's own alembic keeps the tables on each dialect: up, down, untouched by autogenerate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import produce_migrations
from alembic.config import Config
from alembic.migration import MigrationContext

from crmcore import Customer, NotMigrated
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.adapters.sql.migrations import versions
from tests.migrations.told import AT

ENV = """
from alembic import context
settings = context.config
context.configure(connection=settings.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""
REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "host_1", None, ("host",), "{newest}"

def upgrade():
    op.create_table("bookings", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("bookings")
"""
NEWEST = "crmcore_0002"


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = engine_for(url)
    yield engine
    engine.dispose()


@pytest.fixture(params=["crm_", "x_"])
def backend(request: pytest.FixtureRequest, engine: sa.Engine) -> SqlBackend:
    """Under a prefix, and on PostgreSQL with another one in a schema of its own."""
    schema = "crm" if request.param == "x_" and engine.dialect.name == "postgresql" else None
    if schema:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA crm")
    return SqlBackend(engine, prefix=request.param, schema=schema)


@pytest.fixture
def host(tmp_path: Path, backend: SqlBackend) -> Config:
    """The host's alembic, with crmcore's folder among its version locations."""
    own = tmp_path / "alembic" / "versions"
    own.mkdir(parents=True)
    (own.parent / "env.py").write_text(ENV)
    (own / "host_1.py").write_text(REVISION.format(newest=NEWEST))
    settings = Config()
    settings.set_main_option("script_location", str(own.parent))
    settings.set_main_option("path_separator", "os")
    settings.set_main_option("version_locations", f"{own}:{Path(str(versions.__file__)).parent}")
    settings.attributes["crmcore_prefix"] = backend.prefix
    settings.attributes["crmcore_schema"] = backend.schema
    return settings


def run(settings: Config, engine: sa.Engine, action: Any, revision: str) -> None:
    with engine.connect() as connection:
        settings.attributes["connection"] = connection
        action(settings, revision)
        connection.commit()


def names(backend: SqlBackend) -> set[str]:
    with backend.engine.connect() as connection:
        return set(sa.inspect(connection).get_table_names(schema=backend.schema))


def test_up_and_down_with_the_hosts_own_tables(backend: SqlBackend, host: Config):
    """`upgrade heads` makes ours and theirs; `migrate()` adds what the model needs, and keeps no
    version table; `downgrade` takes all of ours away, and an upgrade begins anew."""
    engine = backend.engine
    run(host, engine, command.upgrade, "heads")
    with pytest.raises(NotMigrated):
        backend.reading().__enter__()
    backend.migrate()
    backend.migrate()
    with backend.unit_of_work() as uow:
        ana = uow.customers.add(Customer.person(at=AT))
    with backend.reading() as uow:
        assert uow.profiles.get(ana.id)["purchase_count"] == 0
    assert f"{backend.prefix}version" not in names(backend)
    assert f"{backend.prefix}customers" in names(backend)

    run(host, engine, command.downgrade, "base")
    assert not {name for name in names(backend) if name.startswith(backend.prefix)}
    with engine.connect() as connection:
        assert "bookings" not in sa.inspect(connection).get_table_names()

    run(host, engine, command.upgrade, "heads")
    again = SqlBackend(engine, prefix=backend.prefix, schema=backend.schema)
    again.migrate()
    with again.reading() as uow:
        assert list(uow.customers.stream()) == []


def test_a_host_that_has_not_upgraded_is_told(backend: SqlBackend, host: Config):
    """Without some of the tables, `migrate()` changes nothing, and says who has to."""
    run(host, backend.engine, command.upgrade, "heads")
    with backend.engine.begin() as connection:
        backend.tables.keys.drop(connection)
    before = names(backend)
    with pytest.raises(NotMigrated, match="host's alembic"):
        backend.migrate()
    assert names(backend) == before


def changes(backend: SqlBackend, **hook: Any) -> list[str]:
    """What the host's `alembic revision --autogenerate` would write, for a host with one table."""
    metadata = sa.MetaData()
    sa.Table("bookings", metadata, sa.Column("id", sa.Integer, primary_key=True))
    with backend.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_schemas": backend.schema is not None, **hook}
        )
        found = produce_migrations(context, metadata).upgrade_ops
        assert found is not None
        return [type(change).__name__ for change in found.ops]


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")
def test_autogenerate_leaves_our_tables_alone(backend: SqlBackend, host: Config):
    """With the hook that the guide shows; without it, the control, it would drop every one."""
    run(host, backend.engine, command.upgrade, "heads")
    backend.migrate()

    def include_name(name: str | None, kind: str, parents: Any) -> bool:
        if kind == "schema":
            return name != backend.schema or name is None
        return kind != "table" or not str(name).startswith(backend.prefix)

    assert changes(backend, include_name=include_name) == []
    assert changes(backend).count("DropTableOp") == len(backend.tables.metadata.tables)
