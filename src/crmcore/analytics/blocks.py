"""Arithmetic of each row by itself, in blocks of rows that stay in the processor's cache.

A formula over a million rows writes and reads eight megabytes for each of its operations, and
asks the system for the memory; over some thousand rows at a time it does neither. The numbers are
the same, since no row looks at another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["anywhere", "by_blocks", "parts_of"]

ROWS = 1 << 14
"""Rows of a block: a few columns of so many float64 fit into a cache of the second level."""


def parts_of(rows: int) -> Iterator[slice]:
    """The blocks of so many rows."""
    return (slice(begin, begin + ROWS) for begin in range(0, rows, ROWS))


def by_blocks(
    answer: Callable[..., npt.NDArray[np.float64]], *columns: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """`answer(*columns)`, block by block, for columns of one shape: (n,) or ().

    `answer` gets columns (m,), of which it may overwrite none, and returns one.
    """
    if not columns[0].ndim:
        return answer(*(column[None] for column in columns)).reshape(())
    out = np.empty(len(columns[0]))
    for part in parts_of(len(out)):
        out[part] = answer(*(column[part] for column in columns))
    return out


def anywhere(holds: Callable[..., npt.NDArray[np.bool_]], *columns: npt.NDArray[Any]) -> bool:
    """Whether `holds(*columns)` is true of any row, for columns of one shape: (n,) or ()."""
    if not columns[0].ndim:
        return bool(holds(*columns).any())
    return any(
        holds(*(column[part] for column in columns)).any() for part in parts_of(len(columns[0]))
    )
