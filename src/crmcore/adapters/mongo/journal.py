"""Reading the journal: whoever reads gives committed rows their positions, once, for good.

A row waits for its position under a partial index of the waiting ones alone; positions follow each
other without a gap, so that a page is a range of them.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from pymongo import UpdateOne
from pymongo.errors import DuplicateKeyError

from crmcore.adapters.backend import check_place
from crmcore.adapters.mongo.client import translated
from crmcore.adapters.mongo.transaction import MongoTransaction, entry_of
from crmcore.domain.errors import Busy
from crmcore.domain.journal import Entry

if TYPE_CHECKING:
    from crmcore.adapters.mongo.backend import MongoBackend

__all__ = ["read_journal"]

WAITING = {"waiting": True}
ATTEMPTS = 5
FIRST_PAUSE = 0.01


def read_journal(backend: MongoBackend, after: int, limit: int) -> list[Entry]:
    """The rows behind position `after`, at most `limit`."""
    check_place(after, limit)
    reading = backend.begin(write=False)
    try:
        for attempt in range(ATTEMPTS):
            if not any(True for _ in reading.read("journal", WAITING, limit=1)):
                break
            try:
                _sequence(backend)
            except Busy:  # another reader numbers them
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(random.uniform(0, FIRST_PAUSE * 4**attempt))  # noqa: S311  no secret
        page = {"position": {"$gt": after, "$lte": min(after + limit, 2**63 - 1)}}
        return [entry_of(row) for row in reading.read("journal", page, sort=[("position", 1)])]
    finally:
        reading.rollback()


def _sequence(backend: MongoBackend) -> None:
    """Give positions to committed rows that have none, one reader at a time.

    Rows sort by the clock of the profiles they touched, which follows commits for each customer.
    """
    writing = backend.begin(write=True)
    try:
        _number(writing)
    except BaseException:
        writing.rollback()
        raise
    writing.commit()


def _number(writing: MongoTransaction) -> None:
    # The same counter for all readers: whoever was first makes the others wait or try again.
    mine = {"tenant": writing.tenant, "name": "journal"}
    counters = writing.collections["counters"]
    with translated():
        try:
            counters.update_one(mine, {"$inc": {"turns": 1}}, upsert=True, session=writing.session)
        except DuplicateKeyError:
            raise Busy("another reader numbers the journal") from None
    counter = next(writing.read("counters", {"name": "journal"}))
    last = counter.get("last", 0)
    waiting = sorted(
        writing.read("journal", WAITING, projection=["time"]), key=lambda row: row["time"]
    )
    writing.write_many(
        "journal",
        [
            UpdateOne({"_id": row["_id"]}, {"$set": {"position": place}, "$unset": {"waiting": 1}})
            for place, row in enumerate(waiting, start=last + 1)
        ],
    )
    with translated():
        counters.update_one(mine, {"$set": {"last": last + len(waiting)}}, session=writing.session)
