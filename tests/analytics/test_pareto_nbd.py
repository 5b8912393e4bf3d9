"""What always holds for the Pareto/NBD model, whatever the data."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import nbinom

from crmcore.analytics import (
    FittedParetoNBD,
    ParetoNBD,
    ParetoNBDProcess,
    pareto_nbd_likelihood,
)
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.pareto_nbd_likelihood import SAMPLE, ParetoNBDLikelihood
from crmcore.analytics.silences import log_odds_gone
from crmcore.analytics.summary import Summary
from crmcore.domain.errors import InvalidInput

PROCESS = ParetoNBDProcess(r=0.6, alpha=6, s=0.7, beta=9)


def histories(n: int, seed: int, process: ParetoNBDProcess = PROCESS) -> dict[str, np.ndarray]:
    ages = np.random.default_rng(seed).integers(20, 53, n).astype(float)
    seen = process.simulate(n_customers=n, T=ages, seed=seed)
    return {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}


parameters = st.builds(
    ParetoNBDProcess,
    r=st.floats(1e-3, 1e3),
    alpha=st.floats(1e-3, 1e6),
    s=st.one_of(st.just(1.0), st.floats(1e-3, 1e3)),
    beta=st.floats(1e-3, 1e6),
)


@st.composite
def any_history(draw: st.DrawFn) -> dict[str, float]:
    x = draw(st.integers(0, 10_000))
    age = draw(st.floats(1e-3, 1e6))
    last = age * draw(st.floats(1e-6, 1)) if x else 0.0
    return {"frequency": x, "recency": min(last, age), "T": age}


@given(parameters, any_history(), st.one_of(st.just(0.0), st.floats(1e-9, 1e6)))
def test_no_input_overflows(process: ParetoNBDProcess, who: dict[str, float], t: float) -> None:
    assert np.isfinite(process.log_likelihood_of(**who))
    assert 0 <= process.probability_alive(**who) <= 1
    expected = process.expected_purchases(t=t, **who)
    assert np.isfinite(expected)
    present = process.discounted_purchases(discount_rate=0.003, horizon=t, **who)
    assert 0 <= present <= expected * (1 + 1e-8)
    assert np.isfinite(process.discounted_purchases(discount_rate=0.003, **who))
    n = who["frequency"]
    assert 0 <= process.probability_of_n(n=n, t=t) <= 1
    chance = process.probability_of_purchases(n=n, t=t, **who)
    tail = process.probability_of_at_least(n=n, t=t, **who)
    assert 0 <= chance <= tail * (1 + 1e-9)
    assert tail <= 1


@given(parameters, any_history(), any_history())
def test_derivatives_equal_finite_differences(
    process: ParetoNBDProcess, one: dict[str, float], other: dict[str, float]
) -> None:
    columns = [np.array([one[name], other[name]], float) for name in ("frequency", "recency", "T")]
    likelihood = ParetoNBDLikelihood.of(Cells.of(History(*columns), None))
    point = np.log(list(process.params.values()))
    slope = likelihood.slope(point)
    assert slope.value == pytest.approx(likelihood.value(point), rel=1e-12, abs=1e-9)
    assert (slope.hessian == slope.hessian.T).all()
    step = 1e-4
    for place, axis in enumerate(np.eye(4) * step):
        up, down = likelihood.slope(point + axis), likelihood.slope(point - axis)
        coarse = 1e-5 * (1 + np.abs(slope.hessian).max() + abs(slope.value) * 1e-6)
        assert (up.value - down.value) / (2 * step) == pytest.approx(
            slope.gradient[place], rel=1e-5, abs=coarse
        )
        assert (up.gradient - down.gradient) / (2 * step) == pytest.approx(
            slope.hessian[place], rel=1e-4, abs=coarse
        )


@pytest.mark.parametrize("alpha", [1e-3, 2.0, 40.0, 3e4])
@pytest.mark.parametrize("beta", [1e-3, 3.0, 50.0, 1e5])
@pytest.mark.parametrize(("x", "last"), [(0, 0.0), (1, 30.0), (40, 20.0)])
def test_odds_of_having_left_equal_an_adaptive_integral(
    alpha: float, beta: float, x: int, last: float
) -> None:
    shape, s, age = 0.6 + x, 0.7, 39.0

    def rate_of_leaving(y: float) -> float:
        tau = last + np.expm1(y)
        alive = shape * np.log((alpha + age) / (alpha + tau)) + s * np.log(
            (beta + age) / (beta + tau)
        )
        return float(np.exp(alive) * s / (beta + tau) * np.exp(y))

    whole = np.log1p(age - last)
    parts = np.concatenate(([0.0], np.geomspace(1e-7, whole, 24)))
    odds = sum(
        quad(rate_of_leaving, low, high, epsabs=0, epsrel=1e-12)[0] for low, high in pairwise(parts)
    )
    ours = log_odds_gone(
        np.array([shape]), np.array([last]), np.array([age]), alpha=alpha, s=s, beta=beta
    )
    assert ours[0] == pytest.approx(np.log(odds), abs=3e-12)


def test_expectation_is_continuous_at_s_equal_to_1() -> None:
    who = {"t": 39, "frequency": 2, "recency": 30, "T": 38}
    below, at, above = (
        attrs.evolve(PROCESS, s=s).expected_purchases(**who) for s in (1 - 1e-7, 1, 1 + 1e-7)
    )
    assert above < at < below
    assert below == pytest.approx(float(above), rel=1e-6)
    simple = ParetoNBDProcess(r=2, alpha=4, s=1, beta=3)
    assert float(simple.expected_purchases_new(t=3)) == pytest.approx(1.5 * np.log(2), rel=1e-15)


@given(parameters, st.integers(1, 500), st.floats(1e-3, 1e4))
def test_the_later_the_last_purchase_the_likelier_alive(
    process: ParetoNBDProcess, x: int, age: float
) -> None:
    alive = process.probability_alive(frequency=x, recency=age * np.linspace(0.01, 1, 50), T=age)
    assert (np.diff(alive) >= -1e-12).all()
    assert alive[-1] == 1


@given(parameters, st.floats(0.01, 1e3))
def test_probabilities_of_n_add_up_to_1(process: ParetoNBDProcess, t: float) -> None:
    chances = process.probability_of_n(n=np.arange(400), t=t)
    more = process.probability_of_at_least(n=400, t=t, frequency=0, recency=0, T=0)
    assert (chances >= 0).all()
    assert chances.sum() + more == pytest.approx(1, abs=1e-10)
    assert more <= float(process.expected_purchases_new(t=t)) / 400 * (1 + 1e-9)  # Markov


@given(parameters, any_history(), st.floats(1e-3, 1e3), st.integers(0, 3000))
def test_a_probability_is_a_step_of_the_tail(
    process: ParetoNBDProcess, who: dict[str, float], t: float, n: int
) -> None:
    tail = process.probability_of_at_least(n=[n, n + 1], t=t, **who)
    chance = process.probability_of_purchases(n=n, t=t, **who)
    assert float(chance) == pytest.approx(tail[0] - tail[1], abs=1e-11)


def test_mean_of_the_distribution_is_the_expectation() -> None:
    for who in (
        {"frequency": 0, "recency": 0, "T": 0},
        {"frequency": 3, "recency": 12, "T": 20},
        {"frequency": 900, "recency": 19.9, "T": 20},
    ):
        n = np.arange(12_000)
        chances = PROCESS.probability_of_purchases(n=n, t=39, **who)
        expected = float(PROCESS.expected_purchases(t=39, **who))
        assert chances.sum() == pytest.approx(1, abs=1e-11)
        assert (chances * n).sum() == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("n", [0, 1, 171, 200, 3000])
def test_without_leaving_purchases_are_negative_binomial(n: int) -> None:
    """Beyond 170 gamma functions overflow, and peers with them."""
    loyal = ParetoNBDProcess(r=2.5, alpha=0.1, s=1e-3, beta=1e12)
    chance = float(loyal.probability_of_n(n=n, t=39))
    assert chance == pytest.approx(nbinom.pmf(n, 2.5, 0.1 / 39.1), rel=1e-10)


def test_history_and_unconditional_probabilities_agree() -> None:
    """Over all who were observed for T, expectations add up to E[X(T + t)] - E[X(T)]."""
    seen = PROCESS.simulate(n_customers=200_000, T=30.0, seed=5)
    who = {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}
    ahead = PROCESS.expected_purchases(t=20, **who)
    early, late = PROCESS.expected_purchases_new(t=[30, 50])
    assert ahead.mean() == pytest.approx(late - early, rel=0.02)
    assert seen.frequency.mean() == pytest.approx(early, rel=0.02)
    alive = PROCESS.probability_alive(**who).mean()
    assert alive == pytest.approx((9 / 39) ** 0.7, rel=0.01)  # as many as stay that long
    for n in range(4):
        share = (seen.frequency == n).mean()
        assert share == pytest.approx(float(PROCESS.probability_of_n(n=n, t=30)), abs=0.005)


@pytest.mark.parametrize("horizon", [0.5, 52.0, np.inf])
@pytest.mark.parametrize("s", [0.2, 1.0, 30.0])
def test_discounted_purchases_equal_brute_force(horizon: float, s: float) -> None:
    """Integrating by parts, with an adaptive integrator, gives the same present value."""
    process = attrs.evolve(PROCESS, s=s, beta=12 * s)
    who, rate = {"frequency": 7, "recency": 29.43, "T": 38.86}, 0.0027
    end = min(horizon, 16_000.0)

    def running(t: float) -> float:
        return float(rate * np.exp(-rate * t) * process.expected_purchases(t=t, **who))

    parts = [0.0, *(p for p in (10.0, 100.0, 800.0, 3000.0) if p < end), end]
    brute = sum(
        quad(running, low, high, epsabs=0, epsrel=1e-11, limit=200)[0]
        for low, high in pairwise(parts)
    )
    brute += np.exp(-rate * end) * process.expected_purchases(t=end, **who)
    ours = process.discounted_purchases(discount_rate=rate, horizon=horizon, **who)
    assert float(ours) == pytest.approx(float(brute), rel=1e-9)


@pytest.mark.parametrize(
    ("n", "t", "params", "exactly", "at_least"),
    [
        (1, 39, (0.001, 4.5, 0.001, 9), 0.000894100501090904, 0.00226439311516333),
        (3000, 39, (2.5, 0.1, 0.3, 20), 1.40446183978275e-5, 0.0066011023798122),
        (10_000, 1e4, (0.5, 0.01, 1000, 1e6), 1.67978906672919e-5, 0.531360791239419),
        (5, 0.01, (100, 0.001, 0.7, 0.001), 0.00639983617784521, 0.966375262854627),
        (200, 5000, (0.02, 50, 5, 0.001), 1.32904362632938e-37, 5.13681965800956e-36),
        (37, 39, (300, 250, 1, 4e4), 0.0234824348343553, 0.923510861420563),
        (2, 1e6, (0.5, 1e4, 0.001, 0.001), 0.036246559097957, 0.836249096072857),
    ],
)
def test_counts_at_extreme_parameters(
    n: int, t: float, params: tuple[float, ...], exactly: float, at_least: float
) -> None:
    """Against the integrals in arithmetic of thirty digits."""
    process = ParetoNBDProcess(**dict(zip(("r", "alpha", "s", "beta"), params, strict=True)))
    assert float(process.probability_of_n(n=n, t=t)) == pytest.approx(exactly, rel=2e-11)
    tail = process.probability_of_at_least(n=n, t=t, frequency=0, recency=0, T=0)
    assert float(tail) == pytest.approx(at_least, rel=2e-11)


def test_fit_recovers_the_parameters() -> None:
    fitted = ParetoNBD().fit(**histories(20_000, seed=3))
    for name, true in PROCESS.params.items():
        assert abs(fitted.params[name] - true) < 3.5 * fitted.standard_errors[name]


def test_a_sample_leads_to_the_maximum_of_all() -> None:
    """Many different histories: the climb begins where that of a sample ended."""
    many = 3 * SAMPLE + 15_000
    seen = PROCESS.simulate(
        n_customers=many, T=np.random.default_rng(1).uniform(20, 52, many), seed=4
    )
    who = {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}
    fitted = ParetoNBD().fit(**who)
    assert fitted.status == "interior"
    assert fitted.estimate.steps <= 6
    again = ParetoNBD(start=PROCESS.params).fit(**who)
    assert fitted.log_likelihood == pytest.approx(again.log_likelihood, abs=1e-6)
    assert fitted.params == pytest.approx(again.params, rel=1e-5)


def test_a_sample_on_a_plateau_is_not_the_only_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly anybody leaves: what a sample cannot tell, all may."""
    monkeypatch.setattr(pareto_nbd_likelihood, "SAMPLE", 150)
    loyal = ParetoNBDProcess(r=2, alpha=10, s=0.02, beta=20)
    seen = loyal.simulate(n_customers=1000, T=np.random.default_rng(1).uniform(5, 9, 1000), seed=4)
    history = History(seen.frequency.astype(float), seen.recency, seen.T)
    assert len(ParetoNBDLikelihood.of(Cells.of(history, None)).starts) == 6
    fitted = ParetoNBD().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
    monkeypatch.setattr(pareto_nbd_likelihood, "SAMPLE", SAMPLE)
    plain = ParetoNBD().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
    assert fitted.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-5)


