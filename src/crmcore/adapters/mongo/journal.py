"""Reading the journal: whoever reads gives committed rows their positions, once, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import UpdateOne

from crmcore.adapters.backend import check_place
from crmcore.adapters.mongo.client import translated
from crmcore.adapters.mongo.transaction import entry_of
from crmcore.domain.journal import Entry

if TYPE_CHECKING:
    from crmcore.adapters.mongo.backend import MongoBackend

__all__ = ["read_journal"]


def read_journal(backend: MongoBackend, after: int, limit: int) -> list[Entry]:
    """The rows behind position `after`, at most `limit`."""
    check_place(after, limit)
    reading = backend.begin(write=False)
    try:
        if any(True for _ in reading.read("journal", {"position": None}, limit=1)):
            _sequence(backend)
        found = reading.read(
            "journal", {"position": {"$gt": after}}, sort=[("position", 1)], limit=limit
        )
        return [entry_of(row) for row in found]
    finally:
        reading.rollback()


def _sequence(backend: MongoBackend) -> None:
    """Give positions to committed rows that have none, one reader at a time.

    Rows sort by the clock of the profiles they touched, which follows commits for each customer.
    """
    writing = backend.begin(write=True)
    try:
        with translated():
            backend.collections["counters"].update_one(
                {"tenant": backend.tenant, "name": "journal"},
                {"$inc": {"turns": 1}},
                upsert=True,
                session=writing.session,
            )
        newest = writing.read("journal", {"position": {"$gt": 0}}, sort=[("position", -1)], limit=1)
        last = next((row["position"] for row in newest), 0)
        waiting = list(
            backend.collections["journal"].find(
                {"tenant": backend.tenant, "position": None},
                {"time": 1},
                session=writing.session,
            )
        )
        waiting.sort(key=lambda row: row["time"])
        with translated():
            writes = [
                UpdateOne({"_id": row["_id"]}, {"$set": {"position": place}})
                for place, row in enumerate(waiting, start=last + 1)
            ]
            if writes:
                backend.collections["journal"].bulk_write(writes, session=writing.session)
    except BaseException:
        writing.rollback()
        raise
    writing.commit()
