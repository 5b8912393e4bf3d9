"""k-means: customers in groups around their means."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.clustering import Clustering, largest_first, silhouette
from crmcore.analytics.features import Features, Scale, a_scale, clusters_up_to_100
from crmcore.analytics.lloyd import Lloyd, assigned, lloyd, scattered
from crmcore.analytics.options import a_seed, at_least_1

__all__ = ["START_ROWS", "FittedKMeans", "KMeans", "searched"]

START_ROWS = 30_000
"""Starts are compared on so many rows at most; the best is then improved on all of them."""

GAIN = 1e-6


@attrs.frozen(kw_only=True)
class FittedKMeans(Clustering):
    """Clusters by k-means. `inertia` is the sum of squared distances of customers to their
    centre, in the scale used, and `explained` the share of the total sum that it is less by: 1
    where every customer equals their centre.
    """

    inertia: float
    explained: float


@attrs.frozen
class KMeans:
    """How to find `clusters` groups, 1 to 100, by k-means (Lloyd 1982).

    `scale` makes columns comparable: `standard` divides each by its standard deviation, `rank`
    takes the share of customers below instead of the value, which suits money and counts with
    few large ones, `none` leaves them. The best of `starts` random starts (k-means++) counts;
    of more than 30,000 different customers, starts are compared on so many of them. The same
    `seed` and data give the same clusters, in whatever order the customers come.

        >>> fitted = KMeans(clusters=2, scale="none").fit({"visits": [1, 2, 10, 1, 12]})
        >>> fitted.labels.tolist(), fitted.sizes.tolist()
        ([0, 0, 1, 0, 1], [3.0, 2.0])
        >>> fitted.centres.round(3).tolist(), round(fitted.inertia, 3)
        ([[1.333], [11.0]], 2.667)
    """

    clusters: int = attrs.field(default=8, validator=clusters_up_to_100)
    seed: int = attrs.field(default=0, validator=a_seed, kw_only=True)
    starts: int = attrs.field(default=10, validator=at_least_1, kw_only=True)
    scale: Scale = attrs.field(default="standard", validator=a_scale, kw_only=True)
    steps: int = attrs.field(default=300, validator=at_least_1, kw_only=True)

    def fit(
        self, columns: Mapping[str, npt.ArrayLike], *, weights: npt.ArrayLike | None = None
    ) -> FittedKMeans:
        """The clusters of these customers.

        `columns` (n,) each, by name, are finite numbers; `weights` (n) tell how many customers
        each row stands for. InvalidInput names the column and row that is not a number.
        """
        features = Features.of(columns, weights, self.scale)
        found = searched(features, self)
        labels, _ = largest_first(found.labels, features)
        rows, heavy = features.scaled, features.weights
        middle = np.average(rows, axis=0, weights=heavy) if len(rows) else 0.0
        total = float(heavy @ np.square(rows - middle).sum(axis=1))
        unit = float(features.spread.max(initial=0.0)) if self.scale == "none" else 1.0
        clusters = int(labels.max(initial=-1)) + 1
        return FittedKMeans(
            names=features.names, labels=labels[features.inverse],
            centres=features.centres(labels, clusters),
            sizes=np.bincount(labels, heavy, clusters),
            silhouette=silhouette(features, labels, self.seed), converged=found.converged,
            steps=found.steps, inertia=found.inertia * unit * unit,
            explained=1 - found.inertia / total if total > 0 else 1.0,
        )  # fmt: skip


def searched(features: Features, options: KMeans) -> Lloyd:
    """The best clusters found, each with somebody in it."""
    draw = np.random.default_rng(options.seed)
    clusters = min(options.clusters, features.most_clusters)
    if not clusters:
        return lloyd(features.scaled, features.weights, features.scaled, steps=0, gain=0.0)
    few, heavy = features.sample(draw, START_ROWS)
    starts = [scattered(few, heavy, clusters, draw) for _ in range(options.starts)]
    ends = (lloyd(few, heavy, start, steps=options.steps, gain=GAIN) for start in starts)
    best = min(ends, key=lambda end: end.inertia)
    rows, weights = features.scaled, features.weights
    if len(few) < len(rows):
        best = lloyd(rows, weights, best.centres, steps=options.steps, gain=GAIN)
    taken = np.bincount(best.labels, weights, len(best.centres)) > 0
    if taken.all():
        return best
    labels, distances = assigned(rows, best.centres[taken])
    return attrs.evolve(
        best, centres=best.centres[taken], labels=labels, distances=distances,
        inertia=float(weights @ distances),
    )  # fmt: skip
