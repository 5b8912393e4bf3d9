"""What always holds for the BG/NBD model, whatever the data."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics import BetaGeoNBD, BetaGeoNBDProcess, FittedBetaGeoNBD
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


@given(parameters, st.integers(1, 500), st.floats(1e-3, 1e4))
def test_the_later_the_last_purchase_the_likelier_alive(
    process: BetaGeoNBDProcess, x: int, age: float
) -> None:
    alive = process.probability_alive(frequency=x, recency=age * np.linspace(0.01, 1, 50), T=age)
    assert (np.diff(alive) >= -1e-15).all()


def test_probability_of_n_far_beyond_the_gamma_function() -> None:
    heavy = BetaGeoNBDProcess(r=40, alpha=1, a=0.01, b=5)
    chances = heavy.probability_of_n(n=np.arange(200_000), t=30)
    assert chances.sum() == pytest.approx(1, abs=1e-9)
    mean = (np.arange(200_000) * chances).sum()
    assert mean == pytest.approx(float(heavy.expected_purchases_new(t=30)), rel=1e-9)


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
