"""Profiles in Mongo: one document per customer, folded in Python and queried in the database."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any
from uuid import UUID

from pymongo import UpdateOne

from crmcore.adapters.columns import layout
from crmcore.adapters.mongo.access import chunks
from crmcore.adapters.mongo.client import Document, translated
from crmcore.adapters.mongo.fact_terms import fold_stages, folded_from, ranges
from crmcore.adapters.mongo.facts import MongoFacts
from crmcore.adapters.mongo.folding import folded_anew
from crmcore.adapters.mongo.predicates import compiled
from crmcore.adapters.term_groups import Folded, folded_in, grouped_by_term
from crmcore.adapters.wire import column_of, unwired, wire_predicate, wired
from crmcore.domain.bounds import in_turns
from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import FieldType
from crmcore.domain.folding import Deltas
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import FACTS, FactKind
from crmcore.domain.membership import Membership
from crmcore.domain.ports import EVERYBODY, Among, Query
from crmcore.domain.predicates import FactTerm, Predicate, Term
from crmcore.domain.profile import Profile

__all__ = ["MongoProfiles"]


class MongoProfiles(MongoFacts):
    """The profile half of a Mongo transaction."""

    _rows: Mapping[CustomerId, Document] = {}
    """The documents last held, as long as nothing of them is written."""

    def memberships(self, customers: Collection[CustomerId]) -> dict[UUID, Membership]:
        found = super().memberships(customers)
        self.lock_profiles({member.customer_id for member in found.values()})
        return found

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
        where = list(self._where(query.where))
        order = [("customer_id", 1)]
        if query.order_by is None:
            behind = {} if query.after is None else {"customer_id": {"$gt": query.after[1].bytes}}
            return self._decoded(self._read_all(where, behind, order, query.limit))
        path = self._path(query.order_by)
        found: list[Document] = []
        value, last = query.after or (None, None)
        if query.after is None or value is not None:
            sort = [(path, -1 if query.descending else 1), *order]
            ahead = self._ahead(query, path, value, last)
            found = list(
                self._read_all(where, _both({path: {"$ne": None}}, ahead), sort, query.limit)
            )
            last = None
        if query.limit is None or len(found) < query.limit:
            rest = {} if last is None else {"customer_id": {"$gt": last.bytes}}
            limit = None if query.limit is None else query.limit - len(found)
            found += self._read_all(where, _both({path: None}, rest), order, limit)
        return self._decoded(found)

    def _read_all(
        self, where: list[Document], more: Document, sort: list[tuple[str, int]], limit: int | None
    ) -> Iterator[Document]:
        """The first profiles that these filters find, each of one range of ids."""
        each = [
            self.read("profiles", _both(part, more), sort=sort, limit=limit or 0) for part in where
        ]
        ((path, way), *_) = sort
        if path == "customer_id":
            return islice(chain.from_iterable(each), limit)
        return islice(heapq.merge(*each, key=partial(_at, path.split(".")), reverse=way < 0), limit)

    def _ahead(self, query: Query, path: str, value: Any, last: UUID | None) -> Document:
        if last is None:
            return {}
        value = wired(self.model.profile_fields[query.order_by or ""].type, value)
        further = {path: {"$lt" if query.descending else "$gt": value}}
        return {"$or": [further, {path: value, "customer_id": {"$gt": last.bytes}}]}

    def select_ids(self, where: Predicate | None, among: Among = EVERYBODY) -> Iterator[CustomerId]:
        parts, order, only = list(self._where(where)), [("customer_id", 1)], ["customer_id"]
        if among.ids is None:
            behind = {} if among.after is None else {"$gt": among.after.bytes}
            pages: list[Document] = [{"customer_id": behind} if behind else {}]
        else:
            chosen = chunks(sorted(id.bytes for id in among.ids))
            pages = [{"customer_id": {"$in": chunk}} for chunk in chosen]
        found = (
            self.read(
                "profiles", _both(part, page), projection=only, sort=order, limit=among.limit or 0
            )
            for page in pages
            for part in parts
        )
        for row in islice(chain.from_iterable(found), among.limit):
            yield CustomerId(UUID(bytes=row["customer_id"]))

    def count(self, where: Predicate | None) -> int:
        with translated():
            return sum(
                self.collections["profiles"].count_documents(
                    {"tenant": self.tenant, **part}, session=self.session
                )
                for part in self._where(where)
            )

    def count_by(self, where: Predicate | None, name: str) -> dict[Any, int]:
        known, path = self.model.profile_fields[name], self._path(name)
        stages: list[Document] = []
        if known.type is FieldType.TEXT_SET:
            stages.append({"$unwind": {"path": f"${path}", "preserveNullAndEmptyArrays": True}})
        value = {"$ifNull": [f"${path}", None]}
        stages.append({"$group": {"_id": value, "count": {"$sum": 1}}})
        counted: Counter[Any] = Counter()
        for part in self._where(where):
            chosen = {"$match": {"tenant": self.tenant, **part}}
            for row in self._aggregated("profiles", [chosen, *stages]):
                counted[row["_id"]] += int(row["count"])
        if known.type is FieldType.TEXT_SET:
            return counted
        currency = self.model.currency
        return {unwired(known.type, value, currency): count for value, count in counted.items()}

    def count_each(self, where: Predicate | None, asked: Sequence[Predicate]) -> list[int]:
        counts: list[int] = []
        for turn in in_turns(asked):
            each = {
                f"{place}_{nth}": [{"$match": part}, {"$count": "count"}]
                for place, one in enumerate(turn)
                for nth, part in enumerate(self._where(one))
            }
            counted: Counter[int] = Counter()
            for part in self._where(where):
                mine = {"$match": {"tenant": self.tenant, **part}}
                for row in self._aggregated("profiles", [mine, {"$facet": each}]):
                    for name, found in row.items():
                        # Of whom there is nobody, nothing is counted.
                        counted[int(name.split("_")[0])] += sum(int(n["count"]) for n in found)
            counts += [counted[place] for place in range(len(turn))]
        return counts

    def first_of(
        self, where: Predicate | None, asked: Sequence[Predicate]
    ) -> Iterator[tuple[CustomerId, int | None]]:
        # A filter has no form as an expression, so each cell is asked for by itself.
        mine = list(self._where(where))
        found: dict[bytes, int | None] = dict.fromkeys(self._ids_of(mine))
        for place, one in enumerate(asked):
            parts = list(self._where(one))
            for id in self._ids_of([_both(part, own) for part in parts for own in mine]):
                if found.get(id, place) is None:
                    found[id] = place
        for id, first in found.items():
            yield CustomerId(UUID(bytes=id)), first

    def _ids_of(self, parts: list[Document]) -> Iterator[bytes]:
        order = [("customer_id", 1)]
        for part in parts:
            for row in self.read("profiles", part, projection=["customer_id"], sort=order):
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

    def _aggregated(self, name: str, stages: list[Document]) -> list[Document]:
        with (
            translated(),
            self.collections[name].aggregate(stages, session=self.session) as found,
        ):
            return list(found)

    def _where(self, where: Predicate | None) -> Iterator[Document]:
        """The filters that find them: one, unless facts folded give more ids than it can name."""
        if where is None:
            yield {}
            return
        asked = grouped_by_term(wire_predicate(where, self.model.profile_fields))
        found = {each: self._customers(each) for each in set(folded_in(asked))}
        for within, ids in ranges(found):

            def elsewhere(node: Predicate, ids: Any = ids) -> Document | None:
                if not isinstance(node, Folded):
                    return None
                return {"customer_id": {"$nin" if node.without_facts else "$in": list(ids[node])}}

            yield _both(within, compiled(asked, self._path, elsewhere))

    def _customers(self, asked: Folded) -> list[bytes]:
        names = {kind.name: self.collections[kind.name].name for kind in FACTS}
        stages = fold_stages(self.tenant, asked, names)
        return sorted(row["_id"] for row in self._aggregated(folded_from(asked.name), stages))

    def _path(self, name: Term) -> str:
        if isinstance(name, FactTerm):
            raise InvalidInput.of(name.of, "are no order")
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


def _at(path: list[str], row: Document) -> Any:
    """What stands at a path, of which the last part may be within another."""
    found: Any = row
    for name in path:
        found = found[name]
    return found
