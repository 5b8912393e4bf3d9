"""Intervals hold their level: a thousand simulated bases of ten thousand customers each.

Parameters on the log scale, and a prediction by the delta method. An interval of 95 % that misses
too often, or hardly ever, fails where so many hits out of so many runs have a binomial probability
below 0.001.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from scipy.stats import binomtest

from crmcore.analytics import (
    BetaGeoNBD,
    BetaGeoNBDProcess,
    ModifiedBetaGeoNBD,
    ModifiedBetaGeoNBDProcess,
    ParetoNBD,
    ParetoNBDProcess,
)

RUNS = int(os.environ.get("CRMCORE_COVERAGE_RUNS", "1000"))
CUSTOMERS = 10_000
MODELS = [
    (BetaGeoNBD(), BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)),
    (ModifiedBetaGeoNBD(), ModifiedBetaGeoNBDProcess(r=0.6, alpha=6, a=0.8, b=2.5)),
    (ParetoNBD(), ParetoNBDProcess(r=0.6, alpha=10, s=0.8, beta=12)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "truth"), MODELS, ids=["bgnbd", "mbgnbd", "pareto"])
def test_intervals_cover_as_often_as_they_say(model: Any, truth: Any) -> None:
    covered = Counter[str]()
    t = 52.0
    expected = float(truth.expected_purchases_new(t=t))
    for seed in range(RUNS):
        seen = truth.simulate(n_customers=CUSTOMERS, T=52.0, seed=seed)
        fitted = model.fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
        for name, found in fitted.confidence_intervals(level=0.95).items():
            covered[name] += found.low <= truth.params[name] <= found.high
        told = fitted.interval_of(lambda one: one.expected_purchases_new(t=t), level=0.95)
        covered["expected_purchases_new"] += bool(told.low <= expected <= told.high)
    wrong = {
        name: f"{hits} of {RUNS}"
        for name, hits in covered.items()
        if binomtest(hits, RUNS, 0.95).pvalue < 0.001
    }
    assert not wrong, dict(covered)
