"""What always holds for the BG/BB model, whatever the data."""

from __future__ import annotations

from itertools import product
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.stats import beta as beta_law

from crmcore.analytics import (
    BetaGeoBetaBinom,
    BetaGeoBetaBinomProcess,
    bgbb_ahead,
    bgbb_process,
)
from crmcore.domain.errors import InvalidInput
from tests.analytics.donors import donors

PROCESS = BetaGeoBetaBinomProcess(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)

sizes = st.one_of(st.just(1.0), st.floats(1e-4, 1e4))
parameters = st.builds(BetaGeoBetaBinomProcess, alpha=sizes, beta=sizes, gamma=sizes, delta=sizes)


@st.composite
def any_history(draw: st.DrawFn, most: int = 1_000_000) -> dict[str, int]:
    age = draw(st.one_of(st.integers(0, 30), st.integers(0, most)))
    recency = draw(st.integers(0, age))
    x = draw(st.integers(1, recency)) if recency else 0
    return {"frequency": x, "recency": recency, "T": age}


def chance_of(seen: tuple[int, ...], p: float, theta: float) -> float:
    """The probability of a whole record, by walking through every moment of leaving."""
    total, alive, record = 0.0, 1.0, 1.0
    for place, taken in enumerate(seen):
        if not any(seen[place:]):
            total += record * alive * theta
        alive *= 1 - theta
        record *= p if taken else 1 - p
    return total + record * alive


@pytest.mark.parametrize("n", [0, 1, 3])
def test_likelihood_equals_brute_force_over_all_records(n: int) -> None:
    """Mixed over p and theta by quadrature, for each of the 2**n records."""
    process = BetaGeoBetaBinomProcess(alpha=2, beta=3, gamma=2, delta=4)
    for seen in product((0, 1), repeat=n):

        def density(theta: float, p: float, seen: tuple[int, ...] = seen) -> float:
            mixed = beta_law.pdf(p, 2, 3) * beta_law.pdf(theta, 2, 4)
            return float(chance_of(seen, p, theta) * mixed)

        brute = dblquad(density, 0, 1, 0, 1, epsabs=1e-7)[0]
        last = max((i + 1 for i, taken in enumerate(seen) if taken), default=0)
        ours = process.log_likelihood_of(frequency=sum(seen), recency=last, T=n)
        assert np.exp(ours) == pytest.approx(brute, abs=1e-6)


@given(parameters, st.integers(0, 6))
def test_probabilities_of_all_records_add_up_to_1(process: BetaGeoBetaBinomProcess, n: int) -> None:
    total = 0.0
    for seen in product((0, 1), repeat=n):
        last = max((i + 1 for i, taken in enumerate(seen) if taken), default=0)
        total += np.exp(process.log_likelihood_of(frequency=sum(seen), recency=last, T=n))
    assert total == pytest.approx(1, abs=1e-10)


def test_long_silences_are_summed_in_blocks_without_loss() -> None:
    """Against the sum of every single term."""
    x, last, age = 3, 5, 40_000
    k = np.arange(last, age)
    for process in (
        PROCESS,
        attrs.evolve(PROCESS, gamma=1, delta=300.5),
        attrs.evolve(PROCESS, alpha=50),
    ):
        alpha, beta, gamma, delta = process.params.values()

        def steps(c: float, most: int) -> np.ndarray:
            return np.concatenate(([0.0], np.log(c + np.arange(most)).cumsum()))

        b, s, d, g = (steps(c, age + 1) for c in (beta, alpha + beta, delta, gamma + delta))
        there = b[age - x] - s[age] + d[age] - g[age]
        left = b[k - x] - s[k] + np.log(gamma) + d[k] - g[k + 1]
        brute = np.logaddexp(there, np.logaddexp.reduce(left)) + steps(alpha, x)[x]
        ours = process.log_likelihood_of(frequency=x, recency=last, T=age)
        assert ours == pytest.approx(brute, abs=1e-9)


@settings(max_examples=50)
@given(parameters, st.lists(any_history(most=900), min_size=1, max_size=30))
def test_short_silences_step_by_step_are_those_in_blocks(
    process: BetaGeoBetaBinomProcess, seen: list[dict[str, int]]
) -> None:
    who = {name: [each[name] for each in seen] * 2 for name in seen[0]}
    alive = process.probability_alive(**who)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bgbb_process, "SHORT", -1.0)
        assert alive == pytest.approx(process.probability_alive(**who), rel=1e-9, abs=1e-300)


