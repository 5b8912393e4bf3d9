"""What stands beside a parameter that runs away: told as open, or as sure as it is and no surer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import optimize

from crmcore.analytics import (
    BetaDiscreteWeibull,
    BetaDiscreteWeibullProcess,
    BetaGeoNBD,
    FittedGammaGamma,
    GammaGamma,
    GammaGompertzNBD,
    Interval,
    NBDProcess,
    WithCovariates,
)

EVERYWHERE = Interval(0.0, np.inf)


def spend(purchases: int, *, alike: bool) -> dict[str, Any]:
    """Customers who are alike, or who each always spend the same."""
    draw = np.random.default_rng(1)
    x = np.minimum(draw.poisson(3, 1000), purchases)
    many = np.maximum(x, 1)
    spent = draw.gamma(4 * many) / many if alike else 1 / draw.gamma(3, size=1000)
    return {"frequency": x, "monetary_value": np.where(x > 0, 10 * spent, 0)}


def rates(n: int = 1000) -> dict[str, Any]:
    """Customers who buy at rates of their own, and never leave."""
    seen = NBDProcess(r=2, alpha=10).simulate(n_customers=n, T=52, seed=1)
    return {"frequency": seen.frequency, "recency": seen.recency, "T": seen.T}


@pytest.mark.parametrize(("alike", "leads", "stays"), [(True, "q", "p"), (False, "p", "q")])
def test_what_follows_a_parameter_without_bound_has_none_either(
    alike: bool, leads: str, stays: str
) -> None:
    data = spend(99, alike=alike)
    fitted = GammaGamma().fit(**data)
    assert fitted.status == "boundary"
    assert set(fitted.estimate.undetermined) == {leads, "v"}
    assert "v" in fitted.estimate.reason.split()[-1]
    assert fitted.confidence_intervals()["v"] == EVERYWHERE
    profile = fitted.profile_interval("v", **data)
    assert profile.high / profile.low > 1000
    assert np.isinf(fitted.standard_errors["v"])
    assert np.isnan(fitted.covariance[list(fitted.params).index("v")]).sum() == 2
    told = fitted.confidence_intervals()[stays]
    profile = fitted.profile_interval(stays, **data)
    assert told.low == pytest.approx(profile.low, rel=0.02)


def test_no_parameter_of_dropout_is_sure_where_nobody_leaves() -> None:
    fitted = GammaGompertzNBD().fit(**rates())
    assert fitted.estimate.undetermined == ("b", "s", "beta")


def of_bgnbd() -> tuple[Any, dict[str, Any], str]:
    data = rates()
    return BetaGeoNBD().fit(**data), data, "r"


def of_weibull() -> tuple[Any, dict[str, Any], str]:
    data = {"survivors": [1000, 900, 810, 729, 656, 590]}
    return BetaDiscreteWeibull().fit(**data), data, "c"


def of_covariates() -> tuple[Any, dict[str, Any], str]:
    data = {**rates(), "covariates": {"web": np.arange(1000) % 2}}
    return WithCovariates(BetaGeoNBD(), purchases="web").fit(**data), data, "r"


@pytest.mark.parametrize("case", [of_bgnbd, of_weibull, of_covariates])
def test_what_stays_is_as_sure_as_its_profile_says(case: Any) -> None:
    """Not surer, as it would be if the others were known."""
    fitted, data, name = case()
    assert fitted.status == "boundary"
    assert name not in fitted.estimate.undetermined
    told = fitted.confidence_intervals()[name]
    profile = fitted.profile_interval(name, **data)
    value = fitted.params[name]
    assert np.log(value / told.low) == pytest.approx(np.log(value / profile.low), rel=0.02)


def test_a_profile_follows_its_own_ridge() -> None:
    """Farther down another ridge begins, where c is large and the likelihood lower."""
    fitted, data, _ = of_weibull()
    end = fitted.profile_interval("beta", **data).low

    def lost(point: Any) -> float:
        alpha, c = np.exp(point).tolist()
        model = BetaDiscreteWeibullProcess(alpha=alpha, beta=end, c=c)
        return float(fitted.log_likelihood - model.log_likelihood_of(**data))

    least: float = optimize.minimize(lost, [-0.5, 0.2], method="Nelder-Mead").fun
    assert least == pytest.approx(3.841459 / 2, abs=1e-3)


def test_sure_parameters_keep_their_errors(gamma_gamma: FittedGammaGamma) -> None:
    assert gamma_gamma.status == "interior"
    curvature = gamma_gamma.estimate.curvature
    assert curvature is not None
    point = np.array(list(gamma_gamma.params.values()))
    inverse = np.linalg.inv(curvature) * np.outer(point, point)
    assert gamma_gamma.covariance == pytest.approx(inverse, rel=1e-9)
