"""Models of repeat purchases with covariates of customers."""

from __future__ import annotations

import json
import pickle
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.analytics import (
    NBD,
    BetaGeoNBD,
    BetaGeoNBDProcess,
    Effect,
    FittedWithCovariates,
    GammaGammaSpend,
    ModifiedBetaGeoNBD,
    ModifiedBetaGeoNBDProcess,
    NBDProcess,
    ParetoNBD,
    ParetoNBDProcess,
    ProcessOfEach,
    ProcessWithCovariates,
    WithCovariates,
    conditional_expectations,
    lifetime_value,
    likelihood_ratio_test,
    process_of_each,
)
from crmcore.analytics.covariate_data import CovariateData
from crmcore.analytics.covariate_kinds import KINDS
from crmcore.analytics.covariate_likelihood import OneByOne
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.summary import Summary
from crmcore.domain.errors import InvalidInput

MODELS = [BetaGeoNBD(), ModifiedBetaGeoNBD(), ParetoNBD()]
BASELINES: dict[str, Any] = {
    "BetaGeoNBD": BetaGeoNBDProcess(r=0.8, alpha=20, a=0.8, b=4),
    "ModifiedBetaGeoNBD": ModifiedBetaGeoNBDProcess(r=0.8, alpha=20, a=0.8, b=4),
    "ParetoNBD": ParetoNBDProcess(r=0.8, alpha=20, s=0.8, beta=40),
}
EFFECTS = (
    Effect("purchases", "web", 0.5),
    Effect("purchases", "age", 0.02),
    Effect("dropout", "web", -0.8),
)
NAMES: dict[str, Any] = {"purchases": ("web", "age"), "dropout": ("web",)}


def named(model: Any) -> str:
    return type(model).__name__


def truth(model: Any) -> ProcessWithCovariates:
    return ProcessWithCovariates(baseline=BASELINES[named(model)], effects=EFFECTS)


def traits(n: int, seed: int = 1) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed + 1000)
    return {"web": draw.integers(0, 2, n), "age": 10.0 * draw.integers(2, 7, n)}


def histories(model: Any, n: int, seed: int = 1) -> dict[str, Any]:
    """What a fit of n customers with covariates takes."""
    covariates = traits(n, seed)
    age = np.random.default_rng(seed + 2000).uniform(30, 80, n)
    seen = truth(model).given(covariates).simulate(n_customers=n, T=age, seed=seed)
    return {
        "frequency": seen.frequency,
        "recency": seen.recency,
        "T": seen.T,
        "covariates": covariates,
    }


def plain(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: column for name, column in columns.items() if name != "covariates"}


@pytest.fixture(scope="module", params=MODELS, ids=named)
def fit(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any], FittedWithCovariates]:
    columns = histories(request.param, 3000)
    return request.param, columns, WithCovariates(request.param, **NAMES).fit(**columns)


# What is found.


def test_the_coefficients_of_simulated_customers_are_found(fit: Any):
    model, _, fitted = fit
    known = truth(model).params

    assert fitted.status == "interior"
    assert fitted.converged
    assert fitted.params.keys() == known.keys() == fitted.standard_errors.keys()
    for name, value in fitted.params.items():
        assert abs(value - known[name]) < 3 * fitted.standard_errors[name], name
    assert fitted.standard_errors["purchases.age"] < 0.003


def test_the_likelihood_ratio_test_against_the_model_alone(fit: Any):
    model, columns, fitted = fit
    test = likelihood_ratio_test(model.fit(**plain(columns)), fitted)

    assert test.degrees == 3
    assert test.p_value < 1e-10
    assert fitted.aic == pytest.approx(14 - 2 * fitted.log_likelihood)


