"""The log-likelihood of the NBD model and its derivatives, for any size of numbers.

Ehrenberg (1959). A customer with x repeat purchases, observed for T, contributes

    ln (r)_x - x ln alpha - (r+x) ln(1 + T/alpha)

with the rising factorial (r)_x = r (r+1) ... (r+x-1): the density of the purchase times, as for
the other models, so that log-likelihoods can be compared. The probability of the count alone has
the constant ln(T**x / x!) besides, which changes no estimate.
"""

from __future__ import annotations

import attrs
import numpy as np

from crmcore.analytics.ascent import Slope
from crmcore.analytics.bgnbd_likelihood import RisingFactorials
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.histories import Cells

__all__ = ["NBDLikelihood"]


@attrs.frozen(eq=False)
class NBDLikelihood:
    """The log-likelihood of cells of equal frequency and age, in ln r, ln alpha."""

    x: FloatArray
    T: FloatArray
    weight: FloatArray
    rising: RisingFactorials
    names: tuple[str, ...] = ("r", "alpha")

    @classmethod
    def of(cls, cells: Cells) -> NBDLikelihood:
        """The log-likelihood of these cells."""
        return cls(cells.x, cells.T, cells.weight, RisingFactorials(cells.x, cells.weight))

    @property
    def total(self) -> float:
        """How many customers the cells hold."""
        return float(self.weight.sum())

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Beyond these the likelihood is level to the last digit."""
        mean = float((self.weight * self.T).sum()) / (self.total or 1.0)
        shift = np.array([0.0, np.log(mean or 1.0)])
        return shift - 20.0, shift + 20.0

    @property
    def starts(self) -> list[FloatArray]:
        """Where to begin: very mixed to alike, at the mean rate of the data."""
        purchases, exposure = (float((self.weight * each).sum()) for each in (self.x, self.T))
        rate = (purchases + 0.5) / (exposure or 1.0)
        return [np.log([r, r / rate]) for r in (0.5, 0.1, 3.0, 50.0)]

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        r, alpha = np.exp(point).tolist()
        each = self.x * point[1] + (r + self.x) * np.log1p(self.T / alpha)
        return self.rising(r)[0] - float((self.weight * each).sum())

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives in the log parameters."""
        r, alpha = np.exp(point).tolist()
        x, weight = self.x, self.weight
        value, first, second = self.rising(r)
        grown, share = np.log1p(self.T / alpha), self.T / (alpha + self.T)
        pull = (r + x) * share
        logs, shares = float((weight * grown).sum()), float((weight * share).sum())
        across = r * shares
        return Slope(
            value - float((weight * (x * point[1] + (r + x) * grown)).sum()),
            np.array([r * (first - logs), float((weight * (pull - x)).sum())]),
            np.array(
                [
                    [r * (first - logs) + r * r * second, across],
                    [across, -float((weight * pull * (1 - share)).sum())],
                ]
            ),
        )
