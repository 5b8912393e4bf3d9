"""The rival of `persistence_mongo`: a program by hand on pymongo, for this one job.

It writes the very documents that crmcore writes, into the same collections under the same
indexes, with the same durability, and keeps the profile's counts and sums with update operators.
It checks nothing, asks for nothing that might be stored already, and reads customers into frozen,
slotted classes of its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from pymongo import MongoClient, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from benchmarks.rivals.hand_rows import (
    CUSTOMER,
    KEY,
    NOW,
    ORDER,
    PROFILE,
    READ,
    TENANT,
    HandCustomer,
    batches,
    customer_of,
    customer_row,
    key_rows,
    millis,
    order_row,
    profile_row,
    sums,
    words,
)
from crmcore import Customer, Order

Document = dict[str, Any]
MINE = {"tenant": TENANT}
SAFE = WriteConcern(w="majority", j=True)
ROW = itemgetter(*READ)


class Program:
    """The program, on one database; `untouched` is a profile's measures without facts."""

    def __init__(self, url: str, untouched: Document) -> None:
        self.client: MongoClient[Document] = MongoClient(
            url, w="majority", journal=True, readConcernLevel="majority"
        )
        self.database: Database[Document] = self.client.get_default_database()
        self.untouched = untouched

    def add_customers(self, customers: Sequence[Customer]) -> None:
        """Customers, keys, profiles and the journal, ten thousand at a time."""
        for batch in batches(customers):
            with self.client.start_session() as session, self._transaction(session):
                documents = [dict(zip(CUSTOMER, customer_row(c), strict=True)) for c in batch]
                self.database.crm_customers.insert_many(documents, session=session)
                keys = [dict(zip(KEY, row, strict=True)) for c in batch for row in key_rows(c)]
                self.database.crm_keys.insert_many(keys, session=session)
                now = time.time_ns() // 1000
                profiles = [self._profile(c, now) for c in batch]
                self.database.crm_profiles.insert_many(profiles, session=session)
                self._journal(session, "customers", "added", batch, now)

    def add_orders(self, orders: Sequence[Order]) -> None:
        """Orders, what they add to the profiles, and the journal, ten thousand at a time."""
        for batch in batches(orders):
            with self.client.start_session() as session, self._transaction(session):
                now = time.time_ns() // 1000
                documents = [self._order(order) for order in batch]
                self.database.crm_orders.insert_many(documents, session=session)
                merges = [
                    UpdateOne({"tenant": TENANT, "customer_id": id}, _merge(row, now))
                    for *row, id in sums(batch)
                ]
                self.database.crm_profiles.bulk_write(merges, session=session)
                self._journal(session, "orders", "appended", batch, now)

    def add_order(self, order: Order) -> None:
        """One order as a whole unit: the profile held, the fact, the profile, the journal."""
        with self.client.start_session() as session, self._transaction(session):
            now = time.time_ns() // 1000
            mine = {"tenant": TENANT, "customer_id": order.customer_id.bytes}
            profiles = self.database.crm_profiles
            profiles.update_one(mine, {"$inc": {"held": 1}}, session=session)
            self.database.crm_orders.insert_one(self._order(order), session=session)
            ((*row, _),) = sums([order])
            profiles.update_one(mine, _merge(row, now), session=session)
            self._journal(session, "orders", "appended", [order], now)

    def add_each(self, orders: Sequence[Order]) -> None:
        """Each order as a unit of its own."""
        for order in orders:
            self.add_order(order)

    def customer(self, id: UUID) -> HandCustomer:
        """One customer by id."""
        found = self.database.crm_customers.find_one({"tenant": TENANT, "id": id.bytes})
        if found is None:
            raise LookupError(id)
        return customer_of(ROW(found))

    def customers(self) -> Iterator[HandCustomer]:
        """All customers in the order of their ids, from one cursor."""
        for document in self.database.crm_customers.find(MINE, sort=[("id", 1)], batch_size=1000):
            yield customer_of(ROW(document))

    def _transaction(self, session: ClientSession) -> Any:
        return session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=SAFE)

    def _profile(self, customer: Customer, now: int) -> Document:
        row = dict(zip(PROFILE, profile_row(customer), strict=True))
        more = {"clock": now, "attributes": {}, "name__words": words(customer)}
        return row | more | self.untouched

    def _order(self, order: Order) -> Document:
        row = dict(zip(ORDER, order_row(order), strict=True))
        return row | {"removed_at": None, "keyed": row["source_key"] is not None}

    def _journal(
        self, session: ClientSession, kind: str, operation: str, things: Sequence[Any], now: int
    ) -> None:
        row = {
            "tenant": TENANT, "position": None, "waiting": True,
            "time": [now, os.urandom(16), 1], "kind": kind, "operation": operation,
            "ids": [thing.id.bytes for thing in things], "version": None, "changes": "[]",
            "personal": "[]", "at": millis(things[-1].at), "recorded_at": NOW, "actor": None,
            "source": "shop",
        }  # fmt: skip
        self.database.crm_journal.insert_one(row, session=session)


def _merge(row: list[Any], now: int) -> Document:
    count, minor, first, last = row
    return {
        "$inc": {"order_count": count, "purchase_count": count, "revenue_minor": minor},
        "$min": {"first_purchase_at": first},
        "$max": {"last_purchase_at": last, "clock": now},
    }
