"""How many purchases the customers of the GGom/NBD model make from now on.

With S(u) = exp(-s v(u)) the share of customers alive now who stay for another u, and N(u) the
count of a negative binomial process of shape r and rate alpha,

    P(X >= n) = integral from 0 to t of S(u) dP(N(u) >= n)
    E[X]      = r / alpha times the integral from 0 to t of S(u) du

The first integrand has one peak in ln(u), where its logarithm is concave; what lies within e**-42
of it is summed along a `GompertzPath`. All terms are positive.
"""

from __future__ import annotations

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray
from crmcore.analytics.gompertz_silences import GompertzPath, grown, waited
from crmcore.analytics.legendre import NEGLIGIBLE, parts
from crmcore.analytics.pareto_nbd_ahead import log_ways

__all__ = ["GompertzAhead", "lifetime_worth"]


@attrs.frozen(kw_only=True, eq=False)
class GompertzAhead:
    """Customers alive: `shape` r + x, `since` alpha + T, and beta aged to T as `stays`, all (n)."""

    shape: FloatArray
    since: FloatArray
    b: float
    s: float
    stays: FloatArray

    def mean(self, t: FloatArray) -> FloatArray:
        """E[X] within t."""
        lived = lifetime_worth(self.stays, t, b=self.b, s=self.s, rate=0.0)
        return np.asarray(self.shape / self.since * lived)

    def discounted(self, rate: float, end: float) -> FloatArray:
        """What one unit of money per purchase within `end` is worth now."""
        ends = np.full(len(self.stays), end)
        lived = lifetime_worth(self.stays, ends, b=self.b, s=self.s, rate=rate)
        return np.asarray(self.shape / self.since * lived)

    def exactly(self, n: FloatArray, t: FloatArray) -> FloatArray:
        """P(X = n) within t, as the difference of two upper tails."""
        some = np.where(n > 0, self.at_least(np.maximum(n, 1.0), t), 1.0)
        return np.maximum(some - self.at_least(n + 1, t), 0.0)

    def at_least(self, n: FloatArray, t: FloatArray) -> FloatArray:
        """P(X >= n) within t, for n at or above 1."""
        chance, some = np.zeros(t.shape), t > 0
        peak = _Peak(
            n=n[some], r=self.shape[some], alpha=self.since[some],
            b=self.b, s=self.s, stays=self.stays[some],
        )  # fmt: skip
        chance[some] = np.minimum(peak.area(np.log(t[some])), 1.0)
        return chance


@attrs.frozen(kw_only=True, eq=False)
class _Peak:
    """n ln z + r ln(1 - z) - s v over y = ln(u), with z = u / (alpha + u): concave."""

    n: FloatArray
    r: FloatArray
    alpha: FloatArray
    b: float
    s: float
    stays: FloatArray

    def _height(self, y: FloatArray) -> FloatArray:
        bought = y - np.log(self.alpha)
        height = self.n * np.logaddexp(0.0, -bought) + self.r * np.logaddexp(0.0, bought)
        return np.asarray(-height - self.s * grown(np.exp(y), self.stays, b=self.b))

    def _slope(self, y: FloatArray) -> FloatArray:
        u = np.exp(y)
        leaving = self.s * _pull(u, self.stays, b=self.b)
        return np.asarray(self.n - (self.n + self.r) * u / (self.alpha + u) - leaving)

    def _top(self, last: FloatArray) -> FloatArray:
        """Where the slope is 0, or the end: halving what must hold it."""
        low, high = np.minimum(last, np.log(self.alpha)) - 80.0, last
        rises = self._slope(last) >= 0
        for _ in range(40):
            middle = (low + high) / 2
            up = self._slope(middle) > 0
            low, high = np.where(up, middle, low), np.where(up, high, middle)
        return np.asarray(np.where(rises, last, low))

    def _outside(self, floor: FloatArray, y: FloatArray) -> FloatArray:
        """Where the height is `floor`, from below: Newton never passes it, as it is concave."""
        for _ in range(60):
            below = np.minimum(self._height(y) - floor, 0.0)
            step = np.divide(below, self._slope(y), out=np.zeros(len(y)), where=below < 0)
            y = y - step
            if np.abs(step).max(initial=0.0) < 0.1:
                break
        return y

    def area(self, last: FloatArray) -> FloatArray:
        """The integral up to u = exp(last), times the number of ways."""
        floor = self._height(self._top(last)) - NEGLIGIBLE
        first = self._outside(floor, floor / self.n + np.log(self.alpha))
        ends = (np.exp(self._outside(floor, end)) for end in (first, last))
        first, last = (grown(end, self.stays, b=self.b) for end in ends)
        ratio = -np.expm1(-self.b * self.alpha) / self.stays
        fall = np.full(len(first), 2 * NEGLIGIBLE)
        path = GompertzPath.of(ratio, first, last, fall)
        area, scale = np.zeros(len(first)), log_ways(self.n, self.r)
        for rows, many in parts(path.size):
            w, weights = path.nodes(rows, many)
            u = waited(w, self.stays[rows], b=self.b)
            z = u / self.alpha[rows]
            log_term = scale[rows] - self.n[rows] * np.log1p(1 / z)
            log_term -= self.r[rows] * np.log1p(z) + self.s * w
            log_term -= np.log(_pull(u, self.stays[rows], b=self.b))
            area[rows] = (np.exp(log_term) * weights).sum(axis=0)
        return area


def _pull(u: FloatArray, stays: FloatArray, *, b: float) -> FloatArray:
    """By how much v grows with ln(u)."""
    return np.asarray(b * u / (stays * np.exp(-b * u) - np.expm1(-b * u)))


def lifetime_worth(
    stays: FloatArray, end: FloatArray, *, b: float, s: float, rate: float
) -> FloatArray:
    """The integral of exp(-rate u) S(u) over u from 0 to `end`; all (n)."""
    if rate > 0:
        end = np.minimum(end, NEGLIGIBLE / rate)
    last = np.minimum(grown(end, stays, b=b), np.maximum(-np.log(stays), 0.0) + NEGLIGIBLE / s)
    path = GompertzPath.of(1 / stays, np.zeros(len(stays)), last, s * last + rate * end)
    worth = np.zeros(len(stays))
    for rows, many in parts(path.size):
        w, weights = path.nodes(rows, many)
        u = waited(w, stays[rows], b=b)
        per_v = stays[rows] / (np.exp(-w) + stays[rows] * -np.expm1(-w)) / b
        worth[rows] = (np.exp(-rate * u - s * w) * per_v * weights).sum(axis=0)
    return worth
