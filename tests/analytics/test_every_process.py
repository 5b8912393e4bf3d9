"""What must hold for every model of repeat purchases with known parameters, found in `__all__`."""

from __future__ import annotations

import inspect
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore.analytics
from crmcore.analytics import BetaGeoBetaBinomProcess, FittedProcess, ProcessOfEach, PurchaseProcess
from crmcore.analytics.histories import Cells, Opportunities

PUBLIC = [getattr(crmcore.analytics, name) for name in crmcore.analytics.__all__]
KINDS = [
    value
    for value in PUBLIC
    if inspect.isclass(value) and issubclass(value, PurchaseProcess) and attrs.has(value)
    if not issubclass(value, FittedProcess) and value is not ProcessOfEach
]
ORDINARY: dict[str, dict[str, float]] = {
    "GammaGompertzNBDProcess": {"r": 0.8, "alpha": 3, "b": 0.1, "s": 0.8, "beta": 10},
    "BetaGeoBetaBinomProcess": {"alpha": 1.2, "beta": 2.5, "gamma": 0.66, "delta": 9},
}
USUAL = {"r": 0.8, "alpha": 6, "a": 0.8, "b": 2.5, "s": 0.7, "beta": 9, "k": 2}
UNITS = {
    "ParetoNBDProcess": {"alpha": 1, "beta": 1},
    "GammaGompertzNBDProcess": {"alpha": 1, "b": -1},
}
"""The power of the unit of time that a parameter has; alpha is a time in each model."""
NARROW = {"b": (1e-6, 3.0), "s": (1e-2, 1e2), "beta": (1e-5, 1e5), "r": (1e-2, 1e3)}
"""Where integrals of GGom/NBD are promised to hold."""

every = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def names(kind: Any) -> list[str]:
    return [field.name for field in attrs.fields(kind)]


def ordinary(kind: Any) -> Any:
    of = ORDINARY.get(kind.__name__, USUAL)
    return kind(**{name: of[name] for name in names(kind)})


def discrete(kind: Any) -> bool:
    return bool(kind._histories is Opportunities)


def any_process(kind: Any) -> st.SearchStrategy[Any]:
    def size(name: str) -> st.SearchStrategy[Any]:
        if name == "k":
            return st.integers(1, 5)
        if name == "alpha" and not discrete(kind):
            return st.floats(1e-3, 1e6)
        low, high = (1e-3, 1e3)
        if kind.__name__ == "GammaGompertzNBDProcess":
            low, high = NARROW[name]
        return st.one_of(st.just(1.0), st.floats(low, high))

    return st.builds(kind, **{name: size(name) for name in names(kind)})


@st.composite
def any_history(draw: st.DrawFn, kind: Any) -> dict[str, float]:
    if discrete(kind):
        age = draw(st.one_of(st.integers(0, 30), st.integers(0, 1_000_000)))
        last = draw(st.integers(0, age))
        return {"frequency": draw(st.integers(1, last)) if last else 0, "recency": last, "T": age}
    x, span = draw(st.integers(0, 10_000)), draw(st.floats(1e-3, 1e6))
    recency = min(span * draw(st.floats(1e-6, 1)), span) if x else 0.0
    return {"frequency": x, "recency": recency, "T": span}


def stretch(kind: Any, most: float = 1e6) -> st.SearchStrategy[float]:
    if discrete(kind):
        return st.integers(0, int(most)).map(float)
    return st.one_of(st.just(0.0), st.floats(1e-9, most))


def some_histories(kind: Any) -> dict[str, np.ndarray]:
    seen = ordinary(kind).simulate(n_customers=300, T=20, seed=1)
    return {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}


def test_there_are_processes() -> None:
    assert BetaGeoBetaBinomProcess in KINDS
    assert len(KINDS) >= 8


@every
@settings(max_examples=25)
@given(data=st.data())
def test_no_input_overflows(kind: Any, data: st.DataObject) -> None:
    process, who = data.draw(any_process(kind)), data.draw(any_history(kind))
    t = data.draw(stretch(kind))
    assert np.isfinite(process.log_likelihood_of(**who))
    alive = float(process.probability_alive(**who))
    assert 0 <= alive <= 1
    expected = float(process.expected_purchases(t=t, **who))
    present = float(process.discounted_purchases(discount_rate=0.003, horizon=t, **who))
    # Where all is bought in a thousandth of the horizon, quadratures of BG/NBD keep few digits.
    assert 0 <= present <= expected * (1 + 1e-3) < np.inf
    endless = float(process.discounted_purchases(discount_rate=0.003, **who))
    assert present * (1 - 1e-3) <= endless < np.inf
    assert process.discounted_purchases(discount_rate=0, horizon=t, **who) == expected
    n = np.array([0, 1, 2, 300, min(who["frequency"], 3000)])
    exactly = process.probability_of_purchases(n=n, t=t, **who)
    at_least = process.probability_of_at_least(n=n, t=t, **who)
    assert ((exactly >= 0) & (exactly <= at_least + 1e-8) & (at_least <= 1)).all()
    assert at_least[0] == 1
    assert exactly[0] + at_least[1] == pytest.approx(1, abs=1e-9)
    assert at_least[1] - at_least[2] == pytest.approx(exactly[1], abs=1e-9)
    assert at_least[1] <= min(alive, expected * (1 + 1e-9)) + 1e-12  # Markov's inequality
    assert 0 <= process.probability_of_n(n=n[-1], t=t) <= 1


