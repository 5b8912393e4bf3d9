"""Intervals hold their level: a thousand simulated bases of ten thousand customers each.

Parameters on the log scale, and a prediction by the delta method. An interval of 95 % that misses
too often, or hardly ever, fails where so many hits out of so many runs have a binomial probability
below 0.001.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from scipy.stats import binomtest

from crmcore.analytics import (
    NBD,
    BetaGeoCNBD,
    BetaGeoCNBDProcess,
    BetaGeoNBD,
    BetaGeoNBDProcess,
    GammaGamma,
    GammaGammaSpend,
    ModifiedBetaGeoNBD,
    ModifiedBetaGeoNBDProcess,
    NBDProcess,
    ParetoNBD,
    ParetoNBDProcess,
)

RUNS = int(os.environ.get("CRMCORE_COVERAGE_RUNS", "1000"))
CUSTOMERS = 10_000
SHOP = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)


def a_year(model: Any) -> Any:
    return model.expected_purchases_new(t=52)


def next_purchase(model: Any) -> Any:
    return model.expected_average_value(frequency=3, monetary_value=25)


@attrs.frozen
class Purchases:
    """How to draw a base from `truth` and fit `model` to it, and a prediction of it."""

    model: Any
    truth: Any
    ask: Callable[[Any], Any] = a_year

    def fitted(self, seed: int) -> Any:
        seen = self.truth.simulate(n_customers=CUSTOMERS, T=52.0, seed=seed)
        logs = {"log_intervals": seen.log_intervals} if "k" in self.truth.params else {}
        return self.model.fit(frequency=seen.frequency, recency=seen.recency, T=seen.T, **logs)


@attrs.frozen
class Spend:
    """The same of what customers spend, who buy as those of a shop do."""

    model: Any
    truth: Any
    ask: Callable[[Any], Any] = next_purchase

    def fitted(self, seed: int) -> Any:
        frequency = SHOP.simulate(n_customers=CUSTOMERS, T=52.0, seed=seed).frequency
        spent = self.truth.simulate(frequency=frequency, seed=seed + 10_000_000)
        return self.model.fit(frequency=frequency, monetary_value=spent)


CASES: dict[str, Purchases | Spend] = {
    "nbd": Purchases(NBD(), NBDProcess(r=0.5, alpha=8)),
    "bgnbd": Purchases(BetaGeoNBD(), SHOP),
    "mbgnbd": Purchases(
        ModifiedBetaGeoNBD(), ModifiedBetaGeoNBDProcess(r=0.6, alpha=6, a=0.8, b=2.5)
    ),
    "pareto": Purchases(ParetoNBD(), ParetoNBDProcess(r=0.6, alpha=10, s=0.8, beta=12)),
    "regular": Purchases(BetaGeoCNBD(), BetaGeoCNBDProcess(r=0.8, alpha=4, a=0.8, b=2.5, k=2)),
    "spend": Spend(GammaGamma(), GammaGammaSpend(p=6.25, q=3.74, v=15.44)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_intervals_cover_as_often_as_they_say(name: str) -> None:
    case = CASES[name]
    covered = Counter[str]()
    expected = float(case.ask(case.truth))
    for seed in range(RUNS):
        fitted = case.fitted(seed)
        for parameter, found in fitted.confidence_intervals(level=0.95).items():
            covered[parameter] += found.low <= case.truth.params[parameter] <= found.high
        told = fitted.interval_of(case.ask, level=0.95)
        covered["prediction"] += bool(told.low <= expected <= told.high)
    wrong = {
        what: f"{hits} of {RUNS}"
        for what, hits in covered.items()
        if binomtest(hits, RUNS, 0.95).pvalue < 0.001
    }
    assert not wrong, dict(covered)
