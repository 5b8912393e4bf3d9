"""Purchases become frequency, recency, T and value as the definition says."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics import Summary, summarize
from crmcore.domain.errors import InvalidInput

AS_OF = date(2024, 3, 1)
purchases = st.lists(
    st.tuples(
        st.integers(-3, 6),
        st.dates(date(2024, 1, 1), date(2024, 5, 1)),
        st.integers(0, 10_000),
    ),
    max_size=40,
)


def by_definition(
    rows: list[tuple[int, date, int]], as_of: date, until: date
) -> dict[int, tuple[int, int, int, float, int, float]]:
    """The summary in plain Python, one customer at a time."""
    days: dict[int, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for who, day, cents in rows:
        days[who][day] += cents
    found = {}
    for who, amounts in sorted(days.items()):
        seen = sorted(day for day in amounts if day <= as_of)
        if not seen:
            continue
        repeat = [amounts[day] for day in seen[1:]]
        found[who] = (
            len(repeat),
            (seen[-1] - seen[0]).days,
            (as_of - seen[0]).days,
            sum(repeat) / len(repeat) / 100 if repeat else 0.0,
            sum(as_of < day <= until for day in amounts),
            sum(paid for day, paid in amounts.items() if as_of < day <= until) / 100,
        )
    return found


def columns(summary: Summary) -> dict[int, tuple[Any, ...]]:
    assert summary.monetary_value is not None
    assert summary.holdout_frequency is not None
    assert summary.holdout_value is not None
    return dict(
        zip(
            summary.customer.tolist(),
            zip(
                summary.frequency.tolist(),
                summary.recency.tolist(),
                summary.T.tolist(),
                summary.monetary_value.tolist(),
                summary.holdout_frequency.tolist(),
                summary.holdout_value.tolist(),
                strict=True,
            ),
            strict=True,
        )
    )


@given(purchases, st.permutations(range(40)))
def test_any_purchases_are_summarized_by_the_definition(
    rows: list[tuple[int, date, int]], order: list[int]
) -> None:
    until = date(2024, 4, 1)

    def summary(given: list[tuple[int, date, int]]) -> Summary:
        who, day, cents = zip(*given, strict=True) if given else ((), (), ())
        return summarize(
            customer=list(who),
            at=list(day),
            amount=np.array(cents, dtype=np.int64),
            as_of=AS_OF,
            unit="day",
            holdout_until=until,
        )

    base = summary(rows)
    assert columns(base) == by_definition(rows, AS_OF, until)
    assert base.acquired_later == len({who for who, day, _ in rows if day <= until}) - len(base)
    assert base.holdout_length == 31
    assert summary([rows[place] for place in order if place < len(rows)]) == base


def test_without_a_holdout_nothing_is_said_of_one() -> None:
    summary = summarize(customer=[1], at=["2024-01-01"], amount=[100], as_of=AS_OF)
    assert summary.holdout_value is None
    assert summary.holdout_length is None
    assert summary.acquired_later is None


def test_a_notebook_says_who_was_left_out() -> None:
    days = ["2024-01-01", "2024-03-09"]
    summary = summarize(customer=[1, 2], at=days, as_of=AS_OF, holdout_until="2024-04-01")
    assert "1 who first bought in the holdout are left out" in summary._repr_html_()


def test_money_of_the_holdout_of_cdnow(cdnow: Summary, cdnow_purchases: dict[str, Any]) -> None:
    later = cdnow_purchases["at"] > np.datetime64("1997-09-30")
    assert cdnow.holdout_value is not None
    assert cdnow.holdout_value.sum() == pytest.approx(cdnow_purchases["amount"][later].sum() / 100)
    assert (cdnow.holdout_length, cdnow.acquired_later) == (39, 0)


def test_first_customers_of_cdnow(cdnow: Summary) -> None:
    assert cdnow.monetary_value is not None
    assert len(cdnow) == 2357
    assert cdnow.frequency[:3].tolist() == [2, 1, 0]
    assert cdnow.recency[:3].round(2).tolist() == [30.43, 1.71, 0.0]
    assert cdnow.T[:3].round(2).tolist() == [38.86, 38.86, 38.86]
    assert cdnow.monetary_value[:3].tolist() == [22.345, 11.77, 0.0]


def test_cdnow_equals_the_papers_own_table(
    cdnow: Summary, cdnow_two_decimals: dict[str, np.ndarray]
) -> None:
    assert cdnow.monetary_value is not None
    assert (cdnow.frequency == cdnow_two_decimals["frequency"]).all()
    for name in ("recency", "T", "monetary_value"):
        ours = getattr(cdnow, name)
        assert ours == pytest.approx(cdnow_two_decimals[name], abs=0.00501)


IDS: dict[str, list[Any]] = {
    "texts": ["b", "a", "b"],
    "UUIDs": [UUID(int=2), UUID(int=1), UUID(int=2)],
    "far integers": [2**62, -(2**62), 2**62],
    "large unsigned": [2**64 - 1, 5, 2**64 - 1],
    "integers": [2, 1, 2],
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
def test_ids_come_back_as_given(ids: list[Any]) -> None:
    days = ["2024-01-01", "2024-01-01", "2024-01-02"]
    summary = summarize(customer=ids, at=days, as_of=AS_OF)
    assert summary.customer.tolist() == sorted(set(ids))
    assert summary.frequency.tolist() == [0, 1]
    texts = np.array([str(i) for i in ids])
    assert summarize(customer=texts, at=days, as_of=AS_OF).customer.dtype.kind == "U"


def test_every_way_to_write_a_day_is_the_same() -> None:
    """23:30 UTC on 30 March is 31 March in Madrid, before and after the clock changes."""
    instants = [datetime(2024, 3, 30, 23, 30, tzinfo=UTC), datetime(2024, 3, 31, 21, tzinfo=UTC)]
    east = timezone(timedelta(hours=9))
    ways: list[tuple[Any, str | None]] = [
        (instants, "Europe/Madrid"),
        ([i.astimezone(east) for i in instants], "Europe/Madrid"),
        ([i.astimezone(east).isoformat() for i in instants], "Europe/Madrid"),
        (np.array([int(i.timestamp() * 1000) for i in instants]), "Europe/Madrid"),
        (np.array([i.replace(tzinfo=None) for i in instants], "datetime64[us]"), "Europe/Madrid"),
        (["2024-03-31T00:30", "2024-03-31T23:00:00"], "Europe/Madrid"),
        (["2024-03-31", "2024-03-31"], None),
        ([date(2024, 3, 31)] * 2, None),
        (np.array(["2024-03-31"] * 2, "datetime64[D]"), None),
    ]
    for at, zone in ways:
        summary = summarize(customer=[1, 1], at=at, as_of="2024-04-02", zone=zone, unit="day")
        assert (summary.frequency.tolist(), summary.T.tolist()) == ([0], [2.0])


def test_amounts_of_integers_are_minor_units_and_sums_are_exact() -> None:
    rows: dict[str, Any] = {"customer": [1] * 3, "at": ["2024-01-01", "2024-01-02", "2024-01-02"]}
    cents = summarize(**rows, amount=[5, 2**52, 2**52], as_of=AS_OF)
    yen = summarize(**rows, amount=[5, 300, 400], as_of=AS_OF, minor_digits=0)
    euros = summarize(**rows, amount=[5.0, 3.25, 4.5], as_of=AS_OF)
    values = [
        s.monetary_value.tolist() for s in (cents, yen, euros) if s.monetary_value is not None
    ]
    assert values == [[2**53 / 100], [700.0], [7.75]]
    assert summarize(**rows, as_of=AS_OF).monetary_value is None


def test_logarithms_of_the_times_between_purchase_days() -> None:
    rows: dict[str, Any] = {
        "customer": [2, 1, 1, 1, 1, 3, 3],
        "at": ["2024-01-01", "2024-01-10", "2024-01-01", "2024-01-10", "2024-01-31",
               "2024-02-01", "2024-03-05"],
    }  # fmt: skip
    late: dict[str, Any] = {"as_of": "2024-03-01", "holdout_until": "2024-03-31"}
    days = summarize(**rows, **late, unit="day", log_intervals=True)
    weeks = summarize(**rows, **late, log_intervals=True)
    assert days.log_intervals is not None
    assert days.log_intervals == pytest.approx([np.log(9) + np.log(21), 0, 0], rel=1e-15)
    assert weeks.log_intervals == pytest.approx([np.log(9 / 7) + np.log(3), 0, 0], rel=1e-15)
    assert "log_intervals" in days._repr_html_()
    assert summarize(**rows, **late).log_intervals is None
    nobody = summarize(customer=[], at=[], as_of=AS_OF, log_intervals=True)
    assert nobody.log_intervals is not None
    assert len(nobody.log_intervals) == 0


def test_time_counts_to_the_end_of_the_day_and_no_further() -> None:
    rows: dict[str, Any] = {"customer": [1, 1, 2], "at": ["2024-02-23", "2024-03-01", "2024-03-02"]}
    summary = summarize(**rows, as_of=AS_OF)
    assert (summary.customer.tolist(), summary.frequency.tolist()) == ([1], [1])
    assert (summary.recency.tolist(), summary.T.tolist()) == ([1.0], [1.0])
    later = summarize(**rows, as_of="2024-02-29", holdout_until="2024-03-02")
    assert later.holdout_frequency is not None
    assert (later.frequency.tolist(), later.holdout_frequency.tolist()) == ([0], [1])


def test_nobody_is_an_empty_summary() -> None:
    cases: list[dict[str, Any]] = [
        {"customer": [], "at": []},
        {"customer": [1], "at": ["2025-01-01"]},
    ]
    for rows in cases:
        summary = summarize(**rows, amount=np.ones(len(rows["at"])), as_of=AS_OF)
        assert len(summary) == 0
        assert summary.monetary_value is not None
        assert summary == summarize(customer=[], at=[], amount=[], as_of=AS_OF)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "month": ({"unit": "month"}, "unit: must be day or week"),
    "naive": ({"at": [datetime(2024, 1, 1, 12)] * 2}, r"at\[0\]: is an instant, and needs zone"),  # noqa: DTZ001
    "naive text": ({"at": ["2024-01-01", "2024-01-01T10:00"]}, r"at\[1\]: is an instant"),
    "numpy instant": ({"at": np.zeros(2, "datetime64[s]")}, r"at\[0\]: is an instant"),
    "integers": ({"at": [1, 2]}, r"at\[0\]: is an instant"),
    "no day": ({"at": ["2024-01-01", "soon"]}, r"at\[1\]: must be a date"),
    "no such day": ({"at": ["2024-01-01", "2024-02-30"]}, r"at\[1\]: must be a date"),
    "missing day": ({"at": [date(2024, 1, 1), None]}, r"at\[1\]: must be a date"),
    "NaT": ({"at": np.array(["2024-01-01", "NaT"], "datetime64[D]")}, r"at\[1\]: is missing"),
    "month numbers": (
        {"at": np.array(["2024-01"] * 2, "datetime64[M]")},
        "at: is a calendar month",
    ),
    "far future": ({"at": np.array([10**17] * 2), "zone": "UTC"}, r"at\[0\]: must lie between"),
    "zone": ({"zone": "Europe/Nowhere"}, "zone: is not a time zone"),
    "lengths": ({"customer": [1]}, "customer: has 1 rows where at has 2"),
    "amounts": ({"amount": [1]}, "amount: has 1 rows where at has 2"),
    "negative": ({"amount": [1, -1]}, r"amount\[1\]: must not be negative"),
    "NaN": ({"amount": [1, np.nan]}, r"amount\[1\]: must be a finite number"),
    "overflow": ({"amount": [2**62, 2**62]}, "amount: is too large in sum"),
    "digits": ({"amount": [1, 1], "minor_digits": 30}, "minor_digits"),
    "no customer": ({"customer": ["a", None]}, r"customer\[1\]: is missing"),
    "mixed ids": ({"customer": ["a", 1]}, "customer: must be ids of one type"),
    "float ids": ({"customer": [1.0, 2.0]}, "customer: must be integers, texts"),
    "as_of with time": ({"as_of": datetime(2024, 1, 1, tzinfo=UTC)}, "as_of: must be a date"),
    "as_of text": ({"as_of": "soon"}, "as_of: must be a date"),
    "holdout": ({"holdout_until": "2024-01-01"}, "holdout_until: must be after as_of"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_bad_purchases_are_refused_with_place_and_reason(
    change: dict[str, Any], message: str
) -> None:
    good: dict[str, Any] = {"customer": [1, 1], "at": ["2024-01-01"] * 2, "as_of": AS_OF}
    with pytest.raises(InvalidInput, match=message):
        summarize(**(good | change))


def test_all_faults_come_together_and_no_value_is_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        summarize(
            customer=["ana@example.com", None],
            at=["sometime", "2024-01-01"],
            amount=[-1, 3],
            as_of="then",
            unit="month",  # type: ignore[arg-type]
        )
    paths = [fault.path for fault in caught.value.faults]
    assert paths == ["unit", "as_of", "at[0]", "customer[1]", "amount[0]"]
    assert "ana@" not in str(caught.value)
    assert "sometime" not in str(caught.value)


def test_a_summary_of_mixed_uuid_customers_is_sorted() -> None:
    ids = [uuid4() for _ in range(20)]
    summary = summarize(customer=ids, at=["2024-01-01"] * 20, as_of=AS_OF)
    assert summary.customer.tolist() == sorted(ids)
