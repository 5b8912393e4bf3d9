"""Lifetime value is what its definition says, by an integration that shares no code with it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binomtest

from crmcore.analytics import (
    BetaGeoNBD,
    BetaGeoNBDProcess,
    FittedBetaGeoNBD,
    FittedGammaGamma,
    GammaGamma,
    GammaGammaSpend,
    IntervalOf,
    continuous_rate,
    lifetime_value,
)
from crmcore.analytics.summary import Summary
from crmcore.domain.errors import InvalidInput

PURCHASES = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)
SPEND = GammaGammaSpend(p=6.25, q=3.74, v=15.44)
WHO: dict[str, Any] = {
    "frequency": [0, 2, 7],
    "recency": [0, 30.43, 29.43],
    "T": [39, 38.86, 38.86],
}
VALUES = [0, 22.35, 40]


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.0027, 0.5])
def test_value_equals_the_discounted_integral(rate: float) -> None:
    worth = lifetime_value(
        purchases=PURCHASES,
        value=SPEND,
        monetary_value=VALUES,
        horizon=52,
        discount_rate=rate,
        margin=0.3,
        **WHO,
    )
    average = SPEND.expected_average_value(frequency=WHO["frequency"], monetary_value=VALUES)
    for place in range(3):
        one = {name: column[place] for name, column in WHO.items()}

        def pace(t: float, one: dict[str, Any] = one) -> float:
            """dE/dt by a central difference."""
            late, early = (PURCHASES.expected_purchases(t=t + s, **one) for s in (1e-3, -1e-3))
            return float((late - early) / 2e-3 * np.exp(-rate * t))

        start = float(PURCHASES.expected_purchases(t=1e-3, **one))
        brute = start + quad(pace, 1e-3, 52, epsabs=1e-9)[0]
        assert worth.value[place] == pytest.approx(0.3 * average[place] * brute, rel=1e-5)


def test_more_discount_is_less_value_and_a_longer_horizon_more() -> None:
    def present(rate: float, horizon: float) -> np.ndarray:
        return PURCHASES.discounted_purchases(discount_rate=rate, horizon=horizon, **WHO)

    rates = np.stack([present(rate, 52) for rate in (0, 0.001, 0.01, 0.1, 10)])
    assert (np.diff(rates, axis=0) < 0).all()
    ends = np.stack([present(0.003, end) for end in (0, 1, 10, 1000, 1e6, np.inf)])
    assert (np.diff(ends, axis=0) >= 0).all()
    assert (ends[0] == 0).all()


def test_discounted_expected_residual_transactions_of_cdnow(
    bgnbd: FittedBetaGeoNBD, gamma_gamma: FittedGammaGamma, cdnow: Summary
) -> None:
    assert cdnow.monetary_value is not None
    worth = lifetime_value(
        purchases=bgnbd,
        value=gamma_gamma,
        frequency=cdnow.frequency,
        recency=cdnow.recency,
        T=cdnow.T,
        monetary_value=cdnow.monetary_value,
        horizon=np.inf,
        discount_rate=continuous_rate(yearly=0.15, units_per_year=52),
    )
    assert np.isfinite(worth.value).all()
    assert (worth.value > 0).all()
    assert worth.value.shape == (2357,)


def test_continuous_rate() -> None:
    rate = continuous_rate(yearly=0.15, units_per_year=52)
    assert np.exp(52 * rate) == pytest.approx(1.15)
    with pytest.raises(InvalidInput, match="units_per_year"):
        continuous_rate(yearly=0.15, units_per_year=0)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"margin": -1}, "margin"),
        ({"horizon": -1}, "horizon"),
        ({"horizon": np.nan}, "horizon"),
        ({"discount_rate": np.inf}, "discount_rate"),
        ({"monetary_value": [1, 2]}, "monetary_value"),
        ({"monetary_value": [1, 2, np.nan]}, r"monetary_value\[2\]"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, object], path: str) -> None:
    given: dict[str, Any] = {
        "monetary_value": VALUES,
        "horizon": 52,
        "discount_rate": 0.1,
        **WHO,
    } | change
    with pytest.raises(InvalidInput, match=path):
        lifetime_value(purchases=PURCHASES, value=SPEND, **given)


def test_faults_of_both_models_come_together() -> None:
    with pytest.raises(InvalidInput) as caught:
        lifetime_value(
            purchases=PURCHASES,
            value=SPEND,
            frequency=[1, -1],
            recency=[50, 0],
            T=[np.nan, 10],
            monetary_value=[-5, 0],
            horizon=52,
            discount_rate=-1,
            margin=-1,
        )
    paths = [fault.path for fault in caught.value.faults]
    assert paths == ["margin", "discount_rate", "frequency[1]", "T[0]", "monetary_value[0]"]


def worth_of(purchases: Any, asked: dict[str, Any]) -> Any:
    return lifetime_value(purchases=purchases, **asked).value


def test_an_interval_of_both_models_covers_as_often_as_it_says() -> None:
    """What purchases and what spend leave open: either alone is surer than both."""
    shop = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
    purse = GammaGammaSpend(p=6.25, q=3.74, v=15.44)
    who: dict[str, Any] = {"frequency": 3, "recency": 30, "T": 39}
    paid: dict[str, Any] = {"frequency": 3, "monetary_value": 25}
    ahead: dict[str, Any] = {"horizon": 52, "discount_rate": 0.003}
    asked: dict[str, Any] = {**who, **ahead, "monetary_value": 25}
    truth = float(lifetime_value(purchases=shop, value=purse, **asked).value)
    runs, covered = 60, 0
    for seed in range(runs):
        seen = shop.simulate(n_customers=600, T=39, seed=seed)
        spent = purse.simulate(frequency=seen.frequency, seed=seed)
        buys = BetaGeoNBD().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
        pays = GammaGamma().fit(frequency=seen.frequency, monetary_value=spent)
        bought = buys.interval_of(
            lambda model: model.discounted_purchases(**who, **ahead), level=0.8
        )
        mean = pays.interval_of(lambda model: model.expected_average_value(**paid), level=0.8)
        both = bought.times(mean)
        worth = lifetime_value(purchases=buys, value=pays, **asked)
        assert float(both.value) == pytest.approx(float(worth.value))
        one = buys.interval_of(partial(worth_of, asked={"value": pays, **asked}), level=0.8)
        assert both.low < one.low < one.high < both.high
        covered += bool(both.low < truth < both.high)
    assert binomtest(covered, runs, 0.8).pvalue > 0.001


def test_products_of_nothing_and_of_what_is_open() -> None:
    def told(value: float, low: float, high: float, level: float = 0.9) -> IntervalOf:
        return IntervalOf(
            value=np.array([value]), low=np.array([low]), high=np.array([high]), level=level
        )

    nothing = told(0, 0, 0).times(told(5, 4, 6))
    assert (float(nothing.low[0]), float(nothing.high[0])) == (0, 0)
    left_open = told(3, 0, np.inf).times(told(5, 4, 6))
    assert (float(left_open.low[0]), float(left_open.high[0])) == (0, np.inf)
    with pytest.raises(InvalidInput, match="level"):
        told(1, 1, 1).times(told(1, 1, 1, level=0.8))
