"""The calendar of a programme as one counts it by hand: no function of the library is used."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crmcore.testing.contract.loyalty_draws import Given, Version

__all__ = [
    "DAY",
    "LATE",
    "after",
    "begin",
    "days_later",
    "end_of",
    "leaves",
    "local",
    "period",
]

DAY = timedelta(days=1)
LATE = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
"""Without an end."""


def local(at: datetime, zone: str) -> date:
    """The day that it is there."""
    return at.astimezone(ZoneInfo(zone)).date()


def begin(day: date, zone: str) -> datetime:
    """When that day begins there; none of these zones passes over midnight."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def after(day: date, months: int) -> date:
    """The same day so many months later, one month at a time."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def leaves(at: datetime, months: int, zone: str) -> datetime:
    """When the day so many months later is over."""
    return begin(after(local(at, zone), months) + DAY, zone)


def days_later(at: datetime, days: int, zone: str) -> datetime:
    """So many days later, as long after the day begins as now."""
    day = local(at, zone)
    return begin(day + days * DAY, zone) + (at - begin(day, zone))


def period(
    known: Version, at: datetime, joined: datetime, zone: str
) -> tuple[datetime, datetime] | None:
    """The period that an instant lies in, found by walking along all of them; `None` outside."""
    kind, *how = known.window
    if kind == "fixed":
        return (how[0], how[1]) if how[0] <= at < how[1] else None
    first = local(joined, zone) if kind == "anniversary" else date(2020, how[1], 1)
    nth = 0
    while True:
        since, until = after(first, nth * how[0]), after(first, (nth + 1) * how[0])
        if since <= local(at, zone) < until:
            return begin(since, zone), begin(until, zone)
        nth += 1


def end_of(
    given: Given, expiry: tuple[str, int | None], at: datetime, joined: datetime
) -> datetime:
    """When what was gained then ends."""
    ends, months = expiry
    if months is not None:
        return leaves(at, months, given.zone)
    if ends == "never":
        return LATE
    known = given.at(at)
    found = period(known, at, joined, given.zone)
    if found is None:
        return at
    since, until = found
    if ends == "end_of_period":
        return until
    if known.window[0] == "fixed":
        return until + (until - since)
    behind = period(known, until, joined, given.zone)
    assert behind is not None
    return behind[1]
