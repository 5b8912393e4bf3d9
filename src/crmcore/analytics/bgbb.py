"""Fitting the BG/BB model of repeat purchasing in discrete time by maximum likelihood."""

from __future__ import annotations

from typing import ClassVar

import attrs

from crmcore.analytics.bgbb_likelihood import BetaGeoBetaBinomLikelihood
from crmcore.analytics.bgbb_process import BetaGeoBetaBinomProcess
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.fitting import FittedProcess, PurchaseModel
from crmcore.analytics.histories import Cells, History, Opportunities

__all__ = ["BetaGeoBetaBinom", "FittedBetaGeoBetaBinom"]


@attrs.frozen(kw_only=True)
class FittedBetaGeoBetaBinom(BetaGeoBetaBinomProcess, FittedProcess):
    """The BG/BB process at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate


@attrs.frozen(kw_only=True)
class BetaGeoBetaBinom(PurchaseModel[FittedBetaGeoBetaBinom]):
    """How to fit the BG/BB model (Fader, Hardie and Shang 2010), for yes or no occasions.

    `frequency`, `recency` and `T` of `fit` count opportunities: of T of them `frequency` were
    taken, the last being the `recency`-th. InvalidInput where they are no whole numbers, or a
    frequency exceeds the recency. `steps` bounds the number of Newton steps from each start.

        >>> process = BetaGeoBetaBinomProcess(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)
        >>> seen = process.simulate(n_customers=4000, T=6, seed=2)
        >>> fitted = BetaGeoBetaBinom().fit(
        ...     frequency=seen.frequency, recency=seen.recency, T=seen.T)
        >>> fitted.status, abs(fitted.alpha - 1.2) < 2 * fitted.standard_errors["alpha"]
        ('interior', True)
    """

    _histories: ClassVar[type[History]] = Opportunities

    def _likelihood(self, cells: Cells) -> BetaGeoBetaBinomLikelihood:
        return BetaGeoBetaBinomLikelihood.of(cells)

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedBetaGeoBetaBinom:
        return FittedBetaGeoBetaBinom(**params, estimate=estimate)
