"""Histories in calendar periods, as the models in discrete time read them."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics import BetaGeoBetaBinom, summarize_occasions
from crmcore.domain.errors import InvalidInput

SHOP: dict[str, Any] = {
    "customer": [5, 5, 5, 9, 9, 2, 3],
    "at": [
        "2023-01-31", "2023-02-01", "2023-04-30", "2023-04-01", "2023-04-02", "2023-06-10",
        "2023-07-01",
    ],
}  # fmt: skip


def test_months() -> None:
    found = summarize_occasions(**SHOP, as_of="2023-06-30", occasion="month")
    assert found.customer.tolist() == [2, 5, 9]
    assert found.frequency.tolist() == [0, 2, 0]
    assert found.recency.tolist() == [0, 3, 0]
    assert found.T.tolist() == [0, 5, 2]
    assert (found.until, found.occasion, len(found)) == (date(2023, 6, 30), "month", 3)
    assert found.holdout_frequency is None


def test_a_period_that_is_not_over_does_not_count() -> None:
    found = summarize_occasions(**SHOP, as_of="2023-06-29", occasion="month")
    assert found.customer.tolist() == [5, 9]
    assert found.T.tolist() == [4, 1]
    assert found.until == date(2023, 5, 31)


def test_quarters_years_and_what_was_held_out() -> None:
    quarters = summarize_occasions(
        **SHOP, as_of="2023-03-31", occasion="quarter", holdout_until="2023-12-31"
    )
    assert quarters.customer.tolist() == [5]
    assert (quarters.frequency.tolist(), quarters.T.tolist()) == ([0], [0])
    assert quarters.holdout_frequency is not None
    assert (quarters.holdout_frequency.tolist(), quarters.holdout_occasions) == ([1], 3)
    years = summarize_occasions(**SHOP, as_of="2025-12-30", occasion="year")
    assert years.T.tolist() == [1, 1, 1, 1]
    assert not years.frequency.any()


def test_before_1970_and_nobody() -> None:
    old = summarize_occasions(
        customer=["a", "a"], at=["1968-12-31", "1969-06-01"], as_of="1970-12-31", occasion="year"
    )
    assert (old.frequency.tolist(), old.recency.tolist(), old.T.tolist()) == ([1], [1], [2])
    none = summarize_occasions(customer=[], at=[], as_of="2020-01-01", occasion="year")
    assert len(none) == 0


purchases = st.lists(st.tuples(st.integers(0, 4), st.dates(date(2018, 1, 1), date(2022, 12, 31))))


@given(purchases, st.sampled_from(["month", "quarter", "year"]), st.randoms())
def test_it_is_what_a_calendar_says(
    rows: list[tuple[int, date]], occasion: Any, chance: Any
) -> None:
    """Against sets of periods; and always a history that the model takes, in any order."""
    months = {"month": 1, "quarter": 3, "year": 12}[occasion]
    taken: dict[int, set[int]] = {}
    for who, day in rows:
        taken.setdefault(who, set()).add((day.year * 12 + day.month - 1) // months)
    last = (2021 * 12 + 11) // months
    expected = {}
    for who, periods in sorted(taken.items()):
        first = min(periods)
        if first <= last:
            then = [p - first for p in periods if first < p <= last]
            later = sum(p > last for p in periods)
            expected[who] = (len(then), max(then, default=0), last - first, later)
    chance.shuffle(rows)
    found = summarize_occasions(
        customer=[who for who, _ in rows], at=[day for _, day in rows], as_of="2021-12-31",
        occasion=occasion, holdout_until="2022-12-31",
    )  # fmt: skip
    assert found.holdout_frequency is not None
    columns = (found.frequency, found.recency, found.T, found.holdout_frequency)
    table = zip(*(column.astype(int).tolist() for column in columns), strict=True)
    assert dict(zip(found.customer.tolist(), table, strict=True)) == expected
    BetaGeoBetaBinom(steps=1).fit(frequency=found.frequency, recency=found.recency, T=found.T)


def test_instants_fall_on_days_of_the_zone() -> None:
    at = np.array(["2023-01-01T02:00", "2023-02-15T00:00"], "datetime64[s]")
    found = summarize_occasions(
        customer=[1, 1], at=at, as_of="2023-02-28", occasion="month", zone="America/New_York"
    )
    assert found.T.tolist() == [2]  # in New York it was December


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"occasion": "week"}, "occasion"),
        ({"as_of": "soon"}, "as_of"),
        ({"holdout_until": "2020-01-01"}, "holdout_until"),
        ({"customer": [1]}, "customer"),
        ({"at": ["2023-01-31", "when"] + ["2023-01-31"] * 5}, "at[1]"),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        summarize_occasions(**{**SHOP, "as_of": "2023-06-30", "occasion": "month", **changed})
    assert [fault.path for fault in caught.value.faults] == [path]
