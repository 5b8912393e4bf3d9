"""Fitting the GGom/NBD model of repeat purchasing by maximum likelihood."""

from __future__ import annotations

import attrs

from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitting import FittedProcess, PurchaseModel
from crmcore.analytics.gamma_gompertz_nbd_likelihood import GammaGompertzNBDLikelihood
from crmcore.analytics.gamma_gompertz_nbd_process import GammaGompertzNBDProcess
from crmcore.analytics.histories import Cells

__all__ = ["FittedGammaGompertzNBD", "GammaGompertzNBD"]


@attrs.frozen(kw_only=True)
class FittedGammaGompertzNBD(GammaGompertzNBDProcess, FittedProcess):
    """The GGom/NBD process at the maximum-likelihood estimate, with the `estimate` itself.

    Where rates of leaving do not grow with age, as on CDNOW, b tends to 0: `status` is then
    `boundary`, b and beta are undetermined, and ParetoNBD says the same with one parameter less.
    """

    estimate: Estimate


@attrs.frozen(kw_only=True)
class GammaGompertzNBD(PurchaseModel[FittedGammaGompertzNBD]):
    """How to fit the GGom/NBD model (Bemmaor and Glady 2012).

    `steps` bounds the number of Newton steps from each start; ordinary data need about twenty.

        >>> from crmcore.analytics import GammaGompertzNBD, GammaGompertzNBDProcess
        >>> process = GammaGompertzNBDProcess(r=0.8, alpha=3, b=0.1, s=0.8, beta=10)
        >>> seen = process.simulate(n_customers=4000, T=52, seed=3)
        >>> fitted = GammaGompertzNBD().fit(
        ...     frequency=seen.frequency, recency=seen.recency, T=seen.T)
        >>> fitted.status, abs(fitted.b - 0.1) < 2 * fitted.standard_errors["b"]
        ('interior', True)
    """

    def _likelihood(self, cells: Cells) -> GammaGompertzNBDLikelihood:
        return GammaGompertzNBDLikelihood.of(cells)

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedGammaGompertzNBD:
        return FittedGammaGompertzNBD(**params, estimate=estimate)
