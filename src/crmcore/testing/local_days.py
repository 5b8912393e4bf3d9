"""The local calendar, worked out again: which instant a day begins at, and what `ago` stands for.

It imports nothing of crmcore, so that it cannot share its mistakes, and asks of a zone one thing
only: how far its clocks are from UTC at an instant. From that it lays out the stretches of time
between two changes of the clocks, and looks in them for the first instant that fits.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

__all__ = ["anniversary", "day_meant", "moment_meant", "today", "zone_of"]

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
AROUND = 72
"""Hours before and behind a day in which the clocks are looked at; no change takes longer."""

FIRST, LAST = datetime(1, 1, 9), datetime(9999, 12, 23)  # noqa: DTZ001  as all here
"""What the days around still lie in the calendar of."""

Stretch = tuple[datetime, datetime, timedelta]
"""From an instant to the next change of the clocks, and by how much they are ahead of UTC."""


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_of(name: str | None, otherwise: str) -> str:
    """A customer's zone, or the model's where theirs is none of the IANA list."""
    return name if name in _names() else otherwise


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _ahead(at: datetime, zone: str) -> timedelta:
    """By how much the clocks are ahead of UTC; `at` is UTC, without saying so."""
    found = at.replace(tzinfo=UTC).astimezone(_zone(zone)).utcoffset()
    assert found is not None
    return found


def _change(before: datetime, after: datetime, zone: str) -> datetime:
    """The instant between the two at which the clocks changed."""
    old = _ahead(before, zone)
    while after - before > SECOND:
        middle = before + timedelta(seconds=(after - before) // SECOND // 2)
        before, after = (middle, after) if _ahead(middle, zone) == old else (before, middle)
    return after


@lru_cache(maxsize=50_000)
def _stretches(day: date, zone: str) -> tuple[Stretch, ...]:
    """The time around a day, as it was cut by changes of the clocks."""
    noon = min(max(datetime.combine(day, time(12)), FIRST), LAST)
    begun = noon - AROUND * HOUR
    found: list[Stretch] = []
    for hour in range(-AROUND, AROUND):
        here, there = noon + hour * HOUR, noon + (hour + 1) * HOUR
        if _ahead(here, zone) != _ahead(there, zone):
            changed = _change(here, there, zone)
            found.append((begun, changed, _ahead(here, zone)))
            begun = changed
    last = noon + AROUND * HOUR
    until = datetime.max if noon == LAST else last  # noqa: DTZ901
    return (*found, (begun, until, _ahead(last, zone)))


def _beginning(day: date, zone: str) -> datetime:
    """The first instant at which the date there is this day, or a later one."""
    midnight = datetime.combine(day, time())
    for begun, changed, ahead in _stretches(day, zone):
        first = max(begun, midnight - ahead)
        if first < changed:
            return first.replace(tzinfo=UTC)
    raise AssertionError("no such day")


def _reading(moment: datetime, zone: str) -> datetime:
    """The first instant at which clocks show this; where they pass over it, what they would have
    shown if they had not been changed.
    """
    stretches = _stretches(moment.date(), zone)
    for begun, changed, ahead in stretches:
        if begun <= moment - ahead < changed:
            return (moment - ahead).replace(tzinfo=UTC)
    before = [ahead for _, changed, ahead in stretches if changed + ahead <= moment]
    return (moment - before[-1]).replace(tzinfo=UTC)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if _is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def anniversary(born: date, year: int) -> date:
    """The day on which someone has their birthday in a year."""
    if (born.month, born.day) == (2, 29) and not _is_leap(year):
        return date(year, 2, 28)
    return date(year, born.month, born.day)


def _shifted(day: date, shift: int, unit: str) -> date:
    if unit in ("days", "weeks"):
        return day + timedelta(days=shift * (7 if unit == "weeks" else 1))
    months = 12 * day.year + day.month - 1 + shift * (12 if unit == "years" else 1)
    year, month = months // 12, months % 12 + 1
    return date(year, month, min(day.day, _days_in(year, month)))


def _began(day: date, period: str) -> date:
    """Where the day, week, month, quarter or year around a day begins."""
    if period == "week":
        return date.fromordinal(day.toordinal() - (day.toordinal() - 1) % 7)
    if period == "day":
        return day
    first = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}
    return date(day.year, first[period], 1)


def _local(at: datetime, zone: str) -> datetime:
    bare = at.astimezone(UTC).replace(tzinfo=None)
    return bare + _ahead(bare, zone)


@lru_cache(maxsize=50_000)
def today(at: datetime, zone: str) -> date:
    """The date there."""
    return _local(at, zone).date()


@lru_cache(maxsize=50_000)
def day_meant(value: Any, at: datetime, zone: str) -> date:
    """The day that a relative value stands for, asked at an instant by who lives there."""
    day = today(at, zone)
    begun = day if value.period is None else _began(day, str(value.period.value))
    return _shifted(begun, value.shift, str(value.unit.value)) if value.shift else begun


@lru_cache(maxsize=50_000)
def moment_meant(value: Any, at: datetime, zone: str) -> datetime:
    """The instant that a relative value stands for, asked at an instant by who lives there."""
    unit = str(value.unit.value)
    if value.period is not None:
        return _beginning(day_meant(value, at, zone), zone)
    if unit == "hours" or not value.shift:
        return at + timedelta(hours=int(value.shift))
    here = _local(at, zone)
    return _reading(datetime.combine(_shifted(here.date(), value.shift, unit), here.time()), zone)
