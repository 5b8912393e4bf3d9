"""What every clustering answers: who is where, how large, how far apart."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.analytics.features import Features
from crmcore.domain.html import html_table

__all__ = ["Clustering", "largest_first", "silhouette"]

SILHOUETTE_ROWS = 2_000
"""The silhouette compares every row with every other: of more rows, so many draws."""


def _frozen(values: npt.ArrayLike) -> npt.NDArray[Any]:
    array = np.array(values)
    array.setflags(write=False)
    return array


def _same() -> Any:
    return attrs.cmp_using(eq=np.array_equal)


@attrs.frozen(kw_only=True)
class Clustering:
    """A partition of n customers into clusters, the largest first.

    `labels` (n) number the cluster of each customer from 0; `centres` (c, k) are the means of the
    clusters in original units, columns in the order of `names`; `sizes` (c) count customers (the
    sum of their weights). There are fewer clusters than asked for where there are not as many
    different customers. `silhouette` is the mean over customers of Rousseeuw (1987), (b - a) /
    max(a, b), in the scale used: near 1 apart, near 0 touching; of 2,000 drawn customers where
    there are more different ones, and None with fewer than two clusters. `converged` says whether
    the search ended before its `steps` did.
    """

    names: tuple[str, ...]
    labels: IntArray = attrs.field(converter=_frozen, eq=_same(), repr=False)
    centres: FloatArray = attrs.field(converter=_frozen, eq=_same())
    sizes: FloatArray = attrs.field(converter=_frozen, eq=_same())
    silhouette: float | None
    converged: bool
    steps: int

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return len(self.sizes)

    @property
    def n_customers(self) -> float:
        """How many customers were clustered: the sum of the weights."""
        return float(self.sizes.sum())

    def _repr_html_(self) -> str:
        rows = [
            (number, float(size), *map(float, centre))
            for number, (size, centre) in enumerate(zip(self.sizes, self.centres, strict=True))
        ]
        header = ("cluster", "customers", *self.names)
        return html_table(rows, header=header, caption=type(self).__name__)


def largest_first(labels: IntArray, features: Features) -> tuple[IntArray, IntArray]:
    """Labels renumbered by size, then by centre, and which cluster each number was before; every
    cluster has somebody.
    """
    clusters = int(labels.max(initial=-1)) + 1
    sizes = np.bincount(labels, features.weights, clusters)
    centres = features.centres(labels, clusters)
    order = np.lexsort((*centres.T[::-1], -sizes))
    numbers = np.empty(clusters, np.int64)
    numbers[order] = np.arange(clusters)
    return numbers[labels], order


def silhouette(features: Features, labels: IntArray, seed: int) -> float | None:
    """The mean silhouette of the clusters; None where there are fewer than two."""
    clusters = int(labels.max(initial=-1)) + 1
    if clusters < 2:
        return None
    rows, weights, own = features.scaled, features.weights, labels
    if len(rows) > SILHOUETTE_ROWS:
        reached = np.cumsum(weights)
        drawn = np.random.default_rng(seed).random(SILHOUETTE_ROWS) * reached[-1]
        place = np.minimum(np.searchsorted(reached, drawn, side="right"), len(rows) - 1)
        place, times = np.unique(place, return_counts=True)
        rows, weights, own = rows[place], times.astype(np.float64), labels[place]
    within = np.zeros((len(rows), clusters))
    within[np.arange(len(rows)), own] = weights
    sizes = within.sum(axis=0)
    square = (rows * rows).sum(axis=1)
    apart = np.maximum(square[:, None] + square - 2 * rows @ rows.T, 0.0)
    np.fill_diagonal(apart, 0.0)
    sums = np.sqrt(apart) @ within
    at = np.arange(len(rows)), own
    alone = sizes[own] <= 1
    inside = sums[at] / np.where(alone, 1.0, sizes[own] - 1)
    means = sums / np.where(sizes > 0, sizes, 1.0)
    means[:, sizes <= 0] = np.inf
    means[at] = np.inf
    outside = means.min(axis=1)
    far = np.maximum(inside, outside)
    known = ~alone & np.isfinite(outside) & (far > 0)
    value = np.where(known, (outside - inside) / np.where(known, far, 1.0), 0.0)
    return float(np.average(value, weights=weights))