def test_nothing_to_find_is_found_to_be_nothing():
    columns = histories(BetaGeoNBD(), 3000)
    noise = {"noise": np.random.default_rng(9).normal(size=3000).round(1)}
    fitted = WithCovariates(BetaGeoNBD(), purchases="noise", dropout="noise").fit(
        **plain(columns), covariates=noise
    )
    test = likelihood_ratio_test(BetaGeoNBD().fit(**plain(columns)), fitted)

    assert test.p_value > 0.001
    for name, value in fitted.coefficients.items():
        assert abs(value) < 3.5 * fitted.standard_errors[name]


def test_a_category_for_each_is_a_model_for_each(cdnow: Summary):
    # With r, a and b held in common the two halves would differ; with one half of no use, not.
    columns = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    twice = {name: np.tile(column, 2) for name, column in columns.items()}
    twice["recency"][len(cdnow.T) :] *= 2
    twice["T"][len(cdnow.T) :] *= 2
    alone = BetaGeoNBD().fit(**columns)
    slow = WithCovariates(BetaGeoNBD(), purchases="slow").fit(
        **twice, covariates={"slow": np.repeat([0, 1], len(cdnow.T))}
    )

    # The same customers in a clock twice as fast: half the rate and all else alike.
    assert slow.params["purchases.slow"] == pytest.approx(-np.log(2), abs=1e-6)
    for name, value in alone.params.items():
        assert slow.params[name] == pytest.approx(value, rel=1e-5)
    shift = np.log(2) * cdnow.frequency.sum()
    assert slow.log_likelihood == pytest.approx(2 * alone.log_likelihood - shift, rel=1e-10)


def test_covariates_that_matter_not_at_all_leave_cdnow_as_it_was(cdnow: Summary):
    columns = {"frequency": cdnow.frequency, "recency": cdnow.recency, "T": cdnow.T}
    twice = {name: np.tile(column, 2) for name, column in columns.items()}
    half = {"half": np.repeat([0, 1], len(cdnow.T))}
    fitted = WithCovariates(ParetoNBD(), purchases="half", dropout="half").fit(
        **twice, covariates=half
    )

    assert fitted.log_likelihood == pytest.approx(2 * -9594.976, abs=0.01)
    assert list(fitted.coefficients.values()) == pytest.approx([0, 0], abs=1e-4)


# Predictions.


def test_without_effects_it_is_the_model_alone_to_the_last_digit(fit: Any):
    model, columns, _ = fit
    baseline = BASELINES[named(model)]
    none = tuple(attrs.evolve(effect, coefficient=0) for effect in EFFECTS)
    each = ProcessWithCovariates(baseline=baseline, effects=none).given(columns["covariates"])
    given = plain(columns)

    assert each.params == baseline.params
    assert (each.probability_alive(**given) == baseline.probability_alive(**given)).all()
    asked = given | {"t": 10}
    assert (each.expected_purchases(**asked) == baseline.expected_purchases(**asked)).all()
    assert each.log_likelihood_of(**given) == baseline.log_likelihood_of(**given)


def test_each_customer_is_answered_by_the_model_of_its_covariates(fit: Any):
    _, columns, fitted = fit
    few = {name: column[:6] for name, column in plain(columns).items()}
    covariates = {name: column[:6] for name, column in columns["covariates"].items()}
    each = fitted.given(covariates)
    questions = {
        "probability_alive": {},
        "expected_purchases": {"t": 8.0},
        "probability_of_purchases": {"t": 8.0, "n": 2},
        "probability_of_at_least": {"t": 8.0, "n": 2},
        "discounted_purchases": {"discount_rate": 0.01},
    }
    for question, more in questions.items():
        together = getattr(each, question)(**few, **more)
        for row in range(6):
            own = fitted.given({name: column[row] for name, column in covariates.items()})
            history = {name: column[row] for name, column in few.items()}
            assert getattr(own, question)(**history, **more) == pytest.approx(together[row]), (
                question
            )
    assert each.expected_purchases_new(t=10).shape == (6,)
    assert each.probability_of_n(n=0, t=10).shape == (6,)
    assert each.params_of_each["r"].tolist() == [fitted.params["r"]] * 6


