"""The GGom/NBD model: published figures, its limit Pareto/NBD, and what always holds."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from crmcore.analytics import (
    FittedGammaGompertzNBD,
    GammaGompertzNBD,
    GammaGompertzNBDProcess,
    ParetoNBD,
    ParetoNBDProcess,
)
from crmcore.analytics.gamma_gompertz_nbd_likelihood import GammaGompertzNBDLikelihood
from crmcore.analytics.gompertz_silences import log_odds_gone
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.summary import Summary

PROCESS = GammaGompertzNBDProcess(r=0.8, alpha=3, b=0.1, s=0.8, beta=10)


def histories(
    n: int, seed: int, process: GammaGompertzNBDProcess = PROCESS
) -> dict[str, np.ndarray]:
    ages = np.random.default_rng(seed).integers(20, 79, n).astype(float)
    seen = process.simulate(n_customers=n, T=ages, seed=seed)
    return {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}


parameters = st.builds(
    GammaGompertzNBDProcess,
    r=st.floats(1e-2, 1e3),
    alpha=st.floats(1e-3, 1e6),
    b=st.floats(1e-6, 3),
    s=st.one_of(st.just(1.0), st.floats(1e-2, 1e2)),
    beta=st.one_of(st.just(1.0), st.floats(1e-5, 1e5)),
)


@st.composite
def any_history(draw: st.DrawFn) -> dict[str, float]:
    x = draw(st.integers(0, 10_000))
    age = draw(st.floats(1e-3, 1e6))
    last = age * draw(st.floats(1e-6, 1)) if x else 0.0
    return {"frequency": x, "recency": min(last, age), "T": age}


@given(parameters, any_history(), st.one_of(st.just(0.0), st.floats(1e-9, 1e6)))
def test_no_input_overflows(
    process: GammaGompertzNBDProcess, who: dict[str, float], t: float
) -> None:
    assert np.isfinite(process.log_likelihood_of(**who))
    assert 0 <= process.probability_alive(**who) <= 1
    expected = process.expected_purchases(t=t, **who)
    assert np.isfinite(expected)
    present = process.discounted_purchases(discount_rate=0.003, horizon=t, **who)
    assert 0 <= present <= expected * (1 + 1e-8)
    assert np.isfinite(process.discounted_purchases(discount_rate=0.003, **who))
    chance = process.probability_of_purchases(n=who["frequency"], t=t, **who)
    tail = process.probability_of_at_least(n=who["frequency"], t=t, **who)
    assert 0 <= chance <= tail * (1 + 1e-9)
    assert tail <= 1


@given(parameters, any_history(), any_history())
def test_derivatives_equal_finite_differences(
    process: GammaGompertzNBDProcess, one: dict[str, float], other: dict[str, float]
) -> None:
    columns = [np.array([one[name], other[name]], float) for name in ("frequency", "recency", "T")]
    likelihood = GammaGompertzNBDLikelihood.of(Cells.of(History(*columns), None))
    point = np.log(list(process.params.values()))
    slope = likelihood.slope(point)
    assert slope.value == pytest.approx(likelihood.value(point), rel=1e-12, abs=1e-9)
    assert (slope.hessian == slope.hessian.T).all()
    step = 1e-4
    for place, axis in enumerate(np.eye(5) * step):
        up, down = likelihood.slope(point + axis), likelihood.slope(point - axis)
        coarse = 5e-5 * (1 + np.abs(slope.hessian).max() + abs(slope.value) * 1e-6)
        assert (up.value - down.value) / (2 * step) == pytest.approx(
            slope.gradient[place], rel=1e-5, abs=coarse
        )
        assert (up.gradient - down.gradient) / (2 * step) == pytest.approx(
            slope.hessian[place], rel=1e-4, abs=coarse
        )


@pytest.mark.parametrize("alpha", [1e-2, 5.0, 1e4])
@pytest.mark.parametrize("b", [1e-5, 0.05, 1.0])
@pytest.mark.parametrize("beta", [1e-4, 0.5, 1.0, 30.0, 1e6])
@pytest.mark.parametrize(("x", "last"), [(0, 0.0), (3, 20.0)])
def test_odds_of_having_left_equal_an_adaptive_integral(
    alpha: float, b: float, beta: float, x: int, last: float
) -> None:
    shape, s, age = 0.6 + x, 0.7, 39.0

    def log_stay(tau: float) -> float:
        return float(-s * np.log1p(np.expm1(b * tau) / beta))

    def rate_of_leaving(y: float) -> float:
        tau = last + np.expm1(y)
        rate = s * b / (beta * np.exp(-b * tau) - np.expm1(-b * tau))
        alive = shape * np.log((alpha + age) / (alpha + tau)) + log_stay(tau) - log_stay(age)
        return float(np.exp(alive + y) * rate)

    parts = np.concatenate(([0.0], np.geomspace(1e-7, np.log1p(age - last), 24)))
    odds = sum(quad(rate_of_leaving, *ends, epsabs=0, epsrel=1e-12)[0] for ends in pairwise(parts))
    columns = (np.array([shape]), np.array([last]), np.array([age]))
    ours = log_odds_gone(*columns, alpha=alpha, b=b, s=s, beta=beta)
    assert ours[0] == pytest.approx(np.log(odds), abs=5e-12)


@pytest.mark.parametrize("x", [0, 2, 40])
def test_pareto_nbd_is_the_limit(x: int) -> None:
    """As b falls towards 0 with beta / b constant."""
    pareto = ParetoNBDProcess(r=0.6, alpha=6, s=0.7, beta=9)
    limit = GammaGompertzNBDProcess(r=0.6, alpha=6, b=1e-10, s=0.7, beta=9e-10)
    who = {"frequency": x, "recency": 25.0 if x else 0.0, "T": 39.0}
    for question in (
        lambda model: model.log_likelihood_of(**who),
        lambda model: model.probability_alive(**who),
        lambda model: model.expected_purchases(t=20, **who),
        lambda model: model.probability_of_purchases(n=3, t=20, **who),
        lambda model: model.probability_of_at_least(n=3, t=20, **who),
        lambda model: model.discounted_purchases(discount_rate=0.0027, **who, horizon=500),
    ):
        assert float(question(limit)) == pytest.approx(float(question(pareto)), rel=1e-6)


def test_fit_on_cdnow_ends_at_pareto_nbd(cdnow: Summary) -> None:
    """Bemmaor and Glady print -9594.98 and a b near 0; the supremum is Pareto/NBD itself."""
    who = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    fitted, pareto = GammaGompertzNBD().fit(**who), ParetoNBD().fit(**who)
    assert fitted.log_likelihood == pytest.approx(pareto.log_likelihood, abs=1e-5)
    assert fitted.log_likelihood >= -9594.976269
    assert (fitted.status, fitted.estimate.undetermined) == ("boundary", ("b", "beta"))
    assert fitted.beta / fitted.b == pytest.approx(pareto.beta, rel=1e-3)
    assert [fitted.r, fitted.alpha, fitted.s] == pytest.approx([0.553, 10.578, 0.606], rel=2e-3)
    ahead = fitted.expected_purchases(t=39, **who).sum()
    assert ahead == pytest.approx(pareto.expected_purchases(t=39, **who).sum(), rel=1e-6)


@given(parameters, st.floats(0.01, 1e3))
def test_probabilities_of_n_add_up_to_1(process: GammaGompertzNBDProcess, t: float) -> None:
    chances = process.probability_of_n(n=np.arange(200), t=t)
    more = process.probability_of_at_least(n=200, t=t, frequency=0, recency=0, T=0)
    assert (chances >= 0).all()
    assert chances.sum() + more == pytest.approx(1, abs=1e-10)


def test_mean_of_the_distribution_is_the_expectation() -> None:
    for who in (
        {"frequency": 0, "recency": 0, "T": 0},
        {"frequency": 3, "recency": 12, "T": 20},
        {"frequency": 300, "recency": 19.9, "T": 20},
    ):
        n = np.arange(1, 6000)
        tails = PROCESS.probability_of_at_least(n=n, t=39, **who)
        expected = float(PROCESS.expected_purchases(t=39, **who))
        assert tails.sum() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("horizon", [0.5, 52.0, np.inf])
@pytest.mark.parametrize(("b", "beta"), [(0.1, 10.0), (1e-3, 1e-3), (1.0, 1e5)])
def test_discounted_purchases_equal_brute_force(horizon: float, b: float, beta: float) -> None:
    process = GammaGompertzNBDProcess(r=0.8, alpha=3, b=b, s=0.8, beta=beta)
    who, rate = {"frequency": 7, "recency": 29.43, "T": 38.86}, 0.0027

    def worth(u: float) -> float:
        stays = beta * np.exp(-b * 38.86) - np.expm1(-b * 38.86)
        grown = np.log1p(np.expm1(min(b * u, 500.0)) / stays) + max(b * u - 500.0, 0.0)
        return float(np.exp(-rate * u - 0.8 * grown))

    edges = [0.0, 0.5, 5.0, 52.0, 300.0, 1000.0, 4000.0, 16_000.0]
    parts = [edge for edge in edges if edge < horizon] + [min(horizon, 16_000.0)]
    lived = sum(quad(worth, *ends, epsabs=0, epsrel=1e-11)[0] for ends in pairwise(parts))
    alive = float(process.probability_alive(**who))
    ours = process.discounted_purchases(discount_rate=rate, horizon=horizon, **who)
    assert float(ours) == pytest.approx(alive * 7.8 / 41.86 * lived, rel=1e-9)


def test_simulation_agrees_with_the_formulas() -> None:
    seen = PROCESS.simulate(n_customers=200_000, T=30.0, seed=5)
    who = {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}
    early, late = PROCESS.expected_purchases_new(t=[30, 50])
    assert seen.frequency.mean() == pytest.approx(early, rel=0.02)
    assert PROCESS.expected_purchases(t=20, **who).mean() == pytest.approx(late - early, rel=0.02)
    stay = (10 / (9 + np.exp(3))) ** 0.8
    assert PROCESS.probability_alive(**who).mean() == pytest.approx(stay, rel=0.01)
    for n in range(4):
        share = (seen.frequency == n).mean()
        assert share == pytest.approx(float(PROCESS.probability_of_n(n=n, t=30)), abs=0.005)


def test_fit_recovers_the_parameters() -> None:
    fitted = GammaGompertzNBD().fit(**histories(20_000, seed=3))
    assert fitted.status == "interior"
    for name, true in PROCESS.params.items():
        assert abs(fitted.params[name] - true) < 3.5 * fitted.standard_errors[name]


def test_time_may_be_scaled() -> None:
    weeks = histories(3000, seed=4)
    base = GammaGompertzNBD().fit(**weeks)
    for scale in (1e-6, 7.0, 1e9):
        scaled = {"frequency": weeks["frequency"]} | {
            name: weeks[name] * scale for name in ("recency", "T")
        }
        fitted = GammaGompertzNBD().fit(**scaled)
        times = [fitted.alpha / scale, fitted.b * scale]
        assert times == pytest.approx([base.alpha, base.b], rel=1e-5)
        plain = [fitted.r, fitted.s, fitted.beta]
        assert plain == pytest.approx([base.r, base.s, base.beta], rel=1e-5)


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_hard_subsamples_never_raise(cdnow: Summary, seed: int) -> None:
    who = np.random.default_rng(seed).choice(len(cdnow), 50, replace=False)
    fitted = GammaGompertzNBD().fit(
        frequency=cdnow.frequency[who], recency=cdnow.recency[who], T=cdnow.T[who]
    )
    errors = fitted.standard_errors
    assert {name for name, error in errors.items() if np.isinf(error)} == set(
        fitted.estimate.undetermined
    )
    assert not np.isnan(list(errors.values())).any()


@pytest.mark.parametrize(
    ("x", "recency", "age"),
    [
        ([], [], []),
        ([0, 0, 0], [0, 0, 0], [10, 20, 0]),
        ([1], [5], [10]),
        ([3] * 9, [30] * 9, [30] * 9),
        ([10_000, 0, 3], [5, 0, 1e-3], [1e6, 1e-3, 1e6]),
    ],
)
def test_odd_data_are_fitted_and_described(
    x: list[int], recency: list[float], age: list[float]
) -> None:
    fitted = GammaGompertzNBD().fit(frequency=x, recency=recency, T=age)
    assert fitted.status in ("boundary", "not_identified", "flat")
    assert np.isfinite(fitted.log_likelihood)


def test_fitted_model_survives_plain_data_and_pickle() -> None:
    for who in (histories(2000, seed=4), {"frequency": [1], "recency": [5], "T": [10]}):
        fitted = GammaGompertzNBD().fit(**who)
        plain = json.loads(json.dumps(fitted.to_dict()))
        assert FittedGammaGompertzNBD.from_dict(plain) == fitted
        assert pickle.loads(pickle.dumps(fitted)) == fitted
