"""Reaching an amount: the exact sum for 200,000 customers, beside drawing their futures.

The customers are CDNOW's, drawn with replacement, each with a gap of its own up to $400, and
regulars with 20 to 100 purchases in a year. The rival draws 400 futures of each customer from
what the models leave of rate, dropout and amounts: its probabilities have standard errors up to
.025 where ours have ten digits, so the ratio flatters it. Counts of purchases have no rival.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks.fit_cdnow import cdnow
from benchmarks.harness import Comparison, alone, compare
from crmcore.analytics import (
    BetaGeoNBDProcess,
    GammaGammaSpend,
    PurchaseAmounts,
    probability_of_reaching,
)

ROWS, FUTURES, CHUNK = 200_000, 400, 5_000
PURCHASES = BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426)
OFTEN = BetaGeoNBDProcess(r=3, alpha=3, a=0.1, b=5)
SPEND = GammaGammaSpend(p=6.25, q=3.74, v=15.44)

Columns = dict[str, Any]


def drawn(process: BetaGeoNBDProcess, *, t: float, gap: np.ndarray, **who: Any) -> np.ndarray:
    """The share of drawn futures in which each customer spends the gap."""
    z = who.pop("monetary_value")
    x, age = who["frequency"], who["T"]
    alive, draw = process.probability_alive(**who), np.random.default_rng(1)
    share = np.empty(len(x))
    for start in range(0, len(x), CHUNK):
        some = slice(start, start + CHUNK)
        shape = (len(x[some]), FUTURES)
        n, since, mean = (column[some, None] for column in (x, process.alpha + age, z))
        bought = draw.poisson(draw.gamma(process.r + n, t / since, shape))
        stays = draw.geometric(np.maximum(draw.beta(process.a, process.b + n, shape), 1e-12))
        bought = np.minimum(bought, stays) * (draw.random(shape) < alive[some, None])
        rate = draw.gamma(SPEND.q + SPEND.p * n, 1 / (SPEND.v + n * mean), shape)
        spent = draw.gamma(SPEND.p * np.maximum(bought, 1e-9)) / rate
        share[some] = (spent >= gap[some, None]).mean(axis=1)
    return share


def customers() -> Columns:
    """CDNOW's, many times, and what each of them lacks."""
    draw, columns = np.random.default_rng(1), cdnow()
    place = draw.integers(0, len(columns["T"]), ROWS)
    return {name: c[place] for name, c in columns.items()} | {"gap": draw.uniform(1, 400, ROWS)}


def regulars() -> Columns:
    """Who bought 20 to 100 times in a year, and lacks as much as that."""
    draw = np.random.default_rng(2)
    return {
        "frequency": draw.integers(20, 100, ROWS),
        "recency": draw.uniform(40, 52, ROWS),
        "T": np.full(ROWS, 52.0),
        "monetary_value": draw.uniform(10, 50, ROWS),
        "gap": draw.uniform(100, 4000, ROWS),
    }


def main() -> list[Comparison]:
    """Gamma-Gamma amounts for both kinds of customer; known amounts and counts alone."""
    found = []
    for name, process, columns in (
        ("CDNOW", PURCHASES, customers()),
        ("regulars", OFTEN, regulars()),
    ):
        ours = partial(probability_of_reaching, purchases=process, value=SPEND, t=39, **columns)
        theirs = partial(drawn, process, t=39, **columns)
        found.append(
            compare(f"reach an amount, {name}", ours, theirs, repeat=3,
                    rival_name=f"{FUTURES} futures drawn", rows=ROWS)
        )  # fmt: skip
    columns = customers()
    mean = columns.pop("monetary_value") + 20
    asked = partial(probability_of_reaching, purchases=PURCHASES, t=39, **columns)
    varied, equal = PurchaseAmounts(mean=mean, variation=0.8), PurchaseAmounts(mean=mean)
    found.append(alone("reach points of varied purchases", partial(asked, value=varied), rows=ROWS))
    found.append(alone("reach points of equal purchases", partial(asked, value=equal), rows=ROWS))
    return found
