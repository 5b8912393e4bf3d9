"""The Pareto/NBD process: customers who buy at random and may leave at any moment.

Schmittlein, Morrison and Colombo (1987), Counting your customers: who are they and what will they
do next? While a customer is alive, purchases come at the rate lambda; the customer leaves for good
after an exponential lifetime of rate mu, whether buying or not; over customers lambda is
Gamma(r, alpha) and mu is Gamma(s, beta), independently. All times are in one unit, that of the
data to which the parameters belong.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import expit, exprel

from crmcore.analytics.checks import FloatArray, as_number
from crmcore.analytics.histories import Cells, History, once_each
from crmcore.analytics.options import positive
from crmcore.analytics.pareto_nbd_ahead import ParetoAhead, lifetime_worth
from crmcore.analytics.pareto_nbd_likelihood import ParetoNBDLikelihood
from crmcore.analytics.purchase_process import PurchaseProcess
from crmcore.analytics.silences import log_odds_gone
from crmcore.analytics.simulation import Drawn

__all__ = ["ParetoNBDProcess"]


@attrs.frozen(kw_only=True)
class ParetoNBDProcess(PurchaseProcess):
    """The Pareto/NBD model with known parameters, all above zero: what it predicts.

    `r` and `alpha` (a time) are shape and rate of the gamma distribution of purchase rates, so
    their mean is r / alpha; `s` and `beta` (a time) are those of the rates of leaving, so half of
    all customers have left by beta (2**(1/s) - 1).

    In the paper: equations 11 to 13 are P(alive), 17 is E[X(t)] and 22 the expectation given a
    history; Fader and Hardie (2006) derive P(X(t) = n). None is computed by hypergeometric
    functions. Somebody alive at T with x purchases goes on like a new customer of a process with
    r + x, alpha + T, s and beta + T, which answers all questions about the future. At s = 1 the
    expectation is its limit. Discounting without end is that of Fader, Hardie and Lee (2005), RFM
    and CLV, its confluent hypergeometric function integrated numerically.

        >>> from crmcore.analytics import ParetoNBDProcess
        >>> process = ParetoNBDProcess(r=1, alpha=1, s=1, beta=1)
        >>> float(process.probability_alive(frequency=0, recency=0, T=1))  # odds of leaving 3/2
        0.4
        >>> round(float(process.expected_purchases_new(t=1)), 6)  # ln 2
        0.693147
    """

    r: float = attrs.field(converter=as_number, validator=positive)
    alpha: float = attrs.field(converter=as_number, validator=positive)
    s: float = attrs.field(converter=as_number, validator=positive)
    beta: float = attrs.field(converter=as_number, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"r": self.r, "alpha": self.alpha, "s": self.s, "beta": self.beta}

    def _likelihood(self, cells: Cells) -> ParetoNBDLikelihood:
        return ParetoNBDLikelihood.of(cells)

    def _alive(self, history: History) -> FloatArray:
        return once_each(self._alive_of, history.x, history.recency, history.T)

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        def mean(x: FloatArray, recency: FloatArray, age: FloatArray, t: FloatArray) -> FloatArray:
            since = self.beta + age
            grown = np.log1p(t / since)
            lived = since * grown * exprel((1 - self.s) * grown)  # of the t to come, on average
            return np.asarray(self._alive_of(x, recency, age) * self._pace(x, age) * lived)

        return once_each(mean, history.x, history.recency, history.T, t)

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        def chance(
            x: FloatArray, recency: FloatArray, age: FloatArray, t: FloatArray, n: FloatArray
        ) -> FloatArray:
            alive = self._alive_of(x, recency, age)
            some = alive * self._ahead(x, age).exactly(n, t)
            return np.minimum(some + np.where(n == 0, 1 - alive, 0.0), 1.0)

        return once_each(chance, history.x, history.recency, history.T, t, n)

    def _at_least(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        def chance(
            x: FloatArray, recency: FloatArray, age: FloatArray, t: FloatArray, n: FloatArray
        ) -> FloatArray:
            some = self._ahead(x, age).at_least(np.maximum(n, 1.0), t)
            return np.asarray(np.where(n > 0, self._alive_of(x, recency, age) * some, 1.0))

        return once_each(chance, history.x, history.recency, history.T, t, n)

    def _discounted(self, history: History, rate: float, end: float) -> FloatArray:
        def present(x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
            lived = lifetime_worth(self.beta + age, s=self.s, rate=rate, end=end)
            return np.asarray(self._alive_of(x, recency, age) * self._pace(x, age) * lived)

        return once_each(present, history.x, history.recency, history.T)

    def _alive_of(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        odds = log_odds_gone(self.r + x, recency, age, alpha=self.alpha, s=self.s, beta=self.beta)
        return np.asarray(expit(-odds))

    def _pace(self, x: FloatArray, age: FloatArray) -> FloatArray:
        """Purchases per unit of time while alive, whenever that is."""
        return np.asarray((self.r + x) / (self.alpha + age))

    def _ahead(self, x: FloatArray, age: FloatArray) -> ParetoAhead:
        return ParetoAhead(
            shape=self.r + x, since=self.alpha + age, s=self.s, stays=self.beta + age
        )

    def _draw(self, draw: np.random.Generator, age: FloatArray) -> Drawn:
        n = len(age)
        rate = draw.gamma(self.r, 1 / self.alpha, n)
        dropout = draw.gamma(self.s, 1 / self.beta, n)
        with np.errstate(divide="ignore"):
            stays = np.minimum(draw.standard_exponential(n) / dropout, age)
        who = np.repeat(np.arange(n), draw.poisson(rate * stays))
        times = draw.random(len(who)) * stays[who]
        return Drawn(who, times[np.lexsort((times, who))], rate, dropout)
