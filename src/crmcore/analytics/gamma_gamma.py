"""Fitting the Gamma-Gamma model of spend per purchase by maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitted import Fitted
from crmcore.analytics.fitting import maximum, start_or_none
from crmcore.analytics.gamma_gamma_likelihood import GammaGammaLikelihood
from crmcore.analytics.gamma_gamma_spend import GammaGammaSpend, checked_spend
from crmcore.analytics.intervals import Interval
from crmcore.analytics.options import at_least_1

__all__ = ["FittedGammaGamma", "GammaGamma"]


@attrs.frozen(kw_only=True)
class FittedGammaGamma(GammaGammaSpend, Fitted):
    """Gamma-Gamma spend at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate

    def profile_interval(
        self,
        name: str,
        *,
        frequency: npt.ArrayLike,
        monetary_value: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        level: float = 0.95,
    ) -> Interval:
        """The profile-likelihood interval of one parameter, from the data that were fitted.

        All values that the likelihood-ratio test does not reject, the others at their best for
        each. p, q and v lie along a ridge, where `confidence_intervals` may be too short.
        InvalidInput where other data were fitted.
        """
        likelihood = _likelihood(frequency, monetary_value, weights)
        return self._profile(likelihood, name, level=level)


@attrs.frozen(kw_only=True)
class GammaGamma:
    """How to fit the Gamma-Gamma model (Fader and Hardie 2013).

    `steps` bounds the number of Newton steps from each start; ordinary data need about ten.
    `start`, the `params` of an earlier fit in the same currency, is tried beside the usual starts.
    InvalidInput where it is no start.
    """

    steps: int = attrs.field(default=200, validator=at_least_1)
    start: Mapping[str, float] | None = attrs.field(default=None, validator=start_or_none)

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
        likelihood = _likelihood(frequency, monetary_value, weights)
        silent = None if likelihood.total else "nobody bought again"
        params, estimate = maximum(likelihood, steps=self.steps, silent=silent, start=self.start)
        return FittedGammaGamma(**params, estimate=estimate)


def _likelihood(
    frequency: npt.ArrayLike, monetary_value: npt.ArrayLike, weights: npt.ArrayLike | None
) -> GammaGammaLikelihood:
    """The log-likelihood of these mean values; InvalidInput where they are none."""
    checks = Checks()
    x, z = checked_spend(checks, frequency=frequency, monetary_value=monetary_value)
    rows = checks.weights(weights, rows=x.size)
    checks.close()
    return GammaGammaLikelihood.of(np.atleast_1d(x), np.atleast_1d(z), rows)
