"""What must hold for every model that can be fitted, found in `__all__` of the analytics.

Models of purchase histories here; clusterings in `test_every_clustering`, contractual lifetimes in
`test_every_retention`, models with covariates in `test_covariates`; a rule tree is none of them.
"""

from __future__ import annotations

import inspect
import json
import pickle
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import crmcore.analytics
from crmcore.domain.errors import InvalidInput

PUBLIC = {name: getattr(crmcore.analytics, name) for name in crmcore.analytics.__all__}
BASES = (crmcore.analytics.PurchaseModel, crmcore.analytics.RetentionModel)
FITTED_TO_SOMETHING = [v for v in PUBLIC.values() if hasattr(v, "fit") and v not in BASES]
HISTORIES = [v for v in FITTED_TO_SOMETHING if "frequency" in inspect.signature(v.fit).parameters]
MODELS = [v for v in HISTORIES if v is not crmcore.analytics.WithCovariates]


def data(n: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Histories and mean values of n customers, of which a model takes what it asks for."""
    draw = np.random.default_rng(seed)
    age = draw.integers(100, 300, n) / 7
    process = crmcore.analytics.BetaGeoNBDProcess(r=0.6, alpha=4, a=0.8, b=2.5)
    seen = process.simulate(n_customers=n, T=age, seed=seed)
    x = seen.frequency
    value = np.where(x > 0, draw.gamma(5.0 * np.maximum(x, 1)) / draw.gamma(4.0, 0.3, n), 0.0)
    value = value / np.maximum(x, 1)
    return {
        "frequency": x,
        "recency": seen.recency,
        "T": age,
        "monetary_value": value,
        "log_intervals": seen.log_intervals,
    }


TIMES = {
    "ParetoNBD": {"alpha": 1, "beta": 1},
    "GammaGompertzNBD": {"alpha": 1, "b": -1},
}
"""The power of the unit of time that a parameter has; alpha is a time in each model."""


def by_week(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """As many customers in discrete time; a thousand times as large where frequencies are."""
    age = np.ceil(columns["T"])
    process = crmcore.analytics.BetaGeoBetaBinomProcess(alpha=0.8, beta=3, gamma=0.8, delta=9)
    seen = process.simulate(n_customers=len(age), T=age, seed=1)
    times = 1000 if columns["frequency"].max(initial=0) >= 1000 else 1
    return {"frequency": seen.frequency * times, "recency": seen.recency * times, "T": age * times}


def asked(model: Any, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    wanted = inspect.signature(model.fit).parameters
    if model is crmcore.analytics.BetaGeoBetaBinom:
        columns = columns | by_week(columns)
    return {name: column for name, column in columns.items() if name in wanted}


MANY = data(2000)


def close(one: Any, other: Any, *, rel: float = 1e-6) -> bool:
    return one.params == pytest.approx(other.params, rel=rel) and bool(
        one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-10)
    )


def test_there_are_models() -> None:
    assert {model.__name__ for model in MODELS} >= {"BetaGeoNBD", "GammaGamma"}
    others = {model.__name__ for model in FITTED_TO_SOMETHING if model not in MODELS}
    retention = {"ShiftedBetaGeometric", "BetaDiscreteWeibull"}
    grouping = {"KMeans", "GaussianMixture", "RuleTree"}
    assert others == grouping | retention | {"WithCovariates"}


@pytest.mark.parametrize("value", PUBLIC.values(), ids=PUBLIC)
def test_every_public_name_is_explained(value: Any) -> None:
    assert value.__doc__
    assert len(value.__doc__) > 40


@pytest.mark.parametrize("model", MODELS)
def test_specification_and_fit_are_frozen(model: Any) -> None:
    fitted = model().fit(**asked(model, data(200)))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        model().steps = 3
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        fitted.estimate = None
    with pytest.raises(ValueError, match="read-only"):
        fitted.covariance[0, 0] = 1
    fitted.params["r"] = 0
    assert fitted == model().fit(**asked(model, data(200)))


@pytest.mark.parametrize("model", MODELS)
def test_order_of_customers_does_not_matter(model: Any) -> None:
    columns = asked(model, data(500))
    order = np.random.default_rng(3).permutation(500)
    shuffled = {name: column[order] for name, column in columns.items()}
    assert close(model().fit(**shuffled), model().fit(**columns), rel=1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_a_weight_is_a_repetition(model: Any) -> None:
    columns = asked(model, data(800))
    times = np.random.default_rng(4).integers(0, 4, 800)
    repeated = {name: np.repeat(column, times) for name, column in columns.items()}
    weighted, plain = model().fit(**columns, weights=times), model().fit(**repeated)
    assert close(weighted, plain)
    assert weighted.n_customers == plain.n_customers
    assert weighted.covariance == pytest.approx(plain.covariance, rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("model", MODELS)
def test_standard_errors_shrink_with_the_root_of_the_weights(model: Any) -> None:
    columns = asked(model, data(1200))
    one, four = (model().fit(**columns, weights=np.full(1200, w)) for w in (1.0, 4.0))
    halved = {name: error / 2 for name, error in one.standard_errors.items()}
    assert four.standard_errors == pytest.approx(halved, rel=1e-5)
    assert np.array_equal(one.covariance, one.covariance.T, equal_nan=True)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("n", [0, 1, 2])
def test_almost_nobody_is_no_error(model: Any, n: int) -> None:
    fitted = model().fit(**asked(model, data(n)))
    assert fitted.status in ("not_identified", "boundary", "flat", "interior")
    assert fitted.estimate.reason
    assert set(fitted.standard_errors) == set(fitted.params) - {"k"}  # k is a whole number


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=5)
@given(seed=st.integers(0, 10_000))
def test_hard_subsamples_never_raise(model: Any, seed: int) -> None:
    """Of samples of 50 many have their optimum on a boundary, and say so."""
    who = np.random.default_rng(seed).choice(2000, 50, replace=False)
    fitted = model().fit(**{name: column[who] for name, column in asked(model, MANY).items()})
    assert fitted.converged
    assert all(value > 0 for value in fitted.params.values())
    errors = fitted.standard_errors
    assert not np.isnan(list(errors.values())).any()
    loose = set(fitted.estimate.undetermined)
    assert {name for name, error in errors.items() if np.isinf(error)} == loose
    assert (fitted.status in ("boundary", "not_identified")) >= bool(loose)
    again = type(fitted).from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == pickle.loads(pickle.dumps(fitted)) == fitted


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("scale", [1e-6])
def test_the_unit_of_time_does_not_matter(model: Any, scale: float) -> None:
    columns = asked(model, data(500))
    if "T" not in columns or model is crmcore.analytics.BetaGeoBetaBinom:
        return  # nothing is a time
    scaled = columns | {name: columns[name] * scale for name in ("recency", "T")}
    if "log_intervals" in columns:
        scaled["log_intervals"] = columns["log_intervals"] + columns["frequency"] * np.log(scale)
    one, other = model().fit(**columns), model().fit(**scaled)
    powers = TIMES.get(model.__name__, {"alpha": 1})
    told = {name: value * scale ** powers.get(name, 0) for name, value in one.params.items()}
    assert other.params == pytest.approx(told, rel=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_huge_counts_are_fitted(model: Any) -> None:
    columns = data(300)
    x = columns["frequency"] = columns["frequency"] * 1000
    even = np.log(np.where(x > 0, columns["recency"] / np.maximum(x, 1), 1.0))
    columns["log_intervals"] = x * even
    fitted = model().fit(**asked(model, columns))
    assert np.isfinite(fitted.log_likelihood)
    assert np.isfinite(list(fitted.params.values())).all()


@pytest.mark.parametrize("model", MODELS)
@given(column=st.integers(0, 3), bad=st.sampled_from([np.nan, np.inf, -1.0]))
def test_a_bad_value_is_refused_at_its_place(model: Any, column: int, bad: float) -> None:
    columns = {name: values.astype(float) for name, values in asked(model, data(20)).items()}
    name = list(columns)[column % len(columns)]
    assume(name != "log_intervals" or bad != -1)  # logarithms may be negative
    columns[name][7] = bad
    with pytest.raises(InvalidInput) as caught:
        model().fit(**columns)
    assert caught.value.faults[0].path == f"{name}[7]"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("weights", [[1.0], np.full(20, -1.0), np.full(20, np.nan), "heavy"])
def test_bad_weights_are_refused(model: Any, weights: Any) -> None:
    with pytest.raises(InvalidInput, match="weights"):
        model().fit(**asked(model, data(20)), weights=weights)
