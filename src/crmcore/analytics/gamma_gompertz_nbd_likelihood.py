"""The log-likelihood of the GGom/NBD model and its derivatives.

Bemmaor and Glady (2012). A customer with x repeat purchases, the last at t_x, observed for T,
contributes

    ln (r)_x - x ln alpha - (r+x) ln(1 + T/alpha) - s v(T) + ln(1 + odds)

with v(T) = ln(1 + (e**(b T) - 1) / beta) and the odds of having left before T
(`gompertz_silences`). Derivatives are means and covariances over the time of leaving, as in
`pareto_nbd_likelihood`. As b falls towards 0 the model becomes Pareto/NBD with beta / b for beta.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import expit

from crmcore.analytics.ascent import Slope
from crmcore.analytics.bgnbd_likelihood import RisingFactorials
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.gompertz_silences import (
    GompertzSilence,
    grown,
    silences,
    stays_from,
)
from crmcore.analytics.histories import Cells

__all__ = ["GammaGompertzNBDLikelihood"]

Params = tuple[float, float, float, float, float]


@attrs.frozen(eq=False)
class GammaGompertzNBDLikelihood:
    """The log-likelihood of cells of equal histories, in logarithms of r, alpha, b, s, beta."""

    cells: Cells
    rising: RisingFactorials
    names: tuple[str, ...] = ("r", "alpha", "b", "s", "beta")

    @classmethod
    def of(cls, cells: Cells) -> GammaGompertzNBDLikelihood:
        """The log-likelihood of these cells."""
        return cls(cells, RisingFactorials(cells.x, cells.weight))

    @property
    def total(self) -> float:
        """How many customers the cells hold."""
        return self.cells.total

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Beyond these the likelihood is level, or leaving as sudden as the data can tell."""
        shift = np.log([1.0, self.cells.unit, 1 / self.cells.unit, 1.0, 1.0])
        return shift - np.array([20, 20, 16, 20, 36]), shift + np.array([20, 20, 5, 20, 20])

    @property
    def starts(self) -> list[FloatArray]:
        """Where to begin: leaving at nearly constant to fast growing rates."""
        purchases = float((self.cells.weight * self.cells.x).sum())
        exposure = float((self.cells.weight * self.cells.T).sum())
        rate = (purchases + 0.5) / (exposure or 1.0)
        return [
            np.log([r, r / (pace * rate), growth / self.cells.unit, s, beta])
            for r, pace, growth, s, beta in (
                (0.5, 1.5, 0.1, 0.5, 0.05),
                (1.5, 1.5, 1.0, 1.0, 1.0),
                (0.5, 1.5, 5.0, 0.2, 5.0),
                (1.0, 1.0, 3.0, 3.0, 100.0),
            )
        ]

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        r, alpha, b, s, beta = np.exp(point).tolist()
        columns = (r + self.cells.x, self.cells.recency, self.cells.T)
        areas = np.full(len(self.cells.x), -np.inf)
        for silence in silences(*columns, alpha=alpha, b=b, s=s, beta=beta):
            areas[silence.rows] = silence.log_area
        return self._value(point, areas)

    def _value(self, point: FloatArray, areas: FloatArray) -> float:
        """Alive at T or left: two terms as they are, for either may be the small one by far."""
        r, alpha, b, s, beta = np.exp(point).tolist()
        x, weight = self.cells.x, self.cells.weight
        alive, left = (
            -(r + x) * np.log1p(age / alpha) - s * grown(age, np.array(beta), b=b)
            for age in (self.cells.T, self.cells.recency)
        )
        joint = np.logaddexp(alive, left + areas)
        return self.rising(r)[0] + float((weight * (joint - x * point[1])).sum())

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives in the log parameters."""
        r, alpha, b, s, beta = np.exp(point).tolist()
        x, age, weight = self.cells.x, self.cells.T, self.cells.weight
        shape, (_, r1, r2) = r + x, self.rising(r)
        purchases = float((weight * x).sum())
        buy_log, buy_share = np.log1p(age / alpha), age / (alpha + age)
        gained = grown(age, np.array(beta), b=b)
        pull, early = _hazard(age, gained, b=b, beta=beta)

        def total(values: FloatArray) -> float:
            return float((weight * values).sum())

        gradient = np.array(
            [
                r * r1 - r * total(buy_log),
                total(shape * buy_share) - purchases,
                -s * total(pull),
                -s * total(gained),
                s * total(1 - early),
            ]
        )
        hessian = np.zeros((5, 5))
        hessian[0, 0] = r * r1 + r * r * r2 - r * total(buy_log)
        hessian[0, 1] = r * total(buy_share)
        hessian[1, 1] = -total(shape * buy_share * (1 - buy_share))
        hessian[2, 2] = -s * total(pull * (1 + b * age - pull))
        hessian[2, 3] = -s * total(pull)
        hessian[2, 4] = s * total(early * pull)
        hessian[3, 3] = -s * total(gained)
        hessian[3, 4] = s * total(1 - early)
        hessian[4, 4] = -s * total(early * (1 - early))
        areas = np.full(len(x), -np.inf)
        for silence in silences(shape, self.cells.recency, age, alpha=alpha, b=b, s=s, beta=beta):
            more = self._gone(silence, (r, alpha, b, s, beta), (gained, pull, early))
            areas[silence.rows] = silence.log_area
            gradient, hessian = gradient + more[0], hessian + more[1]
        hessian += np.triu(hessian, 1).T
        return Slope(self._value(point, areas), gradient, hessian)

    def _gone(
        self, silence: GompertzSilence, params: Params, now: tuple[FloatArray, ...]
    ) -> tuple[FloatArray, FloatArray]:
        """What ln(1 + odds) of these rows adds to the gradient and the upper half of the Hessian.

        `now` holds v, its pull and exp(-v) at T.
        """
        r, alpha, b, s, beta = params
        rows = silence.rows
        columns = (self.cells.weight, self.cells.recency, self.cells.T, *now)
        weight, recency, age, gained_now, pull_now, early_now = (c[rows] for c in columns)
        shape, gone = r + self.cells.x[rows], expit(silence.log_odds)
        left = recency + silence.since
        gained = silence.gained + grown(recency, np.array(beta), b=b)
        pull, early = _hazard(left, gained, b=b, beta=beta)
        waits, waits_now = alpha / (alpha + left), alpha / (alpha + age)
        buy_log = np.log1p((left - age) / (alpha + age))
        swing = silence.share * (weight * gone)

        # How far the derivatives of one who left are from those of one alive at T.
        moves = np.empty((5, *left.shape))
        np.multiply(buy_log, -r, out=moves[0])
        np.multiply(waits_now - waits, shape, out=moves[1])
        moves[2] = 1 + b * left - (s + 1) * pull + s * pull_now
        moves[3] = 1 - s * (gained - gained_now)
        moves[4] = s * early_now - (s + 1) * early
        mean = (moves * silence.share).sum(axis=1)
        total = (mean * (weight * gone)).sum(axis=1)
        moves -= mean[:, None]
        hessian = np.einsum("inc,jnc->ij", moves * swing, moves)
        unsure = weight * gone * expit(-silence.log_odds)
        hessian = np.triu(hessian + np.einsum("ic,jc->ij", mean * unsure, mean))

        def change(after: FloatArray, before: FloatArray) -> float:
            return float((swing * (after - before)).sum())

        hessian[0, 0] += total[0]
        hessian[0, 1] += r * change(waits_now, waits)
        hessian[1, 1] -= change(shape * waits * (1 - waits), shape * waits_now * (1 - waits_now))
        grows, grows_now = pull * (1 + b * left - pull), pull_now * (1 + b * age - pull_now)
        hessian[2, 2] += change(b * left - (s + 1) * grows, -s * grows_now)
        hessian[2, 3] -= s * change(pull, pull_now)
        hessian[2, 4] += change((s + 1) * early * pull, s * early_now * pull_now)
        hessian[3, 3] -= s * change(gained, gained_now)
        hessian[3, 4] -= s * change(early, early_now)
        hessian[4, 4] -= change((s + 1) * early * (1 - early), s * early_now * (1 - early_now))
        return total, hessian


def _hazard(
    age: FloatArray, gained: FloatArray, *, b: float, beta: float
) -> tuple[FloatArray, FloatArray]:
    """By how much v grows with ln b, b t e**(b t) / (beta + e**(b t) - 1), and exp(-v)."""
    return np.asarray(b * age / stays_from(age, b=b, beta=beta)), np.exp(-gained)
