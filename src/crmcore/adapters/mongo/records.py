"""Aggregates in Mongo: documents by id and version, keys in a collection of their own."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError

from crmcore.adapters.codec import codec_of
from crmcore.adapters.mongo.client import Document, translated
from crmcore.adapters.mongo.collections import Collections
from crmcore.adapters.profile_codec import ProfileCodec
from crmcore.domain.customer import Customer
from crmcore.domain.errors import AlreadyExists, IdentifierTaken, Stale
from crmcore.domain.fields import FieldType
from crmcore.domain.kinds import AggregateKind, Key
from crmcore.domain.model import Model
from crmcore.domain.product import Product

__all__ = ["MongoRecords", "is_duplicate"]

A = TypeVar("A", Customer, Product)
DUPLICATE = 11000


def is_duplicate(error: Exception) -> bool:
    """Did a unique index refuse this write?"""
    if isinstance(error, BulkWriteError):
        return any(found.get("code") == DUPLICATE for found in error.details["writeErrors"])
    return isinstance(error, DuplicateKeyError)


class MongoRecords:
    """The aggregate half of a Mongo transaction, and what all halves share."""

    def __init__(
        self, session: ClientSession, collections: Collections, tenant: str, model: Model
    ) -> None:
        self.session = session
        self.collections = collections
        self.tenant = tenant
        self.model = model
        self.profile_codec: ProfileCodec = ProfileCodec(model)
        self.time: int = 0

    def tick(self, least: int = 0) -> int:
        """The transaction's time: microseconds of this machine's clock, never backwards, and
        never before that of a profile it has touched. Journal rows of one customer sort by it
        in the order of their commits, and those of others nearly so.
        """
        self.time = max(self.time, least, time.time_ns() // 1000)
        return self.time

    def read(self, name: str, filter: Document, **options: Any) -> Iterator[Document]:
        """The documents of this tenant that a filter finds, without Mongo's own id."""
        with translated():
            found = self.collections[name].find(
                {"tenant": self.tenant, **filter}, {"_id": 0}, session=self.session, **options
            )
            yield from found

    def insert_documents(self, name: str, documents: list[Document]) -> None:
        """Bulk insert; the driver's error is let through for the caller to understand."""
        if documents:
            self.collections[name].insert_many(documents, session=self.session)

    def insert(self, kind: AggregateKind[A], added: Sequence[tuple[A, Collection[Key]]]) -> None:
        codec: Any = codec_of(kind.cls)
        names = [column.name for column in codec.columns]
        seen = set(self.fetch(kind, [aggregate.id for aggregate, _ in added]))
        for aggregate, _ in added:
            if aggregate.id in seen:
                raise AlreadyExists(kind.name, str(aggregate.id))
            seen.add(aggregate.id)
        documents = [
            {"tenant": self.tenant, **dict(zip(names, codec.encode(a), strict=True))}
            for a, _ in added
        ]
        with translated():
            self.insert_documents(kind.name, documents)
        self._claim(kind, [(a.id, key) for a, keys in added for key in keys])
        customers: list[Customer] = []
        for aggregate, _ in added:
            if isinstance(aggregate, Customer):
                customers.append(aggregate)
        self._new_profiles(customers)

    def fetch(
        self, kind: AggregateKind[A], ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, A]:
        codec: Any = codec_of(kind.cls)
        names = [column.name for column in codec.columns]
        chosen: Document = {"id": {"$in": [id.bytes for id in ids]}}
        if lock and ids:
            with translated():
                self.collections[kind.name].update_many(
                    {"tenant": self.tenant, **chosen}, {"$inc": {"held": 1}}, session=self.session
                )
        rows = (
            tuple(document[name] for name in names) for document in self.read(kind.name, chosen)
        )
        return {found.id: found for found in map(codec.decode, rows)}

    def replace(self, kind: AggregateKind[A], saved: Sequence[tuple[A, Collection[Key]]]) -> None:
        codec: Any = codec_of(kind.cls)
        names = [column.name for column in codec.columns]
        writes = []
        for aggregate, _ in saved:
            row = dict(zip(names, codec.encode(aggregate), strict=True))
            mine = {
                "tenant": self.tenant, "id": aggregate.id.bytes, "version": aggregate.version - 1
            }  # fmt: skip
            writes.append(UpdateOne(mine, {"$set": row}))
        with translated():
            done = self.collections[kind.name].bulk_write(writes, session=self.session)
        if done.matched_count != len(saved):
            held = self.fetch(kind, [a.id for a, _ in saved])
            for aggregate, _ in saved:
                if aggregate.id not in held or held[aggregate.id].version != aggregate.version:
                    raise Stale(kind.name, str(aggregate.id), aggregate.version - 1)
        self._rekey(kind, saved)

    def delete(self, kind: AggregateKind[A], aggregate: A) -> None:
        mine: Document = {"tenant": self.tenant, "id": aggregate.id.bytes}
        with translated():
            gone = self.collections[kind.name].delete_one(
                {**mine, "version": aggregate.version}, session=self.session
            )
            if gone.deleted_count != 1:
                raise Stale(kind.name, str(aggregate.id), aggregate.version)
            self.collections["keys"].delete_many({**mine, "kind": kind.name}, session=self.session)
            if isinstance(aggregate, Customer):
                self.collections["profiles"].delete_one(
                    {"tenant": self.tenant, "customer_id": aggregate.id.bytes},
                    session=self.session,
                )

    def find(
        self, kind: AggregateKind[A], scope: str, values: Collection[str]
    ) -> dict[str, tuple[UUID, ...]]:
        chosen: Document = {"kind": kind.name, "scope": scope, "value": {"$in": list(values)}}
        found: dict[str, tuple[UUID, ...]] = {}
        for held in self.read("keys", chosen, sort=[("id", 1)]):
            value: str = held["value"]
            found[value] = (*found.get(value, ()), UUID(bytes=held["id"]))
        return found

    def after(self, kind: AggregateKind[A], id: UUID | None, limit: int) -> list[A]:
        codec: Any = codec_of(kind.cls)
        names = [column.name for column in codec.columns]
        behind: Document = {} if id is None else {"id": {"$gt": id.bytes}}
        found = self.read(kind.name, behind, sort=[("id", 1)], limit=limit)
        return [codec.decode(tuple(document[name] for name in names)) for document in found]

    def _claim(self, kind: AggregateKind[A], claims: list[tuple[UUID, Key]]) -> None:
        """Refused claims are looked for first: an error would end the whole transaction."""
        wanted: dict[tuple[str, str], UUID] = {}
        scopes: dict[str, list[str]] = {}
        for _, key in claims:
            if key.exclusive:
                scopes.setdefault(key.scope, []).append(key.value)
        taken = {scope: self.find(kind, scope, values) for scope, values in scopes.items()}
        for id, key in claims:
            if key.exclusive:
                others = set(taken[key.scope].get(key.value, ())) - {id}
                if others or wanted.setdefault((key.scope, key.value), id) != id:
                    raise IdentifierTaken(key.scope, str(id))
        documents = [
            {
                "tenant": self.tenant, "kind": kind.name, "scope": k.scope, "value": k.value,
                "id": id.bytes, "claim": k.value if k.exclusive else None,
            }
            for id, k in claims
        ]  # fmt: skip
        with translated():
            self.insert_documents("keys", documents)

    def _rekey(self, kind: AggregateKind[A], saved: Sequence[tuple[A, Collection[Key]]]) -> None:
        """Let go of keys that are no longer named, and claim the new ones."""
        chosen: Document = {
            "kind": kind.name, "id": {"$in": [aggregate.id.bytes for aggregate, _ in saved]}
        }  # fmt: skip
        held = {(k["id"], k["scope"], k["value"]) for k in self.read("keys", chosen)}
        wanted = {(a.id.bytes, k.scope, k.value): (a.id, k) for a, ks in saved for k in ks}
        with translated():
            for id, scope, value in held - wanted.keys():
                self.collections["keys"].delete_one(
                    {
                        "tenant": self.tenant, "kind": kind.name, "scope": scope, "value": value,
                        "id": id,
                    },
                    session=self.session,
                )  # fmt: skip
        self._claim(kind, [claim for place, claim in wanted.items() if place not in held])

    def _new_profiles(self, customers: list[Customer]) -> None:
        """The profiles of customers without facts."""
        untouched = self.profile_codec.untouched()
        documents = [
            {"tenant": self.tenant, "customer_id": c.id.bytes, "clock": self.tick()}
            | self.copies(c)
            | untouched
            for c in customers
        ]
        with translated():
            self.insert_documents("profiles", documents)

    def copies(self, customer: Customer) -> Document:
        """What a profile document copies from the customer, host attributes as a sub-document."""
        row = self.profile_codec.copies(customer)
        held = json.loads(row["attributes"])
        for known in self.model.attributes:
            if known.type is FieldType.BOOLEAN and known.name in held:
                held[known.name] = bool(held[known.name])
        return row | {"attributes": held}
