"""Rules that tell clusters apart: everyone in exactly one leaf, absent values included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics import KMeans, Leaf, RuleTree, Split
from crmcore.domain.errors import InvalidInput
from tests.analytics.test_every_clustering import blobs

NAN = float("nan")

cells = st.lists(
    st.tuples(
        st.one_of(st.just(NAN), st.integers(-4, 4)), st.one_of(st.just(NAN), st.integers(0, 2)),
        st.integers(0, 4),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


def falls(leaf: Leaf, row: dict[str, float]) -> bool:
    def answer(split: Split) -> bool:
        return not np.isnan(row[split.name]) and row[split.name] >= split.above

    return all(map(answer, leaf.yes)) and not any(map(answer, leaf.no))


@given(rows=cells, leaves=st.integers(1, 12), depth=st.integers(1, 6))
def test_everyone_is_in_exactly_one_leaf_and_told_its_label(
    rows: Any, leaves: int, depth: int
) -> None:
    columns = {"a": [row[0] for row in rows], "b": [row[1] for row in rows]}
    labels = [row[2] for row in rows]
    tree = RuleTree(leaves=leaves, depth=depth).fit(columns, labels)

    for place, row in enumerate(rows):
        own = [leaf for leaf in tree.leaves if falls(leaf, {"a": row[0], "b": row[1]})]
        assert [leaf.label for leaf in own] == [tree.told[place]]
    assert len(tree.leaves) <= leaves
    assert sum(leaf.size for leaf in tree.leaves) == len(rows)
    assert tree.fidelity == pytest.approx(np.mean(tree.told == labels))


@given(rows=cells)
def test_no_rules_tell_more_than_the_columns_can(rows: Any) -> None:
    """Of equal rows the most frequent label; nothing can be better."""
    columns = {"a": [row[0] for row in rows], "b": [row[1] for row in rows]}
    tree = RuleTree(leaves=1000, depth=100).fit(columns, [row[2] for row in rows])
    alike: dict[Any, list[int]] = {}
    for a, b, label in rows:
        alike.setdefault((str(a), str(b)), []).append(label)
    most = sum(max(map(found.count, found)) for found in alike.values())
    commonest = max(np.bincount([row[2] for row in rows]))
    assert commonest / len(rows) <= tree.fidelity <= most / len(rows)


@given(rows=cells, order=st.randoms(use_true_random=False))
def test_the_order_of_customers_does_not_matter(rows: Any, order: Any) -> None:
    mixed = list(rows)
    order.shuffle(mixed)
    one, other = (
        RuleTree(leaves=6).fit(
            {"a": [row[0] for row in some], "b": [row[1] for row in some]},
            [row[2] for row in some],
        )
        for some in (rows, mixed)
    )
    assert one.leaves == other.leaves


def test_a_weight_is_a_repetition() -> None:
    columns = {"a": [1.0, 2.0, 3.0, NAN]}
    times = [3, 1, 2, 2]
    weighted = RuleTree().fit(columns, [0, 1, 1, 0], weights=times)
    repeated = RuleTree().fit({"a": np.repeat(columns["a"], times)}, np.repeat([0, 1, 1, 0], times))
    assert weighted.leaves == repeated.leaves
    assert weighted.fidelity == repeated.fidelity == 1


def test_precision_and_recall_by_hand() -> None:
    """Told apart at 10: one of label 0 lies above."""
    tree = RuleTree(leaves=2).fit({"a": [1, 2, 3, 20, 10, 11, 12]}, [0, 0, 0, 0, 1, 1, 1])
    assert tree.told.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert tree.fidelity == pytest.approx(6 / 7)
    assert tree.precision.tolist() == [1, 0.75]
    assert tree.recall.tolist() == [0.75, 1]


def test_a_label_that_gets_no_leaf_has_no_recall() -> None:
    tree = RuleTree(leaves=2).fit({"a": [1, 1, 1, 5, 5, 9]}, [0, 0, 0, 1, 1, 2])
    assert tree.recall.tolist() == [1, 1, 0]
    assert tree.precision.tolist() == [1, pytest.approx(2 / 3), 0]


def test_absence_is_a_question_of_its_own() -> None:
    tree = RuleTree(leaves=2).fit({"a": [NAN, NAN, -5.0, 7.0]}, [1, 1, 0, 0])
    split = Split("a", -np.inf, -5.0)
    assert {leaf.label: (leaf.yes, leaf.no) for leaf in tree.leaves} == {
        0: ((split,), ()),
        1: ((), (split,)),
    }


def test_the_columns_that_matter_are_asked() -> None:
    """Agreement with what made the labels: a clustering in two of three columns."""
    given = blobs(2_000)
    labels = KMeans(4).fit(given).labels
    noise = np.random.default_rng(0).random(2_000)
    tree = RuleTree(leaves=4).fit({"noise": noise, **given}, labels)
    asked = {split.name for leaf in tree.leaves for split in (*leaf.yes, *leaf.no)}
    assert asked == {"a", "b"}
    assert tree.fidelity > 0.998


def test_nobody_has_one_empty_leaf() -> None:
    tree = RuleTree().fit({"a": []}, [])
    assert (len(tree.leaves), tree.fidelity) == (1, 0)


@pytest.mark.parametrize(
    ("columns", "labels", "path"),
    [
        ({"a": [1.0, np.inf]}, [0, 1], "a[1]"),
        ({"a": [1.0]}, [0, 1], "a"),
        ({"a": ["x", "y"]}, [0, 1], "a"),
        ({"a": [1.0, 2.0]}, [0, -1], "labels[1]"),
        ({"a": [1.0, 2.0]}, [0, 0.5], "labels[1]"),
        ({"a": [1.0, 2.0]}, [0, 10_000], "labels"),
    ],
)
def test_what_cannot_be_read_is_refused(columns: Any, labels: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        RuleTree().fit(columns, labels)
    assert caught.value.faults[0].path == path