@every
@settings(max_examples=12)
@given(data=st.data())
def test_the_longer_the_silence_the_less_likely_alive(kind: Any, data: st.DataObject) -> None:
    process, who = data.draw(any_process(kind)), data.draw(any_history(kind))
    later = np.arange(50) if discrete(kind) else np.linspace(0, 3, 50) * who["T"]
    alive = process.probability_alive(**(who | {"T": who["T"] + later}))
    assert (np.diff(alive) <= 1e-12).all()


@every
@settings(max_examples=12)
@given(data=st.data())
def test_expectations_rise_and_slow_down(kind: Any, data: st.DataObject) -> None:
    process, who = data.draw(any_process(kind)), data.draw(any_history(kind))
    t = np.arange(60) * (1 if discrete(kind) else data.draw(st.floats(1e-3, 1e3)))
    expected = process.expected_purchases(t=t, **who)
    gains, slack = np.diff(expected), 1e-9 * expected[-1]
    assert expected[0] == 0
    assert (gains >= -slack).all()
    if process.params.get("k", 1) == 1:  # regular customers who just bought pause at first
        assert (np.diff(gains) <= slack).all()


@every
@settings(max_examples=10)
@given(data=st.data())
def test_tails_add_up_to_the_expectation(kind: Any, data: st.DataObject) -> None:
    process, who = data.draw(any_process(kind)), data.draw(any_history(kind))
    t = data.draw(stretch(kind, 1e3))
    tail = process.probability_of_at_least(n=np.arange(1, 1500), t=t, **who)
    expected = float(process.expected_purchases(t=t, **who))
    if tail[-1] < 1e-14:
        assert tail.sum() == pytest.approx(expected, rel=1e-8, abs=1e-10)
    else:
        assert tail.sum() < expected


@every
def test_the_distribution_adds_up_and_has_the_expectation_for_mean(kind: Any) -> None:
    process, t = ordinary(kind), 39
    n = np.arange(4000) if not discrete(kind) else np.arange(t + 2)
    for x, recency, age in ((0, 0, 0), (3, 12, 20), (19, 19, 20)):
        who = {"frequency": x, "recency": recency, "T": age}
        exactly = process.probability_of_purchases(n=n, t=t, **who)
        tail = process.probability_of_at_least(n=n, t=t, **who)
        assert exactly.sum() == pytest.approx(1, abs=1e-10)
        assert tail == pytest.approx(exactly[::-1].cumsum()[::-1], abs=1e-10)
        expected = float(process.expected_purchases(t=t, **who))
        assert tail[1:].sum() == pytest.approx(expected, rel=1e-9)
        assert (n * exactly).sum() == pytest.approx(expected, rel=1e-9)
    new = process.probability_of_n(n=n, t=t)
    alike = process.probability_of_purchases(n=n, t=t, frequency=0, recency=0, T=0)
    assert new == pytest.approx(alike, abs=1e-12)


@every
@pytest.mark.parametrize("scale", [1e-6, 1e9])
def test_the_unit_of_time_does_not_matter(kind: Any, scale: float) -> None:
    if discrete(kind):
        return  # opportunities have no unit
    process, who = ordinary(kind), some_histories(kind)
    powers = UNITS.get(kind.__name__, {"alpha": 1})
    scaled = attrs.evolve(process, **{n: process.params[n] * scale**p for n, p in powers.items()})
    then = {"frequency": who["frequency"], **{c: who[c] * scale for c in ("recency", "T")}}
    assert scaled.probability_alive(**then) == pytest.approx(process.probability_alive(**who))
    one = process.expected_purchases(t=39, **who)
    assert scaled.expected_purchases(t=39 * scale, **then) == pytest.approx(one, rel=1e-9)
    one = process.probability_of_at_least(n=2, t=39, **who)
    assert scaled.probability_of_at_least(n=2, t=39 * scale, **then) == pytest.approx(one, rel=1e-9)
    one = process.discounted_purchases(discount_rate=0.01, **who)
    other = scaled.discounted_purchases(discount_rate=0.01 / scale, **then)
    assert other == pytest.approx(one, rel=1e-8)


