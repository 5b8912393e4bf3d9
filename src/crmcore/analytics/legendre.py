"""Gauss-Legendre rules of as many nodes as an integrand needs.

Meant for integrands along a logarithm of time: analytic within about pi/2 of the path, positive,
and falling by a known exponent. Measured over parameters of six orders of magnitude, the nodes
that `sizes` gives leave an error of about 1e-12.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.polynomial.legendre import leggauss

from crmcore.analytics.checks import FloatArray, IntArray

__all__ = ["NEGLIGIBLE", "parts", "rule", "sizes"]

NEGLIGIBLE = 42.0
"""Terms smaller than the sum by e**-42 change nothing in float64."""
AT_ONCE = 1 << 14
"""Nodes times rows held at a time, so that they stay in the processor's cache."""

SIZES = np.array([6, 8, 12, 16, 24, 32, 48, 64, 96, 144, 200, 288])
RULES = {n: tuple(0.5 * part for part in leggauss(n)) for n in SIZES.tolist()}


def sizes(length: FloatArray, fall: FloatArray) -> IntArray:
    """How many nodes paths of this `length` need, along which the integrand falls by e**-fall."""
    needed = 7.0 + 0.36 * fall + 2.4 * length
    return SIZES[np.minimum(np.searchsorted(SIZES, needed), len(SIZES) - 1)].astype(np.int64)


def parts(size: IntArray) -> Iterator[tuple[IntArray, int]]:
    """Rows that need equally many nodes, not too many at a time, and how many; 0 is left out."""
    for many in np.flatnonzero(np.bincount(size)[1:]) + 1:
        which = np.flatnonzero(size == many).astype(np.int64)
        step = AT_ONCE // int(many)
        for begin in range(0, len(which), step):
            yield which[begin : begin + step], int(many)


def rule(size: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights for (0, 1) as columns (size, 1)."""
    nodes, weights = RULES[size]
    return nodes[:, None] + 0.5, weights[:, None]
