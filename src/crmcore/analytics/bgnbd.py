"""Fitting the BG/NBD model of repeat purchasing by maximum likelihood."""

from __future__ import annotations

import attrs

from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood
from crmcore.analytics.bgnbd_process import BetaGeoNBDProcess
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitting import FittedProcess, PurchaseModel
from crmcore.analytics.histories import Cells

__all__ = ["BetaGeoNBD", "FittedBetaGeoNBD"]


@attrs.frozen(kw_only=True)
class FittedBetaGeoNBD(BetaGeoNBDProcess, FittedProcess):
    """The BG/NBD process at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate


@attrs.frozen(kw_only=True)
class BetaGeoNBD(PurchaseModel[FittedBetaGeoNBD]):
    """How to fit the BG/NBD model (Fader, Hardie and Lee 2005).

    `steps` bounds the number of Newton steps from each start; ordinary data need about ten.
    """

    def _likelihood(self, cells: Cells) -> BetaGeoNBDLikelihood:
        return BetaGeoNBDLikelihood.of(cells)

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedBetaGeoNBD:
        return FittedBetaGeoNBD(**params, estimate=estimate)
