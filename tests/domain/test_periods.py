"""Periods on a calendar, in a zone, through leap days and days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import LATEST
from crmcore.domain.periods import (
    Anniversary,
    Calendar,
    Expiry,
    Fixed,
    Qualifying,
    Rolling,
    months_later,
)

ZONES = st.sampled_from(["UTC", "Europe/Madrid", "America/New_York", "Pacific/Kiritimati"])
INSTANTS = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2024, 1, 31), 1, date(2024, 2, 29)), (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)), (date(2023, 12, 15), 1, date(2024, 1, 15)),
        (date(2024, 1, 15), -1, date(2023, 12, 15)), (date(2024, 3, 31), -1, date(2024, 2, 29)),
    ],
)  # fmt: skip
def test_the_same_day_later(day: date, months: int, later: date) -> None:
    assert months_later(day, months) == later


@given(
    st.sampled_from([Calendar(), Calendar(3), Calendar(24), Calendar(month=4), Anniversary(),
                     Anniversary(5)]),
    INSTANTS, INSTANTS, ZONES,
)  # fmt: skip
def test_periods_meet_and_hold_their_instants(
    window: Qualifying, when: datetime, joined: datetime, zone: str
) -> None:
    """Each instant lies in its period, and the next period begins where it ends."""
    assert not isinstance(window, Rolling)
    begin, end = window.period(when, joined, zone)
    assert begin <= when < end
    assert window.period(end, joined, zone)[0] == end
    assert window.period(begin, joined, zone) == (begin, end)


def test_a_year_that_begins_in_april_in_its_zone() -> None:
    begin, end = Calendar(month=4).period(at(2024, 3, 31, 21), at(2020, 1, 1), "Europe/Madrid")
    assert (begin, end) == (at(2023, 3, 31, 22), at(2024, 3, 31, 22))


def test_who_joined_on_a_leap_day() -> None:
    joined = at(2024, 2, 29, 12)
    periods = [Anniversary().period(at(year, 6, 1), joined, "UTC") for year in (2024, 2025, 2027)]
    assert [begin for begin, _ in periods] == [at(2024, 2, 29), at(2025, 2, 28), at(2027, 2, 28)]
    assert periods[2][1] == at(2028, 2, 29)


def test_how_long_what_was_gained_lasts() -> None:
    told: dict[str, Any] = {
        "window": Calendar(),
        "joined": at(2024, 2, 29),
        "zone": "Europe/Madrid",
    }
    when = at(2024, 5, 15)
    assert Expiry("end_of_period").end(when, **told) == at(2024, 12, 31, 23)
    assert Expiry("end_of_next_period").end(when, **told) == at(2025, 12, 31, 23)
    assert Expiry("after", 1).end(when, **told) == at(2024, 6, 15, 22)
    assert Expiry("never").end(when, **told) == LATEST
    fixed = Fixed(at(2024, 1, 1), at(2024, 7, 1))
    assert Expiry("end_of_period").end(when, **(told | {"window": fixed})) == at(2024, 7, 1)
    assert Rolling(1).leaves(at(2024, 1, 31, 10), "UTC") == at(2024, 3, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Calendar(5), lambda: Calendar(0), lambda: Calendar(month=13),
        lambda: Anniversary(1201), lambda: Rolling(-1), lambda: Expiry("after"),
        lambda: Expiry("never", 3), lambda: Expiry("soon"), lambda: Fixed(at(2024), at(2024)),
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused(wrong: object) -> None:
    with pytest.raises((InvalidInput, TypeError)):
        wrong()  # type: ignore[operator]
