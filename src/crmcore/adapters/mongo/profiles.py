"""Profiles in Mongo: one document per customer, folded in Python and queried in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast
from uuid import UUID

from pymongo import UpdateOne

from crmcore.adapters.columns import layout
from crmcore.adapters.mongo.client import Document, translated
from crmcore.adapters.mongo.facts import MongoFacts
from crmcore.adapters.mongo.predicates import compiled
from crmcore.adapters.row_folding import merged_row, refolded
from crmcore.adapters.wire import column_of, wire_predicate, wired
from crmcore.domain.customer import Customer
from crmcore.domain.folding import Deltas
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import FactKind
from crmcore.domain.ports import Query, Transaction
from crmcore.domain.predicates import Predicate
from crmcore.domain.profile import Profile

__all__ = ["MongoProfiles"]

CHUNK = 1000
KEPT = ("tenant", "customer_id", "clock", "held")


class MongoProfiles(MongoFacts):
    """The profile half of a Mongo transaction."""

    def lock_profiles(self, customers: Collection[CustomerId]) -> set[CustomerId]:
        chosen, now = self._chosen(customers), self.tick()
        self._touch(chosen, {"$inc": {"held": 1}, "$max": {"clock": now}})
        found, newest = set(), now
        for row in self.read("profiles", chosen):
            newest = max(newest, row["clock"])
            found.add(CustomerId(UUID(bytes=row["customer_id"])))
        if newest > now:  # another machine's clock is ahead of ours
            self._touch(chosen, {"$set": {"clock": self.tick(newest + 1)}})
        return found

    def _touch(self, chosen: Document, change: Document) -> None:
        with translated():
            self.collections["profiles"].update_many(
                {"tenant": self.tenant, **chosen}, change, session=self.session
            )

    def copy_to_profiles(self, customers: Sequence[Customer]) -> None:
        self.lock_profiles([CustomerId(customer.id) for customer in customers])
        self._write({CustomerId(c.id): self.copies(c) for c in customers})

    def merge(self, kind: FactKind[Any], deltas: Deltas) -> None:
        held = self._rows(deltas)
        self._write({id: merged_row(self.profile_codec, held[id], deltas[id]) for id in held})

    def refold(self, customers: Collection[CustomerId] | None) -> None:
        if customers is None:
            customers = [
                CustomerId(UUID(bytes=r["customer_id"])) for r in self.read("profiles", {})
            ]
        remaining = iter(customers)
        while chunk := list(islice(remaining, CHUNK)):
            held = self._rows(chunk)
            self._write(refolded(self.profile_codec, cast(Transaction, self), held))

    def profiles(self, customers: Collection[CustomerId]) -> dict[CustomerId, Profile]:
        found = self._decoded(self.read("profiles", self._chosen(customers)))
        return {profile.customer_id: profile for profile in found}

    def select(self, query: Query) -> list[Profile]:
        where = self._where(query.where)
        order = [("customer_id", 1)]
        if query.order_by is None:
            behind = {} if query.after is None else {"customer_id": {"$gt": query.after[1].bytes}}
            rows = self.read("profiles", _both(where, behind), sort=order, limit=query.limit or 0)
            return self._decoded(rows)
        path = self._path(query.order_by)
        found: list[Document] = []
        value, last = query.after or (None, None)
        if query.after is None or value is not None:
            sort = [(path, -1 if query.descending else 1), *order]
            ahead = self._ahead(query, path, value, last)
            filter = _both(where, {path: {"$ne": None}}, ahead)
            found = list(self.read("profiles", filter, sort=sort, limit=query.limit or 0))
            last = None
        if query.limit is None or len(found) < query.limit:
            rest = {} if last is None else {"customer_id": {"$gt": last.bytes}}
            filter = _both(where, {path: None}, rest)
            limit = 0 if query.limit is None else query.limit - len(found)
            found += self.read("profiles", filter, sort=order, limit=limit)
        return self._decoded(found)

    def _ahead(self, query: Query, path: str, value: Any, last: UUID | None) -> Document:
        if last is None:
            return {}
        value = wired(self.model.profile_fields[query.order_by or ""].type, value)
        further = {path: {"$lt" if query.descending else "$gt": value}}
        return {"$or": [further, {path: value, "customer_id": {"$gt": last.bytes}}]}

    def select_ids(self, where: Predicate | None) -> Iterator[CustomerId]:
        for row in self.read("profiles", self._where(where), sort=[("customer_id", 1)]):
            yield CustomerId(UUID(bytes=row["customer_id"]))

    def count(self, where: Predicate | None) -> int:
        with translated():
            return self.collections["profiles"].count_documents(
                {"tenant": self.tenant, **self._where(where)}, session=self.session
            )

    def _chosen(self, customers: Collection[CustomerId]) -> Document:
        return {"customer_id": {"$in": sorted(customer.bytes for customer in customers)}}

    def _rows(self, customers: Collection[CustomerId]) -> dict[CustomerId, Document]:
        found = self.read("profiles", self._chosen(customers))
        return {CustomerId(UUID(bytes=row["customer_id"])): row for row in found}

    def _write(self, rows: Mapping[CustomerId, Mapping[str, Any]]) -> None:
        writes = []
        for id, row in rows.items():
            values = {k: v for k, v in row.items() if k not in KEPT}
            mine = {"tenant": self.tenant, "customer_id": id.bytes}
            writes.append(UpdateOne(mine, {"$set": values}))
        if writes:
            with translated():
                self.collections["profiles"].bulk_write(writes, ordered=False, session=self.session)

    def _where(self, where: Predicate | None) -> Document:
        if where is None:
            return {}
        return compiled(wire_predicate(where, self.model.profile_fields), self._path)

    def _path(self, name: str) -> str:
        if any(attribute.name == name for attribute in self.model.attributes):
            return f"attributes.{name}"
        return column_of(self.model.profile_fields[name])

    def _decoded(self, rows: Iterator[Document] | list[Document]) -> list[Profile]:
        names = [column.name for column in layout("profiles", self.model)]
        decode: Callable[[Any], Profile] = self.profile_codec.decoder(names)
        return [decode([row.get(name) for name in names]) for row in rows]


def _both(*filters: Document) -> Document:
    kept = [found for found in filters if found]
    return {"$and": kept} if kept else {}
