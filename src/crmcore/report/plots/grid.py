"""The frequency-recency map: a model over a grid of histories."""

from __future__ import annotations

from crmcore.analytics import FrequencyRecency
from crmcore.report.charts.heat_map import Cell, heat_map
from crmcore.report.figures import brief, chance
from crmcore.report.layout import Drawing
from crmcore.report.plots.figure import Plot, key_of

__all__ = ["plot_frequency_recency"]

MOST_WRITTEN = 13
"""Cells of more columns are too narrow for a figure."""
MOST_NARROW = 6


def plot_frequency_recency(table: FrequencyRecency) -> Plot:
    """P(alive) or purchases expected, dark where they are many."""
    is_chance = table.of == "probability_alive"
    write = chance if is_chance else _short
    what = "Probability of being alive" if is_chance else "Purchases expected"
    within = "" if table.t is None else f" within {table.t:g}"
    title = f"{what}{within}, by frequency and recency"
    top = 1.0 if is_chance else float(table.value.max()) or 1.0
    low, high = float(table.value.min()), float(table.value.max())
    sentence = (
        f"Of customers of age {table.T:g}: from {write(low)} to {write(high)} by how often and how "
        f"lately they bought again; {write(table.no_repeat)} without a repeat purchase."
    )
    last = len(table.recency) - 1
    written = last < MOST_WRITTEN
    # On a phone every second, third... column is drawn, the last among them.
    apart = -(-(last + 1) // MOST_NARROW) if written else 1
    drawn = []
    for columns in (range(last + 1), range(last % apart, last + 1, apart)):
        recency = table.recency[columns].tolist()
        cells = [
            [
                Cell(
                    min(value / top, 1.0), (write(value),) if written else (),
                    f"{x:g} repeat purchases, the last at {age:.4g}: {write(value)}",
                )
                for age, value in zip(recency, row[columns].tolist(), strict=True)
            ]
            for x, row in zip(table.frequency.tolist(), table.value, strict=True)
        ]  # fmt: skip
        every = 1 if written else -(-len(recency) // MOST_WRITTEN)
        drawn.append(heat_map(
            key_of(title, sentence, table.value.tolist()), [f"{x:g}" for x in table.frequency],
            ["" if place % every else f"{age:.3g}" for place, age in enumerate(recency)], cells,
            title=title, sentence=sentence, row_title="frequency",
            column_title="recency: age at the last purchase", scale=(write(0.0), write(top)),
        ))  # fmt: skip
    return Plot(
        title=title, sentence=sentence, figures=table._repr_html_(),
        drawing=Drawing(drawn[0].wide, drawn[1].narrow),
    )  # fmt: skip


def _short(value: float) -> str:
    """As many digits as a cell has room for."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else brief(round(value))
