"""Curves read off for all rows are those that a row by itself would get."""

from __future__ import annotations

import numpy as np
import pytest

from crmcore.analytics import BetaGeoNBDProcess
from crmcore.analytics.blocks import ROWS, anywhere, by_blocks
from crmcore.analytics.checks import FloatArray
from crmcore.analytics.curves import per_count

ROWS_ASKED = 3 * ROWS + 5


def saturating(count: float | FloatArray, variable: FloatArray) -> FloatArray:
    """Smooth over the logarithm of the variable, and steep for high counts."""
    return np.asarray(-np.expm1(-(count + 0.5) * np.log1p(variable)))


@pytest.mark.parametrize("span", [(0.9, 1.4), (1e-9, 1e9), (3.0, 3.0), (1.0, 1 + 1e-15)])
def test_rows_together_get_what_each_gets_alone(span: tuple[float, float]) -> None:
    draw = np.random.default_rng(1)
    low, high = np.log(span).tolist()
    variable = np.exp(draw.uniform(low, high, ROWS_ASKED))
    count = draw.choice([0.0, 1.0, 2.0, 40.0, 10_000.0], ROWS_ASKED, p=[0.4, 0.3, 0.2, 0.09, 0.01])
    count[:3] = (17, 2.0**53, 5_000_000)
    found = per_count(saturating, count, variable)
    assert found == pytest.approx(saturating(count, variable), rel=1e-12, abs=0)


def test_a_term_that_is_missing_moves_no_other() -> None:
    """cosh of the centred logarithm has even terms only."""
    variable = np.exp(np.linspace(-0.5, 0.5, 1_001))
    found = per_count(lambda _, v: np.cosh(np.log(v)), np.zeros(1_001), variable)
    assert found == pytest.approx(np.cosh(np.log(variable)), rel=1e-13)


def test_a_row_by_itself_and_no_row_at_all() -> None:
    assert per_count(saturating, np.array(2.0), np.array(1.5)).shape == ()
    assert per_count(saturating, np.zeros(0), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("x", "t", "mean"),
    [
        (5_000, 0.5195221681733861, 2617.6739434874454877),
        (5_000, 7.3946107968037165, 36815.918452241019964),
    ],
)
def test_many_purchases_of_customers_who_hardly_leave(x: int, t: float, mean: float) -> None:
    """mpmath, 30 digits: the mean over p ~ Beta(0.01, 5000.5) of (1 - (1 + p t)**-5050) / p."""
    process = BetaGeoNBDProcess(r=50, alpha=1, a=0.01, b=0.5)
    asked = process.expected_purchases(t=2 * t, frequency=x, recency=1, T=1)
    alive = process.probability_alive(frequency=x, recency=1, T=1)
    assert float(asked / alive) == pytest.approx(mean, rel=1e-12)


def test_blocks_change_no_number_and_keep_the_shape() -> None:
    column = np.random.default_rng(2).random(ROWS_ASKED)
    assert (by_blocks(np.log1p, column) == np.log1p(column)).all()
    assert by_blocks(np.log1p, np.array(1.0)).shape == ()
    assert by_blocks(np.log1p, np.zeros(0)).shape == (0,)


def test_the_last_row_counts_as_the_first() -> None:
    column = np.zeros(ROWS_ASKED)
    assert not anywhere(lambda value: value > 0, column)
    column[-1] = 1
    assert anywhere(lambda value: value > 0, column)
    assert anywhere(lambda value: value > 0, np.array(1.0))
