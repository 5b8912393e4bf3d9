"""Aggregates in SQL: rows by id and version, keys in a table of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from crmcore.adapters.codec import Codec, codec_of
from crmcore.adapters.profile_codec import ProfileCodec
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.tables import Tables
from crmcore.domain.customer import Customer
from crmcore.domain.errors import AlreadyExists, IdentifierTaken, Stale, StorageError
from crmcore.domain.kinds import AggregateKind, Key
from crmcore.domain.model import Model
from crmcore.domain.product import Product

__all__ = ["SqlRecords", "chunks"]

A = TypeVar("A", Customer, Product)
T = TypeVar("T")
CHUNK = 1000


def chunks(values: Collection[T]) -> Iterator[list[T]]:
    """`values` in lists short enough to be the parameters of one statement."""
    remaining = iter(values)
    while found := list(islice(remaining, CHUNK)):
        yield found


@lru_cache(maxsize=256)
def _insert_text(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> str:
    """The driver's text of an insert whose parameters are in the order of `names`."""
    ordered = [sa.column(name, table.c[name].type) for name in names]
    values = {column.name: sa.bindparam(column.name, type_=column.type) for column in ordered}
    lean = sa.table(table.name, *ordered, schema=table.schema)
    compiled = sa.insert(lean).values(values).compile(dialect=dialect)
    if list(getattr(compiled, "positiontup", None) or []) != list(names):
        raise StorageError("the driver's parameters come in another order")
    return str(compiled)


