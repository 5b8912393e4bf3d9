"""Differences of log-gamma functions that keep their precision for any size of arguments.

Models in discrete time are made of ratios of beta functions whose arguments differ by counts.
As differences of `gammaln` those lose all digits once a parameter is large. Here the Stirling
series is subtracted term by term instead, after the recurrence has carried small arguments up
to where the series holds (Abramowitz and Stegun 1964, 6.1.40, 6.3.18 and 6.4.12).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import FloatArray

__all__ = ["log_cross", "log_rise", "rise_slopes"]

SHIFT = 10
"""Arguments are carried up by this much; from there the series give sixteen digits."""
LOG_GAMMA = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
PSI = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132, 691 / 32760)
TRIGAMMA = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)


def _series(terms: tuple[float, ...], z: FloatArray, *, first: int) -> FloatArray:
    """The sum of terms[i] / z**(first + 2 i), without overflow for large z."""
    inverse = 1 / z
    square = inverse * inverse
    total = np.zeros(np.shape(z))
    for term in reversed(terms):
        total = term + square * total
    return np.asarray(total * inverse**first)


def log_rise(c: npt.ArrayLike, k: npt.ArrayLike) -> FloatArray:
    """ln Gamma(c + k) - ln Gamma(c) for c > 0, k >= 0: of c (c+1) ... (c+k-1) for whole k."""
    c, k = np.asarray(c, np.float64), np.asarray(k, np.float64)
    z = c + SHIFT
    rise = (z - 0.5) * np.log1p(k / z) + k * (np.log(z + k) - 1)
    rise += _series(LOG_GAMMA, z + k, first=1) - _series(LOG_GAMMA, z, first=1)
    for j in range(SHIFT):
        rise -= np.log1p(k / (c + j))
    return np.asarray(rise)


def rise_slopes(c: npt.ArrayLike, k: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The first two derivatives of `log_rise` in c: differences of psi and of psi'."""
    c, k = np.asarray(c, np.float64), np.asarray(k, np.float64)
    z = c + SHIFT
    gap = k / (z * (z + k))
    first = np.log1p(k / z) + gap / 2
    first += _series(PSI, z + k, first=2) - _series(PSI, z, first=2)
    second = -gap - gap * (1 / z + 1 / (z + k)) / 2
    second += _series(TRIGAMMA, z + k, first=3) - _series(TRIGAMMA, z, first=3)
    for j in range(SHIFT):
        low, high = 1 / (c + j), 1 / (c + k + j)
        gap = k * low * high
        first += gap
        second -= gap * (low + high)
    return np.asarray(first), np.asarray(second)


def log_cross(z: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """ln of Gamma(z + a + b) Gamma(z) / (Gamma(z + a) Gamma(z + b)), never negative.

    That is -ln of B(a, z + b) / B(a, z): of how a beta-distributed chance lets b steps pass.
    """
    z, a, b = (np.asarray(each, np.float64) for each in (z, a, b))
    cross = np.zeros(np.broadcast_shapes(z.shape, a.shape, b.shape))
    for j in range(SHIFT):
        cross -= _log_ratio(z + j, a, b)
    w = z + SHIFT
    cross += (w - 0.5) * _log_ratio(w, a, b)
    cross += a * np.log1p(b / (w + a)) + b * np.log1p(a / (w + b))
    cross += (a / (w + a)) * (b / (w + b)) * (1 / w + 1 / (w + a + b)) / 12
    far, near, one, other = (
        _series(LOG_GAMMA[1:], y, first=3) for y in (w + a + b, w, w + a, w + b)
    )
    cross += far + near - one - other
    return np.maximum(cross, 0.0)


def _log_ratio(z: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """ln of z (z + a + b) / ((z + a) (z + b)), at or below 0."""
    share = (a / (z + a)) * (b / (z + b))
    near = np.log1p(-np.minimum(share, 0.5))
    return np.asarray(np.where(share < 0.5, near, np.log1p(a / (z + b)) - np.log1p(a / z)))
