"""Aggregates in SQL: rows by id and version, keys in a table of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from crmcore.adapters.codec import Codec, Update, codec_of, update_of
from crmcore.adapters.profile_codec import FIXED_COLUMNS, FOLDED, ProfileCodec
from crmcore.adapters.sql import bulk, statements
from crmcore.adapters.sql.driver import found_by, text_of
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.tables import Tables
from crmcore.adapters.sql.words import add_words, change_words
from crmcore.domain.customer import Customer
from crmcore.domain.errors import AlreadyExists, Busy, IdentifierTaken, Stale, StorageError
from crmcore.domain.kinds import A, AggregateKind, Key
from crmcore.domain.model import Model
from crmcore.domain.trusted import id_of

__all__ = ["SqlRecords", "chunks"]

T = TypeVar("T")
CHUNK = 1000
"""So many values a statement: of more MariaDB makes a table, and may walk ours whole to join it."""
LONG = 4000
"""On PostgreSQL, which walks a table whole once a statement, until it is large. Elsewhere writing
out the longer text takes more than is gained.
"""
NONE = frozenset[str]()
IDLE = 50
"""So many lost connections are replaced at most: more than a pool keeps."""

KEY = ("tenant", "kind", "scope", "value", "id", "claim")
Params = dict[str, Any]


def chunks(values: Collection[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`values` in lists short enough to be the parameters of one statement."""
    remaining = iter(values)
    while found := list(islice(remaining, size)):
        yield found


def _stays(
    kind: AggregateKind[A],
    saved: Sequence[tuple[A, Collection[Key] | None]],
    held: Mapping[UUID, A] | None,
) -> frozenset[str]:
    """The fields that all the next states have from those before: they need not be written."""
    if not held:
        return NONE
    stays = {field.name for field in kind.fields} - {"id", kind.heavy}
    for after, _ in saved:
        before = held[after.id]
        stays = {name for name in stays if getattr(before, name) is getattr(after, name)}
    return frozenset(stays)


