"""Host attributes: what a host wants to know of its customers beyond the library's own fields.

Each has a declared type, and each value its source and its date (S4).
"""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import PERSONAL, SCALARS, FieldType
from crmcore.domain.instants import instant
from crmcore.domain.money import EXACT, Money
from crmcore.domain.text import checked_text, optional_text, symbol

__all__ = [
    "LIMIT",
    "AttributeType",
    "AttributeValue",
    "Scalar",
    "scalar_type",
    "six_places",
    "storable",
]

Scalar = str | int | float | bool | Decimal | date | datetime | Money

LIMIT = 2**53
SIX_PLACES = Decimal("0.000001")
LARGEST = Decimal(LIMIT) / 10**6


def _scalar(_: Any, attribute: attrs.Attribute[Any], value: FieldType) -> None:
    if value in (FieldType.NESTED, FieldType.TEXT_SET, FieldType.ID):
        raise InvalidInput.of(attribute.name, "is none of the eight scalar types")


@attrs.frozen
class AttributeType:
    """An attribute the model declares: `AttributeType("favourite_seat", "text")`.

    `type` is one of the eight scalar types: text, integer, float, decimal (six places at most),
    boolean, date, instant, money. `personal` marks it for masking and erasure; `indexed` asks the
    backend for an index.
    """

    name: str = attrs.field(validator=symbol)
    type: FieldType = attrs.field(
        converter=FieldType,
        validator=_scalar,
    )
    personal: bool = attrs.field(default=False, kw_only=True)
    indexed: bool = attrs.field(default=False, kw_only=True)


@attrs.frozen
class AttributeValue:
    """The value of one attribute, where it is from and since when it is known.

    Only the model knows which attributes are personal, so here every value is marked as such.
    """

    name: str = attrs.field(validator=symbol)
    value: Scalar = attrs.field(repr=False, metadata=PERSONAL)
    source: str | None = attrs.field(default=None, validator=optional_text(80))
    at: datetime = attrs.field(kw_only=True, converter=instant)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "value", storable(self.value))


def scalar_type(value: object) -> FieldType:
    """The field type of a Python value; `InvalidInput` if it is none of the eight."""
    found = SCALARS.get(type(value))
    if found is None or found is FieldType.ID:
        raise InvalidInput.of("value", f"{type(value).__name__} is no attribute type")
    return found


def storable(value: Scalar) -> Scalar:
    """`value` as every store keeps it exactly; what cannot be kept is refused."""
    kind = scalar_type(value)
    if kind is FieldType.TEXT:
        return checked_text(value, "value", 10_000)
    if isinstance(value, datetime):
        return instant(value, "value")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput.of("value", "must be a finite number")
        return value + 0.0  # minus zero is zero: not every store keeps its sign
    if isinstance(value, int) and not -LIMIT < value < LIMIT:
        raise InvalidInput.of("value", "is beyond 2**53")
    if isinstance(value, Decimal):
        return six_places(value, "value")
    return value


def six_places(value: Decimal, path: str) -> Decimal:
    """`value` with at most six decimal places, below 2**53 millionths; else `InvalidInput`."""
    if not isinstance(value, Decimal) or not value.is_finite() or not -LARGEST < value < LARGEST:
        raise InvalidInput.of(path, "must be a finite decimal below 2**53 millionths")
    if value != EXACT.quantize(value, SIX_PLACES):
        raise InvalidInput.of(path, "has more than six decimal places")
    return value
