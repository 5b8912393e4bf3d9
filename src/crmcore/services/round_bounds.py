"""Bounds that read well: between two neighbouring values every bound divides the same people, so
the roundest is taken: 500.00 rather than 487.13, the first of a month rather than an instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from math import floor
from typing import Any

from crmcore.domain.fields import Field, FieldType
from crmcore.domain.instants import from_millis, to_millis, zone_named
from crmcore.domain.model import Model
from crmcore.services.profile_columns import value_of

__all__ = ["at_least"]


def at_least(field: Field, *, below: float, above: float, model: Model) -> Any:
    """The roundest value `v` of the field with `below < v <= above`, numbers as the columns have
    them: in the model's zone, of instants and dates the earliest of a year, month, day...
    """
    match field.type:
        case FieldType.INSTANT:
            for at in _begins(from_millis(int(above)), model.zone):
                if below < to_millis(at) <= above:
                    return at
            return from_millis(int(above))
        case FieldType.DATE:
            day = date.fromordinal(int(above))
            days = (day.replace(month=1, day=1), day.replace(day=1), day)
            return next(found for found in days if found.toordinal() > below)
        case FieldType.FLOAT:
            return _round_float(below, above)
    whole = _round_whole(int(below), int(above))
    return whole if field.type is FieldType.INTEGER else value_of(field, whole, model.currency)


def _steps() -> Iterator[int]:
    for power in range(18, -1, -1):
        yield 5 * 10**power
        yield 10**power


def _round_whole(below: int, above: int) -> int:
    """The multiple of the greatest 1, 5, 10, 50... that lies above `below`, to `above`."""
    for step in _steps():
        found = above // step * step
        if found > below:
            return found
    return above


def _round_float(below: float, above: float) -> float:
    for power in range(18, -18, -1):
        for step in (Decimal(5).scaleb(power), Decimal(1).scaleb(power)):
            times = Decimal(above) / step
            if abs(times) < 10**17:
                found = float(floor(times) * step)
                if below < found <= above:
                    return found
    return above


def _begins(at: datetime, zone: str) -> Iterator[datetime]:
    """When the year, month, day, hour, minute and second began that `at` lies in."""
    local = at.astimezone(zone_named(zone))
    whole = local.replace(microsecond=0)
    day = whole.replace(hour=0, minute=0, second=0, fold=0)
    starts = (
        day.replace(month=1, day=1), day.replace(day=1), day,
        whole.replace(minute=0, second=0), whole.replace(second=0), whole,
    )  # fmt: skip
    for start in starts:
        yield start.astimezone(at.tzinfo)
