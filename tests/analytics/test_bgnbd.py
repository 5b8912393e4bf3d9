"""What always holds for the BG/NBD model, whatever the data."""

from __future__ import annotations

import json
import pickle

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from crmcore.analytics import BetaGeoNBD, BetaGeoNBDProcess, FittedBetaGeoNBD
from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.summary import Summary
from crmcore.domain.errors import InvalidInput

PROCESS = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)


def histories(n: int, seed: int, process: BetaGeoNBDProcess = PROCESS) -> dict[str, np.ndarray]:
    ages = np.random.default_rng(seed).integers(20, 53, n).astype(float)
    seen = process.simulate(n_customers=n, T=ages, seed=seed)
    return {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}


parameters = st.builds(
    BetaGeoNBDProcess,
    r=st.floats(1e-3, 1e3),
    alpha=st.floats(1e-3, 1e6),
    a=st.one_of(st.just(1.0), st.floats(1e-3, 1e3)),
    b=st.floats(1e-3, 1e3),
)


@st.composite
def any_history(draw: st.DrawFn) -> dict[str, float]:
    x = draw(st.integers(0, 10_000))
    age = draw(st.floats(1e-3, 1e6))
    last = age * draw(st.floats(1e-6, 1)) if x else 0.0
    return {"frequency": x, "recency": min(last, age), "T": age}


@given(parameters, any_history(), st.one_of(st.just(0.0), st.floats(1e-9, 1e6)))
def test_no_input_overflows(process: BetaGeoNBDProcess, who: dict[str, float], t: float) -> None:
    assert np.isfinite(process.log_likelihood_of(**who))
    assert 0 <= process.probability_alive(**who) <= 1
    expected = process.expected_purchases(t=t, **who)
    present = process.discounted_purchases(discount_rate=0.003, horizon=t, **who)
    assert 0 <= present <= expected * (1 + 1e-7)
    assert np.isfinite(expected)
    assert np.isfinite(process.discounted_purchases(discount_rate=0.003, **who))
    assert 0 <= process.probability_of_n(n=who["frequency"], t=t) <= 1 + 1e-9


@given(parameters, any_history(), any_history())
def test_derivatives_equal_finite_differences(
    process: BetaGeoNBDProcess, one: dict[str, float], other: dict[str, float]
) -> None:
    columns = [np.array([one[name], other[name]], float) for name in ("frequency", "recency", "T")]
    likelihood = BetaGeoNBDLikelihood.of(Cells.of(History(*columns), None))
    point = np.log(list(process.params.values()))
    slope = likelihood.slope(point)
    assert slope.value == pytest.approx(likelihood.value(point), rel=1e-12, abs=1e-9)
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


def test_expectation_is_continuous_at_a_equal_to_1() -> None:
    who = {"t": 39, "frequency": 2, "recency": 30, "T": 38}
    below, at, above = (
        attrs.evolve(PROCESS, a=a).expected_purchases(**who) for a in (1 - 1e-7, 1, 1 + 1e-7)
    )
    assert above < at < below
    assert below == pytest.approx(float(above), rel=1e-6)


@given(parameters, st.integers(1, 500), st.floats(1e-3, 1e4))
def test_the_later_the_last_purchase_the_likelier_alive(
    process: BetaGeoNBDProcess, x: int, age: float
) -> None:
    alive = process.probability_alive(frequency=x, recency=age * np.linspace(0.01, 1, 50), T=age)
    assert (np.diff(alive) >= -1e-15).all()


@given(parameters, st.floats(0.01, 1e3))
def test_probabilities_of_n_add_up_to_1(process: BetaGeoNBDProcess, t: float) -> None:
    chances = process.probability_of_n(n=np.arange(400), t=t)
    more = 1 - chances.sum()
    assert (chances >= 0).all()
    assert more > -1e-9
    mean = float(process.expected_purchases_new(t=t))
    assert more <= mean / 400 + 1e-9  # Markov's inequality


def test_probability_of_n_far_beyond_the_gamma_function() -> None:
    heavy = BetaGeoNBDProcess(r=40, alpha=1, a=0.01, b=5)
    chances = heavy.probability_of_n(n=np.arange(200_000), t=30)
    assert chances.sum() == pytest.approx(1, abs=1e-9)
    mean = (np.arange(200_000) * chances).sum()
    assert mean == pytest.approx(float(heavy.expected_purchases_new(t=30)), rel=1e-9)


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


def test_interpolation_over_many_ages_changes_nothing() -> None:
    ages = np.random.default_rng(2).uniform(0.01, 3000, 300)
    together = PROCESS.expected_purchases(t=39, frequency=3, recency=ages / 2, T=ages)
    discounted = PROCESS.discounted_purchases(
        discount_rate=0.003, frequency=3, recency=ages / 2, T=ages
    )
    for age, one, present in zip(ages[:60], together, discounted, strict=False):
        who = {"frequency": 3, "recency": age / 2, "T": age}
        assert one == pytest.approx(float(PROCESS.expected_purchases(t=39, **who)), rel=1e-11)
        alone = PROCESS.discounted_purchases(discount_rate=0.003, **who)
        assert present == pytest.approx(float(alone), rel=1e-10)


def test_fit_recovers_the_parameters() -> None:
    fitted = BetaGeoNBD().fit(**histories(20_000, seed=3))
    for name, true in PROCESS.params.items():
        assert abs(fitted.params[name] - true) < 3.5 * fitted.standard_errors[name]


