"""The BG/BB model gives the figures that were published for it.

Source: Fader, Hardie and Shang (2010), Customer-base analysis in a discrete-time
noncontractual setting; figures of more digits were recomputed with independent code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import betaln, comb, hyp2f1

from crmcore.analytics import (
    BetaGeoBetaBinom,
    BetaGeoBetaBinomProcess,
    FittedBetaGeoBetaBinom,
    GammaGammaSpend,
    lifetime_value,
)
from tests.analytics.donors import donors

HISTORIES, MANY = donors()
RECOMPUTED = BetaGeoBetaBinomProcess(
    alpha=1.2035276, beta=0.7497260, gamma=0.6567808, delta=2.7837958
)


@pytest.fixture(scope="module")
def fitted() -> FittedBetaGeoBetaBinom:
    return BetaGeoBetaBinom().fit(**HISTORIES, weights=MANY)


def test_the_table_is_whole() -> None:
    assert len(MANY) == 22
    assert MANY.sum() == 11_104


def test_log_likelihood_at_the_published_parameters() -> None:
    value = RECOMPUTED.log_likelihood_of(**HISTORIES, weights=MANY)
    assert value == pytest.approx(-33225.5812755, abs=1e-7)
    printed = BetaGeoBetaBinomProcess(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
    assert printed.log_likelihood_of(**HISTORIES, weights=MANY) == pytest.approx(
        -33225.58, abs=5e-3
    )


def test_fit(fitted: FittedBetaGeoBetaBinom) -> None:
    assert fitted.log_likelihood == pytest.approx(-33225.5812755, abs=1e-5)
    assert fitted.log_likelihood >= -33225.5812755
    assert fitted.params == pytest.approx(
        {"alpha": 1.2035276, "beta": 0.7497260, "gamma": 0.6567808, "delta": 2.7837958}, rel=3e-4
    )
    assert (fitted.status, fitted.converged, fitted.n_customers) == ("interior", True, 11_104)


def test_expected_purchases_of_new_donors() -> None:
    published = [
        0.4985, 0.9233, 1.2969, 1.6323, 1.9381, 2.2202, 2.4826, 2.7285, 2.9603, 3.1798, 3.3887,
    ]  # fmt: skip
    expected = RECOMPUTED.expected_purchases_new(t=range(1, 12))
    assert expected == pytest.approx(published, abs=1.1e-4)


def test_alive_at_the_next_opportunity() -> None:
    alive = RECOMPUTED.probability_alive(frequency=[0, 2, 6], recency=[0, 4, 6], T=6)
    assert alive == pytest.approx([0.11, 0.59, 0.93], abs=0.005)


def test_sum_of_conditional_expectations() -> None:
    """The donors gave 13,260 times in the five years that followed."""
    expected = RECOMPUTED.expected_purchases(t=5, **HISTORIES)
    assert (MANY * expected).sum() == pytest.approx(12_883.96, abs=0.01)


def test_probability_of_n_as_printed() -> None:
    """Equation 7: somebody new gives x times in n years, still there or gone after i."""
    alpha, beta, gamma, delta = RECOMPUTED.params.values()
    n = 6
    for x in range(n + 1):

        def gives(i: int, x: int = x) -> float:
            return float(comb(i, x) * np.exp(betaln(alpha + x, beta + i - x) - betaln(alpha, beta)))

        there = np.exp(betaln(gamma, delta + n) - betaln(gamma, delta))
        left = [np.exp(betaln(gamma + 1, delta + i) - betaln(gamma, delta)) for i in range(n)]
        printed = gives(n) * there + sum(gives(i) * left[i] for i in range(x, n))
        assert RECOMPUTED.probability_of_n(n=x, t=n) == pytest.approx(printed, rel=1e-12)


def test_lifetime_value_takes_the_model() -> None:
    """Gifts of 50 on average for everyone, discounted by ten per cent a year, for ten years."""
    who: dict[str, Any] = {"frequency": [0, 2, 6], "recency": [0, 4, 6], "T": 6}
    worth = lifetime_value(
        purchases=RECOMPUTED,
        value=GammaGammaSpend(p=6, q=4, v=25),
        **who,
        monetary_value=[0, 50, 50],
        horizon=10,
        discount_rate=np.log(1.1),
    )
    reach = np.stack([RECOMPUTED.expected_purchases(t=t, **who) for t in range(11)])
    present = (np.diff(reach, axis=0) * 1.1 ** -np.arange(1, 11)[:, None]).sum(axis=0)
    assert worth.value == pytest.approx(50 * present, rel=1e-12)


def test_hypergeometric_function_of_the_paper_agrees() -> None:
    """Discounted residual transactions as printed, at ten per cent from year to year."""
    alpha, beta, gamma, delta = RECOMPUTED.params.values()
    x, d = np.array([0, 2, 6]), 0.1
    who: dict[str, Any] = {"frequency": x, "recency": [0, 4, 6], "T": 6}
    series = hyp2f1(1, delta + 7, gamma + delta + 7, 1 / (1 + d)) / (1 + d)
    printed = (alpha + x) / (alpha + beta + 6) * series * RECOMPUTED.probability_alive(**who)
    ours = RECOMPUTED.discounted_purchases(discount_rate=np.log1p(d), **who)
    assert ours == pytest.approx(printed, rel=1e-12)