def test_purchases_ahead_over_a_long_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond 4,096 opportunities sums go in blocks, for few and for many purchases."""
    heavy = BetaGeoBetaBinomProcess(alpha=40, beta=3, gamma=0.2, delta=50)
    for process in (PROCESS, heavy):
        asked: dict[str, Any] = {"frequency": 4, "recency": 6, "T": 6, "t": 1000}
        asked["n"] = [0, 1, 7, 300, 700, 900]
        answers = process.probability_of_purchases, process.probability_of_at_least
        single = [answer(**asked) for answer in answers]
        with monkeypatch.context() as patch:
            patch.setattr(bgbb_ahead, "LONG", 64.0)
            for answer, each in zip(answers, single, strict=True):
                assert answer(**asked) == pytest.approx(each, rel=1e-9)
    far = heavy.probability_of_n(n=[0, 3, 10_000], t=1e9)
    assert (far > 0).all()


def test_the_next_opportunity_links_all_answers() -> None:
    who = {"frequency": 2, "recency": 4, "T": 6}
    takes = PROCESS.probability_alive(**who) * (1.2 + 2) / (1.2 + 0.75 + 6)
    assert PROCESS.expected_purchases(t=1, **who) == pytest.approx(float(takes), rel=1e-13)
    assert PROCESS.probability_of_at_least(n=1, t=1, **who) == pytest.approx(float(takes))
    now, then = (
        PROCESS.log_likelihood_of(**history)
        for history in (who, {"frequency": 3, "recency": 7, "T": 7})
    )
    assert np.exp(then - now) == pytest.approx(float(takes), rel=1e-12)


def test_expectation_goes_on_at_gamma_equal_to_1() -> None:
    alpha, beta, _, delta = PROCESS.params.values()
    n = np.arange(30)
    one = attrs.evolve(PROCESS, gamma=1.0).expected_purchases_new(t=n)
    harmonic = np.concatenate(([0.0], (delta / (delta + np.arange(1, 30))).cumsum()))
    assert one == pytest.approx(alpha / (alpha + beta) * harmonic, rel=1e-12)
    for gamma in (0.5, 1 - 1e-4, 1 + 1e-4, 4.0):
        ratio = np.ones(30)
        ratio[1:] = np.cumprod((delta + n[1:]) / (gamma + delta + n[1:] - 1))
        paper = alpha / (alpha + beta) * delta / (gamma - 1) * (1 - ratio)
        ours = attrs.evolve(PROCESS, gamma=gamma).expected_purchases_new(t=n)
        assert ours == pytest.approx(paper, rel=1e-9, abs=1e-9)


def test_simulation_agrees_with_the_formulas() -> None:
    seen = PROCESS.simulate(n_customers=100_000, T=6, seed=5)
    chances = PROCESS.probability_of_n(n=range(7), t=6)
    share = np.bincount(seen.frequency, minlength=7) / 100_000
    assert share == pytest.approx(chances, abs=0.006)
    assert (seen.time == np.floor(seen.time)).all()
    assert (seen.recency <= 6).all()
    both = np.unique(np.stack((seen.customer, seen.time)), axis=1)
    assert both.shape[1] == len(seen.customer)  # never twice at one opportunity
    later = PROCESS.simulate(n_customers=100_000, T=11, seed=5)
    at_6 = later.time <= 6
    x = np.bincount(later.customer[at_6], minlength=100_000)
    last = np.zeros(100_000)
    np.maximum.at(last, later.customer[at_6], later.time[at_6])
    expected = PROCESS.expected_purchases(t=5, frequency=x, recency=last, T=6)
    assert expected.mean() == pytest.approx((later.frequency - x).mean(), rel=0.02)


def test_fit_recovers_the_parameters() -> None:
    seen = PROCESS.simulate(n_customers=30_000, T=10, seed=3)
    fitted = BetaGeoBetaBinom().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
    for name, true in PROCESS.params.items():
        assert abs(fitted.params[name] - true) < 3.5 * fitted.standard_errors[name]


def test_profile_interval() -> None:
    histories, many = donors()
    data: dict[str, Any] = {**histories, "weights": many}
    fitted = BetaGeoBetaBinom().fit(**data)
    wald = fitted.confidence_intervals()["delta"]
    profile = fitted.profile_interval("delta", **data)
    assert (profile.low, profile.high) == pytest.approx((wald.low, wald.high), rel=0.03)


@pytest.mark.parametrize(
    ("changed", "path", "reason"),
    [
        ({"frequency": [1, 2, 5]}, "frequency[2]", "must not exceed recency"),
        ({"recency": [1, 2.5, 4]}, "recency[1]", "must be a whole number"),
        ({"T": [6, 6, 6.5]}, "T[2]", "must be a whole number"),
        ({"T": [6, 1, 6]}, "recency[1]", "must not exceed T"),
        ({"recency": [0, 2, 4]}, "recency[0]", "must be above 0 where frequency is"),
        ({"T": [6, 6]}, "T", "has 2 rows where frequency has 3"),
    ],
)
def test_what_is_no_history_is_refused(changed: dict[str, Any], path: str, reason: str) -> None:
    good: dict[str, Any] = {"frequency": [1, 2, 3], "recency": [1, 2, 4], "T": [6, 6, 6]}
    for ask in (BetaGeoBetaBinom().fit, PROCESS.probability_alive):
        with pytest.raises(InvalidInput) as caught:
            ask(**{**good, **changed})
        assert [str(fault) for fault in caught.value.faults] == [f"{path}: {reason}"]


def test_stretches_are_whole_numbers() -> None:
    who = {"frequency": 1, "recency": 1, "T": 3}
    with pytest.raises(InvalidInput, match="t: must be a whole number"):
        PROCESS.expected_purchases(t=0.5, **who)
    with pytest.raises(InvalidInput, match="horizon: must be a whole number"):
        PROCESS.discounted_purchases(discount_rate=0.1, horizon=2.5, **who)
    with pytest.raises(InvalidInput, match="T: must be a whole number"):
        PROCESS.simulate(n_customers=2, T=1.5, seed=1)