def test_covariates_act_on_scales_as_documented():
    for model in MODELS:
        alone, moved = BASELINES[named(model)].params, truth(model).given({"web": 1, "age": 30})
        scale = "beta" if named(model) == "ParetoNBD" else "b"
        assert moved.params["alpha"] == pytest.approx(alone["alpha"] * np.exp(-0.5 - 0.6))
        assert moved.params[scale] == pytest.approx(alone[scale] * np.exp(0.8))
        assert moved.params["r"] == alone["r"]


def test_one_value_for_all_is_a_model_of_any_number_of_customers():
    model = truth(BetaGeoNBD()).given({"web": 1, "age": 30})

    assert model.size is None
    assert model.expected_purchases_new(t=[1, 2]).shape == (2,)
    assert model.simulate(n_customers=4, T=10, seed=1).frequency.shape == (4,)
    assert model.log_likelihood_of(frequency=[0, 1], recency=[0, 3], T=9) < 0


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_simulated_purchases_agree_with_what_is_expected(model: Any):
    covariates: dict[str, Any] = {"web": np.repeat([0, 1], 20_000), "age": 30}
    each = truth(model).given(covariates)
    made = each.simulate(n_customers=40_000, T=26, seed=4).frequency
    expected = each.expected_purchases_new(t=26)

    for web in (0, 1):
        group = covariates["web"] == web
        error = made[group].std() / np.sqrt(group.sum())
        assert abs(made[group].mean() - expected[group].mean()) < 4 * error


def test_what_asks_a_model_about_all_customers_takes_it(fit: Any):
    _, columns, fitted = fit
    each, asked = fitted.given(columns["covariates"]), plain(columns)
    table = conditional_expectations(each, t=10, **asked, holdout_frequency=asked["frequency"])

    total = each.expected_purchases(t=10, **asked).sum()
    assert table.total_expected == pytest.approx(total)
    worth = lifetime_value(
        purchases=each,
        value=GammaGammaSpend(p=6, q=4, v=15),
        **asked,
        monetary_value=np.where(asked["frequency"] > 0, 30.0, 0.0),
        horizon=10,
        discount_rate=0.0,
    )
    assert worth.discounted_purchases.sum() == pytest.approx(total)


def test_a_prediction_has_an_interval():
    columns = histories(BetaGeoNBD(), 2000)
    fitted = WithCovariates(BetaGeoNBD(), **NAMES).fit(**columns)
    asked: dict[str, Any] = {"web": [0, 1], "age": 40}
    found = fitted.interval_of(lambda model: model.given(asked).expected_purchases_new(t=52))
    known = truth(BetaGeoNBD()).given(asked).expected_purchases_new(t=52)

    assert (found.low < known).all()
    assert (known < found.high).all()


def test_intervals_of_parameters_agree_where_data_are_many():
    columns = histories(BetaGeoNBD(), 2000)
    columns["covariates"]["age"] = np.where(columns["covariates"]["age"] > 40, 60, 30)
    fitted = WithCovariates(BetaGeoNBD(), **NAMES).fit(**columns)
    wald = fitted.confidence_intervals(level=0.9)
    for name in ("alpha", "purchases.age", "dropout.web"):
        profile = fitted.profile_interval(name, **columns, level=0.9)
        width = profile.high - profile.low
        assert profile.low == pytest.approx(wald[name].low, abs=0.06 * width)
        assert profile.high == pytest.approx(wald[name].high, abs=0.06 * width)
    with pytest.raises(InvalidInput, match="must be one of r, alpha"):
        fitted.profile_interval("age", **columns)


