"""Fits as values and as plain data: read only where they are whole, equal, hashable, read-only."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

from crmcore.analytics import (
    BetaGeoCNBD,
    BetaGeoNBD,
    Estimate,
    FittedBetaGeoNBD,
    FittedWithCovariates,
    GammaGamma,
    NBDProcess,
    ParetoNBD,
    ShiftedBetaGeometric,
    WithCovariates,
)
from crmcore.domain.errors import InvalidInput


def shop(seed: int = 1) -> dict[str, Any]:
    seen = NBDProcess(r=1, alpha=10).simulate(n_customers=200, T=52, seed=seed)
    return {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}


def with_traits() -> FittedWithCovariates:
    return WithCovariates(BetaGeoNBD(), purchases=("web", "same")).fit(
        **shop(), covariates={"web": np.arange(200) % 2, "same": np.ones(200)}
    )


FITS: dict[str, Any] = {
    "bgnbd": lambda: BetaGeoNBD().fit(**shop()),
    "pareto": lambda: ParetoNBD().fit(**shop()),
    "regular": lambda: BetaGeoCNBD(k=2).fit(**shop()),
    "spend": lambda: GammaGamma().fit(frequency=[1, 2, 3, 4], monetary_value=[3.0, 9, 5, 7]),
    "silent": lambda: BetaGeoNBD().fit(frequency=[0, 0], recency=[0, 0], T=[5, 9]),
    "contracts": lambda: ShiftedBetaGeometric().fit(survivors=[1000, 869, 743, 653]),
    "covariates": with_traits,
}


@pytest.mark.parametrize("name", FITS)
def test_a_fit_is_a_value(name: str) -> None:
    """Equal fits have one hash, through pickle, copy and plain data; none can be changed."""
    fitted = FITS[name]()
    plain = json.loads(json.dumps(fitted.to_dict()))
    copies = [
        fitted,
        pickle.loads(pickle.dumps(fitted)),
        copy.deepcopy(fitted),
        type(fitted).from_dict(plain),
    ]
    assert len(set(copies)) == 1
    for each in copies:
        assert not each.covariance.flags.writeable
        assert each.estimate.curvature is None or not each.estimate.curvature.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            each.covariance[0, 0] = 1.0


def test_different_fits_differ() -> None:
    one, other = (BetaGeoNBD().fit(**shop(seed)) for seed in (1, 2))
    assert len({one, other}) == 2


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"covariance": [[1.0]], "curvature": None}, "estimate.covariance"),
        ({"covariance": [[1.0, 2.0]]}, "estimate.covariance"),
        ({"covariance": "none"}, "estimate.covariance"),
        ({"covariance": 7}, "estimate.covariance"),
        ({"covariance": [[float("nan")] * 4] * 4}, "estimate.covariance[0]"),
        ({"covariance": [["1"] * 4] * 4}, "estimate.covariance[0]"),
        ({"covariance": np.arange(16.0).reshape(4, 4).tolist()}, "estimate.covariance"),
        ({"covariance": (-np.eye(4)).tolist()}, "estimate.covariance[0]"),
        ({"covariance": [[None] + [1.0] * 3, *[[1.0] * 4] * 3]}, "estimate.covariance"),
        ({"curvature": [[1.0]]}, "estimate.curvature"),
        ({"curvature": [[None] * 4] * 4}, "estimate.curvature"),
        ({"curvature": [[float("inf")] * 4] * 4}, "estimate.curvature[0]"),
        ({"undetermined": ["q"]}, "estimate.undetermined"),
        ({"undetermined": "ab"}, "estimate.undetermined"),
        ({"log_likelihood": float("nan")}, "estimate.log_likelihood"),
        ({"log_likelihood": "-3"}, "estimate.log_likelihood"),
        ({"n_customers": -1}, "estimate.n_customers"),
        ({"status": "fine"}, "estimate.status"),
        ({"reason": None}, "estimate.reason"),
        ({"converged": "no"}, "estimate.converged"),
        ({"steps": 1.5}, "estimate.steps"),
        ({"more": 1}, "estimate.more"),
    ],
)
def test_an_estimate_that_is_none_is_refused_with_its_place(
    bgnbd: FittedBetaGeoNBD, change: dict[str, Any], path: str
) -> None:
    good = bgnbd.to_dict()
    with pytest.raises(InvalidInput) as caught:
        FittedBetaGeoNBD.from_dict({**good, "estimate": {**good["estimate"], **change}})
    assert {fault.path for fault in caught.value.faults} == {path}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"r": float("nan")}, "r"),
        ({"r": "0.5"}, "r"),
        ({"r": True}, "r"),
        ({"r": -1.0}, "r"),
        ({"q": 1.0}, "q"),
        ({"estimate": None}, "estimate"),
        ({"model": "ParetoNBD"}, "model"),
    ],
)
def test_a_model_that_is_none_is_refused_with_its_place(
    bgnbd: FittedBetaGeoNBD, change: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        FittedBetaGeoNBD.from_dict({**bgnbd.to_dict(), **change})
    assert [fault.path for fault in caught.value.faults] == [path]


@pytest.mark.parametrize("none", [[], None, 3])
def test_what_is_no_mapping_is_refused(none: Any) -> None:
    with pytest.raises(InvalidInput):
        FittedBetaGeoNBD.from_dict(none)
    with pytest.raises(InvalidInput):
        Estimate.from_dict(none)


def test_all_faults_come_together(bgnbd: FittedBetaGeoNBD) -> None:
    good = bgnbd.to_dict()
    bad = {**good["estimate"], "steps": -1, "status": "fine"}
    with pytest.raises(InvalidInput) as caught:
        FittedBetaGeoNBD.from_dict({**good, "r": None, "estimate": bad})
    paths = {fault.path for fault in caught.value.faults}
    assert paths == {"r", "estimate.steps", "estimate.status"}


def test_the_undetermined_are_those_of_infinite_variance() -> None:
    fitted = FITS["silent"]()
    plain = fitted.to_dict()
    assert set(plain["estimate"]["undetermined"]) == set(fitted.params)
    for undetermined in ([], ["r", "alpha", "a", "q"]):
        changed = {**plain["estimate"], "undetermined": undetermined}
        with pytest.raises(InvalidInput, match=r"estimate.undetermined"):
            FittedBetaGeoNBD.from_dict({**plain, "estimate": changed})


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"baseline": {"r": 1}}, "baseline.alpha"),
        ({"baseline": {"r": 1, "alpha": 1, "a": 1, "b": "1"}}, "baseline.b"),
        ({"effects": "none"}, "effects"),
        ({"effects": [{"part": "purchases"}]}, "effects[0].covariate"),
        ({"effects": []}, "estimate.covariance"),
        ({"of": ["BetaGeoNBD"]}, "of"),
        ({"more": 1}, "more"),
    ],
)
def test_a_model_with_covariates_that_is_none_is_refused(change: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        FittedWithCovariates.from_dict({**with_traits().to_dict(), **change})
    assert caught.value.faults[0].path == path
