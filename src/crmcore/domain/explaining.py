"""Explanation: whether a predicate holds for one customer, and why, term by term.

    yes  revenue is at least 500.00 EUR: 620.00 EUR
    no   the last purchase was more than 90 days ago: 2026-02-11 09:30+01:00
           90 days ago is 2025-12-01 13:00+01:00

It is found in Python, from the customer's profile and facts, and is the answer of `where` for that
customer on every engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.domain.bounds import check_size
from crmcore.domain.fact_repositories import counted
from crmcore.domain.fact_terms import fact_values, term_field
from crmcore.domain.fields import FieldType
from crmcore.domain.html import MASKED
from crmcore.domain.instants import instant
from crmcore.domain.matching import matcher
from crmcore.domain.model import Model
from crmcore.domain.money import Money
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
    terms,
)
from crmcore.domain.profile import Profile
from crmcore.domain.relative import Relative
from crmcore.domain.resolving import fixed_for, inlined
from crmcore.domain.spelling import is_one_period, relative_words, spelt
from crmcore.domain.wording import Wording

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["Explanation", "explained"]

HEADS: dict[type[Predicate], str] = {And: "all of these", Or: "any of these", Not: "not this"}


@attrs.frozen
class Explanation:
    """Whether a predicate, or a part of one, holds for a customer, and what was found.

    `predicate` is what was asked, and `found` the values of its terms, absent ones `None`. `meant`
    says what is relative in it and what that came to; the `parts` are those of "and", "or" and
    "not", and the definition of a segment. Printed, it shows personal values only when asked for.
    """

    predicate: Predicate = attrs.field(repr=False)
    holds: bool
    found: Mapping[Term, Any] = attrs.field(factory=dict[Term, Any], repr=False)
    meant: Mapping[Relative | Birthday, Any] = attrs.field(
        factory=dict["Relative | Birthday", Any], repr=False
    )
    parts: tuple[Explanation, ...] = ()
    model: Model = attrs.field(factory=Model, repr=False, eq=False)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def asked(self, *, personal: bool = False) -> str:
        """What was asked, in words."""
        return self._wording(personal=personal).said(self.predicate)

    def values(self, *, personal: bool = False) -> tuple[str, ...]:
        """What was found, term by term, in words."""
        wording = self._wording(personal=personal)
        return tuple(
            spelt(value, zone=self.model.zone)
            if personal or value in (None, ()) or not wording.is_personal(term)
            else MASKED
            for term, value in self.found.items()
        )

    def meanings(self, *, personal: bool = False) -> tuple[str, ...]:
        """What is relative to the instant of asking, and what it came to, in words."""
        wording = self._wording(personal=personal)
        hidden = () if personal else tuple(_compared_in_private(self.predicate, wording))
        told = []
        for asked, came in self.meant.items():
            if asked in hidden:
                continue
            if isinstance(asked, Relative):
                told.append(f"{relative_words(asked)} is {spelt(came, zone=self.model.zone)}")
            elif personal or not wording.is_personal(asked.name):
                told.append(f"{wording.said(asked)}: on {', '.join(came)}")
        return tuple(told)

    def lines(self, *, personal: bool = False) -> tuple[str, ...]:
        """The explanation for people, a line for each term, those of parts moved to the right."""
        values = self.values(personal=personal)
        head = HEADS.get(type(self.predicate)) if self.parts else None
        if head is None or self._is_of_segment:
            head = self.asked(personal=personal)
        mark = "yes  " if self.holds else "no   "
        told = [f"{mark}{head}{': ' if values else ''}{' and '.join(values)}"]
        told += [f"       {meaning}" for meaning in self.meanings(personal=personal)]
        told += [f"  {line}" for part in self.parts for line in part.lines(personal=personal)]
        return tuple(told)

    @property
    def _is_of_segment(self) -> bool:
        node = self.predicate
        return isinstance(node.part if isinstance(node, Not) else node, InSegment)

    def _wording(self, *, personal: bool) -> Wording:
        return Wording.of(self.model, personal=personal)


def explained(
    unit: UnitOfWork, predicate: Predicate, profile: Profile, at: datetime | None
) -> Explanation:
    """Why it holds for the customer of that profile, or does not, asked at that instant, or the
    unit's own.
    """
    checked = unit.model.checked(predicate)

    def definition(name: str) -> Predicate:
        return unit.model.checked(unit.segment_definition(name, at=at))

    # Refuses what `where` refuses: an unknown segment, one within itself, or what is too large.
    check_size(inlined(checked, definition))
    asked_at = unit.recorded_at if at is None else instant(at)
    return _Explaining(unit, profile, asked_at, definition).walk(checked)


@attrs.frozen
class _Explaining:
    unit: UnitOfWork
    profile: Profile
    at: datetime
    definition: Callable[[str], Predicate]
    facts: dict[str, Any] = attrs.field(factory=dict[str, Any])
    """By kind, what the customer has of it: read once."""

    def walk(self, node: Predicate) -> Explanation:
        match node:
            case And(several) if not is_one_period(several):
                parts = tuple(map(self.walk, _by_periods(several)))
                return self._made(node, all(part.holds for part in parts), parts=parts)
            case Or(several):
                parts = tuple(map(self.walk, several))
                return self._made(node, any(part.holds for part in parts), parts=parts)
            case InSegment(name):
                inner = self.walk(self.definition(name))
                return self._made(node, inner.holds, parts=(inner,))
            case Not(part):
                inner = self.walk(part)
                if isinstance(part, And | Or | Not):
                    return self._made(node, not inner.holds, parts=(inner,))
                return attrs.evolve(inner, predicate=node, holds=not inner.holds)
        return self._leaf(node)

    def _leaf(self, node: Predicate) -> Explanation:
        model = self.unit.model
        fixed = fixed_for(node, model.profile_fields, at=self.at, zone=model.zone,
                          customer_zone=self.profile["zone"])  # fmt: skip
        values = {term: self._value(term) for term in terms(fixed)}
        return self._made(
            node,
            matcher(fixed)(values.__getitem__),
            found=dict(zip(terms(node), values.values(), strict=False)),
            meant=dict(_meanings(node, fixed)),
        )

    def _made(self, node: Predicate, holds: bool, **more: Any) -> Explanation:
        return Explanation(node, holds, model=self.unit.model, **more)

    def _value(self, term: Term) -> Any:
        if not isinstance(term, FactTerm):
            return self.profile[term]
        who, known = self.profile.customer_id, term_field(term)
        if term.of not in self.facts:
            self.facts[term.of] = counted(self.unit.reads, term.of, [who])
        found = fact_values(term, self.facts[term.of])
        value = found.get(who, None if known.optional else 0)
        if known.type is FieldType.MONEY and value is not None:
            return Money.of_minor(value, self.unit.model.currency)
        return value


def _compared_in_private(node: Predicate, wording: Wording) -> Iterator[Relative]:
    """What is relative and compared with personal fields, which the words do not tell either."""
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from _compared_in_private(part, wording)
        case Not(part):
            yield from _compared_in_private(part, wording)
        case Comparison(name, _, Relative() as value) if wording.is_personal(name):
            yield value


def _by_periods(parts: tuple[Predicate, ...]) -> Iterator[Predicate]:
    """The parts, two that bound one term by a period as one."""
    place = 0
    while place < len(parts):
        both = parts[place : place + 2]
        yield And(both) if is_one_period(both) else parts[place]
        place += 2 if is_one_period(both) else 1


def _meanings(node: Predicate, fixed: Predicate) -> Iterator[tuple[Relative | Birthday, Any]]:
    """What is relative in a predicate, beside what it became."""
    match node, fixed:
        case Birthday(), OnDays(_, days):
            yield node, days
        case And(parts) | Or(parts), And(became) | Or(became):
            for part, one in zip(parts, became, strict=True):
                yield from _meanings(part, one)
        case Not(part), Not(one):
            yield from _meanings(part, one)
        case Comparison(name, _, value), Comparison(other, _, came):
            if isinstance(value, Relative):
                yield value, came
            yield from _windows(name, other)
        case OneOf(name), OneOf(other):
            yield from _windows(name, other)
        case Present(name), Present(other):
            yield from _windows(name, other)


def _windows(term: Term, fixed: Term) -> Iterator[tuple[Relative | Birthday, Any]]:
    if isinstance(term, FactTerm) and isinstance(fixed, FactTerm):
        for bound, came in ((term.since, fixed.since), (term.until, fixed.until)):
            if isinstance(bound, Relative):
                yield bound, came
        if term.where is not None and fixed.where is not None:
            yield from _meanings(term.where, fixed.where)