# Units, order and weights.


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_units_of_covariates_and_of_time_do_not_matter(model: Any):
    columns = histories(model, 600)
    one = WithCovariates(model, **NAMES).fit(**columns)
    other = columns | {
        "recency": columns["recency"] * 7,
        "T": columns["T"] * 7,
        "covariates": {
            "web": 1 - columns["covariates"]["web"],
            "age": columns["covariates"]["age"] * 12 + 5,
        },
    }
    two = WithCovariates(model, **NAMES).fit(**other)

    assert two.status == one.status
    assert two.log_likelihood == pytest.approx(
        one.log_likelihood - np.log(7) * columns["frequency"].sum(), rel=1e-9
    )
    for name, factor in (("purchases.web", -1), ("purchases.age", 1 / 12), ("dropout.web", -1)):
        assert two.params[name] == pytest.approx(one.params[name] * factor, rel=1e-4)
        assert two.standard_errors[name] == pytest.approx(
            one.standard_errors[name] * abs(factor), rel=1e-3
        )
    ahead = [
        m.given(data["covariates"]).expected_purchases(**plain(data), t=t)
        for m, data, t in ((one, columns, 10), (two, other, 70))
    ]
    assert ahead[1] == pytest.approx(ahead[0], rel=1e-4)


def test_order_and_repetition_of_customers_do_not_matter():
    columns = histories(BetaGeoNBD(), 400)
    draw = np.random.default_rng(2)
    times = draw.integers(0, 3, 400)
    rows = draw.permutation(np.repeat(np.arange(400), times))
    repeated = {name: column[rows] for name, column in plain(columns).items()}
    repeated["covariates"] = {name: c[rows] for name, c in columns["covariates"].items()}
    model = WithCovariates(BetaGeoNBD(), **NAMES)
    one, two = model.fit(**columns, weights=times), model.fit(**repeated)

    assert two.params == pytest.approx(one.params, rel=1e-6)
    assert two.covariance == pytest.approx(one.covariance, rel=1e-5)
    assert two.n_customers == one.n_customers == times.sum()
    assert one == model.fit(**columns, weights=times)


# Derivatives.


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), model=st.sampled_from(MODELS))
def test_derivatives_are_those_of_the_value(seed: int, model: Any):
    columns = histories(model, 30, seed)
    spec = WithCovariates(model, purchases=("web", "age"), dropout=("age", "web"))
    data = CovariateData.checked(named(model), spec._acting(), **columns, weights=None)
    likelihood = data.likelihood(data.design)
    draw = np.random.default_rng(seed)
    point = np.concatenate(
        (np.log(list(BASELINES[named(model)].params.values())), np.zeros(4))
    ) + draw.normal(0, 0.5, 8)
    slope = likelihood.slope(point)

    assert slope.value == pytest.approx(likelihood.value(point), rel=1e-12)
    for place, axis in enumerate(np.eye(8)):
        up, down = (likelihood.slope(point + s * 1e-4 * axis) for s in (1, -1))
        size = 1 + np.abs(slope.hessian).max()
        assert (up.value - down.value) / 2e-4 == pytest.approx(
            slope.gradient[place], abs=1e-5 * size
        )
        assert (up.gradient - down.gradient) / 2e-4 == pytest.approx(
            slope.hessian[place], abs=1e-5 * size
        )
    assert (slope.hessian == slope.hessian.T).all()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    model=st.sampled_from(MODELS),
    apart=st.sampled_from([0.3, 3]),
    unit=st.sampled_from([1e-3, 1, 1e6]),
)
def test_rows_together_are_as_one_by_one(seed: int, model: Any, apart: float, unit: float):
    draw = np.random.default_rng(seed)
    columns = plain(histories(model, 20, seed))
    columns["frequency"] = columns["frequency"] * draw.choice([1, 2000])
    columns["recency"][3], columns["frequency"][3] = columns["T"][3], 2
    x, recency, age = (np.asarray(column, float) for column in columns.values())
    history = History(x, recency * unit, age * unit)
    weights = draw.uniform(0.5, 3, 20)
    points = np.log(list(BASELINES[named(model)].params.values())) + draw.normal(0, apart, (20, 4))
    kind = KINDS[named(model)]
    cells = Cells(history.x, history.recency, history.T, weights)
    alone = OneByOne(
        tuple(
            kind.likelihood(Cells(*(np.array([v]) for v in row)))
            for row in zip(*attrs.astuple(cells), strict=True)
        )
    )
    value, gradient, hessian = kind.together(cells).slopes(points)
    expected = alone.slopes(points)

    assert value == pytest.approx(kind.together(cells).value(points), rel=1e-12)
    assert value == pytest.approx(expected[0], rel=1e-11)
    for row in range(20):
        # A variance is the difference of squares as large as shapes are: rounding stays of those.
        r, s = np.exp(points[row, [0, 2]])
        rounding = 1e-11 * (np.abs(expected[2][row]).max() + (1 + cells.x[row] + r) ** 2 + s**2)
        assert gradient[row] == pytest.approx(expected[1][row], rel=1e-8, abs=rounding)
        assert hessian[row] == pytest.approx(expected[2][row], rel=1e-8, abs=rounding)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_a_trait_of_as_many_values_as_customers_is_fitted_alike(model: Any):
    columns = histories(model, 1000)
    columns["covariates"]["age"] = np.random.default_rng(6).uniform(20, 60, 1000).round(1)
    few: dict[str, Any] = {name: column[:250] for name, column in plain(columns).items()}
    few["covariates"] = {name: column[:250] for name, column in columns["covariates"].items()}
    one = WithCovariates(model, **NAMES).fit(**few)
    many: dict[str, Any] = {
        name: np.tile(column, 800) for name, column in plain(few).items()
    }  # large groups
    many["covariates"] = {name: np.tile(c, 800) for name, c in few["covariates"].items()}
    two = WithCovariates(model, **NAMES).fit(**many, weights=np.full(250 * 800, 1 / 800))

    assert two.params == pytest.approx(one.params, rel=1e-5)
    assert two.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-10)


