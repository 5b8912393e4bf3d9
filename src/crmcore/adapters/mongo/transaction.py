"""`MongoTransaction`: the port over one session, with the journal."""

from __future__ import annotations

import json
from typing import Any, TypeVar
from uuid import UUID

from pymongo.client_session import ClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from crmcore.adapters.mongo.client import Document, translated
from crmcore.adapters.mongo.collections import Collections
from crmcore.adapters.mongo.profiles import MongoProfiles
from crmcore.domain.customer import Customer
from crmcore.domain.ids import new_id
from crmcore.domain.instants import from_millis, to_millis
from crmcore.domain.journal import Entry, Operation
from crmcore.domain.kinds import AggregateKind
from crmcore.domain.model import Model
from crmcore.domain.product import Product

__all__ = ["MongoTransaction", "entry_of"]

A = TypeVar("A", Customer, Product)


class MongoTransaction(MongoProfiles):
    """One transaction. A `joined` one is the host's: it begins, commits and rolls back there."""

    def __init__(
        self,
        session: ClientSession,
        collections: Collections,
        tenant: str,
        model: Model,
        *,
        write: bool,
        joined: bool = False,
    ) -> None:
        super().__init__(session, collections, tenant, model)
        self._joined = joined
        self._unit = new_id(from_millis(0)).bytes
        self._written = 0
        if write and not joined:
            with translated():
                session.start_transaction(
                    read_concern=ReadConcern("snapshot"),
                    write_concern=WriteConcern(w="majority", j=True),
                )

    def write(self, entry: Entry) -> None:
        self._written += 1
        document = {
            "tenant": self.tenant,
            "position": None,
            "time": [self.time or self.tick(), self._unit, self._written],
            "kind": entry.kind,
            "operation": entry.operation.value,
            "ids": [id.bytes for id in entry.ids],
            "version": entry.version,
            "changes": json.dumps(entry.changes, ensure_ascii=False),
            "personal": json.dumps(entry.personal, ensure_ascii=False),
            "at": to_millis(entry.at),
            "recorded_at": to_millis(entry.recorded_at),
            "actor": entry.actor,
            "source": entry.source,
        }
        with translated():
            self.collections["journal"].insert_one(document, session=self.session)

    def history(self, kind: AggregateKind[A], id: UUID) -> list[Entry]:
        chosen: Document = {"kind": kind.name, "ids": id.bytes}
        found = sorted(self.read("journal", chosen), key=lambda row: row["time"])
        return [entry_of(row) for row in found]

    def commit(self) -> None:
        if self._joined:
            return
        try:
            with translated(committing=True):
                if self.session.in_transaction:
                    self.session.commit_transaction()
        finally:
            self.session.end_session()

    def rollback(self) -> None:
        # Within the host's transaction Mongo has no savepoint: the host must abort the whole.
        if self._joined:
            return
        try:
            with translated():
                if self.session.in_transaction:
                    self.session.abort_transaction()
        finally:
            self.session.end_session()


def entry_of(row: Any) -> Entry:
    """The journal entry of one document."""
    return Entry(
        kind=row["kind"],
        operation=Operation(row["operation"]),
        ids=tuple(UUID(bytes=id) for id in row["ids"]),
        version=row["version"],
        changes=tuple(json.loads(row["changes"])),
        personal=tuple(json.loads(row["personal"])),
        at=from_millis(row["at"]),
        recorded_at=from_millis(row["recorded_at"]),
        actor=row["actor"],
        source=row["source"],
        position=row["position"],
    )