class SqlRecords:
    """The aggregate half of a SQL transaction, and what all halves share.

    `connect` opens another connection: where the first statement, always one that only reads, finds
    that the server has ended an idle one, it is run again on another. So none is tried, at the cost
    of a round trip, before each use.
    """

    def __init__(
        self,
        connection: sa.Connection,
        tables: Tables,
        tenant: str,
        model: Model,
        *,
        connect: Callable[[], sa.Connection] | None = None,
    ) -> None:
        self.connection: sa.Connection = connection
        self.tables = tables
        self.tenant = tenant
        self.model = model
        self.profile_codec: ProfileCodec = ProfileCodec(model)
        self._connect = connect
        self.texts: dict[int, tuple[Any, str]] = {}
        """Of the aggregates that the transaction has locked, the text of the heavy field; let go of
        at its end, for a unit of work may outlive it until the collector comes.
        """
        self.locked: set[bytes] = set()
        """The customers whose profiles the transaction has locked: until its end, nobody else can
        remove them.
        """

    def run(self, statement: sa.Executable, params: Params | None = None) -> sa.CursorResult[Any]:
        """Run one statement."""
        return self._tried(lambda: self.connection.execute(statement, params))

    def rows(self, statement: sa.Select[Any], params: Params) -> Sequence[Any]:
        """The rows that a look-up by one key finds."""
        prepared = text_of(statement, self.connection.dialect)
        return self._found(prepared.text, [params[name] for name in prepared.names])

    def _found(self, text: str, values: Sequence[Any]) -> Sequence[Any]:
        if self._connect is None:
            return found_by(self.connection, text, values)
        return self._tried(lambda: found_by(self.connection, text, values))

    def _tried(self, ask: Callable[[], T]) -> T:
        """Ask; the first time, again on another connection if this one was lost, and all that idle
        in the pool may have been lost with it. Afterwards a loss is an error.
        """
        connect, left = self._connect, IDLE
        self._connect = None
        while True:
            try:
                return ask()
            except DBAPIError as error:
                left -= 1
                if connect is None or left == 0 or not error.connection_invalidated:
                    raise
            self.connection.close()
            self.connection = connect()

    def rows_of(
        self, make: Callable[[bool], sa.Select[Any]], values: Sequence[Any], name: str, **given: Any
    ) -> Iterator[Any]:
        """The rows that the statement for one value, or that for many, finds."""
        params = {"tenant": self.tenant, **given}
        if len(values) == 1:
            params[name] = values[0]
            yield from self.rows(make(True), params)
            return
        statement, dialect, names = make(False), self.connection.dialect, f"{name}s"
        size = LONG if dialect.name == "postgresql" else CHUNK
        for chunk in chunks(values, size):
            prepared, each = bulk.among(statement, names, chunk, size, dialect)
            asked = [next(each) if one == names else params[one] for one in prepared.names]
            yield from self._found(prepared.text, asked)

    def insert(self, kind: AggregateKind[A], added: Sequence[tuple[A, Collection[Key]]]) -> None:
        table = self.tables.kinds[kind.name]
        codec: Codec[A] = codec_of(kind.cls)
        names = ["tenant", *codec.places]
        rows: list[tuple[Any, ...]] = []
        claims: list[tuple[UUID, Key]] = []
        customers: list[Customer] = []
        for pair in added:
            aggregate: A = pair[0]
            rows.append((self.tenant, *codec.encode(aggregate)))
            claims.extend((aggregate.id, key) for key in pair[1])
            if isinstance(aggregate, Customer):
                customers.append(aggregate)
        with translated():
            if not bulk.inserted(self.connection, table, names, rows):
                raise self._exists(kind, [aggregate for aggregate, _ in added])
            self._claim(kind, claims)
            self._new_profiles(customers)
            add_words(self.connection, self.tables, self.tenant, customers)

    def _exists(self, kind: AggregateKind[A], added: list[A]) -> AlreadyExists | StorageError:
        seen = set(self.fetch(kind, [aggregate.id for aggregate in added]))
        for aggregate in added:
            if aggregate.id in seen:
                return AlreadyExists(kind.name, str(aggregate.id))
            seen.add(aggregate.id)
        return StorageError(f"the store refuses these {kind.name}")

    def fetch(
        self, kind: AggregateKind[A], ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, A]:
        def make(one: bool) -> sa.Select[Any]:
            return statements.fetch(self.tables, kind, one=one, lock=lock)

        with translated():
            rows = self.rows_of(make, [id.bytes for id in ids], "id")
            return self.read(kind, rows, locked=lock)

    def read(self, kind: AggregateKind[A], rows: Iterable[Any], *, locked: bool) -> dict[UUID, A]:
        """The aggregates of these rows, by id; of those that are locked, the text is kept."""
        codec, found = codec_of(kind.cls), dict[UUID, A]()
        place = codec.places[kind.heavy] if locked and kind.heavy else None
        for row in rows:
            made = codec.decode(row)
            found[made.id] = made
            if place is not None:
                self.texts[id(made)] = made, row[place]
        return found

    def replace(
        self,
        kind: AggregateKind[A],
        saved: Sequence[tuple[A, Collection[Key] | None]],
        held: Mapping[UUID, A] | None = None,
    ) -> None:
        update: Update[A] = update_of(kind.cls, kind.heavy, _stays(kind, saved, held))
        names: tuple[str, ...] = update.names
        whole, light = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
        for pair in saved:
            aggregate: A = pair[0]
            row: tuple[Any, ...] = (aggregate.version - 1, *update.encode(aggregate))
            before = held[aggregate.id] if held else None
            if (text := self._heavy(kind, before, aggregate)) is None:
                light.append(row)
            else:
                whole.append((*row, text))
        with translated():
            changed = self._updated(kind, names, light)
            changed += self._updated(kind, (*names, str(kind.heavy)), whole)
            if changed != len(saved):
                raise self._stale(kind, [aggregate for aggregate, _ in saved])
            if named := [(a, keys) for a, keys in saved if keys is not None]:
                self._rekey(kind, named)

    def _heavy(self, kind: AggregateKind[A], before: A | None, after: A) -> str | None:
        """The text of the heavy field, where it has changed: it takes longer than all the rest."""
        if kind.heavy is None:
            return None
        update, value = update_of(kind.cls, kind.heavy), getattr(after, kind.heavy)
        if before is None:
            return update.write(value)
        if (former := getattr(before, kind.heavy)) is value:
            return None
        read, text = self.texts.get(id(before), (None, ""))
        return update.rewrite(value, former, text) if read is before else update.write(value)

    def _updated(
        self, kind: AggregateKind[A], columns: tuple[str, ...], rows: list[tuple[Any, ...]]
    ) -> int:
        """Set these columns, whose values are behind the version held in each row; answer how many
        rows there were.
        """
        if not rows:
            return 0
        statement = statements.replace(self.tables, kind, columns)
        names = ["held", *("who" if name == "id" else f"new_{name}" for name in columns)]
        return bulk.update(self.connection, statement, {"of_tenant": self.tenant}, names, rows)

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
                self.locked.discard(id)
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
            if isinstance(aggregate, Customer):
                change_words(self.connection, self.tables, self.tenant, [aggregate], [])

    def find(
        self, kind: AggregateKind[A], scope: str, values: Collection[str]
    ) -> dict[str, tuple[UUID, ...]]:
        def make(one: bool) -> sa.Select[Any]:
            return statements.find(self.tables, one=one)

        holders: dict[str, list[UUID]] = {}
        with translated():
            rows = self.rows_of(make, list(values), "value", kind=kind.name, scope=scope)
            for value, id in rows:
                holders.setdefault(value, []).append(id_of(id))
        return {value: tuple(ids) for value, ids in holders.items()}

    def after(self, kind: AggregateKind[A], id: UUID | None, limit: int) -> list[A]:
        statement = statements.next_page(self.tables, kind, first=id is None)
        params: Params = {"tenant": self.tenant, "limit": limit}
        with translated():
            rows = self.rows(statement, params if id is None else params | {"id": id.bytes})
            return list(map(codec_of(kind.cls).decode, rows))

    def _claim(self, kind: AggregateKind[A], claims: list[tuple[UUID, Key]]) -> None:
        tenant, name = self.tenant, kind.name
        rows = [
            (tenant, name, k.scope, k.value, id.bytes, k.value if k.exclusive else None)
            for id, k in claims
        ]
        if rows and not bulk.inserted(self.connection, self.tables.keys, KEY, rows):
            raise self._taken(kind, claims)

    def _taken(
        self, kind: AggregateKind[A], claims: list[tuple[UUID, Key]]
    ) -> IdentifierTaken | Busy:
        """Which exclusive key has another holder, stored or among the claims themselves."""
        exclusive = [(id, key) for id, key in claims if key.exclusive]
        wanted: dict[tuple[str, str], UUID] = {}
        by_scope: dict[str, list[str]] = {}
        for _, key in exclusive:
            by_scope.setdefault(key.scope, []).append(key.value)
        held = {scope: self.find(kind, scope, values) for scope, values in by_scope.items()}
        for id, key in exclusive:
            others = set(held[key.scope].get(key.value, ())) - {id}
            if others or wanted.setdefault((key.scope, key.value), id) != id:
                return IdentifierTaken(key.scope, str(id), kind.name)
        return Busy("who had one of these keys has just let go of it")

    def _rekey(self, kind: AggregateKind[A], saved: Sequence[tuple[A, Collection[Key]]]) -> None:
        """Let go of keys that are no longer named, and claim the new ones."""
        keys = self.tables.keys

        def make(one: bool) -> sa.Select[Any]:
            return statements.held_keys(self.tables, one=one)

        ids = [aggregate.id.bytes for aggregate, _ in saved]
        held = {tuple(row) for row in self.rows_of(make, ids, "id", kind=kind.name)}
        wanted = {(a.id.bytes, k.scope, k.value): (a.id, k) for a, ks in saved for k in ks}
        if lost := held - wanted.keys():
            leave = sa.delete(keys).where(
                keys.c.tenant == self.tenant,
                keys.c.kind == kind.name,
                keys.c.id == sa.bindparam("who"),
                keys.c.scope == sa.bindparam("what"),
                keys.c.value == sa.bindparam("which"),
            )
            data = [{"who": i, "what": s, "which": v} for i, s, v in lost]
            self.connection.execute(leave, data)
        self._claim(kind, [claim for place, claim in wanted.items() if place not in held])

    def _new_profiles(self, customers: list[Customer]) -> None:
        """The profiles of customers without facts: counts and sums are zero by default."""
        if customers:
            copied, tenant = self.profile_codec.copied_row, self.tenant
            rows = [(tenant, c.id.bytes, *copied(c)) for c in customers]
            names = ("tenant", "customer_id", *(column.name for column in FIXED_COLUMNS), FOLDED)
            bulk.insert(self.connection, self.tables.profiles, names, rows)