# Hard data.


@pytest.mark.parametrize("model", MODELS, ids=named)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_almost_nobody_is_no_error(model: Any, n: int):
    columns = histories(BetaGeoNBD(), 2)
    few = {name: column[:n] for name, column in plain(columns).items()}
    few["covariates"] = {name: column[:n] for name, column in columns["covariates"].items()}
    fitted = WithCovariates(model, **NAMES).fit(**few)

    assert fitted.estimate.reason
    assert set(fitted.standard_errors) == set(fitted.params)
    assert fitted.status != "interior"
    assert np.isfinite(list(fitted.params.values())).all()


def test_a_constant_covariate_is_not_identified():
    columns = histories(BetaGeoNBD(), 300)
    columns["covariates"]["age"] = np.full(300, 40)
    fitted = WithCovariates(BetaGeoNBD(), **NAMES).fit(**columns)

    assert fitted.status == "not_identified"
    assert fitted.estimate.reason.startswith("purchases.age: constant")
    assert fitted.params["purchases.age"] == 0
    assert fitted.standard_errors["purchases.age"] == np.inf
    assert fitted.estimate.undetermined == ("purchases.age",)
    assert np.isfinite(fitted.standard_errors["purchases.web"])
    assert fitted.profile_interval("purchases.age", **columns).high == np.inf
    told = fitted.confidence_intervals()
    assert (told["purchases.age"].low, told["purchases.age"].high) == (-np.inf, np.inf)
    assert np.isfinite(told["purchases.web"].high)
    without = WithCovariates(BetaGeoNBD(), purchases="web", dropout="web").fit(**columns)
    assert fitted.log_likelihood == pytest.approx(without.log_likelihood, rel=1e-12)
    assert fitted.aic == pytest.approx(without.aic)
    plain = BetaGeoNBD().fit(**{name: columns[name] for name in ("frequency", "recency", "T")})
    assert likelihood_ratio_test(plain, fitted).degrees == 2


