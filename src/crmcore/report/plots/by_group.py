"""Plots of groups: what was expected of each, and what happened."""

from __future__ import annotations

from crmcore.analytics import Calibration, ConditionalExpectations, FrequencyHistogram
from crmcore.report.charts.axes import steps
from crmcore.report.charts.lines import Line, Point, lines
from crmcore.report.charts.pairs import pairs
from crmcore.report.figures import brief, counted, percent, whole
from crmcore.report.plots.figure import Plot, key_of

__all__ = ["plot_calibration", "plot_conditional_expectations", "plot_frequency_histogram"]

ACROSS = {
    "frequency": "repeat purchases in calibration",
    "recency": "age at the last purchase",
    "T": "age at the end of calibration",
    "time_since_last": "time since the last purchase",
}
SURE = 1.96
"""So many standard errors hold 95 in 100."""


def plot_conditional_expectations(table: ConditionalExpectations) -> Plot:
    """Mean purchases, or spend, in the holdout by group, with 95 % intervals of the actual mean."""
    what = "purchases" if table.of == "purchases" else "spend"
    title = f"{what.capitalize()} in the holdout by {ACROSS[table.by]}"
    off = abs(table.actual - table.expected) > SURE * table.error
    sentence = (
        f"{what.capitalize()} of {counted(int(table.customers.sum()), 'customer')}: "
        f"{whole(round(table.total_actual))}, expected were {whole(round(table.total_expected))}; "
        f"in {int(off.sum())} of {counted(len(off), 'group')} what was expected lies outside of "
        "the 95% interval."
    )
    values = list(zip(table.actual.tolist(), table.expected.tolist(), strict=True))
    return Plot(
        title=title, sentence=sentence, figures=table._repr_html_(),
        drawing=pairs(
            key_of(title, sentence, values), table.label, ("actual", "expected"), values,
            title=title, sentence=sentence, up=f"{what} per customer", across=ACROSS[table.by],
            errors=(SURE * table.error).tolist(), figure=_short,
        ),
    )  # fmt: skip


def plot_frequency_histogram(table: FrequencyHistogram) -> Plot:
    """Customers by repeat purchases: how many there are, and how many were expected."""
    title = "Customers by repeat purchases"
    tested = (
        f"chi-square {table.statistic:.2f} with {table.degrees} degrees of freedom, p = "
        f"{table.p_value:.2g}"
        if table.p_value is not None
        else "too few groups for a test"
    )
    sentence = f"{counted(int(table.actual.sum()), 'customer')} in calibration; {tested}."
    values = list(zip(table.actual.tolist(), table.expected.tolist(), strict=True))
    return Plot(
        title=title, sentence=sentence, figures=table._repr_html_(),
        drawing=pairs(
            key_of(title, sentence, values), table.label, ("actual", "expected"), values,
            title=title, sentence=sentence, up="customers", across=ACROSS["frequency"],
            figure=lambda value: brief(round(value, 1)),
        ),
    )  # fmt: skip


def plot_calibration(table: Calibration) -> Plot:
    """The share that happened over the probability told, group by group, with 95 % intervals."""
    title = "Calibration"
    off = abs(table.observed - table.predicted) > SURE * table.error
    skill = "" if table.skill is None else f", skill {table.skill:.2f}"
    sentence = (
        f"{counted(int(table.size.sum()), 'forecast')} in {counted(len(table.size), 'group')}: "
        f"Brier score {table.brier:.3f}{skill}; {int(off.sum())} of "
        "them outside of their 95% interval."
    )
    rows = zip(table.predicted, table.observed, table.error, table.size, strict=True)
    points = [
        Point(
            x=float(told), y=float(seen), low=max(float(seen - SURE * error), 0.0),
            high=min(float(seen + SURE * error), 1.0),
            told=f"told {percent(float(told))}, happened {percent(float(seen))} of {size:,}",
        )
        for told, seen, error, size in rows
    ]  # fmt: skip
    top = max(max(point.x, point.y, point.high) for point in points)
    marks = steps(top)
    return Plot(
        title=title, sentence=sentence, figures=table._repr_html_(),
        drawing=lines(
            key_of(title, sentence, table.observed.tolist()),
            [Line("", "even", [(0, 0), (marks[-1], marks[-1])])], points, title=title,
            sentence=sentence, up="share that happened", across="probability told",
            span=(0, marks[-1]), marks=[(mark, f"{mark:.4g}") for mark in marks], top=top,
            figure=lambda value: f"{value:.4g}",
        ),
    )  # fmt: skip


def _short(value: float) -> str:
    """Three digits of what is small, as much as an axis has room for."""
    return brief(float(f"{value:.3g}"))
