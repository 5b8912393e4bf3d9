"""Tables of validation read rows that stand for several customers as if each had a row."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from crmcore.analytics import (
    BetaGeoNBD,
    GammaGammaSpend,
    calibration,
    compare_models,
    conditional_expectations,
    conditional_values,
    frequency_histogram,
)
from crmcore.domain.errors import InvalidInput
from tests.analytics.test_conditional_expectations import SHOP, Linear, split

DATA = split(300, 3)
TIMES = np.random.default_rng(3).integers(0, 4, 300)
SPEND = GammaGammaSpend(p=6.25, q=3.74, v=15.44)


def repeated(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: np.repeat(column, TIMES) for name, column in columns.items()}


def alike(one: Any, other: Any) -> None:
    for name, value in attrs.asdict(one).items():
        again = getattr(other, name)
        if isinstance(value, np.ndarray):
            assert value.dtype == again.dtype
        number = isinstance(value, np.ndarray | float)
        assert value == (pytest.approx(again, rel=1e-12) if number else again), name


@pytest.mark.parametrize("by", ["frequency", "recency", "T", "time_since_last"])
def test_conditional_expectations(by: Any) -> None:
    whole = conditional_expectations(SHOP, t=13, by=by, **repeated(DATA))
    alike(conditional_expectations(SHOP, t=13, by=by, **DATA, weights=TIMES), whole)


def test_conditional_values() -> None:
    history = {name: DATA[name] for name in ("frequency", "recency", "T")}
    spent = SPEND.simulate(frequency=DATA["frequency"], seed=1)
    later = 20.0 * DATA["holdout_frequency"]
    columns = {**history, "monetary_value": spent, "holdout_value": later}
    models: dict[str, Any] = {"purchases": SHOP, "value": SPEND, "t": 13}
    whole = conditional_values(**models, **repeated(columns))
    alike(conditional_values(**models, **columns, weights=TIMES), whole)


def test_frequency_histogram() -> None:
    columns = {"frequency": DATA["frequency"], "T": DATA["T"]}
    whole = frequency_histogram(SHOP, **repeated(columns))
    alike(frequency_histogram(SHOP, **columns, weights=TIMES), whole)


def test_calibration() -> None:
    history = {name: DATA[name] for name in ("frequency", "recency", "T")}
    columns = {
        "predicted": SHOP.probability_of_at_least(n=1, t=13, **history),
        "happened": DATA["holdout_frequency"] > 0,
    }
    alike(calibration(**columns, weights=TIMES), calibration(**repeated(columns)))


def test_compared_models() -> None:
    history = {name: DATA[name] for name in ("frequency", "recency", "T")}
    fitted = BetaGeoNBD().fit(**history, weights=TIMES)
    models = {"fitted": fitted, "own": Linear()}
    few = compare_models(models, t=13, **DATA, weights=TIMES)
    whole = compare_models(models, t=13, **repeated(DATA))
    assert (few.customers, few.actual) == (whole.customers, whole.actual)
    assert few.customers == TIMES.sum()
    for one, other in zip(few.rows, whole.rows, strict=True):
        alike(one, other)
    assert few["fitted"].bic == pytest.approx(fitted.bic)


@pytest.mark.parametrize("weights", [[1.5] * 300, [-1] * 300, [1, 2], ["x"] * 300])
def test_weights_that_are_no_counts_of_rows_are_refused(weights: Any) -> None:
    counts = {"frequency": DATA["frequency"], "T": DATA["T"]}
    half: dict[str, Any] = {"predicted": [0.5] * 300, "happened": [1] * 300}
    for table in (
        lambda: conditional_expectations(SHOP, t=13, **DATA, weights=weights),
        lambda: compare_models({"shop": SHOP}, t=13, **DATA, weights=weights),
        lambda: frequency_histogram(SHOP, **counts, weights=weights),
        lambda: calibration(**half, weights=weights),
    ):
        with pytest.raises(InvalidInput, match="weights"):
            table()
    with pytest.raises(InvalidInput, match="weights"):
        calibration(predicted=[0.5], happened=[1], weights=[0])


def test_a_histogram_of_others_than_were_fitted_asks_what_was_estimated() -> None:
    fitted = BetaGeoNBD().fit(**{name: DATA[name] for name in ("frequency", "recency", "T")})
    counts = {"frequency": DATA["frequency"], "T": DATA["T"]}
    assert frequency_histogram(fitted, **counts).estimated == 4
    with pytest.raises(InvalidInput, match=r"estimated: must be given.* 300 customers"):
        frequency_histogram(fitted, **counts, weights=TIMES)
    assert frequency_histogram(fitted, **counts, weights=TIMES, estimated=0).estimated == 0
