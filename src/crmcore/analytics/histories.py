"""Purchase histories: what a model of repeat purchasing reads about each customer.

`frequency` (x) counts repeat purchases, `recency` (t_x) is the age of the relation at the last
of them and `T` the age now, both in one unit of time from the first purchase on. A customer
who never came back has frequency 0 and recency 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.blocks import anywhere
from crmcore.analytics.checks import BoolArray, Checks, FloatArray
from crmcore.analytics.levels import Lattice

__all__ = ["FEW", "Cells", "History", "Opportunities", "groups", "once_each"]


@attrs.frozen(eq=False)
class History:
    """Checked histories of one shape: `x`, `recency` and `T` (n, or 0-d for one customer)."""

    x: FloatArray
    recency: FloatArray
    T: FloatArray

    @classmethod
    def checked(
        cls,
        checks: Checks,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
    ) -> Self:
        """The histories, or faults noted in `checks`; close it before using them."""
        x = checks.counts("frequency", frequency)
        last = checks.numbers("recency", recency)
        age = checks.numbers("T", T)
        if not checks.faults and checks.same_shape(frequency=x, recency=last, T=age):
            x, last, age = np.broadcast_arrays(x, last, age)
            if anywhere(_impossible, x, last, age):
                checks.refuse_where(last > age, "recency", "must not exceed T")
                checks.refuse_where(
                    (x == 0) & (last > 0), "recency", "must be 0 where frequency is 0"
                )
                checks.refuse_where(
                    (x > 0) & (last == 0), "recency", "must be above 0 where frequency is"
                )
        return cls(x, last, age)

    @staticmethod
    def span(checks: Checks, path: str, values: npt.ArrayLike) -> FloatArray:
        """Stretches of time as they may be asked for beside such histories."""
        return checks.numbers(path, values)


def _impossible(x: FloatArray, recency: FloatArray, T: FloatArray) -> BoolArray:
    """Where no such history can be: a purchase after T, or no date of one, or one without."""
    return np.asarray((recency > T) | ((x > 0) != (recency > 0)))


@attrs.frozen(eq=False)
class Opportunities(History):
    """Checked histories in discrete time: at each of `T` opportunities one may buy once.

    `recency` is the number of the opportunity of the last purchase, all whole numbers.
    """

    @classmethod
    def checked(
        cls,
        checks: Checks,
        *,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        T: npt.ArrayLike,
    ) -> Self:
        """The histories, or faults noted in `checks`; close it before using them."""
        x = checks.counts("frequency", frequency)
        last = checks.counts("recency", recency)
        age = checks.counts("T", T)
        if not checks.faults:
            found = super().checked(checks, frequency=x, recency=last, T=age)
            if not checks.faults:
                checks.refuse_where(found.x > found.recency, "frequency", "must not exceed recency")
                return found
        return cls(x, last, age)

    @staticmethod
    def span(checks: Checks, path: str, values: npt.ArrayLike) -> FloatArray:
        """Numbers of opportunities."""
        return checks.counts(path, values)


@attrs.frozen(eq=False)
class Cells:
    """The different histories and how many customers have each: what a likelihood sums over."""

    x: FloatArray
    recency: FloatArray
    T: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, history: History, weights: FloatArray | None) -> Self:
        """Equal rows merged. Their order depends on the values only, not on that of the input."""
        x, recency, age = (np.atleast_1d(column) for column in attrs.astuple(history))
        if weights is not None and not weights.all():
            kept = weights > 0
            x, recency, age, weights = x[kept], recency[kept], age[kept], weights[kept]
        order, starts = groups(x, recency, age)
        if weights is None:
            weight = np.diff(starts, append=len(x)).astype(np.float64)
        else:
            weight = np.add.reduceat(weights[order], starts) if len(x) else np.zeros(0)
        first = order[starts]
        return cls(x[first], recency[first], age[first], weight)

    @property
    def total(self) -> float:
        """How many customers the cells hold."""
        return float(self.weight.sum())

    @property
    def unit(self) -> float:
        """A typical age, by which a likelihood scales times."""
        mean = float((self.weight * self.T).sum()) / (self.total or 1.0)
        return mean or 1.0


_MIX = tuple(
    np.uint64(factor)
    for factor in (
        0x9E3779B97F4A7C15,
        0xC2B2AE3D27D4EB4F,
        0x165667B19E3779F9,
        0xD6E8FEB86659FD93,
        0xFF51AFD7ED558CCD,
    )
)
FEW = 4096
"""Of fewer rows it takes no time to treat each by itself."""
MANY = 1 << 22
"""Of more rows the number would leave too little of the hash."""


def once_each(answer: Callable[..., FloatArray], *columns: FloatArray) -> FloatArray:
    """`answer(*columns)` for columns of one shape, computed once per different row if many agree.

    `answer` takes arrays (m,) and returns one; the result has the shape of the columns.
    """
    shape = columns[0].shape
    flat = [np.ravel(column) for column in columns]
    if flat[0].size < FEW:
        return answer(*flat).reshape(shape)
    lattice = Lattice.of(flat)
    if lattice is not None:
        found = lattice.answered(answer) if lattice.shares else answer(*flat)
        return found.reshape(shape)
    varying = [column for column in flat if (column != column[0]).any()] or flat[:1]
    order, starts = groups(*varying)
    if 2 * len(starts) > len(order):
        return answer(*flat).reshape(shape)
    first = order[starts]
    out = np.empty(len(order))
    found = answer(*(column[first] for column in flat))
    out[order] = np.repeat(found, np.diff(starts, append=len(order)))
    return out.reshape(shape)


def groups(*columns: FloatArray) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """An order that puts equal rows side by side, and where each group starts in it.

    Sorting one hash of the row is several times faster than sorting by three columns, and faster
    still with the row's number in its lowest bits. Should two different rows share what is left
    of the hash, the rows are sorted by their columns instead.
    """
    rows = len(columns[0])
    key = np.zeros(rows, np.uint64)
    for column, factor in zip(columns, _MIX, strict=False):
        bits = np.ascontiguousarray(column + 0.0).view(np.uint64)  # + 0.0 turns -0.0 into 0.0
        key ^= bits
        key *= factor
        key ^= key >> np.uint64(29)
    whole = key
    if rows < MANY:
        low = np.uint64((1 << rows.bit_length()) - 1)
        key = np.sort((key & ~low) | np.arange(rows, dtype=np.uint64))
        order = (key & low).astype(np.intp)
        starts = _changes(key & ~low)
        if np.array_equal(_apart(columns, order), starts):
            return order, starts
    order = np.argsort(whole)
    starts = _changes(whole[order])
    if np.array_equal(_apart(columns, order), starts):
        return order, starts
    order = np.lexsort(columns[::-1])
    return order, _apart(columns, order)


def _apart(columns: tuple[FloatArray, ...], order: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Where, in this order, a row differs from the one before."""
    differs = np.zeros(len(order), bool)
    for column in columns:
        differs |= _steps(column[order])
    return np.flatnonzero(differs)


def _steps(values: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """True where a value differs from the one before; the first always does."""
    changed = np.ones(len(values), bool)
    changed[1:] = values[1:] != values[:-1]
    return changed


def _changes(values: npt.NDArray[np.generic]) -> npt.NDArray[np.intp]:
    return np.flatnonzero(_steps(values))
