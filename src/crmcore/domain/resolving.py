"""Resolving predicates: from what is relative to an instant to what is fixed.

"Today" is one instant and the next for whoever lives in one zone, and others elsewhere. In the
customer's own zone a comparison becomes one for each group of zones that share the same bound, so
that every engine compares instants, and none computes with zones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

import attrs

from crmcore.domain.bounds import DEPTH
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fact_terms import term_field
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.instants import zone_named
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.predicates import (
    And,
    Birthday,
    Comparison,
    FactTerm,
    InSegment,
    Not,
    OnDays,
    OneOf,
    Or,
    Predicate,
    Present,
    Term,
)
from crmcore.domain.relative import Relative, Zone, day_of, instant_of

__all__ = ["Definition", "fixed_for", "inlined", "resolved", "zone_names"]

Definition = Callable[[str], Predicate]
"""From the name of a segment to what it is defined by; an unknown one is an error."""


@lru_cache(maxsize=1)
def zone_names() -> tuple[str, ...]:
    """The names of all IANA time zones known here, in order."""
    return tuple(sorted(filter(_is_loaded, available_timezones())))


def inlined(predicate: Predicate, definition: Definition) -> Predicate:
    """`predicate` with the definitions of segments in the place of their names, each asked for
    once. One that is defined by itself, or goes deeper than predicates do, is `InvalidInput`; how
    large the whole is, `check_size` says.
    """
    known: dict[str, Predicate] = {}

    def walk(node: Predicate, within: tuple[str, ...], level: int) -> Predicate:
        # Before Python's own limit: what is defined is stored by many hands, in any order.
        if level > DEPTH or len(within) > DEPTH:
            raise InvalidInput.of("", f"is a predicate of more than {DEPTH} levels")
        match node:
            case And(parts):
                return And(tuple(walk(part, within, level + 1) for part in parts))
            case Or(parts):
                return Or(tuple(walk(part, within, level + 1) for part in parts))
            case Not(part):
                return Not(walk(part, within, level + 1))
            case InSegment(name):
                if name in within:
                    raise InvalidInput.of("segment", f"{name} is defined by itself")
                if name not in known:
                    known[name] = walk(definition(name), (*within, name), level)
                return known[name]
        return node

    return walk(predicate, (), 0)


def resolved(
    predicate: Predicate, fields: Mapping[str, Field], *, at: datetime, zone: str
) -> Predicate:
    """`predicate`, checked and inlined, as it is asked at `at` under a model of that zone."""

    def walk(node: Predicate) -> Predicate:
        match node:
            case And(parts):
                return And(_each(And, parts))
            case Or(parts):
                return Or(_each(Or, parts))
            case Not(part):
                return Not(walk(part))
        if not any(True for _ in _zones_asked(node)):
            return node
        fixed = _Fixed(fields, at, zone, zone).leaf(node)
        return _by_zone(node, fixed) if _is_there(node) else fixed

    def _each(join: type[And] | type[Or], parts: tuple[Predicate, ...]) -> tuple[Predicate, ...]:
        """The parts; comparisons in the customer's zone as one, so that zones are named once."""
        there = tuple(part for part in parts if isinstance(part, Comparison) and _is_there(part))
        if len(there) < 2:
            return tuple(map(walk, parts))
        together, others = join(there), (walk(part) for part in parts if part not in there)
        return (_by_zone(together, _Fixed(fields, at, zone, zone).leaf(together)), *others)

    def _by_zone(node: Predicate, fixed: Predicate) -> Predicate:
        """One comparison for each group of zones; whoever is in none of them has the model's."""
        groups: dict[Predicate, list[str]] = {}
        for name in zone_names():
            groups.setdefault(_Fixed(fields, at, zone, name).leaf(node), []).append(name)
        groups.pop(fixed, None)
        elsewhere = tuple(name for names in groups.values() for name in names)
        there = [And((OneOf("zone", tuple(names)), one)) for one, names in groups.items()]
        return Or((*there, And((Not(OneOf("zone", elsewhere)), fixed)))) if there else fixed

    return walk(predicate)