def test_collinear_covariates_are_not_identified():
    columns = histories(BetaGeoNBD(), 300)
    seen = columns["covariates"]
    seen["born"] = 2026 - seen["age"] + 3 * seen["web"]
    fitted = WithCovariates(BetaGeoNBD(), purchases=("web", "age", "born"), dropout="born").fit(
        **columns
    )

    assert fitted.status == "not_identified"
    assert fitted.estimate.reason.startswith("purchases.born: constant, or made of")
    assert np.isfinite(fitted.standard_errors["dropout.born"])


def test_a_group_that_never_came_back_is_a_boundary_of_its_effect_alone():
    columns = histories(BetaGeoNBD(), 1500)
    web = columns["covariates"]["web"] == 1
    columns["frequency"][web], columns["recency"][web] = 0, 0.0
    fitted = WithCovariates(BetaGeoNBD(), purchases="web").fit(**columns)

    assert fitted.status == "boundary"
    assert fitted.estimate.undetermined == ("purchases.web",)
    assert fitted.params["purchases.web"] < -8
    assert np.isfinite(fitted.standard_errors["alpha"])


def test_covariates_far_from_zero_do_no_harm():
    columns = histories(BetaGeoNBD(), 1000)
    near = WithCovariates(BetaGeoNBD(), purchases="age").fit(**columns)
    columns["covariates"]["age"] = columns["covariates"]["age"] + 2000.0
    far = WithCovariates(BetaGeoNBD(), purchases="age").fit(**columns)

    assert far.status == near.status == "interior"
    assert far.params["purchases.age"] == pytest.approx(near.params["purchases.age"], rel=1e-5)
    assert far.standard_errors["purchases.age"] == pytest.approx(
        near.standard_errors["purchases.age"], rel=1e-3
    )
    columns["covariates"]["age"] = columns["covariates"]["age"] + 1e6
    with pytest.raises(InvalidInput, match="covariates: lie so far"):
        WithCovariates(BetaGeoNBD(), purchases="age").fit(**columns)


@pytest.mark.parametrize("model", MODELS, ids=named)
def test_small_samples_of_cdnow_always_end_somewhere(model: Any, cdnow: Summary):
    draw = np.random.default_rng(5)
    for _ in range(4):
        rows = draw.choice(len(cdnow.T), 50, replace=False)
        covariates = {"web": draw.integers(0, 2, 50), "age": draw.uniform(20, 70, 50)}
        fitted = WithCovariates(model, **NAMES).fit(
            frequency=cdnow.frequency[rows],
            recency=cdnow.recency[rows],
            T=cdnow.T[rows],
            covariates=covariates,
        )
        assert fitted.converged
        assert np.isfinite(fitted.log_likelihood)
        errors = np.array(list(fitted.standard_errors.values()))
        assert (errors > 0).all()


# Bad input.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age": None}, "covariates.age: is missing"),
        ({"age": [1.0, 2.0]}, "covariates.age: has 2 rows where frequency has 20"),
        ({"age": np.where(np.arange(20) == 3, np.nan, 1.0)}, r"covariates.age\[3\]: must be a"),
        ({"age": ["young"] * 20}, "covariates.age: must be numbers"),
        ({"age": np.full(20, 1e200)}, r"covariates.age\[0\]: must not exceed"),
    ],
)
def test_bad_covariates_are_refused_by_name(change: dict[str, Any], message: str):
    columns = histories(BetaGeoNBD(), 20)
    columns["covariates"] = {
        name: column
        for name, column in (columns["covariates"] | change).items()
        if column is not None
    }
    with pytest.raises(InvalidInput, match=message):
        WithCovariates(BetaGeoNBD(), **NAMES).fit(**columns)


@pytest.mark.parametrize("covariates", [None, [1, 2], 3])
def test_what_has_no_columns_is_refused(covariates: Any):
    with pytest.raises(InvalidInput, match="covariates"):
        WithCovariates(BetaGeoNBD(), purchases="age").fit(
            frequency=[0, 1], recency=[0, 1], T=2, covariates=covariates
        )


