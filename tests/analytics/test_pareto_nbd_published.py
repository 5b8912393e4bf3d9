"""The Pareto/NBD model gives the figures that were published for it.

Sources: Fader, Hardie and Lee (2005), "Counting your customers" the easy way, for parameters and
log-likelihood on CDNOW; single log-likelihoods in arithmetic of 120 digits; maxima recomputed to
machine precision with independent code, in both encodings of the data. Predictions are those
that BTYD (R) prints at the parameters where its optimiser stopped, `STOPPED`; those are not printed
but follow from nineteen predictions of seven digits, which one set of four numbers explains.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import hyp2f1, hyperu

from crmcore.analytics import BetaGeoNBD, FittedParetoNBD, ParetoNBD, ParetoNBDProcess
from crmcore.analytics.summary import Summary

PRINTED = ParetoNBDProcess(r=0.553, alpha=10.578, s=0.606, beta=11.669)
STOPPED = ParetoNBDProcess(r=0.55337097, alpha=10.57951939, s=0.60590741, beta=11.65811905)
WHO: dict[str, Any] = {
    "frequency": [0, 1, 2, 7],
    "recency": [0, 10, 30.43, 29.43],
    "T": [39, 39, 38.86, 38.86],
}


@pytest.fixture(scope="module")
def fitted(cdnow: Summary) -> FittedParetoNBD:
    return ParetoNBD().fit(frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T)


def test_log_likelihood_at_the_printed_parameters(cdnow: Summary) -> None:
    value = PRINTED.log_likelihood_of(frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T)
    assert value == pytest.approx(-9595.0, abs=0.05)


@pytest.mark.parametrize(
    ("x", "recency", "age", "printed", "slow"),
    [
        (2, 30.43, 38.86, -9.5542832451504, -9.1007041074489),
        (26, 30.86, 31, -39.131671540303, -33.873133266448),
        (100, 30, 39, -15.776316638745, 1.876845682698),
        (300, 38, 39, 239.71881650088, 288.98071492887),
        (500, 10, 39, 1088.4537963133, 1313.8435425685),
        (1000, 38, 39, 2016.2419834206, 2182.9656265301),
        (1000, 5, 104, 3154.7982431958, 3816.4127634675),
        (3000, 100, 104, 6891.6236448478, 7102.8409141181),
    ],
)
def test_log_likelihood_where_peers_overflow(
    x: int, recency: float, age: float, printed: float, slow: float
) -> None:
    """Against 120 digits, at the printed parameters and where beta is a hundred times alpha."""
    who: dict[str, Any] = {"frequency": x, "recency": recency, "T": age}
    assert PRINTED.log_likelihood_of(**who) == pytest.approx(printed, rel=2e-13)
    other = ParetoNBDProcess(r=0.5, alpha=3, s=0.3, beta=300)
    assert other.log_likelihood_of(**who) == pytest.approx(slow, rel=2e-13)


def test_fit_on_exact_days(fitted: FittedParetoNBD) -> None:
    assert fitted.log_likelihood == pytest.approx(-9594.976179, abs=1e-6)
    assert fitted.params == pytest.approx(
        {"r": 0.5532770, "alpha": 10.5776835, "s": 0.6062400, "beta": 11.6687353}, rel=1e-6
    )
    assert fitted.standard_errors == pytest.approx(
        {"r": 0.0476264, "alpha": 0.8427222, "s": 0.1872594, "beta": 6.2105448}, rel=2e-4
    )
    assert (fitted.status, fitted.converged, fitted.n_customers) == ("interior", True, 2357)


def test_fit_on_two_decimals(cdnow_two_decimals: dict[str, np.ndarray]) -> None:
    histories = {name: cdnow_two_decimals[name] for name in ("frequency", "recency", "T")}
    found = ParetoNBD().fit(**histories)
    assert found.log_likelihood == pytest.approx(-9594.973930, abs=1e-6)
    assert found.params == pytest.approx(
        {"r": 0.5532755, "alpha": 10.5776122, "s": 0.6062136, "beta": 11.6679112}, rel=1e-6
    )
    assert found.standard_errors == pytest.approx(
        {"r": 0.0476264, "alpha": 0.8427222, "s": 0.1872594, "beta": 6.2105448}, rel=2e-4
    )


def test_bgnbd_fits_cdnow_better(fitted: FittedParetoNBD, cdnow: Summary) -> None:
    easy = BetaGeoNBD().fit(frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T)
    assert easy.log_likelihood - fitted.log_likelihood == pytest.approx(12.5, abs=0.1)
    assert easy.aic < fitted.aic


def test_expectation_of_new_customers(fitted: FittedParetoNBD) -> None:
    for process in (fitted, STOPPED):
        assert float(process.expected_purchases_new(t=52)) == pytest.approx(1.473434, abs=6e-7)


def test_heavy_buyers_over_52_weeks(fitted: FittedParetoNBD) -> None:
    recent = {"frequency": 26, "recency": 216 / 7, "T": 31}
    assert float(STOPPED.expected_purchases(t=52, **recent)) == pytest.approx(25.45647, abs=6e-6)
    assert float(STOPPED.probability_alive(**recent)) == pytest.approx(0.997874, abs=6e-7)
    silent: dict[str, Any] = {"t": 52, "frequency": [10, 15, 20, 25], "recency": 20, "T": 39}
    published = [0.7062289, 0.1442396, 0.02250658, 0.00309267]
    assert STOPPED.expected_purchases(**silent) == pytest.approx(published, rel=3e-7)
    assert fitted.expected_purchases(**silent) == pytest.approx(published, rel=1e-3)


def test_number_of_purchases(fitted: FittedParetoNBD) -> None:
    published = [0.5935244, 0.1655902, 0.0825072, 0.0490541, 0.0317060, 0.0214923]
    assert STOPPED.probability_of_n(n=range(6), t=39) == pytest.approx(published, abs=7e-8)
    assert fitted.probability_of_n(n=range(6), t=39) == pytest.approx(published, abs=2e-5)


def test_alive_expected_and_discounted(fitted: FittedParetoNBD) -> None:
    alive = [0.2942786, 0.3973534, 0.8691540, 0.7494797]
    expected = [0.1065262, 0.4037695, 1.4552603, 3.7121946]
    discounted = [0.4750027, 1.8004171, 6.4846715, 16.5416195]
    for process, near in ((STOPPED, 3e-7), (fitted, 1e-3)):
        assert process.probability_alive(**WHO) == pytest.approx(alive, rel=near)
        assert process.expected_purchases(t=39, **WHO) == pytest.approx(expected, rel=near)
        present = process.discounted_purchases(discount_rate=0.0027, **WHO)
        assert present == pytest.approx(discounted, rel=near)


def test_alive_of_very_frequent_buyers() -> None:
    process = ParetoNBDProcess(r=0.5143, alpha=2.8845, s=0.2856, beta=14.1087)
    alive = process.probability_alive(
        frequency=[221, 254, 161, 204],
        recency=[103.42857, 97.14286, 94.71429, 98.57143],
        T=[103.57143, 97.28571, 98.0, 99.42857],
    )
    published = [0.99959605, 0.99955823, 0.74948775, 0.99425508]
    assert alive == pytest.approx(published, abs=6e-9)


def test_sums_over_customers(fitted: FittedParetoNBD, cdnow: Summary) -> None:
    who: dict[str, Any] = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    assert STOPPED.expected_purchases(t=39, **who).sum() == pytest.approx(1665.70, abs=0.01)
    assert STOPPED.probability_alive(**who).sum() == pytest.approx(1051.90, abs=0.01)
    assert fitted.expected_purchases(t=39, **who).sum() == pytest.approx(1665.70, rel=2e-4)
    assert cdnow.holdout_frequency is not None
    assert cdnow.holdout_frequency.sum() == 1882


def test_hypergeometric_functions_of_the_papers_agree() -> None:
    """P(alive) by equation 11 of 1987, where alpha is below beta, and the discounting of 2005."""
    r, alpha, s, beta = STOPPED.params.values()
    x, last, age = np.array([0, 2, 7, 26]), np.array([0, 30.0, 29, 38]), 39.0
    total = r + x + s

    def part(t: Any) -> Any:
        z = (beta - alpha) / (beta + t)
        return hyp2f1(total, r + x, total + 1, z) / (beta + t) ** total

    apart = part(last) - part(age)
    odds = s / total * apart * (alpha + age) ** (r + x) * (beta + age) ** s
    alive = STOPPED.probability_alive(frequency=x, recency=last, T=age)
    assert alive == pytest.approx(1 / (1 + odds), rel=1e-11)
    rate = 0.0027
    integral = (beta + age) * hyperu(1, 2 - s, rate * (beta + age))
    ours = STOPPED.discounted_purchases(discount_rate=rate, frequency=x, recency=last, T=age)
    assert ours == pytest.approx(alive * (r + x) / (alpha + age) * integral, rel=1e-11)
