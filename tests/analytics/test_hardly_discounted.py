"""Discounted purchases where next to nothing is discounted: the far future has to be right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import betaln, gammaln

from crmcore.analytics import BetaGeoNBDProcess, ModifiedBetaGeoNBDProcess
from crmcore.analytics.beta_geometric import BetaGeometricProcess
from crmcore.domain.errors import InvalidInput

RATES = [1e-2, 1e-6, 1e-8, 1e-9, 1e-12, 1e-20, 1e-50]
WHO = [(0, 0.0), (5, 48.0), (50, 50.0)]


@pytest.mark.parametrize("kind", [BetaGeoNBDProcess, ModifiedBetaGeoNBDProcess])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("a", "b"), [(1.8, 2.5), (20.0, 100.0), (3.0, 0.2)])
def test_without_discount_it_is_the_odds_of_staying(
    kind: type[Any], rate: float, a: float, b: float
) -> None:
    """Purchases of one who leaves after each with p are 1/p in all; the mean of that is known."""
    process = kind(r=2.5, alpha=6, a=a, b=b)
    x, recency = (np.array(column) for column in zip(*WHO, strict=True))
    who: dict[str, Any] = {"frequency": x, "recency": recency, "T": 52}
    got = process.discounted_purchases(discount_rate=rate, **who)
    ever = process.probability_alive(**who) * (a + b + process._first + x - 1) / (a - 1)
    assert (got < ever * (1 + 1e-9)).all()
    if rate <= 1e-20:
        assert got == pytest.approx(ever, rel=1e-9)


def present_worth(process: BetaGeometricProcess, x: float, recency: float, rate: float) -> float:
    """P(alive) E[lambda / (rate + p lambda)], over both distributions by small steps."""
    shape, since, stays = process.r + x, process.alpha + 52, process.b + process._first + x
    logs = np.linspace(-60 / min(shape, 1), np.log(shape) + 8, 801)
    density = np.exp(shape * logs - np.exp(logs) - gammaln(shape)) * (logs[1] - logs[0])
    pace = np.exp(logs) / since
    reach = 60 / min(process.a, 1) + abs(np.log(rate)) + 20
    y = np.linspace(-reach, 60 / min(stays, 1) + 10, 4001)
    p, q = -np.logaddexp(0, -y), -np.logaddexp(0, y)
    leaves = np.exp(process.a * p + stays * q - betaln(process.a, stays)) * (y[1] - y[0])
    worth = pace[:, None] / (rate + np.exp(p) * pace[:, None])
    alive = process.probability_alive(frequency=x, recency=recency, T=52)
    return float(alive * (density @ worth @ leaves))


@pytest.mark.parametrize("kind", [BetaGeoNBDProcess, ModifiedBetaGeoNBDProcess])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("a", "b"), [(0.8, 2.5), (0.1, 0.3), (20.0, 100.0)])
def test_it_is_right_at_any_rate(kind: type[Any], rate: float, a: float, b: float) -> None:
    process = kind(r=0.5, alpha=6, a=a, b=b)
    x, recency = WHO[1]
    got = process.discounted_purchases(discount_rate=rate, frequency=x, recency=recency, T=52)
    assert float(got) == pytest.approx(present_worth(process, x, recency, rate), rel=1e-9)


def test_a_far_horizon_is_right_too() -> None:
    """Discounted by e**-45 at its end, a horizon makes no difference."""
    process = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
    who: dict[str, Any] = {"frequency": 5, "recency": 48, "T": 52}
    endless = process.discounted_purchases(discount_rate=1e-15, **who)
    far = process.discounted_purchases(discount_rate=1e-15, horizon=5e16, **who)
    assert float(far) == pytest.approx(float(endless), rel=1e-12)


@pytest.mark.parametrize(
    ("ahead", "path"), [({}, "discount_rate"), ({"horizon": 1e200}, "horizon")]
)
def test_what_float64_cannot_tell_is_refused(ahead: dict[str, float], path: str) -> None:
    process = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
    with pytest.raises(InvalidInput, match=f"^{path}: "):
        process.discounted_purchases(discount_rate=1e-300, frequency=5, recency=48, T=52, **ahead)
