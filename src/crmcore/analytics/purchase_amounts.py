"""Amounts per purchase that the caller knows: of what mean, and how varied."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.amounts_ahead import GammaSums
from crmcore.analytics.checks import Checks, FloatArray

__all__ = ["PurchaseAmounts", "purchases_needed"]

LEAST, MOST = 1e-6, 10.0
ROUNDING = 1e-12
"""By this share of it a sum may miss an amount: three times 0.1 is 0.3 to a reader."""


def _means(values: npt.ArrayLike) -> FloatArray:
    checks = Checks()
    array = checks.numbers("mean", values)
    checks.close()
    return array


def _variations(values: npt.ArrayLike) -> FloatArray:
    checks = Checks()
    array = checks.numbers("variation", values)
    odd = (array > 0) & ~((array >= LEAST) & (array <= MOST)) & np.isfinite(array)
    checks.refuse_where(odd, "variation", "must be 0 or lie between 1e-6 and 10")
    checks.close()
    return array


@attrs.frozen(kw_only=True, eq=False)
class PurchaseAmounts:
    """What a purchase counts: gamma distributed with `mean` and coefficient of `variation`.

    Numbers or (n,), one per customer. The mean is at or above 0 in any unit, money or points;
    the variation is standard deviation / mean, 0 where every purchase counts the same, else
    from 1e-6 to 10. The default counts purchases. InvalidInput says what is wrong.

        >>> PurchaseAmounts(mean=10).probability_of_sum(n=[2, 3], at_least=30).tolist()
        [0.0, 1.0]
        >>> varied = PurchaseAmounts(mean=10, variation=1)  # exponential, so e**-3
        >>> round(float(varied.probability_of_sum(n=1, at_least=30)), 6)
        0.049787
    """

    mean: FloatArray = attrs.field(factory=lambda: np.ones(()), converter=_means)
    variation: FloatArray = attrs.field(factory=lambda: np.zeros(()), converter=_variations)

    def __attrs_post_init__(self) -> None:
        checks = Checks()
        checks.same_shape(mean=self.mean, variation=self.variation)
        checks.close()

    def probability_of_sum(self, *, n: npt.ArrayLike, at_least: npt.ArrayLike) -> FloatArray:
        """P(amount of n purchases >= `at_least`), numbers or (n,) as the amounts are.

        Gamma(n / variation**2) where amounts vary; else 1 where n x mean is enough.
        """
        checks = Checks()
        count = checks.counts("n", n)
        amount = checks.numbers("at_least", at_least, negative=True)
        checks.same_shape(mean=self.mean, variation=self.variation, n=count, at_least=amount)
        checks.close()
        mean, variation, count, amount = np.broadcast_arrays(
            self.mean, self.variation, count, amount
        )
        chance = np.where(amount <= 0, 1.0, 0.0)
        fixed, varied = (amount > 0) & (variation == 0), (amount > 0) & (variation > 0)
        chance[fixed] = count[fixed] >= purchases_needed(amount[fixed], mean[fixed])
        sums = GammaSums.of(amount[varied], mean=mean[varied], variation=variation[varied])
        chance[varied] = sums.enough(count[varied])
        return chance


def purchases_needed(amount: FloatArray, mean: FloatArray) -> FloatArray:
    """How many purchases of `mean` each fill an `amount` above 0; infinite where none do."""
    with np.errstate(divide="ignore", over="ignore"):
        return np.ceil(amount / mean * (1 - ROUNDING))
