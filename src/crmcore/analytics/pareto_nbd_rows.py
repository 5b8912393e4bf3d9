"""The Pareto/NBD log-likelihood where every row has parameters of its own, as covariates make them.

The terms and derivatives of `pareto_nbd_likelihood`, for each row instead of summed over rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import attrs
import numpy as np
from scipy.special import expit

from crmcore.analytics.bgnbd_rows import RisingOfEach
from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.histories import Cells
from crmcore.analytics.silences import Silence, log_odds_gone, silences

__all__ = ["ParetoNBDRows"]


@attrs.frozen(eq=False, slots=False)
class ParetoNBDRows:
    """Of n rows, whose log parameters r, alpha, s, beta are `points` (n, 4)."""

    cells: Cells

    @cached_property
    def _bought(self) -> RisingOfEach:
        return RisingOfEach(self.cells.x)

    def value(self, points: FloatArray) -> float:
        """The log-likelihood of all rows."""
        odds = np.empty(len(points))
        for rows in _sides(points):
            r, alpha, s, beta = np.exp(points[rows].T)
            x, last, age = (each[rows] for each in self._columns)
            odds[rows] = log_odds_gone(r + x, last, age, alpha=alpha, s=s, beta=beta)
        return self._sum(points, np.logaddexp(0.0, odds))

    def slopes(self, points: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        """The value, and for each row gradient (n, 4) and Hessian (n, 4, 4), weighted."""
        r, alpha, s, beta = np.exp(points.T)
        x, _, age = self._columns
        r1, r2 = self._bought.slopes(r)
        shape = r + x
        buy_log, buy_share = np.log1p(age / alpha), age / (alpha + age)
        stay_log, stay_share = np.log1p(age / beta), age / (beta + age)
        gradient = np.stack(
            (r * (r1 - buy_log), shape * buy_share - x, -s * stay_log, s * stay_share), axis=1
        )
        hessian = np.zeros((len(x), 4, 4))
        hessian[:, 0, 0] = r * r1 + r * r * r2 - r * buy_log
        hessian[:, 0, 1] = r * buy_share
        hessian[:, 1, 1] = -shape * buy_share * (1 - buy_share)
        hessian[:, 2, 2] = -s * stay_log
        hessian[:, 2, 3] = s * stay_share
        hessian[:, 3, 3] = -s * stay_share * (1 - stay_share)
        gone = np.zeros(len(x))
        for side in _sides(points):
            columns = (each[side] for each in (shape, *self._columns[1:]))
            found = silences(*columns, alpha=alpha[side], s=s[side], beta=beta[side])
            for silence in found:
                rows = side[silence.rows]
                gone[rows] = np.logaddexp(0.0, silence.log_odds)
                first, second = self._gone(silence, rows, np.exp(points[rows].T))
                gradient[rows] += first
                hessian[rows] += second
        hessian += np.triu(hessian, 1).swapaxes(1, 2)
        weight = self.cells.weight
        value = self._sum(points, gone)
        return value, weight[:, None] * gradient, weight[:, None, None] * hessian

    @property
    def _columns(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self.cells.x, self.cells.recency, self.cells.T

    def _sum(self, points: FloatArray, gone: FloatArray) -> float:
        """The log-likelihood, `gone` being what those who may have left add to each row."""
        r, alpha, s, beta = np.exp(points.T)
        x, _, age = self._columns
        each = self._bought.value(r) + gone - x * points[:, 1]
        each -= (r + x) * np.log1p(age / alpha) + s * np.log1p(age / beta)
        return float((self.cells.weight * each).sum())

    def _gone(
        self, silence: Silence, rows: IntArray, params: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """What ln(1 + odds) adds to each row, of the second derivatives the upper half."""
        r, alpha, s, beta = params
        x, last, age = (each[rows] for each in self._columns)
        shape, gone = r + x, expit(silence.log_odds)
        waits = alpha / (alpha + last) / (1 + silence.grown_alpha)
        stays = beta / (beta + last) / (1 + silence.grown_beta)
        buy_log = silence.log_alpha - np.log1p((age - last) / (alpha + last))
        stay_log = silence.log_beta - np.log1p((age - last) / (beta + last))
        buy_share, stay_share = alpha / (alpha + age) - waits, beta / (beta + age) - stays
        moves = np.stack(
            (-r * buy_log, shape * buy_share, 1 - s * stay_log, s * stay_share - stays)
        )
        swing = silence.share * gone
        swung = moves * swing
        mean = swung.sum(axis=1)
        second = np.einsum("inc,jnc->cij", swung, moves) - np.einsum("ic,jc->cij", mean, mean)
        hessian = np.triu(second)
        hessian[:, 0, 0] += mean[0]
        hessian[:, 0, 1] += r * (swing * buy_share).sum(axis=0)
        bent = (swing * waits * (1 - waits)).sum(axis=0)
        hessian[:, 1, 1] -= shape * (bent - gone * alpha * age / np.square(alpha + age))
        hessian[:, 2, 2] += mean[2] - gone
        hessian[:, 2, 3] += s * (swing * stay_share).sum(axis=0)
        bent = (swing * stays * (1 - stays)).sum(axis=0)
        hessian[:, 3, 3] -= (s + 1) * bent - s * gone * beta * age / np.square(beta + age)
        return mean.T, hessian


def _sides(points: FloatArray) -> Iterator[IntArray]:
    """The rows whose alpha is at most their beta, then the others, as `silences` wants them."""
    near = points[:, 1] <= points[:, 3]
    for side in (near, ~near):
        rows = np.flatnonzero(side).astype(np.int64)
        if len(rows):
            yield rows
