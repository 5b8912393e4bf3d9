"""Means over a beta distribution, by the trapezoidal rule on a stretched line.

In y = ln(p / (1-p)) the beta density is smooth and falls off exponentially on both sides, and
with y = y0 + k sinh(v) the far tails of very small shape parameters come close in v. The
trapezoidal rule then converges exponentially (the double exponential formulas of Takahasi and
Mori 1974), and every term is positive, so that nothing cancels however large the counts are.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from crmcore.analytics.checks import FloatArray

__all__ = ["beta_nodes", "unit_nodes"]

NEGLIGIBLE = 42.0
"""Terms smaller than the largest by e**-42 change nothing in float64."""

FAR = 1e6
"""Beyond this reach the nodes of a half-open rule are too far apart."""


def beta_nodes(a: float, b: float, *, reach: float) -> tuple[FloatArray, FloatArray]:
    """Nodes p in (0, 1) and weights that add up to 1, for means over Beta(a, b).

    Meant for functions that fall from `reach` at p = 0 like 1/p once p exceeds 1/reach. Both
    arrays have one shape, some 80 nodes for ordinary parameters.
    """
    centre = np.log(a) - np.log(b)
    width = min(1.0, float(np.sqrt(1 / a + 1 / b)))
    turn = -np.log(max(reach, 1.0))
    depth = NEGLIGIBLE + a * np.logaddexp(0.0, -centre) + b * np.logaddexp(0.0, centre)
    left = min(-_softplus_inverse(depth / a), turn - NEGLIGIBLE / a)
    right = _softplus_inverse(depth / b)
    steepest = max(abs(centre - turn), abs(centre + np.log1p(b)))  # there y = ln(p) bends at once
    step = min(0.1, 0.3 / (1 + steepest))
    low, high = np.arcsinh((np.array([left, right]) - centre) / width) / step
    v = np.arange(np.floor(low), np.ceil(high) + 1) * step
    y = centre + width * np.sinh(v)
    log_p = -np.logaddexp(0.0, -y)
    log_weight = a * log_p - b * np.logaddexp(0.0, y) + np.log(np.cosh(v))
    importance = log_weight - np.maximum(log_p, turn)
    kept = importance > importance.max() - NEGLIGIBLE
    weight = np.exp(log_weight - log_weight.max())  # what is left out counts in the whole
    return np.maximum(expit(y[kept]), 1e-150), weight[kept] / weight.sum()


def unit_nodes(*, reach: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights for integrals over (0, 1), crowded towards 0: tanh-sinh in one side.

    Of functions that fall from 1/`reach` on, which may be tiny, the nodes are evenly crowded
    down to there.
    """
    if reach > FAR:
        y = np.arange(-NEGLIGIBLE - np.log(reach), NEGLIGIBLE, 0.2)
        return expit(y), expit(y) * expit(-y) * 0.2
    v = np.arange(-66, 67) * 0.05
    y = np.pi * np.sinh(v)
    weight = expit(y) * expit(-y) * np.pi * np.cosh(v) * 0.05
    return expit(y), weight


def _softplus_inverse(value: float) -> float:
    """The y with ln(1 + e**y) = value."""
    return float(value + np.log(-np.expm1(-value)))