def test_a_data_frame_holds_columns_by_name():
    polars = pytest.importorskip("polars")
    columns = histories(BetaGeoNBD(), 100)
    model = WithCovariates(BetaGeoNBD(), purchases="age")
    frame = polars.DataFrame(columns["covariates"])

    assert model.fit(**plain(columns), covariates=frame) == model.fit(**columns)


def test_nobody_is_asked_about():
    nobody = truth(BetaGeoNBD()).given({"web": [], "age": []})

    assert nobody.probability_alive(frequency=[], recency=[], T=[]).shape == (0,)
    assert nobody.expected_purchases_new(t=3).shape == (0,)
    assert nobody.simulate(n_customers=0, T=3, seed=1).frequency.shape == (0,)


def test_all_faults_come_together():
    columns = histories(BetaGeoNBD(), 20)
    columns["T"] = columns["T"] * -1
    columns["covariates"] = {"web": "x"}
    with pytest.raises(InvalidInput) as caught:
        WithCovariates(BetaGeoNBD(), **NAMES).fit(**columns)
    assert [fault.path for fault in caught.value.faults] == [
        "T[0]",
        "covariates.web",
        "covariates.age",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "purchases: must name a covariate"),
        ({"purchases": ("age", "age")}, r"purchases\[1\]: is named twice"),
        ({"dropout": (3,)}, r"dropout\[0\]: must be the name"),
        ({"dropout": 3}, r"dropout\[0\]: must be the name"),
    ],
)
def test_a_bad_specification_is_refused(arguments: Any, message: str):
    with pytest.raises(InvalidInput, match=message):
        WithCovariates(BetaGeoNBD(), **arguments)


def test_other_models_are_refused():
    other: Any = NBD()
    with pytest.raises(InvalidInput, match="model: must be one of BetaGeoNBD, "):
        WithCovariates(other, purchases="age")


def test_histories_and_covariates_of_different_length_are_refused():
    each = truth(BetaGeoNBD()).given({"web": [0, 1], "age": 30})
    with pytest.raises(InvalidInput, match="covariates: have 2 rows where the histories have 3"):
        each.probability_alive(frequency=[0, 1, 2], recency=[0, 1, 2], T=3)
    with pytest.raises(InvalidInput, match="covariates: have 2 rows where the histories have 3"):
        each.simulate(n_customers=3, T=9, seed=1)
    with pytest.raises(InvalidInput, match="covariates: lie so far"):
        truth(BetaGeoNBD()).given({"web": 0, "age": 1e9})
    with pytest.raises(InvalidInput, match="baseline: must be a process of"):
        ProcessWithCovariates(baseline=NBDProcess(r=1, alpha=1), effects=EFFECTS)
    with pytest.raises(InvalidInput, match="params: differ from customer to customer"):
        _ = each.params
    with pytest.raises(InvalidInput, match=r"covariates.age: has 3 rows where covariates.web"):
        truth(BetaGeoNBD()).given({"web": [0, 1], "age": [1, 2, 3]})


# As plain data.


def test_what_is_saved_is_read_back(fit: Any):
    _, columns, fitted = fit
    read = FittedWithCovariates.from_dict(json.loads(json.dumps(fitted.to_dict())))

    assert read == fitted == pickle.loads(pickle.dumps(fitted))
    assert isinstance(read.given(columns["covariates"]), ProcessOfEach)
    assert "purchases.age" in fitted._repr_html_()


@pytest.mark.parametrize(
    "change",
    [{"model": "BetaGeoNBD"}, {"of": "NBD"}, {"baseline": {}}, {"effects": [{}]}, {"effects": 3}],
)
def test_what_is_no_model_is_not_read(change: dict[str, Any]):
    columns = histories(BetaGeoNBD(), 50)
    fitted = WithCovariates(BetaGeoNBD(), **NAMES).fit(**columns)
    with pytest.raises(InvalidInput):
        FittedWithCovariates.from_dict(fitted.to_dict() | change)


