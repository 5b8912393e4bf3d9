"""Segments found by clustering, told by predicates: exactly one each, on every engine."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
import crmcore.testing
from crmcore import InvalidInput, Money, UnknownField, field
from crmcore.adapters.backend import Backend
from crmcore.analytics import GaussianMixture, KMeans
from crmcore.cli.samples import cdnow_sample
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.predicates import Comparison, Predicate
from crmcore.services import FoundSegments, find_segments, import_purchases
from crmcore.services.round_bounds import at_least
from tests.analytics.conftest import dataset
from tests.services.buyers import BEGIN, MODEL, check_split, filled
from tests.services.conftest import Open

NUMBERS = ["bags", "ratio", "share", "member", "born", "seen_at", "budget"]
TEXTS = ["seat", "tags", "language", "stage"]
BUILT_IN = ["last_purchase_at", "purchase_count", "revenue"]


def opened(count: int, seed: int = 1) -> Backend:
    return filled(crmcore.connect("memory://", model=MODEL), count, seed=seed)


def told_as_found(backend: Backend, found: FoundSegments) -> None:
    """The predicates select whom the result says, one segment each."""
    who = check_split(backend, found.predicates)
    assert {name: len(ids) for name, ids in who.items()} == {
        segment.name: segment.customers for segment in found.segments
    }
    own = dict(zip(found.customer_ids, found.clustering.labels.tolist(), strict=True))
    right = 0
    for number in range(found.clustering.clusters):
        segment = found.segments[number]
        members = [id for id in who[segment.name] if own.get(id) == number]
        right += len(members)
        assert segment.clustered == list(own.values()).count(number)
        assert segment.recall == pytest.approx(len(members) / segment.clustered)
        if segment.customers:
            assert segment.precision == pytest.approx(len(members) / segment.customers)
    assert found.fidelity == pytest.approx(right / max(len(own), 1))


@given(
    seed=st.integers(0, 1000), count=st.integers(0, 40),
    sizes=st.tuples(st.integers(1, 8), st.integers(1, 30)),
    by=st.lists(st.sampled_from([*NUMBERS, *BUILT_IN]), min_size=1, max_size=3, unique=True),
    told_by=st.lists(st.sampled_from([*NUMBERS, *TEXTS, *BUILT_IN]), max_size=4),
)  # fmt: skip
@settings(max_examples=30)
def test_everyone_is_in_exactly_one_segment_whatever_is_absent(
    seed: int, count: int, sizes: tuple[int, int], by: list[str], told_by: list[str]
) -> None:
    backend = opened(count, seed)
    found = find_segments(
        backend, by=by, told_by=told_by, leaves=sizes[1], model=KMeans(sizes[0], starts=1)
    )

    told_as_found(backend, found)


def test_the_same_segments_on_every_backend_and_at_every_run(open_store: Open) -> None:
    backend = filled(open_store(model=MODEL), 200)
    found, again = (find_segments(backend, told_by=[*TEXTS, *NUMBERS]) for _ in range(2))

    told_as_found(backend, found)
    elsewhere = find_segments(opened(200), told_by=[*TEXTS, *NUMBERS])
    assert again.segments == found.segments == elsewhere.segments
    assert again.customer_ids == found.customer_ids


def test_two_sorts_of_customers_are_told_in_a_few_words(open_store: Open) -> None:
    """Those who spend 10 and those who spend 500: the bound between is round."""
    backend = open_store()
    with backend.unit_of_work() as unit:
        for number in range(20):
            customer = crmcore.testing.a_customer(f"C{number}", nth=number + 1)
            unit.customers.add(customer)
            total = "10.07" if number % 4 else "523.19"
            unit.orders.add(crmcore.testing.an_order(customer, total, at=BEGIN))
    found = find_segments(backend, by=["revenue"], model=KMeans(2), name="spender")

    assert found.predicates == {
        "spender_1": Comparison("revenue", "<", Money("500.00", "EUR")),
        "spender_2": Comparison("revenue", ">=", Money("500.00", "EUR")),
    }
    assert [segment.customers for segment in found.segments] == [15, 5]
    assert [segment.means["revenue"] for segment in found.segments] == [
        Money("10.07", "EUR"), Money("523.19", "EUR"),
    ]  # fmt: skip
    assert found.fidelity == 1


def test_those_without_a_value_are_a_segment_of_their_own() -> None:
    backend = opened(100)
    found = find_segments(backend, by=["bags", "revenue"], model=KMeans(3))
    unknown = found.segments[-1]

    assert unknown.name == "cluster_unknown"
    assert unknown.predicate == field("bags").is_absent()
    assert unknown.customers > 0
    told_as_found(backend, found)


def test_only_those_looked_at_are_split() -> None:
    backend = opened(150)
    where = field("language") == "es"
    found = find_segments(backend, by=["revenue"], model=KMeans(3), where=where)

    everyone = {**found.predicates, "others": ~where}
    assert len(check_split(backend, everyone)["others"]) + len(found.customer_ids) == 150


def test_nobody_at_all_is_one_segment_for_all_to_come() -> None:
    found = find_segments(opened(0))
    assert [segment.name for segment in found.segments] == ["cluster_unknown"]
    assert found.fidelity == 0
    assert len(check_split(opened(9), found.predicates)["cluster_unknown"]) == 9


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"by": ["revenu"]}, UnknownField, "revenue"),
        ({"by": ["stage"]}, InvalidInput, "stage"),
        ({"by": []}, InvalidInput, "by"),
        ({"told_by": ["name"]}, InvalidInput, "different texts"),
        ({"told_by": ["attributes"]}, UnknownField, "attributes"),
        ({"leaves": 0}, InvalidInput, "leaves"),
        ({"where": field("nope") == 1}, UnknownField, "nope"),
    ],
)
def test_what_cannot_be_clustered_by_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        find_segments(opened(80), **arguments)


@pytest.fixture(scope="module")
def cdnow() -> Backend:
    dataset("CDNOW_sample.txt")
    sample = cdnow_sample()
    assert sample is not None
    backend = crmcore.connect("memory://", model=crmcore.Model(currency="USD"))
    backend.migrate()
    import_purchases(backend, sample.rows, source="cdnow")
    return backend


@pytest.mark.parametrize(
    ("clusters", "fidelity"), [(8, 0.97), (100, 0.99)], ids=["8 profiles", "100 profiles"]
)
@pytest.mark.parametrize("model", [KMeans, GaussianMixture])
def test_cdnow_in_8_and_in_100_profiles(
    cdnow: Backend, clusters: int, fidelity: float, model: Any
) -> None:
    """2,357 customers by recency, frequency and money; three leaves a cluster."""
    found = find_segments(cdnow, model=model(clusters, scale="rank"))

    assert found.clustering.clusters == clusters
    assert found.fidelity > fidelity
    told_as_found(cdnow, found)


WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)


@given(one=WHOLE, other=WHOLE)
def test_a_round_bound_divides_as_the_exact_one(one: int, other: int) -> None:
    below, above = sorted((one, other))
    if below == above:
        return
    found = at_least(Field("a", FieldType.INTEGER), below=below, above=above, model=MODEL)
    assert below < found <= above
    money = at_least(Field("m", FieldType.MONEY), below=below, above=above, model=MODEL)
    assert money.minor == found
    share = at_least(Field("d", FieldType.DECIMAL), below=below, above=above, model=MODEL)
    assert share == Decimal(found) / 10**6


@given(
    one=st.floats(allow_nan=False, allow_infinity=False, width=64),
    other=st.floats(allow_nan=False, allow_infinity=False, width=64),
)
def test_a_round_float_divides_as_the_exact_one(one: float, other: float) -> None:
    below, above = sorted((one, other))
    if below < above:
        found = at_least(Field("a", FieldType.FLOAT), below=below, above=above, model=MODEL)
        assert below < found <= above


@pytest.mark.parametrize(
    ("type", "below", "above", "bound"),
    [
        (FieldType.INTEGER, 2, 7, 5),
        (FieldType.INTEGER, 2, 3, 3),
        (FieldType.INTEGER, -3, 4, 0),
        (FieldType.INTEGER, -70, -12, -50),
        (FieldType.MONEY, 1007, 52319, Money("500.00", "EUR")),
        (FieldType.DECIMAL, 1_100_000, 1_900_000, Decimal("1.5")),
        (FieldType.FLOAT, 0.12, 0.19, 0.15),
        (FieldType.DATE, date(1999, 5, 3).toordinal(), date(1999, 7, 9).toordinal(),
         date(1999, 7, 1)),
        (FieldType.DATE, date(1999, 5, 3).toordinal(), date(1999, 5, 4).toordinal(),
         date(1999, 5, 4)),
    ],
)  # fmt: skip
def test_bounds_are_the_roundest_between(
    type: FieldType, below: float, above: float, bound: Any
) -> None:
    assert at_least(Field("a", type), below=below, above=above, model=MODEL) == bound


@pytest.mark.parametrize(
    ("below", "above", "bound"),
    [
        ("2025-03-05 10:00", "2025-04-09 12:00", "2025-03-31 22:00"),  # April begins in Madrid
        ("2024-03-05 10:00", "2025-04-09 12:00", "2024-12-31 23:00"),
        ("2025-04-09 10:10", "2025-04-09 12:20", "2025-04-09 12:00"),
        ("2025-10-26 00:30", "2025-10-26 01:30", "2025-10-26 01:00"),  # the hour that comes twice
    ],
)
def test_instants_are_rounded_in_the_models_zone(below: str, above: str, bound: str) -> None:
    millis = [
        int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
        for text in (below, above)
    ]
    found = at_least(Field("a", FieldType.INSTANT), below=millis[0], above=millis[1], model=MODEL)
    assert found == datetime.fromisoformat(bound).replace(tzinfo=UTC)


def test_the_numbers_of_a_clustering_are_those_of_the_profiles() -> None:
    backend = opened(60)
    found = find_segments(backend, by=["revenue"], model=KMeans(4))
    with backend.reading() as unit:
        held = unit.profiles.get_many(list(found.customer_ids))
    minor = np.array([held[id]["revenue"].minor for id in found.customer_ids])
    for number, segment in enumerate(found.segments):
        own = minor[found.clustering.labels == number]
        assert segment.means["revenue"].minor == pytest.approx(own.mean(), abs=0.51)


def test_a_predicate_too_large_to_store_is_refused_at_once() -> None:
    """A single cluster of hundreds of leaves would ask more than any store answers."""
    noise = [Comparison("revenue", ">=", Money(f"{n}.00", "EUR")) for n in range(1001)]
    where: Predicate = crmcore.domain.predicates.Or(tuple(noise))
    with pytest.raises(InvalidInput, match="terms"):
        find_segments(opened(30), where=where)
