"""One store, one report: byte for byte the same on every backend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import database_for
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.domain.model import Model
from crmcore.report import write_report
from crmcore.testing import FrozenClock
from tests import servers
from tests.report.club import AT as IN_NOVEMBER
from tests.report.club import MODEL as WITH_CLUB
from tests.report.club import fill_club
from tests.report.shop import AT, MODEL, fill, fill_hostile, fill_scores


@contextmanager
def opened(store: str, folder: Path, model: Model = MODEL) -> Iterator[Backend]:
    """An empty backend that nothing is left of afterwards."""
    given: dict[str, Any] = {"model": model, "clock": FrozenClock(), "tenant": "report"}
    if store == "memory":
        yield MemoryBackend(MemoryStore(), **given)
        return
    if store == "sqlite":
        backend = SqlBackend(engine_for(f"sqlite:///{folder}/crm.db"), **given)
        yield backend
        backend.engine.dispose()
        return
    try:
        with getattr(servers, store)() as url:
            if store == "mongo":
                database = database_for(url)
                yield MongoBackend(database, prefix="report_", **given)
                for held in database.list_collection_names():
                    if held.startswith("report_"):
                        database.drop_collection(held)
                database.client.close()
                return
            engine = engine_for(url)
            made = SqlBackend(engine, prefix="report_", **given)
            yield made
            made.tables.metadata.drop_all(engine)
            with engine.begin() as connection:
                connection.exec_driver_sql("DROP TABLE report_version")
            engine.dispose()
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


def report_of(store: str, folder: Path, at=AT) -> bytes:
    folder.mkdir()
    with opened(store, folder) as backend:
        backend.migrate()
        people = fill(backend)
        fill_scores(backend, people)
        fill_hostile(backend)
        return write_report(backend, folder / "report.html", at=at).read_bytes()


@pytest.mark.parametrize("store", ["sqlite", "postgres", "mariadb", "mongo"])
def test_a_report_does_not_tell_where_the_data_are(store: str, tmp_path: Path):
    told = report_of(store, tmp_path / store)

    assert told == report_of("memory", tmp_path / "memory")
    assert b"likely alive" in told
    assert b"Moves in the life cycle" in told


def club_report_of(store: str, folder: Path) -> bytes:
    folder.mkdir()
    with opened(store, folder, WITH_CLUB) as backend:
        backend.migrate()
        fill_club(backend, count=12)
        return write_report(backend, folder / "report.html", at=IN_NOVEMBER).read_bytes()


@pytest.mark.parametrize("store", ["sqlite", "postgres", "mariadb", "mongo"])
def test_loyalty_does_not_tell_where_the_data_are_either(store: str, tmp_path: Path):
    told = club_report_of(store, tmp_path / store)

    assert told == club_report_of("memory", tmp_path / "memory")
    assert b"Members of club near a fall" in told
