"""Predicates: questions about one customer's profile and facts, or about one fact, kept as data.

They are written as `crmcore.domain.expressions` shows and are two-valued. A comparison with an
absent value is false, whatever the operator, except `!=`, which is `~(==)` and therefore true.
`~p` holds exactly where `p` does not. A predicate has no truth value of its own, so `if p:` and
`p and q` raise `TypeError`. What a field is compared with may be personal, so no `repr` shows it.

A term, what is asked about, is the name of a field or a `FactTerm`. A value may be `Relative` to
the instant at which it is asked; `crmcore.domain.resolving` puts the instant in its place, and
the predicates of segments in that of their names.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

import attrs

from crmcore.domain.money import Money
from crmcore.domain.relative import Relative, Zone

__all__ = [
    "JOINED",
    "OPERATORS",
    "And",
    "Birthday",
    "Comparison",
    "Contains",
    "FactTerm",
    "Has",
    "HasWord",
    "InSegment",
    "Not",
    "OnDays",
    "OneOf",
    "Or",
    "OtherField",
    "Predicate",
    "Present",
    "StartsWith",
    "Term",
    "Value",
    "terms",
]

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


JOINED = "& and | join predicates; put parentheses around each comparison"


class Predicate:
    """What all predicates share: `&`, `|`, `~`, and no truth value."""

    __slots__ = ()

    def __and__(self, other: Predicate) -> Predicate:
        return And((*_parts(And, self), *_parts(And, other)))

    def __or__(self, other: Predicate) -> Predicate:
        return Or((*_parts(Or, self), *_parts(Or, other)))

    def __rand__(self, other: object) -> NoReturn:
        raise TypeError(JOINED)

    def __ror__(self, other: object) -> NoReturn:
        raise TypeError(JOINED)

    def __invert__(self) -> Predicate:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise TypeError("a predicate has no truth value: join with & | ~, not and, or, not")


@attrs.frozen(cache_hash=True)
class FactTerm:
    """A value folded from the facts of a customer: those `of` a kind, with `since <= at < until`,
    for which `where` holds. `of`, `fold` and `value` are those of a `Measure`; counts and sums are
    zero without facts, the others absent.
    """

    of: str
    fold: str
    value: str | None = None
    where: Predicate | None = None
    since: datetime | Relative | None = None
    until: datetime | Relative | None = None


Term = str | FactTerm
Value = str | int | float | bool | Decimal | date | datetime | Money | UUID | Relative


@attrs.frozen
class OtherField:
    """The right side of a comparison between two fields of one row."""

    name: str


@attrs.frozen
class Comparison(Predicate):
    """`name op value`, where the value may be another field of the same row; absent: false."""

    name: Term
    op: str = attrs.field(validator=attrs.validators.in_(OPERATORS))
    value: Value | OtherField = attrs.field(repr=False)


@attrs.frozen
class OneOf(Predicate):
    """`name` is one of `values`; absent: false."""

    name: Term
    values: tuple[Value, ...] = attrs.field(repr=False)


@attrs.frozen
class Has(Predicate):
    """`value` is among the texts of `name`; none there: false."""

    name: str
    value: str = attrs.field(repr=False)


@attrs.frozen
class HasWord(Predicate):
    """A folded word of `name` begins with `beginning`, which is one folded word; absent: false."""

    name: str
    beginning: str = attrs.field(repr=False)


@attrs.frozen
class Contains(Predicate):
    """`text` is somewhere in `name`, both folded for case and accents; absent: false."""

    name: str
    text: str = attrs.field(repr=False)


@attrs.frozen
class StartsWith(Predicate):
    """`name` begins with `text`, both folded for case and accents; absent: false."""

    name: str
    text: str = attrs.field(repr=False)


@attrs.frozen
class OnDays(Predicate):
    """The month and day of the date `name` is one of `days`, each as `MM-DD`; absent: false."""

    name: str
    days: tuple[str, ...] = attrs.field(repr=False)


@attrs.frozen
class Birthday(Predicate):
    """The date `name` has its day of the year from `first` to `last` days after the day of asking,
    both included. In a year without 29 February, who was born on it has it on the 28th; absent:
    false.
    """

    name: str
    first: int
    last: int
    zone: Zone = attrs.field(default=Zone.MODEL, converter=Zone)


@attrs.frozen
class InSegment(Predicate):
    """The customer is in the segment of that name."""

    segment: str


@attrs.frozen
class Present(Predicate):
    """`name` has a value."""

    name: Term


@attrs.frozen
class And(Predicate):
    """All of `parts` hold; none given: true."""

    parts: tuple[Predicate, ...]


@attrs.frozen
class Or(Predicate):
    """At least one of `parts` holds; none given: false."""

    parts: tuple[Predicate, ...]


@attrs.frozen
class Not(Predicate):
    """`part` does not hold."""

    part: Predicate

    def __invert__(self) -> Predicate:
        return self.part


def terms(predicate: Predicate) -> Iterator[Term]:
    """What the predicate asks about, with repetitions: names of fields, and facts folded."""
    match predicate:
        case Comparison(name, _, OtherField(other)):
            yield from (name, other)
        case And(parts) | Or(parts):
            for part in parts:
                yield from terms(part)
        case Not(part):
            yield from terms(part)
        case InSegment():
            return
        case _:
            yield predicate.name  # type: ignore[attr-defined]


def _parts(cls: type[And] | type[Or], node: Predicate) -> tuple[Predicate, ...]:
    if not isinstance(node, Predicate):
        raise TypeError(JOINED)
    return node.parts if isinstance(node, cls) else (node,)
