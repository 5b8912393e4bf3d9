"""Migrations: the tables are those of the metadata, on their own or in a host's alembic."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from crmcore import Customer, Model, NotMigrated, StorageError, UnknownBackend, connect
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import sqlite_engine
from crmcore.adapters.sql.migrating import config, known_revisions
from crmcore.adapters.sql.migrations import versions

AT = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/crm.db"


def differences(backend: SqlBackend) -> list[object]:
    """What alembic would still change; SQLite's schemas are databases, so names carry none."""
    names = {table.name for table in backend.tables.metadata.tables.values()}
    with backend.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "compare_server_default": False,
                "include_name": lambda name, kind, _: kind != "table" or name in names,
            },
        )
        return list(compare_metadata(context, backend.tables.metadata))


@pytest.mark.parametrize("prefix", ["crm_", "", "shop_crm_"])
def test_the_migrated_tables_are_those_of_the_metadata(url: str, prefix: str):
    """A revision is written by hand; alembic finds no difference to what the code expects, but
    for indexes that the model asks for (made by `migrate`, not declared in the metadata)."""
    backend = SqlBackend(sqlite_engine(url), prefix=prefix, owns_engine=True)
    backend.migrate()

    left = [found for found in differences(backend) if not _is_model_index(found)]
    assert left == []
    backend.close()


def _is_model_index(found: object) -> bool:
    kind, index = found[0], found[1]  # type: ignore[index]
    return kind == "remove_index" and index.name.split("profiles_")[-1] in (
        "revenue_minor", "last_purchase_at",
    )  # fmt: skip


def test_a_schema_of_its_own(tmp_path: Path):
    """`schema=` puts every table, the version among them, into that schema."""
    engine = sqlite_engine(f"sqlite:///{tmp_path}/main.db")

    @sa.event.listens_for(engine, "connect")
    def attach(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"ATTACH DATABASE '{tmp_path}/other.db' AS crm")

    backend = SqlBackend(engine, schema="crm", prefix="", owns_engine=True)
    backend.migrate()
    backend.migrate()
    with backend.unit_of_work() as uow:
        ana = uow.customers.add(Customer.person(at=AT))
    with backend.reading() as uow:
        assert uow.customers.get(ana.id) == ana
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
        assert {"customers", "orders", "version"} <= set(
            sa.inspect(connection).get_table_names(schema="crm")
        )
    backend.close()


def test_migrating_again_changes_nothing(url: str):
    """Idempotent: no statement writes, no model version is added."""
    backend = SqlBackend(sqlite_engine(url), owns_engine=True)
    backend.migrate()
    with backend.unit_of_work() as uow:
        uow.customers.add(Customer.person(at=AT))

    def everything() -> list[object]:
        tables = backend.tables.metadata.sorted_tables
        with backend.engine.connect() as connection:
            schema = connection.execute(sa.text("SELECT type, name, sql FROM sqlite_master")).all()
            return [schema, *(connection.execute(table.select()).all() for table in tables)]

    before = everything()
    backend.migrate()
    SqlBackend(backend.engine).migrate()
    assert everything() == before
    backend.close()


def test_a_downgrade_takes_away_every_table(url: str):
    """And an upgrade after it begins anew."""
    backend = SqlBackend(sqlite_engine(url), owns_engine=True)
    backend.migrate()
    settings = config()
    with backend.engine.connect() as connection:
        settings.attributes["connection"] = connection
        command.downgrade(settings, "crmcore@base")
        connection.commit()
    with backend.engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["crm_version"]
    again = SqlBackend(backend.engine)
    again.migrate()
    with again.reading() as uow:
        assert list(uow.customers.stream()) == []
    backend.close()


def test_a_file_has_the_pragmas_that_durability_needs(url: str):
    """Write-ahead log, foreign keys, full synchronisation, patience with other writers."""
    backend = connect(url)
    assert isinstance(backend, SqlBackend)
    with backend.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 5000,
    }  # fmt: skip
    backend.close()


def test_nothing_is_created_before_migrate(url: str, tmp_path: Path):
    """`connect` is without effect; every use of an unprepared store is `NotMigrated`."""
    backend = connect(url)
    assert not (tmp_path / "crm.db").exists()
    for use in (
        lambda: backend.unit_of_work().__enter__(),
        lambda: backend.reading().__enter__(),
        lambda: backend.columns("orders"),
        backend.journal,
        lambda: backend.run(lambda uow: None),
    ):
        with pytest.raises(NotMigrated):
            use()
    backend.migrate()
    with backend.reading() as uow:
        assert uow.profiles.where().count() == 0
    with pytest.raises(NotMigrated), connect(url, tenant="other").reading():
        pass
    with pytest.raises(NotMigrated), connect(url, model=Model(zone="Europe/Madrid")).reading():
        pass
    backend.close()


