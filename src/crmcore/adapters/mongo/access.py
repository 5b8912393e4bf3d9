"""What all parts of a Mongo transaction share: its session, reads by chunks, locks, and time.

A lock is a promise about the end. A transaction reads from one snapshot, and the server refuses
its write of a document that anybody has changed since; so what is held needs no write of its own
where the unit writes it anyway, and is touched before the commit where it does not.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from crmcore.adapters.mongo.client import Document, translated
from crmcore.adapters.mongo.collections import Collections
from crmcore.adapters.mongo.merging import Merging
from crmcore.adapters.profile_codec import ProfileCodec
from crmcore.domain.model import Model

__all__ = ["REFUSED_WRITES", "MongoAccess", "chunks", "duplicate"]

V = TypeVar("V")
CHUNK = 50
"""How many values one `$in` names: a server that compares them one by one must not drown."""
DUPLICATE = 11000
REFUSED_WRITES = (BulkWriteError, DuplicateKeyError)
"""What the driver raises where a unique index may have refused a document."""


def chunks(values: Iterable[V], size: int = CHUNK) -> Iterator[list[V]]:
    """`values` in lists of at most `size`."""
    remaining = iter(values)
    while found := list(islice(remaining, size)):
        yield found


def duplicate(error: BulkWriteError | DuplicateKeyError) -> int | None:
    """Which of the documents written a unique index refused first; `None` if none did."""
    if isinstance(error, BulkWriteError):
        for found in (error.details or {}).get("writeErrors", ()):
            if found.get("code") == DUPLICATE:
                return int(found["index"])
        return None
    return 0


class MongoAccess:
    """One tenant's documents through one session, or through none where nothing is written."""

    def __init__(
        self, session: ClientSession | None, collections: Collections, tenant: str, merging: Merging
    ) -> None:
        self.session = session
        self.collections = collections
        self.tenant = tenant
        self.merging = merging
        self.profile_codec: ProfileCodec = merging.codec
        self.model: Model = merging.codec.model
        self.time: int = 0
        self.clocks: dict[bytes, int] = {}
        """By id, the clock that each profile held here has in the store."""
        self.held: dict[str, dict[bytes, int]] = {}
        """By collection and id, the version of each aggregate held here and not written yet."""
        self.written: bool = False

    def tick(self, least: int = 0) -> int:
        """The transaction's time: microseconds of this machine's clock, and after that of every
        profile it has held. Journal rows of one customer sort by it in the order of their
        commits, and those of others nearly so.
        """
        self.time = max(self.time or time.time_ns() // 1000, least)
        return self.time

    def read(self, name: str, filter: Document, **options: Any) -> Generator[Document, None, None]:
        """The documents of this tenant that a filter finds; the cursor ends with the reading."""
        with (
            translated(),
            self.collections[name].find(
                {"tenant": self.tenant, **filter}, session=self.session, **options
            ) as found,
        ):
            yield from found

    def read_each(
        self, name: str, field: str, values: Collection[Any], **filter: Any
    ) -> Iterator[Document]:
        """The documents whose field has one of these values, a chunk of them at a time."""
        for chunk in chunks(values):
            yield from self.read(name, {**filter, field: {"$in": chunk}})

    def insert_documents(self, name: str, documents: list[Document]) -> None:
        """Bulk insert; the driver's error is let through for the caller to understand."""
        self.written = True
        if len(documents) == 1:  # at half the driver's time
            self.collections[name].insert_one(documents[0], session=self.session)
        elif documents:
            self.collections[name].insert_many(documents, session=self.session)

    def write_many(self, name: str, writes: list[Any]) -> None:
        """Updates and deletions in bulk, in their order."""
        self.written = True
        if writes:
            with translated():
                self.collections[name].bulk_write(writes, session=self.session)

    def settle(self) -> None:
        """Touch what was held and never written, so that no other writer commits beside us."""
        for name, ids in self.held.items():
            self._touch(name, "id", ids, {"$inc": {"held": 1}})
        behind = [id for id, clock in self.clocks.items() if clock < self.time]
        self._touch("profiles", "customer_id", behind, {"$set": {"clock": self.time}})
        self.held.clear()
        self.clocks.clear()

    def _touch(self, name: str, field: str, ids: Iterable[bytes], change: Document) -> None:
        with translated():
            for chunk in chunks(ids):
                self.collections[name].update_many(
                    {"tenant": self.tenant, field: {"$in": chunk}}, change, session=self.session
                )
