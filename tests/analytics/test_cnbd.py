"""BG/CNBD-k and MBG/CNBD-k: regular customers. Laws for any data are in `test_beta_geometric`.

Platzer and Reutterer (2016) print no figures of a data set that is public, so the truth here is
brute force: the Erlang densities of the times themselves, integrated over both distributions.
"""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import beta, gamma

from crmcore.analytics import (
    BetaGeoCNBD,
    BetaGeoCNBDProcess,
    BetaGeoNBD,
    BetaGeoNBDProcess,
    FittedBetaGeoCNBD,
    ModifiedBetaGeoCNBD,
    ModifiedBetaGeoCNBDProcess,
    ModifiedBetaGeoNBD,
    ModifiedBetaGeoNBDProcess,
    SimulatedPurchases,
    summarize,
)
from crmcore.analytics.log_intervals import log_spread
from crmcore.analytics.regular_ahead import _by_roots, _by_terms
from crmcore.domain.errors import InvalidInput

SHAPES = {"r": 0.8, "alpha": 1.5, "a": 0.7, "b": 2.4}
PROCESSES = [BetaGeoCNBDProcess, ModifiedBetaGeoCNBDProcess]
MODELS = [BetaGeoCNBD, ModifiedBetaGeoCNBD]
PLAIN: dict[Any, Any] = {
    BetaGeoCNBD: BetaGeoNBD,
    ModifiedBetaGeoCNBD: ModifiedBetaGeoNBD,
    BetaGeoCNBDProcess: BetaGeoNBDProcess,
    ModifiedBetaGeoCNBDProcess: ModifiedBetaGeoNBDProcess,
}


@pytest.fixture(scope="module")
def regular_cdnow(cdnow_purchases: dict[str, Any]) -> dict[str, Any]:
    seen = summarize(**cdnow_purchases, as_of="1997-09-30", log_intervals=True)
    return {name: getattr(seen, name) for name in ("frequency", "recency", "T", "log_intervals")}


def columns(seen: SimulatedPurchases) -> dict[str, Any]:
    return {
        "frequency": seen.frequency,
        "recency": seen.recency,
        "T": seen.T,
        "log_intervals": seen.log_intervals,
    }


@pytest.mark.parametrize("process", PROCESSES)
def test_k_of_1_is_chance_alone(process: Any) -> None:
    regular, plain = process(**SHAPES, k=1), PLAIN[process](**SHAPES)
    who: dict[str, Any] = {"frequency": [0, 1, 7], "recency": [0, 10, 29.4], "T": [39, 39, 38.9]}
    assert regular.log_likelihood_of(**who) == plain.log_likelihood_of(**who)
    for ask, more in (
        ("probability_alive", {}),
        ("expected_purchases", {"t": 39}),
        ("probability_of_purchases", {"t": 39, "n": 2}),
        ("probability_of_at_least", {"t": 39, "n": 2}),
        ("discounted_purchases", {"discount_rate": 0.003}),
    ):
        one, other = (getattr(each, ask)(**who, **more) for each in (regular, plain))
        assert (one == other).all()
    new = {"n": [0, 1, 5], "t": 39}
    assert (regular.probability_of_n(**new) == plain.probability_of_n(**new)).all()


@pytest.mark.parametrize("model", MODELS)
def test_cdnow_is_bought_by_chance(model: Any, regular_cdnow: dict[str, Any]) -> None:
    fitted = model().fit(**regular_cdnow)
    histories = {name: regular_cdnow[name] for name in ("frequency", "recency", "T")}
    plain = PLAIN[model]().fit(**histories)
    assert fitted.k == 1
    assert fitted.params == {**plain.params, "k": 1}
    assert fitted.log_likelihood == plain.log_likelihood == fitted.log_likelihood_by_k[0]
    assert (fitted.covariance == plain.covariance).all()
    assert (np.diff(fitted.log_likelihood_by_k) < 0).all()
    assert fitted.aic == pytest.approx(plain.aic + 2)
    assert model(k=1).fit(**histories).aic == plain.aic


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("k", [2, 3])
def test_the_fit_finds_regularity_and_parameters_back(model: Any, k: int) -> None:
    process = model(k=k)._made.__mro__[1](**SHAPES, k=k)
    fitted = model().fit(**columns(process.simulate(n_customers=4000, T=60.0, seed=k)))
    assert (fitted.k, fitted.status) == (k, "interior")
    for name, value in SHAPES.items():
        assert abs(fitted.params[name] - value) < 4 * fitted.standard_errors[name]
    assert fitted.log_likelihood == max(fitted.log_likelihood_by_k)
    assert len(fitted.log_likelihood_by_k) == 12


