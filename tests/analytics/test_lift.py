"""Lifts and differences of means: published numbers, laws, and coverage by simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crmcore.analytics import lift, mean_difference
from crmcore.domain.errors import InvalidInput

groups = st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)).flatmap(
    lambda sizes: st.tuples(
        st.just(sizes[0]), st.integers(0, sizes[0]), st.just(sizes[1]), st.integers(0, sizes[1])
    )
)


def one(x: float, m: float, y: float, n: float, level: float = 0.95) -> tuple[float, float, float]:
    found = lift(inside=[x], of_inside=m, outside=[y], of_outside=n, level=level)
    return float(found.lift[0]), float(found.low[0]), float(found.high[0])


def test_the_published_interval() -> None:
    """Koopman (1984), table 1: 36 of 40 against 16 of 80 at 95 %."""
    assert one(36, 40, 16, 80) == pytest.approx((4.5, 2.94, 7.15), abs=0.005)


@given(of=groups, level=st.sampled_from([0.8, 0.95, 0.99]))
def test_an_interval_holds_the_ratio_and_a_surer_one_is_wider(of: Any, level: float) -> None:
    m, x, n, y = of
    ratio, low, high = one(x, m, y, n, level)
    wider = one(x, m, y, n, (1 + level) / 2)
    assert 0 <= low <= high
    if x or y:
        assert low * (1 - 1e-9) <= ratio <= high * (1 + 1e-9)
    assert wider[1] <= low * (1 + 1e-9)
    assert wider[2] >= high * (1 - 1e-9)


@given(of=groups)
def test_the_other_way_round_is_the_reciprocal(of: Any) -> None:
    m, x, n, y = of
    _, low, high = one(x, m, y, n)
    _, other_low, other_high = one(y, n, x, m)
    assert low == pytest.approx(1 / other_high if np.isfinite(other_high) else 0.0, rel=1e-6)
    assert other_low == pytest.approx(1 / high if np.isfinite(high) else 0.0, rel=1e-6)


@given(of=groups)
def test_the_ends_are_where_the_chi_squared_test_begins_to_reject(of: Any) -> None:
    """At a ratio of 1 the score test is Pearson's test of a two by two table."""
    m, x, n, y = of
    table = np.array([[x, m - x], [y, n - y]])
    if (table.sum(axis=0) == 0).any():
        return
    p = stats.chi2_contingency(table, correction=False).pvalue
    _, low, high = one(x, m, y, n)
    if abs(p - 0.05) > 1e-6:
        assert (low <= 1 <= high) == (p > 0.05)


def test_nothing_inside_nothing_outside_and_nothing_at_all() -> None:
    nothing, low, high = one(0, 50, 10, 50)
    assert (nothing, low) == (0, 0)
    assert 0 < high < 1
    only, low, high = one(10, 50, 0, 50)
    assert (only, high) == (np.inf, np.inf)
    assert low > 1
    neither, low, high = one(0, 50, 0, 50)
    assert (np.isnan(neither), low, high) == (True, 0, np.inf)


def test_huge_counts_have_narrow_intervals() -> None:
    ratio, low, high = one(3e12, 1e13, 1e12, 1e13)
    assert ratio == pytest.approx(3)
    assert 3 - 1e-4 < low < 3 < high < 3 + 1e-4


def test_strength_is_the_surest_distance_from_one() -> None:
    found = lift(inside=[36, 4, 20], of_inside=40, outside=[16, 72, 40], of_outside=80)
    assert found.strength == pytest.approx([np.log2(found.low[0]), -np.log2(found.high[1]), 0])


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"inside": [41]}, "inside[0]"),
        ({"outside": [-1]}, "outside[0]"),
        ({"inside": [np.nan]}, "inside[0]"),
        ({"of_outside": 0}, "of_outside"),
        ({"level": 1.0}, "level"),
        ({"inside": [1, 2], "outside": [1, 2, 3]}, "outside"),
    ],
)
def test_impossible_counts_are_refused(change: dict[str, Any], path: str) -> None:
    given: dict[str, Any] = {"inside": [36], "of_inside": 40, "outside": [16], "of_outside": 80}
    given |= change
    with pytest.raises(InvalidInput) as caught:
        lift(**given)
    assert path in [fault.path for fault in caught.value.faults]


