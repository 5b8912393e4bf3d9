"""Fitting the Pareto/NBD model of repeat purchasing by maximum likelihood."""

from __future__ import annotations

import attrs

from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitting import FittedProcess, PurchaseModel
from crmcore.analytics.histories import Cells
from crmcore.analytics.pareto_nbd_likelihood import ParetoNBDLikelihood
from crmcore.analytics.pareto_nbd_process import ParetoNBDProcess

__all__ = ["FittedParetoNBD", "ParetoNBD"]


@attrs.frozen(kw_only=True)
class FittedParetoNBD(ParetoNBDProcess, FittedProcess):
    """The Pareto/NBD process at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate


@attrs.frozen(kw_only=True)
class ParetoNBD(PurchaseModel[FittedParetoNBD]):
    """How to fit the Pareto/NBD model (Schmittlein, Morrison and Colombo 1987).

    `steps` bounds the number of Newton steps from each start; ordinary data need about ten.
    Of more than 60,000 different histories a sample of 20,000 customers shows where to start.

        >>> from crmcore.analytics import ParetoNBD, ParetoNBDProcess
        >>> process = ParetoNBDProcess(r=0.6, alpha=6, s=0.7, beta=9)
        >>> seen = process.simulate(n_customers=4000, T=52, seed=3)
        >>> fitted = ParetoNBD().fit(frequency=seen.frequency, recency=seen.recency, T=seen.T)
        >>> fitted.status, abs(fitted.r - 0.6) < 2 * fitted.standard_errors["r"]
        ('interior', True)
    """

    def _likelihood(self, cells: Cells) -> ParetoNBDLikelihood:
        return ParetoNBDLikelihood.of(cells)

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedParetoNBD:
        return FittedParetoNBD(**params, estimate=estimate)