def fixed_for(
    predicate: Predicate,
    fields: Mapping[str, Field],
    *,
    at: datetime,
    zone: str,
    customer_zone: str | None,
) -> Predicate:
    """`resolved` for one customer, whose zone is known: of the same shape as the predicate."""
    own = customer_zone if customer_zone in zone_names() else zone
    return _Fixed(fields, at, zone, own or zone).leaf(predicate)


def _zones_asked(node: Predicate) -> Iterator[Zone]:
    """Whose local days a comparison asks for."""
    match node:
        case Birthday():
            yield node.zone
        case Comparison(name, _, value):
            if isinstance(value, Relative):
                yield Zone.MODEL if value.is_exact else value.zone
            yield from _zones_of(name)
        case OneOf(name) | Present(name):
            yield from _zones_of(name)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _zones_asked(part)
        case Not(part):
            yield from _zones_asked(part)


def _is_there(node: Predicate) -> bool:
    return Zone.CUSTOMER in _zones_asked(node)


def _zones_of(term: Term) -> Iterator[Zone]:
    if isinstance(term, FactTerm):
        for bound in (term.since, term.until):
            if isinstance(bound, Relative):
                yield Zone.MODEL if bound.is_exact else bound.zone
        if term.where is not None:
            yield from _zones_asked(term.where)


@attrs.frozen
class _Fixed:
    """Comparisons as they are asked at one instant, by a customer of one zone."""

    fields: Mapping[str, Field]
    at: datetime
    model: str
    customer: str

    def leaf(self, node: Predicate) -> Predicate:
        match node:
            case Comparison(name, op, Relative() as value):
                known = self._known(name)
                return Comparison(self._term(name), op, self._value(value, known.type, known.name))
            case Comparison(name) | OneOf(name) | Present(name) if isinstance(name, FactTerm):
                return attrs.evolve(node, name=self._term(name))
            case Birthday(name):
                return OnDays(name, self._days(node))
            case And(parts):
                return And(tuple(map(self.leaf, parts)))
            case Or(parts):
                return Or(tuple(map(self.leaf, parts)))
            case Not(part):
                return Not(self.leaf(part))
        return node

    def _zone(self, zone: Zone) -> str:
        return self.customer if zone is Zone.CUSTOMER else self.model

    def _known(self, term: Term) -> Field:
        return term_field(term) if isinstance(term, FactTerm) else self.fields[term]

    def _value(self, value: Relative, type: FieldType, path: str) -> Any:
        of = day_of if type is FieldType.DATE else instant_of
        try:
            return of(value, at=self.at, zone=self._zone(value.zone))
        except InvalidInput as error:
            raise error.under(path) from None

    def _term(self, term: Term) -> Term:
        if not isinstance(term, FactTerm):
            return term
        where = term.where
        if where is not None:
            within = attrs.evolve(self, fields=MEASURABLE[term.of].comparable)
            where = within.leaf(where)
        since, until = (self._bound(getattr(term, name), name) for name in ("since", "until"))
        return attrs.evolve(term, where=where, since=since, until=until)

    def _bound(self, bound: datetime | Relative | None, name: str) -> datetime | None:
        if not isinstance(bound, Relative):
            return bound
        found: datetime = self._value(bound, FieldType.INSTANT, f"facts.{name}")
        return found

    def _days(self, asked: Birthday) -> tuple[str, ...]:
        today = day_of(Relative(), at=self.at, zone=self._zone(asked.zone))
        try:
            return _days_of_year(today, asked.first, asked.last)
        except OverflowError:
            raise InvalidInput.of(asked.name, "is asked beyond the calendar") from None


@lru_cache(maxsize=64)
def _days_of_year(today: date, first: int, last: int) -> tuple[str, ...]:
    """As `MM-DD`, those so many days from today; in a common year 28 February is the 29th too."""
    found: set[str] = set()
    for shift in range(first, last + 1):
        day = today + timedelta(days=shift)
        found.add(day.isoformat()[5:])
        if (day.month, day.day) == (2, 28) and (day + timedelta(days=1)).day == 1:
            found.add("02-29")
    return tuple(sorted(found))


def _is_loaded(name: str) -> bool:
    try:
        zone_named(name)
    except InvalidInput:
        return False
    return True