class SqlRecords:
    """The aggregate half of a SQL transaction, and what all halves share."""

    def __init__(
        self, connection: sa.Connection, tables: Tables, tenant: str, model: Model
    ) -> None:
        self.connection = connection
        self.tables = tables
        self.tenant = tenant
        self.model = model
        self.profile_codec: ProfileCodec = ProfileCodec(model)

    def insert_rows(self, table: sa.Table, names: Sequence[str], rows: list[Any]) -> None:
        """Bulk insert tuples in the order of `names`: straight to the driver where it can."""
        if not rows:
            return
        if self.connection.dialect.positional:
            text = _insert_text(table, tuple(names), self.connection.dialect)
            self.connection.exec_driver_sql(text, rows)
        else:
            data = [dict(zip(names, row, strict=True)) for row in rows]
            self.connection.execute(sa.insert(table), data)

    def insert(self, kind: AggregateKind[A], added: Sequence[tuple[A, Collection[Key]]]) -> None:
        table = self.tables.kinds[kind.name]
        codec: Codec[A] = codec_of(kind.cls)
        names = ["tenant", *(column.name for column in codec.columns)]
        rows: list[tuple[Any, ...]] = []
        claims: list[tuple[UUID, Key]] = []
        customers: list[Customer] = []
        for pair in added:
            aggregate: A = pair[0]
            keys = pair[1]
            rows.append((self.tenant, *codec.encode(aggregate)))
            claims += [(aggregate.id, key) for key in keys]
            if isinstance(aggregate, Customer):
                customers.append(aggregate)
        with translated():
            try:
                with self.connection.begin_nested():
                    self.insert_rows(table, names, rows)
            except IntegrityError:
                seen = set(self.fetch(kind, [aggregate.id for aggregate, _ in added]))
                for aggregate, _ in added:
                    if aggregate.id in seen:
                        raise AlreadyExists(kind.name, str(aggregate.id)) from None
                    seen.add(aggregate.id)
                raise
            self._claim(kind, claims)
            self._new_profiles(customers)

    def fetch(
        self, kind: AggregateKind[A], ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, A]:
        table, codec = self.tables.kinds[kind.name], codec_of(kind.cls)
        columns = [table.c[column.name] for column in codec.columns]
        statement = sa.select(*columns).where(
            table.c.tenant == self.tenant,
            table.c.id.in_(sa.bindparam("ids", expanding=True)),
        )
        if lock:
            statement = statement.order_by(table.c.id).with_for_update()
        found: dict[UUID, A] = {}
        with translated():
            for chunk in chunks(ids):
                rows = self.connection.execute(statement, {"ids": [id.bytes for id in chunk]})
                for aggregate in map(codec.decode, rows):
                    found[aggregate.id] = aggregate
        return found

    def replace(self, kind: AggregateKind[A], saved: Sequence[tuple[A, Collection[Key]]]) -> None:
        table, codec = self.tables.kinds[kind.name], codec_of(kind.cls)
        names = [column.name for column in codec.columns]
        changes: dict[str, Any] = {n: sa.bindparam(f"new_{n}") for n in names if n != "id"}
        statement = (
            sa.update(table)
            .where(
                table.c.tenant == self.tenant,
                table.c.id == sa.bindparam("who"),
                table.c.version == sa.bindparam("held"),
            )
            .values(changes)
        )
        data = []
        for aggregate, _ in saved:
            row = dict(zip(names, codec.encode(aggregate), strict=True))
            given = {f"new_{name}": value for name, value in row.items() if name != "id"}
            data.append(given | {"who": row["id"], "held": aggregate.version - 1})
        with translated():
            changed = self.connection.execute(statement, data).rowcount
            if changed != len(saved):
                raise self._stale(kind, [aggregate for aggregate, _ in saved])
            self._rekey(kind, saved)

    def _stale(self, kind: AggregateKind[A], saved: list[A]) -> Stale:
        held = self.fetch(kind, [aggregate.id for aggregate in saved])
        for aggregate in saved:
            if aggregate.id not in held or held[aggregate.id].version != aggregate.version:
                return Stale(kind.name, str(aggregate.id), aggregate.version - 1)
        return Stale(kind.name, str(saved[0].id), saved[0].version - 1)

    def delete(self, kind: AggregateKind[A], aggregate: A) -> None:
        table, keys = self.tables.kinds[kind.name], self.tables.keys
        id = aggregate.id.bytes
        profiles = self.tables.profiles
        with translated():
            if isinstance(aggregate, Customer):
                self.connection.execute(
                    sa.delete(profiles).where(
                        profiles.c.tenant == self.tenant, profiles.c.customer_id == id
                    )
                )
            own = sa.and_(
                table.c.tenant == self.tenant,
                table.c.id == id,
                table.c.version == aggregate.version,
            )
            gone = self.connection.execute(sa.delete(table).where(own)).rowcount
            if gone != 1:
                raise Stale(kind.name, str(aggregate.id), aggregate.version)
            self.connection.execute(
                sa.delete(keys).where(
                    keys.c.tenant == self.tenant, keys.c.kind == kind.name, keys.c.id == id
                )
            )

    def find(
        self, kind: AggregateKind[A], scope: str, values: Collection[str]
    ) -> dict[str, tuple[UUID, ...]]:
        keys = self.tables.keys
        statement = (
            sa.select(keys.c.value, keys.c.id)
            .where(
                keys.c.tenant == self.tenant,
                keys.c.kind == kind.name,
                keys.c.scope == scope,
                keys.c.value.in_(sa.bindparam("values", expanding=True)),
            )
            .order_by(keys.c.id)
        )
        holders: dict[str, list[UUID]] = {}
        with translated():
            for chunk in chunks(values):
                for row in self.connection.execute(statement, {"values": chunk}):
                    holders.setdefault(row[0], []).append(UUID(bytes=row[1]))
        return {value: tuple(ids) for value, ids in holders.items()}

    def after(self, kind: AggregateKind[A], id: UUID | None, limit: int) -> list[A]:
        table, codec = self.tables.kinds[kind.name], codec_of(kind.cls)
        columns = [table.c[column.name] for column in codec.columns]
        statement = sa.select(*columns).where(table.c.tenant == self.tenant)
        if id is not None:
            statement = statement.where(table.c.id > id.bytes)
        with translated():
            rows = self.connection.execute(statement.order_by(table.c.id).limit(limit))
            return list(map(codec.decode, rows))

    def _claim(self, kind: AggregateKind[A], claims: list[tuple[UUID, Key]]) -> None:
        names = ("tenant", "kind", "scope", "value", "id", "claim")
        rows = [
            (self.tenant, kind.name, k.scope, k.value, id.bytes, k.value if k.exclusive else None)
            for id, k in claims
        ]
        try:
            with self.connection.begin_nested():
                self.insert_rows(self.tables.keys, names, rows)
        except IntegrityError:
            raise self._taken(kind, claims) from None

    def _taken(self, kind: AggregateKind[A], claims: list[tuple[UUID, Key]]) -> IdentifierTaken:
        """Who asked for an exclusive key that is held, or asked for by another of these."""
        wanted: dict[tuple[str, str], UUID] = {}
        for id, key in claims:
            if key.exclusive:
                held = set(self.find(kind, key.scope, [key.value]).get(key.value, ()))
                if held - {id} or wanted.setdefault((key.scope, key.value), id) != id:
                    return IdentifierTaken(key.scope, str(id))
        return IdentifierTaken(claims[0][1].scope, str(claims[0][0]))

    def _rekey(self, kind: AggregateKind[A], saved: Sequence[tuple[A, Collection[Key]]]) -> None:
        """Let go of keys that are no longer named, and claim the new ones."""
        keys = self.tables.keys
        mine = sa.and_(keys.c.tenant == self.tenant, keys.c.kind == kind.name)
        held: set[tuple[bytes, str, str]] = set()
        statement = sa.select(keys.c.id, keys.c.scope, keys.c.value).where(
            mine, keys.c.id.in_(sa.bindparam("ids", expanding=True))
        )
        for chunk in chunks([aggregate.id.bytes for aggregate, _ in saved]):
            held |= {tuple(row) for row in self.connection.execute(statement, {"ids": chunk})}
        wanted = {(a.id.bytes, k.scope, k.value): (a.id, k) for a, ks in saved for k in ks}
        if lost := held - wanted.keys():
            leave = sa.delete(keys).where(
                mine,
                keys.c.id == sa.bindparam("who"),
                keys.c.scope == sa.bindparam("what"),
                keys.c.value == sa.bindparam("which"),
            )
            data = [{"who": i, "what": s, "which": v} for i, s, v in lost]
            self.connection.execute(leave, data)
        self._claim(kind, [claim for place, claim in wanted.items() if place not in held])

    def _new_profiles(self, customers: list[Customer]) -> None:
        """The profiles of customers without facts."""
        if customers:
            untouched = self.profile_codec.untouched()
            first = self.profile_codec.copies(customers[0])
            names = ("tenant", "customer_id", *first, *untouched)
            zero = tuple(untouched.values())
            rows = [
                (self.tenant, c.id.bytes, *self.profile_codec.copies(c).values(), *zero)
                for c in customers
            ]
            self.insert_rows(self.tables.profiles, names, rows)
