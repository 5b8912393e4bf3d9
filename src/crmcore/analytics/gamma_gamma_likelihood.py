"""The log-likelihood of the Gamma-Gamma model and its derivatives, for any size of numbers.

Fader and Hardie (2013), the Gamma-Gamma model of monetary value, equation 1a. A customer with
x purchases of mean value z contributes, with u = x z / (v + x z),

    -ln B(p x, q) + p x ln u + q ln(1 - u) - ln z
"""

from __future__ import annotations

import attrs
import numpy as np
from scipy.special import betaln, polygamma, psi

from crmcore.analytics.ascent import Slope
from crmcore.analytics.checks import FloatArray

__all__ = ["GammaGammaLikelihood"]


@attrs.frozen(eq=False)
class GammaGammaLikelihood:
    """The log-likelihood of customers with x > 0, in ln p, ln q, ln v.

    Gamma functions depend on x alone: they are taken once per different `count`, of which
    there are `having` customers. `spent` is x z, and `log_spent` the weighted sum of ln z.
    """

    x: FloatArray
    spent: FloatArray
    weight: FloatArray
    count: FloatArray
    having: FloatArray
    log_spent: float
    names: tuple[str, ...] = ("p", "q", "v")

    @classmethod
    def of(cls, x: FloatArray, z: FloatArray, weight: FloatArray | None) -> GammaGammaLikelihood:
        """The log-likelihood of customers with `x` purchases of mean value `z`, (n,) each."""
        bought = x > 0 if weight is None else (x > 0) & (weight > 0)
        weight = np.ones(len(x)) if weight is None else weight
        x, z, weight = x[bought], z[bought], weight[bought]
        order = np.lexsort((z, x)) if len(x) < 1000 else np.argsort(x * z)
        x, z, weight = x[order], z[order], weight[order]
        count, place = np.unique(x, return_inverse=True)
        having = np.bincount(place, weight, minlength=len(count)).astype(np.float64)
        return cls(x, x * z, weight, count, having, float((weight * np.log(z)).sum()))

    @property
    def total(self) -> float:
        """How many customers it sums over."""
        return float(self.weight.sum())

    @property
    def unit(self) -> float:
        """A typical purchase, so that nothing depends on the currency."""
        purchases = float((self.weight * self.x).sum())
        return float((self.weight * self.spent).sum()) / purchases if purchases else 1.0

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Beyond these the likelihood is level, or differences of gamma functions drown."""
        shift = np.array([0.0, 0.0, np.log(self.unit)])
        width = np.array([14.0, 14.0, 28.0])
        return shift - width, shift + width

    @property
    def starts(self) -> list[FloatArray]:
        """Where to begin: from noisy purchases of like customers to the reverse."""
        return [
            np.log([p, q, self.unit * (q - 1) / p])
            for p, q in ((3.0, 3.0), (1.0, 3.0), (2.0, 15.0), (30.0, 3.0), (0.5, 1.5))
        ]

    def value(self, point: FloatArray) -> float:
        """The log-likelihood alone."""
        p, q, v = np.exp(point).tolist()
        logs = p * self.x * -np.log1p(v / self.spent) - q * np.log1p(self.spent / v)
        shape = betaln(p * self.count, q)
        return float((self.weight * logs).sum() - (self.having * shape).sum()) - self.log_spent

    def slope(self, point: FloatArray) -> Slope:
        """The log-likelihood with its first and second derivatives in the log parameters."""
        p, q, v = np.exp(point).tolist()
        weight, shape = self.weight, p * self.x
        share = self.spent / (v + self.spent)
        rest = v / (v + self.spent)
        log_share, log_rest = -np.log1p(v / self.spent), -np.log1p(self.spent / v)
        logs = float((weight * shape * log_share).sum())
        rests = float((weight * log_rest).sum())
        shapes = float((weight * shape * rest).sum())
        shares = float((weight * share).sum())
        bent = float((weight * (shape + q) * share * rest).sum())

        m, having = p * self.count, self.having
        both, of_m = psi(m + q), psi(m)
        both2, of_m2 = polygamma(1, m + q), polygamma(1, m)
        first_m = float((having * m * (both - of_m)).sum()) + logs
        first_q = float((having * (both - psi(q))).sum()) + rests
        gradient = np.array([first_m, q * first_q, q * shares - shapes])
        hessian = np.empty((3, 3))
        hessian[0, 0] = first_m + float((having * m * m * (both2 - of_m2)).sum())
        hessian[0, 1] = hessian[1, 0] = q * float((having * m * both2).sum())
        hessian[0, 2] = hessian[2, 0] = -shapes
        hessian[1, 1] = q * first_q + q * q * float((having * (both2 - polygamma(1, q))).sum())
        hessian[1, 2] = hessian[2, 1] = q * shares
        hessian[2, 2] = -bent
        value = logs + q * rests - float((having * betaln(m, q)).sum()) - self.log_spent
        return Slope(value, gradient, hessian)
