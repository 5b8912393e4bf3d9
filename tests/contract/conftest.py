"""The two backends of our own, as the contract's `backends`: one empty store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest
from sqlalchemy import Engine, event

from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import sqlite_engine
from crmcore.adapters.sql.tables import Tables
from crmcore.testing.contract import Make

# Statements compiled once for all files: most of a short test's time would go there.
TABLES: dict[str, Tables] = {}
COMPILED: dict[object, object] = {}


def memory_make(store: MemoryStore) -> Make:
    def make(**given):
        return MemoryBackend(store, busy_timeout=0.2, **given)

    return make


def sqlite_make(engine: Engine) -> Make:
    def make(**given):
        backend = SqlBackend(engine, owns_engine=True, **given)
        backend.tables = TABLES.setdefault(backend.definition, backend.tables)
        return backend

    return make


def throwaway_engine(path: Path) -> Engine:
    """The engine of `connect`, but impatient, and without waiting for the disk."""
    engine = sqlite_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def hurry(connection, _):
        connection.execute("PRAGMA busy_timeout = 200")
        connection.execute("PRAGMA synchronous = OFF")

    return engine.execution_options(compiled_cache=COMPILED)


@pytest.fixture
def memory() -> Make:
    return memory_make(MemoryStore())


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no data: creating them takes longer than most tests."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    backend = SqlBackend(throwaway_engine(path), tenant="nobody", owns_engine=True)
    backend.migrate()
    backend.close()
    return path


@pytest.fixture
def sqlite(tmp_path: Path, migrated: Path) -> Iterator[Make]:
    path = tmp_path / "crm.db"
    copyfile(migrated, path)
    engine = throwaway_engine(path)
    yield sqlite_make(engine)
    engine.dispose()
