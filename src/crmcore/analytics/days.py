"""Local days of purchases: from dates, instants or texts to numbers of days since 1970-01-01.

A day is a day of the shop or the programme, so an instant needs the time zone whose calendar
counts. The zone's changes of offset are looked for only on the days that occur, and instants
are then converted all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, IntArray

__all__ = ["Day", "Days", "local_days", "one_day"]

Day: TypeAlias = date | str | np.datetime64
Days: TypeAlias = npt.ArrayLike | Sequence[date] | Sequence[str]

DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = date(1970, 1, 1).toordinal()
FIRST, LAST = (date(2, 1, 1).toordinal() - EPOCH_DAY, date(9998, 12, 31).toordinal() - EPOCH_DAY)
NO_ZONE = "is an instant, and needs zone: whose calendar day is it?"
NOT_A_DAY = "must be a date, an instant or an ISO 8601 text"


def local_days(checks: Checks, path: str, at: Days, zone: str | tzinfo | None) -> IntArray:
    """The local day of each `at`, (n,); faults are noted in `checks`.

    numpy days and Python dates are days already. numpy datetimes of finer unit, and integers
    (milliseconds since 1970), are instants in UTC; Python datetimes and texts with an offset
    are instants too, and without an offset they are local time in `zone`.
    """
    clock = _zone(checks, zone)
    try:
        raw = np.asarray(at)
    except (TypeError, ValueError):
        checks.refuse(path, "must be one sequence of dates or instants")
        return np.zeros(0, np.int64)
    if raw.ndim != 1:
        checks.refuse(path, "must have one dimension")
        return np.zeros(0, np.int64)
    if not len(raw):
        return np.zeros(0, np.int64)
    if raw.dtype.kind == "M":
        unit = np.datetime_data(raw.dtype)[0]
        if unit in ("D", "W", "M", "Y"):
            if unit in ("M", "Y"):
                checks.refuse(path, f"is a calendar {'month' if unit == 'M' else 'year'}, no day")
            return _in_range(checks, path, raw.astype("datetime64[D]").astype(np.int64))
        missing = np.isnat(raw)
        checks.refuse_where(missing, path, "is missing")
        if missing.any():
            return np.zeros(len(raw), np.int64)
        return _of_instants(checks, path, raw.astype("datetime64[ms]").astype(np.int64), clock)
    if raw.dtype.kind in "iu":
        return _of_instants(checks, path, raw.astype(np.int64), clock)
    if raw.dtype.kind == "U" and raw.dtype.itemsize == 40:
        letters = raw.view("U1").reshape(len(raw), 10)
        if (letters[:, [4, 7]] == "-").all():
            try:
                days = raw.astype("datetime64[D]")
            except ValueError:
                pass
            else:
                return _in_range(checks, path, days.astype(np.int64))
    return _of_objects(checks, path, raw.tolist(), clock)


def one_day(checks: Checks, path: str, day: Day) -> int:
    """The number of one day; instants are refused, since a cut-off is a whole day."""
    if isinstance(day, np.datetime64):
        if np.isnat(day) or np.datetime_data(day.dtype)[0] != "D":
            checks.refuse(path, "must be a day")
            return 0
        day = day.astype(object)
    if isinstance(day, str):
        try:
            day = date.fromisoformat(day)
        except ValueError:
            checks.refuse(path, "must be a date like 2024-12-31")
            return 0
    if isinstance(day, datetime) or not isinstance(day, date):
        checks.refuse(path, "must be a date, without a time")
        return 0
    return day.toordinal() - EPOCH_DAY


def _zone(checks: Checks, zone: str | tzinfo | None) -> tzinfo | None:
    if zone is None or isinstance(zone, tzinfo):
        return zone
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError, TypeError):
        checks.refuse("zone", "is not a time zone known here")
        return None


def _in_range(checks: Checks, path: str, days: IntArray) -> IntArray:
    checks.refuse_where(days == np.iinfo(np.int64).min, path, "is missing")
    wrong = (days != np.iinfo(np.int64).min) & ((days < FIRST) | (days > LAST))
    checks.refuse_where(wrong, path, "must lie between the years 2 and 9998")
    return days


def _of_objects(checks: Checks, path: str, values: list[object], clock: tzinfo | None) -> IntArray:
    """Days of Python values, one by one; instants among them are converted together."""
    days = np.zeros(len(values), np.int64)
    instants: list[int] = []
    places: list[int] = []
    unzoned = np.zeros(len(values), bool)
    invalid = np.zeros(len(values), bool)
    for place, given in enumerate(values):
        value = given
        if isinstance(value, str):
            try:
                read = date if len(value) == 10 else datetime
                value = read.fromisoformat(value)
            except ValueError:
                value = None
        if value != value:  # noqa: PLR0124 - NaN, and NaT, which claims to be a datetime
            value = None
        if isinstance(value, datetime):
            if value.tzinfo is not None:
                places.append(place)
                instants.append((value - EPOCH) // timedelta(milliseconds=1))
                continue
            unzoned[place] = clock is None
            value = value.date()
        if isinstance(value, date):
            days[place] = value.toordinal() - EPOCH_DAY
        else:
            invalid[place] = True
    checks.refuse_where(invalid, path, NOT_A_DAY)
    checks.refuse_where(unzoned, path, NO_ZONE)
    if instants:
        ms = np.array(instants, np.int64)
        days[places] = _of_instants(checks, f"{path}[{places[0]}]", ms, clock, listed=False)
    return _in_range(checks, path, days)


def _of_instants(
    checks: Checks, path: str, ms: IntArray, clock: tzinfo | None, *, listed: bool = True
) -> IntArray:
    """Local days of instants in UTC milliseconds."""
    if clock is None:
        if "zone" not in {fault.path for fault in checks.faults}:
            checks.refuse(f"{path}[0]" if listed else path, NO_ZONE)
        return np.zeros(len(ms), np.int64)
    utc = _in_range(checks, path, ms // DAY_MS)
    if checks.faults:
        return np.zeros(len(ms), np.int64)
    since, offsets = _offsets(utc, clock)
    if len(since) == 1:
        return np.asarray((ms + offsets[0]) // DAY_MS)
    return np.asarray((ms + offsets[np.searchsorted(since, ms, side="right") - 1]) // DAY_MS)


def _offsets(utc_days: IntArray, clock: tzinfo) -> tuple[IntArray, IntArray]:
    """From which instants on (ms) which offset (ms) holds, over the UTC days that occur.

    A day whose offset differs between its ends is halved until the change is found to the
    second. Two changes within one UTC day that cancel out would go unseen; none is on record.
    """
    low, high = int(utc_days.min()), int(utc_days.max())
    if high - low < 4 * len(utc_days) + 1000:
        occurs = np.zeros(high - low + 2, bool)
        occurs[utc_days - low] = True
        occurs[1:] |= occurs[:-1]
        edges = np.flatnonzero(occurs) + low
    else:
        edges = np.union1d(utc_days, utc_days + 1)

    def offset(second: int) -> int:
        local = (EPOCH + timedelta(seconds=second)).astimezone(clock)
        return (local.utcoffset() or timedelta()) // timedelta(milliseconds=1)

    seconds = (edges * 86_400).tolist()
    known = [offset(second) for second in seconds]
    since, offsets = [seconds[0]], [known[0]]
    for begin, end, after in zip(seconds[:-1], seconds[1:], known[1:], strict=True):
        while offsets[-1] != after:
            left, right = max(begin, since[-1]), end
            while right - left > 1:
                middle = (left + right) // 2
                if offset(middle) == offsets[-1]:
                    left = middle
                else:
                    right = middle
            since.append(right)
            offsets.append(offset(right))
    return np.array(since, np.int64) * 1000, np.array(offsets, np.int64)
