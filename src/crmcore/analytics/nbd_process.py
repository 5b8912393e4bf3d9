"""The NBD process: customers who buy at random, each at a rate of their own, and never leave.

Ehrenberg (1959), The pattern of consumer purchases, Applied Statistics 8, 26-41. The baseline:
what a model with dropout adds is what it gains over this one.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import betaln, xlogy

from crmcore.analytics.checks import FloatArray, as_number
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.nbd_likelihood import NBDLikelihood
from crmcore.analytics.options import positive
from crmcore.analytics.purchase_process import PurchaseProcess
from crmcore.analytics.purchases_ahead import beta_below
from crmcore.analytics.simulation import Drawn

__all__ = ["NBDProcess"]


@attrs.frozen(kw_only=True)
class NBDProcess(PurchaseProcess):
    """The NBD model with known parameters, all above zero: what it predicts.

    `r` and `alpha` (a time) are shape and rate of the gamma distribution of purchase rates.
    Counts over a time t are negative binomial, P(X = n) = (r)_n / n! z**n (1-z)**r with
    z = t / (alpha + t), and their mean is r t / alpha. Of customers with x purchases in T the
    same holds with r + x and alpha + T. Nobody leaves: P(alive) is 1, and recency tells nothing.

        >>> process = NBDProcess(r=1, alpha=1)
        >>> float(process.expected_purchases(t=3, frequency=1, recency=1, T=1))  # 3 (1+1) / (1+1)
        3.0
        >>> process.probability_of_n(n=[0, 1, 2], t=1).round(9).tolist()
        [0.5, 0.25, 0.125]
    """

    r: float = attrs.field(converter=as_number, validator=positive)
    alpha: float = attrs.field(converter=as_number, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"r": self.r, "alpha": self.alpha}

    def _likelihood(self, cells: Cells) -> NBDLikelihood:
        return NBDLikelihood.of(cells)

    def _alive(self, history: History) -> FloatArray:
        return np.ones(history.x.shape)

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        return np.asarray((self.r + history.x) * (t / (self.alpha + history.T)))

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        shape, since = self.r + history.x, self.alpha + history.T
        with np.errstate(divide="ignore"):
            chance = xlogy(n, t / (since + t)) - shape * np.log1p(t / since)
        return np.asarray(np.minimum(np.exp(chance - betaln(shape, n + 1)) / (shape + n), 1.0))

    def _at_least(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        shape, since = self.r + history.x, self.alpha + history.T
        some = beta_below(np.maximum(n, 1.0), shape, t / (since + t), since / (since + t))
        return np.asarray(np.where(n > 0, some, 1.0))

    def _discounted(self, history: History, rate: float, end: float) -> FloatArray:
        """They buy at one pace for ever."""
        pace = (self.r + history.x) / (self.alpha + history.T)
        return np.asarray(pace * -np.expm1(-rate * end) / rate)

    def _draw(self, draw: np.random.Generator, age: FloatArray) -> Drawn:
        rate = draw.gamma(self.r, 1 / self.alpha, len(age))
        who = np.repeat(np.arange(len(age)), draw.poisson(rate * age))
        time = age[who] * (1 - draw.random(len(who)))  # in (0, age]
        order = np.lexsort((time, who))
        return Drawn(who, time[order], rate, np.zeros(len(age)))
