"""The Gamma-Gamma model: published figures, and what always holds.

Sources: Fader and Hardie (2013), the Gamma-Gamma model of monetary value, for parameters,
correlations and the log-likelihood; digits beyond the printed are recomputed maxima.
"""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from crmcore.analytics import (
    FittedGammaGamma,
    GammaGamma,
    GammaGammaSpend,
    NoFiniteMean,
    independence_check,
)
from crmcore.analytics.gamma_gamma_likelihood import GammaGammaLikelihood
from crmcore.analytics.summary import Summary
from crmcore.domain.errors import InvalidInput

SPEND = GammaGammaSpend(p=6.25, q=3.74, v=15.44)


def simulated(n: int, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    x = draw.integers(0, 12, n)
    nu = draw.gamma(SPEND.q, 1 / SPEND.v, n)
    z = draw.gamma(SPEND.p * np.maximum(x, 1)) / nu / np.maximum(x, 1)
    return {"frequency": x, "monetary_value": np.where(x > 0, z, 0.0)}


def test_fit_on_exact_means(gamma_gamma: FittedGammaGamma) -> None:
    assert gamma_gamma.log_likelihood == pytest.approx(-4055.917695, abs=1e-6)
    assert gamma_gamma.params == pytest.approx(
        {"p": 6.2495723, "q": 3.7442247, "v": 15.443521}, abs=1e-6
    )
    assert gamma_gamma.standard_errors == pytest.approx(
        {"p": 1.190055, "q": 0.290133, "v": 4.159423}, abs=1e-6
    )
    assert (gamma_gamma.status, gamma_gamma.n_customers) == ("interior", 946)


def test_fit_on_two_decimals(cdnow_two_decimals: dict[str, np.ndarray]) -> None:
    spend = {name: cdnow_two_decimals[name] for name in ("frequency", "monetary_value")}
    fitted = GammaGamma().fit(**spend)
    assert fitted.log_likelihood == pytest.approx(-4055.923244, abs=1e-6)
    assert fitted.params == pytest.approx(
        {"p": 6.2488025, "q": 3.7445885, "v": 15.4477480}, abs=1e-6
    )


def test_log_likelihood_at_the_printed_parameters(cdnow: Summary) -> None:
    assert cdnow.monetary_value is not None
    value = SPEND.log_likelihood_of(frequency=cdnow.frequency, monetary_value=cdnow.monetary_value)
    assert value == pytest.approx(-4055.9177, abs=2e-3)


def test_first_ten_customers(gamma_gamma: FittedGammaGamma, cdnow: Summary) -> None:
    assert cdnow.monetary_value is not None
    expected = gamma_gamma.expected_average_value(
        frequency=cdnow.frequency[:10], monetary_value=cdnow.monetary_value[:10]
    )
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert expected == pytest.approx(published, abs=0.0051)


def test_frequency_and_value_are_nearly_independent(cdnow: Summary) -> None:
    assert cdnow.monetary_value is not None
    check = independence_check(frequency=cdnow.frequency, monetary_value=cdnow.monetary_value)
    assert check.correlation == pytest.approx(0.113884, abs=5e-6)
    assert check.without_one == pytest.approx(0.056953, abs=5e-6)
    assert check.most_influential is not None
    assert cdnow.monetary_value[check.most_influential] == pytest.approx(299.63, abs=0.005)
    assert check.n_customers == 946


@pytest.mark.parametrize("x", [[], [0, 0], [0, 3], [2, 2, 2]])
def test_no_correlation_is_none(x: list[int]) -> None:
    check = independence_check(frequency=x, monetary_value=np.arange(1, len(x) + 1) * 1.0)
    assert (check.correlation, check.without_one, check.most_influential) == (None, None, None)


def test_independence_of_two_customers_has_nobody_to_leave_out() -> None:
    check = independence_check(frequency=[1, 2], monetary_value=[10, 20])
    assert check.correlation == pytest.approx(1)
    assert check.without_one is None


@given(
    st.floats(1e-2, 1e3),
    st.floats(1e-2, 1e3),
    st.floats(1e-3, 1e6),
    st.integers(1, 10_000),
    st.floats(1e-2, 1e9),
)
def test_derivatives_equal_finite_differences(
    p: float, q: float, v: float, x: int, z: float
) -> None:
    likelihood = GammaGammaLikelihood.of(np.array([x, 1.0]), np.array([z, 10.0]), None)
    point, step = np.log([p, q, v]), 1e-4
    slope = likelihood.slope(point)
    assert np.isfinite(slope.value)
    assert slope.value == pytest.approx(likelihood.value(point), rel=1e-12)
    coarse = 1e-5 * (1 + np.abs(slope.hessian).max() + np.abs(slope.gradient).max())
    for place, axis in enumerate(np.eye(3) * step):
        up, down = likelihood.slope(point + axis), likelihood.slope(point - axis)
        assert (up.value - down.value) / (2 * step) == pytest.approx(
            slope.gradient[place], abs=coarse
        )
        assert (up.gradient - down.gradient) / (2 * step) == pytest.approx(
            slope.hessian[place], abs=coarse
        )


def test_density_integrates_to_1_and_has_the_mean() -> None:
    """Equation 1a is a density in the mean value z, with mean p v / (q - 1)."""

    def density(z: float) -> float:
        return float(np.exp(SPEND.log_likelihood_of(frequency=3, monetary_value=z)))

    assert quad(density, 1e-9, 5000, limit=200)[0] == pytest.approx(1, abs=1e-6)
    mean = quad(lambda z: z * density(z), 1e-9, 50_000, limit=400)[0]
    assert mean == pytest.approx(SPEND.population_mean, rel=1e-3)


def test_currency_may_change() -> None:
    euros = simulated(3000, seed=1)
    base = GammaGamma().fit(**euros)
    for rate in (1e-6, 655.957, 1e9):
        fitted = GammaGamma().fit(
            frequency=euros["frequency"], monetary_value=euros["monetary_value"] * rate
        )
        assert fitted.v == pytest.approx(base.v * rate, rel=1e-6)
        assert [fitted.p, fitted.q] == pytest.approx([base.p, base.q], rel=1e-6)
        assert fitted.population_mean == pytest.approx(base.population_mean * rate, rel=1e-6)


def test_fit_recovers_the_parameters() -> None:
    fitted = GammaGamma().fit(**simulated(20_000, seed=2))
    for name, true in SPEND.params.items():
        assert abs(fitted.params[name] - true) < 3.5 * fitted.standard_errors[name]


def test_what_was_drawn_is_found_again() -> None:
    truth = GammaGammaSpend(p=4, q=5, v=20)
    x = np.random.default_rng(1).integers(0, 6, 20_000)
    fitted = GammaGamma().fit(frequency=x, monetary_value=truth.simulate(frequency=x, seed=2))
    for name, error in fitted.standard_errors.items():
        assert abs(fitted.params[name] - truth.params[name]) < 4 * error


def test_profile_intervals_and_starts(gamma_gamma: FittedGammaGamma, cdnow: Summary) -> None:
    assert cdnow.monetary_value is not None
    who: dict[str, Any] = {
        "frequency": cdnow.frequency, "monetary_value": cdnow.monetary_value,
    }  # fmt: skip
    found = gamma_gamma.profile_interval("q", **who)
    assert found.low < gamma_gamma.q < found.high
    for end in (found.low, found.high):
        best = max(
            GammaGammaSpend(p=p, q=end, v=v).log_likelihood_of(**who)
            for p in gamma_gamma.p * np.geomspace(0.5, 2, 61)
            for v in gamma_gamma.v * np.geomspace(0.3, 3, 61)
        )
        assert best == pytest.approx(gamma_gamma.log_likelihood - 3.841459 / 2, abs=0.1)
    again = GammaGamma(start=gamma_gamma.params).fit(**who)
    assert again.params == pytest.approx(gamma_gamma.params, rel=1e-8)
    assert again.estimate.steps < gamma_gamma.estimate.steps
    with pytest.raises(InvalidInput, match=r"start\.v"):
        GammaGamma(start={"p": 1.0, "q": 1.0}).fit(**who)


def test_one_shot_customers_get_the_population_mean() -> None:
    expected = SPEND.expected_average_value(frequency=[0, 0], monetary_value=[0, 99])
    assert expected == pytest.approx([SPEND.population_mean] * 2)
    assert SPEND.population_mean == pytest.approx(6.25 * 15.44 / 2.74)


def test_a_mean_that_does_not_exist_is_refused() -> None:
    wild = GammaGammaSpend(p=2, q=0.9, v=10)
    assert wild.population_mean == np.inf
    assert wild.expected_average_value(frequency=1, monetary_value=20) == pytest.approx(60 / 1.9)
    with pytest.raises(NoFiniteMean, match="row 1") as caught:
        wild.expected_average_value(frequency=[1, 0], monetary_value=[20, 0])
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@given(st.integers(0, 10_000), st.sampled_from([2, 5, 20, 50]))
def test_hard_subsamples_never_raise(cdnow: Summary, seed: int, size: int) -> None:
    assert cdnow.monetary_value is not None
    who = np.random.default_rng(seed).choice(len(cdnow), size, replace=False)
    fitted = GammaGamma().fit(
        frequency=cdnow.frequency[who], monetary_value=cdnow.monetary_value[who]
    )
    assert fitted.converged
    assert np.isfinite(fitted.log_likelihood)
    assert not np.isnan(list(fitted.standard_errors.values())).any()


@pytest.mark.parametrize(
    ("x", "z", "status"),
    [
        ([], [], "not_identified"),
        ([0, 0], [0, 5], "not_identified"),
        ([1], [10], "boundary"),
        ([5] * 50, [10] * 50, "boundary"),
        (range(1, 300), range(1, 300), "boundary"),
        ([10_000] * 3, [1, 2, 1e9], "boundary"),
    ],
)
def test_odd_data_are_fitted_and_described(x: list[int], z: list[float], status: str) -> None:
    fitted = GammaGamma().fit(frequency=list(x), monetary_value=list(z))
    assert fitted.status == status
    assert np.isfinite(fitted.log_likelihood)


def test_fitted_model_survives_plain_data(gamma_gamma: FittedGammaGamma) -> None:
    plain = json.loads(json.dumps(gamma_gamma.to_dict()))
    assert FittedGammaGamma.from_dict(plain) == gamma_gamma
    with pytest.raises(InvalidInput, match="q: is missing"):
        FittedGammaGamma.from_dict({"model": "GammaGamma", "p": 1})


def test_gifts_and_faults_are_refused_with_their_place() -> None:
    with pytest.raises(InvalidInput) as caught:
        GammaGamma().fit(frequency=[1, 0, 2, 1], monetary_value=[5, 0, 0, 0])
    assert caught.value.faults[0].path == "monetary_value[2]"
    assert "(and 1 more)" in caught.value.faults[0].reason
    with pytest.raises(InvalidInput) as caught:
        GammaGamma().fit(frequency=["a"], monetary_value=[[1.0]])
    assert [fault.path for fault in caught.value.faults] == ["frequency", "monetary_value"]
