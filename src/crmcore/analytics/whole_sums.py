"""Sums over whole numbers, of few terms however many there are.

The terms of survival in discrete time are smooth: the first are taken one by one, the others
in blocks that grow by a factor, each by the Gauss rule for equal weights at whole numbers,
whose nodes are the zeros of the discrete Chebyshev polynomials (Golub and Welsch 1969). The
rule is exact for polynomials of degree 47, and a sum of 10**15 terms takes a thousand nodes.
"""

from __future__ import annotations

from functools import lru_cache

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray

__all__ = ["Terms", "whole_nodes"]

ORDER = 24
DIRECT = 64.0
MOST = 1e15
"""Up to here whole numbers are taken as such; further on only blocks count."""


def whole_nodes(count: float, growth: float = 2.0) -> tuple[FloatArray, FloatArray]:
    """Nodes k and weights for the sum of f(k) over k = 0 ... count - 1; read-only arrays.

    `growth` says by which factor k may grow within a block: 2 for functions that fall like
    powers of k, nearer to 1 for steeper ones; 1 takes every term by itself.
    """
    return _remembered(count) if growth == 2 else _made(count, growth)


@lru_cache(maxsize=1024)
def _remembered(count: float) -> tuple[FloatArray, FloatArray]:
    """The common case, of a few hundred nodes; many narrow blocks would fill the memory."""
    return _made(count, 2.0)


def _made(count: float, growth: float) -> tuple[FloatArray, FloatArray]:
    direct = count if growth == 1 else min(count, DIRECT)
    nodes, weights = [np.arange(direct)], [np.ones(int(direct))]
    begin = direct
    while begin < count:
        end = min(max(begin * growth, begin + ORDER), count)
        size = np.ceil(end - begin) if end < MOST else end - begin
        if size <= ORDER:
            nodes.append(begin + np.arange(size))
            weights.append(np.ones(int(size)))
        else:
            place, weight = _gauss(size)
            nodes.append(begin + place)
            weights.append(weight)
        begin += size
    made = np.concatenate(nodes), np.concatenate(weights)
    for array in made:
        array.setflags(write=False)
    return made


def _gauss(size: float) -> tuple[FloatArray, FloatArray]:
    """The Gauss rule for the whole numbers 0 ... size - 1, each of weight 1."""
    k = np.arange(1, ORDER)
    off = k / 2 * np.sqrt((1 - k / size) * (1 + k / size) / (4 * k * k - 1))
    place, axes = np.linalg.eigh(np.diag(off, 1) + np.diag(off, -1))
    return (size - 1) / 2 + size * place, size * np.square(axes[0])


@attrs.frozen(eq=False)
class Terms:
    """The nodes of many sums side by side: of the sum `row`, the term `k` with its `weight`."""

    row: np.ndarray[tuple[int], np.dtype[np.intp]]
    k: FloatArray
    weight: FloatArray
    rows: int

    @classmethod
    def of(cls, count: FloatArray, growth: FloatArray | float = 2.0) -> Terms:
        """For each row the sum over k = 0 ... count - 1; none where count is 0."""
        pairs = np.stack(np.broadcast_arrays(count, growth), axis=1)
        kinds, kind = np.unique(pairs, axis=0, return_inverse=True)
        found = [whole_nodes(float(many), float(grow)) for many, grow in kinds]
        sizes = np.array([len(k) for k, _ in found], np.intp)
        starts = np.cumsum(sizes) - sizes
        kind = kind.reshape(-1)
        row = np.repeat(np.arange(len(count)), sizes[kind])
        first = np.cumsum(sizes[kind]) - sizes[kind]
        place = np.arange(len(row)) + np.repeat(starts[kind] - first, sizes[kind])
        if not found:
            return cls(row, np.zeros(0), np.zeros(0), 0)
        nodes, weights = (np.concatenate(part) for part in zip(*found, strict=True))
        return cls(row, nodes[place], weights[place], len(count))

    def sum(self, values: FloatArray) -> FloatArray:
        """The weighted sum of each row, (rows,), of `values` in the order of `k`."""
        return np.bincount(self.row, self.weight * values, self.rows).astype(np.float64)
