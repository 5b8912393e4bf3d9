"""The log-likelihood of the BG/NBD model and its relatives, for any size of numbers.

Fader, Hardie and Lee (2005), "Counting your customers" the easy way, equation 6. A customer
with x repeat purchases, the last at t_x, observed for T, contributes

    ln (r)_kx - k x ln alpha + ln (b)_n - ln (a+b)_n + ln(e^A S + [n > 0] e^D)
    A = -(r + k x) ln(1 + T/alpha)
    D = ln a - ln(b+n-1) - (r + k x) ln(1 + t_x/alpha)

with the rising factorial (c)_x = c (c+1) ... (c+x-1) and n the occasions to leave: x, or x + 1
where a customer may leave right after the first purchase too (Batislam, Denizel and Filiztekin
2007). Every k-th event is a purchase (Platzer and Reutterer 2016) and S as in `erlang_tail`; with
k = 1, S is 1. Written so, no term overflows and none is the small difference of two large ones:
the gamma functions of the papers are gone.

The density of the purchase times has a factor besides that depends on no parameter but k (see
`log_intervals`); `log_gaps` holds the logarithm of it.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import expit, gammaln, polygamma, psi

from crmcore.analytics.ascent import Slope
from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.erlang_tail import ErlangTail, log_tail
from crmcore.analytics.histories import Cells, History

__all__ = ["BetaGeoNBDLikelihood", "RisingFactorials", "death_odds", "log_rising", "log_silence"]

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
    history: History | Cells, *, r: float, alpha: float, a: float, b: float, first: int, k: int
) -> FloatArray:
    """D - A - ln S: the log odds that a customer left right after the last purchase.

    `first` is 1 where that may be the first purchase, else 0 and all have come back.
    """
    silence = log_silence(history.x, history.recency, history.T, r=r, alpha=alpha, k=k)
    return np.asarray(np.log(a) - np.log(b + (history.x + (first - 1))) - silence)


def log_silence(
    x: FloatArray, recency: FloatArray, T: FloatArray, *, r: float, alpha: float, k: int
) -> FloatArray:
    """ln of the chance (n) that somebody who stayed has not bought since the last purchase."""
    silence = T - recency
    silence /= recency + alpha
    np.log1p(silence, out=silence)
    if k == 1:
        silence *= -r - x
        return silence
    shape = r + k * x
    return np.asarray(log_tail(k, shape, (T - recency) / (alpha + T)) - shape * silence)


@attrs.frozen(eq=False)
class BetaGeoNBDLikelihood:
    """The log-likelihood of cells of equal histories, in ln r, ln alpha, ln a, ln b.

    `leaving` holds the cells with an occasion to leave, at the places `again` of all `cells`.
    """

    cells: Cells
    leaving: Cells
    again: IntArray | slice
    bought: RisingFactorials
    stayed: RisingFactorials
    first: int
    k: int
    log_gaps: float
    names: tuple[str, ...] = ("r", "alpha", "a", "b")

    @classmethod
    def of(
        cls, cells: Cells, *, first: int = 0, k: int = 1, log_gaps: float = 0.0
    ) -> BetaGeoNBDLikelihood:
        """The log-likelihood of these cells."""
        bought = RisingFactorials(k * cells.x, cells.weight)
        stayed = bought
        if first or k > 1:
            stayed = RisingFactorials(cells.x + first, cells.weight)
        again = slice(None) if first else np.flatnonzero(cells.x > 0).astype(np.int64)
        leaving = Cells(*(getattr(cells, each)[again] for each in ("x", "recency", "T", "weight")))
        return cls(cells, leaving, again, bought, stayed, first, k, log_gaps)

    @property
    def total(self) -> float:
        """How many customers the cells hold."""
        return self.cells.total

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Beyond these the likelihood is level to the last digit."""
        shift = np.array([0.0, np.log(self.cells.unit), 0.0, 0.0])
        return shift - 20.0, shift + 20.0

    @property
    def starts(self) -> list[FloatArray]:
        """Where to begin: homogeneous to very mixed rates, hardly any to much dropping out."""
        purchases = float((self.cells.weight * self.cells.x).sum())
        exposure = float((self.cells.weight * self.cells.T).sum())
        rate = self.k * (purchases + 0.5) / (exposure or 1.0)
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
        events, age, weight = self.k * self.cells.x, self.cells.T, self.cells.weight
        joint = -(r + events) * np.log1p(age / alpha)
        if self.k > 1:
            gone_by = (age - self.cells.recency) / (alpha + age)
            joint += log_tail(self.k, r + events, gone_by)
        odds = death_odds(self.leaving, r=r, alpha=alpha, a=a, b=b, first=self.first, k=self.k)
        joint[self.again] += np.logaddexp(0.0, odds)
        counts = self.bought(r)[0] + self.stayed(b)[0] - self.stayed(a + b)[0] + self.log_gaps
        return float(counts + (weight * (joint - events * point[1])).sum())

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives in the log parameters."""
        r, alpha, a, b = np.exp(point).tolist()
        x, age, weight = self.k * self.cells.x, self.cells.T, self.cells.weight
        purchases = _sum(weight, x)
        (r0, r1, r2), (b0, b1, b2), (c0, c1, c2) = (
            self.bought(r),
            self.stayed(b),
            self.stayed(a + b),
        )

        # Alive until T: A, and its derivatives.
        shape, log_age, share = r + x, np.log1p(age / alpha), age / (alpha + age)
        sum_log, sum_share = _sum(weight, log_age), _sum(weight, share)
        bent = shape * share * (1 - share)
        value = r0 + b0 - c0 - purchases * point[1] - _sum(weight, shape * log_age) + self.log_gaps
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

        # Gone after the last purchase: what D adds, for those who had an occasion.
        some = self.again
        last, weight, shape = self.leaving.recency, self.leaving.weight, shape[some]
        share, bent = share[some], bent[some]
        last_share = last / (alpha + last)
        gap = np.log1p((self.leaving.T - last) / (alpha + last))
        occasions = b + (self.leaving.x + (self.first - 1))
        pull = b / occasions
        odds = point[2] - np.log(occasions) + shape * gap
        moves = np.stack((r * gap, shape * (last_share - share), np.ones(len(pull)), -pull))
        bends = (r * gap, r * (last_share - share), bent - shape * last_share * (1 - last_share))
        if self.k > 1:
            u = (age - self.cells.recency) / (alpha + age)
            tail = ErlangTail.of(self.k, r=r, shape=r + x, u=u, waits=alpha / (alpha + age))
            value += _sum(self.cells.weight, tail.log)
            rises = (tail.r, tail.alpha)
            second = (tail.rr, tail.ra, tail.aa)
            gradient[:2] += [_sum(self.cells.weight, each) for each in rises]
            places = ((0, 0), (0, 1), (1, 1))
            for place, each in zip(places, second, strict=True):
                hessian[place] += _sum(self.cells.weight, each)
            odds -= tail.log[some]
            moves[:2] -= np.stack(rises)[:, some]
            bends = tuple(bend - each[some] for bend, each in zip(bends, second, strict=True))
        gone = expit(odds)
        value += _sum(weight, np.logaddexp(0.0, odds))
        swing = weight * gone
        gradient += (swing * moves).sum(axis=1)
        tilt = swing * (1 - gone)
        for row in range(4):
            hessian[row, row:] += (tilt * moves[row] * moves[row:]).sum(axis=1)
        hessian[0, 0] += _sum(swing, bends[0])
        hessian[0, 1] += _sum(swing, bends[1])
        hessian[1, 1] += _sum(swing, bends[2])
        hessian[3, 3] -= _sum(swing, pull * (1 - pull))
        hessian += np.triu(hessian, 1).T
        return Slope(float(value), gradient, hessian)


def _sum(weight: FloatArray, values: FloatArray) -> float:
    """Weighted sum without BLAS, whose threads cost more than they gain here."""
    return float((weight * values).sum())
