"""How many clusters: several counts, compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks
from crmcore.analytics.features import MOST_CLUSTERS
from crmcore.analytics.gaussian_mixture import FittedGaussianMixture, GaussianMixture
from crmcore.analytics.kmeans import KMeans
from crmcore.domain.errors import InvalidInput

__all__ = ["ClusterChoice", "choose_clusters"]


@attrs.frozen(kw_only=True)
class ClusterChoice:
    """The `counts` tried and the score of each by the `criterion`; `best` is the count chosen.

    `bic` is best where least, `silhouette` where greatest; of equal ones the smallest count.
    """

    counts: tuple[int, ...]
    scores: tuple[float, ...]
    criterion: Literal["bic", "silhouette"]
    best: int


def choose_clusters(
    columns: Mapping[str, npt.ArrayLike],
    *,
    model: KMeans | GaussianMixture,
    counts: Sequence[int] = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20),
    weights: npt.ArrayLike | None = None,
) -> ClusterChoice:
    """Fit `model` with each of `counts` clusters, and compare: a mixture by its BIC, k-means by
    its silhouette, which a single cluster has not (0 stands for it).

        >>> visits = [1, 1, 2, 11, 12, 12, 31, 30, 33]
        >>> choose_clusters({"visits": visits}, model=KMeans(), counts=[2, 3, 4]).best
        3
    """
    if not isinstance(model, KMeans | GaussianMixture):
        raise InvalidInput.of("model", "must be KMeans or GaussianMixture")
    if not isinstance(counts, Sequence) or not counts:
        raise InvalidInput.of("counts", "must hold one count at least")
    checks = Checks()
    for place, count in enumerate(counts):
        checks.whole(f"counts[{place}]", count, least=1, most=MOST_CLUSTERS)
    checks.close()
    tried = tuple(sorted(set(counts)))
    fits = [attrs.evolve(model, clusters=count).fit(columns, weights=weights) for count in tried]
    scores = tuple(
        fit.bic if isinstance(fit, FittedGaussianMixture) else fit.silhouette or 0.0 for fit in fits
    )
    by_bic = isinstance(model, GaussianMixture)
    best = int(np.argmin(scores) if by_bic else np.argmax(scores))
    return ClusterChoice(
        counts=tried, scores=scores, criterion="bic" if by_bic else "silhouette",
        best=tried[best],
    )  # fmt: skip