def test_time_may_be_scaled() -> None:
    weeks = histories(2000, seed=4)
    base = ParetoNBD().fit(**weeks)
    for scale in (1e-6, 7.0, 1e9):
        scaled = {"frequency": weeks["frequency"]} | {
            name: weeks[name] * scale for name in ("recency", "T")
        }
        fitted = ParetoNBD().fit(**scaled)
        times = [fitted.alpha, fitted.beta]
        assert times == pytest.approx([base.alpha * scale, base.beta * scale], rel=1e-6)
        assert [fitted.r, fitted.s] == pytest.approx([base.r, base.s], rel=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_hard_subsamples_never_raise(cdnow: Summary, seed: int) -> None:
    """Of samples of 50 many have their optimum on a boundary, and say so."""
    who = np.random.default_rng(seed).choice(len(cdnow), 50, replace=False)
    fitted = ParetoNBD().fit(
        frequency=cdnow.frequency[who], recency=cdnow.recency[who], T=cdnow.T[who]
    )
    assert fitted.converged
    assert all(value > 0 for value in fitted.params.values())
    errors = fitted.standard_errors
    assert {name for name, error in errors.items() if np.isinf(error)} == set(
        fitted.estimate.undetermined
    )
    assert (fitted.status in ("boundary", "not_identified")) == bool(fitted.estimate.undetermined)
    assert not np.isnan(list(errors.values())).any()


@pytest.mark.parametrize(
    ("x", "recency", "age", "status"),
    [
        ([], [], [], "not_identified"),
        ([0, 0, 0], [0, 0, 0], [10, 20, 0], "not_identified"),
        ([1], [5], [10], "boundary"),
        ([3] * 9, [30] * 9, [30] * 9, "boundary"),
        ([10_000, 0, 3], [5, 0, 1e-3], [1e6, 1e-3, 1e6], "boundary"),
        ([200_000, 0, 3, 5], [9, 0, 2, 1], [9, 9, 9, 9], "interior"),
    ],
)
def test_odd_data_are_fitted_and_described(
    x: list[int], recency: list[float], age: list[float], status: str
) -> None:
    fitted = ParetoNBD().fit(frequency=x, recency=recency, T=age)
    assert fitted.status == status
    assert fitted.estimate.reason
    assert np.isfinite(fitted.log_likelihood)


def test_a_fit_that_may_not_climb_says_so() -> None:
    fitted = ParetoNBD(steps=1).fit(**histories(300, seed=9))
    assert not fitted.converged
    assert "stopped after 1 steps" in fitted.estimate.reason


def test_fitted_model_survives_plain_data_and_pickle() -> None:
    for who in (histories(2000, seed=4), {"frequency": [1], "recency": [5], "T": [10]}):
        fitted = ParetoNBD().fit(**who)
        assert FittedParetoNBD.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted
        assert pickle.loads(pickle.dumps(fitted)) == fitted
    with pytest.raises(InvalidInput, match="model"):
        FittedParetoNBD.from_dict({"model": "BetaGeoNBD"})


def test_simulation_repeats_itself() -> None:
    one, same, other = (PROCESS.simulate(n_customers=50, T=52, seed=s) for s in (1, 1, 2))
    assert (one.time == same.time).all()
    assert not np.array_equal(one.time, other.time)
    assert (one.time <= 52).all()
    assert (np.diff(one.customer) >= 0).all()
    assert (np.diff(one.time)[np.diff(one.customer) == 0] >= 0).all()
    assert (one.recency[one.frequency == 0] == 0).all()


def test_parameters_are_checked() -> None:
    with pytest.raises(InvalidInput, match="beta"):
        ParetoNBDProcess(r=1, alpha=1, s=1, beta=0)
    with pytest.raises(InvalidInput, match="horizon"):
        PROCESS.discounted_purchases(discount_rate=0, frequency=0, recency=0, T=1)
