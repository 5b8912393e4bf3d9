"""Columns of few different values, such as ages in whole days: equal rows found without sorting.

The range of a column is cut into buckets. Where no bucket holds two different values, the number
of its bucket stands for a value exactly, and the numbers of some columns together for a row.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Self

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.blocks import by_blocks, parts_of
from crmcore.analytics.checks import FloatArray, IntArray

__all__ = ["Lattice", "Levels"]

BUCKETS = 1 << 16
SPARSE = 4
"""So many times the rows may be the combinations of levels, most of which no row has."""


@attrs.frozen(eq=False)
class Levels:
    """`values` (m,) of a column, ascending; that of a row is at `rank[bucket]` for its `bucket`."""

    values: FloatArray
    rank: IntArray
    bucket: npt.NDArray[np.uint16]

    @classmethod
    def of(cls, column: FloatArray) -> Self | None:
        """The levels of a column (n,) of finite numbers, or None where values are too close."""
        low, high = float(column.min()), float(column.max())
        with np.errstate(over="ignore", divide="ignore"):
            pace = float((BUCKETS - 1) / np.float64(high - low)) if high > low else 1.0
        if not 0 < pace < np.inf:
            return None
        table = np.full(BUCKETS, np.nan)
        bucket = np.empty(len(column), np.uint16)
        for part in parts_of(len(column)):
            values = column[part]
            where = ((values - low) * pace).astype(np.int64)
            known = table.take(where)
            new = known != values
            if new.any():
                table[where[new]] = values[new]
                if not np.isnan(known[new]).all() or (table.take(where) != values).any():
                    return None
            bucket[part] = where
        held = ~np.isnan(table)
        return cls(table[held], (np.cumsum(held) - 1).astype(np.int64), bucket)


@attrs.frozen(eq=False)
class Lattice:
    """The different rows of some columns: `cells` (k,) number them among all combinations of the
    `levels`, and `cell` (n) is that of each row.
    """

    levels: list[Levels]
    cells: IntArray
    cell: IntArray

    @classmethod
    def of(cls, columns: list[FloatArray]) -> Self | None:
        """The different rows, or None where a column's values or their combinations are many."""
        levels = []
        for column in columns:
            found = Levels.of(column)
            if found is None:
                return None
            levels.append(found)
        rows, size = len(columns[0]), prod(len(level.values) for level in levels)
        if size > SPARSE * rows:
            return None
        cell, seen = np.empty(rows, np.int64), np.zeros(size, bool)
        for part in parts_of(rows):
            number = np.zeros(len(cell[part]), np.int64)
            for level in levels:
                if len(level.values) > 1:
                    number *= len(level.values)
                    number += level.rank.take(level.bucket[part])
            seen[number] = True
            cell[part] = number
        return cls(levels, np.flatnonzero(seen).astype(np.int64), cell)

    @property
    def shares(self) -> bool:
        """Whether rows are twice as many as different rows, so that to share work is worth it."""
        return 2 * len(self.cells) <= len(self.cell)

    def answered(self, answer: Callable[..., FloatArray]) -> FloatArray:
        """`answer(*columns)` (n,), computed once per different row."""
        shape = tuple(len(level.values) for level in self.levels)
        places = np.unravel_index(self.cells, shape)
        found = np.empty(prod(shape))
        found[self.cells] = answer(
            *(level.values[place] for level, place in zip(self.levels, places, strict=True))
        )
        return by_blocks(found.take, self.cell)
