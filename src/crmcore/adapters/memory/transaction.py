"""`MemoryTransaction`: the port over overlays of dictionaries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar, cast
from uuid import UUID

from crmcore.adapters.codec import codec_of, recorded_encoder
from crmcore.adapters.memory.profiles import MemoryProfiles
from crmcore.adapters.memory.segment_changes import changes_among, last_of_each
from crmcore.adapters.memory.tables import MemoryStore, Overlay, at_one_moment
from crmcore.domain.customer import Customer
from crmcore.domain.errors import AlreadyExists, IdentifierTaken, Stale
from crmcore.domain.facts import Fact
from crmcore.domain.ids import CustomerId, FactId, MembershipId, OrderId
from crmcore.domain.journal import Entry
from crmcore.domain.kinds import (
    CUSTOMERS,
    FACTS,
    MEMBERSHIPS,
    POINTS,
    SEGMENT_CHANGES,
    A,
    AggregateKind,
    FactKind,
    Key,
)
from crmcore.domain.membership import Membership, member_value
from crmcore.domain.model import Model
from crmcore.domain.ports import EVERYBODY, Among, Recording, Window
from crmcore.domain.redaction import blanked, personal_fields
from crmcore.domain.segment import SegmentChange
from crmcore.domain.standing import Count, counts_of
from crmcore.domain.trusted import changed

__all__ = ["MemoryTransaction", "windowed"]

F = TypeVar("F", bound=Fact)


class MemoryTransaction(MemoryProfiles):
    """One transaction: its changes stay in overlays until `commit` applies them all."""

    def __init__(self, store: MemoryStore, tenant: str, model: Model, *, write: bool) -> None:
        self._store = store
        self._tenant = tenant
        self._write = write
        self._overlays: dict[str, Overlay] = {}
        self._entries: list[Entry] = []
        self._redacted: dict[str, set[UUID]] = {CUSTOMERS.name: set(), MEMBERSHIPS.name: set()}
        super().__init__(model, store.reading)

    def table(self, name: str) -> Overlay:
        """The overlay of one table, the same one throughout."""
        found = self._overlays.get(name)
        if found is None:
            found = self._overlays[name] = self._store.table(self._tenant, name)
        return found

    # records

    def insert(self, kind: AggregateKind[A], added: Sequence[tuple[A, Collection[Key]]]) -> None:
        rows, codec = self.table(kind.name), codec_of(kind.cls)
        for aggregate, keys in added:
            if rows.get(aggregate.id) is not None:
                raise AlreadyExists(kind.name, str(aggregate.id))
            rows.put(aggregate.id, codec.encode(aggregate))
            self._claim(kind, aggregate.id, keys)
            if isinstance(aggregate, Customer):
                self.new_profile(aggregate)

    @at_one_moment
    def fetch(
        self, kind: AggregateKind[A], ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, A]:
        rows, decode = self.table(kind.name), codec_of(kind.cls).decode
        return {id: decode(row) for id in ids if (row := rows.get(id)) is not None}

    def replace(
        self,
        kind: AggregateKind[A],
        saved: Sequence[tuple[A, Collection[Key] | None]],
        held: Mapping[UUID, A] | None = None,
    ) -> None:
        rows, codec = self.table(kind.name), codec_of(kind.cls)
        for aggregate, keys in saved:
            self._check_version(kind, aggregate.id, aggregate.version - 1)
            rows.put(aggregate.id, codec.encode(aggregate))
            if keys is not None:
                self._release(kind, aggregate.id)
        for aggregate, keys in saved:
            if keys is not None:
                self._claim(kind, aggregate.id, keys)

    def delete(self, kind: AggregateKind[A], aggregate: A) -> None:
        self._check_version(kind, aggregate.id, aggregate.version)
        self.table(kind.name).put(aggregate.id, None)
        self._release(kind, aggregate.id)
        if kind.name == CUSTOMERS.name:
            self.table("profiles").put(aggregate.id, None)

    @at_one_moment
    def find(
        self, kind: AggregateKind[A], scope: str, values: Collection[str]
    ) -> dict[str, tuple[UUID, ...]]:
        by_key = self.table(f"{kind.name} by key")
        return {v: tuple(sorted(ids)) for v in values if (ids := by_key.get((scope, v)))}

    @at_one_moment
    def after(self, kind: AggregateKind[A], id: UUID | None, limit: int) -> list[A]:
        decode = codec_of(kind.cls).decode
        found = sorted((k, row) for k, row in self.table(kind.name).items() if not id or k > id)
        return [decode(row) for _, row in found[:limit]]

    def due(
        self, programme: str, until: datetime, limit: int
    ) -> list[tuple[MembershipId, CustomerId]]:
        decode = codec_of(Membership).decode
        found = (decode(row) for _, row in self.table(MEMBERSHIPS.name).items())
        due = (m for m in found if m.programme == programme and m.due_at <= until)
        first = sorted(due, key=attrgetter("due_at", "id"))[:limit]
        return [(member.id, member.customer_id) for member in first]

    @at_one_moment
    def memberships(self, customers: Collection[CustomerId]) -> dict[UUID, Membership]:
        programmes = [programme.name for programme in self.model.programmes]
        values = [member_value(id, name) for id in customers for name in programmes]
        found = self.find(MEMBERSHIPS, "member", values)
        return self.fetch(MEMBERSHIPS, sorted(id for ids in found.values() for id in ids))

    def _check_version(self, kind: AggregateKind[A], id: UUID, version: int) -> None:
        held = self.fetch(kind, [id]).get(id)
        if held is None or held.version != version:
            raise Stale(kind.name, str(id), version)

    def _claim(self, kind: AggregateKind[A], id: UUID, keys: Collection[Key]) -> None:
        by_key = self.table(f"{kind.name} by key")
        for key in keys:
            holders = by_key.get((key.scope, key.value), frozenset())
            if key.exclusive and holders - {id}:
                raise IdentifierTaken(key.scope, str(id), kind.name)
            by_key.put((key.scope, key.value), holders | {id})
        self.table(f"{kind.name} keys").put(id, tuple((k.scope, k.value) for k in keys))

    def _release(self, kind: AggregateKind[A], id: UUID) -> None:
        by_key = self.table(f"{kind.name} by key")
        for key in self.table(f"{kind.name} keys").get(id, ()):
            by_key.put(key, (by_key.get(key, frozenset()) - {id}) or None)
        self.table(f"{kind.name} keys").put(id, None)

    # facts

    def append(self, kind: FactKind[F], facts: Sequence[F], recording: Recording) -> bool:
        if self.recorded(kind, facts, recording.source):
            return False
        rows, encode = self.table(kind.name), recorded_encoder(codec_of(kind.cls), recording)
        keys = self.table(f"{kind.name} by source key")
        for fact in facts:
            rows.put(fact.id, encode(fact))
            if fact.source_key is not None:
                keys.put((fact.source or recording.source, fact.source_key), fact.id)
            self._index(kind, "customer", fact.customer_id, fact.id)
            if kind.of_order:
                self._index(kind, "order", cast(Any, fact).order_id, fact.id)
        return True

    @at_one_moment
    def keyed(self, kind: FactKind[F], source: str, keys: Collection[str]) -> set[str]:
        known = self.table(f"{kind.name} by source key")
        return {key for key in keys if known.get((source, key)) is not None}

    @at_one_moment
    def recorded(self, kind: FactKind[F], facts: Sequence[F], source: str | None) -> dict[int, F]:
        rows, decode = self.table(kind.name), codec_of(kind.cls).decode
        keys = self.table(f"{kind.name} by source key")
        found = {}
        for index, fact in enumerate(facts):
            by_key = keys.get((fact.source or source, fact.source_key))
            row = rows.get(by_key or fact.id)
            if row is not None:
                found[index] = decode(row)
        return found

    @at_one_moment
    def facts(
        self,
        kind: FactKind[F],
        *,
        ids: Collection[FactId] | None = None,
        customers: Collection[CustomerId] | None = None,
        orders: Collection[OrderId] | None = None,
    ) -> list[F]:
        wanted: Iterable[UUID] = ids or ()
        if customers is not None:
            wanted = self._indexed(kind, "customer", customers)
        elif orders is not None:
            wanted = self._indexed(kind, "order", orders)
        rows, decode = self.table(kind.name), codec_of(kind.cls).decode
        struck = self.table(f"{kind.name} struck")
        found = (row for id in wanted if struck.get(id) is None and (row := rows.get(id)))
        return sorted(map(decode, found), key=lambda fact: (fact.at, fact.id))

    def counts(self, customers: Collection[CustomerId]) -> dict[UUID, list[Count]]:
        return counts_of(self.facts(POINTS, customers=customers))

    def facts_within(self, kind: FactKind[F], customer_id: CustomerId, window: Window) -> list[F]:
        found = self.facts(kind, customers=[customer_id])
        return windowed(found, window)

    @at_one_moment
    def last_changes(
        self, segment: str, among: Among = EVERYBODY, *, at: datetime | None = None
    ) -> list[SegmentChange]:
        name = SEGMENT_CHANGES.name
        rows, struck = self.table(name), self.table(f"{name} struck")
        return last_of_each(changes_among(rows, struck, segment, among, at), among, at)

    def all_facts(self, kind: FactKind[F]) -> Iterator[F]:
        """Every fact of a kind, unordered, without those struck out."""
        struck, decode = self.table(f"{kind.name} struck"), codec_of(kind.cls).decode
        return (decode(row) for id, row in self.table(kind.name).items() if not struck.get(id))

    @at_one_moment
    def has_facts(self, customer_id: CustomerId) -> bool:
        return any(self.table(f"{fact.name} by customer").get(customer_id) for fact in FACTS)

    def strike(self, kind: FactKind[F], id: FactId, at: datetime) -> None:
        self.table(f"{kind.name} struck").put(id, at)

    def redact(self, customer_id: CustomerId, memberships: Collection[MembershipId] = ()) -> None:
        for kind in FACTS:
            if personal_fields(kind.cls):
                rows, codec = self.table(kind.name), codec_of(kind.cls)
                for id in self._indexed(kind, "customer", [customer_id]):
                    rows.put(id, codec.encode(blanked(codec.decode(rows.get(id)))))
        self._redacted[CUSTOMERS.name].add(customer_id)
        self._redacted[MEMBERSHIPS.name].update(memberships)
        self._entries = [self._bare(entry) for entry in self._entries]

    def _bare(self, entry: Entry) -> Entry:
        """A row of the journal without the personal values that this transaction takes out."""
        for id in self._redacted.get(entry.kind, set[UUID]()).intersection(entry.ids):
            entry = entry.without_personal_values_of(id)
        return entry

    def _index(self, kind: FactKind[F], by: str, key: UUID, id: UUID) -> None:
        table = self.table(f"{kind.name} by {by}")
        table.put(key, (*table.get(key, ()), id))

    def _indexed(self, kind: FactKind[F], by: str, keys: Collection[UUID]) -> Iterator[UUID]:
        table = self.table(f"{kind.name} by {by}")
        return (id for key in keys for id in table.get(key, ()))

    # journal and end

    def write(self, entry: Entry) -> None:
        self._entries.append(entry)

    @at_one_moment
    def history(self, kind: AggregateKind[A], id: UUID) -> list[Entry]:
        kept: list[Entry] = self._store.journals[self._tenant]
        found = [
            changed(self._bare(entry), position=place)
            for place, entry in enumerate(kept, start=1)
            if entry.kind == kind.name and id in entry.ids
        ]
        return found + [e for e in self._entries if e.kind == kind.name and id in e.ids]

    def commit(self) -> None:
        try:
            with self.reading:
                for overlay in self._overlays.values():
                    overlay.apply(self._store.replaced)
                journal: list[Entry] = self._store.journals[self._tenant]
                if any(self._redacted.values()):
                    journal = self._store.journals[self._tenant] = list(map(self._bare, journal))
                journal += self._entries
        finally:
            self.rollback()

    def rollback(self) -> None:
        if self._write:
            self._write = False
            self._store.release()


def windowed(facts: list[F], window: Window) -> list[F]:
    """Those in the window of one customer's facts, which come by `at` then id."""
    after, last = window.after, len(facts)
    first = 0 if window.since is None else bisect_left(facts, window.since, key=attrgetter("at"))
    if window.until is not None:
        last = bisect_left(facts, window.until, key=attrgetter("at"))
    if after is not None and window.oldest_first:
        first = max(first, bisect_right(facts, after, key=attrgetter("at", "id")))
    elif after is not None:
        last = min(last, bisect_left(facts, after, key=attrgetter("at", "id")))
    if window.oldest_first:
        return facts[first : min(last, first + window.limit)]
    return facts[max(first, last - window.limit) : last][::-1]
