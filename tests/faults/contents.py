"""All that a store holds of one tenant, read past the library: to tell whether anything changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pymongo
import sqlalchemy as sa

from tests.faults.stores import Store

__all__ = ["Contents", "reader_of"]

Contents = dict[str, list[str]]
"""Table or collection -> its rows as text, in order."""


@contextmanager
def reader_of(store: Store, tenant: str) -> Iterator[Callable[[], Contents]]:
    """A function that reads everything of one tenant."""
    if store.name == "mongo":
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(store.url)
        database = client.get_default_database()
        names = sorted(database.list_collection_names())
        yield lambda: {
            name: sorted(map(repr, database[name].find({"tenant": tenant}))) for name in names
        }
        client.close()
        return
    engine = sa.create_engine(store.url_of(tenant), isolation_level="AUTOCOMMIT")
    tables = sa.MetaData()
    tables.reflect(engine)
    mine = [
        (table.name, sa.select(table).where(table.c.tenant == tenant))
        for table in tables.sorted_tables
        if "tenant" in table.c
    ]

    def read() -> Contents:
        with engine.connect() as connection:
            return {
                name: sorted(map(repr, map(tuple, connection.execute(statement))))
                for name, statement in mine
            }

    yield read
    engine.dispose()