@every
@pytest.mark.parametrize("horizon", [4.0, 52.0])
def test_discounting_is_the_integral_by_parts(kind: Any, horizon: float) -> None:
    """By Gauss's rule, or in discrete time as a sum over opportunities."""
    process, rate, who = ordinary(kind), 0.07, {"frequency": 3, "recency": 12, "T": 20}
    if discrete(kind):
        k = np.arange(horizon + 1)
        gains = np.diff(process.expected_purchases(t=k, **who))
        brute = (gains * np.exp(-rate * k[1:])).sum()
    else:
        place, weight = np.polynomial.legendre.leggauss(120)
        t = (place + 1) / 2 * horizon
        grown = process.expected_purchases(t=np.append(t, horizon), **who)
        inner = (weight / 2 * horizon * rate * np.exp(-rate * t) * grown[:-1]).sum()
        brute = inner + np.exp(-rate * horizon) * grown[-1]
    ours = process.discounted_purchases(discount_rate=rate, horizon=horizon, **who)
    assert float(ours) == pytest.approx(brute, rel=1e-9)
    dearer = process.discounted_purchases(discount_rate=2 * rate, horizon=horizon, **who)
    assert dearer < ours


@every
def test_nothing_breaks_off_where_a_parameter_is_1(kind: Any) -> None:
    who = {"t": 39, "frequency": 2, "recency": 15, "T": 20}
    for name in names(kind):
        if name == "k":
            continue
        of = [attrs.evolve(ordinary(kind), **{name: 1 + step}) for step in (-1e-7, 0, 1e-7)]
        below, at, above = (float(process.expected_purchases(**who)) for process in of)
        assert (above - at) * (at - below) >= -1e-22
        assert below == pytest.approx(above, rel=1e-5)


@every
def test_simulated_customers_of_each_history_do_as_foretold(kind: Any) -> None:
    """Nothing of a derivation is used: all buy until 50, and those alike at 30 are counted."""
    n, process = 15_000, ordinary(kind)
    seen = process.simulate(n_customers=n, T=50, seed=5)
    before = seen.time <= 30
    x = np.bincount(seen.customer[before], minlength=n)
    last = np.zeros(n)
    np.maximum.at(last, seen.customer[before], seen.time[before])
    ahead = np.bincount(seen.customer[~before], minlength=n)
    early = float(process.expected_purchases_new(t=30))
    assert abs(x.mean() - early) < 4 * x.std() / np.sqrt(n)
    recent = last > 24
    for group in (x >= 0, x == 0, x == 1, (x > 1) & ~recent, (x > 1) & recent):
        some = np.flatnonzero(group)
        who = {"frequency": x[some], "recency": last[some], "T": 30}
        error = ahead[some] - process.expected_purchases(t=20, **who)
        assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(some))
        for many in (0, 1, 3):
            exactly = process.probability_of_purchases(n=many, t=20, **who)
            at_least = process.probability_of_at_least(n=many, t=20, **who)
            for did, told in ((ahead[some] == many, exactly), (ahead[some] >= many, at_least)):
                sure = np.sqrt((told * (1 - told)).mean() / len(some))
                assert abs(did.mean() - told.mean()) <= 4 * sure


@every
def test_simulation_repeats_itself(kind: Any) -> None:
    one, same, other = (ordinary(kind).simulate(n_customers=50, T=52, seed=s) for s in (1, 1, 2))
    assert (one.time == same.time).all()
    assert not np.array_equal(one.time, other.time)
    assert ((one.time > 0) & (one.time <= 52)).all()
    assert (np.diff(one.customer) >= 0).all()
    assert (np.diff(one.time)[np.diff(one.customer) == 0] >= 0).all()
    assert (one.recency[one.frequency == 0] == 0).all()


@every
@settings(max_examples=15)
@given(data=st.data())
def test_derivatives_equal_finite_differences(kind: Any, data: st.DataObject) -> None:
    process = data.draw(any_process(kind))
    one, other = data.draw(any_history(kind)), data.draw(any_history(kind))
    columns = [np.array([one[name], other[name]], float) for name in one]
    likelihood = process._likelihood(Cells.of(kind._histories(*columns), None))
    point = np.log([process.params[name] for name in likelihood.names])
    slope = likelihood.slope(point)
    assert slope.value == pytest.approx(likelihood.value(point), rel=1e-12, abs=1e-9)
    step = 1e-4
    coarse = 1e-5 * (1 + np.abs(slope.hessian).max() + abs(slope.value) * 1e-6)
    for place, axis in enumerate(np.eye(len(point)) * step):
        up, down = likelihood.slope(point + axis), likelihood.slope(point - axis)
        told = (up.value - down.value) / (2 * step)
        assert told == pytest.approx(slope.gradient[place], rel=1e-5, abs=coarse)
        told = (up.gradient - down.gradient) / (2 * step)
        assert told == pytest.approx(slope.hessian[place], rel=1e-4, abs=coarse)
