"""Profiles in SQL: one row per customer, merged, folded and queried in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql import operators

from crmcore.adapters.profile_codec import (
    FIXED_COLUMNS,
    FOLDED,
    SAME_FOLDED,
    ProfileCodec,
    measure_columns,
)
from crmcore.adapters.profile_codec import deltas as wire_deltas
from crmcore.adapters.row_folding import LIMIT, beyond_limit
from crmcore.adapters.sql import bulk, statements
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.fact_terms import folded_condition
from crmcore.adapters.sql.facts import SqlFacts
from crmcore.adapters.sql.folds import fold_statements, merge_statement
from crmcore.adapters.sql.predicates import attribute, compiled
from crmcore.adapters.sql.records import chunks
from crmcore.adapters.sql.tables import Tables
from crmcore.adapters.sql.types import MARIADB
from crmcore.adapters.sql.words import change_words, count_words, has_words
from crmcore.adapters.term_groups import Folded, grouped_by_term
from crmcore.adapters.wire import column_of, unwired, wire_predicate, wired
from crmcore.domain.bounds import in_turns
from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import FieldType
from crmcore.domain.folding import Deltas
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import ORDERS, PURCHASES, A, AggregateKind, FactKind
from crmcore.domain.model import Model
from crmcore.domain.ports import EVERYBODY, Among, Query
from crmcore.domain.predicates import And, FactTerm, Has, HasWord, Predicate, Term
from crmcore.domain.profile import Profile

__all__ = ["SqlProfiles"]

COPIED = (*(column.name for column in FIXED_COLUMNS), FOLDED)
"""What a profile copies from its customer."""
WHOLE = (FieldType.INSTANT, FieldType.MONEY, FieldType.INTEGER)
"""Of which the wire value is a whole number, and the domain's is made of an `int`."""