def test_bad_effects_are_refused():
    with pytest.raises(InvalidInput, match="part: must be one of purchases, dropout"):
        Effect("spend", "age", 1.0)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="coefficient: must be a finite number"):
        Effect("dropout", "age", np.nan)


def test_a_start_leads_to_the_same_place_in_fewer_steps() -> None:
    draw = np.random.default_rng(3)
    traits = {"age": draw.normal(50, 10, 600), "web": draw.integers(0, 2, 600)}
    truth = ProcessWithCovariates(
        baseline=BetaGeoNBDProcess(r=0.8, alpha=8, a=0.8, b=3),
        effects=(Effect("purchases", "web", 0.5), Effect("dropout", "age", 0.01)),
    )
    seen = truth.given(traits).simulate(n_customers=600, T=40, seed=1)
    who: dict[str, Any] = {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}
    asked: dict[str, Any] = {"purchases": ("web",), "dropout": ("age",)}
    plain = WithCovariates(BetaGeoNBD(), **asked).fit(**who, covariates=traits)
    for again in (
        WithCovariates(BetaGeoNBD(), **asked, start=plain.params),
        WithCovariates(BetaGeoNBD(start=BetaGeoNBD().fit(**who).params), **asked),
    ):
        found = again.fit(**who, covariates=traits)
        assert found.params == pytest.approx(plain.params, rel=1e-4)
        assert found.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-10)
    one_step = attrs.evolve(BetaGeoNBD(), steps=1)
    once = WithCovariates(one_step, **asked, start=plain.params).fit(**who, covariates=traits)
    assert once.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-10)


def test_a_start_that_is_none_is_refused() -> None:
    of: Any = WithCovariates
    with pytest.raises(InvalidInput, match=r"start.r: must be .* start.dropout.age: must be"):
        of(BetaGeoNBD(), dropout="age", start={"r": -1, "dropout.age": np.nan})
    who: dict[str, Any] = {"frequency": [2, 0], "recency": [3, 0], "T": 9}
    with pytest.raises(InvalidInput, match=r"start.b: is missing; start.dropout.age: is missing"):
        of(BetaGeoNBD(), dropout="age", start={"r": 1, "alpha": 1, "a": 1}).fit(
            **who, covariates={"age": [1, 2]}
        )


def test_many_customers_are_answered_as_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(3)
    truth = ProcessWithCovariates(
        baseline=ParetoNBDProcess(r=0.8, alpha=8, s=0.7, beta=9),
        effects=(Effect("purchases", "web", 0.5), Effect("dropout", "age", 0.8)),
    )
    many = truth.given({"web": draw.normal(size=40), "age": draw.normal(size=40)})
    seen = many.simulate(n_customers=40, T=30, seed=1)
    who: dict[str, Any] = {"frequency": seen.frequency, "recency": seen.recency, "T": 30}
    asked: list[tuple[str, dict[str, Any]]] = [
        ("probability_alive", who),
        ("expected_purchases", {"t": 39, **who}),
        ("probability_of_purchases", {"n": 2, "t": 39, **who}),
        ("probability_of_at_least", {"n": np.arange(40), "t": 39, **who}),
        ("discounted_purchases", {"discount_rate": 0.01, **who}),
        ("expected_purchases_new", {"t": 39}),
        ("probability_of_n", {"n": 1, "t": 39}),
    ]
    together = [getattr(many, ask)(**each) for ask, each in asked]
    monkeypatch.setattr(process_of_each, "FEW", 1000)
    for (ask, each), found in zip(asked, together, strict=True):
        assert found == pytest.approx(getattr(many, ask)(**each), rel=1e-12)
    with pytest.raises(InvalidInput, match="have 40 rows"):
        many.expected_purchases_new(t=[1, 2])
