"""Fitting the BG/NBD model of repeat purchasing by maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.ascent import climb_from
from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood
from crmcore.analytics.bgnbd_process import BetaGeoNBDProcess
from crmcore.analytics.checks import Checks, at_least_1
from crmcore.analytics.estimate import Estimate, Fitted, read_fitted
from crmcore.analytics.histories import Cells, History

__all__ = ["BetaGeoNBD", "FittedBetaGeoNBD"]


@attrs.frozen(kw_only=True)
class FittedBetaGeoNBD(BetaGeoNBDProcess, Fitted):
    """The BG/NBD process at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold; `from_dict` reads it back."""
        return {"model": "BetaGeoNBD", **self.params, "estimate": self.estimate.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The fitted model that `to_dict` wrote. InvalidInput where it is not one."""
        params, estimate = read_fitted(data, model="BetaGeoNBD", names=("r", "alpha", "a", "b"))
        return cls(**params, estimate=estimate)


@attrs.frozen(kw_only=True)
class BetaGeoNBD:
    """How to fit the BG/NBD model (Fader, Hardie and Lee 2005).

    `steps` bounds the number of Newton steps from each start; ordinary data need about ten.
    """

    steps: int = attrs.field(default=200, validator=at_least_1)

    def fit(
        self,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> FittedBetaGeoNBD:
        """The parameters under which these histories are most likely.

        `frequency`, `recency` and `T` are (n,) as `summarize` gives them, times in one unit;
        `weights` (n) tell how many customers each row stands for. Hard data raise nothing:
        see `status` of the result. InvalidInput where an argument cannot be what it claims.

            >>> process = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
            >>> seen = process.simulate(n_customers=4000, T=52, seed=2)
            >>> fitted = BetaGeoNBD().fit(
            ...     frequency=seen.frequency, recency=seen.recency, T=seen.T)
            >>> fitted.status, abs(fitted.r - 0.5) < 2 * fitted.standard_errors["r"]
            ('interior', True)
        """
        checks = Checks()
        history = History.checked(checks, frequency=frequency, recency=recency, T=T)
        rows = checks.weights(weights, rows=history.x.size)
        checks.close()
        likelihood = BetaGeoNBDLikelihood.of(Cells.of(history, rows))
        summit = climb_from(likelihood, likelihood.starts, steps=self.steps)
        silent = None if len(likelihood.again) else "nobody bought again"
        r, alpha, a, b = np.exp(summit.point).tolist()
        return FittedBetaGeoNBD(
            r=r,
            alpha=alpha,
            a=a,
            b=b,
            estimate=Estimate.at(summit, likelihood, silent=silent),
        )
