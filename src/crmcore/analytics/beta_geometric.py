"""What the BG/NBD model and its relatives have in common: gamma rates, beta dropout.

While a customer is alive, purchases come at the rate lambda; after each of them the customer
leaves for good with probability p; over customers lambda is Gamma(r, alpha) and p is Beta(a, b).
The relatives differ in whether the first purchase is an occasion to leave, and in how regular
the purchases are. This module computes the expectations by quadrature: the mean over
p ~ Beta(a, b + n) of (1 - (1 + p t / (alpha + T))**-(r+x)) / p, with n occasions survived, which
holds at a = 1 too and for any counts.
"""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from crmcore.analytics.beta_mean import beta_nodes, unit_nodes
from crmcore.analytics.bgnbd_likelihood import BetaGeoNBDLikelihood, log_silence
from crmcore.analytics.blocks import by_blocks
from crmcore.analytics.checks import FloatArray, as_number
from crmcore.analytics.curves import per_count
from crmcore.analytics.histories import Cells, History
from crmcore.analytics.options import positive
from crmcore.analytics.purchase_process import FORGOTTEN, PurchaseProcess
from crmcore.analytics.purchases_ahead import PurchasesAhead
from crmcore.analytics.simulation import Drawn
from crmcore.domain.errors import InvalidInput

__all__ = ["BetaGeometricProcess"]

FURTHEST = 1e140
"""How many times `alpha` one can look ahead in float64."""
NEVER = 1e-300
"""As good as 0, and yet 0 / 0 does not come of it."""


@attrs.frozen(kw_only=True)
class BetaGeometricProcess(PurchaseProcess):
    """Parameters and answers of the models with gamma rates and beta dropout."""

    _first: ClassVar[int] = 0
    """1 where a customer may leave right after the first purchase, else 0."""

    r: float = attrs.field(converter=as_number, validator=positive)
    alpha: float = attrs.field(converter=as_number, validator=positive)
    a: float = attrs.field(converter=as_number, validator=positive)
    b: float = attrs.field(converter=as_number, validator=positive)

    @property
    def params(self) -> dict[str, float]:
        """The parameters by name."""
        return {"r": self.r, "alpha": self.alpha, "a": self.a, "b": self.b}

    @property
    def _every(self) -> int:
        """Every so many events of a Poisson process are a purchase."""
        return 1

    def _likelihood(self, cells: Cells) -> BetaGeoNBDLikelihood:
        return BetaGeoNBDLikelihood.of(cells, first=self._first, k=self._every)

    def _alive(self, history: History) -> FloatArray:
        return by_blocks(self._alive_of, history.x, history.recency, history.T)

    def _alive_of(self, x: FloatArray, recency: FloatArray, T: FloatArray) -> FloatArray:
        """The odds of n occasions to leave: a to b + n - 1 times the chance to stay silent."""
        stays = log_silence(x, recency, T, r=self.r, alpha=self.alpha, k=self._every)
        np.exp(stays, out=stays)
        if self._first:
            stays *= x + self.b
            stays /= stays + self.a
            return stays
        again = np.minimum(x, 1.0)
        stays *= (x - again) + self.b
        np.maximum(stays, NEVER, out=stays)
        again *= self.a  # nobody leaves without an occasion
        again += stays
        stays /= again
        return stays

    def _expected(self, history: History, t: FloatArray) -> FloatArray:
        grown = by_blocks(lambda t, age: t / (self.alpha + age), t, history.T)
        mean = self._mean_purchases(history.x, grown)
        mean *= self._alive(history)
        return mean

    def _exactly(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        alive = self._alive(history)
        chance = alive * self._ahead(history, t).exactly(n)
        return np.minimum(chance + np.where(n == 0, 1 - alive, 0.0), 1.0)

    def _at_least(self, history: History, t: FloatArray, n: FloatArray) -> FloatArray:
        some = self._ahead(history, t).at_least(np.maximum(n, 1.0))
        return np.asarray(np.where(n > 0, self._alive(history) * some, 1.0))

    def _ahead(self, history: History, t: FloatArray) -> PurchasesAhead:
        return PurchasesAhead.of(history, t, params=self.params, first=self._first)

    def _mean_purchases(self, x: FloatArray, z: FloatArray) -> FloatArray:
        """Purchases expected while time grows by the factor 1 + z for those alive with x."""
        x, z = np.broadcast_arrays(x, z)
        if z.size and z.min() > 0:
            return per_count(self._mean_of_count, x, z)
        mean = np.zeros(z.shape)
        some = z > 0
        mean[some] = per_count(self._mean_of_count, x[some], z[some])
        return mean

    def _mean_of_count(self, x: float, z: FloatArray) -> FloatArray:
        shape = self.r + x
        p, weight = beta_nodes(self.a, self.b + self._first + x, reach=shape * float(z.max()))
        before = -np.expm1(-shape * np.log1p(z[:, None] * p)) / p
        return np.asarray((before * weight).sum(axis=1))

    def _discounted(self, history: History, rate: float, end: float) -> FloatArray:
        """The mean of the rate at which they buy, over p and over time, by quadrature."""
        end = min(end, FORGOTTEN / rate)
        if end > FURTHEST * self.alpha:
            raise InvalidInput.of("discount_rate", "is too small, or the horizon too far")

        def present(x: float, since: FloatArray) -> FloatArray:
            shape = self.r + x
            reach = shape * end / float(since.min())
            p, weight = beta_nodes(self.a, self.b + self._first + x, reach=reach)
            fraction, share = unit_nodes(reach=reach)
            share = share * end * np.exp(-rate * end * fraction)
            values = np.empty(len(since))
            for place, start in enumerate(since.tolist()):
                grown = np.log1p(fraction[:, None] * (end / start) * p)
                pace = (np.exp(-(shape + 1) * grown) * weight).sum(axis=1) * (shape / start)
                values[place] = (pace * share).sum()
            return values

        x, since = history.x, self.alpha + history.T
        value = per_count(present, x, since)
        value *= self._alive(history)
        return value

    def _draw(self, draw: np.random.Generator, age: FloatArray) -> Drawn:
        n = len(age)
        rate = draw.gamma(self.r, 1 / self.alpha, n)
        dropout = draw.beta(self.a, self.b, n)
        who, now = np.arange(n), np.zeros(n)
        if self._first:
            stays = draw.random(n) >= dropout
            who, now = who[stays], now[stays]
        customers, times = [who[:0]], [now[:0]]
        while len(who):
            with np.errstate(divide="ignore"):
                now = now + self._gaps(draw, len(who)) / rate[who]
            bought = now <= age[who]
            who, now = who[bought], now[bought]
            customers.append(who)
            times.append(now)
            stays = draw.random(len(who)) >= dropout[who]
            who, now = who[stays], now[stays]
        return Drawn(np.concatenate(customers), np.concatenate(times), rate, dropout)

    def _gaps(self, draw: np.random.Generator, n: int) -> FloatArray:
        """Times between purchases of n customers whose rate is 1."""
        return draw.standard_exponential(n)
