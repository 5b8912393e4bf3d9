"""The MBG/NBD model: figures published for it, and its formulas where they can be evaluated.

Batislam, Denizel and Filiztekin (2007) and Wagner and Hoppe (2008); maxima on CDNOW recomputed to
machine precision with independent code, in both encodings of the data. Laws that hold for any
data are in `test_beta_geometric`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import hyp2f1

from crmcore.analytics import (
    FittedModifiedBetaGeoNBD,
    ModifiedBetaGeoNBD,
    ModifiedBetaGeoNBDProcess,
    probability_of_reaching,
)
from crmcore.analytics.summary import Summary

PRINTED = ModifiedBetaGeoNBDProcess(r=0.525, alpha=6.183, a=0.891, b=1.614)
RECOMPUTED = ModifiedBetaGeoNBDProcess(r=0.524844, alpha=6.183093, a=0.891388, b=1.614048)


@pytest.fixture(scope="module")
def mbgnbd(cdnow: Summary) -> FittedModifiedBetaGeoNBD:
    return ModifiedBetaGeoNBD().fit(frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T)


@pytest.mark.parametrize(("x", "recency", "expected"), [(0, 0, -0.41792826), (200, 38, 100.7869)])
def test_log_likelihood_of_one_customer(x: int, recency: float, expected: float) -> None:
    process = ModifiedBetaGeoNBDProcess(r=0.25, alpha=4, a=0.8, b=2.5)
    value = process.log_likelihood_of(frequency=x, recency=recency, T=40)
    assert value == pytest.approx(expected, abs=6e-9 if x == 0 else 6e-5)


def test_log_likelihood_at_the_printed_parameters(cdnow: Summary) -> None:
    value = PRINTED.log_likelihood_of(frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T)
    assert value == pytest.approx(-9582.1357, abs=0.01)


def test_fit_on_exact_days(mbgnbd: FittedModifiedBetaGeoNBD) -> None:
    assert mbgnbd.log_likelihood == pytest.approx(-9582.1357, abs=6e-5)
    assert mbgnbd.params == pytest.approx(RECOMPUTED.params, rel=5e-5)
    assert (mbgnbd.status, mbgnbd.converged, mbgnbd.n_customers) == ("interior", True, 2357)


def test_fit_on_two_decimals(cdnow_two_decimals: dict[str, np.ndarray]) -> None:
    histories = {name: cdnow_two_decimals[name] for name in ("frequency", "recency", "T")}
    assert ModifiedBetaGeoNBD().fit(**histories).log_likelihood == pytest.approx(
        -9582.1327, abs=6e-5
    )


def test_alive_and_expected_over_39_weeks(mbgnbd: FittedModifiedBetaGeoNBD) -> None:
    who: dict[str, Any] = {
        "frequency": [0, 1, 2, 7],
        "recency": [0, 10, 30.43, 29.43],
        "T": [39, 39, 38.86, 38.86],
    }
    alive = [0.3893269, 0.3799486, 0.7061217, 0.6226325]
    expected = [0.1533808, 0.4188094, 1.2626573, 3.1667482]
    for process, error in ((RECOMPUTED, 2e-6), (mbgnbd, 2e-5)):
        assert process.probability_alive(**who) == pytest.approx(alive, rel=error)
        assert process.expected_purchases(t=39, **who) == pytest.approx(expected, rel=error)


def test_hypergeometric_functions_of_the_papers_agree(mbgnbd: FittedModifiedBetaGeoNBD) -> None:
    """The expectation with a history, and that of somebody new, as printed."""
    r, alpha, a, b = mbgnbd.params.values()
    x, last, age, t = np.array([0, 2, 7, 26]), np.array([0, 30, 29, 38]), 39.0, 26.0
    series = hyp2f1(r + x, b + x + 1, a + b + x, t / (alpha + age + t))
    ratio = ((alpha + age) / (alpha + age + t)) ** (r + x)
    odds = a / (b + x) * ((alpha + age) / (alpha + last)) ** (r + x)
    printed = (a + b + x) / (a - 1) * (1 - ratio * series) / (1 + odds)
    ours = mbgnbd.expected_purchases(t=t, frequency=x, recency=last, T=age)
    assert ours == pytest.approx(printed, rel=1e-11)
    new = b / (a - 1) * (1 - (alpha / (alpha + t)) ** r * hyp2f1(r, b + 1, a + b, t / (alpha + t)))
    assert float(mbgnbd.expected_purchases_new(t=t)) == pytest.approx(new, rel=1e-11)


def test_who_never_came_back_may_be_gone() -> None:
    alive = PRINTED.probability_alive(frequency=0, recency=0, T=[0, 10, 100])
    assert alive[0] == pytest.approx(1.614 / (0.891 + 1.614))
    assert (np.diff(alive) < 0).all()


def test_a_tier_is_reached_as_often_as_simulated() -> None:
    process = ModifiedBetaGeoNBDProcess(r=2, alpha=4, a=0.4, b=1.5)
    seen = process.simulate(n_customers=200_000, T=12.0, seed=4)
    share = float((seen.frequency >= 3).mean())
    reached = probability_of_reaching(
        purchases=process, frequency=0, recency=0, T=0, t=12, gap=[3, 3.5]
    )
    assert reached.probability[0] == pytest.approx(share, abs=4 * np.sqrt(0.25 / 200_000))
    told = process.probability_of_at_least(n=4, t=12, frequency=0, recency=0, T=0)
    assert reached.probability[1] == pytest.approx(float(told), rel=1e-11)
