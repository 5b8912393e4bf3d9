"""Every model of repeat purchases, found in `__all__`, can be validated by every table."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np
import pytest

import crmcore.analytics
from crmcore.analytics import (
    FittedProcess,
    PurchaseModel,
    alive_path,
    compare_models,
    conditional_expectations,
    frequency_histogram,
    frequency_recency,
    tracking,
)
from crmcore.analytics.histories import History
from tests.analytics.test_conditional_expectations import SHOP

PUBLIC = [getattr(crmcore.analytics, name) for name in crmcore.analytics.__all__]
ASKED = {"self", "frequency", "recency", "T", "weights"}
MODELS = [
    model
    for model in PUBLIC
    if inspect.isclass(model) and issubclass(model, PurchaseModel) and model is not PurchaseModel
    if set(inspect.signature(model.fit).parameters) <= ASKED
]


def by_weeks(n: int) -> dict[str, Any]:
    """Customers with at most one purchase a week: what models in discrete time read as well."""
    seen = SHOP.simulate(n_customers=n, T=52, seed=7)
    times = np.unique(np.column_stack([seen.customer, np.ceil(seen.time)]), axis=0)
    who, week = times[:, 0].astype(np.int64), times[:, 1]
    known = week <= 39
    last = np.zeros(n)
    np.maximum.at(last, who[known], week[known])
    return {
        "frequency": np.bincount(who[known], minlength=n),
        "recency": last,
        "T": np.full(n, 39),
        "holdout_frequency": np.bincount(who[~known], minlength=n),
    }


DATA = by_weeks(2000)
KNOWN = {name: DATA[name] for name in ("frequency", "recency", "T")}


@cache
def fitted(model: Any) -> FittedProcess:
    found = model().fit(**KNOWN)
    assert isinstance(found, FittedProcess)
    return found


def test_there_are_models() -> None:
    assert crmcore.analytics.BetaGeoNBD in MODELS


@pytest.mark.parametrize("model", MODELS)
def test_the_totals_of_a_fit_are_those_of_its_data(model: Any) -> None:
    """A fit need not hit its own total, but one that is far off has gone wrong."""
    found = fitted(model)
    row = compare_models({"it": found}, t=13, **DATA)["it"]
    assert row.rmse is not None
    assert row.log_likelihood == pytest.approx(found.log_likelihood, abs=1e-6)
    assert row.aic == pytest.approx(found.aic)
    assert row.bic == pytest.approx(found.bic)
    assert found.expected_purchases_new(t=39) * 2000 == pytest.approx(
        DATA["frequency"].sum(), rel=0.1
    )
    shape = frequency_histogram(found, frequency=DATA["frequency"], T=DATA["T"])
    assert shape.expected.sum() == pytest.approx(2000)
    assert shape.estimated == len(found.params)


@pytest.mark.parametrize("model", MODELS)
def test_tables_agree_with_what_the_model_tells_itself(model: Any) -> None:
    found = fitted(model)
    by = conditional_expectations(found, t=13, **DATA)
    assert by.total_expected == pytest.approx(found.expected_purchases(t=13, **KNOWN).sum())
    day = np.array(["2024-01-01", "2024-01-08"], "datetime64[D]")
    if getattr(model, "_histories", History) is not History:
        return  # a day is no occasion of a model in discrete time
    seen = tracking(found, customer=[1, 2], at=day, as_of="2024-01-28", until="2024-03-03")
    age = (seen.end.astype(np.int64)[:, None] - day.astype(np.int64)) / 7
    told = found.expected_purchases_new(t=np.maximum(age, 0).ravel()).reshape(age.shape)
    assert seen.expected_cumulative == pytest.approx(told.sum(axis=1))
    grid = frequency_recency(found, T=39)
    assert ((grid.value >= 0) & (grid.value <= 1)).all()
    path = alive_path(found, at=["2024-01-01", "2024-02-01"], until="2024-06-01")
    assert path.probability[-1] == pytest.approx(
        float(
            found.probability_alive(
                frequency=path.frequency[-1], recency=path.recency[-1], T=path.T[-1]
            )
        )
    )


@pytest.mark.parametrize("model", MODELS)
def test_huge_counts_are_validated(model: Any) -> None:
    found = fitted(model)
    many: dict[str, Any] = {"frequency": [0, 10_000], "recency": [0, 19_000], "T": 20_000}
    table = conditional_expectations(found, t=13, **many, holdout_frequency=[0, 3000])
    assert np.isfinite(table.expected).all()
    shape = frequency_histogram(found, frequency=[0, 10_000], T=20_000, groups=200, estimated=0)
    assert shape.expected.sum() == pytest.approx(2)
