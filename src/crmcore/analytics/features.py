"""What customers are clustered by: columns as distinct rows, each once, in one scale.

Rows are sorted and equal ones joined before anything is drawn or summed, so a clustering is the
same whatever the order of the customers, and a customer repeated is a customer of weight two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import BoolArray, Checks, FloatArray, IntArray
from crmcore.analytics.options import Checked, one_of
from crmcore.domain.errors import InvalidInput

__all__ = ["MOST_CLUSTERS", "Features", "Scale", "a_scale", "clusters_up_to_100"]

Scale: TypeAlias = Literal["standard", "rank", "none"]

MOST_CLUSTERS = 100


@attrs.frozen(kw_only=True, eq=False)
class Features:
    """Distinct `rows` (m, k) in original units and `scaled` (m, k), with `weights` (m).

    `inverse` (n) tells which of them each customer is; `spread` (k) what one step of the scale
    is in original units (1 where there is none), and `varied` (k) which columns differ at all.
    """

    names: tuple[str, ...]
    rows: FloatArray
    scaled: FloatArray
    weights: FloatArray
    inverse: IntArray
    spread: FloatArray
    varied: BoolArray

    @classmethod
    def of(
        cls, columns: Mapping[str, npt.ArrayLike], weights: npt.ArrayLike | None, scale: Scale
    ) -> Self:
        """The columns (n,) each, by name; InvalidInput where one cannot be clustered by."""
        given, own = _read(columns, weights)
        rows, heavy, inverse = _distinct(given, own)
        spread = np.ones(rows.shape[1])
        varied = np.ptp(rows, axis=0) > 0 if len(rows) else np.zeros(rows.shape[1], np.bool_)
        if scale == "rank":
            scaled = np.column_stack([_ranks(column, heavy) for column in rows.T])
        else:
            middle = np.average(rows, axis=0, weights=heavy) if len(rows) else spread
            scaled = np.where(varied, rows - middle, 0.0)
            if len(rows):
                found = np.sqrt(np.average(scaled * scaled, axis=0, weights=heavy))
                # Without a scale, one unit for all columns changes no distance's order.
                found = found if scale == "standard" else np.full_like(found, found.max())
                spread = np.where(varied & (found > 0), found, 1.0)
            scaled = scaled / spread
        return cls(
            names=tuple(columns), rows=rows, scaled=scaled, weights=heavy, inverse=inverse,
            spread=spread, varied=varied,
        )  # fmt: skip

    @property
    def total(self) -> float:
        """How many customers there are: the sum of the weights."""
        return float(self.weights.sum())

    @property
    def most_clusters(self) -> int:
        """How many clusters there can be: as many as distinct rows that stand for somebody."""
        return int((self.weights > 0).sum())

    def sample(self, draw: np.random.Generator, most: int) -> tuple[FloatArray, FloatArray]:
        """Scaled rows and weights: all where they are at most `most`, else so many draws."""
        if len(self.scaled) <= most:
            return self.scaled, self.weights
        reached = np.cumsum(self.weights)
        drawn = np.searchsorted(reached, draw.random(most) * reached[-1], side="right")
        places, times = np.unique(np.minimum(drawn, len(reached) - 1), return_counts=True)
        return self.scaled[places], times.astype(np.float64)

    def centres(self, labels: IntArray, clusters: int) -> FloatArray:
        """The mean of each cluster's rows in original units, (clusters, k)."""
        sizes = np.bincount(labels, self.weights, clusters)
        sums = [np.bincount(labels, self.weights * column, clusters) for column in self.rows.T]
        return np.column_stack(sums) / sizes[:, None] if clusters else self.rows[:0]


def _read(
    columns: Mapping[str, npt.ArrayLike], weights: npt.ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    if not isinstance(columns, Mapping) or not columns:
        raise InvalidInput.of("columns", "must hold one array by name at least")
    checks = Checks()
    arrays = {name: checks.numbers(name, values, negative=True) for name, values in columns.items()}
    for name, array in arrays.items():
        if array.ndim != 1:
            checks.refuse(name, "must have one dimension")
    if not checks.faults:
        checks.same_shape(**arrays)
    rows = len(next(iter(arrays.values()))) if not checks.faults else 0
    own = checks.weights(weights, rows=rows) if not checks.faults else None
    if own is not None and rows and not own.sum() > 0:
        checks.refuse("weights", "must not all be zero")
    checks.close()
    return np.column_stack(list(arrays.values())) + 0.0, np.ones(rows) if own is None else own


def _distinct(given: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Rows in order, each once, the sum of their weights, and which of them each given one is."""
    order = np.lexsort((weights, *given.T[::-1]))
    ordered = given[order]
    first = np.ones(len(ordered), np.bool_)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    inverse = np.empty(len(order), np.int64)
    inverse[order] = np.cumsum(first) - 1
    begins = np.flatnonzero(first)
    heavy = np.add.reduceat(weights[order], begins) if len(begins) else weights
    return ordered[begins], heavy, inverse


def _ranks(column: FloatArray, weights: FloatArray) -> FloatArray:
    """The share of customers below, those that are equal counted half, minus a half."""
    _, place = np.unique(column, return_inverse=True)
    heavy = np.bincount(place, weights)
    share = (np.cumsum(heavy) - heavy / 2) / max(weights.sum(), 1e-300) - 0.5
    return np.asarray(share[place], np.float64)


a_scale: Checked = one_of(*get_args(Scale))


@Checked
def clusters_up_to_100(checks: Checks, path: str, value: object) -> None:
    """A whole number from 1 to 100."""
    checks.whole(path, value, least=1, most=MOST_CLUSTERS)
