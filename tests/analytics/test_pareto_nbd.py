"""What always holds for the Pareto/NBD model, whatever the data."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise

import attrs
import numpy as np
import pytest
from hypothesis import given
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


@pytest.mark.parametrize("n", [0, 1, 171, 200, 3000])
def test_without_leaving_purchases_are_negative_binomial(n: int) -> None:
    """Beyond 170 gamma functions overflow, and peers with them."""
    loyal = ParetoNBDProcess(r=2.5, alpha=0.1, s=1e-3, beta=1e12)
    chance = float(loyal.probability_of_n(n=n, t=39))
    assert chance == pytest.approx(nbinom.pmf(n, 2.5, 0.1 / 39.1), rel=1e-10)


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
