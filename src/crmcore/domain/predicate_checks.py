"""Checking predicates: every term known, every value in its field's own form, or an error.

Faults come together, each with its path in the tree: `parts[1].part.revenue`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs

from crmcore.domain.attributes import LIMIT, six_places
from crmcore.domain.errors import InvalidInput, MixedCurrencies, UnknownField
from crmcore.domain.fields import SCALARS, Field, FieldType
from crmcore.domain.instants import instant
from crmcore.domain.money import Money
from crmcore.domain.names import folded_text, searched_words
from crmcore.domain.predicates import (
    And,
    Birthday,
    Comparison,
    Contains,
    FactTerm,
    Has,
    HasWord,
    InSegment,
    Not,
    OnDays,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
    StartsWith,
    Term,
)
from crmcore.domain.relative import Relative, Unit
from crmcore.domain.tags import tag
from crmcore.domain.text import NAME, checked_text

__all__ = ["CheckedTerm", "check_month_day", "checked", "comparable", "fitting"]

CheckedTerm = Callable[[FactTerm, str], tuple[FactTerm, Field]]
"""From facts folded, and the model's currency, to the same checked, and what they are like."""

MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
WRITTEN = 'one is a comparison, as field("stage") == "active", or in_segment("vip")'
LONGEST_TEXT = 10_000
FURTHEST = 36_600


def checked(
    predicate: Predicate,
    fields: Mapping[str, Field],
    currency: str,
    *,
    fact_term: CheckedTerm | None = None,
    relative: bool = False,
) -> Predicate:
    """`predicate` with its values in their fields' own form.

    An unknown field is `UnknownField`; a value of another type, a comparison that the type does
    not have, or money in another currency than the model's is `InvalidInput`. Facts, segments and
    what is relative to the instant of asking are refused unless asked for.
    """
    return _Checking(fields, currency, fact_term, relative).walk(predicate)


@attrs.frozen
class _Checking:
    fields: Mapping[str, Field]
    currency: str
    fact_term: CheckedTerm | None
    relative: bool

    def walk(self, node: Predicate) -> Predicate:
        match node:
            case And(parts):
                return And(self._each(parts))
            case Or(parts):
                return Or(self._each(parts))
            case Not(part):
                return Not(self._under_part(part))
        return self._leaf(node)

    def _under_part(self, part: Predicate) -> Predicate:
        return self._under("part", self.walk, part)

    def _under(
        self, path: str, walk: Callable[[Predicate], Predicate], part: Predicate
    ) -> Predicate:
        try:
            return walk(part)
        except InvalidInput as error:
            raise error.under(path) from None

    def _each(self, parts: tuple[Predicate, ...]) -> tuple[Predicate, ...]:
        found, faults = list[Predicate](), list[InvalidInput]()
        for index, part in enumerate(parts):
            try:
                found.append(self._under(f"parts[{index}]", self.walk, part))
            except InvalidInput as error:
                faults.append(error)
        if len(faults) == 1:
            raise faults[0]
        if faults:
            raise InvalidInput(tuple(fault for error in faults for fault in error.faults))
        return tuple(found)

    def _leaf(self, node: Predicate) -> Predicate:
        match node:
            case Comparison(name, _, OtherField(other)):
                left = self._typed(name)[1]
                if not isinstance(name, str):
                    raise InvalidInput.of(left.name, "is compared with a value, not with a field")
                if left.type is not self._typed(other)[1].type:
                    raise InvalidInput.of(name, f"cannot be compared with {other}: another type")
                return node
            case Comparison(name, op, value):
                term, known = self._typed(name)
                if isinstance(value, Relative):
                    return Comparison(term, op, self._moment(value, known))
                return Comparison(term, op, fitting(value, known, self.currency))
            case OneOf(name, values):
                term, known = self._typed(name)
                return OneOf(term, tuple(fitting(v, known, self.currency) for v in values))
            case Present(name):
                return Present(self._known(name)[0])
            case Has(name) | HasWord(name):
                return _among(node, self._field(name))
            case Contains(name, text) | StartsWith(name, text):
                return attrs.evolve(node, text=_searched(text, self._field(name)))
            case OnDays(name, days):
                _date(self._field(name))
                return OnDays(name, tuple(sorted({check_month_day(day, name) for day in days})))
            case Birthday(name):
                self._check_relative(name)
                return _birthday(node, self._field(name))
            case InSegment(segment):
                return self._segment(node, segment)
        what = f"{type(node).__name__} is no predicate: {WRITTEN}"
        raise InvalidInput.of("", what)

    def _field(self, name: object) -> Field:
        if not isinstance(name, str) or name not in self.fields:
            told = "facts" if isinstance(name, FactTerm) else name
            raise UnknownField.named(told, known=tuple(self.fields))  # type: ignore[arg-type]
        return self.fields[name]

    def _known(self, name: Term) -> tuple[Term, Field]:
        if isinstance(name, FactTerm):
            if self.fact_term is None:
                raise InvalidInput.of(name.of, "are not asked about here: only fields are")
            return self.fact_term(name, self.currency)
        return name, self._field(name)

    def _typed(self, name: Term) -> tuple[Term, Field]:
        term, known = self._known(name)
        return term, comparable(known)

    def _moment(self, value: Relative, known: Field) -> Relative:
        self._check_relative(known.name)
        if known.type not in (FieldType.INSTANT, FieldType.DATE):
            what = f"is {known.type.value}, and cannot be compared with an instant or a day"
            raise InvalidInput.of(known.name, what)
        if known.type is FieldType.DATE and value.unit is Unit.HOURS and value.shift:
            raise InvalidInput.of(known.name, "is a day, and a day is not shifted by hours")
        return value

    def _check_relative(self, name: str) -> None:
        if not self.relative:
            raise InvalidInput.of(name, "must not depend on when it is asked, here")

    def _segment(self, node: Predicate, segment: object) -> Predicate:
        if self.fact_term is None:
            raise InvalidInput.of("segment", "is not asked about here: only fields are")
        if not isinstance(segment, str):
            what = f"is asked for by its name, not by {type(segment).__name__}"
            raise InvalidInput.of("segment", what)
        if not NAME.fullmatch(segment):
            raise InvalidInput.of("segment", "is no name of a segment")
        return node


