"""Intervals of the models in discrete time cover the truth as often as they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from crmcore.analytics import (
    BetaDiscreteWeibull,
    BetaDiscreteWeibullProcess,
    BetaGeoBetaBinom,
    BetaGeoBetaBinomProcess,
    ShiftedBetaGeometric,
    ShiftedBetaGeometricProcess,
)

LEVEL = 0.9


def donors(truth: Any, n: int, seed: int) -> Any:
    seen = truth.simulate(n_customers=n, T=8, seed=seed)
    return BetaGeoBetaBinom().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)


def subscribers(truth: Any, n: int, seed: int) -> Any:
    model = BetaDiscreteWeibull() if "c" in truth.params else ShiftedBetaGeometric()
    cohorts = [
        truth.simulate(n_customers=n // 2, T=T, seed=10 * seed + T).survivors for T in (9, 5)
    ]
    return model.fit(survivors=cohorts)


CASES: dict[str, tuple[Any, Callable[[Any, int, int], Any], Callable[[Any], Any]]] = {
    "bgbb": (
        BetaGeoBetaBinomProcess(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8),
        donors,
        lambda model: model.expected_purchases(t=5, frequency=2, recency=4, T=8),
    ),
    "sbg": (
        ShiftedBetaGeometricProcess(alpha=0.67, beta=3.8),
        subscribers,
        lambda model: model.survival(t=12, age=9),
    ),
    "bdw": (
        BetaDiscreteWeibullProcess(alpha=0.5, beta=2.0, c=1.5),
        subscribers,
        lambda model: model.discounted_residual_lifetime(discount_rate=0.1, age=4),
    ),
}


def check_coverage(name: str, *, runs: int, n: int) -> None:
    truth, fit, ask = CASES[name]
    right = float(ask(truth))
    covered = dict.fromkeys((*truth.params, "prediction"), 0)
    for seed in range(runs):
        fitted = fit(truth, n, seed)
        for parameter, found in fitted.confidence_intervals(level=LEVEL).items():
            covered[parameter] += found.low < truth.params[parameter] < found.high
        told = fitted.interval_of(ask, level=LEVEL)
        covered["prediction"] += bool(np.all(told.low < right) and np.all(right < told.high))
    for what, times in covered.items():
        assert binomtest(times, runs, LEVEL).pvalue > 0.001, (what, times)


@pytest.mark.parametrize("name", CASES)
def test_intervals_cover(name: str) -> None:
    check_coverage(name, runs=50, n=4000)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_intervals_cover_in_a_thousand_runs(name: str) -> None:
    check_coverage(name, runs=1000, n=10_000)
