"""The same kills with the bare driver: what the Mongo-protocol server loses by itself."""

from __future__ import annotations

import os
import random
import time
from dataclasses import dataclass
from itertools import count
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from tests.faults.processes import Child, answering, forked
from tests.faults.stores import Store

__all__ = ["Bare", "acknowledged_by_the_server"]


@dataclass
class Bare:
    """What a server acknowledged and no longer has, without crmcore in between."""

    kills: int = 0
    acknowledged: int = 0
    lost_by_the_server: int = 0
    violations: int = 0

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in vars(self).items())


def _client(url: str) -> pymongo.MongoClient[dict[str, Any]]:
    return pymongo.MongoClient(url, w="majority", journal=True)


def _insert_until_refused(url: str, name: str, pipe: int) -> list[str]:
    """Transactions of two documents; the keys of those that were acknowledged."""
    client = _client(url)
    bare = client.get_default_database()["bare"]
    acknowledged: list[str] = []
    os.write(pipe, b"b")
    for number in count():
        key = f"{name}-{number}"
        try:
            with client.start_session() as session, session.start_transaction():
                bare.insert_many([{"key": key}, {"key": key}], session=session)
        except PyMongoError:
            return acknowledged
        acknowledged.append(key)
    raise AssertionError("never")


def acknowledged_by_the_server(store: Store, times: int) -> Bare:
    """`kill -9` of the server under bare writers, and a restart on the same data."""
    assert store.server is not None
    chance, found = random.Random(1), Bare()
    client = _client(store.url)
    client.get_default_database().create_collection("bare")
    client.close()
    for number in range(times):
        writers: list[Child[list[str]]] = [
            forked(
                lambda pipe, n=f"{number}.{lane}": answering(  # type: ignore[misc]
                    _insert_until_refused, (store.url, n, pipe)
                )(pipe)
            )
            for lane in range(2)
        ]
        for child in writers:
            child.first_word()
        time.sleep(chance.uniform(0.05, 0.35))
        store.server.kill()
        acknowledged = [key for child in writers for key in child.result()]
        store.server.start()
        client = _client(store.url)
        bare = client.get_default_database()["bare"]
        kept = {document["key"] for document in bare.find({"key": {"$in": acknowledged}})}
        client.close()
        found.kills += 1
        found.acknowledged += len(acknowledged)
        found.lost_by_the_server += len(set(acknowledged) - kept)
    return found
