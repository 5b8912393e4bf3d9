"""The GGom/NBD process: customers who buy at random and leave the sooner the older they are.

Bemmaor and Glady (2012), Modeling purchasing behavior with sudden "death": a flexible customer
lifetime model. While a customer is alive, purchases come at the rate lambda; at age t the customer
leaves at the rate eta b e**(b t); over customers lambda is Gamma(r, alpha) and eta is
Gamma(s, beta), independently. All times are in one unit, that of the data to which the parameters
belong.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import expit

from crmcore.analytics.checks import FloatArray, as_number
from crmcore.analytics.gamma_gompertz_nbd_ahead import GompertzAhead, lifetime_worth
from crmcore.analytics.gamma_gompertz_nbd_likelihood import GammaGompertzNBDLikelihood
from crmcore.analytics.gompertz_silences import log_odds_gone, stays_from
from crmcore.analytics.histories import Cells, History, once_each
from crmcore.analytics.options import positive
from crmcore.analytics.purchase_process import PurchaseProcess
from crmcore.analytics.simulation import Drawn

__all__ = ["GammaGompertzNBDProcess"]


@attrs.frozen(kw_only=True)
class GammaGompertzNBDProcess(PurchaseProcess):
    """The GGom/NBD model with known parameters, all above zero: what it predicts.

    `r` and `alpha` (a time) are shape and rate of the gamma distribution of purchase rates, so
    their mean is r / alpha. `b` (one by a time) is how fast rates of leaving grow with age, and `s`
    and `beta` (plain numbers) shape how customers differ in them: (beta / (beta + e**(b t) - 1))**s
    stay beyond age t. With b near 0 and beta / b constant this is the Pareto/NBD model.

    Somebody alive at T with x purchases goes on like a new customer of a process with r + x,
    alpha + T, b, s and 1 + (beta - 1) e**(-b T). Expectations and discounting are integrals over
    time without a closed form, computed to about eleven digits; P(X = n) is the difference of two
    upper tails and has as many digits of the larger.

        >>> from crmcore.analytics import GammaGompertzNBDProcess
        >>> process = GammaGompertzNBDProcess(r=2, alpha=1, b=1, s=1, beta=1)
        >>> round(float(process.expected_purchases_new(t=1)), 6)  # 2 (1 - e**-1)
        1.264241
        >>> process.probability_alive(frequency=3, recency=2, T=2).tolist()
        1.0
    """

    r: float = attrs.field(converter=as_number, validator=positive)
    alpha: float = attrs.field(converter=as_number, validator=positive)
    b: float = attrs.field(converter=as_number, validator=positive)
    s: float = attrs.field(converter=as_number, validator=positive)
    beta: float = attrs.field(converter=as_number, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"r": self.r, "alpha": self.alpha, "b": self.b, "s": self.s, "beta": self.beta}

    def _likelihood(self, cells: Cells) -> GammaGompertzNBDLikelihood:
        return GammaGompertzNBDLikelihood.of(cells)

    def _alive(self, history: History) -> FloatArray:
        return once_each(self._alive_of, history.x, history.recency, history.T)

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        def mean(x: FloatArray, recency: FloatArray, age: FloatArray, t: FloatArray) -> FloatArray:
            alive = self._alive_of(x, recency, age)
            return np.asarray(alive * self._ahead(x, age).mean(t))

        return once_each(mean, history.x, history.recency, history.T, t)

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        def chance(
            x: FloatArray, recency: FloatArray, age: FloatArray, t: FloatArray, n: FloatArray
        ) -> FloatArray:
            alive, ahead = self._alive_of(x, recency, age), self._ahead(x, age)
            some = np.where(n > 0, ahead.at_least(np.maximum(n, 1.0), t) * alive, 1.0)
            return np.maximum(some - ahead.at_least(n + 1, t) * alive, 0.0)

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
            stays, ends = stays_from(age, b=self.b, beta=self.beta), np.full(len(age), end)
            lived = lifetime_worth(stays, ends, b=self.b, s=self.s, rate=rate)
            pace = (self.r + x) / (self.alpha + age)
            return np.asarray(self._alive_of(x, recency, age) * pace * lived)

        return once_each(present, history.x, history.recency, history.T)

    def _alive_of(self, x: FloatArray, recency: FloatArray, age: FloatArray) -> FloatArray:
        odds = log_odds_gone(
            self.r + x, recency, age, alpha=self.alpha, b=self.b, s=self.s, beta=self.beta
        )
        return np.asarray(expit(-odds))

    def _ahead(self, x: FloatArray, age: FloatArray) -> GompertzAhead:
        return GompertzAhead(
            shape=self.r + x, since=self.alpha + age, b=self.b, s=self.s,
            stays=stays_from(age, b=self.b, beta=self.beta),
        )  # fmt: skip

    def _draw(self, draw: np.random.Generator, age: FloatArray) -> Drawn:
        n = len(age)
        rate = draw.gamma(self.r, 1 / self.alpha, n)
        dropout = draw.gamma(self.s, 1 / self.beta, n)
        with np.errstate(divide="ignore"):
            leaves = np.log1p(draw.standard_exponential(n) / dropout) / self.b
        stays = np.minimum(leaves, age)
        who = np.repeat(np.arange(n), draw.poisson(rate * stays))
        times = draw.random(len(who)) * stays[who]
        return Drawn(who, times[np.lexsort((times, who))], rate, dropout)
