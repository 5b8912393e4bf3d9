"""O6: what "today in zone Z" and "a month ago" stand for, to the millisecond, in every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmcore import InvalidInput, Model, field
from crmcore.domain.expressions import ago, facts, from_now, in_segment, start_of
from crmcore.domain.matching import matcher
from crmcore.domain.relative import Period, Relative, Unit, day_of, instant_of
from crmcore.domain.resolving import zone_names
from crmcore.testing.local_days import day_meant, moment_meant
from crmcore.testing.meanings import holds

MS = timedelta(milliseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Zone, an instant of asking, and where its day and the next one begin, all in UTC.
TODAY: list[tuple[str, str, str, str]] = [
    ("UTC", "2024-05-17T10:30", "2024-05-17", "2024-05-18"),
    ("Etc/GMT+12", "2024-05-17T10:30", "2024-05-16T12:00", "2024-05-17T12:00"),
    ("Etc/GMT-14", "2024-05-17T10:30", "2024-05-17T10:00", "2024-05-18T10:00"),
    ("Pacific/Kiritimati", "2024-05-17T09:59", "2024-05-16T10:00", "2024-05-17T10:00"),
    ("Pacific/Pago_Pago", "2024-05-17T10:59", "2024-05-16T11:00", "2024-05-17T11:00"),
    ("Asia/Kathmandu", "2024-05-17T18:15", "2024-05-17T18:15", "2024-05-18T18:15"),
    # 23 and 25 hours, the change in the morning.
    ("Europe/Madrid", "2024-03-31T12:00", "2024-03-30T23:00", "2024-03-31T22:00"),
    ("Europe/Madrid", "2024-10-27T12:00", "2024-10-26T22:00", "2024-10-27T23:00"),
    # Half an hour more or less.
    ("Australia/Lord_Howe", "2024-04-07T00:00", "2024-04-06T13:00", "2024-04-07T13:30"),
    ("Australia/Lord_Howe", "2024-10-06T00:00", "2024-10-05T13:30", "2024-10-06T13:00"),
    # No midnight: the day begins at one.
    ("America/Sao_Paulo", "2018-11-04T12:00", "2018-11-04T03:00", "2018-11-05T02:00"),
    ("Africa/Cairo", "2024-04-26T12:00", "2024-04-25T22:00", "2024-04-26T21:00"),
    ("Asia/Beirut", "2024-03-31T12:00", "2024-03-30T22:00", "2024-03-31T21:00"),
    # Back at midnight to eleven of the day before, which has 25 hours.
    ("America/Sao_Paulo", "2018-02-17T12:00", "2018-02-17T02:00", "2018-02-18T03:00"),
    ("Asia/Beirut", "2024-10-26T12:00", "2024-10-25T21:00", "2024-10-26T22:00"),
    # Back at one to midnight, which comes twice; the first one counts.
    ("America/Havana", "2024-11-03T12:00", "2024-11-03T04:00", "2024-11-04T05:00"),
    # The day after the one that did not exist, and the one before it.
    ("Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00", "2011-12-31T10:00"),
    ("Pacific/Apia", "2011-12-30T09:59", "2011-12-29T10:00", "2011-12-30T10:00"),
    # From half past eleven to half past midnight: the day begins there, not an hour after.
    ("America/Toronto", "1919-03-31T12:00", "1919-03-31T04:30", "1919-04-01T04:00"),
    ("Europe/Madrid", "2024-02-29T12:00", "2024-02-28T23:00", "2024-02-29T23:00"),
    ("UTC", "1000-01-01T00:00", "1000-01-01", "1000-01-02"),
    ("UTC", "9999-12-30T23:59", "9999-12-30", "9999-12-31"),
]


@pytest.mark.parametrize(("zone", "asked", "begins", "ends"), TODAY)
def test_today_is_from_its_first_instant_to_before_the_next_days(
    zone: str, asked: str, begins: str, ends: str
):
    """One millisecond before is yesterday, one millisecond before the end is today."""
    model, at = Model(zone=zone), utc(asked)
    today = model.checked(field("last_purchase_at").during("today"))
    resolved = model.resolved(today, at=at, definition=lambda name: today)
    fixed = matcher(resolved)
    told = {utc(begins): True, utc(ends) - MS: True, utc(ends): False}
    if begins > "1000-01-01":
        told[utc(begins) - MS] = False

    for instant, expected in told.items():
        row = {"last_purchase_at": instant, "zone": None}
        assert fixed(row.__getitem__) is expected, instant
        assert holds(today, row, at=at, zone=zone) is expected, instant


@pytest.mark.parametrize(("zone", "asked", "begins", "ends"), TODAY[1:-2])
def test_a_customers_today_is_that_of_their_own_zone(zone: str, asked: str, begins: str, ends: str):
    """Whatever the model's is; and of no zone, or one that is none, the model's."""
    model, at = Model(zone="Etc/GMT-5"), utc(asked)
    today = model.checked(field("last_purchase_at").during("today", zone="customer"))
    fixed = matcher(model.resolved(today, at=at, definition=lambda name: today))

    def is_today(instant: datetime, own: str | None) -> bool:
        row = {"last_purchase_at": instant, "zone": own}
        return fixed(row.__getitem__)

    told = {utc(begins) - MS: False, utc(begins): True, utc(ends) - MS: True, utc(ends): False}
    assert {instant: is_today(instant, zone) for instant in told} == told
    here = (at + timedelta(hours=5)).replace(hour=0, minute=0) - timedelta(hours=5)
    for own in (None, "Nowhere/Land"):
        assert [is_today(here - MS, own), is_today(here, own)] == [False, True]


MOVED: list[tuple[Relative, str, str, str]] = [
    (ago(months=1), "UTC", "2024-03-31T10:00", "2024-02-29T10:00"),
    (ago(months=1), "UTC", "2023-03-31T10:00", "2023-02-28T10:00"),
    (ago(years=1), "UTC", "2024-02-29T10:00", "2023-02-28T10:00"),
    (ago(years=4), "UTC", "2024-02-29T10:00", "2020-02-29T10:00"),
    (from_now(months=1), "UTC", "2024-01-31T10:00", "2024-02-29T10:00"),
    (ago(days=1), "Europe/Madrid", "2024-03-31T10:00", "2024-03-30T11:00"),
    (ago(hours=24), "Europe/Madrid", "2024-03-31T10:00", "2024-03-30T10:00"),
    (ago(days=1), "Europe/Madrid", "2024-04-01T00:30", "2024-03-31T01:30"),  # 02:30 was none
    (ago(days=1), "Europe/Madrid", "2024-10-28T01:30", "2024-10-27T00:30"),  # the first of two
    (ago(days=1), "Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00"),  # no 30th: the 31st
    (ago(weeks=1), "Australia/Lord_Howe", "2024-04-08T00:00", "2024-03-31T23:30"),
    (start_of("week"), "UTC", "2024-05-19T23:59", "2024-05-13"),
    (start_of("week"), "UTC", "2024-05-20", "2024-05-20"),
    (start_of("quarter", shift=-1), "UTC", "2024-01-01", "2023-10-01"),
    (start_of("year"), "Pacific/Kiritimati", "2023-12-31T10:00", "2023-12-31T10:00"),
    (start_of("year"), "Pacific/Kiritimati", "2023-12-31T09:59", "2022-12-31T10:00"),
]


@pytest.mark.parametrize(("value", "zone", "asked", "expected"), MOVED)
def test_what_is_moved_lands_on_the_local_calendar(
    value: Relative, zone: str, asked: str, expected: str
):
    assert instant_of(value, at=utc(asked), zone=zone) == utc(expected)
    assert moment_meant(value, utc(asked), zone) == utc(expected)


moved = st.builds(
    lambda shift, unit, period, zone: Relative(
        shift, Unit.DAYS if period and unit is Unit.HOURS else unit, period, zone
    ),
    st.integers(-400, 400), st.sampled_from(Unit), st.none() | st.sampled_from(Period),
    st.just("model"),
)  # fmt: skip
ASKED = st.datetimes(datetime(1500, 1, 1), datetime(2500, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000)
)
RECENT = st.datetimes(datetime(1900, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda at: at.replace(microsecond=0, second=0)
)


@settings(max_examples=300, deadline=None)
@given(moved, RECENT | ASKED, st.sampled_from(zone_names()))
@example(start_of("day"), utc("1919-03-31T12:00"), "America/Toronto")
@example(start_of("day"), utc("1867-10-18T12:00"), "America/Juneau")
def test_the_calendar_agrees_with_one_that_was_worked_out_again(
    value: Relative, at: datetime, zone: str
):
    """The first instant of each day, and what clocks show so long before or after, in each zone."""
    assert instant_of(value, at=at, zone=zone) == moment_meant(value, at, zone)
    if value.unit is not Unit.HOURS:
        assert day_of(value, at=at, zone=zone) == day_meant(value, at, zone)


@settings(max_examples=100, deadline=None)
@given(st.dates(date(1001, 1, 1), date(9990, 1, 1)), st.sampled_from(zone_names()))
def test_days_leave_no_gap_and_do_not_overlap(day: date, zone: str):
    """Where one ends the next begins, and at its beginning the date there is no earlier one."""
    here = instant_of(start_of("day"), at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
                      zone=zone)  # fmt: skip
    there = instant_of(start_of("day", shift=1), at=here, zone=zone)
    before = instant_of(Relative(), at=here - MS, zone=zone)

    assert here < there
    assert instant_of(start_of("day"), at=here, zone=zone) == here
    assert day_of(Relative(), at=before, zone=zone) < day_of(Relative(), at=here, zone=zone)


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        (start_of("day", shift=1), "9999-12-31T12:00"),
        (ago(days=1), "1000-01-01T12:00"),
        (ago(years=100_000), "2024-01-01"),
        (from_now(hours=1), "9999-12-31T23:30"),
        (ago(hours=1), "1000-01-01T00:30"),
    ],
)
def test_what_lies_beyond_the_calendar_is_refused(value: Relative, asked: str):
    """From year 1000 to 9999 everything is known; beyond it is `InvalidInput`, never a guess."""
    with pytest.raises(InvalidInput):
        instant_of(value, at=utc(asked), zone="UTC")


def test_what_lies_beyond_the_calendar_is_told_with_its_place():
    far, model = ago(years=100_000, zone="customer"), Model()
    for asked, path in (
        (~(field("last_purchase_at") < far), "last_purchase_at"),
        (facts("purchases").between(far, None).count() >= 1, "facts.since"),
        (facts("purchases").where(field("at") > far).count() >= 1, "at"),
    ):
        with pytest.raises(InvalidInput, match="beyond the calendar") as told:
            model.resolved(model.checked(asked), at=utc("2024-01-01"), definition=in_segment)
        assert [fault.path for fault in told.value.faults] == [path]
