"""Periods of a loyalty programme, on its calendar and in its zone.

A period begins and ends with the first instant of a local day, so a day on which clocks change
belongs to it whole, and who joined on the 29th of February has the 28th in other years.
"""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import LATEST, instant, start_of, zone_named
from crmcore.domain.text import Words

__all__ = [
    "Anniversary", "Calendar", "Expiry", "ExpiryEnd", "Fixed", "Qualifying", "Rolling",
    "months_later",
]  # fmt: skip

LONGEST = 1_200


def months_later(day: date, months: int) -> date:
    """The same day so many months later (or earlier, below zero), or the month's last one."""
    count = day.year * 12 + day.month - 1 + months
    year, month = divmod(count, 12)
    if not 1 <= year <= 9999:
        raise InvalidInput.of("at", "must lie in the years 1000 to 9999")
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _months(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not int or not 0 < value <= LONGEST:
        raise InvalidInput.of(attribute.name, f"must be a number of months from 1 to {LONGEST}")


def _month(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if type(value) is not int or not 1 <= value <= 12:
        raise InvalidInput.of(attribute.name, "must be a month from 1 to 12")


def _local_day(at: datetime, zone: str) -> date:
    try:
        return at.astimezone(zone_named(zone)).date()
    except OverflowError:
        return date.max  # the day behind the last one there is


def _later(day: date, months: int) -> date:
    """`months_later`; beyond the last day there is, that one."""
    return date.max if day.year + months // 12 >= 9999 else months_later(day, months)


@lru_cache(maxsize=4096)  # of millions of members, hardly more days than a programme is old
def _begins(day: date, zone: str) -> datetime:
    """The first instant of a local day; beyond the last one there is, that one."""
    return LATEST if day.year >= 9999 else start_of(day, zone=zone)


def _behind(day: date, zone: str) -> datetime:
    """The first instant behind a local day."""
    return LATEST if day.year >= 9999 else _begins(day + timedelta(days=1), zone)


@lru_cache(maxsize=4096)
def _stretch(month: int, months: int, zone: str) -> tuple[datetime, datetime]:
    """Begin and end of so many months from one on, which is counted from the year 0."""
    begin = date(month // 12, month % 12 + 1, 1)
    return _begins(begin, zone), _begins(_later(begin, months), zone)


@attrs.frozen
class Fixed:
    """One period, from `since` to before `until`. Nothing outside it qualifies."""

    since: datetime = attrs.field(converter=instant)
    until: datetime = attrs.field(converter=instant)

    def __attrs_post_init__(self) -> None:
        if self.since >= self.until:
            raise InvalidInput.of("until", "must be behind since")

    def period(self, at: datetime, joined: datetime, zone: str) -> tuple[datetime, datetime]:
        """Begin and end of the period that an instant counts in: the instant itself outside it."""
        return (self.since, self.until) if self.since <= at < self.until else (at, at)


@attrs.frozen
class Calendar:
    """Periods of so many months, the first of a year beginning with `month`: calendar years
    without a word. 12 is a multiple of the months, or the other way round.
    """

    months: int = attrs.field(default=12, validator=_months)
    month: int = attrs.field(default=1, kw_only=True, validator=_month)

    def __attrs_post_init__(self) -> None:
        if 12 % self.months and self.months % 12:
            raise InvalidInput.of("months", "must divide a year, or be whole years")

    def period(self, at: datetime, joined: datetime, zone: str) -> tuple[datetime, datetime]:
        """Begin and end of the period that an instant lies in."""
        # The month in UTC is most often the local one too, and the stretch says whether it is.
        begin, end = self._around(at, zone)
        return (begin, end) if begin <= at < end else self._around(_local_day(at, zone), zone)

    def _around(self, day: date, zone: str) -> tuple[datetime, datetime]:
        count = day.year * 12 + day.month - self.month
        return _stretch(count - count % self.months + self.month - 1, self.months, zone)


@attrs.frozen
class Anniversary:
    """Periods of so many months from the day on which the member joined."""

    months: int = attrs.field(default=12, validator=_months)

    def period(self, at: datetime, joined: datetime, zone: str) -> tuple[datetime, datetime]:
        """Begin and end of the period that an instant lies in; before joining, the one before."""
        day, first = _local_day(at, zone), _local_day(joined, zone)
        passed = (day.year - first.year) * 12 + day.month - first.month
        nth = passed // self.months
        if months_later(first, nth * self.months) > day:
            nth -= 1
        return (
            _begins(months_later(first, nth * self.months), zone),
            _begins(_later(first, (nth + 1) * self.months), zone),
        )


@attrs.frozen
class Rolling:
    """The last so many months, at every instant: a day counts until the same day so much later."""

    months: int = attrs.field(default=12, validator=_months)

    def leaves(self, at: datetime, zone: str) -> datetime:
        """When what happened at an instant no longer counts."""
        return _behind(_later(_local_day(at, zone), self.months), zone)


Qualifying = Fixed | Calendar | Anniversary | Rolling
"""Over which period a tier is qualified for."""


class ExpiryEnd(Words):
    """When what was gained ends."""

    END_OF_PERIOD = "end_of_period"
    END_OF_NEXT_PERIOD = "end_of_next_period"
    AFTER = "after"
    NEVER = "never"


@attrs.frozen
class Expiry:
    """Ends with the `window`'s period in which it was gained (`end_of_period`), with the one behind
    it (`end_of_next_period`), `after` so many `months`, that day included, or `never`.
    """

    ends: ExpiryEnd = attrs.field(converter=ExpiryEnd)
    months: int | None = attrs.field(default=None)

    def __attrs_post_init__(self) -> None:
        if self.ends is ExpiryEnd.AFTER:
            _months(self, attrs.fields(Expiry).months, self.months)
        elif self.months is not None:
            raise InvalidInput.of("months", "goes with after alone")

    @property
    def ends_with_period(self) -> bool:
        """Does it end with a period of the window?"""
        return self.ends in (ExpiryEnd.END_OF_PERIOD, ExpiryEnd.END_OF_NEXT_PERIOD)

    def end(self, at: datetime, *, window: Qualifying, joined: datetime, zone: str) -> datetime:
        """When what was gained at `at` ends: the first instant at which it no longer is; `LATEST`
        where it never does.
        """
        if self.months is not None:
            return _behind(_later(_local_day(at, zone), self.months), zone)
        if self.ends is ExpiryEnd.NEVER or isinstance(window, Rolling):
            return LATEST
        _, end = window.period(at, joined, zone)
        if self.ends is ExpiryEnd.END_OF_NEXT_PERIOD and end != LATEST:
            if isinstance(window, Fixed):
                return end + min(end - window.since, LATEST - end) if end > at else end
            _, end = window.period(end, joined, zone)
        return end
