"""P(sum >= amount) over all purchases within t of customers alive: counts and amounts together.

The k-th purchase is the one that fills the gap with probability enough(k) - enough(k - 1), and
it has to be made, so the answer is the sum over k of P(X >= k) times that. All terms are
positive. Up to 256 counts are summed one by one. Where more matter k goes in steps of n, and
P(X >= k) is taken in the middle of each. What that misses grows with n**2 - 1, so from n and 2n
follows what n = 1 would give (Richardson's extrapolation); of sums of two million terms that left
seven digits or more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from crmcore.analytics.amounts_ahead import Sums
from crmcore.analytics.checks import BoolArray, FloatArray, IntArray
from crmcore.analytics.counts_ahead import CountsAhead

__all__ = ["enough_while_alive"]

NEGLIGIBLE = 1e-12
"""What the counts left out may add, at either end."""

CELLS = 1 << 18
"""Customers times counts held at a time."""

WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""How many counts are summed one by one: the first of these that is enough."""

NARROW = 32
"""Up to this many, looking where to begin takes longer than beginning at 1."""

BLOCKS, STEPS = 8, 64
"""Where more matter: the first `STEPS` one by one, then growing blocks of so many steps."""

FURTHEST = 2.0**60
"""No count is looked for beyond: nobody buys so often."""


def enough_while_alive(ahead: CountsAhead, sums: Sums, *, rows: int) -> FloatArray:
    """The probability for each of the n `rows` of `ahead` and `sums`."""
    chance, start, end = np.zeros(rows), np.zeros(rows), np.zeros(rows)
    for part in _parts(np.arange(rows), 1):
        start[part], end[part] = _range(ahead.at(part), sums.at(part), len(part))
    widths = np.array([0, *WIDTHS, np.inf])
    place = np.searchsorted(widths, end - start)
    for width, some in ((width, np.flatnonzero(place == 1 + i)) for i, width in enumerate(WIDTHS)):
        for part in _parts(some, width):
            column = part[:, None]
            made = ahead.at(column).at_least_each(start[part, None], width)
            enough = sums.at(column).enough(start[part, None] + np.arange(width + 1))
            chance[part] = (np.diff(enough, axis=1) * made).sum(axis=1)
    for part in _parts(np.flatnonzero(place > len(WIDTHS)), STEPS):
        column = part[:, None]
        chance[part] = _wide(ahead.at(column), sums.at(column), start[part], end[part])
    return np.clip(chance, 0.0, 1.0)


def _parts(rows: IntArray, width: int) -> Iterator[IntArray]:
    size = max(CELLS // width, 1)
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _range(ahead: CountsAhead, sums: Sums, rows: int) -> tuple[FloatArray, FloatArray]:
    """The counts outside (start, end] add next to nothing."""

    def matters(k: FloatArray, left: IntArray) -> BoolArray:
        beyond = ahead.at(left).at_least(k + 1) * sums.at(left).short(k)
        return np.asarray(beyond > NEGLIGIBLE)

    start, end = np.zeros(rows), np.zeros(rows)
    left = np.arange(rows)
    for width in WIDTHS:
        end[left] = width
        left = left[matters(np.full(len(left), float(width)), left)]
    end[left] = _last(len(left), lambda k: matters(k, left)) + 1
    long = np.flatnonzero(end > NARROW)
    start[long] = _last(len(long), lambda k: sums.at(long).enough(k) <= NEGLIGIBLE)
    return np.minimum(start, end), end


def _wide(ahead: CountsAhead, sums: Sums, start: FloatArray, end: FloatArray) -> FloatArray:
    """What counts in (start, end] add, by growing steps; `ahead` and `sums` are columns (m, 1)."""
    total = np.zeros(len(start))
    step = least = _resolution(end)
    growth = np.expm1(np.log1p((end - start) / (start + STEPS)) / BLOCKS)
    while (start < end).any():
        k = start[:, None] + step[:, None] * np.arange(STEPS + 1)
        enough = sums.enough(k)
        fine, coarse = (_filled(ahead, enough[:, ::n], k[:, ::n]) for n in (1, 2))
        total += fine - (coarse - fine) * (1 - step**-2.0) / 3
        start = start + step * STEPS
        step = np.maximum(np.ceil(start * growth / STEPS), least)
    return total


def _filled(ahead: CountsAhead, enough: FloatArray, k: FloatArray) -> FloatArray:
    made = ahead.at_least((k[:, :-1] + k[:, 1:] + 1) / 2)
    return np.asarray((np.diff(enough, axis=1) * made).sum(axis=1))


def _last(rows: int, holds: Callable[[FloatArray], BoolArray]) -> FloatArray:
    """The last whole number up to which something `holds` for each row; it does at 0."""
    low, high = np.zeros(rows), np.ones(rows)
    while high.max(initial=0.0) < FURTHEST:
        still = holds(high)
        if not still.any():
            break
        low, high = np.where(still, high, low), np.where(still, 2 * high, high)
    while (high - low > _resolution(high)).any():
        middle = np.floor((low + high) / 2)
        still = holds(middle)
        low, high = np.where(still, middle, low), np.where(still, high, middle)
    return low


def _resolution(k: FloatArray) -> FloatArray:
    """The least step from a whole number to the next: above 2**53, floats leave some out."""
    return np.maximum(np.spacing(k), 1.0)
