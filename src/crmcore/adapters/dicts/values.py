"""Values: how each single value stands in a dictionary, how it is read, and its JSON Schema.

Ids and words are text, instants ISO 8601 with their offset, decimals text, money its amount in
major units as text beside the currency. Where a value may be of any type (a host attribute, the
right side of a comparison), one that JSON does not tell by itself says it:
`{"date": "2026-03-01"}`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

import attrs

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.fields import SCALARS, FieldType
from crmcore.domain.ids import as_id
from crmcore.domain.instants import instant
from crmcore.domain.money import DatedRates, Money, number
from crmcore.domain.text import NAME

__all__ = [
    "ANY_JSON",
    "JSON_OBJECT",
    "PLAIN",
    "SCALAR",
    "Plain",
    "an_object",
    "each",
    "plain_scalar",
    "read_into",
    "unknown_keys",
]

T = TypeVar("T")
LONGEST = 40

AN_INSTANT = "must be an instant, as text with its offset: 2026-03-01T12:00:00+00:00"
A_DATE = "must be a date, as text: 2026-03-01"
AN_ID = "must be an id: the text of a UUID"


@attrs.frozen
class Plain:
    """One type of value: how it is written (`None`: as it is) and read, and its JSON Schema."""

    write: Callable[[Any], Any] | None
    read: Callable[[Any], Any]
    schema: Mapping[str, Any]


def an_object(data: Any) -> Mapping[str, Any]:
    """`data` if it has keys; else `InvalidInput`."""
    if not isinstance(data, Mapping):
        raise InvalidInput.of("", "must be an object with keys")
    return data


def unknown_keys(data: Mapping[Any, Any], known: Iterable[str]) -> list[Fault]:
    """A fault for each key that is not known. One that could not be a field's name is not told:
    it may be a personal value.
    """
    names, faults = list(known), []
    for key in data:
        if key in names:
            continue
        if not isinstance(key, str) or len(key) > LONGEST or not NAME.fullmatch(key.lower()):
            faults.append(Fault("", "has a key that is no name of a field"))
            continue
        near = get_close_matches(key, names, n=1)
        faults.append(Fault(key, "is not known" + (f"; did you mean {near[0]}?" if near else "")))
    return faults


def read_into(
    found: dict[str, Any], faults: list[Fault], name: str, read: Callable[[Any], Any], value: Any
) -> None:
    """Put what `read` makes of the value under `name`, or add what is wrong with it."""
    try:
        found[name] = read(value)
    except InvalidInput as error:
        faults += error.under(name).faults


def each(values: Any, read: Callable[[Any], T]) -> tuple[T, ...]:
    """All of a list, read one by one; faults say the place."""
    if not isinstance(values, list | tuple):
        raise InvalidInput.of("", "must be a list")
    found, faults = [], list[Fault]()
    for index, value in enumerate(values):
        try:
            found.append(read(value))
        except InvalidInput as error:
            faults += error.under(f"[{index}]").faults
    if faults:
        raise InvalidInput(tuple(faults))
    return tuple(found)


def _of_type(cls: type[Any], reason: str) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is not cls and not (cls is str and isinstance(value, str)):
            raise InvalidInput.of("", reason)
        return value

    return read


def _float(value: Any) -> float:
    if type(value) is int and abs(value) < 2**1000:
        return float(value)
    if type(value) is not float or not math.isfinite(value):
        raise InvalidInput.of("", "must be a finite number")
    return value


def _parsed(parse: Callable[[str], T], value: Any, reason: str) -> T:
    if isinstance(value, str) and len(value) <= LONGEST:
        try:
            return parse(value)
        except ValueError:
            pass  # its message quotes the value
    raise InvalidInput.of("", reason)


def _instant(value: Any) -> datetime:
    found = _parsed(datetime.fromisoformat, value, AN_INSTANT)
    if found.tzinfo is None:
        raise InvalidInput.of("", AN_INSTANT)
    return instant(found, "")


def _id(value: Any) -> UUID:
    if not isinstance(value, str):
        raise InvalidInput.of("", AN_ID)
    try:
        return as_id(value, "")
    except InvalidInput:
        raise InvalidInput.of("", AN_ID) from None


def _decimal(value: Any) -> Decimal:
    if isinstance(value, Decimal):
        raise InvalidInput.of("", "must be a decimal, as text")
    return number(value, "")


def _decimal_text(value: Decimal) -> str:
    return (
        format(value, "f") if value.is_finite() and abs(value.adjusted()) < LONGEST else str(value)
    )


def _money_dict(money: Money) -> dict[str, str]:
    return {"amount": str(money.amount), "currency": money.currency}


def _money(value: Any) -> Money:
    data = an_object(value)
    faults = unknown_keys(data, ("amount", "currency"))
    faults += [Fault(n, "is missing") for n in ("amount", "currency") if n not in data]
    if faults:
        raise InvalidInput(tuple(faults))
    amount = data["amount"]
    if isinstance(amount, Decimal | float):
        raise InvalidInput.of("amount", "must be text, or a whole number: 12.50 is no float")
    return Money(amount, data["currency"])


def _idle_dict(value: timedelta) -> dict[str, int]:
    parts = {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}
    return {name: part for name, part in parts.items() if part or name == "days"}


def _duration(value: Any) -> timedelta:
    data = an_object(value)
    faults = unknown_keys(data, ("days", "seconds", "microseconds"))
    faults += [
        Fault(name, "must be a whole number, not negative")
        for name in ("days", "seconds", "microseconds")
        if type(data.get(name, 0)) is not int or not 0 <= data.get(name, 0) < 2**53
    ]
    if faults:
        raise InvalidInput(tuple(faults))
    try:
        return timedelta(**data)
    except OverflowError:
        raise InvalidInput.of("days", "is too long") from None


def _rates_dict(rates: DatedRates) -> dict[str, Any]:
    return {
        "table": [
            {"currency": of, "into": into, "on": on.isoformat(), "rate": _decimal_text(rate)}
            for (of, into, on), rate in rates.table.items()
        ]
    }


def _rate(value: Any) -> tuple[tuple[str, str, date], Decimal]:
    data = an_object(value)
    types = {"currency": str, "into": str, "on": date, "rate": Decimal}
    found: dict[str, Any] = {}
    faults = unknown_keys(data, types)
    for name, cls in types.items():
        if name in data:
            read_into(found, faults, name, PLAIN[cls].read, data[name])
        else:
            faults.append(Fault(name, "is missing"))
    if faults:
        raise InvalidInput(tuple(faults))
    return (found["currency"], found["into"], found["on"]), found["rate"]


def _rates(value: Any) -> DatedRates:
    data = an_object(value)
    if faults := unknown_keys(data, ("table",)):
        raise InvalidInput(tuple(faults))
    try:
        rows = each(data.get("table", []), _rate)
    except InvalidInput as error:
        raise error.under("table") from None
    return DatedRates(dict(rows))


def plain_scalar(value: Any) -> Any:
    """A value of any scalar type, which says its type where JSON does not."""
    if isinstance(value, Enum):
        value = value.value
    kind = SCALARS.get(type(value))
    if kind is None:
        raise InvalidInput.of("", f"{type(value).__name__} has no dictionary form")
    if isinstance(value, datetime):
        value = instant(value, "")
    if isinstance(value, float):
        return _float(value)
    if kind in BY_ITSELF:
        return value
    write = PLAIN[type(value)].write
    plain = value if write is None else write(value)
    return plain if kind is FieldType.MONEY else {kind.value: plain}


BY_ITSELF = (FieldType.TEXT, FieldType.INTEGER, FieldType.FLOAT, FieldType.BOOLEAN)


def _scalar(value: Any) -> Any:
    if isinstance(value, Mapping):
        kind = TAGGED.get(next(iter(value))) if len(value) == 1 else None
        if kind is None:
            return _money(value)
        found: dict[str, Any] = {}
        faults: list[Fault] = []
        ((name, plain),) = value.items()
        read_into(found, faults, name, kind.read, plain)
        if faults:
            raise InvalidInput(tuple(faults))
        return found[name]
    if type(value) not in (str, int, float, bool):
        raise InvalidInput.of("", "must be text, a number, true, false, money, or say its type")
    return _float(value) if isinstance(value, float) else value


def _json(value: Any) -> Any:
    """Anything that JSON holds, copied."""
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, list | tuple):
        return list(each(value, _json))
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidInput.of("", "must have text for keys")
        return {key: _json(inner) for key, inner in value.items()}
    raise InvalidInput.of("", "must be what JSON can hold")


TEXT = {"type": "string"}
PLAIN: Mapping[Any, Plain] = {
    str: Plain(None, _of_type(str, "must be text"), TEXT),
    int: Plain(None, _of_type(int, "must be a whole number"), {"type": "integer"}),
    bool: Plain(None, _of_type(bool, "must be true or false"), {"type": "boolean"}),
    float: Plain(None, _float, {"type": "number"}),
    UUID: Plain(str, _id, TEXT | {"format": "uuid"}),
    datetime: Plain(datetime.isoformat, _instant, TEXT | {"format": "date-time"}),
    date: Plain(
        date.isoformat,
        lambda value: _parsed(date.fromisoformat, value, A_DATE),
        TEXT | {"format": "date"},
    ),
    Decimal: Plain(_decimal_text, _decimal, {"type": ["string", "integer"], "format": "decimal"}),
    timedelta: Plain(
        _idle_dict,
        _duration,
        {
            "type": "object",
            "properties": {
                name: {"type": "integer", "minimum": 0}
                for name in ("days", "seconds", "microseconds")
            },
            "additionalProperties": False,
        },
    ),
    Money: Plain(
        _money_dict,
        _money,
        {
            "title": "Money",
            "type": "object",
            "properties": {
                "amount": {"type": ["string", "integer"], "examples": ["12.50"]},
                "currency": TEXT | {"examples": ["EUR"]},
            },
            "required": ["amount", "currency"],
            "additionalProperties": False,
        },
    ),
    DatedRates: Plain(
        _rates_dict,
        _rates,
        {
            "title": "DatedRates",
            "type": "object",
            "properties": {"table": {"type": "array", "items": {"type": "object"}}},
            "additionalProperties": False,
        },
    ),
}
"""By class, what is one value rather than an object of fields."""

TAGGED: Mapping[str, Plain] = {
    kind.value: PLAIN[cls] for cls, kind in SCALARS.items() if kind is not FieldType.MONEY
}

SCALAR: Plain = Plain(
    plain_scalar,
    _scalar,
    {
        "description": 'What JSON does not tell by itself says its type: {"date": "2026-03-01"}.',
        "anyOf": [
            {"type": ["string", "number", "boolean"]},
            PLAIN[Money].schema,
            {
                "type": "object",
                "properties": {name: plain.schema for name, plain in TAGGED.items()},
                "additionalProperties": False,
            },
        ],
    },
)
"""A value of any of the eight attribute types."""

ANY_JSON: Plain = Plain(_json, _json, {})
"""Plain data of any shape."""

JSON_OBJECT: Plain = Plain(_json, lambda value: _json(an_object(value)), {"type": "object"})
"""Plain data with keys."""
