"""Predictions for a million customers by BG/NBD, MBG/NBD and Gamma-Gamma, beside lifetimes.

    python -m benchmarks predict

P(alive), purchases expected over 39 weeks, the value of a purchase, and the lifetime value over
twelve months. Both sides get the same arrays and the same parameters. Lifetime values are not the
same number: lifetimes discounts twelve months, each at its end, ours every purchase when it is
made; how far apart they are at most is told beside. Without lifetimes no rival is printed.

P(alive) and the value of a purchase are one formula each in lifetimes, which checks nothing: only
passes over memory can be saved there. Lines that say `bare` show what could be won at most: the
same formula in numpy, block by block, without a check, in place of ours.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from benchmarks.fit_cdnow import million, rival
from benchmarks.fit_pareto_nbd import prediction
from benchmarks.harness import Comparison
from crmcore.analytics import (
    BetaGeoNBDProcess,
    GammaGammaSpend,
    ModifiedBetaGeoNBDProcess,
    lifetime_value,
)
from crmcore.analytics.blocks import by_blocks

PURCHASES = BetaGeoNBDProcess(r=0.6, alpha=9, a=1.2, b=6)
MODIFIED = ModifiedBetaGeoNBDProcess(r=0.6, alpha=9, a=1.2, b=6)
SPEND = GammaGammaSpend(p=6.25, q=3.74, v=15.44)
MONTHS, WEEKS, MONTHLY = 12, 4.345, 0.01
"""A month of so many weeks, as lifetimes has it, and its discount."""


def main() -> list[Comparison]:
    """All comparisons."""
    warnings.simplefilter("ignore")
    theirs, columns = rival(), million()
    who: dict[str, Any] = {key: columns[key] for key in ("frequency", "recency", "T")}
    x, rows = who["frequency"], len(who["T"])
    money = np.where(x > 0, np.random.default_rng(2).gamma(6.0, 5.0, rows), 0.0)
    bought, modified, spent = fitters(theirs)

    def worth() -> Any:
        return lifetime_value(
            purchases=PURCHASES, value=SPEND, **who, monetary_value=money,
            horizon=MONTHS * WEEKS, discount_rate=float(np.log1p(MONTHLY)) / WEEKS,
        ).value  # fmt: skip

    def their_worth() -> Any:
        return spent.customer_lifetime_value(
            bought, *(_series(column) for column in (*who.values(), money)), time=MONTHS,
            discount_rate=MONTHLY, freq="W",
        )  # fmt: skip

    found = []
    for name, ours, other in (("BG/NBD", PURCHASES, bought), ("MBG/NBD", MODIFIED, modified)):
        asked: list[Any] = [
            (
                f"P(alive), {name}",
                lambda p=ours: p.probability_alive(**who),
                lambda f=other: f.conditional_probability_alive(*who.values()),
            ),
            (
                f"expected purchases, {name}",
                lambda p=ours: p.expected_purchases(t=39, **who),
                lambda f=other: f.conditional_expected_number_of_purchases_up_to_time(
                    39, *who.values()
                ),
            ),
        ]
        found += [prediction(*each, theirs=theirs, rows=rows) for each in asked]
    found.append(
        prediction(
            "value of a purchase",
            lambda: SPEND.expected_average_value(frequency=x, monetary_value=money),
            lambda: spent.conditional_expected_average_profit(_series(x), _series(money)),
            theirs=theirs,
            rows=rows,
        )
    )
    found += [
        prediction(
            "P(alive), MBG/NBD, bare",
            lambda: by_blocks(_bare_alive, *who.values()),
            lambda: modified.conditional_probability_alive(*who.values()),
            theirs=theirs,
            rows=rows,
        ),
        prediction(
            "value of a purchase, bare",
            lambda: by_blocks(_bare_value, x, money),
            lambda: spent.conditional_expected_average_profit(_series(x), _series(money)),
            theirs=theirs,
            rows=rows,
        ),
        prediction("lifetime value", worth, their_worth, theirs=theirs, rows=rows, repeat=3),
    ]
    return found


def _bare_alive(x: Any, recency: Any, age: Any) -> Any:
    """With one logarithm, one exponential and two divisions per customer."""
    grown = np.log1p((age - recency) / (MODIFIED.alpha + recency))
    stays = (MODIFIED.b + x) * np.exp(-(MODIFIED.r + x) * grown)
    return stays / (stays + MODIFIED.a)


def _bare_value(x: Any, money: Any) -> Any:
    return SPEND.p * (SPEND.v + x * money) / (SPEND.p * x + (SPEND.q - 1))


def fitters(theirs: Any) -> tuple[Any, Any, Any]:
    """Those of lifetimes, at the parameters of ours; nothing where it does not import."""
    if theirs is None:
        return None, None, None
    made: list[tuple[Any, Any]] = [
        (theirs.BetaGeoFitter(), PURCHASES),
        (theirs.ModifiedBetaGeoFitter(), MODIFIED),
        (theirs.GammaGammaFitter(), SPEND),
    ]
    for fitter, known in made:
        fitter.params_ = _series(known.params)
    bought, modified, spent = (fitter for fitter, _ in made)
    bought.predict = bought.conditional_expected_number_of_purchases_up_to_time  # as its fit does
    return bought, modified, spent


def _series(values: Any) -> Any:
    import pandas as pd

    return pd.Series(values)
