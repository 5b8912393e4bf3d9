"""How many purchases the customers of the Pareto/NBD model make from now on.

Fader and Hardie (2006), Deriving an expression for P(X(t) = x) under the Pareto/NBD model. With
S(tau) = (beta / (beta + tau))**s the share of customers who stay beyond tau, and N(tau) the count
of a negative binomial process of shape r and rate alpha,

    P(X(t) >= n) = integral from 0 to t of S(tau) dP(N(tau) >= n)
    P(X(t) = n)  = S(t) P(N(t) = n) + integral from 0 to t of P(N(tau) = n) d(1 - S(tau))

Both integrands have one peak: in ln(tau) their logarithm is concave. So the peak follows from a
quadratic equation, Newton's method from outside finds where the integrand has fallen by e**-42,
and Gauss-Legendre quadrature adds up what lies between: positive terms, for any n. The answers
also hold for a customer with a history who is alive, with r + x, alpha + T and beta + T.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import expit, exprel, gammaln

from crmcore.analytics.checks import FloatArray
from crmcore.analytics.legendre import NEGLIGIBLE, parts, rule, sizes

__all__ = ["ParetoAhead", "lifetime_worth", "log_ways"]

TOGETHER = 1 << 14
"""How many rows look for their peaks together."""


@attrs.frozen(kw_only=True, eq=False)
class ParetoAhead:
    """Customers alive: `shape` r + x, `since` alpha + T and `stays` beta + T, all (n), and `s`."""

    shape: FloatArray
    since: FloatArray
    s: float
    stays: FloatArray

    def mean(self, t: FloatArray) -> FloatArray:
        """Purchases expected within t."""
        grown = np.log1p(t / self.stays)
        lived = self.stays * grown * exprel((1 - self.s) * grown)  # of the t to come, on average
        return np.asarray(self.shape / self.since * lived)

    def discounted(self, rate: float, end: float) -> FloatArray:
        """What one unit of money per purchase within `end` is worth now."""
        lived = lifetime_worth(self.stays, s=self.s, rate=rate, end=end)
        return np.asarray(self.shape / self.since * lived)

    def at_least(self, n: FloatArray, t: FloatArray) -> FloatArray:
        """P(X >= n) within t, for n at or above 1."""
        return self._summed(n, t, leaving=0)

    def exactly(self, n: FloatArray, t: FloatArray) -> FloatArray:
        """P(X = n) within t."""
        return self._summed(n, t, leaving=1)

    def _summed(self, n: FloatArray, t: FloatArray, *, leaving: int) -> FloatArray:
        chance = np.where((n == 0) & (leaving == 1), 1.0, 0.0)
        some = np.flatnonzero(t > 0)
        for begin in range(0, len(some), TOGETHER):
            rows = some[begin : begin + TOGETHER]
            peak = _Peak(
                n=n[rows], r=self.shape[rows], alpha=self.since[rows],
                s=self.s, beta=self.stays[rows], leaving=leaving,
            )  # fmt: skip
            chance[rows] = np.minimum(peak.chance(t[rows]), 1.0)
        return chance


@attrs.frozen(kw_only=True, eq=False)
class _Peak:
    """The integrand over ln(tau) of either integral: `leaving` is 0 for the first and 1 for the
    second. With z = tau / (alpha + tau) and w = tau / (beta + tau) its logarithm is, but for a
    constant, n ln z + r ln(1 - z) + s ln(1 - w) + leaving ln w.
    """

    n: FloatArray
    r: FloatArray
    alpha: FloatArray
    s: float
    beta: FloatArray
    leaving: int

    def chance(self, end: FloatArray) -> FloatArray:
        """The integral up to `end`, and what is added to the second."""
        last = np.log(end)
        if not self.leaving:
            return self._area(last, log_ways(self.n, self.r))
        ways = log_ways(self.n + 1, self.r) - np.log(self.r + self.n)
        staying = self._height(last) + np.logaddexp(0.0, np.log(self.beta) - last)
        return np.asarray(np.exp(ways + staying) + self._area(last, ways + np.log(self.s)))

    def _height(self, y: FloatArray) -> FloatArray:
        """The logarithm of the integrand at tau = exp(y)."""
        bought, left = y - np.log(self.alpha), y - np.log(self.beta)
        height = self.n * np.logaddexp(0.0, -bought) + self.r * np.logaddexp(0.0, bought)
        height += self.s * np.logaddexp(0.0, left)
        if self.leaving:
            height += np.logaddexp(0.0, -left)
        return np.asarray(-height)

    def _slope(self, y: FloatArray) -> FloatArray:
        z, w = expit(y - np.log(self.alpha)), expit(y - np.log(self.beta))
        slope = self.n - (self.n + self.r) * z - (self.s + self.leaving) * w
        return np.asarray(slope + self.leaving)

    def _top(self) -> FloatArray:
        """ln(tau) where the slope is 0: the positive root of a quadratic."""
        square, level = self.r + self.s, (self.n + self.leaving) * self.alpha * self.beta
        half = ((self.n - self.s) * self.alpha + (self.leaving - self.r) * self.beta) / 2
        root = np.sqrt(half * half + square * level)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(np.where(half > 0, (half + root) / square, level / (root - half)))

    def _outside(self, floor: FloatArray, y: FloatArray) -> FloatArray:
        """Where the height is `floor`, from below: Newton never passes it, as it is concave."""
        for _ in range(40):
            below = np.minimum(self._height(y) - floor, 0.0)
            step = np.divide(below, self._slope(y), out=np.zeros(len(y)), where=below < 0)
            y = y - step
            if np.abs(step).max(initial=0.0) < 0.1:
                break
        return y

    def _area(self, last: FloatArray, scale: FloatArray) -> FloatArray:
        """exp(scale) times the integral up to tau = exp(last)."""
        floor = self._height(np.minimum(self._top(), last)) - NEGLIGIBLE
        log_alpha, log_beta = np.log(self.alpha), np.log(self.beta)
        rising, falling = self.n + self.leaving, self.r + self.s
        low = (floor + self.n * log_alpha + self.leaving * log_beta) / rising
        high = np.minimum((self.r * log_alpha + self.s * log_beta - floor) / falling, last)
        begin = np.exp(self._outside(floor, low))
        end = np.exp(self._outside(floor, high))
        nearer = np.minimum(self.alpha, self.beta)
        path = np.log1p((end - begin) / (nearer + begin))
        area = np.empty(len(path))
        size = sizes(path, np.full(len(path), 2 * NEGLIGIBLE))
        for rows, many in parts(size):
            nodes, weights = rule(many)
            tau = begin[rows] + (nearer + begin)[rows] * np.expm1(nodes * path[rows])
            z, w = tau / self.alpha[rows], tau / self.beta[rows]
            log_term = scale[rows] - self.n[rows] * np.log1p(1 / z)
            log_term -= self.r[rows] * np.log1p(z) + self.s * np.log1p(w)
            per_time = self.beta[rows] + tau if self.leaving else tau
            term = np.exp(log_term) * (nearer[rows] + tau) / per_time
            area[rows] = path[rows] * (term * weights).sum(axis=0)
        return area


def log_ways(n: FloatArray, r: FloatArray) -> FloatArray:
    """-ln B(n, r), without subtracting large logarithms of gamma functions from each other."""
    ratio = (r - 0.5) * np.log1p(n / r) + n * np.log1p(r / n) + 0.5 * np.log(n / (2 * np.pi))
    return np.asarray(ratio + _beyond_stirling(r + n) - _beyond_stirling(r) - _beyond_stirling(n))


def _beyond_stirling(z: FloatArray) -> FloatArray:
    """What Stirling's formula leaves out of ln Gamma(z)."""
    inverse = 1 / np.maximum(z, 20.0)
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    small = np.minimum(z, 20.0)
    exact = gammaln(small) - (small - 0.5) * np.log(small) + small - 0.5 * np.log(2 * np.pi)
    return np.asarray(np.where(z < 20, exact, series))


def lifetime_worth(since: FloatArray, *, s: float, rate: float, end: float) -> FloatArray:
    """The integral of exp(-rate t) (since / (since + t))**s over t from 0 to `end`.

    What a unit of money per unit of time is worth while they stay; `since` is beta + T (n).
    """
    fading = rate * since
    span = np.minimum(end, NEGLIGIBLE / rate) / since
    if s > 1:
        span = np.minimum(span, np.expm1(min(NEGLIGIBLE / (s - 1), 700.0)))
    path = np.log1p(span)
    worth = np.empty(len(path))
    fall = np.minimum(fading * span + np.maximum(s - 1, 0) * path, 2 * NEGLIGIBLE)
    for rows, many in parts(sizes(path, fall)):
        nodes, weights = rule(many)
        y = nodes * path[rows]
        term = np.exp((1 - s) * y - fading[rows] * np.expm1(y)) * weights
        worth[rows] = term.sum(axis=0)
    return np.asarray(since * path * worth)
