"""Plots over time: repeat purchases expected and made, and one customer's probability alive."""

from __future__ import annotations

from datetime import date

import numpy as np

from crmcore.analytics import AlivePath, Tracking
from crmcore.analytics.checks import IntArray
from crmcore.report.charts.lines import Line, Point, lines
from crmcore.report.figures import chance, counted, day_of, month_of, percent, whole
from crmcore.report.periods import months_of
from crmcore.report.plots.figure import Plot, key_of

__all__ = ["plot_alive_path", "plot_tracking"]

MONTHS_BETWEEN = (1, 2, 3, 6, 12, 24, 60, 120)
EPOCH = date(1970, 1, 1)
FINEST = 1200
"""A path of more days is drawn through fewer of them."""


def plot_tracking(table: Tracking, *, cumulative: bool = True) -> Plot:
    """Repeat purchases expected and made since the start, or, not `cumulative`, in each period."""
    ends = table.end.astype(np.int64)
    told, made = (
        (table.expected_cumulative, table.actual_cumulative)
        if cumulative
        else (table.expected, table.actual)
    )
    start, cut = (table.start - EPOCH).days - 1, (table.as_of - EPOCH).days
    origin = [(float(start), 0.0)] if cumulative else []
    series = [
        Line("made", "actual", origin + _points(ends, made)),
        Line("expected", "expected", origin + _points(ends, told)),
    ]
    each = "week" if table.period_days == 7 else f"{counted(table.period_days, 'day')}"
    title = "Repeat purchases" + (", cumulative" if cumulative else f" each {each}")
    sentence = _tracked(table)
    last = int(ends[-1]) if len(ends) else start + 1
    return Plot(
        title=title, sentence=sentence, figures=table._repr_html_(),
        drawing=lines(
            key_of("tracking", cumulative, sentence, told.tolist()), series, title=title,
            sentence=sentence, up="repeat purchases", across=f"end of {each}",
            span=(start, last), marks=_months(start, last),
            top=float(max(told.max(initial=0), made.max(initial=0))),
            divided=(cut, "calibration", "holdout") if table.holdout.any() else None,
        ),
    )  # fmt: skip


def _points(days: IntArray, values: np.ndarray) -> list[tuple[float, float]]:
    return list(zip(days.tolist(), values.tolist(), strict=True))


def _tracked(table: Tracking) -> str:
    """What the figures come to, in words."""
    who = counted(table.customers, "customer")
    parts = []
    for name, rows, error in (
        ("up to", ~table.holdout, table.calibration_error),
        ("after", table.holdout, table.holdout_error),
    ):
        if not rows.any():
            continue
        made, told = int(table.actual[rows].sum()), round(float(table.expected[rows].sum()))
        off = "" if error is None else f" ({percent(abs(error))} {_side(error)})"
        day = day_of((table.as_of - EPOCH).days)
        parts.append(f"{name} {day} they made {whole(made)}, expected were {whole(told)}{off}")
    return (
        f"Repeat purchases of {who}: {'; '.join(parts)}." if parts else f"{who}, no whole period."
    )


def _side(error: float) -> str:
    return "too many" if error > 0 else "too few"


def plot_alive_path(table: AlivePath) -> Plot:
    """How likely a customer was still one, day after day; points mark purchases."""
    days = table.day.astype(np.int64)
    kept = np.zeros(len(days), bool)
    kept[:: max(1, len(days) // FINEST)] = True
    kept[-1] = True
    # A purchase is a step, so the day before it belongs to the path as well.
    kept |= table.purchased | np.append(table.purchased[1:], False)
    bought = np.flatnonzero(table.purchased)
    points = [
        Point(
            x=float(days[place]), y=float(table.probability[place]),
            told=f"Purchase on {day_of(int(days[place]))}",
        )
        for place in bought
    ]  # fmt: skip
    title = "Probability of being alive"
    sentence = (
        f"{counted(len(bought), 'purchase day')} since {day_of(int(days[0]))}; "
        f"{chance(float(table.probability[-1]))} likely alive on {day_of(int(days[-1]))}, "
        f"and never less than {chance(float(table.probability.min()))} until then."
    )
    first, last = int(days[0]), int(days[-1])
    line = Line("", "actual", _points(days[kept], table.probability[kept]))
    return Plot(
        title=title, sentence=sentence, figures=table._repr_html_(),
        drawing=lines(
            key_of("alive", sentence, table.probability.tolist()), [line], points, title=title,
            sentence=sentence, up="probability", across="day; points are purchases",
            span=(first, max(last, first + 1)), marks=_months(first, last), top=1.0,
            figure=lambda value: f"{value:.0%}",
        ),
    )  # fmt: skip


def _months(first: int, last: int) -> list[tuple[float, str]]:
    """The first days of months, of every second, third... where they would be more than 8."""
    begin, end = months_of(np.array([first, last])).tolist()
    every = next((n for n in MONTHS_BETWEEN if (end - begin) // n <= 8), MONTHS_BETWEEN[-1])
    marks = []
    for month in range(begin // every * every, end + 1, every):
        day = int(np.datetime64(month, "M").astype("datetime64[D]").astype(np.int64))
        if first <= day <= last:
            marks.append((float(day), month_of(month)))
    return marks or [(float(first), month_of(begin))]
