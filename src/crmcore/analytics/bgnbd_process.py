"""The BG/NBD process: customers who buy at random and may leave after any purchase.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way. While a customer is
alive, purchases come at the rate lambda; after each of them the customer leaves for good with
probability p; over customers lambda is Gamma(r, alpha) and p is Beta(a, b). All times are in
one unit, that of the data to which the parameters belong.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import expit

from crmcore.analytics.beta_mean import beta_nodes, unit_nodes
from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood, death_odds
from crmcore.analytics.checks import FloatArray, positive
from crmcore.analytics.curves import per_count
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.purchase_process import FORGOTTEN, PurchaseProcess
from crmcore.analytics.purchases_ahead import PurchasesAhead
from crmcore.analytics.simulation import Drawn

__all__ = ["BetaGeoNBDProcess"]


@attrs.frozen(kw_only=True)
class BetaGeoNBDProcess(PurchaseProcess):
    """The BG/NBD model with known parameters, all above zero: what it predicts.

    `r` and `alpha` (a time) are shape and rate of the gamma distribution of purchase rates, so
    their mean is r / alpha; `a` and `b` shape the beta distribution of dropout probabilities,
    with mean a / (a + b).

    In the paper: equation 6 is the likelihood; 8, P(X(t) = n), with r + x, alpha + T and b + x
    for r, alpha and b holds of the future of those alive, too; 9 is E[X(t)]. Equation 10, the
    expectation given a history, is not computed by its hypergeometric function but as the mean
    that it stands for, P(alive) E[(1 - (1 + p t / (alpha + T))**-(r+x)) / p] over
    p ~ Beta(a, b + x), which holds at a = 1 too and for any counts. P(alive) is that of Fader,
    Hardie and Lee (2008): customers who never came back have had no occasion to leave, so
    theirs is 1. Discounting has no closed form: it is a quadrature to about ten digits.

        >>> process = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(float(process.expected_purchases(
        ...     t=39, frequency=2, recency=30.43, T=38.86)), 3)
        1.226
    """

    r: float = attrs.field(converter=float, validator=positive)
    alpha: float = attrs.field(converter=float, validator=positive)
    a: float = attrs.field(converter=float, validator=positive)
    b: float = attrs.field(converter=float, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"r": self.r, "alpha": self.alpha, "a": self.a, "b": self.b}

    def _likelihood(self, cells: Cells) -> BetaGeoNBDLikelihood:
        return BetaGeoNBDLikelihood.of(cells)

    def _alive(self, history: History) -> FloatArray:
        alive = np.ones(history.x.shape)
        again = history.x > 0
        x, recency, age = (column[again] for column in attrs.astuple(history, recurse=False))
        alive[again] = expit(-death_odds(x, recency, age, **self.params))
        return alive

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        while_alive = self._mean_purchases(history.x, t / (self.alpha + history.T))
        return np.asarray(self._alive(history) * while_alive)

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        alive = self._alive(history)
        chance = alive * self._ahead(history, t).exactly(n)
        return np.minimum(chance + np.where(n == 0, 1 - alive, 0.0), 1.0)

    def _at_least(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        some = self._ahead(history, t).at_least(np.maximum(n, 1.0))
        return np.asarray(np.where(n > 0, self._alive(history) * some, 1.0))

    def _ahead(self, history: History, t: FloatArray) -> PurchasesAhead:
        return PurchasesAhead.of(history, t, params=self.params)

    def _mean_purchases(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """Purchases expected while time grows by the factor 1 + z for those alive with x."""
        x, z = np.broadcast_arrays(x, z)
        mean = np.zeros(z.shape)
        some = z > 0
        mean[some] = per_count(self._mean_of_count, x[some], z[some])
        return mean

    def _mean_of_count(self, x: float, z: FloatArray) -> FloatArray:
        shape = self.r + x
        p, weight = beta_nodes(self.a, self.b + x, reach=shape * float(z.max()))
        before = -np.expm1(-shape * np.log1p(z[:, None] * p)) / p
        return np.asarray((before * weight).sum(axis=1))

    def _discounted(self, history: History, rate: float, end: float) -> FloatArray:
        """The mean of the rate at which they buy, over p and over time, by quadrature."""
        end = min(end, FORGOTTEN / rate)
        fraction, share = unit_nodes()
        share = share * end * np.exp(-rate * end * fraction)

        def present(x: float, since: FloatArray) -> FloatArray:
            shape = self.r + x
            p, weight = beta_nodes(self.a, self.b + x, reach=shape * end / float(since.min()))
            values = np.empty(len(since))
            for place, start in enumerate(since.tolist()):
                grown = np.log1p(fraction[:, None] * (end / start) * p)
                pace = (np.exp(-(shape + 1) * grown) * weight).sum(axis=1) * (shape / start)
                values[place] = (pace * share).sum()
            return values

        x, since = history.x, self.alpha + history.T
        flat = per_count(present, np.atleast_1d(x), np.atleast_1d(since))
        return np.asarray(self._alive(history) * flat.reshape(x.shape))

    def _draw(self, draw: np.random.Generator, age: FloatArray) -> Drawn:
        n = len(age)
        rate = draw.gamma(self.r, 1 / self.alpha, n)
        dropout = draw.beta(self.a, self.b, n)
        who, now = np.arange(n), np.zeros(n)
        customers, times = [who[:0]], [now[:0]]
        while len(who):
            with np.errstate(divide="ignore"):
                now = now + draw.standard_exponential(len(who)) / rate[who]
            bought = now <= age[who]
            who, now = who[bought], now[bought]
            customers.append(who)
            times.append(now)
            stays = draw.random(len(who)) >= dropout[who]
            who, now = who[stays], now[stays]
        return Drawn(np.concatenate(customers), np.concatenate(times), rate, dropout)
