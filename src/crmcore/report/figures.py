"""How figures are written: with thousands separators, in the currency's digits, in plain English.

Nothing here asks for the locale of the machine, so the same report is the same file everywhere.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from crmcore.domain.currencies import minor_digits
from crmcore.domain.instants import zone_named

__all__ = [
    "MONTHS",
    "brief",
    "chance",
    "counted",
    "day_of",
    "listed",
    "moment",
    "money",
    "month_of",
    "percent",
    "until",
    "weeks",
    "whole",
    "words",
]  # fmt: skip

EPOCH = date(1970, 1, 1)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def whole(number: int) -> str:
    """1234567 is `1,234,567`."""
    return f"{number:,}"


def counted(number: int, what: str) -> str:
    """`1 customer`, `2 customers`, `3 purchases`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def percent(part: float, of: float = 1.0) -> str:
    """`part` of `of`: no more digits than tell something, and never 0% of something nor 100% of
    not all.
    """
    if of <= 0:
        return "0%"
    share = part / of
    if 0 < share < 0.001:
        return "under 0.1%"
    if 0.995 <= share < 1:
        return "over 99.9%" if share > 0.999 else f"{min(share, 0.999):.1%}"
    return f"{share:.1%}" if 0 < share < 0.0995 else f"{share:.0%}"


def chance(probability: float) -> str:
    """A probability in whole percent; what is not certain is never written as if it were."""
    if 0 < probability < 0.005:
        return "<1%"
    return ">99%" if 0.995 < probability < 1 else f"{probability:.0%}"


def money(minor: int, currency: str) -> str:
    """Minor units in the currency's own digits: `1,234.50 EUR`, `1,234 JPY`."""
    digits = minor_digits(currency)
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    major, rest = divmod(minor, 10**digits)
    return f"{sign}{major:,}{f'.{rest:0{digits}d}' if digits else ''} {currency}"


def brief(number: float, *, thousands: float = 1e4) -> str:
    """For an axis: 0.5, 20, 1,500, 20k, 1.5M, 2B; `thousands` is where `k` begins."""
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= max(size, thousands):
            return f"{round(number / size, 2):,.10g}{letter}"
    return f"{round(number, 4):,.10g}"


def day_of(days: int) -> str:
    """The day that lies `days` after 1970-01-01: `3 January 1997`."""
    day = EPOCH + timedelta(days=days)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def month_of(months: int, *, full: bool = False) -> str:
    """The month that lies `months` after January 1970: `Jan 1997`, or in full."""
    year, month = divmod(months, 12)
    name = MONTHS[month] if full else MONTHS[month][:3]
    return f"{name} {1970 + year}"


def moment(at: datetime, zone: str) -> str:
    """An instant on the clocks of `zone`: `3 January 1997, 09:30`."""
    local = at.astimezone(zone_named(zone))
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}, {local:%H:%M}"


def until(at: datetime, zone: str) -> str:
    """The instant before which all counts; midnight is the end of the day before: `24:00`."""
    local = at.astimezone(zone_named(zone))
    if (local.hour, local.minute, local.second, local.microsecond) != (0, 0, 0, 0):
        return moment(at, zone)
    return f"{moment(at - timedelta(hours=1), zone).rpartition(',')[0]}, 24:00"


def weeks(days: int) -> str:
    """How long ago: in days up to two weeks, then in weeks."""
    return counted(days, "day") if days < 14 else counted(days // 7, "week")


def listed(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else "".join(parts)


def words(name: str) -> str:
    """A declared name as words: `won_back` is `won back`."""
    return name.replace("_", " ")
