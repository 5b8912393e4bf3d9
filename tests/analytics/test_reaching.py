"""The probability of reaching an amount: limits, laws, and simulation from the model itself."""

from __future__ import annotations

import tracemalloc
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.analytics import (
    BetaGeoNBDProcess,
    GammaGammaSpend,
    PurchaseAmounts,
    calibration,
    probability_of_reaching,
)
from crmcore.domain.errors import InvalidInput
from tests.analytics.test_bgnbd import parameters
from tests.analytics.test_every_process import any_history

PROCESS = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
SPEND = GammaGammaSpend(p=6.25, q=3.74, v=15.44)
WHO: dict[str, Any] = {"frequency": [0, 2, 7, 40], "recency": [0, 30, 29, 38], "T": 38.86}
MEANS = [0, 22.35, 40, 12]
OWN: dict[str, Any] = WHO | {"value": SPEND, "monetary_value": MEANS}
KNOWN: dict[str, Any] = WHO | {"value": PurchaseAmounts(mean=[20, 20, 40, 12], variation=0.7)}
COUNTS = WHO
KINDS = pytest.mark.parametrize("kind", [OWN, KNOWN, COUNTS], ids=["own", "known", "counts"])


def reaching(**asked: Any) -> np.ndarray:
    usual: dict[str, Any] = {"purchases": PROCESS, "t": 39}
    found = probability_of_reaching(**usual | asked)
    assert ((found.probability >= 0) & (found.probability <= 1)).all()
    assert found.failing == pytest.approx(1 - found.probability)
    assert found.expected == pytest.approx(found.probability.sum())
    return found.probability


@KINDS
def test_who_has_enough_has_reached_it(kind: dict[str, Any]) -> None:
    assert reaching(gap=[0, -5, 0, -1e100], **kind).tolist() == [1, 1, 1, 1]
    assert reaching(gap=0, t=0, **kind).tolist() == [1, 1, 1, 1]


@KINDS
def test_without_time_or_with_too_much_missing_nobody_reaches_it(kind: dict[str, Any]) -> None:
    assert reaching(gap=1, **kind | {"t": 0}).tolist() == [0, 0, 0, 0]
    assert reaching(gap=1e100, **kind) == pytest.approx([0, 0, 0, 0], abs=1e-9)


@KINDS
def test_for_next_to_nothing_one_purchase_is_enough(kind: dict[str, Any]) -> None:
    once = PROCESS.probability_of_at_least(n=1, t=39, **WHO)
    assert reaching(gap=1e-6, **kind) == pytest.approx(once, abs=1e-6)


@KINDS
def test_in_endless_time_only_those_who_left_fail_to_buy(kind: dict[str, Any]) -> None:
    found = probability_of_reaching(purchases=PROCESS, gap=1e-6, t=1e100, **kind)
    assert found.probability == pytest.approx(found.alive, rel=1e-6)


@KINDS
def test_the_more_is_missing_the_less_likely_and_the_more_time_the_likelier(
    kind: dict[str, Any],
) -> None:
    gaps = np.stack([reaching(gap=gap, **kind) for gap in np.geomspace(0.5, 2e4, 60)])
    assert (np.diff(gaps, axis=0) <= 1e-9).all()
    times = np.stack([reaching(gap=100, **kind | {"t": t}) for t in np.geomspace(0.01, 1e4, 60)])
    assert (np.diff(times, axis=0) >= -1e-9).all()


@KINDS
def test_each_customer_is_asked_alone(kind: dict[str, Any]) -> None:
    """Neither order nor company nor repetition matters, nor whether numbers are scalars."""
    gap = np.array([5.0, 30.0, 300.0, 900.0])
    together = reaching(gap=gap, **kind)
    for place in range(4):
        one = {
            name: np.asarray(v)[place] if np.ndim(v) else v
            for name, v in kind.items()
            if name != "value"
        }
        if isinstance(kind.get("value"), PurchaseAmounts):
            one["value"] = attrs.evolve(kind["value"], mean=kind["value"].mean[place])
        elif "value" in kind:
            one["value"] = kind["value"]
        alone = reaching(gap=gap[place], **one)
        assert alone.shape == ()
        assert float(alone) == pytest.approx(together[place], rel=1e-9)


def test_many_customers_are_those_few_many_times() -> None:
    """Chunks and widths of sums are made of rows that have nothing to do with each other."""
    order = np.random.default_rng(1).integers(0, 4, 20_000)
    gap = np.array([5.0, 30.0, 300.0, 900.0])
    few = reaching(gap=gap, **OWN)
    columns = {n: np.broadcast_to(OWN[n], 4)[order] for n in (*WHO, "monetary_value")}
    many = reaching(gap=gap[order], value=SPEND, **columns)
    assert many == pytest.approx(few[order], rel=1e-12)