class SqlProfiles(SqlFacts):
    """The profile half of a SQL transaction."""

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return self.tables.profiles.c.tenant == self.tenant

    def fetch(
        self, kind: AggregateKind[A], ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, A]:
        if lock and kind.cls is Customer:
            # By their profiles, as whoever appends facts does: in one order none waits in a circle.
            self.lock_profiles(list(map(CustomerId, ids)))
            lock = False
        return super().fetch(kind, ids, lock=lock)

    def lock_profiles(self, customers: Collection[CustomerId]) -> set[CustomerId]:
        def make(one: bool) -> sa.Select[Any]:
            return statements.lock(self.tables, one=one)

        by_bytes = {customer.bytes: customer for customer in customers}
        if free := by_bytes.keys() - self.locked:
            with translated():
                rows = self.rows_of(make, sorted(free), "id")
                self.locked.update(row[0] for row in rows)
        return {customer for id, customer in by_bytes.items() if id in self.locked}

    def copy_to_profiles(
        self, customers: Sequence[Customer], *, held: Mapping[CustomerId, Customer]
    ) -> None:
        copied = self.profile_codec.copied_row
        with translated():
            self._update(COPIED, [(c.id.bytes, *copied(c)) for c in customers])
            before = [held[CustomerId(customer.id)] for customer in customers]
            change_words(self.connection, self.tables, self.tenant, before, customers)

    def merge(self, kind: FactKind[Any], deltas: Deltas) -> None:
        measures = self.model.plan.by_kind.get(kind.name, ())
        if kind.name == ORDERS.name:
            measures = (*measures, *self.model.plan.by_kind.get(PURCHASES.name, ()))
        if not measures or not deltas:
            return
        # From within the limits to within them no sum goes further; drivers bind 64 bits.
        sums = [measure.name for measure in measures if measure.starts_at_zero]
        if any(abs(s.get(name, 0)) >= 2 * LIMIT for s in deltas.values() for name in sums):
            raise beyond_limit()
        delta = wire_deltas(measures)
        rows = [(id.bytes, *delta(state)) for id, state in deltas.items()]
        names = ["who", *(f"new_{c.name}" for m in measures for c in measure_columns(m))]
        statement = merge_statement(self.tables, measures)
        with translated(out_of_range=beyond_limit):
            bulk.update(self.connection, statement, {"of_tenant": self.tenant}, names, rows)

    def refold(self, customers: Collection[CustomerId] | None) -> None:
        if customers is None:
            anybody = sa.select(self.tables.profiles.c.customer_id).where(self._mine).limit(1)
            with translated():
                found = self.connection.execute(anybody).first()
            if found is not None:  # a new tenant has nobody whose facts could count
                self._refold(None)
        else:
            for chunk in chunks([customer.bytes for customer in customers]):
                self._refold(chunk)

    def _refold(self, ids: list[bytes] | None) -> None:
        profiles = self.tables.profiles
        reset = sa.update(profiles).where(self._mine).values(self.profile_codec.untouched())
        if ids is not None:
            reset = reset.where(profiles.c.customer_id.in_(ids))
        with translated(out_of_range=beyond_limit):
            self.connection.execute(reset)
            for kind, measures in self.model.plan.by_kind.items():
                for whole, customer in fold_statements(self.tables, kind, measures):
                    statement = whole if ids is None else whole.where(customer.in_(ids))
                    found = self.connection.execute(statement, {"of_tenant": self.tenant})
                    _, *names = found.keys()
                    while rows := found.fetchmany(10_000):
                        self._update(tuple(names), [tuple(row) for row in rows])

    def _update(self, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
        """Set these columns, whose values are behind the customer's id in each row."""
        statement = statements.copying(self.tables, columns)
        names = ["who", *(f"new_{name}" for name in columns)]
        bulk.update(self.connection, statement, {"of_tenant": self.tenant}, names, rows)

    def profiles(self, customers: Collection[CustomerId]) -> dict[CustomerId, Profile]:
        def make(one: bool) -> sa.Select[Any]:
            return statements.profiles_of(self.tables, one=one)

        decode = self._decoder
        with translated():
            rows = self.rows_of(make, [customer.bytes for customer in customers], "id")
            found = list(map(decode, rows))
        return {profile.customer_id: profile for profile in found}

    def select(self, query: Query) -> list[Profile]:
        id = self.tables.profiles.c.customer_id
        chosen = self._all.where(*self._where(query.where)).limit(query.limit)
        value, last = query.after or (None, None)
        if query.order_by is None:
            return self._decoded(chosen.where(*_behind(id, last)).order_by(id))
        # Those with a value, then those without: each is a range of an index, where there is one.
        column, found = self._column(query.order_by), list[Profile]()
        known = self.model.profile_fields[query.order_by]
        if query.after is None or value is not None:
            direction = column.desc() if query.descending else column.asc()
            statement = chosen.order_by(direction, id)
            if known.optional:
                statement = statement.where(column.is_not(None))
            if last is not None:
                bound = sa.bindparam(None, wired(known.type, value), type_=column.type, unique=True)
                statement = statement.where(*_ahead(column, bound, id > last.bytes, query))
            found, last = self._decoded(statement), None
        if known.optional and (query.limit is None or len(found) < query.limit):
            absent = chosen.where(column.is_(None), *_behind(id, last)).order_by(id)
            found += self._decoded(absent.limit(query.limit and query.limit - len(found)))
        return found

    def select_ids(self, where: Predicate | None, among: Among = EVERYBODY) -> Iterator[CustomerId]:
        id = self.tables.profiles.c.customer_id
        statement = sa.select(id).where(self._mine, *self._where(where), *_behind(id, among.after))
        order: sa.ColumnElement[Any] = id
        if where is not None and among.limit is None:
            order = _unwalked(id, self.connection.dialect.name)
        statement = statement.order_by(order).limit(among.limit)
        # All at once: a cursor left open would see what is written while it is gone through.
        found: list[bytes] = []
        with translated():
            if among.ids is None:
                found += self.run(statement).scalars()
            else:
                for chunk in chunks(sorted(one.bytes for one in among.ids)):
                    found += self.run(statement.where(id.in_(chunk))).scalars()
        return (CustomerId(UUID(bytes=id)) for id in found)

    def count(self, where: Predicate | None) -> int:
        profiles = self.tables.profiles
        statement = sa.select(sa.func.count()).select_from(profiles)
        with translated():
            found = self.run(statement.where(self._mine, *self._where(where)))
            return int(found.scalar_one())

    def count_by(self, where: Predicate | None, name: str) -> dict[Any, int]:
        profiles, known = self.tables.profiles, self.model.profile_fields[name]
        column, chosen = self._column(name), (self._mine, *self._where(where))
        several = known.type is FieldType.TEXT_SET
        asked: sa.Select[*tuple[Any, ...]] = sa.select(column, sa.func.count()).where(*chosen)
        if several:
            asked = asked.where(column.is_(None))
        with translated():
            rows: list[Any] = list(self.run(asked.group_by(column)).all())
            if several:
                mine = sa.select(profiles.c.customer_id).where(*chosen)
                rows += self.run(count_words(self.tables, self.tenant, name, mine)).all()
        if several:
            return {row[0]: row[1] for row in rows}
        currency = self.model.currency
        if known.type in WHOLE:  # out of the JSON of attributes they come as decimals
            rows = [(None if value is None else int(value), n) for value, n in rows]
        return {unwired(known.type, value, currency): n for value, n in rows}

    def count_each(self, where: Predicate | None, asked: Sequence[Predicate]) -> list[int]:
        chosen, counts = (self._mine, *self._where(where)), list[int]()
        for turn in in_turns(asked):
            each = [sa.func.count(sa.case((self._condition(one), 1))) for one in turn]
            with translated():
                counts += self.run(sa.select(*each).where(*chosen)).one()
        return counts

    def first_of(
        self, where: Predicate | None, asked: Sequence[Predicate]
    ) -> Iterator[tuple[CustomerId, int | None]]:
        id, begun = self.tables.profiles.c.customer_id, 0
        chosen = (self._mine, *self._where(where))
        found: dict[bytes, int | None] = {}
        for turn in in_turns(asked):
            # Places stand in the text: bound, each would be a parameter of no known type.
            cases: list[tuple[Any, Any]] = [
                (self._condition(one), sa.literal_column(str(place)))
                for place, one in enumerate(turn, start=begun)
            ]
            with translated():
                statement = sa.select(id, sa.case(*cases)).where(*chosen)
                rows: list[Any] = list(self.run(statement.order_by(id)).all())
            for customer, place in rows:
                if found.get(customer) is None:
                    found[customer] = place
            begun += len(turn)
        return ((CustomerId(UUID(bytes=id)), place) for id, place in found.items())

    @property
    def _all(self) -> sa.Select[Any]:
        return sa.select(*statements.profile_columns(self.tables)).where(self._mine)

    def _decoded(self, statement: sa.Select[Any]) -> list[Profile]:
        with translated():
            rows = self.run(statement)
            return list(map(self._decoder, rows))

    @property
    def _decoder(self) -> Callable[[Any], Profile]:
        """From rows with what is read of a profile."""
        return _decoder(self.tables, self.model)

    def _where(self, where: Predicate | None) -> Iterator[sa.ColumnElement[bool]]:
        if where is not None:
            yield self._condition(where)

    def _condition(self, predicate: Predicate) -> sa.ColumnElement[bool]:
        asked = grouped_by_term(wire_predicate(predicate, self.model.profile_fields))
        elsewhere = partial(self._found_elsewhere, asked)
        return compiled(asked, self._column, elsewhere, self._folded)

    def _found_elsewhere(
        self, whole: Predicate, asked: Has | HasWord | Folded
    ) -> sa.ColumnElement[bool]:
        """What is asked of other tables than the profiles'."""
        if not isinstance(asked, Folded):
            return has_words(self.tables, self.tenant, asked)

        def plain(node: Predicate) -> sa.ColumnElement[bool]:
            elsewhere = partial(self._found_elsewhere, whole)
            return compiled(node, self._column, elsewhere, self._folded)

        # What every profile must have is joined; a list in an "or" or a "not" is not.
        parts = whole.parts if isinstance(whole, And) else (whole,)
        joined = asked in parts and not asked.without_facts
        joined = joined or self.connection.dialect.name != "postgresql"
        return folded_condition(self.tables, self.tenant, asked, plain, joined=joined)

    def _column(self, name: Term) -> sa.ColumnElement[Any]:
        if isinstance(name, FactTerm):
            raise InvalidInput.of(name.of, "is no order")
        for known in self.model.attributes:
            if known.name == name:
                dialect = self.connection.dialect.name
                column = self.tables.profiles.c.attributes
                return attribute(column, name, known.type, dialect, indexed=known.indexed)
        return self.tables.profiles.c[column_of(self.model.profile_fields[name])]

    def _folded(self, name: str) -> sa.ColumnElement[Any]:
        """The text of a field folded: its own where that is the same."""
        own = self._column(name)
        if name in SAME_FOLDED:
            return own
        held, dialect = self.tables.profiles.c[FOLDED], self.connection.dialect.name
        folded = attribute(held, name, FieldType.TEXT, dialect)
        return sa.func.coalesce(folded, own, type_=sa.Text())


def _behind(id: sa.ColumnElement[bytes], last: UUID | None) -> Iterator[sa.ColumnElement[bool]]:
    if last is not None:
        yield id > last.bytes


def _unwalked(id: sa.ColumnElement[bytes], dialect: str) -> sa.ColumnElement[Any]:
    """`id` as an expression: to have ids in order, SQLite and MariaDB would rather walk all of them
    than the index of a few and sort those.
    """
    if dialect == "sqlite":
        return sa.UnaryExpression(id, operator=operators.custom_op("+"))
    return sa.func.concat(id) if dialect in MARIADB else id


def _ahead(
    column: sa.ColumnElement[Any],
    bound: sa.ColumnElement[Any],
    next_id: sa.ColumnElement[bool],
    query: Query,
) -> Iterator[sa.ColumnElement[bool]]:
    """Behind a value, or at it and behind its id; the first condition is for an index to begin."""
    further = column < bound if query.descending else column > bound
    yield column <= bound if query.descending else column >= bound
    yield sa.or_(further, sa.and_(column == bound, next_id))


@lru_cache(maxsize=256)
def _decoder(tables: Tables, model: Model) -> Callable[[Any], Profile]:
    columns = [column.name for column in statements.profile_columns(tables)]
    return ProfileCodec(model).decoder(columns)
