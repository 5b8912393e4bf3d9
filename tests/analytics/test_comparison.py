"""Models side by side, the likelihood-ratio test, one customer's path, and the grid."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2

from crmcore.analytics import (
    BetaGeoCNBD,
    BetaGeoNBD,
    BetaGeoNBDProcess,
    Effect,
    FittedBetaGeoNBD,
    ProcessWithCovariates,
    Summary,
    WithCovariates,
    alive_path,
    compare_models,
    frequency_recency,
    likelihood_ratio_test,
)
from crmcore.domain.errors import InvalidInput
from tests.analytics.test_conditional_expectations import SHOP, Linear, of_cdnow, split

KNOWN = ("frequency", "recency", "T")
PRINTED = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)


def test_models_of_cdnow_side_by_side(bgnbd: FittedBetaGeoNBD, cdnow: Summary) -> None:
    compared = compare_models(
        {"fitted": bgnbd, "printed": PRINTED, "own": Linear()}, **of_cdnow(cdnow)
    )
    assert [row.name for row in compared.rows] == ["fitted", "printed", "own"]
    assert (compared.customers, compared.actual) == (2357, 1882)
    fitted = compared["fitted"]
    assert fitted.log_likelihood == pytest.approx(bgnbd.log_likelihood, abs=1e-9)
    assert fitted.aic == pytest.approx(bgnbd.aic)
    assert fitted.bic == pytest.approx(bgnbd.bic)
    assert fitted.alive == pytest.approx(1917.28, abs=0.01)
    assert fitted.expected == pytest.approx(1653.39, abs=0.05)
    assert fitted.error == pytest.approx(1653.39 / 1882 - 1, abs=1e-4)
    own = compared["own"]
    assert (own.log_likelihood, own.aic, own.bic, own.alive) == (None, None, None, None)
    assert own.rmse is not None
    assert "3 models of 2,357 customers, 1,882 purchases" in compared._repr_html_()
    with pytest.raises(KeyError):
        compared["another"]


def test_errors_by_hand_in_any_order() -> None:
    data = split(500, 1)
    one = compare_models({"shop": SHOP}, t=13, **data)["shop"]
    foreseen = SHOP.expected_purchases(
        t=13, frequency=data["frequency"], recency=data["recency"], T=data["T"]
    )
    apart = foreseen - data["holdout_frequency"]
    assert one.mae == pytest.approx(np.abs(apart).mean())
    assert one.rmse == pytest.approx(np.sqrt((apart**2).mean()))
    order = np.random.default_rng(2).permutation(500)
    shuffled = {name: column[order] for name, column in data.items()}
    other = compare_models({"shop": SHOP}, t=13, **shuffled)["shop"]
    assert other.log_likelihood == pytest.approx(one.log_likelihood)
    assert other.rmse == pytest.approx(one.rmse)


def test_the_right_model_has_the_least_squared_error_and_the_best_likelihood() -> None:
    wrong = BetaGeoNBDProcess(r=0.5, alpha=6, a=1.6, b=2.5)
    for seed in range(3):
        compared = compare_models(
            {"right": SHOP, "wrong": wrong, "own": Linear()}, t=13, **split(20_000, seed)
        )
        right = compared["right"]
        assert right.log_likelihood is not None
        assert right.rmse is not None
        for other in compared.rows[1:]:
            assert other.rmse is not None
            assert right.rmse < other.rmse
        assert right.log_likelihood > (compared["wrong"].log_likelihood or 0)
        assert right.error == pytest.approx(0, abs=0.05)


def test_without_a_holdout_only_the_calibration_is_compared() -> None:
    row = compare_models({"shop": SHOP}, frequency=[0, 1], recency=[0, 1], T=2)["shop"]
    assert row.log_likelihood is not None
    assert (row.expected, row.error, row.mae, row.rmse) == (None, None, None, None)


def test_all_parameters_that_were_estimated_count() -> None:
    data = split(400, 1)
    known = {name: data[name] for name in KNOWN}
    traits = {"web": np.arange(400) % 2, "same": np.ones(400)}
    plain = BetaGeoNBD().fit(**known)
    fitted = WithCovariates(BetaGeoNBD(), purchases=("web", "same"), dropout="web").fit(
        **known, covariates=traits
    )
    given = fitted.given(traits)
    models = {"plain": plain, "web": given, "regular": BetaGeoCNBD(k=1).fit(**known)}
    compared = compare_models(models, t=13, **data)
    assert [row.n_parameters for row in compared.rows] == [4, 6, 4]  # `same` tells nothing
    assert compared["web"].log_likelihood == pytest.approx(fitted.log_likelihood)
    assert compared["web"].aic == pytest.approx(fitted.aic)
    assert compared["web"].bic == pytest.approx(fitted.bic)
    assert given.estimate is fitted.estimate
    assert likelihood_ratio_test(plain, fitted).degrees == 2


def test_a_coefficient_that_is_estimated_as_0_counts() -> None:
    alike = {name: np.tile(data, 2) for name, data in split(200, 1).items() if name in KNOWN}
    fitted = WithCovariates(BetaGeoNBD(), purchases="half").fit(
        **alike, covariates={"half": np.repeat([0, 1], 200)}
    )
    assert fitted.coefficients == {"purchases.half": pytest.approx(0, abs=1e-6)}
    assert fitted.n_parameters == 5


def test_coefficients_count_where_parameters_are_known() -> None:
    known = ProcessWithCovariates(baseline=PRINTED, effects=(Effect("purchases", "web", 0.2),))
    traits = {"web": [0, 1]}
    who: dict[str, Any] = {"frequency": [0, 1], "recency": [0, 1], "T": 2}
    compared = compare_models({"all": known.given(traits), "one": known.given({"web": 1})}, **who)
    assert [row.n_parameters for row in compared.rows] == [5, 5]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"models": {}}, "models"),
        ({"t": None}, "t: and holdout"),
        ({"models": {"none": object()}}, "has no expected_purchases"),
        ({"T": [1, 2, 3]}, "T"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], path: str) -> None:
    good: dict[str, Any] = {
        "models": {"shop": SHOP}, "t": 1, "frequency": [0, 1], "recency": [0, 1], "T": 2,
        "holdout_frequency": [0, 0],
    }  # fmt: skip
    with pytest.raises(InvalidInput, match=path):
        compare_models(**(good | change))


def maximum(height: float, parameters: int, customers: int = 100) -> Any:
    return SimpleNamespace(
        log_likelihood=height,
        n_parameters=parameters,
        n_customers=customers,
    )


def test_statistic_and_p_value_by_hand() -> None:
    test = likelihood_ratio_test(maximum(-103, 2), maximum(-100, 3))
    assert (test.statistic, test.degrees) == (6, 1)
    assert test.p_value == pytest.approx(float(chi2.sf(6, 1)))
    half = likelihood_ratio_test(maximum(-103, 2), maximum(-100, 3), on_boundary=True)
    assert half.p_value == pytest.approx(test.p_value / 2)
    two = likelihood_ratio_test(maximum(-103, 2), maximum(-100, 4), on_boundary=True)
    assert two.p_value == pytest.approx(float(chi2.sf(6, 1) + chi2.sf(6, 2)) / 2)
    assert "on its boundary" in two._repr_html_()


def test_equal_maxima_tell_nothing() -> None:
    for height in (-100.0, -100.00001):  # missed in the last digits
        test = likelihood_ratio_test(maximum(-100.0, 2), maximum(height, 3), on_boundary=True)
        assert (test.statistic, test.p_value) == (0, 1)


@pytest.mark.parametrize(
    ("general", "reason"),
    [
        (maximum(-90, 3, 99), "another number of customers"),
        (maximum(-90, 2), "more parameters"),
        (maximum(-101, 3), "less likely"),
        (maximum(float("nan"), 3), "less likely"),
    ],
)
def test_what_is_not_nested_is_refused(general: Any, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        likelihood_ratio_test(maximum(-100, 2), general)


def test_a_path_knows_only_what_was_known(cdnow_purchases: dict[str, Any]) -> None:
    """Cut anywhere, the days before stay as they were."""
    at = cdnow_purchases["at"][cdnow_purchases["customer"] == cdnow_purchases["customer"][0]]
    whole = alive_path(PRINTED, at=at, until="1998-06-30")
    short = alive_path(PRINTED, at=at[::-1], until="1997-09-30")
    assert len(short) == 273
    assert short.probability.tolist() == whole.probability[:273].tolist()
    last = -1
    assert short.probability[last] == pytest.approx(
        float(
            PRINTED.probability_alive(
                frequency=short.frequency[last], recency=short.recency[last], T=short.T[last]
            )
        )
    )
    assert whole.purchased.sum() == len(np.unique(at))


def test_a_path_falls_until_the_next_purchase() -> None:
    at = ["2024-01-01", "2024-02-01", "2024-03-01"]
    path = alive_path(PRINTED, at=at, until="2024-06-01", unit="week")
    waits = ~path.purchased[1:] & (path.frequency[1:] > 0)
    assert (np.diff(path.probability)[waits] < 0).all()
    shown = path._repr_html_()
    assert shown.count("<tr>") == 1 + 6  # purchases, days before two of them, the last day


@pytest.mark.parametrize(
    "change", [{"at": []}, {"at": ["2025-01-01"]}, {"until": "soon"}, {"unit": "month"}]
)
def test_a_path_without_a_beginning_is_refused(change: dict[str, Any]) -> None:
    good: dict[str, Any] = {"at": ["2024-01-01"], "until": "2024-02-01"}
    with pytest.raises(InvalidInput, match=next(iter(change))):
        alive_path(PRINTED, **(good | change))


def test_a_grid_asks_the_model_for_each_cell() -> None:
    who: dict[str, Any] = {"frequency": [1, 7], "recency": [20, 38.86]}
    seen = frequency_recency(PRINTED, T=38.86, t=39, **who)
    for down, x in enumerate(who["frequency"]):
        for across, last in enumerate(who["recency"]):
            one = PRINTED.expected_purchases(t=39, frequency=x, recency=last, T=38.86)
            assert seen.value[down, across] == pytest.approx(float(one))
    assert seen.of == "expected_purchases"
    alive = frequency_recency(PRINTED, T=38.86)
    assert alive.value.shape == (8, 12)
    assert (np.diff(alive.value, axis=1) > 0).all()
    assert (alive.no_repeat, alive.of, alive.t) == (1, "probability_alive", None)
    assert "Without a repeat purchase: 1." in alive._repr_html_()


@pytest.mark.parametrize(
    "change", [{"frequency": [0, 1]}, {"recency": [5]}, {"frequency": []}, {"T": -1}]
)
def test_a_grid_of_nobody_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(change))):
        frequency_recency(PRINTED, **({"T": 4} | change))