def test_the_unit_of_money_and_of_time_do_not_matter() -> None:
    gap = np.array([5.0, 30.0, 300.0, 900.0])
    cents = reaching(
        gap=gap * 100,
        **WHO,
        value=attrs.evolve(SPEND, v=SPEND.v * 100),
        monetary_value=np.multiply(MEANS, 100),
    )
    assert cents == pytest.approx(reaching(gap=gap, **OWN), rel=1e-9)
    days = {name: np.multiply(WHO[name], 7) for name in ("recency", "T")}
    daily = reaching(
        gap=gap, **OWN | days | {"t": 7 * 39}, purchases=attrs.evolve(PROCESS, alpha=42)
    )
    assert daily == pytest.approx(reaching(gap=gap, **OWN), rel=1e-9)


def test_equal_amounts_are_counts() -> None:
    by_count = [reaching(gap=n, **WHO) for n in (1, 2, 3)]
    by_points = [reaching(gap=g, **WHO, value=PurchaseAmounts(mean=0.1)) for g in (0.1, 0.2, 0.3)]
    assert np.array_equal(by_points, by_count)
    tail = [PROCESS.probability_of_at_least(n=n, t=39, **WHO) for n in (1, 2, 3)]
    assert by_count == pytest.approx(np.stack(tail), rel=1e-12)
    assert reaching(gap=2.5, **WHO) == pytest.approx(tail[2])
    barely = reaching(gap=2.5, **WHO, value=PurchaseAmounts(variation=1e-3))
    assert barely == pytest.approx(tail[2], rel=1e-6)
    assert (reaching(gap=1, **WHO, value=PurchaseAmounts(mean=0)) == 0).all()


@given(
    parameters,
    any_history(BetaGeoNBDProcess),
    st.floats(1e-6, 1e6),
    st.floats(1e-6, 1e9),
    st.one_of(
        st.none(),
        st.builds(
            PurchaseAmounts,
            mean=st.floats(0, 1e6),
            variation=st.one_of(st.just(0.0), st.floats(1e-6, 10)),
        ),
        st.builds(
            GammaGammaSpend, p=st.floats(1e-2, 1e3), q=st.floats(1e-2, 1e3), v=st.floats(1e-3, 1e6)
        ),
    ),
)
def test_whatever_the_sizes_it_is_a_probability(
    process: BetaGeoNBDProcess, who: dict[str, float], t: float, gap: float, value: Any
) -> None:
    own = {"monetary_value": 3.0} if isinstance(value, GammaGammaSpend) else {}
    found = probability_of_reaching(purchases=process, t=t, gap=gap, value=value, **who, **own)
    assert 0 <= found.probability <= found.alive + 1e-12


