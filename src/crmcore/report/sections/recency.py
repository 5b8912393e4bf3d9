"""Recency and frequency: how long ago and how often, and how likely they still are customers."""

from __future__ import annotations

import numpy as np

from crmcore.analytics.checks import FloatArray
from crmcore.report.charts import Cell, heat_map
from crmcore.report.figures import chance, counted, percent, whole
from crmcore.report.layout import Chart, Section, Table
from crmcore.report.sections.scored import scored_when
from crmcore.report.snapshot import Snapshot

__all__ = ["RECENCY", "TIMES", "recency"]

RECENCY = ((0, 4), (5, 13), (14, 26), (27, 52), (53, 104), (105, None))
"""Classes of whole weeks since the last purchase, both ends within."""
TIMES = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 9), (10, None))
"""Classes of purchases."""
TITLE = "Recency and frequency"


def recency(seen: Snapshot) -> Section:
    """A map of the buyers, shaded by the mean probability of being alive, or by their number."""
    here = seen.buyers
    if not len(here):
        return Section(key="recency", title=TITLE, nothing="Nobody had bought anything.")
    weeks = (seen.today - seen.purchases.last[here]) // 7
    count = seen.purchases.count[here]
    columns = np.searchsorted([low for low, _ in RECENCY], weeks, side="right") - 1
    rows = np.searchsorted([low for low, _ in TIMES], count, side="right") - 1
    shape = (len(TIMES), len(RECENCY))
    flat = rows * shape[1] + columns
    number = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
    scored = seen.scored[here]
    alive = seen.scores.alive[here]
    with_score = np.bincount(flat[scored], minlength=number.size).reshape(shape)
    sums: FloatArray = np.zeros(number.size)
    np.add.at(sums, flat[scored], alive[scored])
    mean = sums.reshape(shape) / np.maximum(with_score, 1)
    by_score = bool(scored.any())
    used = int(np.flatnonzero(number.sum(axis=0)).max()) + 1
    height = int(np.flatnonzero(number.sum(axis=1)).max()) + 1

    def cell(row: int, column: int) -> Cell | None:
        n = int(number[row, column])
        if not n:
            return None
        told = f"{_times(row)}, last {_weeks(column)} ago: {counted(n, 'customer')}"
        if not by_score:
            return Cell(
                float(np.sqrt(n / number.max())) * 0.999, (whole(n), percent(n, len(here))), told
            )
        if not with_score[row, column]:
            return Cell(None, (whole(n), "no score"), told)
        p = float(mean[row, column])
        return Cell(min(p, 0.999), (chance(p), whole(n)), f"{told}, {chance(p)} likely alive")

    cells = [[cell(row, column) for column in range(used)] for row in range(height)]
    once = int((count == 1).sum())
    lately = int((weeks <= 26).sum())
    sentence = (
        f"{whole(once)} of {counted(len(here), 'customer')} bought once "
        f"({percent(once, len(here))}); {whole(lately)} bought within the last half year "
        f"({percent(lately, len(here))})."
    )
    title = "How often, and how long ago"
    if by_score:
        title += ": likely alive"
        average = chance(float(alive[scored].mean()))
        sentence += f" On average, those with a score are {average} likely alive."
    table = [
        (
            _times(row), _weeks(column), whole(int(number[row, column])),
            percent(int(number[row, column]), len(here)),
            *((chance(float(mean[row, column])) if with_score[row, column] else "none",)
              if by_score else ()),
        )
        for row in range(height) for column in range(used) if number[row, column]
    ]  # fmt: skip
    chart = Chart(
        key="recency-map", title=title, sentence=sentence,
        drawing=heat_map(
            "recency-map", [_times(row) for row in range(height)],
            [_weeks(column) for column in range(used)], cells, title=title, sentence=sentence,
            row_title="bought", column_title="weeks since the last purchase",
            scale=("unlikely", "likely alive") if by_score else ("few", "many customers"),
            short_rows=[_times(row, short=True) for row in range(height)],
            short_columns=[_weeks(column, short=True) for column in range(used)],
        ),
        table=Table(
            ("Bought", "Last purchase, ago", "Customers", "Share",
             *(("Likely alive",) if by_score else ())),
            tuple(table),
        ),
        note=_note(seen) if by_score else "No scores of who is alive are stored: shaded by number.",
    )  # fmt: skip
    return Section(key="recency", title=TITLE, charts=(chart,))


def _note(seen: Snapshot) -> str:
    told = (
        "The upper figure of a cell is the mean probability of being alive, the lower one the "
        "number of customers; where nobody has a score, the number stands above. "
        f"{scored_when(seen)}"
    )
    if (seen.bases["probability_alive"].model or "").startswith("BG/NBD"):
        told += " BG/NBD takes everybody who bought only once for alive."
    return told


def _times(row: int, *, short: bool = False) -> str:
    low, high = TIMES[row]
    if high is None:
        return f"{low}+" if short else f"{low} times or more"
    span = str(low) if low == high else f"{low}–{high}"
    return span if short else "once" if high == 1 else f"{span} times"


def _weeks(column: int, *, short: bool = False) -> str:
    low, high = RECENCY[column]
    if high is None:
        return f"{low}+" if short else f"{low} weeks or more"
    return f"{low}–{high}" if short else f"{low}–{high} weeks"
