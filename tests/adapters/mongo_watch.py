"""A server of the MongoDB wire protocol, a backend on it, and who watches its commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from crmcore.adapters.mongo import MongoBackend

__all__ = ["Watch", "watched"]


class Watch(CommandListener):
    """Every command sent, the transactions open by them, and a fault before or after one."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.open: set[tuple[bytes, int]] = set()
        self.before: Callable[[CommandStartedEvent], None] = lambda event: None
        self.after: Callable[[CommandSucceededEvent], None] = lambda event: None
        self._ending: dict[int, tuple[bytes, int]] = {}

    def names(self) -> list[str]:
        """The commands sent so far, `name of collection`, and none of them left for later."""
        said = [
            f"{name} {command[name]}" if isinstance(command.get(name), str) else name
            for name, command in self.commands
        ]
        self.commands.clear()
        return said

    def started(self, event: CommandStartedEvent) -> None:
        self.before(event)
        command = dict(event.command)
        self.commands.append((event.command_name, command))
        if "txnNumber" in command and "autocommit" in command:
            transaction = (bytes(command["lsid"]["id"]), command["txnNumber"])
            if command.get("startTransaction"):
                self.open.add(transaction)
            if event.command_name in ("commitTransaction", "abortTransaction"):
                self._ending[event.request_id] = transaction

    def succeeded(self, event: CommandSucceededEvent) -> None:
        self._ended(event.request_id)
        self.after(event)

    def failed(self, event: CommandFailedEvent) -> None:
        if (event.failure or {}).get("codeName") == "NoSuchTransaction":
            self._ended(event.request_id)

    def _ended(self, request: int) -> None:
        if (transaction := self._ending.pop(request, None)) is not None:
            self.open.discard(transaction)


@contextmanager
def watched(url: str, **settings: Any) -> Iterator[tuple[MongoBackend, Watch]]:
    """A migrated backend without data on the host's own client, and its watch."""
    watch = Watch()
    client: MongoClient[dict[str, Any]] = MongoClient(url, event_listeners=[watch], **settings)
    try:
        client.drop_database("watched")
        backend = MongoBackend(client["watched"])
        backend.migrate()
        watch.commands.clear()
        yield backend, watch
    finally:
        client.close()
