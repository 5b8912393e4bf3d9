"""The log-likelihood of the BG/NBD model and its derivatives, for any size of numbers.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way, equation 6. A customer
with x repeat purchases, the last at t_x, observed for T, contributes

    ln (r)_x - ln (a+b)_x + ln (b)_x - x ln alpha + ln(e^A + [x > 0] e^D)
    A = -(r+x) ln(1 + T/alpha)
    D = ln a - ln(b+x-1) - (r+x) ln(1 + t_x/alpha)

with the rising factorial (c)_x = c (c+1) ... (c+x-1). Written so, no term overflows and none
is the small difference of two large ones: the gamma functions of the paper are gone.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import expit, gammaln, polygamma, psi

from crmcore.analytics.ascent import Slope
from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.histories import Cells

__all__ = ["BetaGeoNBDLikelihood", "RisingFactorials", "death_odds", "log_rising"]

TABLE = 1 << 17
"""Up to this count a sum over factors is a table; above it gamma functions are exact enough."""


def log_rising(c: float, x: FloatArray) -> FloatArray:
    """ln of c (c+1) ... (c+x-1) for each whole x, same shape as x."""
    most = int(x.max(initial=0.0))
    if most > TABLE:
        return np.asarray(gammaln(c + x) - gammaln(c))
    table = np.zeros(most + 1)
    np.cumsum(np.log(c + np.arange(most)), out=table[1:])
    return np.asarray(table[x.astype(np.int64)])


class RisingFactorials:
    """Sum over customers of ln (c)_x with its first two derivatives in c.

    A factor c+k occurs once for every customer with x > k, so the sum over customers is a sum
    over k with those counts.
    """

    def __init__(self, x: FloatArray, weight: FloatArray) -> None:
        most = int(x.max(initial=0.0))
        self.tabled: bool = most <= TABLE
        self.k: FloatArray
        self.weight: FloatArray
        if self.tabled:
            having = np.bincount(x.astype(np.int64), weight, minlength=most + 1)
            self.k = np.arange(most, dtype=np.float64)
            self.weight = having[::-1].cumsum()[::-1][1:]
        else:
            self.k, place = np.unique(x, return_inverse=True)
            self.weight = np.bincount(place, weight).astype(np.float64)

    def __call__(self, c: float) -> tuple[float, float, float]:
        """The sum, its derivative and its second derivative at `c`."""
        shifted = c + self.k
        if self.tabled:
            inverse = self.weight / shifted
            return (
                float((self.weight * np.log(shifted)).sum()),
                float(inverse.sum()),
                -float((inverse / shifted).sum()),
            )
        return (
            float((self.weight * (gammaln(shifted) - gammaln(c))).sum()),
            float((self.weight * (psi(shifted) - psi(c))).sum()),
            float((self.weight * (polygamma(1, shifted) - polygamma(1, c))).sum()),
        )


def death_odds(
    x: FloatArray, recency: FloatArray, T: FloatArray, *, r: float, alpha: float, a: float, b: float
) -> FloatArray:
    """D - A: the log odds that a customer with x > 0 left right after the last purchase."""
    silent = (T - recency) / (alpha + recency)
    return np.asarray(np.log(a) - np.log(b + x - 1) + (r + x) * np.log1p(silent))


@attrs.frozen(eq=False)
class BetaGeoNBDLikelihood:
    """The log-likelihood of cells of equal histories, in ln r, ln alpha, ln a, ln b."""

    cells: Cells
    rising: RisingFactorials
    again: IntArray
    names: tuple[str, ...] = ("r", "alpha", "a", "b")

    @classmethod
    def of(cls, cells: Cells) -> BetaGeoNBDLikelihood:
        """The log-likelihood of these cells."""
        return cls(
            cells,
            RisingFactorials(cells.x, cells.weight),
            np.flatnonzero(cells.x > 0).astype(np.int64),
        )

    @property
    def total(self) -> float:
        """How many customers the cells hold."""
        return self.cells.total

    @property
    def unit(self) -> float:
        """A typical age, so that nothing depends on the unit of time."""
        mean = float((self.cells.weight * self.cells.T).sum()) / (self.total or 1.0)
        return mean or 1.0

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Beyond these the likelihood is level to the last digit."""
        shift = np.array([0.0, np.log(self.unit), 0.0, 0.0])
        return shift - 20.0, shift + 20.0

    @property
    def starts(self) -> list[FloatArray]:
        """Where to begin: homogeneous to very mixed rates, hardly any to much dropping out."""
        purchases = float((self.cells.weight * self.cells.x).sum())
        exposure = float((self.cells.weight * self.cells.T).sum())
        rate = (purchases + 0.5) / (exposure or 1.0)
        return [
            np.log([r, r / (pace * rate), a, b])
            for r, pace, a, b in (
                (0.5, 1.5, 1.0, 3.0),
                (1.5, 1.5, 0.5, 1.0),
                (3.0, 1.2, 0.3, 3.0),
                (0.3, 1.0, 0.02, 1.0),
                (1.0, 3.0, 2.0, 1.0),
            )
        ]

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        r, alpha, a, b = np.exp(point).tolist()
        x, age, weight = self.cells.x, self.cells.T, self.cells.weight
        joint = -(r + x) * np.log1p(age / alpha)
        some = self.again
        odds = death_odds(x[some], self.cells.recency[some], age[some], r=r, alpha=alpha, a=a, b=b)
        joint[some] += np.logaddexp(0.0, odds)
        counts = self.rising(r)[0] + self.rising(b)[0] - self.rising(a + b)[0]
        return float(counts + (weight * (joint - x * point[1])).sum())

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives in the log parameters."""
        r, alpha, a, b = np.exp(point).tolist()
        x, age, weight = self.cells.x, self.cells.T, self.cells.weight
        purchases = _sum(weight, x)
        (r0, r1, r2), (b0, b1, b2), (c0, c1, c2) = (self.rising(c) for c in (r, b, a + b))

        # Alive until T: A, and its derivatives.
        shape, log_age, share = r + x, np.log1p(age / alpha), age / (alpha + age)
        sum_log, sum_share = _sum(weight, log_age), _sum(weight, share)
        bent = shape * share * (1 - share)
        value = r0 + b0 - c0 - purchases * point[1] - _sum(weight, shape * log_age)
        gradient = np.array(
            [
                r * (r1 - sum_log),
                _sum(weight, shape * share) - purchases,
                -a * c1,
                b * (b1 - c1),
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = r * r1 + r * r * r2 - r * sum_log
        hessian[0, 1] = r * sum_share
        hessian[1, 1] = -_sum(weight, bent)
        hessian[2, 2] = -a * c1 - a * a * c2
        hessian[2, 3] = -a * b * c2
        hessian[3, 3] = b * (b1 - c1) + b * b * (b2 - c2)

        # Gone after the last purchase: what D adds, for those who came back.
        some = self.again
        if len(some):
            x, age, weight, shape = x[some], age[some], weight[some], shape[some]
            recency = self.cells.recency[some]
            share, bent = share[some], bent[some]
            last_share = recency / (alpha + recency)
            gap = np.log1p((age - recency) / (alpha + recency))
            pull = b / (b + x - 1)
            odds = point[2] - np.log(b + x - 1) + shape * gap
            gone = expit(odds)
            value += _sum(weight, np.logaddexp(0.0, odds))
            moves = np.stack((r * gap, shape * (last_share - share), np.ones(len(x)), -pull))
            swing = weight * gone
            gradient += (swing * moves).sum(axis=1)
            tilt = swing * (1 - gone)
            for row in range(4):
                hessian[row, row:] += (tilt * moves[row] * moves[row:]).sum(axis=1)
            hessian[0, 0] += r * _sum(swing, gap)
            hessian[0, 1] += r * _sum(swing, last_share - share)
            hessian[1, 1] += _sum(swing, bent - shape * last_share * (1 - last_share))
            hessian[3, 3] -= _sum(swing, pull * (1 - pull))
        hessian += np.triu(hessian, 1).T
        return Slope(float(value), gradient, hessian)


def _sum(weight: FloatArray, values: FloatArray) -> float:
    """Weighted sum without BLAS, whose threads cost more than they gain here."""
    return float((weight * values).sum())
