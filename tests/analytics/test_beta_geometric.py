"""What always holds for the relatives of the BG/NBD model, whatever the data."""

from __future__ import annotations

import json
import pickle
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from crmcore.analytics import (
    BetaGeoCNBDProcess,
    FittedModifiedBetaGeoNBD,
    ModifiedBetaGeoCNBDProcess,
    ModifiedBetaGeoNBD,
    ModifiedBetaGeoNBDProcess,
)
from crmcore.analytics.beta_geometric import BetaGeometricProcess
from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.summary import Summary
from tests.analytics.test_bgnbd import any_history

PROCESS = ModifiedBetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
SHAPES: dict[str, Any] = {
    "r": st.floats(1e-3, 1e3),
    "alpha": st.floats(1e-3, 1e6),
    "a": st.one_of(st.just(1.0), st.floats(1e-3, 1e3)),
    "b": st.floats(1e-3, 1e3),
}
processes = st.one_of(
    st.builds(ModifiedBetaGeoNBDProcess, **SHAPES),
    st.builds(BetaGeoCNBDProcess, k=st.integers(1, 12), **SHAPES),
    st.builds(ModifiedBetaGeoCNBDProcess, k=st.integers(1, 12), **SHAPES),
)


@given(processes, any_history(), st.one_of(st.just(0.0), st.floats(1e-9, 1e6)))
def test_no_input_overflows(process: BetaGeometricProcess, who: dict[str, float], t: float) -> None:
    assert np.isfinite(process.log_likelihood_of(**who))
    assert 0 <= process.probability_alive(**who) <= 1
    expected = process.expected_purchases(t=t, **who)
    present = process.discounted_purchases(discount_rate=0.003, horizon=t, **who)
    assert 0 <= present <= expected * (1 + 1e-8)
    assert np.isfinite(expected)
    assert np.isfinite(process.discounted_purchases(discount_rate=0.003, **who))
    n = np.array([0, 1, 2, 300, 2.0**53])
    exactly = process.probability_of_purchases(n=n, t=t, **who)
    at_least = process.probability_of_at_least(n=n, t=t, **who)
    assert ((exactly >= 0) & (exactly <= 1 + 1e-9)).all()
    assert (np.diff(at_least) <= 1e-9).all()
    assert exactly[0] + at_least[1] == pytest.approx(1, abs=1e-9)
    assert at_least[1] <= process.probability_alive(**who) + 1e-12


@given(processes, any_history(), any_history())
def test_derivatives_equal_finite_differences(
    process: BetaGeometricProcess, one: dict[str, float], other: dict[str, float]
) -> None:
    columns = [np.array([one[name], other[name]], float) for name in ("frequency", "recency", "T")]
    likelihood = process._likelihood(Cells.of(History(*columns), None))
    point = np.log([process.params[name] for name in likelihood.names])
    slope = likelihood.slope(point)
    assert slope.value == pytest.approx(likelihood.value(point), rel=1e-12, abs=1e-9)
    step = 1e-4
    coarse = 1e-5 * (1 + np.abs(slope.hessian).max() + abs(slope.value) * 1e-6)
    for place, axis in enumerate(np.eye(4) * step):
        up, down = likelihood.slope(point + axis), likelihood.slope(point - axis)
        assert (up.value - down.value) / (2 * step) == pytest.approx(
            slope.gradient[place], rel=1e-5, abs=coarse
        )
        assert (up.gradient - down.gradient) / (2 * step) == pytest.approx(
            slope.hessian[place], rel=1e-4, abs=coarse
        )


@given(processes, st.floats(0.01, 1e3))
def test_probabilities_of_n_add_up_to_1(process: BetaGeometricProcess, t: float) -> None:
    chances = process.probability_of_n(n=np.arange(400), t=t)
    more = 1 - chances.sum()
    assert (chances >= 0).all()
    assert -1e-9 < more <= float(process.expected_purchases_new(t=t)) / 400 + 1e-9  # Markov


@given(processes, any_history(), st.floats(1e-3, 1e3))
def test_the_mean_of_the_distribution_is_the_expectation(
    process: BetaGeometricProcess, who: dict[str, float], t: float
) -> None:
    many = 3000
    tail = process.probability_of_at_least(n=np.arange(1, many), t=t, **who)
    expected = float(process.expected_purchases(t=t, **who))
    if tail[-1] < 1e-14:
        assert tail.sum() == pytest.approx(expected, rel=1e-8, abs=1e-10)
    else:
        assert tail.sum() < expected


