"""Idle connections that the server ended between two uses, or that went with its restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pymongo
import sqlalchemy as sa
from pymongo.errors import PyMongoError
from sqlalchemy.exc import DBAPIError

from tests.faults.proxy import proxied
from tests.faults.stores import Store
from tests.faults.work import complaints_about, customers_in, written

__all__ = ["Ended", "idle_connections"]

ENDING = {
    "postgres": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    "mariadb": "SELECT id FROM information_schema.processlist "
    "WHERE id <> connection_id() AND command = 'Sleep'",
}


@dataclass
class Ended:
    """How often connections were ended, and whom it hurt."""

    ended: int = 0
    unprotected_errors: int = 0
    """Errors of a plain driver over the same connections: the control."""
    errors: int = 0
    foreign_errors: int = 0

    @property
    def violations(self) -> int:
        """All that must not be."""
        return self.errors + self.foreign_errors

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in vars(self).items())


@contextmanager
def _ending(store: Store) -> Iterator[tuple[str, Callable[[], object]]]:
    """The URL to use, and what ends all connections that came by it."""
    assert store.server is not None
    if store.name == "mongo":
        with proxied(store.url, store.server.port) as (url, proxy):
            yield url, proxy.cut
        return
    admin = sa.create_engine(store.url, isolation_level="AUTOCOMMIT")

    def end() -> None:
        with admin.connect() as connection:
            found = connection.execute(sa.text(ENDING[store.name])).scalars().all()
            if store.name == "mariadb":
                for id in found:
                    connection.execute(sa.text(f"KILL {id}"))

    yield store.url, end
    admin.dispose()


@contextmanager
def _unprotected(store: Store, url: str) -> Iterator[Callable[[], int]]:
    """One use of a plain pool, without a look at whether its connection lives; 1 if it failed."""
    if store.name == "mongo":
        client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(url, retryReads=False)

        def find() -> int:
            try:
                client.get_default_database()["crm_models"].find_one()
            except PyMongoError:
                return 1
            return 0

        yield find
        client.close()
        return
    engine = sa.create_engine(url)

    def ask() -> int:
        try:
            with engine.connect() as connection:
                connection.execute(sa.text("SELECT 1"))
        except DBAPIError:
            return 1
        return 0

    yield ask
    engine.dispose()


def idle_connections(store: Store, times: int, *, restarts: int = 1) -> Ended:
    """Connections ended so many times between units, every second time between reads; at the end
    the server is restarted as often as asked for.
    """
    found = Ended()
    assert store.server is not None
    tenant = store.tenant()
    with _ending(store) as (url, end), _unprotected(store, url) as unprotected:
        backend = store.opened(tenant, url=url)
        ids = customers_in(backend)
        for number in range(times + restarts):
            written(backend, ids[0], f"before {number}")
            with backend.reading() as uow:
                uow.customers.get(ids[0])
            unprotected()
            if number < times:
                end()
            else:
                store.server.stop()
                store.server.start()
            found.ended += 1
            found.unprotected_errors += unprotected()
            try:
                if number % 2:
                    with backend.reading() as uow:
                        uow.customers.get(ids[0])
                else:
                    written(backend, ids[0], f"after {number}")
            except Exception as error:  # noqa: BLE001  whatever reaches the caller is looked at
                found.errors += 1
                found.foreign_errors += len(complaints_about(error))
        backend.close()
    return found
