"""Equal rows are found where values are few, and answered once."""

from __future__ import annotations

from unittest.mock import Mock

import numpy as np
import pytest

from crmcore.analytics.checks import FloatArray
from crmcore.analytics.histories import FEW, once_each
from crmcore.analytics.levels import Lattice, Levels

MANY = 5 * FEW
DAYS = np.random.default_rng(1).integers(1, 40, MANY) / 7
COUNTS = np.random.default_rng(2).integers(0, 5, MANY).astype(float)


def weighed(*columns: FloatArray) -> FloatArray:
    """An answer that tells rows apart."""
    return np.asarray(sum(10.0**place * column for place, column in enumerate(columns)))


@pytest.mark.parametrize(
    "other",
    [
        np.full(MANY, 39.0),
        DAYS[::-1],
        np.linspace(0, 1, MANY),  # a value to each row
        np.where(np.arange(MANY) == MANY - 1, np.nextafter(3.0, 4.0), DAYS + 3),  # two too close
        np.where(np.arange(MANY) == MANY - 1, 1e300, DAYS),
        -DAYS,
    ],
)
def test_rows_get_their_own_answer(other: FloatArray) -> None:
    found = once_each(weighed, COUNTS, DAYS, other)
    assert (found == weighed(COUNTS, DAYS, other)).all()


def test_equal_rows_are_asked_once() -> None:
    answer = Mock(side_effect=weighed)
    once_each(answer, COUNTS, DAYS)
    ((columns, _),) = answer.call_args_list
    assert len(columns[0]) == len({*zip(COUNTS.tolist(), DAYS.tolist(), strict=True)})


def test_two_values_in_one_bucket_are_no_levels() -> None:
    column = np.append(np.repeat([0.0, 0.25, 1.0], MANY), 0.25 + 1e-9)
    assert Levels.of(column) is None
    assert Levels.of(np.roll(column, 1)) is None
    assert Levels.of(np.array([-1e308, 1e308])) is None
    levels = Levels.of(column[:-1])
    assert levels is not None
    assert levels.values.tolist() == [0, 0.25, 1]


def test_combinations_far_more_than_rows_are_no_lattice() -> None:
    sparse = [np.arange(100.0), np.arange(100.0), np.arange(100.0)]
    assert Lattice.of(sparse) is None
    assert Lattice.of(sparse[:1]) is not None
