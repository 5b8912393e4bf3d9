"""PostgreSQL, MariaDB and the MongoDB wire protocol keep the contract."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from pymongo import MongoClient

from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import database_for
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.testing.contract import BackendContract, Make
from tests import servers


def started(server) -> Iterator[str]:
    """The URL of a server for this worker; without its program, a skip that says so."""
    try:
        with server() as url:
            yield url
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def postgres_engine() -> Iterator[sa.Engine]:
    yield from migrated(servers.postgres)


@pytest.fixture(scope="session")
def mariadb_engine() -> Iterator[sa.Engine]:
    yield from migrated(servers.mariadb)


def migrated(server) -> Iterator[sa.Engine]:
    for url in started(server):
        engine = engine_for(url)
        SqlBackend(engine, tenant="nobody").migrate()
        yield engine
        engine.dispose()


@pytest.fixture(scope="session")
def mongo_url() -> Iterator[str]:
    yield from started(servers.mongo)


def emptied(engine: sa.Engine) -> Make:
    """All tables without a row."""
    tables = SqlBackend(engine).tables
    with engine.begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(sa.delete(table))

    def make(**given):
        return SqlBackend(engine, **given)

    return make


class OnServer:
    joins_host_transactions = True

    @contextmanager
    def host_transaction(self, backend):
        with backend.engine.begin() as connection:
            yield {"connection": connection}


class TestPostgres(OnServer, BackendContract):
    @pytest.fixture
    def backends(self, postgres_engine):
        return emptied(postgres_engine)


class TestMariadb(OnServer, BackendContract):
    @pytest.fixture
    def backends(self, mariadb_engine):
        return emptied(mariadb_engine)


class TestMongo(BackendContract):
    @pytest.fixture
    def backends(self, mongo_url) -> Iterator[Make]:
        database = database_for(mongo_url)
        client: MongoClient = database.client
        for name in database.list_collection_names():
            database[name].delete_many({})

        def make(**given):
            return MongoBackend(database, **given)

        yield make
        client.close()
