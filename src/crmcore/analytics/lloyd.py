"""k-means on weighted rows: careful starts, and Lloyd's iteration from them.

Lloyd (1982); starts after Arthur and Vassilvitskii (2007), k-means++, in its greedy form: of a
few draws the one that leaves the least. Distances are computed a chunk of rows at a time, so
memory does not grow with rows times clusters.
"""

from __future__ import annotations

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray, IntArray

__all__ = ["Lloyd", "assigned", "lloyd", "scattered"]

CHUNK = 16_384


@attrs.frozen(kw_only=True, eq=False)
class Lloyd:
    """Where the iteration ended: `labels` (m), squared `distances` (m), `centres` (c, k)."""

    centres: FloatArray
    labels: IntArray
    distances: FloatArray
    inertia: float
    steps: int
    converged: bool


def assigned(rows: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """The nearest centre of each row, the first of equally near ones, and how far in squares."""
    half = (centres * centres).sum(axis=1) / 2
    labels = np.empty(len(rows), np.int64)
    near = np.empty(len(rows))
    for begin in range(0, len(rows), CHUNK):
        part = rows[begin : begin + CHUNK]
        score = half - part @ centres.T
        best = score.argmin(axis=1)
        labels[begin : begin + CHUNK] = best
        near[begin : begin + CHUNK] = score[np.arange(len(part)), best]
    return labels, np.maximum((rows * rows).sum(axis=1) + 2 * near, 0.0)


def scattered(
    rows: FloatArray, weights: FloatArray, clusters: int, draw: np.random.Generator
) -> FloatArray:
    """Rows to start from, far from each other: each drawn in proportion to weight times squared
    distance to those before; of `2 + ln clusters` draws the one that leaves the least.
    """
    tries = 2 + int(np.log(clusters))
    first = np.searchsorted(np.cumsum(weights), draw.random() * weights.sum(), side="right")
    chosen = [int(min(first, len(rows) - 1))]
    square = (rows * rows).sum(axis=1)
    left = _squares(rows, square, chosen)[:, 0]
    for _ in range(1, clusters):
        reached = np.cumsum(weights * left)
        if not reached[-1] > 0:
            break
        drawn = np.searchsorted(reached, draw.random(tries) * reached[-1], side="right")
        tried = np.minimum(drawn, len(rows) - 1).tolist()
        after = np.minimum(left[:, None], _squares(rows, square, tried))
        best = int(np.argmin(weights @ after))
        chosen.append(tried[best])
        left = after[:, best]
    return rows[chosen]


def _squares(rows: FloatArray, square: FloatArray, chosen: list[int]) -> FloatArray:
    found = square[:, None] + square[chosen] - 2 * rows @ rows[chosen].T
    found = np.maximum(found, 0.0)
    found[chosen, np.arange(len(chosen))] = 0.0
    return np.asarray(found)


def lloyd(
    rows: FloatArray, weights: FloatArray, centres: FloatArray, *, steps: int, gain: float
) -> Lloyd:
    """Lloyd's iteration until no row moves or a step gains less than the share `gain`.

    A cluster that loses all its rows begins anew at the row that costs most.
    """
    clusters = len(centres)
    labels, distances = assigned(rows, centres)
    inertia = float(weights @ distances)
    taken, converged = 0, False
    while taken < steps and not converged:
        taken += 1
        centres = _moved(rows, weights, labels, distances, clusters)
        before, worst = labels, inertia
        labels, distances = assigned(rows, centres)
        inertia = float(weights @ distances)
        converged = bool(worst - inertia <= gain * worst) or np.array_equal(before, labels)
    return Lloyd(
        centres=centres, labels=labels, distances=distances, inertia=inertia, steps=taken,
        converged=converged,
    )  # fmt: skip


def _moved(
    rows: FloatArray, weights: FloatArray, labels: IntArray, distances: FloatArray, clusters: int
) -> FloatArray:
    sizes = np.bincount(labels, weights, clusters)
    sums = np.column_stack([np.bincount(labels, weights * column, clusters) for column in rows.T])
    empty = np.flatnonzero(sizes <= 0)
    centres = sums / np.where(sizes > 0, sizes, 1.0)[:, None]
    if len(empty):
        dearest = np.argsort(-(weights * distances), kind="stable")[: len(empty)]
        centres[empty[: len(dearest)]] = rows[dearest]
    return np.asarray(centres)
