"""Profiles in Mongo: one document per customer, folded in Python and queried in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from pymongo import UpdateOne

from crmcore.adapters.columns import layout
from crmcore.adapters.mongo.access import chunks
from crmcore.adapters.mongo.client import Document, translated
from crmcore.adapters.mongo.facts import MongoFacts
from crmcore.adapters.mongo.folding import folded_anew
from crmcore.adapters.mongo.predicates import compiled
from crmcore.adapters.wire import column_of, unwired, wire_predicate, wired
from crmcore.domain.bounds import in_turns
from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import FieldType
from crmcore.domain.folding import Deltas
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import FactKind
from crmcore.domain.ports import EVERYBODY, Among, Query
from crmcore.domain.predicates import FactTerm, Predicate, Term
from crmcore.domain.profile import Profile

__all__ = ["MongoProfiles"]


class MongoProfiles(MongoFacts):
    """The profile half of a Mongo transaction."""

    _rows: Mapping[CustomerId, Document] = {}
    """The documents last held, as long as nothing of them is written."""

    def lock_profiles(self, customers: Collection[CustomerId]) -> set[CustomerId]:
        rows = self._rows = self._read_rows(customers)
        least = 0
        for row in rows.values():
            if row["customer_id"] not in self.clocks:
                self.clocks[row["customer_id"]] = row["clock"]
                least = max(least, row["clock"] + 1)
        self.tick(least)
        return set(rows)

    def copy_to_profiles(
        self, customers: Sequence[Customer], *, held: Mapping[CustomerId, Customer]
    ) -> None:
        self.lock_profiles([CustomerId(customer.id) for customer in customers])
        self._write((c.id.bytes, self.copies(c)) for c in customers)

    def merge(self, kind: FactKind[Any], deltas: Deltas) -> None:
        rows = self._rows if self._rows.keys() >= deltas.keys() else self._read_rows(deltas)
        changes = self.merging.changes
        self._write((id.bytes, changes(rows[id], deltas[id])) for id in deltas if id in rows)

    def refold(self, customers: Collection[CustomerId] | None) -> None:
        ids = None if customers is None else [customer.bytes for customer in customers]
        for page in folded_anew(self, ids):
            self._write(page.items())

    def profiles(self, customers: Collection[CustomerId]) -> dict[CustomerId, Profile]:
        found = self._decoded(self._among(customers))
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

    def select_ids(self, where: Predicate | None, among: Among = EVERYBODY) -> Iterator[CustomerId]:
        asked, order = self._where(where), [("customer_id", 1)]
        if among.ids is None:
            behind = {} if among.after is None else {"$gt": among.after.bytes}
            pages: list[Document] = [{"customer_id": behind} if behind else {}]
        else:
            chosen = chunks(sorted(id.bytes for id in among.ids))
            pages = [{"customer_id": {"$in": chunk}} for chunk in chosen]
        for page in pages:
            found = self.read(
                "profiles", _both(asked, page), projection=["customer_id"], sort=order,
                limit=among.limit or 0,
            )  # fmt: skip
            for row in found:
                yield CustomerId(UUID(bytes=row["customer_id"]))

    def count(self, where: Predicate | None) -> int:
        with translated():
            return self.collections["profiles"].count_documents(
                {"tenant": self.tenant, **self._where(where)}, session=self.session
            )

    def count_by(self, where: Predicate | None, name: str) -> dict[Any, int]:
        known, path = self.model.profile_fields[name], self._path(name)
        stages: list[Document] = [{"$match": {"tenant": self.tenant, **self._where(where)}}]
        if known.type is FieldType.TEXT_SET:
            stages.append({"$unwind": {"path": f"${path}", "preserveNullAndEmptyArrays": True}})
        value = {"$ifNull": [f"${path}", None]}
        stages.append({"$group": {"_id": value, "count": {"$sum": 1}}})
        with (
            translated(),
            self.collections["profiles"].aggregate(stages, session=self.session) as found,
        ):
            counted = {row["_id"]: int(row["count"]) for row in found}
        if known.type is FieldType.TEXT_SET:
            return counted
        currency = self.model.currency
        return {unwired(known.type, value, currency): count for value, count in counted.items()}

    def count_each(self, where: Predicate | None, asked: Sequence[Predicate]) -> list[int]:
        counts: list[int] = []
        for turn in in_turns(asked):
            each = {
                str(place): [{"$match": self._where(one)}, {"$count": "count"}]
                for place, one in enumerate(turn)
            }
            mine = {"$match": {"tenant": self.tenant, **self._where(where)}}
            with (
                translated(),
                self.collections["profiles"].aggregate(
                    [mine, {"$facet": each}], session=self.session
                ) as found,
            ):
                row = next(found)
            # Of whom there is nobody, nothing is counted.
            counts += [sum(int(n["count"]) for n in row[place]) for place in each]
        return counts

    def first_of(
        self, where: Predicate | None, asked: Sequence[Predicate]
    ) -> Iterator[tuple[CustomerId, int | None]]:
        # A filter has no form as an expression, so each cell is asked for by itself.
        found: dict[bytes, int | None] = dict.fromkeys(self._ids_of(self._where(where)))
        for place, one in enumerate(asked):
            for id in self._ids_of(_both(self._where(where), self._where(one))):
                if found.get(id, place) is None:
                    found[id] = place
        for id, first in found.items():
            yield CustomerId(UUID(bytes=id)), first

    def _ids_of(self, where: Document) -> Iterator[bytes]:
        order = [("customer_id", 1)]
        for row in self.read("profiles", where, projection=["customer_id"], sort=order):
            yield row["customer_id"]

    def _among(self, customers: Iterable[CustomerId]) -> Iterator[Document]:
        ids = [customer.bytes for customer in customers]
        return self.read_each("profiles", "customer_id", ids)

    def _read_rows(self, customers: Iterable[CustomerId]) -> dict[CustomerId, Document]:
        known = {customer.bytes: customer for customer in customers}
        return {known[row["customer_id"]]: row for row in self._among(known.values())}

    def _write(self, rows: Iterable[tuple[bytes, Document]]) -> None:
        """Set these fields, and the clock with them."""
        self._rows, now = {}, self.tick()
        writes = []
        for id, row in rows:
            self.clocks[id] = now
            mine = {"tenant": self.tenant, "customer_id": id}
            writes.append(UpdateOne(mine, {"$set": {**row, "clock": now}}))
        self.write_many("profiles", list(writes))

    def _where(self, where: Predicate | None) -> Document:
        if where is None:
            return {}
        return compiled(wire_predicate(where, self.model.profile_fields), self._path)

    def _path(self, name: Term) -> str:
        if isinstance(name, FactTerm):
            raise InvalidInput.of(name.of, "are not asked about here yet")
        if any(attribute.name == name for attribute in self.model.attributes):
            return f"attributes.{name}"
        return column_of(self.model.profile_fields[name])

    def _decoded(self, rows: Iterable[Document]) -> list[Profile]:
        names = [column.name for column in layout("profiles", self.model)]
        decode: Callable[[Any], Profile] = self.profile_codec.decoder(names)
        return [decode([row.get(name) for name in names]) for row in rows]


def _both(*filters: Document) -> Document:
    kept = [found for found in filters if found]
    if len(kept) == 1:  # as it is: not every server looks for an index within an "and"
        return kept[0]
    return {"$and": kept} if kept else {}
