"""The Mongo backend: pymongo with sessions and transactions. Needs the `mongo` extra.

Representation: one collection per kind, one document per aggregate, fact, profile or journal row,
holding the wire values of every other backend (ids as 16 bytes, instants as UTC milliseconds,
money as minor units beside its currency, nested values as JSON text), under a unique index that
the tenant leads. Host attributes are a sub-document of the profile.

A unit of work is a transaction on one snapshot, and two units that hold the same document never
both commit, so a lock costs no command of its own. `reading()` opens no transaction. Whatever a
unique index could refuse in a fact is asked for first, since a refusal would end the transaction.
Facts are folded into profiles in Python, by the one definition that every backend must equal, and
not in the server's aggregation pipeline.

Transactions need a replica set, of one node at least; a standalone server is refused with
instructions. Tested against the MongoDB wire protocol (SecantusDB).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from crmcore.domain.errors import MissingExtra
from crmcore.domain.model import Model
from crmcore.domain.money import Rates

try:
    import pymongo  # noqa: F401  say at once what is missing
except ImportError as _error:
    raise MissingExtra("mongo") from _error

from crmcore.adapters.mongo.backend import MongoBackend
from crmcore.adapters.mongo.client import database_for

if TYPE_CHECKING:
    from crmcore.adapters.backend import Backend

__all__ = ["MongoBackend", "connect"]


def connect(
    url: str, *, tenant: str, model: Model, clock: Callable[[], datetime], rates: Rates
) -> Backend:
    """A backend on a client of its own for a `mongodb://host/database` URL."""
    database = database_for(url)
    return MongoBackend(
        database, tenant=tenant, model=model, clock=clock, rates=rates, owns_client=True
    )
