"""Forecasts against outcomes: scores by hand, and what holds of any forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics import calibration
from crmcore.domain.errors import InvalidInput

rows = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


@given(rows, st.integers(1, 12), st.randoms())
def test_groups_hold_everyone_once_in_rising_order_whatever_the_order(
    rows: list[tuple[float, bool]], groups: int, random: Any
) -> None:
    told, happened = (np.array(column, float) for column in zip(*rows, strict=True))
    seen = calibration(predicted=told, happened=happened, groups=groups)
    assert seen.size.sum() == len(rows)
    assert 1 <= len(seen.size) <= groups
    assert (np.diff(seen.predicted) > -1e-12).all()
    assert (seen.size * seen.observed).sum() == pytest.approx(happened.sum())
    assert seen.brier == pytest.approx(((told - happened) ** 2).mean())
    order = random.sample(range(len(rows)), len(rows))
    again = calibration(predicted=told[order], happened=happened[order], groups=groups)
    assert again.size.tolist() == seen.size.tolist()
    assert again.observed == pytest.approx(seen.observed)


def test_of_different_forecasts_groups_are_equal_in_size() -> None:
    told = np.random.default_rng(1).permutation(1000) / 1000
    seen = calibration(predicted=told, happened=told > 0.5)
    assert seen.size.tolist() == [100] * 10
    assert seen.expected_calibration_error == pytest.approx(0.249)


def test_right_forecasts_are_off_by_chance_only() -> None:
    draw = np.random.default_rng(2)
    told = draw.beta(0.5, 2, 100_000)
    seen = calibration(predicted=told, happened=draw.random(100_000) < told)
    off = (seen.observed - seen.predicted) / seen.error
    assert np.abs(off).max() < 3
    assert seen.brier == pytest.approx((told * (1 - told)).mean(), rel=0.02)
    assert seen.skill is not None
    assert seen.skill > 0.2


def test_without_an_outcome_that_differs_there_is_no_skill() -> None:
    seen = calibration(predicted=[0.1, 0.2], happened=[0, 0])
    assert seen.skill is None
    assert "skill none" in seen._repr_html_()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"predicted": [0.1, 1.2]}, r"predicted\[1\]"),
        ({"happened": [0, 0.5]}, r"happened\[1\]"),
        ({"happened": [0]}, "happened: has 1 rows"),
        ({"predicted": [], "happened": []}, "predicted"),
        ({"groups": 0}, "groups"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], path: str) -> None:
    given_: dict[str, Any] = {"predicted": [0.1, 0.2], "happened": [0, 1]}
    with pytest.raises(InvalidInput, match=path):
        calibration(**(given_ | change))
