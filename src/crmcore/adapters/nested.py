"""Nested values as JSON text, through one cattrs converter: lines, identifiers, roles...

The converter turns every nested class into plain data and back: ids and decimals as text,
instants and dates as ISO text, money as its minor units with the currency, a host attribute
with its type beside its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from crmcore.adapters.dicts.predicates import PREDICATE
from crmcore.domain.attributes import AttributeValue
from crmcore.domain.fields import SCALARS, FieldType
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.periods import Anniversary, Calendar, Fixed, Qualifying, Rolling
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
)
from crmcore.domain.relative import Relative

__all__ = [
    "FROM_PLAIN",
    "converter",
    "plain_predicate",
    "predicate_of",
    "tagged",
    "untagged",
]

FROM_PLAIN: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.DECIMAL: Decimal,
    FieldType.DATE: date.fromisoformat,
    FieldType.INSTANT: datetime.fromisoformat,
    FieldType.MONEY: lambda value: Money.of_minor(value["minor"], value["currency"]),
    FieldType.ID: UUID,
    FieldType.FLOAT: float,
}


KINDS: tuple[type[Predicate], ...] = (
    Predicate, Comparison, OneOf, Has, HasWord, Contains, StartsWith, OnDays, Birthday, InSegment,
    Present, And, Or, Not,
)  # fmt: skip


PERIODS: Mapping[str, type[Any]] = {
    "fixed": Fixed, "calendar": Calendar, "anniversary": Anniversary, "rolling": Rolling,
}  # fmt: skip
LATER = override(omit_if_default=True)


@lru_cache(maxsize=1)
def converter() -> Converter:
    """The one converter; built when first asked for."""
    made = Converter()
    made.register_unstructure_hook(UUID, str)
    made.register_structure_hook(UUID, lambda value, _: UUID(value))
    made.register_unstructure_hook(Decimal, str)
    made.register_structure_hook(Decimal, lambda value, _: Decimal(value))
    made.register_unstructure_hook(datetime, datetime.isoformat)
    made.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))
    made.register_unstructure_hook(date, date.isoformat)
    made.register_structure_hook(date, lambda value, _: date.fromisoformat(value))
    made.register_unstructure_hook(Money, _plain_money)
    made.register_structure_hook(Money, lambda value, _: FROM_PLAIN[FieldType.MONEY](value))
    made.register_unstructure_hook(AttributeValue, _plain_attribute)
    made.register_structure_hook(AttributeValue, lambda value, _: _attribute(value))
    made.register_unstructure_hook(timedelta, timedelta.total_seconds)
    made.register_structure_hook(timedelta, lambda value, _: timedelta(seconds=value))
    for period in PERIODS.values():
        made.register_unstructure_hook(period, _period_writer(made, period))
    made.register_structure_hook_func(
        lambda hint: hint == Qualifying,
        lambda data, _: made.structure(data, PERIODS[data["kind"]]),
    )
    for cls in KINDS:
        made.register_unstructure_hook(cls, plain_predicate)
        made.register_structure_hook(cls, lambda data, _: predicate_of(data))
    # What came later is written only where it is not the default: a stored model stays the same.
    write = make_dict_unstructure_fn(Model, made, purposes=LATER, programmes=LATER)
    made.register_unstructure_hook(Model, write)
    return made


def _period_writer(made: Converter, period: type[Any]) -> Callable[[Any], dict[str, Any]]:
    """Of a period its fields, and which kind of period it is: several have the same fields."""
    write = make_dict_unstructure_fn(period, made)
    kind = next(name for name, known in PERIODS.items() if known is period)
    return lambda value: {"kind": kind, **write(value)}


def _plain_money(money: Money) -> dict[str, Any]:
    return {"minor": money.minor, "currency": money.currency}


def tagged(value: Any) -> list[Any]:
    """A scalar as `[type, plain value]`."""
    return [SCALARS[type(value)].value, converter().unstructure(value)]


def untagged(pair: list[Any]) -> Any:
    """The scalar that `tagged` wrote."""
    read = FROM_PLAIN.get(FieldType(pair[0]))
    return pair[1] if read is None else read(pair[1])


def _plain_attribute(known: AttributeValue) -> dict[str, Any]:
    type_name, value = tagged(known.value)
    at = known.at.isoformat()
    return {"name": known.name, "type": type_name, "value": value, "source": known.source, "at": at}


def _attribute(data: dict[str, Any]) -> AttributeValue:
    value = untagged([data["type"], data["value"]])
    at = datetime.fromisoformat(data["at"])
    return AttributeValue(data["name"], value, data["source"], at=at)


def plain_predicate(predicate: Predicate) -> Any:
    """A predicate as nested lists: `["and", [">=", "revenue", ["money", {...}]], ...]`.

    These are the questions of the first release, written as it wrote them, so that a stored model
    stays the same text. Every other question stands in them in its published form.
    """
    match predicate:
        case Comparison(FactTerm()) | Comparison(_, _, Relative()) | OneOf(FactTerm()):
            return _published(predicate)
        case OneOf(_, values) if any(isinstance(value, Relative) for value in values):
            return _published(predicate)
        case Present(FactTerm()):
            return _published(predicate)
        case Comparison(name, op, OtherField(other)):
            return [op, name, ["field", other]]
        case Comparison(name, op, value):
            return [op, name, tagged(value)]
        case OneOf(name, values):
            return ["in", name, [tagged(value) for value in values]]
        case Has(name, value):
            return ["has", name, value]
        case HasWord(name, beginning):
            return ["has_word", name, beginning]
        case Present(name):
            return ["present", name]
        case And(parts):
            return ["and", *map(plain_predicate, parts)]
        case Or(parts):
            return ["or", *map(plain_predicate, parts)]
        case Not(part):
            return ["not", plain_predicate(part)]
    return _published(predicate)


def _published(predicate: Predicate) -> Any:
    write = PREDICATE.write
    return predicate if write is None else write(predicate)


def predicate_of(data: Any) -> Predicate:
    """The predicate that `plain_predicate` wrote."""
    match data:
        case {"op": _}:
            found: Predicate = PREDICATE.read(data)
            return found
        case ["in", name, values]:
            return OneOf(name, tuple(map(untagged, values)))
        case ["has", name, value]:
            return Has(name, value)
        case ["has_word", name, beginning]:
            return HasWord(name, beginning)
        case ["present", name]:
            return Present(name)
        case ["and", *parts]:
            return And(tuple(map(predicate_of, parts)))
        case ["or", *parts]:
            return Or(tuple(map(predicate_of, parts)))
        case ["not", part]:
            return Not(predicate_of(part))
        case [op, name, ["field", other]]:
            return Comparison(name, op, OtherField(other))
        case [op, name, value]:
            return Comparison(name, op, untagged(value))
    raise ValueError("the stored predicate is of no known form")