def comparable(known: Field) -> Field:
    """The field, if its values can be compared and put in order; else `InvalidInput`."""
    if known.type is FieldType.NESTED:
        raise InvalidInput.of(known.name, "is structured and cannot be compared")
    if known.type is FieldType.TEXT_SET:
        raise InvalidInput.of(known.name, "is several texts: ask with has()")
    return known


def check_month_day(day: object, path: str) -> str:
    """A day of the year as `MM-DD`; any other is `InvalidInput`."""
    if not isinstance(day, str) or not MONTH_DAY.fullmatch(day) or day in ("02-30", "02-31"):
        raise InvalidInput.of(path, "is compared with a day of the year as MM-DD, such as 12-24")
    if day[3:] == "31" and day[:2] in ("04", "06", "09", "11"):
        raise InvalidInput.of(path, f"is compared with day 31 of month {day[:2]}")
    return str.__str__(day)


def _date(known: Field) -> None:
    if known.type is not FieldType.DATE:
        raise InvalidInput.of(known.name, f"is {known.type.value}, and no date")


def _birthday(node: Birthday, known: Field) -> Birthday:
    _date(known)
    for days in (node.first, node.last):
        if type(days) is not int or abs(days) > FURTHEST:
            raise InvalidInput.of(known.name, f"is asked by whole days within {FURTHEST:,}")
    if not 0 <= node.last - node.first <= 366:
        raise InvalidInput.of(known.name, "is asked over 0 to 366 days, the first one first")
    return node


def _among(node: Has | HasWord, known: Field) -> Predicate:
    """`node` with its tag or word in the one form that is stored."""
    if isinstance(node, Has):
        if known.type is not FieldType.TEXT_SET:
            raise InvalidInput.of(known.name, "is not several texts")
        if known.limit is not None:
            return Has(known.name, checked_text(node.value, known.name, LONGEST_TEXT))
        return Has(known.name, tag(node.value))
    if not known.in_words:
        raise InvalidInput.of(known.name, "is not searched by words")
    if searched_words(node.beginning) != (node.beginning,):
        raise InvalidInput.of(known.name, "is searched by one folded word: use has_word()")
    return node


def _searched(text: object, known: Field) -> str:
    """What is looked for in a text, folded."""
    if not known.folds:
        raise InvalidInput.of(known.name, "is not searched by its text")
    folded = folded_text(checked_text(text, known.name, LONGEST_TEXT))
    if not folded.strip():
        raise InvalidInput.of(known.name, "is searched for nothing")
    return folded


def fitting(value: Any, known: Field, currency: str) -> Any:
    """`value` in the form of the field it is compared with; another type is `InvalidInput`."""
    if isinstance(value, Enum):
        value = value.value
    given = SCALARS.get(type(value))
    if given is FieldType.INTEGER and not -LIMIT < value < LIMIT:
        raise InvalidInput.of(known.name, "cannot be compared with numbers beyond 2**53")
    if given is FieldType.INTEGER and known.type in (FieldType.FLOAT, FieldType.DECIMAL):
        return float(value) if known.type is FieldType.FLOAT else Decimal(value)
    if given is not known.type:
        what = f"is {known.type.value}, and cannot be compared with {type(value).__name__}"
        raise InvalidInput.of(known.name, what + _hint(value, known, currency))
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput.of(known.name, "is compared with finite numbers only")
    if isinstance(value, float):
        return value + 0.0  # minus zero is zero, as stored: not every engine finds it in a set
    if isinstance(value, Decimal):
        return six_places(value, known.name)
    if isinstance(value, datetime):
        return instant(value, known.name)
    if isinstance(value, str):
        return checked_text(value, known.name, LONGEST_TEXT)
    if isinstance(value, Money) and value.currency != currency:
        raise MixedCurrencies.between(value.currency, currency)
    return value


def _hint(value: object, known: Field, currency: str) -> str:
    """What was meant, where that is plain from what was given."""
    if isinstance(value, list | tuple | set | frozenset):
        return ": give the values one by one, as is_in(*values)"
    if known.type is FieldType.MONEY and isinstance(value, int | float | Decimal | str):
        return f': give Money("12.50", "{currency}")'
    if known.type is FieldType.INSTANT and isinstance(value, date):
        return ': give a datetime with a time zone, or what is relative, as start_of("day")'
    return ""
