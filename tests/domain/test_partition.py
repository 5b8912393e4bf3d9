"""Partitions as they are written, and how many predicates go into one statement."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore import InvalidInput, Model, field, partition
from crmcore.domain.bounds import in_turns
from crmcore.domain.matching import matcher
from crmcore.domain.predicates import And

VISITS = field("purchase_count")


@given(bounds=st.lists(st.integers(0, 9), max_size=6), visits=st.integers(0, 9))
def test_the_first_that_holds_wins(bounds: list[int], visits: int):
    """Exactly one of the predicates holds, and it is that of the first cell, or the rest."""
    cells = {f"to {n} {place}": n >= VISITS for place, n in enumerate(bounds)}
    exact = partition(cells, rest="more")
    holding = [name for name, one in exact.items() if matcher(one)(lambda _: visits)]
    first = next((name for name, n in zip(cells, bounds, strict=True) if visits <= n), "more")
    assert list(exact) == [*cells, "more"]
    assert holding == [first]


def test_a_hundred_cells_of_eight_terms_are_within_the_limits():
    """The last of them asks for all: 800 terms."""
    cells = {str(n): VISITS.between(n, n + 1) & VISITS.is_in(*range(7)) for n in range(100)}
    cells = {name: one & one & (VISITS > 0) & (VISITS < 9) for name, one in cells.items()}
    *_, last, rest = partition(cells).values()
    for one in (last, rest):
        assert Model().checked(one) == one  # of more than 1,000 terms it is refused
    cells["one more"] = And((VISITS > 0,) * 201)
    with pytest.raises(InvalidInput):
        Model().checked(partition(cells)["others"])


@pytest.mark.parametrize(
    ("cells", "path"),
    [({"others": VISITS > 1}, "rest"), ({"one": VISITS}, "['one']"), ([VISITS > 1], "")],
)
def test_what_is_no_partition_is_refused(cells: Any, path: str):
    """A name twice, a cell that is no predicate, cells without names."""
    with pytest.raises(InvalidInput) as caught:
        partition(cells)
    assert caught.value.faults[0].path == path


ASKED = st.lists(st.sampled_from([1, 10, 4_000, 10_000]), max_size=600)


@given(sizes=ASKED)
def test_turns_keep_order_and_limits(sizes: list[int]):
    """All predicates in their order; no turn of several is more than 10,000 values or 250 long."""
    by_size: dict[int, Any] = {n: VISITS.is_in(*range(n)) for n in (1, 10, 4_000, 10_000)}
    given = [by_size[n] for n in sizes]
    turns = list(in_turns(given))
    assert [one for turn in turns for one in turn] == given
    for turn in turns:
        assert len(turn) == 1 or (len(turn) <= 250 and values_of(turn) <= 10_000)
    for turn, following in pairwise(turns):
        both = [*turn, following[0]]
        assert values_of(both) + len(both) > 10_000 or len(turn) == 250


def values_of(turn: Sequence[Any]) -> int:
    """With how many values these are asked."""
    return sum(len(one.values) for one in turn)
