"""Tracking: figures of the papers, the definition in plain Python, and right models by chance."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics import BetaGeoNBDProcess, FittedBetaGeoNBD, Summary, tracking
from crmcore.domain.errors import InvalidInput

CDNOW: dict[str, Any] = {"as_of": "1997-09-30", "until": "1998-06-30"}


class ParetoPrinted:
    """Pareto/NBD at its maximum on CDNOW: equation 17 of Schmittlein, Morrison and Colombo."""

    def expected_purchases_new(self, *, t: np.ndarray) -> np.ndarray:
        r, alpha, s, beta = 0.5532770, 10.5776835, 0.6062400, 11.6687353
        return np.asarray(r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + t)) ** (s - 1)))


class Linear:
    def expected_purchases_new(self, *, t: np.ndarray) -> np.ndarray:
        return t


def of_cdnow(purchases: dict[str, Any], model: Any, **more: Any) -> Any:
    return tracking(model, customer=purchases["customer"], at=purchases["at"], **CDNOW, **more)


def test_published_weeks_of_pareto_nbd(cdnow_purchases: dict[str, Any]) -> None:
    """Weeks 20 to 25 of CDNOW, ages counted to the day after each week."""
    seen = of_cdnow(cdnow_purchases, ParetoPrinted(), age_until="next day")
    told = seen.expected_cumulative[19:25].round().tolist()
    assert told == [1309, 1385, 1460, 1533, 1604, 1674]
    assert seen.actual_cumulative[19:25].tolist() == [1359, 1414, 1484, 1517, 1573, 1672]


def test_78_weeks_of_cdnow(
    cdnow_purchases: dict[str, Any], bgnbd: FittedBetaGeoNBD, cdnow: Summary
) -> None:
    seen = of_cdnow(cdnow_purchases, bgnbd)
    assert (len(seen), seen.start, seen.customers) == (78, date(1997, 1, 1), 2357)
    assert seen.end[[0, 38, 77]].astype(str).tolist() == ["1997-01-07", "1997-09-30", "1998-06-30"]
    assert seen.holdout.tolist() == [False] * 39 + [True] * 39
    assert cdnow.holdout_frequency is not None
    assert seen.actual[:39].sum() == cdnow.frequency.sum() == 2457
    assert seen.actual[39:].sum() == cdnow.holdout_frequency.sum() == 1882
    assert seen.expected[:39].sum() == pytest.approx(
        bgnbd.expected_purchases_new(t=cdnow.T).sum(), rel=1e-12
    )
    assert seen.expected[:39].sum() == pytest.approx(2493.957, abs=0.01)
    assert seen.holdout_error == pytest.approx(-0.1144, abs=1e-4)


def test_the_weeks_that_the_guide_tells(
    cdnow_purchases: dict[str, Any], bgnbd: FittedBetaGeoNBD
) -> None:
    for age_until, weeks in (
        ("next day", [1312, 1387, 1460, 1532, 1601, 1670]),
        ("last day", [1302, 1377, 1450, 1522, 1592, 1660]),
    ):
        seen = of_cdnow(cdnow_purchases, bgnbd, age_until=age_until)
        assert seen.expected_cumulative[19:25].round().tolist() == weeks


rows = st.lists(
    st.tuples(st.integers(0, 5), st.dates(date(2024, 1, 1), date(2024, 4, 30))),
    min_size=1,
    max_size=30,
)


@given(
    rows,
    st.dates(date(2024, 1, 1), date(2024, 3, 1)),
    st.integers(1, 20),
    st.one_of(st.none(), st.dates(date(2023, 12, 1), date(2024, 3, 15))),
    st.sampled_from(["last day", "next day"]),
    st.randoms(),
)
def test_periods_by_the_definition(  # noqa: PLR0917
    rows: list[tuple[int, date]],
    as_of: date,
    period: int,
    start: date | None,
    age_until: Any,
    random: Any,
) -> None:
    until = date(2024, 4, 1)

    def tracked(given_: list[tuple[int, date]]) -> Any:
        who, day = zip(*given_, strict=True)
        return tracking(
            Linear(), customer=list(who), at=list(day), as_of=as_of, until=until, unit="day",
            start=start, period_days=period, age_until=age_until,
        )  # fmt: skip

    seen = tracked(rows)
    days: dict[int, set[date]] = {}
    for who, day in rows:
        days.setdefault(who, set()).add(day)
    first = {who: min(of) for who, of in days.items() if min(of) <= as_of}
    assert seen.customers == len(first)
    begin = seen.start
    if start is None:
        assert (as_of - begin).days % period == period - 1
        assert all(begin <= day for day in first.values())
    later = age_until == "next day"
    assert len(seen) == max((until - begin).days + 1, 0) // period
    for end, expected, actual, held in zip(
        seen.end.tolist(), seen.expected, seen.actual, seen.holdout, strict=True
    ):
        before = end - timedelta(days=period)
        ages = [
            [(day - born).days + later if day >= born else 0 for day in (before, end)]
            for born in first.values()
        ]
        assert expected == pytest.approx(sum(b - a for a, b in ages))
        assert actual == sum(
            before < day <= end and day != first[who] for who in first for day in days[who]
        )
        assert held == (end > as_of)
    again = tracked(random.sample(rows, len(rows)))
    assert again.actual.tolist() == seen.actual.tolist()
    assert again.expected == pytest.approx(seen.expected)


def test_a_right_model_is_off_by_chance_only() -> None:
    """Purchases at continuous ages, noted on the day at whose end they lie: T is exact then."""
    process = BetaGeoNBDProcess(r=0.4, alpha=300, a=0.8, b=2.5)
    draw = np.random.default_rng(5)
    n = 40_000
    born = draw.integers(0, 84, n)
    z = []
    for seed in range(4):
        seen = process.simulate(n_customers=n, T=400, seed=seed)
        day = np.ceil(seen.time).astype(np.int64) + born[seen.customer]
        who = np.concatenate([np.arange(n), seen.customer])
        at = np.concatenate([born, day]).astype("datetime64[D]")
        table = tracking(
            process, customer=who, at=at, as_of="1970-10-01", until="1970-12-30", unit="day",
            start="1970-01-01", period_days=91,
        )  # fmt: skip
        each = np.array([
            np.bincount(seen.customer[(day > e - 91) & (day <= e)], minlength=n).std() * n**0.5
            for e in table.end.astype(np.int64)
        ])  # fmt: skip
        z.append((table.actual - table.expected) / each)
    # Two purchases on one day are one, which takes about one in five hundred.
    assert np.abs(np.mean(z, axis=0)).max() < 3
    assert np.abs(z).max() < 4


def test_nobody_and_nothing() -> None:
    seen = tracking(Linear(), customer=[], at=[], as_of="2024-01-07", until="2024-01-14")
    assert (seen.expected.tolist(), seen.actual.tolist()) == ([0, 0], [0, 0])
    assert (seen.calibration_error, seen.holdout_error) == (None, None)
    late = tracking(
        Linear(), customer=[1, 1], at=["2024-01-09", "2024-01-12"], as_of="2024-01-07",
        until="2024-01-14",
    )  # fmt: skip
    assert (late.customers, late.acquired_later, late.actual.sum()) == (0, 1, 0)
    assert "1 acquired later are left out" in late._repr_html_()


class Wrong:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def expected_purchases_new(self, *, t: np.ndarray) -> Any:
        return self.answer


@pytest.mark.parametrize("answer", [1.0, "many", [np.nan] * 14, [1.0]])
def test_a_model_that_answers_something_else_is_refused(answer: Any) -> None:
    with pytest.raises(InvalidInput, match=r"model\.expected_purchases_new"):
        tracking(
            Wrong(answer), customer=[1], at=["2024-01-01"], as_of="2024-01-07", until="2024-01-14"
        )


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"unit": "month"}, "unit"),
        ({"until": "2024-01-01"}, "until"),
        ({"start": "2025-01-01"}, "start"),
        ({"period_days": 0}, "period_days"),
        ({"age_until": "noon"}, "age_until"),
        ({"at": ["1024-01-01"]}, "at"),
        ({"customer": [1, 2]}, "customer"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], path: str) -> None:
    good: dict[str, Any] = {
        "customer": [1], "at": ["2024-01-01"], "as_of": "2024-01-07", "until": "2024-01-14",
    }  # fmt: skip
    with pytest.raises(InvalidInput, match=path):
        tracking(Linear(), **(good | change))
