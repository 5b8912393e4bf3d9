"""How many purchases customers with a history make from now on, while they are alive.

In the BG/NBD model (Fader, Hardie and Lee 2005) a customer alive at T with x repeat purchases
has a rate lambda ~ Gamma(r + x, alpha + T) and a dropout probability p ~ Beta(a, b + x), and
goes on as somebody who has just bought first. So equation 8 holds of the future too, with
r + x, alpha + T and b + x for r, alpha and b; here it is written by its tail. At least k
purchases need k of a negative binomial process, and nobody leaving after the first k - 1:

    P(X >= k | alive) = I_z(k, r + x) B(a, b + x + k - 1) / B(a, b + x),  z = t / (alpha + T + t)

with I the regularized incomplete beta function. k may be a fraction: sums are thinned by that.
"""

from __future__ import annotations

from typing import Self

import attrs
import numpy as np
from scipy.special import betainc, betaln, xlogy

from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.histories import History

__all__ = ["PurchasesAhead", "beta_below"]


def beta_below(a: FloatArray, b: FloatArray, x: FloatArray, rest: FloatArray) -> FloatArray:
    """P(B <= x) for B ~ Beta(a, b), from x and 1 - x, either of which may be tiny."""
    turned = x > rest
    below = betainc(np.where(turned, b, a), np.where(turned, a, b), np.minimum(x, rest))
    return np.asarray(np.where(turned, 1.0 - below, below))


@attrs.frozen(kw_only=True, eq=False)
class PurchasesAhead:
    """Purchases within t of customers alive: `shape` r + x, `stays` b + x, `bought` z, all (n).

    `waits` is 1 - z, kept apart because z may be 1 to the last digit.
    """

    shape: FloatArray
    leaves: float
    stays: FloatArray
    bought: FloatArray
    waits: FloatArray

    @classmethod
    def of(
        cls, history: History, t: FloatArray, *, params: dict[str, float], first: int = 0
    ) -> Self:
        """What histories of shape (n,) leave of a process with these parameters.

        `first` is 1 where a customer may leave right after the first purchase: those alive have
        stayed on one occasion more.
        """
        since = params["alpha"] + history.T
        return cls(
            shape=params["r"] + history.x,
            leaves=params["a"],
            stays=params["b"] + first + history.x,
            bought=t / (since + t),
            waits=since / (since + t),
        )

    def at(self, rows: IntArray) -> Self:
        """These rows, in the shape of `rows`: as a column (m, 1) to be asked for many counts."""
        columns = (self.shape, self.stays, self.bought, self.waits)
        shape, stays, bought, waits = (column[rows] for column in columns)
        return attrs.evolve(self, shape=shape, stays=stays, bought=bought, waits=waits)

    def made_at_least(self, n: FloatArray) -> FloatArray:
        """P(N >= n) for the count N of one who does not leave, n at or above 1."""
        return beta_below(n, self.shape, self.bought, self.waits)

    def made_exactly(self, n: FloatArray) -> FloatArray:
        """P(N = n) for the count N of one who does not leave."""
        with np.errstate(divide="ignore"):
            chance = xlogy(n, self.bought) + self.shape * np.log(self.waits)
        return np.asarray(np.exp(chance - betaln(self.shape, n + 1)) / (self.shape + n))

    def stayed(self, k: FloatArray) -> FloatArray:
        """The probability of not leaving after any of k purchases."""
        log_chance = betaln(self.leaves, self.stays + k) - betaln(self.leaves, self.stays)
        return np.asarray(np.exp(np.minimum(log_chance, 0.0)))

    def left(self, k: FloatArray) -> FloatArray:
        """The probability of leaving after the k-th purchase and not before; 0 where k is 0."""
        odds = self.leaves / (self.stays + (np.maximum(k, 1.0) - 1))
        return np.asarray(np.where(k > 0, odds * self.stayed(k), 0.0))

    def at_least(self, k: FloatArray) -> FloatArray:
        """P(X >= k) for k at or above 1."""
        return np.asarray(self.made_at_least(k) * self.stayed(k - 1))

    def at_least_each(self, start: FloatArray, width: int) -> FloatArray:
        """P(X >= k) for the `width` counts after `start`, of a column (m, 1): by recurrence."""
        k = start + np.arange(1, width + 1)
        first, a, b, r = k[:, :1], self.leaves, self.stays, self.shape
        with np.errstate(divide="ignore"):
            begin = xlogy(first, self.bought) + r * np.log(self.waits) - betaln(r, first + 1)
            grow = np.log((r + k[:, :-1]) / k[:, 1:] * self.bought)
        so_many = np.exp(np.cumsum(np.hstack((begin - np.log(r + first), grow)), axis=1))
        more = beta_below(k[:, -1:] + 1, r, self.bought, self.waits)
        made = np.cumsum(so_many[:, ::-1], axis=1)[:, ::-1] + more
        stayed = np.log1p(-a / (a + b + k[:, :-1] - 1))
        begin = np.minimum(betaln(a, b + first - 1) - betaln(a, b), 0.0)
        return np.asarray(made * np.exp(np.cumsum(np.hstack((begin, stayed)), axis=1)))

    def exactly(self, k: FloatArray) -> FloatArray:
        """P(X = k) for whole k: k purchases of one who stays, or leaving at the last of them."""
        some = self.made_at_least(np.maximum(k, 1.0))
        return np.asarray(self.made_exactly(k) * self.stayed(k) + some * self.left(k))
