"""The number of purchases ahead: a distribution, with the mean of the papers, and as simulated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics import BetaGeoNBDProcess, FittedBetaGeoNBD
from crmcore.analytics.summary import Summary
from crmcore.domain.errors import InvalidInput
from tests.analytics.test_bgnbd import any_history, parameters

PROCESS = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)


@given(parameters, any_history(), st.one_of(st.just(0.0), st.floats(1e-9, 1e9)))
def test_probabilities_are_probabilities_whatever_the_size(
    process: BetaGeoNBDProcess, who: dict[str, float], t: float
) -> None:
    n = np.array([0, 1, 2, 300, 2.0**53])
    exactly = process.probability_of_purchases(n=n, t=t, **who)
    at_least = process.probability_of_at_least(n=n, t=t, **who)
    assert ((exactly >= 0) & (exactly <= 1 + 1e-9)).all()
    assert at_least[0] == 1
    assert (np.diff(at_least) <= 1e-9).all()
    assert (at_least >= 0).all()
    assert (exactly <= at_least + 1e-8).all()
    assert exactly[0] + at_least[1] == pytest.approx(1, abs=1e-9)
    assert at_least[1] <= process.probability_alive(**who) + 1e-12


@given(parameters, any_history(), st.floats(1e-3, 1e4), st.integers(1, 2000))
def test_the_tail_is_the_sum_of_the_probabilities(
    process: BetaGeoNBDProcess, who: dict[str, float], t: float, n: int
) -> None:
    here, further = process.probability_of_at_least(n=[n, n + 5], t=t, **who)
    between = process.probability_of_purchases(n=n + np.arange(5), t=t, **who).sum()
    assert here - further == pytest.approx(between, abs=1e-9)


def test_of_somebody_new_it_is_equation_8() -> None:
    n = np.arange(200)
    new = PROCESS.probability_of_purchases(n=n, t=39, frequency=0, recency=0, T=0)
    assert new == pytest.approx(PROCESS.probability_of_n(n=n, t=39), rel=1e-11)


def test_its_mean_is_the_expectation_of_the_papers(bgnbd: FittedBetaGeoNBD, cdnow: Summary) -> None:
    total = np.zeros(len(cdnow))
    who: dict[str, Any] = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    for n in range(1, 400):
        total += bgnbd.probability_of_at_least(n=n, t=39, **who)
    assert total == pytest.approx(bgnbd.expected_purchases(t=39, **who), rel=1e-10)


@pytest.mark.parametrize("process", [PROCESS, BetaGeoNBDProcess(r=2, alpha=4, a=0.4, b=1.5)])
def test_simulated_customers_of_each_frequency_buy_as_often(process: BetaGeoNBDProcess) -> None:
    """Nothing of the derivation is used: all buy until 50, and those alike at 30 are counted."""
    known, later = 30.0, 20.0
    all_of_it = process.simulate(n_customers=300_000, T=known + later, seed=11)
    before = all_of_it.time <= known
    size = len(all_of_it.T)
    x = np.bincount(all_of_it.customer[before], minlength=size)
    last = np.zeros(size)
    np.maximum.at(last, all_of_it.customer[before], all_of_it.time[before])
    ahead = np.bincount(all_of_it.customer[~before], minlength=size)
    recent = last > 22
    for group in (x == 0, x == 1, (x == 2) & recent, (x > 2) & ~recent, (x > 2) & recent):
        some = np.flatnonzero(group)
        who: dict[str, Any] = {"frequency": x[some], "recency": last[some], "T": known}
        for n in (0, 1, 2, 4):
            exactly = process.probability_of_purchases(n=n, t=later, **who)
            at_least = process.probability_of_at_least(n=n, t=later, **who)
            for seen, told in ((ahead[some] == n, exactly), (ahead[some] >= n, at_least)):
                error = np.sqrt((told * (1 - told)).mean() / len(some))
                assert abs(seen.mean() - told.mean()) <= 4 * error


def test_without_time_nobody_buys() -> None:
    who = {"frequency": [0, 4], "recency": [0, 3], "T": [5, 5]}
    assert PROCESS.probability_of_purchases(n=0, t=0, **who) == pytest.approx([1, 1])
    assert PROCESS.probability_of_at_least(n=1, t=0, **who).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"n": 1.5}, "n"),
        ({"n": [1, 2, 3]}, r"n: has 3 rows"),
        ({"t": -1}, "t"),
        ({"t": np.nan}, "t"),
        ({"recency": [0, 9]}, r"recency\[1\]"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], path: str) -> None:
    given_: dict[str, Any] = {"n": 1, "t": 2, "frequency": [0, 4], "recency": [0, 3], "T": [5, 5]}
    for ask in (PROCESS.probability_of_purchases, PROCESS.probability_of_at_least):
        with pytest.raises(InvalidInput, match=path):
            ask(**given_ | change)
