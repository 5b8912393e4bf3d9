"""Aggregates in Mongo: documents by id and version."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from pymongo import UpdateOne
from pymongo.cursor import Cursor
from pymongo.errors import CursorNotFound

from crmcore.adapters.mongo.access import REFUSED_WRITES, duplicate
from crmcore.adapters.mongo.client import Document, translated
from crmcore.adapters.mongo.documents import Documents, documents_of
from crmcore.adapters.mongo.keys import MongoKeys
from crmcore.adapters.mongo.predicates import WORDS
from crmcore.adapters.profile_codec import FOLDED
from crmcore.domain.customer import Customer
from crmcore.domain.errors import AlreadyExists, Stale
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId, MembershipId
from crmcore.domain.instants import to_millis
from crmcore.domain.kinds import MEMBERSHIPS, A, AggregateKind, Key
from crmcore.domain.membership import Membership
from crmcore.domain.names import name_words

__all__ = ["MongoRecords"]

PAGE = 1000


class MongoRecords(MongoKeys):
    """The aggregate half of a Mongo transaction."""

    _ended: tuple[str, UUID] | None = None
    _page: tuple[str, UUID | None, Cursor[Document]] | None = None

    def insert(self, kind: AggregateKind[A], added: Sequence[tuple[A, Collection[Key]]]) -> None:
        written: Documents = documents_of(kind.cls)
        names = ("tenant", *written.names)
        documents: list[Document] = []
        customers: list[Customer] = []
        for pair in added:
            aggregate: A = pair[0]
            row = (self.tenant, *written.encode(aggregate))
            documents.append(dict(zip(names, row, strict=True)))
            if isinstance(aggregate, Customer):
                customers.append(aggregate)
        with translated():
            try:
                self.insert_documents(kind.name, documents)
            except REFUSED_WRITES as error:
                place = duplicate(error)
                if place is None:
                    raise
                raise AlreadyExists(kind.name, str(added[place][0].id)) from None
        self.claim(kind, [(a.id, key) for a, keys in added for key in keys])
        self._new_profiles(customers)

    def fetch(
        self, kind: AggregateKind[A], ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, A]:
        return self._fetched(kind, "id", [id.bytes for id in ids], lock=lock)

    def memberships(self, customers: Collection[CustomerId]) -> dict[UUID, Membership]:
        ids = [id.bytes for id in customers]
        found = self._fetched(MEMBERSHIPS, "customer_id", ids, lock=True)
        programmes = {programme.name for programme in self.model.programmes}
        return {id: found[id] for id in sorted(found) if found[id].programme in programmes}

    def _fetched(
        self, kind: AggregateKind[A], by: str, values: Collection[bytes], *, lock: bool
    ) -> dict[UUID, A]:
        decode = documents_of(kind.cls).decode
        found: dict[UUID, A] = {}
        for document in self.read_each(kind.name, by, values):
            aggregate: A = decode(document)
            found[aggregate.id] = aggregate
            if lock:
                self.held.setdefault(kind.name, {})[document["id"]] = aggregate.version
        return found

    def replace(
        self,
        kind: AggregateKind[A],
        saved: Sequence[tuple[A, Collection[Key] | None]],
        held: Mapping[UUID, A] | None = None,
    ) -> None:
        """The versions are compared with those held; the server refuses what changed since."""
        known = self.held.setdefault(kind.name, {})
        if any(aggregate.id.bytes not in known for aggregate, _ in saved):
            self.fetch(kind, [aggregate.id for aggregate, _ in saved], lock=True)
        written, writes = documents_of(kind.cls), []
        for aggregate, _ in saved:
            id = aggregate.id.bytes
            if known.pop(id, None) != aggregate.version - 1:
                raise Stale(kind.name, str(aggregate.id), aggregate.version - 1)
            row = dict(zip(written.names, written.encode(aggregate), strict=True))
            del row["id"]
            writes.append(UpdateOne({"tenant": self.tenant, "id": id}, {"$set": row}))
        self.write_many(kind.name, list(writes))
        self.rekey(kind, [(a, keys) for a, keys in saved if keys is not None])

    def delete(self, kind: AggregateKind[A], aggregate: A) -> None:
        id = aggregate.id.bytes
        if id not in self.held.get(kind.name, {}):
            self.fetch(kind, [aggregate.id], lock=True)
        if self.held.get(kind.name, {}).pop(id, None) != aggregate.version:
            raise Stale(kind.name, str(aggregate.id), aggregate.version)
        self.written = True
        mine: Document = {"tenant": self.tenant, "id": id}
        with translated():
            self.collections[kind.name].delete_one(mine, session=self.session)
            self.collections["keys"].delete_many({**mine, "kind": kind.name}, session=self.session)
            if isinstance(aggregate, Customer):
                self.clocks.pop(id, None)
                self.collections["profiles"].delete_one(
                    {"tenant": self.tenant, "customer_id": id}, session=self.session
                )

    def after(self, kind: AggregateKind[A], id: UUID | None, limit: int) -> list[A]:
        decode = documents_of(kind.cls).decode
        if self.session is not None:
            behind: Document = {} if id is None else {"id": {"$gt": id.bytes}}
            rows = self.read(kind.name, behind, sort=[("id", 1)], limit=limit)
            return [decode(document) for document in rows]
        ended, self._ended = self._ended, None
        if ended is not None and ended == (kind.name, id):
            return []
        with translated():
            try:
                page = list(islice(self._paged(kind.name, id), limit))
            except CursorNotFound:  # the server forgets one that rested for ten minutes
                self.end_paging()
                page = list(islice(self._paged(kind.name, id), limit))
        if self._page is not None and len(page) == limit:
            self._page = (kind.name, UUID(bytes=page[-1]["id"]), self._page[2])
        else:
            self.end_paging()
            if page:  # and whoever asks on from here is told without a query that this was all
                self._ended = (kind.name, UUID(bytes=page[-1]["id"]))
        return [decode(document) for document in page]

    def due(
        self, programme: str, until: datetime, limit: int
    ) -> list[tuple[MembershipId, CustomerId]]:
        # Below the next millisecond, not up to this one: within an index that goes on with another
        # field, not every server of the protocol finds what equals an upper bound.
        told: Document = {"programme": programme, "due_at": {"$lt": to_millis(until) + 1}}
        order = [("due_at", 1), ("id", 1)]
        rows = self.read(MEMBERSHIPS.name, told, sort=order, limit=limit)
        found = map(documents_of(Membership).decode, rows)
        return [(member.id, member.customer_id) for member in found]

    def _paged(self, name: str, id: UUID | None) -> Iterator[Document]:
        """Where no writes of our own can come between, the pages are those of one cursor."""
        if self._page is None or self._page[:2] != (name, id):
            self.end_paging()
            behind: Document = {} if id is None else {"id": {"$gt": id.bytes}}
            cursor = self.collections[name].find(
                {"tenant": self.tenant, **behind}, sort=[("id", 1)], batch_size=PAGE
            )
            self._page = (name, id, cursor)
        return self._page[2]

    def end_paging(self) -> None:
        """Close the cursor of the pages, if one is open."""
        page, self._page = self._page, None
        if page is not None:
            page[2].close()

    def _new_profiles(self, customers: list[Customer]) -> None:
        """The profiles of customers without facts."""
        if customers:
            untouched, clock = self.profile_codec.untouched(), self.tick()
            documents = [
                {"tenant": self.tenant, "customer_id": c.id.bytes, "clock": clock}
                | self.copies(c)
                | untouched
                for c in customers
            ]
            with translated():
                self.insert_documents("profiles", documents)
            self.clocks.update((customer.id.bytes, clock) for customer in customers)

    def copies(self, customer: Customer) -> Document:
        """What a profile document copies from the customer, host attributes as a sub-document,
        tags as a list; and the words of the name and folded texts, which only serve to search by.
        """
        row = self.profile_codec.copies(customer)
        folded = self.profile_codec.folded(row)
        held = json.loads(row["attributes"]) if row["attributes"] != "{}" else {}
        for known in self.model.attributes if held else ():
            if known.type is FieldType.BOOLEAN and known.name in held:
                held[known.name] = bool(held[known.name])
        row["attributes"] = held
        row["tags"] = list(customer.tags) or None
        row[FOLDED] = folded or None
        row[WORDS] = list(name_words(customer.name))
        return row
