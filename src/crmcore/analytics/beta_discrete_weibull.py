"""The beta-discrete-Weibull model of contractual lifetimes (BdW).

Fader, Hardie, Liu, Davin and Steenburgh (2018), How to project customer retention revisited:
the role of duration dependence. As in the shifted beta-geometric model customers differ in how
likely they are to end, and a single customer's chance may besides change with tenure.
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

__all__ = ["BetaDiscreteWeibull", "BetaDiscreteWeibullProcess", "FittedBetaDiscreteWeibull"]

NAMES = ("alpha", "beta", "c")


@attrs.frozen(kw_only=True)
class BetaDiscreteWeibullProcess(BetaRetention):
    """The BdW model with known parameters, all above zero: what it predicts.

    `alpha` and `beta` shape the beta distribution of the probability to end at the first
    renewal, with mean alpha / (alpha + beta). After t renewals a customer is still there with
    probability (1 - theta)**(t**c): with `c` above 1 each one becomes more likely to end the
    longer he has been there, below 1 less likely; at c = 1 this is the shifted beta-geometric
    model. S(t) = B(alpha, beta + t**c) / B(alpha, beta), the paper's survivor function. The
    expected lifetime is infinite where c alpha <= 1.

        >>> process = BetaDiscreteWeibullProcess(alpha=1, beta=1, c=2)
        >>> process.survival(t=[0, 1, 2, 3]).round(9).tolist()  # 1 / (1 + t**2)
        [1.0, 0.5, 0.2, 0.1]
        >>> process.retention_rate(t=[1, 2, 3]).round(9).tolist()
        [0.5, 0.4, 0.5]
    """

    alpha: float = attrs.field(converter=as_number, validator=positive)
    beta: float = attrs.field(converter=as_number, validator=positive)
    c: float = attrs.field(converter=as_number, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"alpha": self.alpha, "beta": self.beta, "c": self.c}

    @property
    def _power(self) -> float:
        return self.c

    def _likelihood(self, renewals: Renewals) -> RetentionLikelihood:
        return RetentionLikelihood(renewals, names=NAMES)


@attrs.frozen(kw_only=True)
class FittedBetaDiscreteWeibull(BetaDiscreteWeibullProcess, FittedRetention):
    """The BdW process at the maximum-likelihood estimate, with the `estimate` itself."""

    estimate: Estimate


@attrs.frozen(kw_only=True)
class BetaDiscreteWeibull(RetentionModel[FittedBetaDiscreteWeibull]):
    """How to fit the BdW model (Fader and others 2018) to cohorts of customers under contract.

    Whether tenure matters, twice the gain in log-likelihood over `ShiftedBetaGeometric` on the
    same cohorts tells, a chi-square variable of one degree where it does not. `steps` bounds
    the number of Newton steps from each start; ordinary data need about ten.
    """

    def _likelihood(self, renewals: Renewals) -> RetentionLikelihood:
        return RetentionLikelihood(renewals, names=NAMES)

    def _fitted(self, params: dict[str, float], estimate: Estimate) -> FittedBetaDiscreteWeibull:
        return FittedBetaDiscreteWeibull(**params, estimate=estimate)
