"""Facts in Mongo: appended in bulk, read by id, customer or order.

A duplicate would end the whole transaction, so what is stored already is asked for first, unless
it has been asked for in this transaction. `keyed` says that a fact has a source key: the unique
index of the keys is partial on it, and every look-up by key names it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, TypeVar, cast
from uuid import UUID

from crmcore.adapters.codec import codec_of, indexes_by_key, recorded_encoder
from crmcore.adapters.mongo.access import REFUSED_WRITES, duplicate
from crmcore.adapters.mongo.client import Document, translated
from crmcore.adapters.mongo.documents import documents_of
from crmcore.adapters.mongo.records import MongoRecords
from crmcore.domain.errors import Busy
from crmcore.domain.facts import Fact, Recording
from crmcore.domain.ids import CustomerId, FactId, OrderId
from crmcore.domain.instants import to_millis
from crmcore.domain.kinds import FACTS, POINTS, SEGMENT_CHANGES, FactKind
from crmcore.domain.ports import EVERYBODY, Among, Window
from crmcore.domain.segment import SegmentChange
from crmcore.domain.standing import Count, counts_of

__all__ = ["MongoFacts", "standing"]

F = TypeVar("F", bound=Fact)


class MongoFacts(MongoRecords):
    """The fact half of a Mongo transaction."""

    _new: tuple[str, frozenset[FactId]] = "", frozenset()

    def append(self, kind: FactKind[F], facts: Sequence[F], recording: Recording) -> bool:
        if not facts:
            return True
        known_new = self._new[0] == kind.name and self._new[1].issuperset(f.id for f in facts)
        if not known_new and self.recorded(kind, facts, recording.source):
            return False
        self._new = "", frozenset()
        written = documents_of(kind.cls).names
        head = ("tenant", "resolved_customer_id", "schema_version", "removed_at", "keyed")
        names, key = (*head, *written), written.index("source_key")
        encode = recorded_encoder(codec_of(kind.cls), recording)
        documents = []
        for fact in facts:
            row = encode(fact)
            own = (self.tenant, fact.customer_id.bytes, kind.version, None, row[key] is not None)
            documents.append(dict(zip(names, (*own, *row), strict=True)))
        with translated():
            try:
                self.insert_documents(kind.name, documents)
            except REFUSED_WRITES as error:
                if duplicate(error) is None:
                    raise
                raise Busy("another writer has just recorded one of these facts") from None
        return True

    def recorded(self, kind: FactKind[F], facts: Sequence[F], source: str | None) -> dict[int, F]:
        by_id = {fact.id: index for index, fact in enumerate(facts)}
        by_key = indexes_by_key(facts, source)
        found: dict[int, F] = {}
        decode = documents_of(kind.cls).decode
        for row in self.read_each(kind.name, "id", [id.bytes for id in by_id]):
            fact: F = decode(row)
            found[by_id[fact.id]] = fact
        by_source: dict[str | None, list[str]] = {}
        for each, key in by_key:
            by_source.setdefault(each, []).append(key)
        for each, keys in by_source.items():
            for row in self.read_each(kind.name, "source_key", keys, source=each, keyed=True):
                fact = decode(row)
                for index in by_key[fact.source, fact.source_key or ""]:
                    found[index] = fact
        new = frozenset(fact.id for index, fact in enumerate(facts) if index not in found)
        self._new = kind.name, new
        return found

    def keyed(self, kind: FactKind[F], source: str, keys: Collection[str]) -> set[str]:
        rows = self.read_each(kind.name, "source_key", keys, source=source, keyed=True)
        return {row["source_key"] for row in rows}

    def facts(
        self,
        kind: FactKind[F],
        *,
        ids: Collection[FactId] | None = None,
        customers: Collection[CustomerId] | None = None,
        orders: Collection[OrderId] | None = None,
    ) -> list[F]:
        name, values = "id", cast("Collection[UUID]", ids or ())
        if customers is not None:
            name, values = "resolved_customer_id", customers
        elif orders is not None:
            name, values = "order_id", orders
        rows = self.read_each(kind.name, name, [value.bytes for value in values])
        return sorted(standing(kind, rows), key=lambda fact: (fact.at, fact.id))

    def counts(self, customers: Collection[CustomerId]) -> dict[UUID, list[Count]]:
        return counts_of(self.facts(POINTS, customers=customers))

    def facts_within(self, kind: FactKind[F], customer_id: CustomerId, window: Window) -> list[F]:
        told: Document = {"resolved_customer_id": customer_id.bytes, "removed_at": None}
        bounds: Document = {}
        if window.since is not None:
            bounds["$gte"] = to_millis(window.since)
        if window.until is not None:
            bounds["$lt"] = to_millis(window.until)
        if window.after is not None:
            at, id = to_millis(window.after[0]), window.after[1].bytes
            beyond = "$gt" if window.oldest_first else "$lt"
            told["$or"] = [{"at": {beyond: at}}, {"at": at, "id": {beyond: id}}]
            if window.oldest_first:
                bounds["$gte"] = max(at, bounds.get("$gte", at))
            else:
                bounds["$lt"] = min(at + 1, bounds.get("$lt", at + 1))
        if bounds:
            told["at"] = bounds
        way = 1 if window.oldest_first else -1
        rows = self.read(kind.name, told, sort=[("at", way), ("id", way)], limit=window.limit)
        return list(map(documents_of(kind.cls).decode, rows))

    def last_changes(
        self, segment: str, among: Among = EVERYBODY, *, at: datetime | None = None
    ) -> list[SegmentChange]:
        told: Document = {"segment": segment, "removed_at": None}
        if at is not None:
            told["at"] = {"$lte": to_millis(at)}
        decode = documents_of(SegmentChange).decode
        if among.ids is not None:
            ids = [id.bytes for id in among.ids]
            of_these = self.read_each(SEGMENT_CHANGES.name, "resolved_customer_id", ids, **told)
            rows = sorted(of_these, key=itemgetter("resolved_customer_id"))
            return [decode(_last(own)) for own in _by_customer(rows)]
        if among.after is not None:
            told["resolved_customer_id"] = {"$gt": among.after.bytes}
        # In the order of an index, so that no more is read than what is answered.
        order = [("resolved_customer_id", 1), ("at", 1)]
        with closing(self.read(SEGMENT_CHANGES.name, told, sort=order)) as found:
            last = map(_last, islice(_by_customer(found), among.limit))
            return list(map(decode, last))

    def has_facts(self, customer_id: CustomerId) -> bool:
        told: Document = {"resolved_customer_id": customer_id.bytes}
        return any(True for fact in FACTS for _ in self.read(fact.name, told, limit=1))

    def strike(self, kind: FactKind[F], id: FactId, at: datetime) -> None:
        self.written = True
        with translated():
            self.collections[kind.name].update_one(
                {"tenant": self.tenant, "id": id.bytes},
                {"$set": {"removed_at": to_millis(at)}},
                session=self.session,
            )


def _by_customer(rows: Iterable[Document]) -> Iterator[Iterable[Document]]:
    """Documents in the order of customers, as one group of each."""
    return (own for _, own in groupby(rows, itemgetter("resolved_customer_id")))


def _last(changes: Iterable[Document]) -> Document:
    return max(changes, key=itemgetter("at", "recorded_at", "entered", "id"))


def standing(kind: FactKind[Any], rows: Iterable[Document]) -> list[Any]:
    """The facts of these documents, without those that were removed."""
    decode = documents_of(kind.cls).decode
    return [decode(row) for row in rows if row["removed_at"] is None]