def brute_force(process: Any, gaps: list[float], age: float) -> tuple[float, float]:
    """The density of these times between purchases up to `age`, and that part of it where alive.

    Sums over a grid of rates and probabilities, on scales on which both ends die away.
    """
    k, first = process.k, int(isinstance(process, ModifiedBetaGeoCNBDProcess))
    x, silent = len(gaps), age - sum(gaps)
    rate = np.exp(np.linspace(-30, 6, 2000))
    p, q = (expit(s * np.linspace(-40, 40, 2000)) for s in (1, -1))
    chance = gamma.pdf(rate, process.r, scale=1 / process.alpha) * rate * (36 / 1999)
    times = np.prod([gamma.pdf(gap, k, scale=1 / rate) for gap in gaps], axis=0) * chance
    shares = beta.pdf(p, process.a, process.b) * p * q * (80 / 1999)
    alive = (times * gamma.sf(silent, k, scale=1 / rate)).sum() * (shares * q ** (x + first)).sum()
    dead = times.sum() * (shares * p * q ** (x + first - 1)).sum() if x + first else 0.0
    return float(alive + dead), float(alive)


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize(("k", "gaps"), [(2, []), (2, [1.5]), (3, [0.8, 1.4, 1.0])])
def test_likelihood_and_alive_equal_brute_force(process: Any, k: int, gaps: list[float]) -> None:
    known, age = process(r=1.8, alpha=1.2, a=1.4, b=2.4, k=k), 5.0
    whole, alive = brute_force(known, gaps, age)
    who = {"frequency": len(gaps), "recency": sum(gaps), "T": age}
    logs = float(np.log(gaps).sum())
    value = known.log_likelihood_of(**who, log_intervals=logs)
    assert value == pytest.approx(math.log(whole), abs=1e-10)
    assert float(known.probability_alive(**who)) == pytest.approx(alive / whole, rel=1e-10)


@pytest.mark.parametrize(
    ("k", "who", "left_after_repeats", "left_at_any"),
    [
        (1, (0, 0, 40), -0.865301400552051412, -0.533796168485633065),
        (3, (2, 30.43, 38.86), -18.2242792583581496, -18.48336282422886),
        (2, (200, 38, 40), 433.536157598203031, 433.526282587865458),
        (3, (10_000, 900, 1e6), 74827.2148351248412, 74827.214635174828),
        (12, (10_000, 5e5, 1e6), -291278.894490780644, -291278.894690730657),
        (4, (3000, 100, 104), 44227.8355604323116, 44227.8348943207132),
        (3, (1, 1e-4, 1e-3), -6.29130230139316023, -6.62777453801495838),
    ],
)
def test_likelihood_at_any_size(
    k: int, who: tuple[float, ...], left_after_repeats: float, left_at_any: float
) -> None:
    """Against sixty digits of the gamma functions of the paper, without the factor of k alone."""
    x, recency, age = who
    for process, expected in zip(PROCESSES, (left_after_repeats, left_at_any), strict=True):
        known: Any = process(r=0.553, alpha=10.578, a=1.0, b=2.5, k=k)
        value = known.log_likelihood_of(frequency=x, recency=recency, T=age)
        one = np.ones(1)
        value -= log_spread(k, x * one, recency * one, one)
        assert value == pytest.approx(expected, rel=2e-14)


def test_one_silent_customer_by_hand() -> None:
    """alpha = T = 1, r = 2, k = 2: no event with (1/2)**2, one with 2 (1/2)**3."""
    process = BetaGeoCNBDProcess(r=2, alpha=1, a=1, b=1, k=2)
    value = process.log_likelihood_of(frequency=0, recency=0, T=1)
    assert value == pytest.approx(math.log(0.5), rel=1e-14)


