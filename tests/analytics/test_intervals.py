"""What a fit leaves open: intervals of parameters and of predictions."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from crmcore.analytics import (
    NBD,
    BetaGeoNBD,
    BetaGeoNBDProcess,
    FittedBetaGeoNBD,
    GammaGamma,
    Interval,
    ModifiedBetaGeoNBD,
    NBDProcess,
    ParetoNBD,
    ShiftedBetaGeometric,
    WithCovariates,
)
from crmcore.analytics.summary import Summary
from crmcore.domain.errors import InvalidInput

TRUTH = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)


def drawn(seed: int, n: int = 3000) -> dict[str, Any]:
    seen = TRUTH.simulate(n_customers=n, T=52, seed=seed)
    return {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    runs, covered = 60, 0
    for seed in range(runs):
        fitted = BetaGeoNBD().fit(**drawn(seed))
        found = fitted.interval_of(lambda model: model.expected_purchases_new(t=52), level=0.8)
        covered += bool(found.low < TRUTH.expected_purchases_new(t=52) < found.high)
    assert binomtest(covered, runs, 0.8).pvalue > 0.001


def test_profile_and_wald_agree_where_the_likelihood_is_quadratic() -> None:
    data = drawn(1, n=40_000)
    fitted = BetaGeoNBD().fit(**data)
    for name, wald in fitted.confidence_intervals().items():
        profile = fitted.profile_interval(name, **data)
        assert (profile.low, profile.high) == pytest.approx((wald.low, wald.high), rel=0.02)


def test_at_the_ends_of_a_profile_the_likelihood_fell_by_half_the_quantile(cdnow: Summary) -> None:
    data: dict[str, Any] = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    fitted = BetaGeoNBD().fit(**data)
    found = fitted.profile_interval("b", **data, level=0.95)
    for end in (found.low, found.high):
        best = max(
            BetaGeoNBDProcess(r=r, alpha=alpha, a=a, b=end).log_likelihood_of(**data)
            for r in fitted.r * np.linspace(0.98, 1.02, 9)
            for alpha in fitted.alpha * np.linspace(0.97, 1.03, 9)
            for a in fitted.a * np.geomspace(0.5, 2.2, 60)
        )
        assert best == pytest.approx(fitted.log_likelihood - 3.841459 / 2, abs=0.02)


def test_where_the_data_put_no_bound_the_interval_says_so() -> None:
    data: dict[str, Any] = {
        "frequency": [1, 2, 0, 3],
        "recency": [9.0, 8, 0, 10],
        "T": [10.0, 10, 10, 10],
    }
    fitted = BetaGeoNBD().fit(**data)
    assert fitted.status == "boundary"
    for name in fitted.estimate.undetermined:
        assert fitted.confidence_intervals()[name] == Interval(0.0, np.inf)
        profile = fitted.profile_interval(name, **data)
        assert profile.low == 0.0 or profile.high == np.inf


def test_what_depends_on_a_limit_only_has_an_interval() -> None:
    """Nobody leaves: a and b are not determined, but how many purchases come is."""
    seen = NBDProcess(r=2, alpha=10).simulate(n_customers=1000, T=52, seed=1)
    who: dict[str, Any] = {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}
    sure = NBD().fit(**who).interval_of(lambda model: model.expected_purchases_new(t=52))
    for model in (BetaGeoNBD(), ModifiedBetaGeoNBD(), ParetoNBD()):
        fitted = model.fit(**who)
        assert fitted.status == "boundary"
        found = fitted.interval_of(lambda model: model.expected_purchases_new(t=52))
        assert float(found.low) == pytest.approx(float(sure.low), rel=1e-3)
        assert float(found.high) == pytest.approx(float(sure.high), rel=1e-3)
        again = type(fitted).from_dict(json.loads(json.dumps(fitted.to_dict())))
        assert again == fitted
        assert again.interval_of(lambda model: model.expected_purchases_new(t=52)) is not None


def test_what_the_data_leave_open_has_none() -> None:
    """All bought at one rate and nobody left: what would come after a long silence is open."""
    data: dict[str, Any] = {"frequency": [2] * 9, "recency": [9.0] * 9, "T": [10.0] * 9}
    fitted = ParetoNBD().fit(**data)
    alive = fitted.interval_of(
        lambda model: model.probability_alive(frequency=2, recency=9, T=900), upper=1.0
    )
    assert (float(alive.low), float(alive.high)) == (0.0, 1.0)


@pytest.mark.parametrize(("upper", "path"), [(1.0, "predict"), (0.0, "upper"), (np.nan, "upper")])
def test_a_bound_that_is_none_is_refused(bgnbd: FittedBetaGeoNBD, upper: float, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bgnbd.interval_of(lambda model: model.expected_purchases_new(t=78), upper=upper)
    assert caught.value.faults[0].path == path


def test_probabilities_stay_below_1(bgnbd: FittedBetaGeoNBD) -> None:
    found = bgnbd.interval_of(
        lambda model: model.probability_alive(
            frequency=[0, 1, 200], recency=[0, 10, 39], T=[39, 39, 39]
        ),
        upper=1.0,
    )
    assert (found.low[0], found.value[0], found.high[0]) == (1.0, 1.0, 1.0)
    assert 0 < found.low[1] < found.value[1] < found.high[1] < 1
    assert found.low[2] < found.value[2] <= found.high[2] <= 1


def test_a_start_leads_to_the_same_place_in_fewer_steps(cdnow: Summary) -> None:
    data: dict[str, Any] = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    first = BetaGeoNBD().fit(**data)
    again = BetaGeoNBD(start=first.params).fit(**data)
    assert again.params == pytest.approx(first.params, rel=1e-9)
    assert again.estimate.steps < first.estimate.steps


@pytest.mark.parametrize("change", ["fewer", "others"])
def test_a_profile_of_other_data_is_refused(change: str) -> None:
    data = drawn(1)
    fitted = BetaGeoNBD().fit(**data)
    order = np.random.default_rng(1).permutation(3000)
    again = {name: column[order] for name, column in data.items()}
    assert fitted.profile_interval("r", **again) == fitted.profile_interval("r", **data)
    other = {"fewer": drawn(1, n=2999), "others": drawn(2)}[change]
    with pytest.raises(InvalidInput, match="not those that were fitted") as caught:
        fitted.profile_interval("r", **other)
    assert caught.value.faults[0].path == "data"


def test_a_profile_of_other_cohorts_spend_or_traits_is_refused() -> None:
    contracts = ShiftedBetaGeometric().fit(survivors=[1000, 869, 743, 653])
    with pytest.raises(InvalidInput, match="not those that were fitted"):
        contracts.profile_interval("alpha", survivors=[1000, 869, 743, 650])
    spent: dict[str, Any] = {"frequency": [1, 2, 3, 4], "monetary_value": [3.0, 9, 5, 7]}
    spend = GammaGamma().fit(**spent)
    with pytest.raises(InvalidInput, match="not those that were fitted"):
        spend.profile_interval("p", **{**spent, "frequency": [1, 2, 4, 3]})
    data = drawn(1, n=300)
    fitted = WithCovariates(BetaGeoNBD(), purchases=("web", "same")).fit(
        **data, covariates={"web": np.arange(300) % 2, "same": np.ones(300)}
    )
    for name in ("purchases.web", "purchases.same"):
        with pytest.raises(InvalidInput, match="not those that were fitted"):
            fitted.profile_interval(
                name, **data, covariates={"web": np.arange(300) % 3, "same": np.ones(300)}
            )


@pytest.mark.parametrize(
    ("start", "path"),
    [
        ({"r": 1.0}, "start.alpha"),
        ({"r": 0.0, "alpha": 1.0, "a": 1.0, "b": 1.0}, "start.r"),
        ({"r": float("nan"), "alpha": 1.0, "a": 1.0, "b": 1.0}, "start.r"),
    ],
)
def test_a_bad_start_is_refused(start: dict[str, float], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        BetaGeoNBD(start=start).fit(**drawn(1, n=50))
    assert caught.value.faults[0].path == path


def test_levels_and_names_are_checked(bgnbd: FittedBetaGeoNBD) -> None:
    with pytest.raises(InvalidInput, match="level"):
        bgnbd.confidence_intervals(level=95)
    with pytest.raises(InvalidInput, match="r, alpha, a, b"):
        bgnbd.profile_interval("q", **drawn(1, n=50))


def test_criteria(bgnbd: FittedBetaGeoNBD) -> None:
    assert bgnbd.aic == pytest.approx(8 + 2 * 9582.429207, abs=1e-4)
    assert bgnbd.bic == pytest.approx(4 * np.log(2357) + 2 * 9582.429207, abs=1e-4)
