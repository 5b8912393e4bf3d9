"""A mixture of Gaussians: customers in groups of their own width and direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import FloatArray, as_number
from crmcore.analytics.clustering import Clustering, largest_first, silhouette
from crmcore.analytics.features import Features, Scale, a_scale, clusters_up_to_100
from crmcore.analytics.kmeans import START_ROWS, KMeans, searched
from crmcore.analytics.mixture_steps import Mixture, climbed
from crmcore.analytics.options import a_seed, at_least_1, one_of, positive

__all__ = ["FittedGaussianMixture", "GaussianMixture"]


@attrs.frozen(kw_only=True)
class FittedGaussianMixture(Clustering):
    """Clusters by a mixture of Gaussians; a customer's is the one they most probably are from.

    `probability` (n) is how probable that is. `log_likelihood` is in the original units (of the
    ranks with `scale="rank"`) over the columns that differ at all; `bic` and `aic` are less for
    a better balance of fit and number of parameters.
    """

    probability: FloatArray = attrs.field(eq=attrs.cmp_using(eq=np.array_equal), repr=False)
    log_likelihood: float
    parameters: int

    @property
    def bic(self) -> float:
        """Schwarz (1978): -2 log L + parameters · ln n."""
        return -2 * self.log_likelihood + self.parameters * float(np.log(self.n_customers or 1))

    @property
    def aic(self) -> float:
        """Akaike (1974): -2 log L + 2 parameters."""
        return -2 * self.log_likelihood + 2 * self.parameters


@attrs.frozen
class GaussianMixture:
    """How to find `clusters` groups, 1 to 100, as a mixture of Gaussians fitted by EM (Dempster,
    Laird and Rubin 1977), begun at the clusters of `KMeans` with the same options.

    `covariance` is `diag` (columns vary independently within a cluster) or `full`. No variance
    falls below `floor`, in units of the scale: customers who are all alike in a column, as those
    with one purchase, would make it zero and the likelihood infinite. Of more than 30,000
    different customers the search runs on so many first.

        >>> fitted = GaussianMixture(clusters=2).fit({"visits": [1, 2, 10, 1, 12]})
        >>> fitted.labels.tolist(), fitted.probability.round(3).tolist()
        ([0, 0, 1, 0, 1], [1.0, 1.0, 1.0, 1.0, 1.0])
    """

    clusters: int = attrs.field(default=8, validator=clusters_up_to_100)
    covariance: Literal["diag", "full"] = attrs.field(
        default="diag", validator=one_of("diag", "full"), kw_only=True
    )
    seed: int = attrs.field(default=0, validator=a_seed, kw_only=True)
    starts: int = attrs.field(default=3, validator=at_least_1, kw_only=True)
    scale: Scale = attrs.field(default="standard", validator=a_scale, kw_only=True)
    floor: float = attrs.field(default=1e-3, converter=as_number, validator=positive, kw_only=True)
    steps: int = attrs.field(default=200, validator=at_least_1, kw_only=True)

    def fit(
        self, columns: Mapping[str, npt.ArrayLike], *, weights: npt.ArrayLike | None = None
    ) -> FittedGaussianMixture:
        """The clusters of these customers; arguments as for `KMeans.fit`."""
        features = Features.of(columns, weights, self.scale)
        spec = KMeans(self.clusters, seed=self.seed, starts=self.starts, scale=self.scale)
        begun = searched(features, spec)
        rows, heavy = features.scaled[:, features.varied], features.weights
        full = self.covariance == "full"
        mixture = Mixture.around(rows, heavy, begun.labels, floor=self.floor, full=full)
        taken, reached = 0, True
        if len(rows) > START_ROWS:
            draw = np.random.default_rng(self.seed)
            few, own = features.sample(draw, START_ROWS)
            mixture, taken, reached = climbed(mixture, few[:, features.varied], own, self.steps)
        mixture, more, reached = climbed(mixture, rows, heavy, self.steps)
        likelihood, labels, probability = mixture.told(rows, heavy)
        labels, order = largest_first(labels, features)
        clusters = len(order)
        units = np.log(features.spread[features.varied]).sum() * features.total
        size = rows.shape[1]
        each = size + (size * (size + 1) // 2 if full else size)
        probability = probability[features.inverse]
        probability.setflags(write=False)
        return FittedGaussianMixture(
            names=features.names, labels=labels[features.inverse],
            centres=features.centres(labels, clusters),
            sizes=np.bincount(labels, heavy, clusters),
            silhouette=silhouette(features, labels, self.seed), converged=reached,
            steps=taken + more, probability=probability,
            log_likelihood=likelihood - float(units),
            parameters=max(len(mixture.shares) - 1, 0) + len(mixture.shares) * each,
        )  # fmt: skip
