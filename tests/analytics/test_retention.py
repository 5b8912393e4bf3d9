"""What always holds for contractual lifetimes with beta-distributed chances to end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta as beta_law

from crmcore.analytics import (
    BetaDiscreteWeibull,
    BetaDiscreteWeibullProcess,
    ShiftedBetaGeometric,
    ShiftedBetaGeometricProcess,
    survivors_of,
)
from crmcore.domain.errors import InvalidInput

sizes = st.one_of(st.just(1.0), st.floats(1e-4, 1e4))
processes = st.builds(
    BetaDiscreteWeibullProcess,
    alpha=sizes,
    beta=sizes,
    c=st.one_of(st.just(1.0), st.floats(0.1, 8)),
)
SUBSCRIBERS = BetaDiscreteWeibullProcess(alpha=0.7, beta=2.5, c=1.4)


@given(sizes, sizes, st.integers(0, 10_000), st.integers(1, 10_000))
def test_at_c_1_it_is_the_shifted_beta_geometric_exactly(
    alpha: float, beta: float, age: int, t: int
) -> None:
    simple = ShiftedBetaGeometricProcess(alpha=alpha, beta=beta)
    general = BetaDiscreteWeibullProcess(alpha=alpha, beta=beta, c=1)
    for ask in ("survival", "probability_of_lifetime"):
        assert getattr(simple, ask)(t=t, age=age) == getattr(general, ask)(t=t, age=age)
    assert simple.expected_lifetime(age=age) == general.expected_lifetime(age=age)
    cohorts = {"survivors": [[9, 4, 3], [7, 7]]}
    assert simple.log_likelihood_of(**cohorts) == general.log_likelihood_of(**cohorts)


def test_it_goes_on_at_c_equal_to_1() -> None:
    near = [BetaDiscreteWeibullProcess(alpha=2.5, beta=3, c=c) for c in (1 - 1e-9, 1, 1 + 1e-9)]
    for ask in (
        lambda p: p.survival(t=[1, 5, 50], age=3),
        lambda p: p.expected_lifetime(age=[0, 4]),
        lambda p: p.discounted_lifetime(discount_rate=0.1),
    ):
        below, at, above = (ask(p) for p in near)
        assert below == pytest.approx(at, rel=1e-7)
        assert above == pytest.approx(at, rel=1e-7)


@pytest.mark.parametrize("c", [0.6, 1.0, 1.7])
def test_survival_equals_brute_force(c: float) -> None:
    """The mean over theta of (1 - theta) ** (t ** c)."""
    process = BetaDiscreteWeibullProcess(alpha=2, beta=5, c=c)
    for t in (1, 3, 10):
        mean = quad(lambda p, t=t: (1 - p) ** (t**c) * beta_law.pdf(p, 2, 5), 0, 1)[0]
        assert process.survival(t=t) == pytest.approx(mean, rel=1e-9)


@given(processes, st.integers(0, 1000), st.integers(1, 60))
def test_all_answers_hang_together(process: BetaDiscreteWeibullProcess, age: int, t: int) -> None:
    times = np.arange(1, t + 1)
    survival = process.survival(t=np.arange(t + 1), age=age)
    chances = process.probability_of_lifetime(t=times, age=age)
    assert survival[0] == 1
    assert chances.sum() + survival[-1] == pytest.approx(1, abs=1e-12)
    assert chances == pytest.approx(-np.diff(survival), abs=1e-12)
    rates = process.retention_rate(t=age + times)
    assert rates.cumprod() == pytest.approx(survival[1:], rel=1e-10)
    stay = process.expected_lifetime(age=age, horizon=t)
    assert stay == pytest.approx(survival[:-1].sum(), rel=1e-11)
    present = process.discounted_lifetime(discount_rate=0.1, age=age, horizon=t)
    assert present == pytest.approx((survival[:-1] * np.exp(-0.1 * np.arange(t))).sum(), rel=1e-11)
    ahead = process.discounted_residual_lifetime(discount_rate=0.1, age=age, horizon=t)
    assert ahead == pytest.approx((survival[1:] * np.exp(-0.1 * np.arange(t))).sum(), rel=1e-11)


@given(processes)
def test_retention_rises_where_nobody_changes(process: BetaDiscreteWeibullProcess) -> None:
    simple = ShiftedBetaGeometricProcess(alpha=process.alpha, beta=process.beta)
    assert (np.diff(simple.retention_rate(t=np.arange(1, 200))) > -1e-15).all()
    assert np.diff(simple.discounted_lifetime(discount_rate=0.1, age=[0, 5])) >= 0


@pytest.mark.parametrize("c", [0.5, 0.9, 1.3, 3.0])
def test_sums_without_end(c: float) -> None:
    """Against single terms, where those past the last are known from their power law."""
    process = BetaDiscreteWeibullProcess(alpha=5 / c, beta=4, c=c)  # S falls like t ** -5
    t = np.arange(1_000_000)
    survival = process.survival(t=t)
    assert process.expected_lifetime() == pytest.approx(survival.sum(), rel=1e-9)
    for rate in (1e-4, 0.1):
        brute = (survival * np.exp(-rate * t)).sum()
        ours = process.discounted_lifetime(discount_rate=rate)
        assert ours == pytest.approx(brute, rel=1e-9)


def test_lifetimes_without_mean_are_infinite() -> None:
    for process in (
        ShiftedBetaGeometricProcess(alpha=1, beta=3),
        BetaDiscreteWeibullProcess(alpha=2, beta=3, c=0.5),
    ):
        assert process.expected_lifetime(age=[0, 3]).tolist() == [np.inf, np.inf]
        assert process.expected_lifetime(horizon=1e9) < 1e9
        assert process.discounted_lifetime(discount_rate=1e-9) < 1e9
    barely = BetaDiscreteWeibullProcess(alpha=2.02, beta=3, c=0.5)
    near = BetaDiscreteWeibullProcess(alpha=2.04, beta=3, c=0.5)
    assert near.expected_lifetime() < barely.expected_lifetime() < np.inf


@given(processes, st.integers(0, 1_000_000), st.integers(1, 1_000_000), st.floats(1e-9, 10))
def test_no_input_overflows(
    process: BetaDiscreteWeibullProcess, age: int, t: int, rate: float
) -> None:
    assert 0 <= process.survival(t=t, age=age) <= 1
    assert 0 <= process.retention_rate(t=t) <= 1
    assert 0 <= process.probability_of_lifetime(t=t, age=age) <= 1
    assert 1 <= process.expected_lifetime(age=age, horizon=t) <= t * (1 + 1e-12)
    assert not np.isnan(process.expected_lifetime(age=age))
    assert 1 <= process.discounted_lifetime(discount_rate=rate, age=age) <= 2 / -np.expm1(-rate)
    assert process.discounted_residual_lifetime(discount_rate=rate, age=age) >= 0


def test_simulation_agrees_with_the_formulas() -> None:
    seen = SUBSCRIBERS.simulate(n_customers=100_000, T=10, seed=4)
    share = seen.survivors / 100_000
    assert share == pytest.approx(SUBSCRIBERS.survival(t=range(11)), abs=0.006)
    assert seen.churn.mean() == pytest.approx(0.7 / 3.2, abs=0.004)
    assert (seen.renewals[~seen.ended] == 10).all()
    assert (seen.renewals[seen.ended] < 10).all()
    again = SUBSCRIBERS.simulate(n_customers=100_000, T=10, seed=4)
    assert (again.renewals == seen.renewals).all()
    nobody = SUBSCRIBERS.simulate(n_customers=0, T=3, seed=4)
    assert nobody.survivors.tolist() == [0, 0, 0, 0]
    untried = SUBSCRIBERS.simulate(n_customers=5, T=0, seed=4)
    assert untried.survivors.tolist() == [5]


def test_fit_recovers_the_parameters() -> None:
    cohorts = [SUBSCRIBERS.simulate(n_customers=20_000, T=T, seed=T).survivors for T in (4, 8, 12)]
    fitted = BetaDiscreteWeibull().fit(survivors=cohorts)
    for name, true in SUBSCRIBERS.params.items():
        assert abs(fitted.params[name] - true) < 3.5 * fitted.standard_errors[name]


def test_a_table_of_contracts_is_as_good_as_its_cohorts() -> None:
    """Whatever their ages, and with weights as with repetitions."""
    seen = [SUBSCRIBERS.simulate(n_customers=3000, T=T, seed=T) for T in (3, 8)]
    renewals = np.concatenate([each.renewals for each in seen])
    ended = np.concatenate([each.ended for each in seen])
    cohorts = survivors_of(renewals=renewals, ended=ended)
    fitted = ShiftedBetaGeometric().fit(survivors=cohorts)
    same = ShiftedBetaGeometric().fit(survivors=[each.survivors for each in seen])
    assert fitted.params == pytest.approx(same.params, rel=1e-9)
    assert fitted.n_customers == same.n_customers == 6000
    cells, counts = np.unique(np.stack((renewals, ended)), axis=1, return_counts=True)
    weighted = survivors_of(renewals=cells[0], ended=cells[1].astype(bool), weights=counts)
    for one, other in zip(weighted, cohorts, strict=True):
        assert one == pytest.approx(other)
    assert survivors_of(renewals=[], ended=np.zeros(0, bool)) == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"renewals": [1, -1]}, "renewals[1]: must not be negative"),
        ({"renewals": [1, 0.5]}, "renewals[1]: must be a whole number"),
        ({"renewals": 1}, "renewals: must have one dimension"),
        ({"ended": [True]}, "ended: must be true or false, 2 in all"),
        ({"ended": [2, 0]}, "ended: must be true or false, 2 in all"),
        ({"ended": ["yes", "no"]}, "ended: must be true or false, 2 in all"),
        ({"weights": [1, np.nan]}, "weights[1]: must be a finite number"),
    ],
)
def test_what_is_no_table_of_contracts_is_refused(changed: dict[str, Any], fault: str) -> None:
    good: dict[str, Any] = {"renewals": [3, 2], "ended": [False, True]}
    with pytest.raises(InvalidInput) as caught:
        survivors_of(**{**good, **changed})
    assert str(caught.value.faults[0]) == fault


def test_who_has_not_ended_is_told_by_a_shorter_cohort() -> None:
    """Half of the cohort watched for three renewals only: the same model, less sure."""
    process = ShiftedBetaGeometricProcess(alpha=0.8, beta=2)
    long, short = (process.simulate(n_customers=30_000, T=T, seed=T).survivors for T in (9, 3))
    both = ShiftedBetaGeometric().fit(survivors=[long, short])
    only = ShiftedBetaGeometric().fit(survivors=long)
    assert both.standard_errors["alpha"] < only.standard_errors["alpha"]
    for name, true in process.params.items():
        assert abs(both.params[name] - true) < 3.5 * both.standard_errors[name]


@pytest.mark.parametrize(
    ("ask", "arguments", "fault"),
    [
        ("survival", {"t": [1, -2]}, "t[1]: must not be negative"),
        ("survival", {"t": [1, 2], "age": [1, 2, 3]}, "age: has 3 rows where t has 2"),
        ("survival", {"t": 1.5}, "t: must be a whole number"),
        ("retention_rate", {"t": [1, 0]}, "t[1]: must be 1 or more"),
        ("probability_of_lifetime", {"t": 0}, "t: must be 1 or more"),
        ("expected_lifetime", {"horizon": 0.5}, "horizon: must be a whole number"),
        ("expected_lifetime", {"age": np.nan}, "age: must be a finite number"),
        (
            "discounted_lifetime",
            {"discount_rate": 0},
            "horizon: must be finite where discount_rate is 0",
        ),
        (
            "discounted_residual_lifetime",
            {"discount_rate": -1},
            "discount_rate: must be a number at or above 0, finite",
        ),
        (
            "simulate",
            {"n_customers": -1, "T": 3, "seed": 1},
            "n_customers: must be a whole number from 0 to 1,000,000,000",
        ),
        ("simulate", {"n_customers": 2, "T": 1.5, "seed": 1}, "T: must be a whole number"),
        ("simulate", {"n_customers": 2, "T": [1, 2], "seed": 1}, "T: must be one number"),
    ],
)
def test_questions_are_checked(ask: str, arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        getattr(SUBSCRIBERS, ask)(**arguments)
    assert [str(each) for each in caught.value.faults] == [fault]


def test_parameters_are_checked() -> None:
    with pytest.raises(InvalidInput, match="c"):
        BetaDiscreteWeibullProcess(alpha=1, beta=1, c=0)
    with pytest.raises(InvalidInput, match="alpha"):
        ShiftedBetaGeometricProcess(alpha=np.inf, beta=1)
