"""What must hold for every clustering, found in `__all__` of the analytics."""

from __future__ import annotations

import inspect
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crmcore.analytics
from crmcore.analytics import Clustering, FittedKMeans
from crmcore.domain.errors import InvalidInput

PUBLIC = [getattr(crmcore.analytics, name) for name in crmcore.analytics.__all__]
SPECS = [
    value for value in PUBLIC
    if hasattr(value, "fit") and "clusters" in inspect.signature(value).parameters
]  # fmt: skip
SCALES = ["standard", "rank", "none"]
every = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.__name__)

small = st.lists(st.tuples(st.integers(-50, 50), st.integers(-3, 3)), min_size=1, max_size=40).map(
    lambda rows: np.array(rows, np.float64)
)


def columns(rows: Any) -> dict[str, Any]:
    return {"a": rows[:, 0], "b": rows[:, 1]}


def blobs(n: int = 300, seed: int = 1) -> dict[str, Any]:
    draw = np.random.default_rng(seed)
    middles = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    return columns(middles[draw.integers(0, 4, n)] + draw.normal(size=(n, 2)))


def test_there_are_clusterings() -> None:
    assert {spec.__name__ for spec in SPECS} == {"KMeans", "GaussianMixture"}


@every
def test_specification_and_fit_are_frozen(spec: Any) -> None:
    fitted = spec(3).fit(blobs())
    assert isinstance(fitted, Clustering)
    for value, name in ((spec(3), "clusters"), (fitted, "labels")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, name, 1)
    with pytest.raises(ValueError, match="read-only"):
        fitted.labels[0] = 7
    assert fitted == spec(3).fit(blobs())


@every
@pytest.mark.parametrize("scale", SCALES)
@given(rows=small, order=st.randoms(use_true_random=False), clusters=st.integers(1, 6))
def test_the_order_of_customers_does_not_matter(
    spec: Any, scale: str, rows: Any, order: Any, clusters: int
) -> None:
    places = list(range(len(rows)))
    order.shuffle(places)
    plain = spec(clusters, scale=scale).fit(columns(rows))
    mixed = spec(clusters, scale=scale).fit(columns(rows[places]))
    assert mixed.labels.tolist() == plain.labels[places].tolist()
    assert (mixed.centres == plain.centres).all()


@every
@given(rows=small, clusters=st.integers(1, 6), data=st.data())
def test_a_weight_is_a_repetition(spec: Any, rows: Any, clusters: int, data: Any) -> None:
    times = data.draw(st.lists(st.integers(1, 3), min_size=len(rows), max_size=len(rows)))
    weighted = spec(clusters).fit(columns(rows), weights=times)
    repeated = spec(clusters).fit(columns(np.repeat(rows, times, axis=0)))
    assert np.repeat(weighted.labels, times).tolist() == repeated.labels.tolist()
    assert weighted.sizes.tolist() == repeated.sizes.tolist()


@every
@pytest.mark.parametrize("scale", ["standard", "none"])
@given(rows=small, power=st.integers(-8, 30), away=st.integers(-20, 20))
def test_other_units_and_another_zero_explain_as_much(
    spec: Any, scale: str, rows: Any, power: int, away: int
) -> None:
    plain = spec(3, scale=scale).fit(columns(rows))
    moved = spec(3, scale=scale).fit(columns((rows - away) * 2.0**power))
    assert moved.clusters == plain.clusters
    if isinstance(plain, FittedKMeans):
        assert moved.explained == pytest.approx(plain.explained, abs=1e-9)


@every
@given(rows=small, clusters=st.integers(1, 100))
def test_everyone_is_in_one_cluster_of_which_the_centre_is_the_mean(
    spec: Any, rows: Any, clusters: int
) -> None:
    fitted = spec(clusters).fit(columns(rows))
    assert fitted.clusters <= min(clusters, len(np.unique(rows, axis=0)))
    assert sorted(set(fitted.labels.tolist())) == list(range(fitted.clusters))
    assert fitted.sizes.tolist() == np.bincount(fitted.labels).tolist()
    assert (np.diff(fitted.sizes) <= 0).all()
    for number in range(fitted.clusters):
        mean = rows[fitted.labels == number].mean(axis=0)
        assert fitted.centres[number] == pytest.approx(mean, abs=1e-9)


@every
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(
    ("values", "clusters"),
    [([], 0), ([7.0], 1), ([7.0] * 5, 1), ([1.0, 2.0, 2.0], 2), ([1e90, -1e90, 0.0], 3)],
    ids=["nobody", "one customer", "all alike", "fewer than asked", "huge"],
)
def test_few_and_extreme_customers_have_a_defined_answer(
    spec: Any, scale: str, values: list[float], clusters: int
) -> None:
    fitted = spec(3, scale=scale).fit({"a": values, "same": [1.0] * len(values)})
    assert fitted.clusters == clusters
    assert len(fitted.labels) == fitted.n_customers == len(values)
    assert np.isfinite(fitted.centres).all()
    assert fitted.silhouette is None if clusters < 2 else abs(fitted.silhouette) <= 1


@every
def test_counts_near_two_to_the_53_are_told_apart(spec: Any) -> None:
    top = 2.0**53
    fitted = spec(2).fit({"a": [top, top - 1e15, 1.0, 2.0], "b": [0.0, 0.0, 0.0, 0.0]})
    assert fitted.labels[0] == fitted.labels[1] != fitted.labels[2] == fitted.labels[3]


@every
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e200])
def test_a_bad_value_is_refused_at_its_row(spec: Any, bad: float) -> None:
    given = blobs(20)
    given["b"][7] = bad
    with pytest.raises(InvalidInput) as caught:
        spec(2).fit(given)
    assert [fault.path for fault in caught.value.faults] == ["b[7]"]


@every
@pytest.mark.parametrize(
    ("given", "path"),
    [({}, "columns"), ({"a": ["x"]}, "a"), ({"a": [[1.0]]}, "a"), ({"a": [1.0], "b": []}, "b")],
)
def test_what_is_no_column_is_refused(spec: Any, given: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        spec(2).fit(given)
    assert path in [fault.path for fault in caught.value.faults]


@every
@pytest.mark.parametrize("weights", [[1.0], np.full(20, -1.0), np.full(20, np.nan), np.zeros(20)])
def test_bad_weights_are_refused(spec: Any, weights: Any) -> None:
    with pytest.raises(InvalidInput, match="weights"):
        spec(2).fit(blobs(20), weights=weights)


@every
@pytest.mark.parametrize(
    "options", [{"clusters": 0}, {"clusters": 101}, {"clusters": 2.0}, {"scale": "log"}]
)
def test_an_impossible_option_is_refused(spec: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(options))):
        spec(**options)


@every
def test_customers_of_weight_zero_are_placed_and_move_nothing(spec: Any) -> None:
    given = {"a": [0.0, 1.0, 100.0, 101.0, 99.0, 5000.0]}
    fitted = spec(2).fit(given, weights=[1, 1, 1, 1, 0, 0])
    plain = spec(2).fit({"a": given["a"][:4]})
    assert (fitted.centres == plain.centres).all()
    assert fitted.labels[4] == fitted.labels[2]
    assert fitted.n_customers == 4


@every
def test_more_rows_than_the_starts_look_at(spec: Any) -> None:
    """31,000 different customers in four clouds, of which starts see a part."""
    given = blobs(31_000)
    fitted = spec(4, starts=2).fit(given)
    quarter = (given["a"] > 5).astype(int) * 2 + (given["b"] > 5)
    assert len(set(zip(fitted.labels.tolist(), quarter.tolist(), strict=True))) == 4
    assert fitted.converged
