"""`MongoTransaction`: the port over one session, with the journal."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from uuid import UUID

from pymongo import ReadPreference, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from crmcore.adapters.mongo.client import forget, translated
from crmcore.adapters.mongo.collections import Collections
from crmcore.adapters.mongo.merging import Merging
from crmcore.adapters.mongo.profiles import MongoProfiles
from crmcore.domain.errors import OutcomeUnknown
from crmcore.domain.ids import CustomerId, MembershipId, new_id
from crmcore.domain.instants import from_millis, to_millis
from crmcore.domain.journal import Entry, Operation
from crmcore.domain.kinds import CUSTOMERS, FACTS, MEMBERSHIPS, A, AggregateKind
from crmcore.domain.redaction import personal_fields

__all__ = ["MongoTransaction", "entry_of"]


class MongoTransaction(MongoProfiles):
    """One transaction of ours. Without a session it only reads what is committed.

    It says itself what it needs of the server, whatever the client's own settings are: one
    snapshot, from the primary, and a majority's journal for the commit.
    """

    def __init__(
        self,
        session: ClientSession | None,
        collections: Collections,
        tenant: str,
        merging: Merging,
        *,
        joined: bool = False,
    ) -> None:
        super().__init__(session, collections, tenant, merging)
        self._joined = joined
        self._unit = new_id(from_millis(0)).bytes
        self._entries = 0
        if session is not None and not joined:
            with translated():
                session.start_transaction(
                    read_concern=ReadConcern("snapshot"),
                    write_concern=collections.write_concern,
                    read_preference=ReadPreference.PRIMARY,
                )

    def write(self, entry: Entry) -> None:
        self._entries += 1
        document = {
            "tenant": self.tenant,
            "position": None,
            "waiting": True,
            "time": [self.time or self.tick(), self._unit, self._entries],
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
            self.insert_documents("journal", [document])

    def redact(self, customer_id: CustomerId, memberships: Collection[MembershipId] = ()) -> None:
        self.written = True
        mine = {"tenant": self.tenant, "resolved_customer_id": customer_id.bytes}
        with translated():
            for fact in FACTS:
                if names := personal_fields(fact.cls):
                    self.collections[fact.name].update_many(
                        mine, {"$set": dict.fromkeys(names)}, session=self.session
                    )
        self._bare(CUSTOMERS.name, customer_id)
        for id in memberships:
            self._bare(MEMBERSHIPS.name, id)

    def _bare(self, kind: str, id: UUID) -> None:
        """Take the personal values of an aggregate out of its rows of the journal."""
        writes = []
        for row in self.read("journal", {"kind": kind, "ids": id.bytes}):
            entry = entry_of(row)
            bare = entry.without_personal_values_of(id)
            if bare is not entry:
                text = json.dumps(bare.personal, ensure_ascii=False)
                writes.append(UpdateOne({"_id": row["_id"]}, {"$set": {"personal": text}}))
        self.write_many("journal", writes)

    def history(self, kind: AggregateKind[A], id: UUID) -> list[Entry]:
        found = self.read("journal", {"kind": kind.name, "ids": id.bytes})
        return [entry_of(row) for row in sorted(found, key=lambda row: row["time"])]

    def commit(self) -> None:
        session = self.session
        if self._joined:
            self.settle()
        elif session is None:
            self.end_paging()
        else:
            try:
                if self.written:
                    self.settle()
                with translated(committing=True):
                    _commit(session)
            except OutcomeUnknown:
                forget(session)
                raise
            finally:
                session.end_session()  # aborts what is still open

    def rollback(self) -> None:
        # Within the host's transaction Mongo has no savepoint: the host must abort the whole.
        self.end_paging()
        session = self.session
        if session is None or self._joined:
            return
        try:
            with translated():
                if session.in_transaction:
                    session.abort_transaction()
        finally:
            session.end_session()


def _commit(session: ClientSession) -> None:
    """Commit. Interrupted between asking and answer, it is asked again: the server would keep
    open a transaction that never heard the question, and hold up other writers.
    """
    try:
        session.commit_transaction()
    except Exception:
        raise
    except BaseException:
        with suppress(PyMongoError):
            session.commit_transaction()
        raise


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
