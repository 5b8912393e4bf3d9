"""Wire values: how every backend compares and stores a field's value.

Text, integers, floats and booleans are themselves. An instant is UTC milliseconds, a date its
ISO text, a decimal its millionths, money its minor units (the currency stands beside it, or is
the model's), an id its 16 bytes, a set of texts the JSON text of a list, absent if it is empty.
Order and equality are those of the domain value, on every engine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from crmcore.domain.fact_terms import term_field
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.instants import from_millis, to_millis
from crmcore.domain.money import EXACT, Money
from crmcore.domain.predicates import (
    And,
    Comparison,
    FactTerm,
    Not,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Term,
)
from crmcore.domain.trusted import id_of

__all__ = ["column_of", "unwired", "wire_predicate", "wired"]


def _shortest(value: Decimal) -> Decimal:
    """Without trailing zeros, and not in powers of ten: 100, never 1E+2."""
    whole = EXACT.to_integral_value(value)
    return whole if whole == value else EXACT.normalize(value)


WIRE: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.INSTANT: to_millis,
    FieldType.DATE: date.isoformat,
    FieldType.DECIMAL: lambda value: int(EXACT.scaleb(value, 6)),
    FieldType.MONEY: lambda value: value.minor,
    FieldType.ID: lambda value: value.bytes,
    FieldType.TEXT_SET: lambda value: json.dumps(value, ensure_ascii=False) if value else None,
}
UNWIRE: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.INSTANT: from_millis,
    FieldType.DATE: date.fromisoformat,
    FieldType.DECIMAL: lambda value: _shortest(EXACT.scaleb(Decimal(value), -6)),
    FieldType.ID: id_of,
    FieldType.BOOLEAN: bool,
    FieldType.INTEGER: int,  # Mongo's 64-bit integers are of a class of their own
    FieldType.FLOAT: float,
}


def wired(type: FieldType, value: Any) -> Any:
    """The wire form of a domain value; `None` stays."""
    if value is None or type not in WIRE:
        return value
    return WIRE[type](value)


def unwired(type: FieldType, value: Any, currency: str) -> Any:
    """The domain value of a wire form; money is in `currency`."""
    if type is FieldType.TEXT_SET:
        return tuple(json.loads(value) if isinstance(value, str) else value or ())
    if value is None:
        return None
    if type is FieldType.MONEY:
        return Money.of_minor(value, currency)
    return UNWIRE[type](value) if type in UNWIRE else value


def column_of(field: Field) -> str:
    """The column that holds a field's wire value."""
    return f"{field.name}_minor" if field.type is FieldType.MONEY else field.name


def wire_predicate(predicate: Predicate, fields: Mapping[str, Field]) -> Predicate:
    """A checked and resolved predicate with its values in wire form; what facts folded are asked
    for stays as it is.
    """
    match predicate:
        case Comparison(name, op, value) if not isinstance(value, OtherField):
            return Comparison(name, op, wired(_type_of(name, fields), value))
        case OneOf(name, values):
            known = _type_of(name, fields)
            return OneOf(name, tuple(wired(known, value) for value in values))
        case And(parts):
            return And(tuple(wire_predicate(part, fields) for part in parts))
        case Or(parts):
            return Or(tuple(wire_predicate(part, fields) for part in parts))
        case Not(part):
            return Not(wire_predicate(part, fields))
    return predicate


def _type_of(term: Term, fields: Mapping[str, Field]) -> FieldType:
    return term_field(term).type if isinstance(term, FactTerm) else fields[term].type
