"""Instants fall on the day that the calendar of their zone shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics.checks import Checks
from crmcore.analytics.days import local_days

ZONES = [
    "Africa/Casablanca",  # an hour back for Ramadan
    "America/Caracas",  # half an hour, then not
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # half an hour of summer time
    "Etc/GMT+12",
    "Europe/Madrid",
    "Pacific/Apia",  # left out 30 December 2011
    "Pacific/Kiritimati",
]
milliseconds = st.one_of(
    st.integers(-(2**41), 2**42),
    st.integers(1_325_116_800_000, 1_325_376_000_000),  # Apia jumps the date line
    st.integers(1_711_756_800_000, 1_711_929_600_000),  # Madrid springs forward
)


@given(st.sampled_from(ZONES), st.lists(milliseconds, min_size=1, max_size=30))
def test_local_day_equals_the_standard_library(zone: str, instants: list[int]) -> None:
    try:
        clock = ZoneInfo(zone)
    except ZoneInfoNotFoundError:
        pytest.skip(f"this machine has no time zone {zone}")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    expected = [
        (epoch + timedelta(milliseconds=ms)).astimezone(clock).date().toordinal()
        - epoch.toordinal()
        for ms in instants
    ]
    checks = Checks()
    found = local_days(checks, "at", np.array(instants, np.int64), zone)
    checks.close()
    assert found.tolist() == expected


def test_a_change_at_midnight_is_found_to_the_second() -> None:
    """Havana's clocks go from 00:00 to 01:00 on 10 March 2024, at 05:00 UTC."""
    change = 1_710_046_800_000
    checks = Checks()
    found = local_days(
        checks, "at", np.array([change - 1000, change - 1, change, change + 1]), "America/Havana"
    )
    checks.close()
    assert (
        found.astype("datetime64[D]").astype(str).tolist()
        == ["2024-03-09"] * 2 + ["2024-03-10"] * 2
    )
