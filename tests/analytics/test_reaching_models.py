"""Reaching a tier in each model that counts purchases: by brute force, and as drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import gammaincc

from crmcore.analytics import (
    BetaGeoNBDProcess,
    GammaGammaSpend,
    GammaGompertzNBDProcess,
    ModifiedBetaGeoNBDProcess,
    NBDProcess,
    ParetoNBDProcess,
    PurchaseAmounts,
    probability_of_reaching,
)
from crmcore.domain.errors import InvalidInput

MODELS = {
    "NBD": NBDProcess(r=0.6, alpha=8),
    "BG/NBD": BetaGeoNBDProcess(r=0.6, alpha=8, a=0.8, b=2.5),
    "MBG/NBD": ModifiedBetaGeoNBDProcess(r=0.6, alpha=8, a=0.8, b=2.5),
    "Pareto/NBD": ParetoNBDProcess(r=0.6, alpha=8, s=0.8, beta=20),
}
WHO: dict[str, Any] = {"frequency": [0, 5, 15], "recency": [0, 48, 40], "T": 52}


def summed(model: Any, *, t: float, gap: float, variation: float, most: int) -> np.ndarray:
    """The sum over k of P(X >= k) times the chance that the k-th purchase fills the gap."""
    k = np.arange(1, most + 1)
    shape = variation**-2.0
    enough = gammaincc(np.append(0, k) * shape + 1e-300, gap * shape)
    enough[0] = 0.0
    out = []
    for x, recency in zip(WHO["frequency"], WHO["recency"], strict=True):
        made = model.probability_of_at_least(n=k, t=t, frequency=x, recency=recency, T=WHO["T"])
        out.append((made * np.diff(enough)).sum())
    return np.array(out)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("t", "gap", "variation"), [(26, 3, 0.7), (52, 12, 0.3), (5, 0.2, 2.0)])
def test_it_is_the_sum_over_counts(name: str, t: float, gap: float, variation: float) -> None:
    model: Any = MODELS[name]
    amounts = PurchaseAmounts(mean=1, variation=variation)
    told = probability_of_reaching(purchases=model, t=t, gap=gap, value=amounts, **WHO)
    right = summed(model, t=t, gap=gap, variation=variation, most=400)
    assert told.probability == pytest.approx(right, abs=1e-10)
    equal = probability_of_reaching(purchases=model, t=t, gap=gap, **WHO)
    needed = model.probability_of_at_least(n=np.ceil(gap), t=t, **WHO)
    assert equal.probability == pytest.approx(needed, abs=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_hundreds_of_purchases_are_summed_as_if_one_by_one(name: str) -> None:
    model: Any = MODELS[name]
    amounts = PurchaseAmounts(mean=1, variation=0.5)
    told = probability_of_reaching(purchases=model, t=5000, gap=700, value=amounts, **WHO)
    right = summed(model, t=5000, gap=700, variation=0.5, most=1200)
    assert told.probability == pytest.approx(right, abs=1e-7)


@pytest.mark.parametrize("name", MODELS)
def test_newcomers_spend_it_as_often_as_told(name: str) -> None:
    model: Any = MODELS[name]
    spend = GammaGammaSpend(p=6.25, q=3.74, v=15.44)
    n = 40_000
    seen = model.simulate(n_customers=n, T=52, seed=5)
    spent = seen.frequency * spend.simulate(frequency=seen.frequency, seed=6)
    told = probability_of_reaching(
        purchases=model, value=spend, frequency=0, recency=0, T=0, monetary_value=0, t=52,
        gap=[30, 100, 300],
    )  # fmt: skip
    for gap, chance in zip(told.gap, told.probability, strict=True):
        error = np.sqrt(chance * (1 - chance) / n)
        assert abs((spent >= gap).mean() - chance) < 4 * error


@pytest.mark.parametrize("name", MODELS)
def test_the_edges_are_told(name: str) -> None:
    model: Any = MODELS[name]
    told = probability_of_reaching(
        purchases=model, t=[0, 26, 26, 1e9], gap=[1, 0, 1e100, 1e-9], frequency=5, recency=48, T=52
    )
    alive = float(model.probability_alive(frequency=5, recency=48, T=52))
    assert told.probability[:3].tolist() == [0, 1, 0]
    assert 0 < told.probability[3] <= alive
    none = probability_of_reaching(purchases=model, t=1, gap=[], frequency=[], recency=[], T=[])
    assert none.expected == 0


def test_other_models_are_refused_by_what_is_taken() -> None:
    other: Any = GammaGompertzNBDProcess(r=1, alpha=1, b=0.1, s=1, beta=1)
    with pytest.raises(InvalidInput, match="NBD, BG/NBD, MBG/NBD or Pareto/NBD"):
        probability_of_reaching(purchases=other, frequency=0, recency=0, T=0, t=1, gap=1)
