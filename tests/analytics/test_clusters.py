"""k-means, Gaussian mixtures and the choice of how many, against known answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.cluster.vq import kmeans2

from crmcore.analytics import GaussianMixture, KMeans, choose_clusters
from crmcore.domain.errors import InvalidInput
from tests.analytics.test_every_clustering import blobs


def rows_of(given: dict[str, Any]) -> Any:
    return np.column_stack(list(given.values()))


def test_four_customers_by_hand() -> None:
    """Two pairs, a step of 2 apart within and 10 between: inertia 4 times 1, silhouette of a
    corner 1 - 2 / ((10 + sqrt 104) / 2)."""
    fitted = KMeans(2, scale="none").fit({"x": [0, 0, 10, 10], "y": [0, 2, 0, 2]})

    assert fitted.labels.tolist() == [0, 0, 1, 1]
    assert fitted.centres.tolist() == [[0, 1], [10, 1]]
    assert fitted.inertia == pytest.approx(4)
    assert fitted.explained == pytest.approx(1 - 4 / 104)
    assert fitted.silhouette == pytest.approx(1 - 2 / ((10 + np.sqrt(104)) / 2))


def test_the_scale_decides_what_is_near() -> None:
    given = {"revenue": [0.0, 100.0, 0.0, 100.0], "visits": [1.0, 1.0, 5.0, 5.0]}
    assert KMeans(2, scale="none").fit(given).labels.tolist() in ([0, 1, 0, 1], [1, 0, 1, 0])
    skewed = {"revenue": [1.0, 2.0, 3.0, 4.0, 5.0, 1e6]}
    assert KMeans(2, scale="standard").fit(skewed).sizes.tolist() == [5, 1]
    assert KMeans(2, scale="rank").fit(skewed).sizes.tolist() == [3, 3]


def test_another_implementation_finds_the_same_clusters_and_inertia() -> None:
    """scipy's, from the same data, well separated."""
    given = blobs(400)
    rows = rows_of(given)
    ours = KMeans(4, scale="none").fit(given)
    middles, theirs = kmeans2(rows, 4, minit="++", rng=5)

    assert len(set(zip(ours.labels.tolist(), theirs.tolist(), strict=True))) == 4
    assert ours.inertia == pytest.approx(((rows - middles[theirs]) ** 2).sum(), rel=1e-4)


def test_no_start_of_another_implementation_is_better_on_hard_data() -> None:
    rows = np.random.default_rng(3).normal(size=(300, 2))
    ours = KMeans(12, scale="none").fit({"a": rows[:, 0], "b": rows[:, 1]})
    others = []
    for seed in range(20):
        middles, labels = kmeans2(rows, 12, iter=100, minit="++", rng=seed)
        others.append(((rows - middles[labels]) ** 2).sum())

    assert ours.inertia <= 1.01 * min(others)


def test_clusters_that_lose_everybody_begin_anew() -> None:
    """A hundred clusters of a hundred and one different customers: none stays empty."""
    fitted = KMeans(100, starts=1).fit({"a": np.arange(101.0) ** 2})
    assert fitted.clusters == 100
    assert fitted.explained > 0.999999


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_one_component_is_the_normal_distribution(covariance: str) -> None:
    """Its likelihood is scipy's for the mean and variance of the data."""
    draw = np.random.default_rng(2)
    x = draw.normal(5, 2, 500)
    rows = np.column_stack([x, 3 * x + draw.normal(0, 4, 500)])
    spec = GaussianMixture(1, covariance=covariance, floor=1e-9)  # type: ignore[arg-type]
    fitted = spec.fit({"a": rows[:, 0], "b": rows[:, 1]})
    spread = np.cov(rows.T, bias=True)
    if covariance == "diag":
        spread = np.diag(np.diag(spread))
    normal = stats.multivariate_normal(rows.mean(axis=0), spread)

    assert fitted.log_likelihood == pytest.approx(normal.logpdf(rows).sum(), rel=1e-9)
    assert fitted.parameters == (5 if covariance == "full" else 4)
    assert fitted.bic == pytest.approx(-2 * fitted.log_likelihood + fitted.parameters * np.log(500))
    assert fitted.aic == pytest.approx(-2 * fitted.log_likelihood + 2 * fitted.parameters)


def test_two_known_components_are_found_again() -> None:
    """20,000 draws, 70 % from N(0, 1), 30 % from N(6, 2²)."""
    draw = np.random.default_rng(8)
    second = draw.random(20_000) < 0.3
    x = np.where(second, draw.normal(6, 2, 20_000), draw.normal(0, 1, 20_000))
    fitted = GaussianMixture(2).fit({"x": x})
    truth = np.logaddexp(
        np.log(0.7) + stats.norm.logpdf(x), np.log(0.3) + stats.norm.logpdf(x, 6, 2)
    ).sum()

    assert fitted.sizes / 20_000 == pytest.approx([0.7, 0.3], abs=0.02)
    assert (fitted.labels == second).mean() > 0.97
    assert fitted.log_likelihood == pytest.approx(truth, abs=10)


def test_a_long_cloud_is_one_cluster_to_a_full_mixture_only() -> None:
    draw = np.random.default_rng(4)
    along = draw.uniform(-10, 10, 600)
    up = (np.arange(600) % 2) * 4.0
    given = {"x": along, "y": along + up + draw.normal(0, 0.3, 600)}
    full = GaussianMixture(2, covariance="full", starts=10).fit(given)
    diag = GaussianMixture(2).fit(given)

    assert full.bic < diag.bic


def test_customers_who_are_all_alike_in_one_column_do_not_break_the_mixture() -> None:
    given: dict[str, Any] = {"count": [1.0] * 50 + [2.0] * 50, "spent": np.linspace(1, 9, 100)}
    fitted = GaussianMixture(2).fit(given)
    assert np.isfinite(fitted.log_likelihood)
    assert (np.diff(fitted.labels) != 0).sum() == 1


@pytest.mark.parametrize("model", [KMeans(), GaussianMixture()])
def test_the_right_number_of_clusters_is_chosen(model: Any) -> None:
    choice = choose_clusters(blobs(400), model=model, counts=[6, 2, 3, 4, 5, 4])
    assert choice.best == 4
    assert choice.counts == (2, 3, 4, 5, 6)
    assert len(choice.scores) == 5


def test_to_choose_from_no_counts_is_refused() -> None:
    with pytest.raises(InvalidInput, match="counts"):
        choose_clusters(blobs(20), model=KMeans(), counts=[])
