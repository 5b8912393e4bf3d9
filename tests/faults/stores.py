"""The stores that faults are tried on, by name, opened so that they outlive forks and kills."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from pymongo import common

from crmcore import connect
from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from tests import servers
from tests.faults.work import MODEL

__all__ = ["EVERY", "ON_SERVERS", "Store", "store"]

ON_SERVERS = ("postgres", "mariadb", "mongo")
EVERY = ("memory", "sqlite", *ON_SERVERS)


@dataclass
class Store:
    """Somewhere to write: each `tenant()` is an empty one, `opened(tenant)` a handle on it."""

    name: str
    url: str
    server: servers.Server | None = None
    memory: MemoryStore | None = None
    folder: Path | None = None
    numbers: Iterator[int] = field(default_factory=count)

    def tenant(self) -> str:
        """The name of a new, empty tenant, in whichever process it is asked for."""
        return f"t{os.getpid()}-{next(self.numbers)}"

    def url_of(self, tenant: str) -> str:
        """Where a tenant lives: on SQLite, which has one writer, in a file of its own."""
        return f"sqlite:///{self.folder}/{tenant}.db" if self.folder else self.url

    def opened(self, tenant: str, *, url: str | None = None) -> Backend:
        """A new handle."""
        if self.memory is not None:
            return MemoryBackend(self.memory, tenant=tenant, model=MODEL)
        return connect(url or self.url_of(tenant), tenant=tenant, model=MODEL)

    def in_children(self, backend: Backend, tenant: str) -> Callable[[], Backend]:
        """How a child comes to a handle: the parent's statements are compiled already, so it
        takes the parent's, whose connections are closed. A closed Mongo client is not reopened.
        """
        backend.close()
        if self.name == "mongo":
            return lambda: self.opened(tenant)
        return lambda: backend


@contextmanager
def store(name: str, *, durable: bool = False) -> Iterator[Store]:
    """A store by name, for as long as the block lasts."""
    if name == "memory":
        yield Store(name, "memory://", memory=MemoryStore())
    elif name == "sqlite":
        with servers.folder(durable=True) as folder:
            yield Store(name, f"sqlite:///{folder}/crm.db", folder=folder)
    else:
        with servers.started(name, durable=durable) as server:
            hurried = ""
            if name == "mongo":
                # A client looks for a dead server for five seconds, twice a second. Hurried, a
                # thousand cuts take minutes.
                hurried = "?serverSelectionTimeoutMS=500&serverMonitoringMode=poll"
                common.MIN_HEARTBEAT_INTERVAL = 0.02
            made = Store(name, server.url + hurried, server)
            first = made.opened("nobody")
            first.migrate()
            first.close()
            yield made