def test_welch_and_mann_whitney_agree_with_scipy() -> None:
    draw = np.random.default_rng(0)
    inside, outside = draw.gamma(2, 3, 60).round(1), draw.gamma(2, 2, 200).round(1)
    found = mean_difference(inside=inside, outside=outside)
    welch = stats.ttest_ind(inside, outside, equal_var=False).confidence_interval(0.95)
    wins = stats.mannwhitneyu(inside, outside).statistic

    assert (found.low, found.high) == pytest.approx((welch.low, welch.high))
    assert found.superiority == pytest.approx(wins / (60 * 200))


def test_one_customer_has_a_mean_and_no_interval() -> None:
    found = mean_difference(inside=[5.0], outside=[1.0, 2.0])
    assert (found.difference, found.low, found.high, found.superiority) == (3.5, None, None, 1)
    alike = mean_difference(inside=[5.0, 5.0], outside=[5.0, 5.0])
    assert (alike.low, alike.high, alike.superiority) == (0, 0, 0.5)


@pytest.mark.parametrize("side", ["inside", "outside"])
def test_nobody_on_one_side_is_refused(side: str) -> None:
    with pytest.raises(InvalidInput, match=side):
        mean_difference(
            inside=[] if side == "inside" else [1.0], outside=[] if side == "outside" else [2.0]
        )


SIZES = [(20, 200), (50, 5_000), (100, 100), (500, 10_000)]
SHARES = [0.01, 0.05, 0.2, 0.5, 0.9]
RATIOS = [0.25, 0.5, 1.0, 1.5]


def coverage(m: int, n: int, inside: float, outside: float, *, katz: bool) -> float:
    """The exact probability that the interval holds the true ratio, over all counts."""
    x, y = np.arange(m + 1), np.arange(n + 1)
    likely_x, likely_y = stats.binom.pmf(x, m, inside), stats.binom.pmf(y, n, outside)
    x, y = x[likely_x > 1e-7], y[likely_y > 1e-7]
    xs, ys = (side.ravel().astype(float) for side in np.meshgrid(x, y))
    if katz:
        logs = np.log((xs + 0.5) / (m + 0.5)) - np.log((ys + 0.5) / (n + 0.5))
        error = np.sqrt(1 / (xs + 0.5) - 1 / (m + 0.5) + 1 / (ys + 0.5) - 1 / (n + 0.5))
        low, high = np.exp(logs - 1.96 * error), np.exp(logs + 1.96 * error)
    else:
        found = lift(inside=xs, of_inside=m, outside=ys, of_outside=n)
        low, high = found.low, found.high
    weight = stats.binom.pmf(xs, m, inside) * stats.binom.pmf(ys, n, outside)
    held = (low <= inside / outside) & (inside / outside <= high)
    return float(weight[held].sum() / weight.sum())


@pytest.mark.slow
def test_the_interval_of_a_lift_holds_its_level() -> None:
    """Koopman's against Katz's in logs with halves added (Walter 1975), every count weighed."""
    cases = [
        (m, n, outside * ratio, outside)
        for m, n in SIZES
        for outside in SHARES
        for ratio in RATIOS
        if outside * ratio < 1
    ]
    score = [coverage(*case, katz=False) for case in cases]
    katz = [coverage(*case, katz=True) for case in cases]

    assert min(score) > 0.88
    assert 0.945 < np.mean(score) < 0.965
    assert np.abs(np.array(score) - 0.95).mean() < np.abs(np.array(katz) - 0.95).mean()


@pytest.mark.slow
@pytest.mark.parametrize(("inside", "outside"), [(30, 300), (200, 200), (12, 1_000)])
def test_the_interval_of_a_difference_holds_its_level(inside: int, outside: int) -> None:
    """Over 4,000 samples of normal values with different spreads."""
    draw = np.random.default_rng(1)
    held = 0
    for _ in range(4_000):
        found = mean_difference(
            inside=draw.normal(3, 5, inside), outside=draw.normal(1, 1, outside)
        )
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 2 <= found.high

    assert held / 4_000 == pytest.approx(0.95, abs=0.012)