def test_time_may_be_scaled() -> None:
    weeks = histories(2000, seed=4)
    base = BetaGeoNBD().fit(**weeks)
    for scale in (1e-6, 7.0, 1e9):
        scaled = {"frequency": weeks["frequency"]} | {
            name: weeks[name] * scale for name in ("recency", "T")
        }
        fitted = BetaGeoNBD().fit(**scaled)
        assert fitted.alpha == pytest.approx(base.alpha * scale, rel=1e-6)
        assert [fitted.r, fitted.a, fitted.b] == pytest.approx([base.r, base.a, base.b], rel=1e-6)


@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_hard_subsamples_never_raise(cdnow: Summary, seed: int) -> None:
    """Of samples of 50 every other one has its optimum on a boundary, and says so."""
    who = np.random.default_rng(seed).choice(len(cdnow), 50, replace=False)
    fitted = BetaGeoNBD().fit(
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
    fitted = BetaGeoNBD().fit(frequency=x, recency=recency, T=age)
    assert fitted.status == status
    assert fitted.estimate.reason
    assert np.isfinite(fitted.log_likelihood)


def test_a_fit_that_may_not_climb_says_so() -> None:
    fitted = BetaGeoNBD(steps=1).fit(**histories(300, seed=9))
    assert not fitted.converged
    assert "stopped after 1 steps" in fitted.estimate.reason


def test_fitted_model_survives_plain_data_and_pickle(bgnbd: FittedBetaGeoNBD) -> None:
    hard = BetaGeoNBD().fit(frequency=[1], recency=[5], T=[10])
    for fitted in (bgnbd, hard):
        assert FittedBetaGeoNBD.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted
        assert pickle.loads(pickle.dumps(fitted)) == fitted
    with pytest.raises(InvalidInput, match="model"):
        FittedBetaGeoNBD.from_dict({"model": "GammaGamma"})
    with pytest.raises(InvalidInput, match="estimate"):
        FittedBetaGeoNBD.from_dict({**bgnbd.to_dict(), "estimate": {}})


def test_simulation_repeats_itself() -> None:
    one, same, other = (PROCESS.simulate(n_customers=50, T=52, seed=s) for s in (1, 1, 2))
    assert (one.time == same.time).all()
    assert not np.array_equal(one.time, other.time)
    assert (one.time <= 52).all()
    assert (np.diff(one.customer) >= 0).all()
    assert (one.recency[one.frequency == 0] == 0).all()


def test_all_faults_come_together() -> None:
    with pytest.raises(InvalidInput) as caught:
        BetaGeoNBD().fit(
            frequency=[1, 0, 2.5, -1, 3],
            recency=[5, 2, 3, 0, np.nan],
            T=[4, 3, 3, 3, 3],
            weights=[1, 1],
        )
    assert [fault.path for fault in caught.value.faults] == [
        "frequency[3]",
        "frequency[2]",
        "recency[4]",
        "weights",
    ]
    with pytest.raises(InvalidInput) as caught:
        PROCESS.probability_alive(frequency=[1, 0, 2], recency=[5, 2, 0], T=[4, 3, 9])
    assert [str(fault) for fault in caught.value.faults] == [
        "recency[0]: must not exceed T",
        "recency[1]: must be 0 where frequency is 0",
        "recency[2]: must be above 0 where frequency is",
    ]
    with pytest.raises(InvalidInput, match="has 2 rows where frequency has 3"):
        PROCESS.probability_alive(frequency=[1, 0, 2], recency=[5, 2], T=9)
    with pytest.raises(InvalidInput, match="horizon"):
        PROCESS.discounted_purchases(discount_rate=0, frequency=0, recency=0, T=1)
    with pytest.raises(InvalidInput, match="alpha"):
        BetaGeoNBDProcess(r=1, alpha=0, a=1, b=1)


def test_options_are_checked() -> None:
    with pytest.raises(InvalidInput, match="steps"):
        BetaGeoNBD(steps=0)


@pytest.mark.parametrize(
    ("t", "params", "expected"),
    [
        (1e6, (0.25, 1e-3, 0.8, 2.5), 334.245546563634),
        (1e4, (300, 4.5, 0.05, 0.5), 327231.775634348),
        (390, (50, 4.5, 0.05, 0.05), 1466.27245664083),
        (39, (5, 4.5, 1e-3, 1000), 43.3322286976263),
        (39, (2.25, 4.5, 1e-6, 2), 19.4999614929028),
        (39, (1000.25, 43, 0.8, 1002.5), 689.516051885083),
        (39, (5, 4.5, 1000, 1000), 2.0005340265855),
        (39, (2.25, 43, 50, 0.1), 0.767039518522653),
    ],
)
def test_expectation_at_extreme_parameters(
    t: float, params: tuple[float, ...], expected: float
) -> None:
    """Against equation 9 in arithmetic of fifty digits."""
    process = BetaGeoNBDProcess(**dict(zip(("r", "alpha", "a", "b"), params, strict=True)))
    assert float(process.expected_purchases_new(t=t)) == pytest.approx(expected, rel=1e-10)
    barely = process.discounted_purchases(
        discount_rate=1e-13 / t, horizon=t, frequency=0, recency=0, T=0
    )
    assert float(barely) == pytest.approx(expected, rel=1e-7)
