"""Value: how the revenue of customers is spread."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.domain.currencies import minor_digits
from crmcore.report.charts import Series, columns
from crmcore.report.figures import brief, counted, money, percent, whole
from crmcore.report.layout import Chart, Section, Table
from crmcore.report.snapshot import Snapshot

__all__ = ["bounds", "value"]

TITLE = "Value"
MOST = 16


def value(seen: Snapshot) -> Section:
    """Customers by what each has brought, in classes that grow with the amount."""
    revenue = np.sort(seen.purchases.revenue[seen.buyers])
    if not len(revenue):
        return Section(key="value", title=TITLE, nothing="Nobody had bought anything.")
    currency = seen.model.currency
    digits = minor_digits(currency)
    edges = bounds(revenue)
    places = np.searchsorted(edges, revenue, side="right")
    counts = np.bincount(places, minlength=len(edges) + 1)
    sums = [sum(revenue[places == n].tolist()) for n in range(len(counts))]
    kept = range(0 if counts[0] else 1, len(counts) - (0 if counts[-1] else 1))
    labels = [_label(edges, n, digits) for n in kept]
    middle = int(revenue[(len(revenue) - 1) // 2])
    top = int(revenue[-max(1, len(revenue) // 100)])
    mean = round(Decimal(seen.purchases.total) / len(revenue))
    title = "Customers by revenue"
    sentence = (
        f"Half of the {counted(len(revenue), 'customer')} who bought brought "
        f"{money(middle, currency)} or less each; the mean is {money(mean, currency)}, and the "
        f"best 1% brought {money(top, currency)} or more each."
    )
    total = seen.purchases.total
    chart = Chart(
        key="value-classes", title=title, sentence=sentence,
        drawing=columns(
            "value-classes", labels, [Series("customers", [int(counts[n]) for n in kept])],
            title=title, sentence=sentence, unit=f"customers, by {currency} each",
        ),
        table=Table(
            (f"Revenue each, {currency}", "Customers", "Share", "Revenue", "Share of it"),
            tuple(
                (label, whole(int(counts[n])), percent(int(counts[n]), len(revenue)),
                 money(sums[n], currency), percent(sums[n], total))
                for n, label in zip(kept, labels, strict=True)
            ),
        ),
        note="A class holds its lower bound, not its upper.",
    )  # fmt: skip
    return Section(key="value", title=TITLE, charts=(chart,))


def bounds(revenue: IntArray) -> IntArray:
    """The bounds between classes in minor units: 1, 2, 5, 10, 20... or, where those would be too
    many, 1, 10, 100... The first class is what lies below the first bound.
    """
    largest = int(revenue.max())
    positive = revenue[revenue > 0]
    least = int(positive.min()) if len(positive) else 1
    for steps in ((1, 2, 5), (1,)):
        every = [s * 10**power for power in range(20) for s in steps]
        below = [edge for edge in every if edge <= least][-1:]
        above = [edge for edge in every if least < edge <= largest]
        after = [edge for edge in every if edge > largest][:1]
        if len(above) < MOST:
            break
    return np.unique(np.array([*below, *above, *after], np.int64))


def _label(edges: IntArray, place: int, digits: int) -> str:
    scale = 10**digits
    low = 0 if place == 0 else int(edges[place - 1])
    return "–".join(brief(edge / scale, thousands=1e3) for edge in (low, int(edges[place])))
