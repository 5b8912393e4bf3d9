"""The log-likelihood of the BG/BB model and its derivatives, for any size of numbers.

Fader, Hardie and Shang (2010). A customer who took x of n opportunities, the last
of them the t_x-th, contributes, with the rising factorial (c)_k = c (c+1) ... (c+k-1),

    ln (alpha)_x + ln( sum over k = t_x ... n of Y_k )
    Y_n = (beta)_(n-x) / (alpha+beta)_n  (delta)_n / (gamma+delta)_n             still there
    Y_k = (beta)_(k-x) / (alpha+beta)_k  gamma (delta)_k / (gamma+delta)_(k+1)   k < n seen

All terms are positive, so nothing cancels; they are summed on the log scale, and where the
silence is long in blocks (`whole_sums`). Each rising factorial is computed once per count.
"""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.ascent import Slope
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.gamma_steps import log_rise, rise_slopes
from crmcore.analytics.histories import Cells
from crmcore.analytics.whole_sums import Terms

__all__ = ["BetaGeoBetaBinomLikelihood", "Rises"]


@attrs.frozen(eq=False)
class Rises:
    """Rising factorials (c)_k of an array of k in which values repeat."""

    different: FloatArray
    place: npt.NDArray[np.intp]

    @classmethod
    def of(cls, k: FloatArray) -> Rises:
        """Those of `k`, of shape (m,)."""
        different, place = np.unique(k, return_inverse=True)
        return cls(different, place.reshape(-1))

    def log(self, c: float) -> FloatArray:
        """ln (c)_k, (m,)."""
        return np.asarray(log_rise(c, self.different)[self.place])

    def first(self, c: float) -> FloatArray:
        """Its derivative in c, (m,)."""
        return rise_slopes(c, self.different)[0][self.place]

    def sums(self, c: float, weight: FloatArray) -> tuple[float, float]:
        """The weighted sums of its first and second derivatives, weights being (m,)."""
        having = np.bincount(self.place, weight, len(self.different))
        first, second = rise_slopes(c, self.different)
        return float((having * first).sum()), float((having * second).sum())


@attrs.frozen(eq=False)
class BetaGeoBetaBinomLikelihood:
    """The log-likelihood of cells of equal histories, in the logarithms of the parameters.

    Entries are the terms Y of all cells: first one per cell for those still there, then those
    who left. `row` is the cell of an entry, `left` (0 or 1) whether it tells of leaving.
    """

    cells: Cells
    row: npt.NDArray[np.intp]
    left: FloatArray
    log_weight: FloatArray
    taken: Rises
    passed: Rises
    seen: Rises
    outlived: Rises
    names: tuple[str, ...] = ("alpha", "beta", "gamma", "delta")

    @classmethod
    def of(cls, cells: Cells) -> BetaGeoBetaBinomLikelihood:
        """The log-likelihood of these cells, whose columns are whole numbers."""
        terms = Terms.of(cells.T - cells.recency)
        row = np.concatenate((np.arange(len(cells.x)), terms.row))
        left = np.concatenate((np.zeros(len(cells.x)), np.ones(len(terms.k))))
        k = np.concatenate((cells.T, cells.recency[terms.row] + terms.k))
        weight = np.concatenate((np.zeros(len(cells.x)), np.log(terms.weight)))
        passed = Rises.of(k - cells.x[row])
        taken, seen, outlived = (Rises.of(each) for each in (cells.x, k, k + left))
        return cls(cells, row, left, weight, taken, passed, seen, outlived)

    @property
    def total(self) -> float:
        """How many customers the cells hold."""
        return self.cells.total

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Beyond these the likelihood is level to the last digit."""
        return np.full(4, -20.0), np.full(4, 20.0)

    @property
    def starts(self) -> list[FloatArray]:
        """Where to begin: from even to very mixed chances, hardly any to much leaving."""
        taken = float((self.cells.weight * self.cells.x).sum())
        seen = float((self.cells.weight * self.cells.T).sum())
        mean = (taken + 0.5) / (seen + 1.0)
        return [
            np.log([size * share, size * (1 - share), gone, stays])
            for size, share, gone, stays in (
                (2.0, min(1.3 * mean, 0.9), 0.5, 3.0),
                (0.5, min(1.3 * mean, 0.9), 0.5, 1.0),
                (10.0, mean, 0.05, 2.0),
                (2.0, mean, 3.0, 30.0),
                (1.0, min(2 * mean, 0.95), 1.0, 2.0),
            )
        ]

    def _terms(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        """ln L of each cell, and the share of each entry in it."""
        alpha, beta, gamma, delta = np.exp(point).tolist()
        logs = self.log_weight + self.left * point[2]
        logs += self.passed.log(beta) - self.seen.log(alpha + beta)
        logs += self.seen.log(delta) - self.outlived.log(gamma + delta)
        top = np.full(len(self.cells.x), -np.inf)
        np.maximum.at(top, self.row, logs)
        shares = np.exp(logs - top[self.row])
        total = np.bincount(self.row, shares, len(top))
        return self.taken.log(alpha) + top + np.log(total), shares / total[self.row]

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        return float((self.cells.weight * self._terms(point)[0]).sum())

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives in the log parameters."""
        alpha, beta, gamma, delta = np.exp(point).tolist()
        weight, row = self.cells.weight, self.row
        logs, shares = self._terms(point)
        swing = weight[row] * shares
        s1, d1 = self.seen.first(alpha + beta), self.seen.first(delta)
        g1 = self.outlived.first(gamma + delta)
        moves = np.empty((4, len(row)))
        moves[0], moves[1] = -alpha * s1, beta * (self.passed.first(beta) - s1)
        moves[2], moves[3] = self.left - gamma * g1, delta * (d1 - g1)

        sum_x, sum_x2 = self.taken.sums(alpha, weight)
        sum_b2, sum_d2 = self.passed.sums(beta, swing)[1], self.seen.sums(delta, swing)[1]
        sum_s, sum_s2 = self.seen.sums(alpha + beta, swing)
        sum_g, sum_g2 = self.outlived.sums(gamma + delta, swing)
        hessian = np.zeros((4, 4))
        hessian[0, 0] = alpha * (sum_x - sum_s) + alpha**2 * (sum_x2 - sum_s2)
        hessian[0, 1] = -alpha * beta * sum_s2
        hessian[1, 1] = float((swing * moves[1]).sum()) + beta**2 * (sum_b2 - sum_s2)
        hessian[2, 2] = -gamma * sum_g - gamma**2 * sum_g2
        hessian[2, 3] = -gamma * delta * sum_g2
        hessian[3, 3] = float((swing * moves[3]).sum()) + delta**2 * (sum_d2 - sum_g2)

        pulls = np.stack([np.bincount(row, shares * move, len(weight)) for move in moves])
        for place in range(4):
            turned = swing * moves[place]
            spread = np.array([float((turned * move).sum()) for move in moves[place:]])
            hessian[place, place:] += spread - (weight * pulls[place] * pulls[place:]).sum(axis=1)
        gradient = (weight * pulls).sum(axis=1)
        gradient[0] += alpha * sum_x
        hessian += np.triu(hessian, 1).T
        return Slope(float((weight * logs).sum()), gradient, hessian)
