"""Differences of log-gamma functions and sums over whole numbers, against exact values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics.gamma_steps import log_cross, log_rise, rise_slopes
from crmcore.analytics.whole_sums import Terms, whole_nodes

sizes = st.floats(1e-9, 1e9)


@given(sizes, st.integers(0, 300))
def test_rising_factorials_equal_their_factors(c: float, k: int) -> None:
    """Also where c is so large that differences of gamma functions have no digit left."""
    factors = c + np.arange(k)
    assert log_rise(c, k) == pytest.approx(np.log(factors).sum(), rel=1e-13, abs=1e-13)
    first, second = rise_slopes(c, k)
    assert first == pytest.approx((1 / factors).sum(), rel=1e-13)
    assert second == pytest.approx(-(1 / factors**2).sum(), rel=1e-13)


@given(sizes, sizes, st.integers(0, 300))
def test_chances_to_let_steps_pass_equal_their_factors(z: float, a: float, steps: int) -> None:
    """A second difference: relative precision, however little a step takes."""
    brute = np.log1p(a / (z + np.arange(steps))).sum()
    assert log_cross(z, a, steps) == pytest.approx(brute, rel=1e-8)
    assert log_cross(z, a, steps) == pytest.approx(brute, rel=1e-12, abs=1e-16)
    assert log_cross(z, steps, a) == pytest.approx(brute, rel=1e-8)


@pytest.mark.parametrize("count", [0, 1, 64, 65, 90, 1000, 123_457, 2_000_000])
@pytest.mark.parametrize("power", [0.0, 0.3, 1.0, 2.5])
def test_sums_in_blocks_equal_sums_of_single_terms(count: int, power: float) -> None:
    k, weight = whole_nodes(count)
    brute = ((3.0 + np.arange(count)) ** -power).sum()
    assert (weight * (3.0 + k) ** -power).sum() == pytest.approx(brute, rel=1e-12)
    assert len(k) <= 64 + 24 * 17


def test_sums_of_more_terms_than_can_be_counted() -> None:
    """The sum of 1 / ((k + 1) (k + 2)) telescopes."""
    for count in (1e10, 1e16, 1e100):
        k, weight = whole_nodes(count)
        brute = 1 - 1 / (count + 1)
        assert (weight / (k + 1) / (k + 2)).sum() == pytest.approx(brute, rel=1e-13)


def test_sums_side_by_side() -> None:
    terms = Terms.of(np.array([3.0, 0.0, 1000.0, 3.0]))
    assert terms.sum(terms.k).tolist() == pytest.approx([3, 0, 499_500, 3])
    assert Terms.of(np.zeros(0)).sum(np.zeros(0)).tolist() == []
    single = Terms.of(np.array([500.0]), 1.0)
    assert single.k.tolist() == list(range(500))
