"""Fitting the NBD model, in which nobody leaves, by maximum likelihood."""

from __future__ import annotations

import attrs

from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitting import FittedProcess, PurchaseModel
from crmcore.analytics.histories import Cells
from crmcore.analytics.nbd_likelihood import NBDLikelihood
from crmcore.analytics.nbd_process import NBDProcess

__all__ = ["NBD", "FittedNBD"]


@attrs.frozen(kw_only=True)
class FittedNBD(NBDProcess, FittedProcess):
    """The NBD process at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate


@attrs.frozen(kw_only=True)
class NBD(PurchaseModel[FittedNBD]):
    """How to fit the NBD model (Ehrenberg 1959), the baseline without dropout.

    `steps` bounds the number of Newton steps from each start; ordinary data need about five.
    Where purchases are no more uneven than chance makes them, `r` runs to infinity and
    `status` says `boundary`; the mean rate r / alpha is still determined.
    """

    def _likelihood(self, cells: Cells) -> NBDLikelihood:
        return NBDLikelihood.of(cells)

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedNBD:
        return FittedNBD(**params, estimate=estimate)
