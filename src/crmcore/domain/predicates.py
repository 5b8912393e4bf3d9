"""Predicates: questions about one profile or one fact, written in Python, kept as data.

    field("stage") == "active"          field("revenue") >= Money("500", "EUR")
    field("language").is_in("es", "ca") field("last_purchase_at").is_absent()
    field("tags").has("vip")            field("name").has_word("garcía")
    (p & q) | ~r

They are two-valued. A comparison with an absent value is false, whatever the operator, except
`!=`, which is `~(==)` and therefore true. `~p` holds exactly where `p` does not. A predicate has
no truth value of its own, so `if p:` and `p and q` raise `TypeError`. What a field is compared with
may be personal, so no `repr` shows it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NoReturn
from uuid import UUID

import attrs

from crmcore.domain.attributes import LIMIT, six_places
from crmcore.domain.errors import InvalidInput, MixedCurrencies, UnknownField
from crmcore.domain.fields import SCALARS, Field, FieldType
from crmcore.domain.instants import instant
from crmcore.domain.money import Money
from crmcore.domain.names import name_words, searched_words
from crmcore.domain.tags import tag
from crmcore.domain.text import checked_text

__all__ = [
    "And",
    "Comparison",
    "FieldRef",
    "Has",
    "HasWord",
    "Not",
    "OneOf",
    "Or",
    "OtherField",
    "Predicate",
    "Present",
    "checked",
    "comparable",
    "field",
    "field_names",
    "fitting",
    "matcher",
]

Value = str | int | float | bool | Decimal | date | datetime | Money | UUID

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Predicate:
    """What all predicates share: `&`, `|`, `~`, and no truth value."""

    __slots__ = ()

    def __and__(self, other: Predicate) -> Predicate:
        return And((*_parts(And, self), *_parts(And, other)))

    def __or__(self, other: Predicate) -> Predicate:
        return Or((*_parts(Or, self), *_parts(Or, other)))

    def __invert__(self) -> Predicate:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise TypeError("a predicate has no truth value: join with & | ~, not and, or, not")


@attrs.frozen(eq=False)
class FieldRef:
    """A field by name; comparing it with a value gives a predicate."""

    name: str

    def __eq__(self, other: object) -> Predicate:  # type: ignore[override]
        return Comparison(self.name, "==", _operand(other))

    def __ne__(self, other: object) -> Predicate:  # type: ignore[override]
        return Not(Comparison(self.name, "==", _operand(other)))

    def __lt__(self, other: Value | FieldRef) -> Predicate:
        return Comparison(self.name, "<", _operand(other))

    def __le__(self, other: Value | FieldRef) -> Predicate:
        return Comparison(self.name, "<=", _operand(other))

    def __gt__(self, other: Value | FieldRef) -> Predicate:
        return Comparison(self.name, ">", _operand(other))

    def __ge__(self, other: Value | FieldRef) -> Predicate:
        return Comparison(self.name, ">=", _operand(other))

    def is_in(self, *values: Value) -> Predicate:
        """Is the value one of these? No values: false for everybody. Absent: false."""
        return OneOf(self.name, tuple(_operand(value) for value in values))

    def has(self, value: str) -> Predicate:
        """Is this text among those of the field? Join several with `&` for all, `|` for any."""
        return Has(self.name, _operand(value))

    def has_word(self, text: str) -> Predicate:
        """Does a word of the name begin so, whatever the case and accents? Every word of `text`
        must be the beginning of one.
        """
        found = [HasWord(self.name, word) for word in searched_words(text)]
        return And(tuple(found)) if len(found) > 1 else found[0]

    def is_present(self) -> Predicate:
        """Is the value known?"""
        return Present(self.name)

    def is_absent(self) -> Predicate:
        """Is the value not known?"""
        return Not(Present(self.name))

    def __hash__(self) -> int:
        return hash(self.name)


def field(name: str) -> FieldRef:
    """The profile or fact field called `name`, to be compared."""
    return FieldRef(name)


@attrs.frozen
class Comparison(Predicate):
    """`name op value`, where the value may be another field of the same row; absent: false."""

    name: str
    op: str = attrs.field(validator=attrs.validators.in_(OPERATORS))
    value: Value | OtherField = attrs.field(repr=False)


@attrs.frozen
class OtherField:
    """The right side of a comparison between two fields of one row."""

    name: str


@attrs.frozen
class OneOf(Predicate):
    """`name` is one of `values`; absent: false."""

    name: str
    values: tuple[Value, ...] = attrs.field(repr=False)


@attrs.frozen
class Has(Predicate):
    """`value` is among the texts of `name`."""

    name: str
    value: str = attrs.field(repr=False)


@attrs.frozen
class HasWord(Predicate):
    """A folded word of `name` begins with `beginning`, which is one folded word; absent: false."""

    name: str
    beginning: str = attrs.field(repr=False)


@attrs.frozen
class Present(Predicate):
    """`name` has a value."""

    name: str


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


def checked(predicate: Predicate, fields: Mapping[str, Field], currency: str) -> Predicate:
    """`predicate` with its values in their fields' own form.

    An unknown field is `UnknownField`; a value of another type, a comparison that the type does
    not have, or money in another currency than the model's is `InvalidInput`.
    """

    def known(name: str) -> Field:
        if not isinstance(name, str) or name not in fields:
            raise UnknownField.named(name, known=tuple(fields))
        return fields[name]

    def typed(name: str) -> Field:
        return comparable(known(name))

    def walk(node: Predicate) -> Predicate:
        match node:
            case Comparison(name, op, OtherField(other)):
                if typed(name).type is not typed(other).type:
                    raise InvalidInput.of(name, f"cannot be compared with {other}: another type")
                return node
            case Comparison(name, op, value):
                return Comparison(name, op, fitting(value, typed(name), currency))
            case OneOf(name, values):
                among = typed(name)
                return OneOf(name, tuple(fitting(value, among, currency) for value in values))
            case Has(name) | HasWord(name):
                return _among(node, known(name))
            case Present(name):
                known(name)
                return node
            case And(parts):
                return And(tuple(walk(part) for part in parts))
            case Or(parts):
                return Or(tuple(walk(part) for part in parts))
            case Not(Not(part)):
                return walk(part)
            case Not(part):
                return Not(walk(part))
        raise InvalidInput.of("", f"{type(node).__name__} is no predicate")

    return walk(predicate)


def matcher(predicate: Predicate) -> Callable[[Callable[[str], Any]], bool]:
    """`predicate` as a function of a look-up by field name; the predicate is checked already."""
    match predicate:
        case Comparison(name, op, OtherField(other)):
            compare = OPERATORS[op]

            def between(get: Callable[[str], Any]) -> bool:
                left, right = get(name), get(other)
                return left is not None and right is not None and compare(left, right)

            return between
        case Comparison(name, op, value):
            compare = OPERATORS[op]

            def against(get: Callable[[str], Any]) -> bool:
                left = get(name)
                return left is not None and compare(left, value)

            return against
        case OneOf(name, values):
            return lambda get: get(name) in values
        case Has(name, value):
            return lambda get: value in (get(name) or ())
        case HasWord(name, beginning):
            return lambda get: any(w.startswith(beginning) for w in name_words(get(name)))
        case Present(name):
            return lambda get: get(name) not in (None, ())
        case And(parts):
            every = tuple(matcher(part) for part in parts)
            return lambda get: all(holds(get) for holds in every)
        case Or(parts):
            some = tuple(matcher(part) for part in parts)
            return lambda get: any(holds(get) for holds in some)
        case Not(part):
            inner = matcher(part)
            return lambda get: not inner(get)
    raise InvalidInput.of("", f"{type(predicate).__name__} is no predicate")


def field_names(predicate: Predicate) -> Iterator[str]:
    """The names of all fields that the predicate asks about, with repetitions."""
    match predicate:
        case Comparison(name, _, OtherField(other)):
            yield from (name, other)
        case Comparison(name) | OneOf(name) | Present(name) | Has(name) | HasWord(name):
            yield name
        case And(parts) | Or(parts):
            for part in parts:
                yield from field_names(part)
        case Not(part):
            yield from field_names(part)


def _among(node: Has | HasWord, known: Field) -> Predicate:
    """`node` with its tag or word in the one form that is stored."""
    if isinstance(node, Has):
        if known.type is not FieldType.TEXT_SET:
            raise InvalidInput.of(known.name, "is not several texts")
        return Has(known.name, tag(node.value))
    if not known.in_words:
        raise InvalidInput.of(known.name, "is not searched by words")
    if searched_words(node.beginning) != (node.beginning,):
        raise InvalidInput.of(known.name, "is searched by one folded word: use has_word()")
    return node


def comparable(known: Field) -> Field:
    """The field, if its values can be compared and put in order; else `InvalidInput`."""
    if known.type is FieldType.NESTED:
        raise InvalidInput.of(known.name, "is structured and cannot be compared")
    if known.type is FieldType.TEXT_SET:
        raise InvalidInput.of(known.name, "is several texts: ask with has()")
    return known


def _parts(cls: type[And] | type[Or], node: Predicate) -> tuple[Predicate, ...]:
    if not isinstance(node, Predicate):
        raise TypeError("& and | join predicates; put parentheses around each comparison")
    return node.parts if isinstance(node, cls) else (node,)


def _operand(value: object) -> Any:
    if value is None:
        raise InvalidInput.of("", "compare with a value; absence is is_absent() or is_present()")
    return OtherField(value.name) if isinstance(value, FieldRef) else value


def fitting(value: Any, known: Field, currency: str) -> Value:
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
        raise InvalidInput.of(known.name, what)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput.of(known.name, "is compared with finite numbers only")
    if isinstance(value, Decimal):
        return six_places(value, known.name)
    if isinstance(value, datetime):
        return instant(value, known.name)
    if isinstance(value, str):
        return checked_text(value, known.name, 10_000)
    if isinstance(value, Money) and value.currency != currency:
        raise MixedCurrencies.between(value.currency, currency)
    return value  # type: ignore[no-any-return]
