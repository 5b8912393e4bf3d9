"""How figures are written, periods are chosen, and shares are counted."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.report.charts import Bar, bars
from crmcore.report.charts.marks import fitted, ticks, width_of
from crmcore.report.figures import (
    brief,
    chance,
    counted,
    day_of,
    listed,
    moment,
    money,
    percent,
    weeks,
)
from crmcore.report.periods import Periods
from crmcore.report.sections.concentration import smallest_sets
from crmcore.report.sections.value import bounds


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (money(123456789, "EUR"), "1,234,567.89 EUR"),
        (money(-5, "EUR"), "-0.05 EUR"),
        (money(1234567, "JPY"), "1,234,567 JPY"),
        (money(1234567, "KWD"), "1,234.567 KWD"),
        (money(10**24, "EUR"), "10,000,000,000,000,000,000,000.00 EUR"),
        (percent(1, 8), "12%"),
        (percent(1, 3000), "under 0.1%"),
        (percent(1, 30), "3.3%"),
        (percent(0, 30), "0%"),
        (percent(30, 30), "100%"),
        (percent(2999, 3000), "over 99.9%"),
        (percent(997, 1000), "99.7%"),
        (percent(1, 0), "0%"),
        (chance(0.0001), "<1%"),
        (chance(0.9999), ">99%"),
        (chance(1.0), "100%"),
        (chance(0.0), "0%"),
        (brief(1500), "1,500"),
        (brief(25_000), "25k"),
        (brief(1_500_000), "1.5M"),
        (brief(0.5), "0.5"),
        (counted(1, "customer"), "1 customer"),
        (counted(1200, "customer"), "1,200 customers"),
        (day_of(0), "1 January 1970"),
        (day_of(-1), "31 December 1969"),
        (weeks(13), "13 days"),
        (weeks(14), "2 weeks"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (listed([]), ""),
        (moment(datetime(2024, 7, 1, 22, 30, tzinfo=UTC), "Europe/Madrid"), "2 July 2024, 00:30"),
    ],
)
def test_a_figure_is_written_so(told: str, expected: str):
    assert told == expected


@pytest.mark.parametrize(
    ("first", "last", "name", "count", "labels"),
    [
        (324, 341, "month", 18, ("Jan 1997", "Jun 1998")),
        (0, 0, "month", 1, ("Jan 1970", "Jan 1970")),
        (-1, 0, "month", 2, ("Dec 1969", "Jan 1970")),
        (325, 390, "quarter", 23, ("Q1 1997", "Q3 2002")),
        (325, 600, "year", 24, ("1997", "2020")),
        (0, 1000, "decade", 9, ("1970 to 1979", "2050 to 2059")),
        (-11_640, 96_359, "century", 91, ("970 to 1069", "9970 to 10069")),
    ],
)
def test_periods_are_the_shortest_that_can_be_seen(first, last, name, count, labels):
    periods = Periods.over(first, last, most=24)

    assert (periods.name, periods.count) == (name, count)
    assert (periods.label(0), periods.label(count - 1)) == labels
    assert periods.number(np.array([first, last])).tolist() == [0, count - 1]


def test_a_period_is_open_until_its_last_day():
    june = Periods.over(341, 341, most=24)
    the_30th = (datetime(1998, 6, 30) - datetime(1970, 1, 1)).days  # noqa: DTZ001  calendar days

    assert june.is_open(0, the_30th - 1)
    assert not june.is_open(0, the_30th)


@given(
    st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=40).filter(any),
    st.integers(1, 100),
)
def test_a_smallest_set_reaches_its_share_and_one_less_does_not(revenue, share):
    size = smallest_sets(np.array(revenue, np.int64), [share])[share]
    best = sorted(revenue, reverse=True)

    assert 100 * sum(best[:size]) >= share * sum(revenue)
    assert 100 * sum(best[: size - 1]) < share * sum(revenue)


def test_sums_beyond_64_bits_are_exact():
    """A thousand and twenty-five amounts of the largest size."""
    assert smallest_sets(np.full(1025, 2**53 - 1), [50, 100]) == {50: 513, 100: 1025}


@given(st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=40))
def test_classes_hold_every_amount_and_are_few(revenue):
    edges = bounds(np.array(revenue, np.int64))

    assert len(edges) <= 20
    assert (np.diff(edges) > 0).all()
    assert max(revenue) < edges[-1]


@given(st.floats(0, 1e15), st.integers(3, 6))
def test_ticks_begin_at_zero_reach_the_top_and_are_few(top, most):
    marks = ticks(top, most=most)

    assert marks[0] == 0
    assert marks[-1] >= top
    assert len(marks) <= most + 2


@given(st.text(max_size=60), st.floats(20, 400))
def test_what_has_no_room_is_shortened(words, room):
    shown = fitted(words, room)

    assert width_of(shown) <= max(room + 1, width_of("…"))
    assert shown == words or shown.endswith("…")


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])),
                          st.integers(0, 10**9)), max_size=8))  # fmt: skip
def test_a_chart_is_well_formed_whatever_its_words(rows):
    drawn = bars("k", [Bar(w, n, str(n)) for w, n in rows], title="<&\"'>", sentence="]]>")

    for markup in (drawn.wide, drawn.narrow):
        root = fromstring(markup)
        assert root[0].text == "<&\"'>"
        assert [t.text for t in root if t.tag == "text"][1::2] == [str(n) for _, n in rows]
