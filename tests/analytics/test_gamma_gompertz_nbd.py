"""The GGom/NBD model: published figures, its limit Pareto/NBD, and what always holds."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.integrate import quad

from crmcore.analytics import (
    FittedGammaGompertzNBD,
    GammaGompertzNBD,
    GammaGompertzNBDProcess,
    ParetoNBD,
    ParetoNBDProcess,
)
from crmcore.analytics.gompertz_silences import log_odds_gone
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


def test_fit_recovers_the_parameters() -> None:
    fitted = GammaGompertzNBD().fit(**histories(20_000, seed=3))
    assert fitted.status == "interior"
    for name, true in PROCESS.params.items():
        assert abs(fitted.params[name] - true) < 3.5 * fitted.standard_errors[name]


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
