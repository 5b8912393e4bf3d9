"""The shifted beta-geometric model of contractual lifetimes (sBG).

Fader and Hardie (2007), How to project customer retention. At each renewal a customer ends the
contract with probability theta, the same one each time; over customers theta is Beta(alpha,
beta). Retention rates rise with tenure nevertheless: those likely to end leave first.
"""

from __future__ import annotations

import attrs

from crmcore.analytics.beta_retention import BetaRetention
from crmcore.analytics.checks import as_number
from crmcore.analytics.estimate import Estimate
from crmcore.analytics.options import positive
from crmcore.analytics.renewals import Renewals
from crmcore.analytics.retention_fitting import FittedRetention, RetentionModel
from crmcore.analytics.retention_likelihood import RetentionLikelihood

__all__ = ["FittedShiftedBetaGeometric", "ShiftedBetaGeometric", "ShiftedBetaGeometricProcess"]


@attrs.frozen(kw_only=True)
class ShiftedBetaGeometricProcess(BetaRetention):
    """The sBG model with known parameters, both above zero: what it predicts.

    `alpha` and `beta` shape the beta distribution of the probability to end at a renewal, with
    mean alpha / (alpha + beta), which is how many end at the first one. The smaller both are,
    the more customers differ.

    S(t) = B(alpha, beta + t) / B(alpha, beta), the paper's survivor function; its retention rate
    is (beta + t - 1) / (alpha + beta + t - 1). The expected lifetime of customers who have made
    `age` renewals is (alpha + beta + age - 1) / (alpha - 1), infinite where alpha <= 1.

        >>> process = ShiftedBetaGeometricProcess(alpha=1, beta=1)
        >>> process.probability_of_lifetime(t=range(1, 8)).round(3).tolist()  # 1 / (t (t + 1))
        [0.5, 0.167, 0.083, 0.05, 0.033, 0.024, 0.018]
        >>> process.retention_rate(t=[1, 2, 3]).round(3).tolist()  # t / (t + 1)
        [0.5, 0.667, 0.75]
    """

    alpha: float = attrs.field(converter=as_number, validator=positive)
    beta: float = attrs.field(converter=as_number, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"alpha": self.alpha, "beta": self.beta}

    @property
    def _power(self) -> float:
        return 1.0

    def _likelihood(self, renewals: Renewals) -> RetentionLikelihood:
        return RetentionLikelihood(renewals, names=("alpha", "beta"))


@attrs.frozen(kw_only=True)
class FittedShiftedBetaGeometric(ShiftedBetaGeometricProcess, FittedRetention):
    """The sBG process at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate


@attrs.frozen(kw_only=True)
class ShiftedBetaGeometric(RetentionModel[FittedShiftedBetaGeometric]):
    """How to fit the sBG model (Fader and Hardie 2007) to cohorts of customers under contract.

    `steps` bounds the number of Newton steps from each start; ordinary data need about ten.
    """

    def _likelihood(self, renewals: Renewals) -> RetentionLikelihood:
        return RetentionLikelihood(renewals, names=("alpha", "beta"))

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedShiftedBetaGeometric:
        return FittedShiftedBetaGeometric(**params, estimate=estimate)
