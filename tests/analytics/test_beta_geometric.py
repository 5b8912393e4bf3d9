"""What always holds for the relatives of the BG/NBD model, whatever the data."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from crmcore.analytics import (
    BetaGeoCNBDProcess,
    FittedModifiedBetaGeoNBD,
    ModifiedBetaGeoCNBDProcess,
    ModifiedBetaGeoNBD,
    ModifiedBetaGeoNBDProcess,
)
from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood
from crmcore.analytics.histories import Cells, History

PROCESS = ModifiedBetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
SHAPES: dict[str, Any] = {
    "r": st.floats(1e-3, 1e3),
    "alpha": st.floats(1e-3, 1e6),
    "a": st.one_of(st.just(1.0), st.floats(1e-3, 1e3)),
    "b": st.floats(1e-3, 1e3),
}
processes = st.one_of(
    st.builds(ModifiedBetaGeoNBDProcess, **SHAPES),
    st.builds(BetaGeoCNBDProcess, k=st.integers(1, 12), **SHAPES),
    st.builds(ModifiedBetaGeoCNBDProcess, k=st.integers(1, 12), **SHAPES),
)


@pytest.mark.parametrize("model", [ModifiedBetaGeoNBD])
def test_fit_recovers_the_parameters(model: Any) -> None:
    process = ModifiedBetaGeoNBDProcess(r=0.6, alpha=5, a=0.7, b=2.0)
    seen = process.simulate(n_customers=20_000, T=52.0, seed=7)
    fitted = model().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
    for name, value in process.params.items():
        assert abs(fitted.params[name] - value) < 4 * fitted.standard_errors[name]


@pytest.mark.parametrize(
    ("x", "recency", "age"),
    [
        ([], [], []),
        ([0, 0, 0], [0, 0, 0], [10, 20, 0]),
        ([1], [5], [10]),
        ([3] * 9, [30] * 9, [30] * 9),
        ([10_000, 0, 3], [5, 0, 1e-3], [1e6, 1e-3, 1e6]),
        ([200_000, 0, 3, 5], [9, 0, 2, 1], [9, 9, 9, 9]),
    ],
)
def test_odd_data_are_fitted_and_described(
    x: list[int], recency: list[float], age: list[float]
) -> None:
    fitted = ModifiedBetaGeoNBD().fit(frequency=x, recency=recency, T=age)
    assert fitted.estimate.reason
    assert fitted.converged
    assert np.isfinite(fitted.log_likelihood)
    again = FittedModifiedBetaGeoNBD.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == pickle.loads(pickle.dumps(fitted)) == fitted


def test_likelihoods_without_an_occasion_to_leave_have_no_dropout() -> None:
    cells = Cells.of(History(np.zeros(1), np.zeros(1), np.full(1, 9.0)), None)
    slope = BetaGeoNBDLikelihood.of(cells).slope(np.zeros(4))
    assert slope.gradient[2:].tolist() == [0, 0]
