"""`SqlTransaction`: the port over one connection, with the journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from crmcore.adapters.sql import bulk, statements
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.profiles import SqlProfiles
from crmcore.adapters.sql.tables import Tables
from crmcore.adapters.sql.types import BYTES
from crmcore.domain.errors import StorageError
from crmcore.domain.ids import CustomerId, MembershipId
from crmcore.domain.instants import from_millis, to_millis
from crmcore.domain.journal import Entry, Operation
from crmcore.domain.kinds import CUSTOMERS, FACTS, MEMBERSHIPS, A, AggregateKind
from crmcore.domain.model import Model

__all__ = ["SqlTransaction", "entry_of"]

ROW = (
    "tenant", "kind", "operation", "aggregate_id", "ids", "version", "changes", "personal", "at",
    "recorded_at", "actor", "source",
)  # fmt: skip
MANY = 20
"""So many rows of the journal wait at most; those of a batch name its ids."""
TEXT = json.JSONEncoder(ensure_ascii=False).encode


class SqlTransaction(SqlProfiles):
    """One transaction. `joined` is the savepoint within a host's transaction, which the host
    commits; without it the connection is ours and goes back to the pool at the end.
    """

    def __init__(
        self,
        connection: sa.Connection,
        tables: Tables,
        tenant: str,
        model: Model,
        *,
        joined: sa.NestedTransaction | None = None,
        connect: Callable[[], sa.Connection] | None = None,
    ) -> None:
        super().__init__(connection, tables, tenant, model, connect=connect)
        self._joined = joined
        self._untold: list[tuple[Any, ...]] = []

    def write(self, entry: Entry) -> None:
        alone = len(entry.ids) == 1
        row = (
            self.tenant,
            entry.kind,
            entry.operation.value,
            entry.ids[0].bytes if alone else None,
            b"".join(id.bytes for id in entry.ids),
            entry.version,
            _json(entry.changes),
            _json(entry.personal),
            to_millis(entry.at),
            to_millis(entry.recorded_at),
            entry.actor,
            entry.source,
        )
        self._untold.append(row)
        if len(self._untold) == MANY:
            self._tell()

    def _tell(self) -> None:
        """Write the rows of the journal that wait: at the end, or before they are read."""
        if self._untold:
            with translated():
                bulk.insert(self.connection, self.tables.journal, ROW, self._untold)
            self._untold = []

    def model_version(self) -> int | None:
        """The newest version of the tenant's stored model."""
        found = self.rows(statements.model_version(self.tables), {"tenant": self.tenant})
        version: int | None = found[0][0]
        return version

    def redact(self, customer_id: CustomerId, memberships: Collection[MembershipId] = ()) -> None:
        params = {"of_tenant": self.tenant, "who": customer_id.bytes}
        with translated():
            for fact in FACTS:
                if (blank := statements.blank(self.tables, fact)) is not None:
                    self.run(blank, params)
            self._bare(CUSTOMERS, customer_id)
            for id in memberships:
                self._bare(MEMBERSHIPS, id)

    def _bare(self, kind: AggregateKind[A], id: UUID) -> None:
        """Take the personal values of an aggregate out of its rows, one by one: of a batch, those
        of the others stay.
        """
        journal = self.tables.journal
        row = sa.update(journal).where(journal.c.seq == sa.bindparam("row"))
        told = row.values(personal=sa.bindparam("told"))
        for seq, entry in self._rows_of(kind, id):
            bare = entry.without_personal_values_of(id)
            if bare is not entry:
                self.run(told, {"row": seq, "told": _json(bare.personal)})

    def history(self, kind: AggregateKind[A], id: UUID) -> list[Entry]:
        with translated():
            return [entry for _, entry in self._rows_of(kind, id)]

    def _rows_of(self, kind: AggregateKind[A], id: UUID) -> list[tuple[int, Entry]]:
        """The rows that name this aggregate, oldest first, by `seq`."""
        self._tell()
        journal = self.tables.journal
        in_batch = sa.and_(journal.c.aggregate_id.is_(None), self._place_of(id, journal.c.ids) > 0)
        statement = (
            sa.select(journal)
            .where(
                journal.c.tenant == self.tenant,
                journal.c.kind == kind.name,
                sa.or_(journal.c.aggregate_id == id.bytes, in_batch),
            )
            .order_by(journal.c.seq)
        )
        rows = [(row["seq"], entry_of(row)) for row in self.run(statement).mappings()]
        return [(seq, entry) for seq, entry in rows if id in entry.ids]

    def _place_of(self, id: UUID, ids: sa.ColumnElement[bytes]) -> sa.ColumnElement[int]:
        """Where the bytes of `id` begin, counted from one; 0 if nowhere."""
        if self.connection.dialect.name == "postgresql":
            return sa.func.position(sa.literal(id.bytes, BYTES).op("IN")(ids))
        return sa.func.instr(ids, id.bytes)

    def commit(self) -> None:
        self.texts.clear()
        if self._joined is not None:
            try:
                self._tell()
                with translated():
                    self._joined.commit()
            except BaseException:
                self.rollback()
                raise
            return
        try:
            self._tell()
            with translated(committing=True):
                self.connection.commit()
        finally:
            self.close()

    def rollback(self) -> None:
        self.texts.clear()
        if self._joined is not None:
            if self._joined.is_active:
                with translated():
                    self._joined.rollback()
            return
        try:
            with translated():
                self.connection.rollback()
        except StorageError:
            if not self.connection.invalidated:  # a lost connection is rolled back by its server
                raise
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back; what is not committed is rolled back."""
        with translated():
            self.connection.close()


def _json(changes: tuple[Any, ...]) -> str:
    return TEXT(changes) if changes else "[]"


def entry_of(row: Any) -> Entry:
    """The journal entry of one row."""
    ids = row["ids"]
    return Entry(
        kind=row["kind"],
        operation=Operation(row["operation"]),
        ids=tuple(UUID(bytes=ids[place : place + 16]) for place in range(0, len(ids), 16)),
        version=row["version"],
        changes=tuple(json.loads(row["changes"])),
        personal=tuple(json.loads(row["personal"])),
        at=from_millis(row["at"]),
        recorded_at=from_millis(row["recorded_at"]),
        actor=row["actor"],
        source=row["source"],
        position=row["position"],
    )
