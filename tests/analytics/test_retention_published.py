"""The contractual models give the figures that were published for them.

Sources: Fader and Hardie (2007), How to project customer retention, table 1, survivors of two
groups of subscribers, regular and high end, over twelve years; Fader and Hardie (2010),
Customer-base valuation in a contractual setting. Figures of more digits are maxima recomputed
to machine precision with independent code.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln, hyp2f1
from scipy.stats import chi2

from crmcore.analytics import (
    BetaDiscreteWeibull,
    ShiftedBetaGeometric,
    ShiftedBetaGeometricProcess,
)

REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]

FITS = [
    (REGULAR, 7, 0.704077, 1.182043, -1680.265188),
    (HIGH_END, 7, 0.668088, 3.806095, -1611.158147),
    (REGULAR, 4, 0.763665, 1.295830, -1401.559424),
    (HIGH_END, 4, 1.280976, 7.790384, -1225.134907),
]


@pytest.mark.parametrize(("survivors", "renewals", "alpha", "beta", "height"), FITS)
def test_shifted_beta_geometric(
    survivors: list[int], renewals: int, alpha: float, beta: float, height: float
) -> None:
    seen = survivors[: renewals + 1]
    process = ShiftedBetaGeometricProcess(alpha=alpha, beta=beta)
    assert process.log_likelihood_of(survivors=seen) == pytest.approx(height, abs=1e-6)
    fitted = ShiftedBetaGeometric().fit(survivors=seen)
    assert fitted.log_likelihood == pytest.approx(height, abs=1e-6)
    assert fitted.params == pytest.approx({"alpha": alpha, "beta": beta}, abs=1e-6)
    assert (fitted.status, fitted.n_customers) == ("interior", 1000)


@pytest.mark.parametrize(
    ("alpha", "beta", "published"),
    [
        (3.80, 15.20, [3.31, 3.45, 3.59, 3.72, 3.84]),
        (0.2 / 3, 0.8 / 3, [7.68, 9.46, 9.86, 10.06, 10.19]),  # printed as .067 and .267
    ],
)
def test_discounted_expected_residual_lifetime(
    alpha: float, beta: float, published: list[float]
) -> None:
    process = ShiftedBetaGeometricProcess(alpha=alpha, beta=beta)
    age = np.arange(5)
    ours = process.discounted_residual_lifetime(discount_rate=np.log(1.1), age=age)
    assert ours == pytest.approx(published, abs=0.0051)
    series = hyp2f1(1, beta + age + 1, alpha + beta + age + 1, 1 / 1.1)
    assert ours == pytest.approx((beta + age) / (alpha + beta + age) * series, rel=1e-12)
    whole = process.discounted_lifetime(discount_rate=np.log(1.1))
    assert whole == pytest.approx(hyp2f1(1, beta, alpha + beta, 1 / 1.1), rel=1e-12)


def test_probabilities_of_lifetimes_where_churn_is_uniform() -> None:
    even = ShiftedBetaGeometricProcess(alpha=1, beta=1)
    published = [0.5, 0.167, 0.083, 0.05, 0.033, 0.024, 0.018]
    assert even.probability_of_lifetime(t=range(1, 8)) == pytest.approx(published, abs=5e-4)


def test_projection_to_the_twelfth_year() -> None:
    """From seven years regular survivors come within a point of those seen."""
    fitted = ShiftedBetaGeometric().fit(survivors=REGULAR[:8])
    ahead = 1000 * fitted.survival(t=range(8, 13))
    assert ahead == pytest.approx(REGULAR[8:], abs=10)
    rates = fitted.retention_rate(t=range(1, 8))
    _, beta = fitted.params.values()
    assert rates == pytest.approx(
        (beta + np.arange(7)) / (sum(fitted.params.values()) + np.arange(7))
    )
    high = ShiftedBetaGeometric().fit(survivors=HIGH_END[:8]).survival(t=range(8, 13))
    assert high == pytest.approx([0.460, 0.436, 0.414, 0.395, 0.378], abs=6e-4)


def test_tenure_matters_for_the_high_end_only() -> None:
    """Likelihood-ratio against chi-square of one degree."""
    p_values = []
    for survivors in (REGULAR, HIGH_END):
        simple, general = (
            model.fit(survivors=survivors[:8])
            for model in (ShiftedBetaGeometric(), BetaDiscreteWeibull())
        )
        p_values.append(chi2.sf(2 * (general.log_likelihood - simple.log_likelihood), 1))
    assert p_values[0] > 0.2
    assert p_values[1] < 0.001


def test_beta_discrete_weibull_projects_the_high_end_better() -> None:
    """What the sBG misses from four years is duration dependence, c = 1.58."""
    general = BetaDiscreteWeibull().fit(survivors=HIGH_END[:5])
    simple = ShiftedBetaGeometric().fit(survivors=HIGH_END[:5])
    assert general.params == pytest.approx({"alpha": 0.259, "beta": 1.72, "c": 1.58}, rel=5e-3)
    seen = np.array(HIGH_END[5:]) / 1000
    ahead = np.arange(5, 13)
    assert np.abs(general.survival(t=ahead) - seen).max() < 0.015
    assert np.abs(simple.survival(t=ahead) - seen).max() > 0.08


def test_survivor_function_of_the_paper_agrees() -> None:
    fitted = BetaDiscreteWeibull().fit(survivors=HIGH_END[:8])
    alpha, beta, c = fitted.params.values()
    t = np.arange(13)
    printed = np.exp(betaln(alpha, beta + t**c) - betaln(alpha, beta))
    assert fitted.survival(t=t) == pytest.approx(printed, rel=1e-12)
