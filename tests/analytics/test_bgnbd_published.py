"""The BG/NBD model gives the figures that were published for it.

Sources: Fader, Hardie and Lee (2005), "Counting your customers" the easy way, for parameters,
log-likelihood and expectations on CDNOW; figures of more digits are maxima recomputed to
machine precision with independent code, in both encodings of the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import hyp2f1

from crmcore.analytics import BetaGeoNBD, BetaGeoNBDProcess, FittedBetaGeoNBD
from crmcore.analytics.summary import Summary

PRINTED = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)


def test_log_likelihood_at_the_printed_parameters(cdnow: Summary) -> None:
    value = PRINTED.log_likelihood_of(frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T)
    assert value == pytest.approx(-9582.4, abs=0.05)


@pytest.mark.parametrize(
    ("x", "recency", "expected"), [(0, 0, -0.59947382), (200, 38, 100.79569309)]
)
def test_log_likelihood_of_one_customer(x: int, recency: float, expected: float) -> None:
    process = BetaGeoNBDProcess(r=0.25, alpha=4, a=0.8, b=2.5)
    value = process.log_likelihood_of(frequency=x, recency=recency, T=40)
    assert value == pytest.approx(expected, abs=6e-9)


def test_fit_on_exact_days(bgnbd: FittedBetaGeoNBD) -> None:
    assert bgnbd.log_likelihood == pytest.approx(-9582.429207, abs=1e-6)
    assert bgnbd.params == pytest.approx(
        {"r": 0.2425945, "alpha": 4.4136020, "a": 0.7929220, "b": 2.4259068}, abs=1e-7
    )
    assert bgnbd.standard_errors == pytest.approx(
        {"r": 0.012557, "alpha": 0.378224, "a": 0.185734, "b": 0.705414}, abs=6e-7
    )
    assert (bgnbd.status, bgnbd.converged, bgnbd.n_customers) == ("interior", True, 2357)


def test_fit_on_two_decimals(cdnow_two_decimals: dict[str, np.ndarray]) -> None:
    histories = {name: cdnow_two_decimals[name] for name in ("frequency", "recency", "T")}
    fitted = BetaGeoNBD().fit(**histories)
    assert fitted.log_likelihood == pytest.approx(-9582.425561, abs=1e-6)
    assert fitted.params == pytest.approx(
        {"r": 0.2425929, "alpha": 4.4135316, "a": 0.7928861, "b": 2.4257534}, abs=1e-7
    )


def test_covariance(bgnbd: FittedBetaGeoNBD) -> None:
    above = bgnbd.covariance[np.triu_indices(4, 1)]
    published = [0.00370642, -8.785e-5, 6.564e-5, -0.00286568, 0.01052328, 0.12321777]
    assert above == pytest.approx(published, rel=1e-4)
    assert (bgnbd.covariance == bgnbd.covariance.T).all()


def test_expected_purchases_of_one_customer() -> None:
    expected = PRINTED.expected_purchases(t=39, frequency=2, recency=30.43, T=38.86)
    assert float(expected) == pytest.approx(1.226, abs=5e-4)


def test_expected_purchases_of_new_customers(bgnbd: FittedBetaGeoNBD) -> None:
    expected = bgnbd.expected_purchases_new(t=[0.1429, 1, 3, 31.8571, 32, 78])
    published = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]
    assert expected == pytest.approx(published, rel=3e-4, abs=5e-5)


def test_number_of_purchases(bgnbd: FittedBetaGeoNBD) -> None:
    assert float(PRINTED.probability_of_n(n=0, t=39)) == pytest.approx(0.5737864, abs=5e-8)
    published = [0.5743059, 0.1991920, 0.0853239, 0.0457983, 0.0276318, 0.0179387]
    assert bgnbd.probability_of_n(n=range(6), t=39) == pytest.approx(published, abs=2e-6)


def test_alive_and_expected_over_39_weeks(bgnbd: FittedBetaGeoNBD) -> None:
    who: dict[str, Any] = {
        "frequency": [0, 1, 2, 7],
        "recency": [0, 10, 30.43, 29.43],
        "T": [39, 39, 38.86, 38.86],
    }
    alive = [1, 0.4373745, 0.7266079, 0.6417838]
    expected = [0.1942173, 0.4176998, 1.2258987, 3.3370838]
    assert bgnbd.probability_alive(**who) == pytest.approx(alive, abs=2e-5)
    assert bgnbd.expected_purchases(t=39, **who) == pytest.approx(expected, rel=1e-4)


def test_heavy_buyers_over_52_weeks(bgnbd: FittedBetaGeoNBD) -> None:
    recent = {"frequency": 26, "recency": 30.857, "T": 31}
    assert float(bgnbd.expected_purchases(t=52, **recent)) == pytest.approx(25.75659, rel=1e-4)
    assert float(bgnbd.probability_alive(**recent)) == pytest.approx(0.9688523, abs=1e-5)
    silent = bgnbd.expected_purchases(t=52, frequency=[10, 15, 20, 25], recency=20, T=39)
    published = [0.3474606, 0.04283391, 0.004158973, 0.0003583685]
    assert silent == pytest.approx(published, rel=2e-4)


def test_sums_over_customers(bgnbd: FittedBetaGeoNBD, cdnow: Summary) -> None:
    who = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    assert bgnbd.expected_purchases(t=39, **who).sum() == pytest.approx(1653.39, abs=0.05)
    assert bgnbd.probability_alive(**who).sum() == pytest.approx(1917.28, abs=0.01)
    assert cdnow.holdout_frequency is not None
    assert cdnow.holdout_frequency.sum() == 1882


def test_cumulative_repeat_purchases_follow_the_actual_ones(
    bgnbd: FittedBetaGeoNBD, cdnow: Summary
) -> None:
    """Weeks 20 to 25: the paper's figure 5 shows the model a few per cent below the sales."""
    born = cdnow.T.max() - cdnow.T  # weeks from 1997-01-01 to the first purchase
    expected = [
        bgnbd.expected_purchases_new(t=np.maximum(week - born, 0)).sum() for week in range(20, 26)
    ]
    assert expected == pytest.approx([1359, 1414, 1484, 1517, 1573, 1672], rel=0.04)
    assert (np.diff(expected) > 0).all()


def test_hypergeometric_function_of_the_paper_agrees(bgnbd: FittedBetaGeoNBD) -> None:
    """Equation 10 as printed, where it can be evaluated."""
    r, alpha, a, b = bgnbd.params.values()
    x, last, age, t = np.array([0, 2, 7, 26]), np.array([0, 30, 29, 38]), 39.0, 26.0
    alive = bgnbd.probability_alive(frequency=x, recency=last, T=age)
    series = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + age + t))
    ratio = ((alpha + age) / (alpha + age + t)) ** (r + x)
    printed = (a + b + x - 1) / (a - 1) * (1 - ratio * series) * alive
    ours = bgnbd.expected_purchases(t=t, frequency=x, recency=last, T=age)
    assert ours == pytest.approx(printed, rel=1e-11)
