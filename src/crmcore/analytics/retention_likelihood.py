"""The log-likelihood of renewals under beta-distributed chances to end, and its derivatives.

With r(t) = S(t) / S(t-1), the share who make the t-th renewal among those who made the others,
cohorts of any age contribute (the likelihood of Fader and Hardie 2007, in other order)

    sum over t of kept_t ln r(t) + lost_t ln(1 - r(t))
    -ln r(t) = G(u(t)) - G(u(t-1)),   G(u) = ln Gamma(alpha+beta+u) - ln Gamma(beta+u)

with u(t) = t**c; in the shifted beta-geometric model c is 1. The difference is taken so that
nothing is lost however small the chance to end is.
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import polygamma

from crmcore.analytics.ascent import Slope
from crmcore.analytics.beta_retention import stretch
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.gamma_steps import log_cross, rise_slopes
from crmcore.analytics.renewals import Renewals

__all__ = ["RetentionLikelihood"]


@attrs.frozen(eq=False)
class RetentionLikelihood:
    """The log-likelihood in ln alpha, ln beta and, where it is one of the `names`, ln c."""

    renewals: Renewals
    names: tuple[str, ...] = attrs.field(kw_only=True)

    @property
    def total(self) -> float:
        """How many customers began."""
        return self.renewals.customers

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Beyond these the likelihood is level to the last digit, or u(t) overflows."""
        longest = float(np.log(self.renewals.t.max(initial=2.0)))
        low, high = np.array([-20.0, -20.0, -7.0]), np.array([20.0, 20.0, np.log(250 / longest)])
        return low[: len(self.names)], np.minimum(high, 20.0)[: len(self.names)]

    @property
    def starts(self) -> list[FloatArray]:
        """Where to begin: from like to very different customers, chances that fall to rise."""
        kept, lost = self.renewals.kept[:1].sum(), self.renewals.lost[:1].sum()
        ends = float((lost + 0.5) / (kept + lost + 1.0))
        return [
            np.log([size * ends, size * (1 - ends), c])[: len(self.names)]
            for size, c in ((2.0, 1.0), (5.0, 1.5), (0.5, 1.0), (50.0, 1.0), (1.0, 0.5), (500, 2.0))
        ]

    def _ends(self, point: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """u(t-1), u(t) - u(t-1) and -ln r(t) for each renewal."""
        before = self.renewals.t - 1
        power = float(np.exp(point[2])) if len(point) > 2 else 1.0
        start, more = stretch(before, np.ones(len(before)), power)
        return start, more, log_cross(np.exp(point[1]) + start, np.exp(point[0]), more)

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        return self._value(self._ends(point)[2])

    def _value(self, hazard: FloatArray) -> float:
        kept, lost = self.renewals.kept, self.renewals.lost
        some = lost > 0
        gone = (lost[some] * np.log(-np.expm1(-hazard[some]))).sum()
        return float(gone - (kept * hazard).sum())

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives in the log parameters."""
        kept, lost, t = self.renewals.kept, self.renewals.lost, self.renewals.t
        start, more, hazard = self._ends(point)
        alpha, beta = np.exp(point[:2]).tolist()
        moves, bends = self._moves(alpha, beta, start, more)
        if len(point) > 2:
            self._moves_in_c(float(np.exp(point[2])), alpha, beta, moves, bends)
        # ln(1 - e**-h) has the derivatives 1 / (e**h - 1) and -e**h / (e**h - 1)**2 in h.
        first, second = np.zeros(len(t)), np.zeros(len(t))
        some = lost > 0
        with np.errstate(over="ignore"):
            odds = 1 / np.expm1(hazard[some])
        first[some], second[some] = lost[some] * odds, -lost[some] * odds * (1 + odds)
        first -= kept
        size = len(self.names)
        gradient = np.array([(first * moves[i]).sum() for i in range(size)])
        hessian = np.empty((size, size))
        for i in range(size):
            for j in range(i + 1):
                bent = first * bends[i, j] + second * moves[i] * moves[j]
                hessian[i, j] = hessian[j, i] = bent.sum()
        return Slope(self._value(hazard), gradient, hessian)

    def _moves(
        self, alpha: float, beta: float, start: FloatArray, more: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """First (k, m) and second (k, k, m) derivatives of -ln r(t), those in ln c still 0."""
        size = len(self.names)
        moves, bends = np.zeros((size, len(start))), np.zeros((size, size, len(start)))
        (a1, a2), (b1, b2) = (rise_slopes(beta + start + x, more) for x in (alpha, 0.0))
        moves[0], moves[1] = alpha * a1, beta * (a1 - b1)
        bends[0, 0] = moves[0] + alpha**2 * a2
        bends[1, 0] = alpha * beta * a2
        bends[1, 1] = moves[1] + beta**2 * (a2 - b2)
        return moves, bends

    def _moves_in_c(
        self, c: float, alpha: float, beta: float, moves: FloatArray, bends: FloatArray
    ) -> None:
        """The derivatives in ln c, of what is at u(t) less what is at u(t-1)."""
        for sign, t in ((1.0, self.renewals.t), (-1.0, self.renewals.t - 1)):
            log = c * np.log(np.maximum(t, 1.0))
            reach = np.where(t > 0, np.exp(log), 0.0)
            pace, z = sign * reach * log, beta + reach
            pull, pull2 = rise_slopes(z, alpha)
            moves[2] += pull * pace
            bends[2, 0] += alpha * polygamma(1, alpha + z) * pace
            bends[2, 1] += beta * pull2 * pace
            bends[2, 2] += pull * pace * (1 + log) + pull2 * reach * log * pace
