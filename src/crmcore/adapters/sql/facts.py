"""Facts in SQL: appended in bulk, read by id, customer or order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from crmcore.adapters.codec import codec_of, indexes_by_key, recorded_encoder
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.records import SqlRecords, chunks
from crmcore.domain.facts import Fact
from crmcore.domain.ids import CustomerId, FactId, OrderId
from crmcore.domain.instants import to_millis
from crmcore.domain.kinds import FACTS, FactKind
from crmcore.domain.ports import Recording

__all__ = ["SqlFacts"]

F = TypeVar("F", bound=Fact)


class SqlFacts(SqlRecords):
    """The fact half of a SQL transaction."""

    def append(self, kind: FactKind[F], facts: Sequence[F], recording: Recording) -> bool:
        table, codec = self.tables.kinds[kind.name], codec_of(kind.cls)
        names = [column.name for column in codec.columns]
        encode = recorded_encoder(codec, recording)
        rows = [
            (self.tenant, fact.customer_id.bytes, kind.version, *encode(fact)) for fact in facts
        ]
        header = ("tenant", "resolved_customer_id", "schema_version")
        with translated():
            try:
                with self.connection.begin_nested():
                    self.insert_rows(table, (*header, *names), rows)
            except IntegrityError:
                return False
        return True

    def recorded(self, kind: FactKind[F], facts: Sequence[F], source: str | None) -> dict[int, F]:
        table = self.tables.kinds[kind.name]
        by_id = {fact.id: index for index, fact in enumerate(facts)}
        by_key = indexes_by_key(facts, source)
        found: dict[int, F] = {}
        for fact in self._read(kind, table.c.id, [id.bytes for id in by_id], removed=True):
            found[by_id[fact.id]] = fact
        for each in {source for source, _ in by_key}:
            keys = sorted(key for source, key in by_key if source == each)
            among = table.c.source == each
            for fact in self._read(kind, table.c.source_key, keys, among, removed=True):
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
        table = self.tables.kinds[kind.name]
        column, values = table.c.id, cast("Collection[UUID]", ids or ())
        if customers is not None:
            column, values = table.c.resolved_customer_id, customers
        elif orders is not None:
            column, values = table.c.order_id, orders
        found = list(self._read(kind, column, [value.bytes for value in values]))
        return sorted(found, key=lambda fact: (fact.at, fact.id))

    def _read(
        self,
        kind: FactKind[F],
        column: sa.ColumnElement[Any],
        values: Collection[Any],
        *among: sa.ColumnElement[bool],
        removed: bool = False,
    ) -> Iterable[F]:
        table, codec = self.tables.kinds[kind.name], codec_of(kind.cls)
        own = [table.c[c.name] for c in codec.columns]
        chosen = column.in_(sa.bindparam("values", expanding=True))
        statement = sa.select(*own).where(table.c.tenant == self.tenant, *among, chosen)
        if not removed:
            statement = statement.where(table.c.removed_at.is_(None))
        with translated():
            for chunk in chunks(values):
                yield from map(codec.decode, self.connection.execute(statement, {"values": chunk}))

    def has_facts(self, customer_id: CustomerId) -> bool:
        told = [
            sa.exists().where(
                table.c.tenant == self.tenant, table.c.resolved_customer_id == customer_id.bytes
            )
            for table in (self.tables.kinds[fact.name] for fact in FACTS)
        ]
        with translated():
            return bool(self.connection.execute(sa.select(sa.or_(*told))).scalar_one())

    def strike(self, kind: FactKind[F], id: FactId, at: datetime) -> None:
        table = self.tables.kinds[kind.name]
        mine = sa.and_(table.c.tenant == self.tenant, table.c.id == id.bytes)
        with translated():
            self.connection.execute(sa.update(table).where(mine).values(removed_at=to_millis(at)))
