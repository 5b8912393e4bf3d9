"""Functions of a count and a smooth variable, computed at few points and read off for all rows.

A million customers share some dozens of frequencies. For each, the function is computed at 18
Chebyshev points of the logarithm of the variable, and the polynomial through them answers for all
rows (Trefethen 2013, Approximation theory and approximation practice, chapters 3 and 4). Its last
terms tell whether that is good for twelve digits; if not, there is a polynomial for each quarter.
Rows that are few are computed as such.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Self, TypeAlias

import attrs
import numpy as np
from numpy.polynomial.chebyshev import cheb2poly

from crmcore.analytics.blocks import by_blocks, parts_of
from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.histories import FEW, groups
from crmcore.analytics.levels import Lattice

__all__ = ["per_count"]

Curve: TypeAlias = Callable[[float, FloatArray], FloatArray]

POINTS = 18
_ANGLES = (2 * np.arange(POINTS) + 1) * np.pi / (2 * POINTS)
_NODES = np.cos(_ANGLES)
_SERIES = np.cos(np.arange(POINTS)[:, None] * _ANGLES) * (2 / POINTS)
_SERIES[0] /= 2
_POWERS = np.stack(
    [np.pad(cheb2poly(row[: k + 1]), (0, POINTS - k - 1)) for k, row in enumerate(np.eye(POINTS))],
    axis=1,
)
LOST = 5e-15
"""Terms below this share of the largest are the rounding of the curve, not the curve."""
STEEP = 1e-13
"""Last terms above this share of the largest tell that too much is left out."""
NARROW = 1 / 16
"""A polynomial over so little is taken as it is."""
SMALL = 4096
"""Counts up to this are numbered by themselves."""


def per_count(
    curve: Curve, count: FloatArray, variable: FloatArray, *, widest: float = 1.0
) -> FloatArray:
    """`curve(count, variable)` for each row; `variable` is positive, both have shape (n,) or ().

    `curve` takes one count and an array of values of the variable, and returns as many. `widest`
    is the stretch of the variable's logarithm that one polynomial is tried on.
    """
    if count.size <= POINTS:
        return _each(curve, count.ravel(), variable.ravel()).reshape(count.shape)
    lattice = Lattice.of([variable, count]) if count.size > FEW else None
    if lattice is not None and lattice.shares:
        return lattice.answered(lambda values, counts: per_count(curve, counts, values))
    cells = _Cells.of(count, variable, widest=widest)
    members = np.bincount(cells.of_row)
    common = members > POINTS
    column = np.where(common, np.cumsum(common), 0)
    table = np.zeros((POINTS, common.sum() + 1))
    steep = np.zeros(len(members), bool)
    for cell in np.flatnonzero(common).tolist():
        series = cells.series(curve, cell)
        steep[cell] = cells.width > NARROW and bool(
            (np.abs(series[-2:]) > STEEP * np.abs(series).max()).any()
        )
        table[:, column[cell]] = (_POWERS * series).sum(axis=1)
    powers = table[: np.flatnonzero(table.any(axis=1)).max(initial=0) + 1]

    def read_off(cell: IntArray, place: FloatArray) -> FloatArray:
        which = column.take(cell)
        total, factor = np.zeros(len(place)), np.empty(len(place))
        for factors in powers[::-1]:
            total *= place
            total += factors.take(which, out=factor, mode="clip")
        return total

    result = by_blocks(read_off, cells.of_row, cells.place)
    again = np.flatnonzero(~common[cells.of_row])
    result[again] = _each(curve, count[again], variable[again])
    if steep.any():
        again = np.flatnonzero(steep[cells.of_row])
        result[again] = per_count(curve, count[again], variable[again], widest=widest / 4)
    return result


@attrs.frozen(kw_only=True, eq=False)
class _Cells:
    """Rows of one count whose variable has about one logarithm.

    Each of `counts` has `bins` cells, side by side from the logarithm `low` on, each `width` wide.
    `of_row` (n) is the cell of each row, and `place` (n) where in it the row lies, from -1 to 1.
    """

    counts: FloatArray
    low: float
    width: float
    bins: int
    of_row: IntArray
    place: FloatArray

    @classmethod
    def of(cls, count: FloatArray, variable: FloatArray, *, widest: float) -> Self:
        low, high = float(np.log(variable.min())), float(np.log(variable.max()))
        bins = max(int(np.ceil((high - low) / widest)), 1)
        width = (high - low) / bins
        pace = 1 / width if width else 0.0
        counts, number = np.arange(min(count.max(), SMALL) + 1), count
        if count.max() > SMALL:
            counts, which = np.unique(count, return_inverse=True)
            number = which.astype(np.float64)
        of_row, place = np.empty(len(count), np.int64), np.empty(len(count))
        for rows in parts_of(len(count)):
            along = (np.log(variable[rows]) - low) * pace
            step = np.minimum(np.trunc(along), bins - 1)
            of_row[rows] = number[rows] * bins + step
            along -= step
            along *= 2
            place[rows] = along - 1
        return cls(
            counts=counts, low=low, width=width, bins=bins, of_row=of_row, place=place
        )  # fmt: skip

    def series(self, curve: Curve, cell: int) -> FloatArray:
        """The terms (POINTS,) of the curve's Chebyshev series in one cell, without those lost."""
        which, step = divmod(cell, self.bins)
        nodes = _NODES if self.width else _NODES[:1]
        logs = self.low + self.width * (step + 0.5 + 0.5 * nodes)
        terms = (_SERIES * curve(float(self.counts[which]), np.exp(logs))).sum(axis=1)
        return np.where(np.abs(terms) > LOST * np.abs(terms).max(), terms, 0.0)


def _each(curve: Curve, count: FloatArray, variable: FloatArray) -> FloatArray:
    """The curve itself, once per different pair, for values of one size at a time.

    So that a curve may choose its own nodes by the largest of them.
    """
    if not len(count):
        return np.zeros(0)
    order, starts = groups(count, variable)
    first = order[starts]
    pairs = np.lexsort((variable[first], count[first]))
    counts, values = count[first][pairs], variable[first][pairs]
    found = np.empty(len(pairs))
    sizes = np.floor(np.log(values))
    ends = np.flatnonzero((np.diff(counts) != 0) | (np.diff(sizes) != 0)) + 1
    edges = np.concatenate(([0], ends, [len(pairs)]))
    for begin, end in pairwise(edges.tolist()):
        found[begin:end] = curve(float(counts[begin]), values[begin:end])
    by_group = np.empty(len(pairs))
    by_group[pairs] = found
    out = np.empty(len(count))
    out[order] = np.repeat(by_group, np.diff(starts, append=len(order)))
    return out
