"""Instants are aware, cut to the millisecond, and lie in the years 1000 to 9999."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmcore import InvalidInput
from crmcore.domain.instants import (
    EARLIEST,
    LATEST,
    from_millis,
    instant,
    optional_instant,
    start_of,
    to_millis,
    zone_named,
)
from crmcore.testing.strategies import instants

aware = st.datetimes(
    min_value=datetime(1001, 1, 1),  # noqa: DTZ001  hypothesis asks for naive bounds
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001  as above
    timezones=st.timezones(),
)


@given(aware)
def test_an_instant_is_the_same_moment_in_utc_cut_to_the_millisecond(at: datetime):
    """Never rounded up, never later than given, less than a millisecond earlier."""
    found = instant(at)

    assert found.tzinfo is UTC
    assert timedelta() <= at.astimezone(UTC) - found < timedelta(milliseconds=1)
    assert instant(found) == found


@given(aware, st.timezones())
def test_one_moment_is_one_instant_whatever_the_zone(at: datetime, zone: ZoneInfo):
    """Equality and hash do not depend on the zone it was told in."""
    utc = at.astimezone(UTC)
    assert instant(at) == instant(utc.astimezone(zone))
    assert hash(instant(at)) == hash(instant(utc.astimezone(zone)))


@given(instants())
@example(EARLIEST)
@example(LATEST)
@example(datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC))
def test_milliseconds_give_the_instant_back(at: datetime):
    """`from_millis(to_millis(at))` is `at`, over the whole range, before 1970 too."""
    assert from_millis(to_millis(at)) == at
    assert from_millis(to_millis(at)).tzinfo is UTC


@given(st.integers(to_millis(EARLIEST), to_millis(LATEST)))
@example(to_millis(EARLIEST))
@example(to_millis(LATEST))
def test_every_count_of_milliseconds_comes_back(millis: int):
    assert to_millis(from_millis(millis)) == millis
    assert instant(from_millis(millis)) == from_millis(millis)


@given(instants(), instants())
def test_milliseconds_sort_as_instants_do(one: datetime, other: datetime):
    assert (to_millis(one) < to_millis(other)) == (one < other)


@pytest.mark.parametrize(
    "at",
    [
        datetime(2024, 1, 1),  # noqa: DTZ001
        datetime(999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1000, 1, 1, tzinfo=timezone(timedelta(hours=1))),  # still 999 in UTC
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),  # before year 1 in UTC
        datetime(9999, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-1))),  # year 10000 in UTC
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        date(2024, 1, 1),
        time(12, tzinfo=UTC),
        "2024-01-01T00:00:00Z",
        1_700_000_000,
        None,
    ],
)
def test_what_names_no_instant_of_the_range_is_refused_with_its_place(at: object):
    """Naive, out of range (in UTC, whatever the offset says), or no datetime at all."""
    with pytest.raises(InvalidInput) as refused:
        instant(at, "since")  # type: ignore[arg-type]
    assert [fault.path for fault in refused.value.faults] == ["since"]


@pytest.mark.parametrize(
    "at",
    [
        datetime(999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-1))),  # year 1000 in UTC
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_the_ends_of_the_range_count_in_utc(at: datetime):
    assert EARLIEST <= instant(at) <= LATEST


def test_an_hour_that_comes_twice_is_two_instants():
    """When summer time ends, `fold` tells the second 2:30 from the first, an hour apart."""
    madrid = ZoneInfo("Europe/Madrid")
    first = datetime(2024, 10, 27, 2, 30, tzinfo=madrid)
    second = first.replace(fold=1)

    assert instant(second) - instant(first) == timedelta(hours=1)
    assert first == second  # Python compares the wall clocks of one zone; instants do not
    assert instant(first) != instant(second)


def test_an_hour_that_never_comes_is_read_by_its_fold():
    """When summer time begins, 2:30 does not exist; both readings are instants an hour apart."""
    madrid = ZoneInfo("Europe/Madrid")
    gap = datetime(2024, 3, 31, 2, 30, tzinfo=madrid)

    assert instant(gap) == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)
    assert instant(gap.replace(fold=1)) == datetime(2024, 3, 31, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "zone", "begins"),
    [
        (date(2024, 7, 1), "Europe/Madrid", datetime(2024, 6, 30, 22, tzinfo=UTC)),
        (date(2024, 7, 1), "Pacific/Kiritimati", datetime(2024, 6, 30, 10, tzinfo=UTC)),
        (date(2024, 7, 1), "Etc/GMT+12", datetime(2024, 7, 1, 12, tzinfo=UTC)),
        (date(2018, 11, 4), "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ],
)
def test_a_day_begins_in_its_zone(day: date, zone: str, begins: datetime):
    """O6: also where midnight does not exist that day (São Paulo)."""
    assert start_of(day, zone=zone) == begins


def test_a_subclass_becomes_a_plain_datetime():
    """Others' datetimes (pandas' count nanoseconds) leave nothing of theirs behind."""

    class Fine(datetime):
        nanosecond = 7

    for zone in (UTC, ZoneInfo("Europe/Madrid")):
        found = instant(Fine(2024, 1, 1, 12, 30, 15, 123456, tzinfo=zone))
        assert type(found) is datetime
        assert found.microsecond == 123000


def test_pandas_timestamps_are_cut_as_well():
    pandas = pytest.importorskip("pandas")
    stamp = pandas.Timestamp("2024-01-01T12:00:00.123456789", tz="Europe/Madrid")

    assert instant(stamp) == datetime(2024, 1, 1, 11, 0, 0, 123000, tzinfo=UTC)
    assert type(instant(stamp)) is datetime


def test_not_known_stays_not_known():
    assert optional_instant(None) is None


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd", "\0", "a" * 999]
)
def test_an_unknown_zone_is_refused(name: str):
    with pytest.raises(InvalidInput, match="zone: is no IANA time zone"):
        zone_named(name)
