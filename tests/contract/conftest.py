"""The two backends of our own, as the contract's `backends`: one empty store for each test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile

import pytest
from sqlalchemy import Engine, event

from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import sqlite_engine
from crmcore.adapters.sql.tables import Tables
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract import Make
from crmcore.testing.contract.subject import neighbour_in

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


@dataclass
class Files:
    """One engine over many files, one at a time: a statement is compiled once for a dialect, and
    each engine has a dialect of its own.
    """

    engine: Engine
    path: Path
    """The file that connections are made to."""

    @classmethod
    def beginning(cls, path: Path) -> Files:
        """The engine, on its first file."""
        made = cls(throwaway_engine(path), path)

        @event.listens_for(made.engine, "do_connect")
        def connect(dialect, record, arguments, named):
            arguments[0] = str(made.path)

        return made

    def change(self, path: Path) -> None:
        """Let go of the file, and go on with another."""
        self.engine.dispose()
        self.path = path


@pytest.fixture
def memory() -> Make:
    return memory_make(MemoryStore())


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and the neighbour: making them takes longer than most tests."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    neighbour_in(sqlite_make(throwaway_engine(path)), FrozenClock()).close()
    return path


@pytest.fixture(scope="session")
def files(migrated: Path) -> Files:
    return Files.beginning(migrated)


@pytest.fixture
def sqlite(tmp_path: Path, migrated: Path, files: Files) -> Iterator[Make]:
    path = tmp_path / "crm.db"
    copyfile(migrated, path)
    files.change(path)
    yield sqlite_make(files.engine)
    files.engine.dispose()
