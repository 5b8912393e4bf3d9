"""The BG/NBD log-likelihood where every row has parameters of its own, as covariates make them.

The terms and derivatives of `bgnbd_likelihood`, for each row instead of summed over rows: there
the sums over counts are over tables that all rows share, here each row has its own.
"""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np
from scipy.special import expit, gammaln, polygamma, psi

from crmcore.analytics.checks import BoolArray, FloatArray, IntArray
from crmcore.analytics.histories import Cells

__all__ = ["BetaGeoNBDRows", "RisingOfEach"]

LONG = 1000.0
"""Above this count a row's sum over factors is a difference of gamma functions."""


class RisingOfEach:
    """ln (c)_x of each row, and its first two derivatives in c."""

    def __init__(self, x: FloatArray) -> None:
        self.x = x
        self.long: BoolArray = x > LONG
        short = np.where(self.long, 0.0, x).astype(np.int64)
        self.row: IntArray = np.repeat(np.arange(len(x), dtype=np.int64), short)
        starts = np.repeat(np.cumsum(short) - short, short)
        self.k: IntArray = np.arange(len(self.row), dtype=np.int64) - starts

    def value(self, c: FloatArray) -> FloatArray:
        """The logarithm alone, (n)."""
        logs = self._summed(np.log(c[self.row] + self.k))
        some = c[self.long]
        logs[self.long] = gammaln(some + self.x[self.long]) - gammaln(some)
        return logs

    def slopes(self, c: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The first and second derivative, (n) each."""
        inverse = 1 / (c[self.row] + self.k)
        first, second = self._summed(inverse), -self._summed(inverse * inverse)
        low = c[self.long]
        high = low + self.x[self.long]
        first[self.long] = psi(high) - psi(low)
        second[self.long] = polygamma(1, high) - polygamma(1, low)
        return first, second

    def _summed(self, factors: FloatArray) -> FloatArray:
        return np.bincount(self.row, factors, len(self.x)).astype(np.float64)


@attrs.frozen(eq=False, slots=False)
class BetaGeoNBDRows:
    """Of n rows, whose log parameters r, alpha, a, b are `points` (n, 4).

    `first` is 1 where a customer may leave right after the first purchase, else 0.
    """

    cells: Cells
    first: int = 0

    @cached_property
    def _bought(self) -> RisingOfEach:
        return RisingOfEach(self.cells.x)

    @cached_property
    def _stayed(self) -> RisingOfEach:
        return RisingOfEach(self.cells.x + self.first) if self.first else self._bought

    def value(self, points: FloatArray) -> float:
        """The log-likelihood of all rows."""
        r, alpha, a, b = np.exp(points.T)
        x, age = self.cells.x, self.cells.T
        each = self._bought.value(r) + self._stayed.value(b) - self._stayed.value(a + b)
        each += np.logaddexp(0.0, self._odds(points)[0])
        each -= x * points[:, 1] + (r + x) * np.log1p(age / alpha)
        return float((self.cells.weight * each).sum())

    def slopes(self, points: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """The value, and for each row gradient (n, 4) and Hessian (n, 4, 4), weighted."""
        r, alpha, a, b = np.exp(points.T)
        x, age, last = self.cells.x, self.cells.T, self.cells.recency
        (r1, r2), (b1, b2), (c1, c2) = (
            self._bought.slopes(r),
            self._stayed.slopes(b),
            self._stayed.slopes(a + b),
        )
        shape, log_age, share = r + x, np.log1p(age / alpha), age / (alpha + age)
        bent = shape * share * (1 - share)
        gradient = np.stack((r * (r1 - log_age), shape * share - x, -a * c1, b * (b1 - c1)), axis=1)
        hessian = np.zeros((len(x), 4, 4))
        hessian[:, 0, 0] = r * r1 + r * r * r2 - r * log_age
        hessian[:, 0, 1] = r * share
        hessian[:, 1, 1] = -bent
        hessian[:, 2, 2] = -a * c1 - a * a * c2
        hessian[:, 2, 3] = -a * b * c2
        hessian[:, 3, 3] = b * (b1 - c1) + b * b * (b2 - c2)

        # Gone after the last purchase, for those who had an occasion.
        odds, gap, occasions = self._odds(points)
        gone, pull, last_share = expit(odds), b / occasions, last / (alpha + last)
        moves = np.stack((r * gap, shape * (last_share - share), np.ones(len(x)), -pull), axis=1)
        gradient += gone[:, None] * moves
        tilt = gone * (1 - gone)
        hessian += np.triu(tilt[:, None, None] * moves[:, :, None] * moves[:, None, :])
        hessian[:, 0, 0] += gone * r * gap
        hessian[:, 0, 1] += gone * r * (last_share - share)
        hessian[:, 1, 1] += gone * (bent - shape * last_share * (1 - last_share))
        hessian[:, 3, 3] -= gone * pull * (1 - pull)
        hessian += np.triu(hessian, 1).swapaxes(1, 2)
        weight = self.cells.weight
        return self.value(points), weight[:, None] * gradient, weight[:, None, None] * hessian

    def _odds(self, points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The log odds of being gone, the growth of the logarithm of time, and b + n - 1."""
        r, alpha, _, b = np.exp(points.T)
        x, last = self.cells.x, self.cells.recency
        gap = np.log1p((self.cells.T - last) / (alpha + last))
        had = x + self.first > 0
        occasions = np.where(had, b + (x + (self.first - 1)), 1.0)
        odds = points[:, 2] - np.log(occasions) + (r + x) * gap
        return np.where(had, odds, -np.inf), gap, occasions
