"""Concentration: the smallest set of customers for each share of revenue (S50)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.report.charts import curve
from crmcore.report.figures import counted, money, percent, whole
from crmcore.report.layout import Chart, Section, Table
from crmcore.report.snapshot import Snapshot

__all__ = ["concentration", "smallest_sets"]

SHARES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100)
POINTS = 200
TITLE = "How few bring how much"


def concentration(seen: Snapshot) -> Section:
    """A curve of revenue over customers, the best first, and the sets by share."""
    revenue = seen.purchases.revenue[seen.buyers]
    total = seen.purchases.total
    if not total:
        why = "Nobody had bought anything." if not len(revenue) else "There is no revenue to share."
        return Section(key="concentration", title=TITLE, nothing=why)
    everybody = len(revenue)
    sizes = smallest_sets(revenue, SHARES)
    half, most = sizes[50], sizes[80]
    title = "Share of revenue by share of customers, the best first"
    sentence = (
        f"{whole(half)} of {counted(everybody, 'customer')}, {percent(half, everybody)}, "
        f"{'brings' if half == 1 else 'bring'} 50% of the revenue; {whole(most)}, "
        f"{percent(most, everybody)}, {'brings' if most == 1 else 'bring'} 80%."
    )
    reached = _reached(revenue)
    chosen = np.unique(np.linspace(0, everybody - 1, POINTS).astype(np.int64))
    points = [(0.0, 0.0), *(((n + 1) / everybody, float(reached[n])) for n in chosen)]
    marked = [
        (n / everybody, float(reached[n - 1]), f"{percent(n, everybody)} bring {share}%")
        for share, n in ((50, half), (80, most))
        if share == 80 or reached[most - 1] - reached[half - 1] > 0.1  # else they would overlap
    ]
    chart = Chart(
        key="concentration-curve", title=title, sentence=sentence,
        drawing=curve(
            "concentration-curve", points, marked, title=title, sentence=sentence,
            across="share of the customers who bought, the best first", up="share of revenue",
        ),
        table=Table(
            ("Share of revenue", "Fewest customers", "Share of customers", "Revenue"),
            tuple(
                (f"{share}%", whole(n), percent(n, everybody),
                 money(-(-total * share // 100), seen.model.currency))
                for share, n in sizes.items()
            ),
        ),
        note="The straight line is what it would be if all brought the same.",
    )  # fmt: skip
    return Section(key="concentration", title=TITLE, charts=(chart,))


def smallest_sets(revenue: IntArray, shares: Sequence[int]) -> dict[int, int]:
    """By share of the revenue in percent, the fewest customers who bring it; exact."""
    reached = _sums(revenue)
    total = int(reached[-1])
    return {share: int(np.searchsorted(reached, -(-total * share // 100))) + 1 for share in shares}


def _sums(revenue: IntArray) -> np.ndarray:
    """What the best one, two, three... bring together, in whole minor units."""
    best_first = np.sort(revenue)[::-1]
    fits = float(best_first.sum(dtype=np.float64)) < 2.0**62
    return np.cumsum(best_first if fits else best_first.astype(object))


def _reached(revenue: IntArray) -> np.ndarray:
    sums = _sums(revenue)
    return (sums / int(sums[-1])).astype(np.float64)
