"""Facts in SQL: appended in bulk, read by id, customer or order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa

from crmcore.adapters.codec import codec_of, indexes_by_key, recorded_encoder
from crmcore.adapters.sql import bulk, statements
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.members import SqlMembers
from crmcore.adapters.sql.records import chunks
from crmcore.adapters.sql.tables import HEADER
from crmcore.domain.facts import Fact
from crmcore.domain.ids import CustomerId, FactId, OrderId
from crmcore.domain.instants import from_millis, to_millis
from crmcore.domain.kinds import FactKind
from crmcore.domain.ports import EVERYBODY, Among, Recording, Window
from crmcore.domain.segment import SegmentChange
from crmcore.domain.standing import Count
from crmcore.domain.trusted import id_of

__all__ = ["SqlFacts"]

F = TypeVar("F", bound=Fact)


class SqlFacts(SqlMembers):
    """The fact half of a SQL transaction."""

    def append(self, kind: FactKind[F], facts: Sequence[F], recording: Recording) -> bool:
        table, codec = self.tables.kinds[kind.name], codec_of(kind.cls)
        names = (*HEADER, *codec.places)
        encode, tenant, version = recorded_encoder(codec, recording), self.tenant, kind.version
        who = names.index("customer_id") - len(HEADER)
        rows = [(tenant, row[who], version, *row) for row in map(encode, facts)]
        with translated():
            return not rows or bulk.inserted(self.connection, table, names, rows)

    def recorded(self, kind: FactKind[F], facts: Sequence[F], source: str | None) -> dict[int, F]:
        by_id = {fact.id: index for index, fact in enumerate(facts)}
        by_key = indexes_by_key(facts, source)
        found: dict[int, F] = {}
        for fact in self._read(kind, "ids", [id.bytes for id in by_id], removed=True):
            found[by_id[fact.id]] = fact
        for each in {source for source, _ in by_key}:
            keys = sorted(key for source, key in by_key if source == each)
            for fact in self._read(kind, "source_keys", keys, removed=True, source=each):
                for index in by_key[fact.source, fact.source_key or ""]:
                    found[index] = fact
        return found

    def keyed(self, kind: FactKind[F], source: str, keys: Collection[str]) -> set[str]:
        def make(one: bool) -> sa.Select[Any]:
            return statements.keyed(self.tables, kind, one=one)

        with translated():
            return {row[0] for row in self.rows_of(make, list(keys), "value", source=source)}

    def facts(
        self,
        kind: FactKind[F],
        *,
        ids: Collection[FactId] | None = None,
        customers: Collection[CustomerId] | None = None,
        orders: Collection[OrderId] | None = None,
    ) -> list[F]:
        by, values = "ids", cast("Collection[UUID]", ids or ())
        if customers is not None:
            by, values = "customers", customers
        elif orders is not None:
            by, values = "orders", orders
        found = list(self._read(kind, by, [value.bytes for value in values]))
        return sorted(found, key=attrgetter("at", "id.int"))

    def counts(self, customers: Collection[CustomerId]) -> dict[UUID, list[Count]]:
        def make(one: bool) -> sa.Select[Any]:
            return statements.counts(self.tables, one=one)

        found = defaultdict[bytes, list[Count]](list)
        with translated():
            rows = self.rows_of(make, [id.bytes for id in customers], "id")
            for member, at, points, spend, purchases in rows:
                found[member].append((from_millis(at), points, spend, purchases))
        return {id_of(member): counts for member, counts in found.items()}

    def _read(
        self,
        kind: FactKind[F],
        by: str,
        values: Sequence[Any],
        *,
        removed: bool = False,
        **given: Any,
    ) -> Iterator[F]:
        def make(one: bool) -> sa.Select[Any]:
            return statements.facts_by(self.tables, kind, by, one=one, removed=removed)

        with translated():
            rows = self.rows_of(make, values, "value", **given)
            yield from map(codec_of(kind.cls).decode, rows)

    def facts_within(self, kind: FactKind[F], customer_id: CustomerId, window: Window) -> list[F]:
        params: dict[str, Any] = {
            "tenant": self.tenant, "id": customer_id.bytes, "limit": window.limit,
        }  # fmt: skip
        bounds = {"since": window.since, "until": window.until, "after": window.after}
        told = frozenset(name for name, bound in bounds.items() if bound is not None)
        if window.since is not None:
            params["since"] = to_millis(window.since)
        if window.until is not None:
            params["until"] = to_millis(window.until)
        if window.after is not None:
            params |= {
                "after_at": to_millis(window.after[0]), "after_id": window.after[1].bytes,
            }  # fmt: skip
        statement = statements.facts_within(
            self.tables, kind, bounds=told, oldest_first=window.oldest_first
        )
        with translated():
            return list(map(codec_of(kind.cls).decode, self.run(statement, params).all()))

    def last_changes(
        self, segment: str, among: Among = EVERYBODY, *, at: datetime | None = None
    ) -> list[SegmentChange]:
        params: dict[str, Any] = {"tenant": self.tenant, "segment": segment}
        if at is not None:
            params["at"] = to_millis(at)
        if among.after is not None:
            params["after"] = among.after.bytes
        if among.limit is not None:
            params["limit"] = among.limit
        asked = [params]
        if among.ids is not None:
            asked = [{**params, "ids": ids} for ids in chunks(sorted(id.bytes for id in among.ids))]
        found: list[Any] = []
        with translated():
            for given in asked:
                found += self.run(statements.last_changes(self.tables, frozenset(given)), given)
        return list(map(codec_of(SegmentChange).decode, found))

    def has_facts(self, customer_id: CustomerId) -> bool:
        params = {"tenant": self.tenant, "id": customer_id.bytes}
        with translated():
            return bool(self.rows(statements.has_facts(self.tables), params)[0][0])

    def strike(self, kind: FactKind[F], id: FactId, at: datetime) -> None:
        params = {"of_tenant": self.tenant, "who": id.bytes, "gone": to_millis(at)}
        with translated():
            self.run(statements.strike(self.tables, kind), params)
