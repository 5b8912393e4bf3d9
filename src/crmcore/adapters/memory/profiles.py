"""Profiles of the memory backend: rows of wire values, folded and queried in Python."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from heapq import nsmallest
from typing import Any, cast
from uuid import UUID

from crmcore.adapters.memory.tables import Overlay, at_one_moment
from crmcore.adapters.profile_codec import ProfileCodec
from crmcore.adapters.row_folding import Row, merged_row, refolded
from crmcore.adapters.wire import column_of, unwired, wire_predicate, wired
from crmcore.domain.customer import Customer
from crmcore.domain.fact_repositories import counted
from crmcore.domain.fact_terms import fact_values, term_field
from crmcore.domain.fields import FieldType
from crmcore.domain.folding import Deltas
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import FactKind
from crmcore.domain.matching import matcher
from crmcore.domain.model import Model
from crmcore.domain.ports import EVERYBODY, Among, Query, Transaction
from crmcore.domain.predicates import FactTerm, Predicate, terms
from crmcore.domain.profile import Profile

__all__ = ["MemoryProfiles"]


class MemoryProfiles:
    """The profile half of a memory transaction."""

    def __init__(self, model: Model, reading: AbstractContextManager[bool]) -> None:
        self.model = model
        self.reading = reading
        self._codec = ProfileCodec(model)

    @abstractmethod
    def table(self, name: str) -> Overlay:
        """The overlay of one table."""

    def new_profile(self, customer: Customer) -> None:
        """The profile of a customer without facts."""
        row = self._codec.copies(customer) | self._codec.untouched()
        self.table("profiles").put(customer.id, row)

    def lock_profiles(self, customers: Collection[CustomerId]) -> set[CustomerId]:
        rows = self.table("profiles")
        return {id for id in customers if rows.get(id) is not None}

    def copy_to_profiles(
        self, customers: Sequence[Customer], *, held: Mapping[CustomerId, Customer]
    ) -> None:
        rows = self.table("profiles")
        for customer in customers:
            rows.put(customer.id, rows.get(customer.id) | self._codec.copies(customer))

    def merge(self, kind: FactKind[Any], deltas: Deltas) -> None:
        rows = self.table("profiles")
        for customer_id, state in deltas.items():
            rows.put(customer_id, merged_row(self._codec, rows.get(customer_id), state))

    def refold(self, customers: Collection[CustomerId] | None) -> None:
        rows = self.table("profiles")
        wanted = [id for id, _ in rows.items()] if customers is None else customers
        held = {id: rows.get(id) for id in wanted}
        for id, row in refolded(self._codec, cast(Transaction, self), held).items():
            rows.put(id, row)

    @at_one_moment
    def profiles(self, customers: Collection[CustomerId]) -> dict[CustomerId, Profile]:
        rows = self.table("profiles")
        return {id: self._decoded(id, row) for id in customers if (row := rows.get(id))}

    @at_one_moment
    def select(self, query: Query) -> list[Profile]:
        found = sorted(self._matching(query.where), key=lambda pair: pair[0])
        if query.order_by is not None:
            value = self._looked_up(query.order_by)
            known = [pair for pair in found if value(pair[1]) is not None]
            known.sort(key=lambda pair: value(pair[1]), reverse=query.descending)
            found = [*known, *(pair for pair in found if value(pair[1]) is None)]
        if query.after is not None:
            found = [pair for pair in found if self._is_behind(pair, query, *query.after)]
        return [self._decoded(id, row) for id, row in found[: query.limit]]

    def _is_behind(self, pair: tuple[UUID, Row], query: Query, last: Any, last_id: UUID) -> bool:
        id, row = pair
        if query.order_by is None:
            return id > last_id
        last = wired(self.model.profile_fields[query.order_by].type, last)
        value = self._looked_up(query.order_by)(row)
        if value is None or last is None:
            return value is None and (last is not None or id > last_id)
        if value == last:
            return id > last_id
        return bool(value < last if query.descending else value > last)

    @at_one_moment
    def select_ids(self, where: Predicate | None, among: Among = EVERYBODY) -> Iterator[CustomerId]:
        rows = self._matching(where)
        if among.ids is not None:
            wanted = set(among.ids)
            rows = (pair for pair in rows if pair[0] in wanted)
        found = (CustomerId(id) for id, _ in rows if among.after is None or id > among.after)
        if among.limit is None:
            return iter(sorted(found))
        return iter(nsmallest(among.limit, found))

    @at_one_moment
    def count(self, where: Predicate | None) -> int:
        return sum(1 for _ in self._matching(where))

    @at_one_moment
    def count_by(self, where: Predicate | None, name: str) -> dict[Any, int]:
        value, known = self._looked_up(name), self.model.profile_fields[name]
        found = [value(row) for _, row in self._matching(where)]
        if known.type is FieldType.TEXT_SET:
            return Counter(tag for tags in found for tag in tags or (None,))
        counts = Counter(found)
        return {unwired(known.type, v, self.model.currency): n for v, n in counts.items()}

    @at_one_moment
    def count_each(self, where: Predicate | None, asked: Sequence[Predicate]) -> list[int]:
        counts = [0] * len(asked)
        tests = self._tests(asked)
        for id, row in self._matching(where):
            for place, holds in enumerate(tests):
                counts[place] += holds(id, row)
        return counts

    @at_one_moment
    def first_of(
        self, where: Predicate | None, asked: Sequence[Predicate]
    ) -> Iterator[tuple[CustomerId, int | None]]:
        tests, found = self._tests(asked), list[tuple[CustomerId, int | None]]()
        for id, row in self._matching(where):
            holding = (place for place, holds in enumerate(tests) if holds(id, row))
            found.append((CustomerId(id), next(holding, None)))
        return iter(sorted(found, key=lambda pair: pair[0]))

    def _matching(self, where: Predicate | None) -> Iterator[tuple[UUID, Row]]:
        rows = self.table("profiles").items()
        if where is None:
            return rows
        (holds,) = self._tests([where])
        return ((id, row) for id, row in rows if holds(id, row))

    def _tests(self, asked: Sequence[Predicate]) -> list[Callable[[UUID, Row], bool]]:
        """Whether each of these holds for a row; what several ask about is looked up once."""
        look_up = {
            term: self._folded(term) if isinstance(term, FactTerm) else self._looked_up(term)
            for term in {term for one in asked for term in terms(one)}
        }

        def test(predicate: Predicate) -> Callable[[UUID, Row], bool]:
            holds = matcher(wire_predicate(predicate, self.model.profile_fields))
            return lambda id, row: holds(lambda term: look_up[term](row, id))

        return [test(one) for one in asked]

    def _folded(self, term: FactTerm) -> Callable[[Row, UUID], Any]:
        """The wire value of facts folded, by customer; folded once for all of them."""
        known = term_field(term)
        everybody = [CustomerId(id) for id, _ in self.table("profiles").items()]
        found = fact_values(term, counted(cast(Transaction, self), term.of, everybody))
        if known.type is not FieldType.MONEY:  # which folds have in minor units already
            found = {id: wired(known.type, value) for id, value in found.items()}
        none = None if known.optional else 0
        return lambda _, id: found.get(CustomerId(id), none)

    def _looked_up(self, name: str) -> Callable[..., Any]:
        """From a row, and an id that it may be given with, to the wire value of a field."""
        if any(attribute.name == name for attribute in self.model.attributes):
            own = self._codec.attribute(name)
            return lambda row, id=None: own(row)
        known = self.model.profile_fields[name]
        column = column_of(known)
        if known.type is FieldType.TEXT_SET:
            return lambda row, id=None: unwired(known.type, row[column], "")
        return lambda row, id=None: row[column]

    def _decoded(self, id: UUID, row: Row) -> Profile:
        return self._codec.decoder(("customer_id", *row))((id.bytes, *row.values()))
