"""Facts in Mongo: appended in bulk, read by id, customer or order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from crmcore.adapters.codec import codec_of, indexes_by_key, recorded_encoder
from crmcore.adapters.mongo.client import Document, translated
from crmcore.adapters.mongo.records import MongoRecords
from crmcore.domain.facts import Fact, Recording
from crmcore.domain.ids import CustomerId, FactId, OrderId
from crmcore.domain.instants import to_millis
from crmcore.domain.kinds import FACTS, FactKind

__all__ = ["MongoFacts"]

F = TypeVar("F", bound=Fact)


class MongoFacts(MongoRecords):
    """The fact half of a Mongo transaction."""

    def append(self, kind: FactKind[F], facts: Sequence[F], recording: Recording) -> bool:
        # Asked first, because an error would end the whole transaction. Two writers of one key
        # meet at the unique index: the second gets a write conflict, which is Busy.
        if not facts:
            return True
        if self.recorded(kind, facts, recording.source):
            return False
        codec: Any = codec_of(kind.cls)
        names = [column.name for column in codec.columns]
        encode = recorded_encoder(codec, recording)
        header = {"tenant": self.tenant, "schema_version": kind.version, "removed_at": None}
        documents = []
        for fact in facts:
            row = dict(zip(names, encode(fact), strict=True))
            documents.append({**header, "resolved_customer_id": fact.customer_id.bytes, **row})
        with translated():
            self.insert_documents(kind.name, documents)
        return True

    def recorded(self, kind: FactKind[F], facts: Sequence[F], source: str | None) -> dict[int, F]:
        by_id = {fact.id: index for index, fact in enumerate(facts)}
        by_key = indexes_by_key(facts, source)
        found: dict[int, F] = {}
        for fact in self._read(kind, {"id": {"$in": [id.bytes for id in by_id]}}):
            found[by_id[fact.id]] = fact
        for each in {source for source, _ in by_key}:
            keys = [key for source, key in by_key if source == each]
            for fact in self._read(kind, {"source": each, "source_key": {"$in": keys}}):
                for index in by_key[fact.source, fact.source_key or ""]:
                    found[index] = fact
        return found

    def facts(
        self,
        kind: FactKind[F],
        *,
        ids: Collection[FactId] | None = None,
        customers: Collection[CustomerId] | None = None,
        orders: Collection[OrderId] | None = None,
    ) -> list[F]:
        name, values = "id", list[UUID](ids or ())
        if customers is not None:
            name, values = "resolved_customer_id", list[UUID](customers)
        elif orders is not None:
            name, values = "order_id", list[UUID](orders)
        chosen: Document = {name: {"$in": [value.bytes for value in values]}, "removed_at": None}
        return sorted(self._read(kind, chosen), key=lambda fact: (fact.at, fact.id))

    def _read(self, kind: FactKind[F], chosen: Document) -> list[F]:
        codec: Any = codec_of(kind.cls)
        names = [column.name for column in codec.columns]
        found = self.read(kind.name, chosen)
        return [codec.decode(tuple(document[name] for name in names)) for document in found]

    def has_facts(self, customer_id: CustomerId) -> bool:
        told: Document = {"resolved_customer_id": customer_id.bytes}
        return any(True for fact in FACTS for _ in self.read(fact.name, told, limit=1))

    def strike(self, kind: FactKind[F], id: FactId, at: datetime) -> None:
        with translated():
            self.collections[kind.name].update_one(
                {"tenant": self.tenant, "id": id.bytes},
                {"$set": {"removed_at": to_millis(at)}},
                session=self.session,
            )
