"""Relative instants and days: `ago(days=90)`, `start_of("month")`, told apart only when asked.

"More than 90 days ago" and "this month" are questions about an instant that moves. A predicate
keeps them as data; what instant or day they stand for follows from when it is asked, in the zone
of the model or of the customer. Days, weeks, months and years go by the local calendar: a month
before 31 March is the last day of February, and a day is as long as it is there. Hours are exact.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import instant, start_of, zone_named
from crmcore.domain.text import Words

__all__ = ["Period", "Relative", "Unit", "Zone", "day_of", "instant_of"]

LONGEST = 100_000


class Zone(Words):
    """Whose local days: those of the model's zone, or of each customer's own.

    A customer without a zone has the model's; so has one whose zone is no name of the IANA list.
    """

    MODEL = "model"
    CUSTOMER = "customer"


class Period(Words):
    """A stretch of the local calendar; weeks begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Unit(Words):
    """By what a relative instant is shifted."""

    HOURS = "hours"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


def _shift(_: Relative, attribute: attrs.Attribute[int], value: int) -> None:
    if type(value) is not int or not -LONGEST <= value <= LONGEST:
        raise InvalidInput.of(attribute.name, f"must be a whole number within {LONGEST:,}")


@attrs.frozen
class Relative:
    """The instant of asking, or where its `period` began there, `shift` units further on."""

    shift: int = attrs.field(default=0, validator=_shift)
    unit: Unit = attrs.field(default=Unit.DAYS, converter=Unit)
    period: Period | None = attrs.field(default=None, converter=attrs.converters.optional(Period))
    zone: Zone = attrs.field(default=Zone.MODEL, converter=Zone)

    def __attrs_post_init__(self) -> None:
        if self.period is not None and self.unit is Unit.HOURS:
            raise InvalidInput.of("unit", "a period is shifted by days, weeks, months or years")

    @property
    def is_exact(self) -> bool:
        """Does it stand for the same instant in every zone?"""
        return self.period is None and (self.unit is Unit.HOURS or not self.shift)


def instant_of(value: Relative, *, at: datetime, zone: str) -> datetime:
    """The instant that `value` stands for, asked at `at` by who lives in `zone`; beyond the
    calendar it is `InvalidInput`.
    """
    try:
        if value.period is None and value.unit is Unit.HOURS:
            return instant(at + timedelta(hours=value.shift))
        local = at.astimezone(zone_named(zone))
        if value.period is not None:
            return start_of(_shifted(_began(local.date(), value.period), value), zone=zone)
        if not value.shift:
            return at
        day = _shifted(local.date(), value)
        moved = datetime.combine(day, local.timetz().replace(fold=0))
        return instant(moved.astimezone(UTC))
    except (OverflowError, ValueError):
        raise InvalidInput.of("", "lies beyond the calendar") from None


def day_of(value: Relative, *, at: datetime, zone: str) -> date:
    """The day that `value` stands for there; shifted by hours it is `InvalidInput`."""
    if value.unit is Unit.HOURS and value.shift:
        raise InvalidInput.of("unit", "a day is not shifted by hours")
    try:
        day = at.astimezone(zone_named(zone)).date()
        return _shifted(day if value.period is None else _began(day, value.period), value)
    except (OverflowError, ValueError):
        raise InvalidInput.of("", "lies beyond the calendar") from None


def _began(day: date, period: Period) -> date:
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day - timedelta(days=day.weekday())
        case Period.MONTH:
            return day.replace(day=1)
        case Period.QUARTER:
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    return day.replace(month=1, day=1)


def _shifted(day: date, value: Relative) -> date:
    match value.unit:
        case Unit.MONTHS:
            return _months_on(day, value.shift)
        case Unit.YEARS:
            return _months_on(day, 12 * value.shift)
        case Unit.WEEKS:
            return day + timedelta(weeks=value.shift)
    return day + timedelta(days=value.shift)


def _months_on(day: date, months: int) -> date:
    """As many months on, on the last day of a month that is too short."""
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