def test_a_store_of_a_newer_release_is_refused(url: str):
    """Reading, writing and migrating: nobody guesses what an unknown revision means."""
    backend = SqlBackend(sqlite_engine(url), owns_engine=True)
    backend.migrate()
    with backend.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE crm_version SET version_num = 'crmcore_9999'")
    newcomer = SqlBackend(backend.engine)
    uses = (newcomer.migrate, newcomer.unit_of_work().__enter__, newcomer.reading().__enter__)
    for use in (*uses, newcomer.journal, backend.migrate):
        with pytest.raises(NotMigrated, match="newer"):
            use()
    backend.close()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "sqlite:/crm.db", "memory://x", "sqlite:crm"]
)
def test_a_url_that_names_no_file_is_refused(url: str):
    with pytest.raises(UnknownBackend):
        connect(url)


def test_a_file_that_cannot_be_opened_is_our_error(tmp_path: Path):
    """O18: no driver's exception reaches the caller."""
    with pytest.raises(StorageError) as refused:
        connect(f"sqlite:///{tmp_path}/no/such/folder/crm.db").migrate()
    assert type(refused.value).__module__ == "crmcore.domain.errors"
    (tmp_path / "text.db").write_text(
        "this is no database at all, though it has some length\n" * 90
    )
    backend = connect(f"sqlite:///{tmp_path}/text.db")
    for use in (backend.migrate, backend.reading().__enter__):
        with pytest.raises(StorageError):
            use()
    backend.close()


HOST_ENV = """
from alembic import context
settings = context.config
context.configure(connection=settings.attributes["connection"], target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""
HOST_REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "host_1", None, ("host",), "crmcore_0001"

def upgrade():
    op.create_table("bookings", sa.Column("id", sa.Integer, primary_key=True))

def downgrade():
    op.drop_table("bookings")
"""


@pytest.fixture
def host(tmp_path: Path) -> Config:
    """A host application's own alembic, that takes crmcore's revisions as a branch."""
    own = tmp_path / "alembic" / "versions"
    own.mkdir(parents=True)
    (own.parent / "env.py").write_text(HOST_ENV)
    (own / "host_1.py").write_text(HOST_REVISION)
    settings = Config()
    settings.set_main_option("script_location", str(own.parent))
    settings.set_main_option("path_separator", "os")
    settings.set_main_option("version_path_separator", "os")
    locations = f"{own}:{Path(str(versions.__file__)).parent}"
    settings.set_main_option("version_locations", locations)
    return settings


def run(settings: Config, engine: sa.Engine, revision: str) -> None:
    with engine.connect() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, revision)
        connection.commit()


def test_a_hosts_alembic_may_keep_the_tables(url: str, host: Config):
    """One `alembic upgrade heads` makes the host's tables and ours; `migrate()` then adds what
    the model needs, keeps no version table of its own, and works."""
    backend = SqlBackend(sqlite_engine(url), owns_engine=True)
    run(host, backend.engine, "heads")
    with pytest.raises(NotMigrated):
        backend.reading().__enter__()
    backend.migrate()
    backend.migrate()

    with backend.unit_of_work() as uow:
        ana = uow.customers.add(Customer.person(at=AT))
    with backend.reading() as uow:
        assert uow.profiles.get(ana.id)["purchase_count"] == 0
    with backend.engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        heads = MigrationContext.configure(connection).get_current_heads()
    assert "bookings" in names
    assert "crm_version" not in names
    newest = next(revision for revision, is_head in known_revisions().items() if is_head)
    assert set(heads) == {"host_1", newest}
    backend.close()


def test_a_hosts_prefix_reaches_the_revisions(url: str, host: Config):
    """The host sets two attributes on its configuration; no file of ours is copied."""
    backend = SqlBackend(sqlite_engine(url), prefix="x_", owns_engine=True)
    host.attributes["crmcore_prefix"] = "x_"
    run(host, backend.engine, "heads")
    backend.migrate()
    with backend.reading() as uow:
        assert uow.profiles.where().count() == 0
    with backend.engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
    assert "x_customers" in names
    assert not [name for name in names if name.startswith("crm_")]
    backend.close()
