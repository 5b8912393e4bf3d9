"""Instants: aware datetimes in UTC, to the millisecond, from year 1000 to year 9999.

The range and the precision are what every backend keeps exactly: Mongo stores milliseconds and
MariaDB starts at year 1000. A naive datetime is refused, because it names no instant.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from crmcore.domain.errors import InvalidInput

__all__ = [
    "EARLIEST", "LATEST", "MILLISECOND", "from_millis", "instant", "optional_instant", "start_of",
    "to_millis", "zone_named",
]  # fmt: skip

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1000, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
LONGEST_NAME = 80
OUT_OF_RANGE = "must lie in the years 1000 to 9999"


def instant(value: datetime, path: str = "at") -> datetime:
    """`value` in UTC, cut to the millisecond; naive or out of range is refused, at `path`."""
    if type(value) is not datetime or value.tzinfo is not UTC:
        value = _in_utc(value, path)
    if rest := value.microsecond % 1000:
        value = value.replace(microsecond=value.microsecond - rest)
    if value.year < EARLIEST.year:
        raise InvalidInput.of(path, OUT_OF_RANGE)
    return value


def optional_instant(value: datetime | None, path: str = "at") -> datetime | None:
    """`instant`, or `None` where it is not known."""
    return None if value is None else instant(value, path)


def _in_utc(value: datetime, path: str) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidInput.of(path, "must be a datetime with a time zone")
    try:
        value = value.astimezone(UTC)
    except OverflowError:
        raise InvalidInput.of(path, OUT_OF_RANGE) from None
    if type(value) is datetime:
        return value
    # A subclass (pandas.Timestamp...) may know finer units than those that are kept.
    return datetime.combine(value.date(), value.time(), tzinfo=UTC)


def to_millis(at: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC, exact."""
    since = at - EPOCH  # in whole numbers: dividing it takes as long again
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def from_millis(millis: int) -> datetime:
    """The instant that `to_millis` counted."""
    return EPOCH + MILLISECOND * millis


def zone_named(name: str) -> ZoneInfo:
    """The IANA time zone called `name`; an unknown one is refused."""
    known = isinstance(name, str) and len(name) <= LONGEST_NAME
    found = _zone_named(name) if known else None
    if found is None:
        raise InvalidInput.of("zone", "is no IANA time zone known here")
    return found


@lru_cache(maxsize=1024)  # more than there are: a question in the customers' zones asks for all
def _zone_named(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # they quote the name, so none of them is chained
        return None


def start_of(day: date, *, zone: str) -> datetime:
    """The first instant of `day` in `zone`, as an instant: the first at which the date there is
    `day`, or a later one, since clocks that are put forward may pass over midnight, or a day.
    """
    known = zone_named(zone)
    midnight = datetime.combine(day, time(), tzinfo=known)
    found = midnight.astimezone(UTC)
    if found.astimezone(known).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return instant(found)
    # Midnight was passed over: `found` is so long after the change as clocks showed before it.
    before = midnight.replace(fold=1).astimezone(UTC)
    while found - before > MILLISECOND:
        middle = before + (found - before) // 2
        if middle.astimezone(known).date() < day:
            before = middle
        else:
            found = middle
    return instant(found)
