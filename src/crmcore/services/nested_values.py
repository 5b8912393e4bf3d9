"""Nested values as plain data and back: order lines, identifiers, roles, attributes.

Plain data is what JSON knows: ids, decimals, dates and instants are text, money is
`{"minor": 1250, "currency": "EUR"}`, a host attribute has its type beside its value. Whatever is
declared as an attrs class is turned by its fields, so a new nested class needs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from crmcore.domain.attributes import AttributeValue
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.fields import SCALARS, FieldType
from crmcore.domain.ids import as_id
from crmcore.domain.money import Money, number
from crmcore.domain.predicates import Predicate
from crmcore.services.nested_predicates import predicate_data, predicate_part

__all__ = ["instant_of", "plain", "structured"]

WIDEST = 20
"""Digits that no whole number that is kept has."""

Read = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """The plain data of a nested value."""
    match value:
        case Predicate():
            return predicate_data(value, plain)
        case Enum():
            return value.value
        case None | str() | bool() | int() | float():
            return value
        case Money(minor=minor, currency=currency):
            return {"minor": minor, "currency": currency}
        case AttributeValue(name=name, value=worth, source=source, at=at):
            kind = SCALARS[type(worth)].value
            told = {"name": name, "type": kind, "value": plain(worth)}
            return told | {"source": source, "at": plain(at)}
        case datetime() | date():
            return value.isoformat()
        case UUID() | Decimal():
            return str(value)
        case tuple() | list():
            return [plain(part) for part in value]
    return {name: plain(getattr(value, name)) for name in _fields_of(value)}


def _fields_of(value: object) -> dict[str, Any]:
    cls: Any = type(value)
    return _fields(cls)


def structured(hint: Any, data: Any) -> Any:
    """The value annotated so that plain data stands for; `InvalidInput` with the paths of all
    that is wrong. Data that is more than plain (a `Decimal`, a `datetime`) is taken as well.
    """
    return _reader(hint)(data)


@lru_cache(maxsize=1024)
def _reader(hint: Any) -> Read:
    """What reads values annotated so: made once, for a file has many."""
    hint = getattr(hint, "__supertype__", hint)
    if get_origin(hint) in (Union, UnionType):
        several = [part for part in get_args(hint) if part is not NoneType]
        inner = _reader(several[0]) if len(several) == 1 else _part
        return lambda data: None if data is None else inner(data)
    if get_origin(hint) is tuple:
        return partial(_several, _reader(get_args(hint)[0]))
    if hint is AttributeValue:
        return _attribute
    if hint is Predicate:
        return _predicate
    if hint is Money:
        return _money
    if attrs.has(hint):
        return _object(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return SCALAR_READERS.get(hint) or partial(_only, hint)


def _several(read: Read, data: Any) -> tuple[Any, ...]:
    if isinstance(data, str | Mapping) or not hasattr(data, "__iter__"):
        raise InvalidInput.of("", "must be a list")
    found, faults = [], list[Fault]()
    for index, part in enumerate(data):
        try:
            found.append(read(part))
        except InvalidInput as error:
            faults += error.under(f"[{index}]").faults
    if faults:
        raise InvalidInput(tuple(faults))
    return tuple(found)


def _object(cls: Any) -> Read:
    """What reads an attrs class from a mapping of its fields; absent ones have defaults."""
    readers = {name: _reader(hint) for name, hint in _fields(cls).items()}
    needed = {f.name for f in attrs.fields(cls) if f.default is attrs.NOTHING}

    def read(data: Any) -> Any:
        given, faults = dict[str, Any](), list[Fault]()
        for name, part in _mapping(data).items():
            if name not in readers:
                faults.append(Fault("", f"has a key that is no field of {cls.__name__}"))
                continue
            try:
                given[name] = readers[name](part)
            except InvalidInput as error:
                faults += error.under(name).faults
        if not needed <= data.keys():
            faults += [Fault(name, "is missing") for name in sorted(needed - data.keys())]
        if faults:
            raise InvalidInput(tuple(faults))
        return cls(**given)

    return read


@lru_cache(maxsize=256)
def _fields(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in attrs.fields(cls)}


def _mapping(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidInput.of("", "must be an object with named values")
    return data


def _money(data: Any) -> Money:
    if isinstance(data, Money):
        return data
    data = _mapping(data)
    currency = data.get("currency", "")
    if "minor" in data:
        minor = data["minor"]
        return Money.of_minor(minor if type(minor) is int else _whole(minor), currency)
    return Money(data.get("amount", ""), currency)


def _attribute(data: Any) -> AttributeValue:
    if isinstance(data, AttributeValue):
        return data
    data = _mapping(data)
    types = {kind.value: python for python, kind in SCALARS.items() if kind is not FieldType.ID}
    kind = data.get("type")
    if not isinstance(kind, str) or kind not in types:
        raise InvalidInput.of("type", f"is none of {', '.join(types)}")
    try:
        value = structured(types[kind], data.get("value"))
        at = instant_of(data.get("at"))
    except InvalidInput as error:
        raise error.under("value") from None
    return AttributeValue(data.get("name", ""), value, data.get("source"), at=at)


def _part(data: Any) -> Any:
    """A part of a predicate that may be of several types, which the data says."""
    return predicate_part(data, structured)


def _predicate(data: Any) -> Predicate:
    found = data if isinstance(data, Predicate) else _part(_mapping(data))
    if not isinstance(found, Predicate):
        raise InvalidInput.of("is", "is no kind of predicate")
    return found


def _only(cls: type, data: Any) -> Any:
    if not isinstance(data, cls):
        raise InvalidInput.of("", f"must be {cls.__name__}")
    return data


def _whole(data: Any) -> int:
    match data:
        case bool():
            pass
        case int():
            return data
        case float() if data.is_integer():
            return int(data)
        # Bounds first: all digits of an exponent would be written out.
        case Decimal() if data.is_finite() and data.adjusted() < WIDEST:
            if data == data.to_integral_value():
                return int(data)
    raise InvalidInput.of("", "must be a whole number")


def _float(data: Any) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float | Decimal):
        raise InvalidInput.of("", "must be a number")
    try:
        return float(data)
    except (OverflowError, ValueError):
        raise InvalidInput.of("", "is beyond what a number with a point can be") from None


def _decimal(data: Any) -> Decimal:
    return number(str(data) if isinstance(data, float) else data, "")


def instant_of(data: Any) -> datetime:
    """An instant, or the one that ISO text with an offset stands for."""
    if isinstance(data, datetime):
        return data
    try:
        return datetime.fromisoformat(data)
    except (TypeError, ValueError):
        raise InvalidInput.of("", "is no instant in ISO 8601 form") from None


def _day(data: Any) -> date:
    if type(data) is date:
        return data
    try:
        return date.fromisoformat(data if isinstance(data, str) else "")
    except ValueError:
        raise InvalidInput.of("", "is no date in ISO 8601 form") from None


SCALAR_READERS: dict[Any, Read] = {
    int: _whole,
    float: _float,
    Decimal: _decimal,
    datetime: instant_of,
    date: _day,
    UUID: lambda data: as_id(data, ""),
}
