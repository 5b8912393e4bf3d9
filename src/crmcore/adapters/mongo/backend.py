"""`MongoBackend`: a pymongo database as a backend; your own is as good as `connect`'s."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import attrs
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from crmcore.adapters.backend import Backend, check_window, window
from crmcore.adapters.columns import BatchStream
from crmcore.adapters.mongo.client import LOST, Document, translated
from crmcore.adapters.mongo.collections import Collections
from crmcore.adapters.mongo.extracts import extract
from crmcore.adapters.mongo.journal import read_journal
from crmcore.adapters.mongo.merging import Merging
from crmcore.adapters.mongo.transaction import MongoTransaction
from crmcore.adapters.mongo.upgrading import NEWER, SHAPE
from crmcore.adapters.profile_codec import ProfileCodec
from crmcore.domain.errors import Busy, NotMigrated, Refused, StorageError
from crmcore.domain.instants import instant, to_millis
from crmcore.domain.journal import Entry
from crmcore.domain.ports import Columns
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["MongoBackend"]

STANDALONE = (
    "this server is no replica set, so it has no transactions: start mongod with "
    "--replSet rs0 and run rs.initiate() once; one node is enough"
)


@attrs.define(slots=False, eq=False)
class MongoBackend(Backend):
    """One tenant of the collections in a database; `prefix` begins their names."""

    database: Database[Document] = attrs.field(kw_only=False, repr=False)
    prefix: str = attrs.field(default="crm_", kw_only=True)
    owns_client: bool = attrs.field(default=False, kw_only=True, repr=False)
    known_version: int | None = attrs.field(default=None, init=False, repr=False)
    has_transactions: bool = attrs.field(default=False, init=False, repr=False)

    @cached_property
    def collections(self) -> Collections:
        """The collections, for the host's own queries."""
        return Collections(self.database, self.prefix)

    @cached_property
    def merging(self) -> Merging:
        """How facts join the profiles of this model."""
        return Merging(ProfileCodec(self.model))

    def migrate(self) -> None:
        """Create collections and indexes, store the model, fold what a changed one needs.

        Without transactions it is refused before anything is created.
        """
        self._check_server()
        with translated():
            self.collections.prepare(self.model)
        transaction = self._open()
        try:
            version, stored, _ = self._stored(transaction)
            if stored != self.definition:
                self.check_follows(stored)
                transaction.refold(None)
                row = {
                    "tenant": self.tenant,
                    "version": version + 1,
                    "definition": self.definition,
                    "shape": SHAPE,
                    "recorded_at": to_millis(instant(self.clock())),
                }
                with translated():
                    try:
                        transaction.insert_documents("models", [row])
                    except BulkWriteError:
                        raise Busy("another process has just migrated") from None
        except BaseException:
            transaction.rollback()
            raise
        transaction.commit()
        self.known_version = None

    def close(self) -> None:
        """Close the client that `connect` made; a client of the host's own stays open."""
        if self.owns_client:
            self.database.client.close()

    def unit_of_work(
        self,
        *,
        actor: str | None = None,
        source: str | None = None,
        session: ClientSession | None = None,
    ) -> UnitOfWork:
        """As `Backend.unit_of_work`. With `session` it joins the host's open transaction, which
        the host commits, or aborts when this unit fails: Mongo has no savepoints. A session
        without an open transaction is `Refused`; its read and write concerns are the host's.
        """
        if session is None:
            return super().unit_of_work(actor=actor, source=source)
        return self._unit(partial(self._join, session), actor, source)

    def columns(
        self,
        kind: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        personal: bool = False,
        in_order: bool = False,
    ) -> Columns:
        """See `Backend.columns`."""
        check_window(kind, since, until)
        self._begin(write=False).rollback()

        def rows() -> Iterator[tuple[Any, ...]]:
            bounds = window(since, until)
            return extract(self._begin(write=False), kind, bounds, in_order=in_order)

        return BatchStream.of(kind, self.model, personal, rows)

    def journal(self, *, after: int = 0, limit: int = 1000) -> list[Entry]:
        """See `Backend.journal`."""
        return read_journal(self, after, limit)

    def stored_definition(self) -> str | None:
        """See `Backend.stored_definition`."""
        return self._stored(self._transaction(None))[1]

    def begin(self, *, write: bool) -> MongoTransaction:
        """An open transaction, under the stored model."""
        return self._begin(write=write)

    def _begin(self, *, write: bool) -> MongoTransaction:
        """A transaction under the stored model. Where the first command, which asks for it, finds
        that the server has ended an idle connection, nothing was done yet: it is asked again.
        """
        for again in (True, False):
            transaction = self._open() if write else self._transaction(None)
            try:
                self._check_model(transaction, write=write)
            except StorageError as error:
                transaction.rollback()
                if not again or error.what != LOST:
                    raise
            except BaseException:
                transaction.rollback()
                raise
            else:
                break
        return transaction

    def _open(self) -> MongoTransaction:
        self._check_server()
        with translated():
            session = self.database.client.start_session()
        try:
            return self._transaction(session)
        except BaseException:
            session.end_session()
            raise

    def _transaction(
        self, session: ClientSession | None, *, joined: bool = False
    ) -> MongoTransaction:
        return MongoTransaction(session, self.collections, self.tenant, self.merging, joined=joined)

    def _check_server(self) -> None:
        """Ask once what the server is: one that stands alone has no transactions."""
        if not self.has_transactions:
            with translated():
                hello = self.database.client.admin.command("hello")
            if not ("setName" in hello or "serviceId" in hello or hello.get("msg") == "isdbgrid"):
                raise StorageError(STANDALONE)
            self.has_transactions = True

    def _join(self, session: ClientSession) -> MongoTransaction:
        if not session.in_transaction:
            raise Refused("unit_of_work.joins", "the session has no open transaction to join")
        transaction = self._transaction(session, joined=True)
        self._check_model(transaction, write=True)
        return transaction

    def _check_model(self, transaction: MongoTransaction, *, write: bool) -> None:
        if self.known_version is not None and not write:
            return
        version, stored, shape = self._stored(transaction)
        if version != self.known_version and stored != self.definition:
            raise NotMigrated("this store has no data of this tenant and model: call migrate()")
        if shape < SHAPE:
            raise NotMigrated("an older crmcore made these documents: call migrate()")
        if shape > SHAPE:
            raise NotMigrated(NEWER)
        self.known_version = version

    @staticmethod
    def _stored(transaction: MongoTransaction) -> tuple[int, str | None, int]:
        """Version and text of the newest stored model, `(0, None)` without one, and the shape of
        the documents.
        """
        rows = list(transaction.read("models", {}))
        newest = max(rows, key=lambda row: row["version"], default=None)
        if newest is None:
            return 0, None, SHAPE
        return newest["version"], newest["definition"], newest.get("shape", 0)