def test_expectation_is_continuous_at_a_equal_to_1() -> None:
    who = {"t": 39, "frequency": 2, "recency": 30, "T": 38}
    below, at, above = (
        attrs.evolve(PROCESS, a=a).expected_purchases(**who) for a in (1 - 1e-7, 1, 1 + 1e-7)
    )
    assert above < at < below
    assert below == pytest.approx(float(above), rel=1e-6)


def test_conditional_expectation_averages_to_the_unconditional() -> None:
    """Over all who were observed for T, expectations add up to E[X(T + t)] - E[X(T)]."""
    seen = PROCESS.simulate(n_customers=200_000, T=30.0, seed=5)
    ahead = PROCESS.expected_purchases(
        t=20, frequency=seen.frequency, recency=seen.recency, T=seen.T
    )
    early, late = PROCESS.expected_purchases_new(t=[30, 50])
    assert ahead.mean() == pytest.approx(late - early, rel=0.02)
    assert seen.frequency.mean() == pytest.approx(early, rel=0.02)


@pytest.mark.parametrize("horizon", [52.0, np.inf])
def test_discounted_purchases_equal_brute_force(horizon: float) -> None:
    """Integrating by parts, with an adaptive integrator, gives the same present value."""
    who, rate = {"frequency": 7, "recency": 29.43, "T": 38.86}, 0.0027
    end = min(horizon, 15_000.0)

    def running(t: float) -> float:
        return float(rate * np.exp(-rate * t) * PROCESS.expected_purchases(t=t, **who))

    parts = sum(
        quad(running, low, high, epsabs=0, epsrel=1e-10, limit=200)[0]
        for low, high in ((0, min(end, 800.0)), (min(end, 800.0), end))
    )
    brute = parts + np.exp(-rate * end) * PROCESS.expected_purchases(t=end, **who)
    ours = PROCESS.discounted_purchases(discount_rate=rate, horizon=horizon, **who)
    assert float(ours) == pytest.approx(float(brute), rel=1e-9)


@pytest.mark.parametrize("model", [ModifiedBetaGeoNBD])
def test_fit_recovers_the_parameters(model: Any) -> None:
    process = ModifiedBetaGeoNBDProcess(r=0.6, alpha=5, a=0.7, b=2.0)
    seen = process.simulate(n_customers=20_000, T=52.0, seed=7)
    fitted = model().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
    for name, value in process.params.items():
        assert abs(fitted.params[name] - value) < 4 * fitted.standard_errors[name]


@pytest.mark.parametrize("scale", [7.0, 1e-4, 1e5])
def test_the_unit_of_time_scales_alpha_only(cdnow: Summary, scale: float) -> None:
    base, scaled = (
        ModifiedBetaGeoNBD().fit(
            frequency=cdnow.frequency, recency=cdnow.recency * unit, T=cdnow.T * unit
        )
        for unit in (1.0, scale)
    )
    expected = {**base.params, "alpha": base.alpha * scale}
    assert scaled.params == pytest.approx(expected, rel=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_hard_subsamples_never_raise(cdnow: Summary, seed: int) -> None:
    who = np.random.default_rng(seed).choice(len(cdnow), 50, replace=False)
    fitted = ModifiedBetaGeoNBD().fit(
        frequency=cdnow.frequency[who], recency=cdnow.recency[who], T=cdnow.T[who]
    )
    assert fitted.converged
    errors = fitted.standard_errors
    assert not np.isnan(list(errors.values())).any()
    assert {name for name, error in errors.items() if np.isinf(error)} == set(
        fitted.estimate.undetermined
    )


@pytest.mark.parametrize(
    ("x", "recency", "age"),
    [
        ([], [], []),
        ([0, 0, 0], [0, 0, 0], [10, 20, 0]),
        ([1], [5], [10]),
        ([3] * 9, [30] * 9, [30] * 9),
        ([10_000, 0, 3], [5, 0, 1e-3], [1e6, 1e-3, 1e6]),
        ([200_000, 0, 3, 5], [9, 0, 2, 1], [9, 9, 9, 9]),
    ],
)
def test_odd_data_are_fitted_and_described(
    x: list[int], recency: list[float], age: list[float]
) -> None:
    fitted = ModifiedBetaGeoNBD().fit(frequency=x, recency=recency, T=age)
    assert fitted.estimate.reason
    assert fitted.converged
    assert np.isfinite(fitted.log_likelihood)
    again = FittedModifiedBetaGeoNBD.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == pickle.loads(pickle.dumps(fitted)) == fitted


def test_likelihoods_without_an_occasion_to_leave_have_no_dropout() -> None:
    cells = Cells.of(History(np.zeros(1), np.zeros(1), np.full(1, 9.0)), None)
    slope = BetaGeoNBDLikelihood.of(cells).slope(np.zeros(4))
    assert slope.gradient[2:].tolist() == [0, 0]
