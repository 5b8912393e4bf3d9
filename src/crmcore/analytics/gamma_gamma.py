"""Fitting the Gamma-Gamma model of spend per purchase by maximum likelihood."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.ascent import climb_from
from crmcore.analytics.checks import Checks, at_least_1
from crmcore.analytics.estimate import Estimate, Fitted
from crmcore.analytics.gamma_gamma_likelihood import GammaGammaLikelihood
from crmcore.analytics.gamma_gamma_spend import GammaGammaSpend, checked_spend

__all__ = ["FittedGammaGamma", "GammaGamma"]


@attrs.frozen(kw_only=True)
class FittedGammaGamma(GammaGammaSpend, Fitted):
    """Gamma-Gamma spend at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate


@attrs.frozen(kw_only=True)
class GammaGamma:
    """How to fit the Gamma-Gamma model (Fader and Hardie 2013).

    `steps` bounds the number of Newton steps from each start; ordinary data need about ten.
    """

    steps: int = attrs.field(default=200, validator=at_least_1)

    def fit(
        self,
        *,
        frequency: npt.ArrayLike,
        monetary_value: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> FittedGammaGamma:
        """The parameters under which these mean values are most likely.

        `frequency` and `monetary_value` are (n,) as `summarize` gives them: repeat purchases
        and their mean value. Customers with frequency 0 are passed over, and `n_customers`
        counts the others. `weights` (n) tell how many customers each row stands for. Hard data
        raise nothing: see `status` of the result. InvalidInput where an argument cannot be
        what it claims, as a mean of 0 for somebody who bought: the model knows no gifts.
        """
        checks = Checks()
        x, z = checked_spend(checks, frequency=frequency, monetary_value=monetary_value)
        rows = checks.weights(weights, rows=x.size)
        checks.close()
        likelihood = GammaGammaLikelihood.of(np.atleast_1d(x), np.atleast_1d(z), rows)
        summit = climb_from(likelihood, likelihood.starts, steps=self.steps)
        silent = None if likelihood.total else "nobody bought again"
        p, q, v = np.exp(summit.point).tolist()
        return FittedGammaGamma(
            p=p, q=q, v=v, estimate=Estimate.at(summit, likelihood, silent=silent)
        )