def simulated(n: int, t: float, seed: int) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Histories at 30, amounts spent and purchases made in the t after: drawn from the models."""
    draw = np.random.default_rng(seed)
    bought = PROCESS.simulate(n_customers=n, T=30 + t, seed=seed)
    each = draw.gamma(SPEND.p, size=len(bought.time))
    each /= draw.gamma(SPEND.q, 1 / SPEND.v, n)[bought.customer]
    before = bought.time <= 30
    x = np.bincount(bought.customer[before], minlength=n)
    paid = np.bincount(bought.customer[before], each[before], n)
    last = np.zeros(n)
    np.maximum.at(last, bought.customer[before], bought.time[before])
    history = {
        "frequency": x,
        "recency": last,
        "T": 30.0,
        "monetary_value": paid / np.maximum(x, 1),
    }
    later = bought.customer[~before]
    return history, np.bincount(later, each[~before], n), np.bincount(later, minlength=n)


@pytest.mark.parametrize("gap", [10, 50, 200, 600])
def test_simulated_customers_spend_it_as_often_as_told(gap: float) -> None:
    """Over 20 groups of 5,000 customers, none is off by more than chance would have it."""
    history, spent, _ = simulated(100_000, 40, seed=3)
    told = reaching(gap=gap, t=40, value=SPEND, **history)
    seen = calibration(predicted=told, happened=spent >= gap, groups=20)
    off = np.abs(seen.observed - seen.predicted) / seen.error
    assert off.max() < 4
    assert np.sqrt((off**2).mean()) < 1.6


def test_simulated_customers_of_known_amounts_earn_as_often_as_told() -> None:
    history, _, bought = simulated(100_000, 40, seed=5)
    del history["monetary_value"]
    draw = np.random.default_rng(6)
    mean, variation = draw.uniform(5, 50, 100_000), draw.uniform(0.2, 2, 100_000)
    gap = draw.uniform(1, 200, 100_000)
    shape = variation**-2
    earned = np.where(bought > 0, draw.gamma(np.maximum(bought, 1) * shape) * mean / shape, 0)
    amounts = PurchaseAmounts(mean=mean, variation=variation)
    told = reaching(gap=gap, t=40, value=amounts, **history)
    seen = calibration(predicted=told, happened=earned >= gap, groups=20)
    assert (np.abs(seen.observed - seen.predicted) < 4 * seen.error).all()


HEAVY = BetaGeoNBDProcess(r=5, alpha=0.5, a=0.02, b=2)


@pytest.mark.parametrize(
    ("x", "t", "gap", "value"),
    [
        (100, 39, 3_000, SPEND),
        (0, 300, 30_000, SPEND),
        (0, 300, 3_000, GammaGammaSpend(p=1, q=0.5, v=10)),
        (5_000, 50, 5_000, PurchaseAmounts(variation=1)),
        (5_000, 50, 5_000, PurchaseAmounts(variation=0.1)),
        (5_000, 50, 5_000, PurchaseAmounts(variation=0.01)),
        (1_000, 50, 1_000, PurchaseAmounts(variation=10)),
    ],
)
def test_thousands_of_purchases_are_summed_as_if_one_by_one(
    x: int, t: float, gap: float, value: Any
) -> None:
    who = {"frequency": x, "recency": 50.0 if x else 0.0, "T": 50.0}
    own = {"monetary_value": 30.0} if isinstance(value, GammaGammaSpend) else {}
    n = np.arange(1, 60_001)
    made = HEAVY.probability_of_at_least(n=n, t=t, **who)
    given_ = {"frequency": x, **own} if own else {}
    enough = value.probability_of_sum(n=n, at_least=gap, **given_)
    one_by_one = (made * np.diff(enough, prepend=0.0)).sum()
    ours = reaching(purchases=HEAVY, t=t, gap=gap, value=value, **who, **own)
    assert float(ours) == pytest.approx(one_by_one, abs=1e-8)


@pytest.mark.parametrize("gap", [1e9, 1e12, 5e15, 1e17, 1e30])
@pytest.mark.parametrize("variation", [1e-6, 1e-3, 1])
def test_counts_beyond_what_floats_tell_apart_come_to_an_end(gap: float, variation: float) -> None:
    often = BetaGeoNBDProcess(r=1, alpha=1e-3, a=1e-3, b=1e3)
    who = {"frequency": 10_000, "recency": 1e-3, "T": 1e-3}  # some 5e15 purchases ahead
    amounts = PurchaseAmounts(variation=variation)
    found = float(reaching(purchases=often, t=1e9, gap=gap, value=amounts, **who))
    counts = float(reaching(purchases=often, t=1e9, gap=gap, **who))
    assert found == pytest.approx(counts, abs=0.01)


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"t": -1, "gap": np.nan}, ["t", "gap"]),
        ({"gap": [1, 2]}, ["gap"]),
        ({"monetary_value": None}, ["monetary_value"]),
        ({"monetary_value": [0, 0, 1, 1]}, ["monetary_value[1]"]),
        ({"monetary_value": [1, 1]}, ["monetary_value"]),
        ({"value": None}, ["monetary_value"]),
        ({"value": 3, "monetary_value": None}, ["value"]),
        ({"frequency": [0, -1, 0, 0], "t": "soon"}, ["t", "frequency[1]"]),
        ({"value": PurchaseAmounts(mean=[1, 2]), "monetary_value": None}, ["value.mean"]),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], paths: list[str]) -> None:
    usual: dict[str, Any] = {"purchases": PROCESS, "t": 1, "gap": 1}
    with pytest.raises(InvalidInput) as caught:
        probability_of_reaching(**usual | OWN | change)
    assert [fault.path for fault in caught.value.faults] == paths


@pytest.mark.parametrize(
    ("amounts", "path"),
    [
        ({"mean": -1}, "mean"),
        ({"mean": [1, np.inf]}, r"mean\[1\]"),
        ({"variation": 1e-9}, "variation"),
        ({"variation": [0.5, 11]}, r"variation\[1\]"),
        ({"mean": [1, 2], "variation": [1, 1, 1]}, "variation"),
    ],
)
def test_bad_amounts_are_named(amounts: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput, match=path):
        PurchaseAmounts(**amounts)


def test_a_result_is_frozen_and_shows_itself() -> None:
    found = probability_of_reaching(purchases=PROCESS, t=39, gap=[1, 2, 3, 0], **WHO)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.probability = found.alive  # type: ignore[misc]
    assert "of 4 expected to reach it" in found._repr_html_()
    none = probability_of_reaching(purchases=PROCESS, t=39, gap=[], frequency=[], recency=[], T=[])
    assert none.probability.shape == (0,)
    assert none.expected == 0


@pytest.mark.parametrize("kind", ["own", "known"])
def test_memory_beyond_a_few_columns_does_not_grow_with_customers(kind: str) -> None:
    draw, n = np.random.default_rng(1), 60_000
    x, mean = draw.integers(0, 30, n), draw.uniform(10, 50, n)
    columns: dict[str, Any] = {"frequency": x, "recency": np.where(x > 0, 30.0, 0), "T": 39.0}
    if kind == "own":
        columns |= {"value": SPEND, "monetary_value": mean}
    else:
        columns["value"] = PurchaseAmounts(mean=mean, variation=0.8)
    tracemalloc.start()
    reaching(gap=draw.uniform(1, 500, n), **columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - 40 * 8 * n < 2**24  # in one piece it takes 20 and 37 MiB
