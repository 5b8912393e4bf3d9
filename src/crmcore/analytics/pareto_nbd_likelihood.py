"""The log-likelihood of the Pareto/NBD model and its derivatives, for any size of numbers.

Schmittlein, Morrison and Colombo (1987); Fader and Hardie (2005), A note on deriving the
Pareto/NBD model. A customer with x repeat purchases, the last at t_x, observed for T, contributes

    ln (r)_x - x ln alpha + A + ln(1 + odds)
    A = -(r+x) ln(1 + T/alpha) - s ln(1 + T/beta)

with the rising factorial (r)_x and the odds of having left before T (`silences`). Given the
history a customer is either alive or left at some time tau, and derivatives of the logarithm are
means and covariances, over that, of the derivatives for known tau: exact, and nothing cancels.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import expit

from crmcore.analytics.ascent import Slope, climb_from
from crmcore.analytics.bgnbd_likelihood import RisingFactorials
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.histories import Cells
from crmcore.analytics.silences import Silence, log_odds_gone, silences

__all__ = ["ParetoNBDLikelihood"]

SAMPLE = 20_000
"""So many customers show where to begin on several times as many."""


@attrs.frozen(eq=False)
class ParetoNBDLikelihood:
    """The log-likelihood of cells of equal histories, in ln r, ln alpha, ln s, ln beta."""

    cells: Cells
    rising: RisingFactorials
    names: tuple[str, ...] = ("r", "alpha", "s", "beta")

    @classmethod
    def of(cls, cells: Cells) -> ParetoNBDLikelihood:
        """The log-likelihood of these cells."""
        return cls(cells, RisingFactorials(cells.x, cells.weight))

    @property
    def total(self) -> float:
        """How many customers the cells hold."""
        return self.cells.total

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Beyond these the likelihood is level to the last digit."""
        shift = np.log([1.0, self.cells.unit, 1.0, self.cells.unit])
        return shift - 20.0, shift + 20.0

    @property
    def starts(self) -> list[FloatArray]:
        """Where to begin; very many customers where the likelihood of a sample is highest.

        Unless that lies on a plateau, which all of them together may not have.
        """
        if len(self.cells.x) > 3 * SAMPLE:
            sample = ParetoNBDLikelihood.of(_thinned(self.cells, SAMPLE))
            summit = climb_from(sample, sample.starts, steps=100)
            if np.linalg.eigvalsh(-summit.slope.hessian)[0] > 1.0:
                return [summit.point]
            return [summit.point, *self._usual]
        return self._usual

    @property
    def _usual(self) -> list[FloatArray]:
        """Homogeneous to very mixed rates, hardly any to much leaving."""
        purchases = float((self.cells.weight * self.cells.x).sum())
        exposure = float((self.cells.weight * self.cells.T).sum())
        rate = (purchases + 0.5) / (exposure or 1.0)
        return [
            np.log([r, r / (pace * rate), s, stay * self.cells.unit])
            for r, pace, s, stay in (
                (0.5, 1.5, 0.5, 0.5),
                (1.5, 1.5, 1.0, 1.0),
                (3.0, 1.2, 3.0, 10.0),
                (0.3, 1.0, 0.05, 1.0),
                (1.0, 3.0, 0.3, 0.05),
            )
        ]

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        r, alpha, s, beta = np.exp(point).tolist()
        x, age, weight = self.cells.x, self.cells.T, self.cells.weight
        shape = r + x
        odds = log_odds_gone(shape, self.cells.recency, age, alpha=alpha, s=s, beta=beta)
        joint = np.logaddexp(0.0, odds) - shape * np.log1p(age / alpha) - s * np.log1p(age / beta)
        return self.rising(r)[0] + float((weight * (joint - x * point[1])).sum())

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives in the log parameters."""
        r, alpha, s, beta = np.exp(point).tolist()
        x, age, weight = self.cells.x, self.cells.T, self.cells.weight
        shape, (r0, r1, r2) = r + x, self.rising(r)
        purchases = float((weight * x).sum())

        # As if all were alive.
        buy_log, buy_share = np.log1p(age / alpha), age / (alpha + age)
        stay_log, stay_share = np.log1p(age / beta), age / (beta + age)
        value = r0 - purchases * point[1] - float((weight * (shape * buy_log + s * stay_log)).sum())
        sums = (weight * np.stack((buy_log, buy_share, stay_log, stay_share))).sum(axis=1)
        pulled = float((weight * shape * buy_share).sum())
        gradient = np.array([r * (r1 - sums[0]), pulled - purchases, -s * sums[2], s * sums[3]])
        hessian = np.zeros((4, 4))
        hessian[0, 0] = r * r1 + r * r * r2 - r * sums[0]
        hessian[0, 1] = r * sums[1]
        hessian[1, 1] = -float((weight * shape * buy_share * (1 - buy_share)).sum())
        hessian[2, 2] = -s * sums[2]
        hessian[2, 3] = s * sums[3]
        hessian[3, 3] = -s * float((weight * stay_share * (1 - stay_share)).sum())

        # What changes for those who may have left.
        spans = silences(shape, self.cells.recency, age, alpha=alpha, s=s, beta=beta)
        for silence in spans:
            more = self._gone(silence, (r, alpha, s, beta))
            value, gradient, hessian = (
                value + more.value, gradient + more.gradient, hessian + more.hessian,
            )  # fmt: skip
        hessian += np.triu(hessian, 1).T
        return Slope(float(value), gradient, hessian)

    def _gone(self, silence: Silence, params: tuple[float, float, float, float]) -> Slope:
        """What ln(1 + odds) of these rows adds, of the second derivatives the upper half."""
        r, alpha, s, beta = params
        rows = silence.rows
        weight, recency, age = (
            column[rows] for column in (self.cells.weight, self.cells.recency, self.cells.T)
        )
        shape = r + self.cells.x[rows]
        gone = expit(silence.log_odds)

        # How far the derivatives of one who left at tau are from those of one alive at T.
        waits = alpha / (alpha + recency) / (1 + silence.grown_alpha)
        stays = beta / (beta + recency) / (1 + silence.grown_beta)
        buy_log = silence.log_alpha - np.log1p((age - recency) / (alpha + recency))
        stay_log = silence.log_beta - np.log1p((age - recency) / (beta + recency))
        buy_share, stay_share = alpha / (alpha + age) - waits, beta / (beta + age) - stays
        moves = np.empty((4, *waits.shape))
        np.multiply(buy_log, -r, out=moves[0])
        np.multiply(buy_share, shape, out=moves[1])
        np.subtract(1.0, s * stay_log, out=moves[2])
        np.subtract(s * stay_share, stays, out=moves[3])
        swing = silence.share * (weight * gone)
        swung = moves * swing
        mean = swung.sum(axis=1)
        total = mean.sum(axis=1)

        second = np.einsum("inc,jnc->ij", swung, moves)
        second -= np.einsum("ic,jc->ij", mean / weight, mean)
        hessian = np.triu(second)
        left = weight * gone
        bent = swing * waits * (1 - waits)
        alive = alpha * age / np.square(alpha + age)
        hessian[0, 0] += total[0]
        hessian[0, 1] += r * float((swing * buy_share).sum())
        hessian[1, 1] -= float((shape * (bent.sum(axis=0) - left * alive)).sum())
        hessian[2, 2] += total[2] - float(left.sum())
        hessian[2, 3] += s * float((swing * stay_share).sum())
        bent = swing * stays * (1 - stays)
        alive = beta * age / np.square(beta + age)
        hessian[3, 3] -= (s + 1) * float(bent.sum()) - s * float((left * alive).sum())
        value = float((weight * np.logaddexp(0.0, silence.log_odds)).sum())
        return Slope(value, total, hessian)


def _thinned(cells: Cells, many: int) -> Cells:
    """`many` customers at equal distances along the cells, whose order is like a random one."""
    passed = np.floor(np.cumsum(cells.weight) * (many / cells.total))
    weight = np.diff(passed, prepend=0.0)
    kept = weight > 0
    return Cells(cells.x[kept], cells.recency[kept], cells.T[kept], weight[kept])
