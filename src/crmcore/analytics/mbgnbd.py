"""Fitting the MBG/NBD model of repeat purchasing by maximum likelihood."""

from __future__ import annotations

import attrs

from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitting import FittedProcess, PurchaseModel
from crmcore.analytics.histories import Cells
from crmcore.analytics.mbgnbd_process import ModifiedBetaGeoNBDProcess

__all__ = ["FittedModifiedBetaGeoNBD", "ModifiedBetaGeoNBD"]


@attrs.frozen(kw_only=True)
class FittedModifiedBetaGeoNBD(ModifiedBetaGeoNBDProcess, FittedProcess):
    """The MBG/NBD process at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate


@attrs.frozen(kw_only=True)
class ModifiedBetaGeoNBD(PurchaseModel[FittedModifiedBetaGeoNBD]):
    """How to fit the MBG/NBD model (Batislam, Denizel and Filiztekin 2007).

    `steps` bounds the number of Newton steps from each start; ordinary data need about ten.
    """

    def _likelihood(self, cells: Cells) -> BetaGeoNBDLikelihood:
        return BetaGeoNBDLikelihood.of(cells, first=1)

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedModifiedBetaGeoNBD:
        return FittedModifiedBetaGeoNBD(**params, estimate=estimate)