@pytest.mark.parametrize("shape", [0.01, 0.8, 40.0, 3000.0])
@pytest.mark.parametrize(("k", "j"), [(2, 0), (2, 1), (3, 1), (12, 0), (12, 11)])
@pytest.mark.parametrize(("leaves", "stays"), [(0.7, 2.4), (1.0, 0.02), (30.0, 900.0)])
def test_sums_by_terms_and_by_roots_agree(
    shape: float, k: int, j: int, leaves: float, stays: float
) -> None:
    z = np.array([30.0, 80.0]) * (0.003 if shape > 1000 else 1.0)
    given: dict[str, Any] = {"k": k, "j": j, "shape": shape, "leaves": leaves, "stays": stays}
    terms = _by_terms(z, 20_000 // k, **given)
    assert _by_roots(z, **given) == pytest.approx(terms, rel=1e-11)


def test_a_short_time_brings_next_to_nothing_and_no_noise() -> None:
    """Twelve events within a thousandth: (r)_12 / 12! z**12, to leading order."""
    process = BetaGeoCNBDProcess(r=2, alpha=1, a=0.7, b=2.4, k=12)
    z = 1e-3 / (1 + 1e-3)
    first = 13 * z**12 * (1 - z) ** 2
    assert float(process.expected_purchases_new(t=1e-3)) == pytest.approx(first, rel=3e-3)


def test_interpolation_over_many_ages_changes_nothing() -> None:
    process = ModifiedBetaGeoCNBDProcess(**SHAPES, k=3)
    ages = np.random.default_rng(2).uniform(0.01, 3000, 300)
    ask: dict[str, Any] = {"frequency": 3, "recency": ages * 0.9, "T": ages}
    together = process.expected_purchases(t=39, **ask)
    discounted = process.discounted_purchases(discount_rate=0.003, **ask)
    for place in range(0, 300, 30):
        who = {"frequency": 3, "recency": ages[place] * 0.9, "T": ages[place]}
        one = float(process.expected_purchases(t=39, **who))
        assert together[place] == pytest.approx(one, rel=1e-11)
        present = float(process.discounted_purchases(discount_rate=0.003, **who))
        assert discounted[place] == pytest.approx(present, rel=1e-9)


def test_regular_customers_have_alike_times() -> None:
    process = BetaGeoCNBDProcess(r=1e6, alpha=1e6, a=1e-3, b=1e3, k=4)
    seen = process.simulate(n_customers=300, T=400.0, seed=1)
    same = np.diff(seen.customer) == 0
    gaps = np.diff(seen.time)[same]
    assert gaps.mean() == pytest.approx(4, rel=0.03)
    assert gaps.std() / gaps.mean() == pytest.approx(0.5, abs=0.02)


def test_estimating_k_needs_the_logarithms() -> None:
    seen = columns(BetaGeoCNBDProcess(**SHAPES, k=2).simulate(n_customers=300, T=40.0, seed=5))
    histories = {name: seen[name] for name in ("frequency", "recency", "T")}
    with pytest.raises(InvalidInput, match=r"log_intervals: is needed to estimate k"):
        BetaGeoCNBD().fit(**histories)
    without, given = BetaGeoCNBD(k=2).fit(**histories), BetaGeoCNBD(k=2).fit(**seen)
    assert without.params == given.params
    assert without.log_likelihood_by_k == ()
    for fitted, asked in ((without, histories), (given, seen)):
        assert fitted.log_likelihood_of(**asked) == pytest.approx(fitted.log_likelihood, rel=1e-12)


def test_without_the_logarithms_it_is_the_likelihood_of_the_last_time_alone() -> None:
    """The two times of purchase integrated over the first: by a sum over where it may have been."""
    process = BetaGeoCNBDProcess(**SHAPES, k=3)
    plain = BetaGeoNBDProcess(**SHAPES)
    who = {"frequency": 2, "recency": 7.0, "T": 9.0}
    first = (np.arange(20_000) + 0.5) * 7 / 20_000
    logs = np.log(first) + np.log(7 - first)
    known = process.log_likelihood_of(**who, log_intervals=0.0)  # two gaps of 1, but for the T
    integral = (np.exp(2 * logs)).mean() * 7
    # Of BG/NBD all times of the first are as likely: the integral is 7 times the density.
    alone = process.log_likelihood_of(**who)
    assert alone == pytest.approx(known + math.log(integral) - math.log(7), rel=1e-8)
    assert plain.log_likelihood_of(**who) == BetaGeoCNBDProcess(**SHAPES, k=1).log_likelihood_of(
        **who
    )


def test_frequency_and_recency_alone_tell_k_of_many_customers() -> None:
    seen = columns(BetaGeoCNBDProcess(**SHAPES, k=3).simulate(n_customers=4000, T=60.0, seed=3))
    del seen["log_intervals"]
    heights = [BetaGeoCNBD(k=k).fit(**seen).log_likelihood for k in range(1, 7)]
    assert np.argmax(heights) == 2


@pytest.mark.parametrize(
    ("log_intervals", "message"),
    [
        ([0, 1.2, 9.0], r"log_intervals\[2\]: must not exceed frequency"),
        ([0, 0.0, 2.0], r"log_intervals\[1\]: must be ln\(recency\)"),
        ([0.1, 1.6, 2.0], r"log_intervals\[0\]: must be 0 where"),
        ([0, np.nan, 2.0], r"log_intervals\[1\]: must be a finite"),
        ([0, 1.6], "has 2 rows where frequency has 3"),
    ],
)
def test_impossible_logarithms_are_refused(log_intervals: list[float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        BetaGeoCNBD().fit(
            frequency=[0, 1, 4], recency=[0, 5, 20], T=[30, 30, 30], log_intervals=log_intervals
        )


@pytest.mark.parametrize("k", [0, 13, 2.0, True])
def test_k_is_a_whole_number(k: Any) -> None:
    with pytest.raises(InvalidInput, match="k: must be a whole number from 1 to 12"):
        BetaGeoCNBD(k=k)
    with pytest.raises(InvalidInput, match="k: must be"):
        BetaGeoCNBDProcess(**SHAPES, k=k)


@pytest.fixture(scope="module")
def fitted() -> tuple[FittedBetaGeoCNBD, dict[str, Any]]:
    process = BetaGeoCNBDProcess(**SHAPES, k=2)
    seen = columns(process.simulate(n_customers=2000, T=52.0, seed=8))
    return BetaGeoCNBD().fit(**seen), seen


def test_it_survives_plain_data_and_pickle(
    fitted: tuple[FittedBetaGeoCNBD, dict[str, Any]],
) -> None:
    found, _ = fitted
    plain = json.loads(json.dumps(found.to_dict()))
    again = FittedBetaGeoCNBD.from_dict(plain)
    assert again == pickle.loads(pickle.dumps(found)) == found
    assert type(again.k) is int
    del plain["log_likelihood_by_k"]
    with pytest.raises(InvalidInput, match="log_likelihood_by_k"):
        FittedBetaGeoCNBD.from_dict(plain)
    whole = found.to_dict()
    for change in ({"k": None}, {"k": 1.5}, {"log_likelihood_by_k": ["high"]}):
        with pytest.raises(InvalidInput, match=next(iter(change))):
            FittedBetaGeoCNBD.from_dict({**whole, **change})


def test_intervals_take_k_as_known(fitted: tuple[FittedBetaGeoCNBD, dict[str, Any]]) -> None:
    found, seen = fitted
    assert set(found.standard_errors) == set(found.confidence_intervals()) == set(SHAPES)
    histories = {name: seen[name] for name in ("frequency", "recency", "T")}
    profile = found.profile_interval("r", **histories, log_intervals=seen["log_intervals"])
    assert profile.low < found.r < profile.high
    with pytest.raises(InvalidInput, match="not those that were fitted"):
        found.profile_interval("r", **histories)
    ahead = found.interval_of(lambda model: model.expected_purchases_new(t=52))
    truth = BetaGeoCNBDProcess(**SHAPES, k=2).expected_purchases_new(t=52)
    assert ahead.low < truth < ahead.high
    assert "whole" in found._repr_html_()


def test_the_unit_of_time_scales_alpha_only(
    fitted: tuple[FittedBetaGeoCNBD, dict[str, Any]],
) -> None:
    found, seen = fitted
    for scale in (7.0, 1e-4):
        scaled = BetaGeoCNBD().fit(
            frequency=seen["frequency"],
            recency=seen["recency"] * scale,
            T=seen["T"] * scale,
            log_intervals=seen["log_intervals"] + seen["frequency"] * math.log(scale),
        )
        assert scaled.params == pytest.approx(
            {**found.params, "alpha": found.alpha * scale}, rel=1e-6
        )
        # A density of times: all k alike change by the unit of each time.
        change = -seen["frequency"].sum() * math.log(scale)
        assert scaled.log_likelihood == pytest.approx(found.log_likelihood + change, rel=1e-10)


def test_nobody_came_back_or_all_like_clockwork() -> None:
    silent = BetaGeoCNBD().fit(frequency=[0, 0], recency=[0, 0], T=[5, 9], log_intervals=0)
    assert (silent.status, silent.k) == ("not_identified", 1)
    clock: dict[str, Any] = {"frequency": [9] * 50, "recency": [36.0] * 50, "T": [37.0] * 50}
    even = BetaGeoCNBD().fit(**clock, log_intervals=9 * math.log(4))
    assert even.k == 12
    assert "k is the largest that is tried" in even.estimate.reason
