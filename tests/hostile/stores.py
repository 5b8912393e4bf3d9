"""The five backends, empty again for every batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import database_for
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.domain.model import Model
from crmcore.testing.contract.hostile import MODEL
from tests import servers

__all__ = ["STORES", "Make", "on_engine", "opened"]

Make = Callable[[str], Backend]
STORES = ("memory", "sqlite", "postgres", "mariadb", "mongo")


def in_memory(model: Model) -> Make:
    """A store of its own each time."""
    return lambda tenant: MemoryBackend(MemoryStore(), tenant=tenant, model=model)


def on_engine(engine: sa.Engine, model: Model = MODEL) -> Make:
    """One database, whose tables are emptied each time."""
    first = SqlBackend(engine, model=model)
    first.migrate()

    def make(tenant: str) -> Backend:
        with engine.begin() as connection:
            for table in reversed(first.tables.metadata.sorted_tables):
                connection.execute(sa.delete(table))
        backend = SqlBackend(engine, tenant=tenant, model=model)
        backend.tables = first.tables
        return backend

    return make


@contextmanager
def on_mongo(url: str, model: Model) -> Iterator[Make]:
    """One database, whose collections are emptied each time."""
    database = database_for(url)

    def make(tenant: str) -> Backend:
        for name in database.list_collection_names():
            database[name].delete_many({})
        return MongoBackend(database, tenant=tenant, model=model)

    yield make
    database.client.close()


@contextmanager
def opened(store: str, model: Model = MODEL) -> Iterator[Make]:
    """What opens that backend, on a server that is started for it."""
    if store == "memory":
        yield in_memory(model)
    elif store == "mongo":
        with servers.mongo() as url, on_mongo(url, model) as make:
            yield make
    else:
        with TemporaryDirectory() as folder:
            if store == "sqlite":
                engine = engine_for(f"sqlite:///{Path(folder)}/crm.db")
                yield on_engine(engine, model)
                engine.dispose()
                return
            with getattr(servers, store)() as url:
                engine = engine_for(url)
                yield on_engine(engine, model)
                engine.dispose()
