"""Columns over time or over classes, stacked where there is more than one series."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from crmcore.report.charts.axes import labels_below, legend, legend_rows
from crmcore.report.charts.marks import (
    NARROW,
    WIDE,
    canvas,
    line,
    rectangle,
    text,
    ticks,
    width_of,
    written,
)  # fmt: skip
from crmcore.report.figures import brief, whole
from crmcore.report.layout import Drawing

__all__ = ["Series", "columns"]

TALL, LOW = 260, 200
FOOT = 26


@attrs.frozen
class Series:
    """What one colour of the columns counts: a number for each label."""

    name: str
    values: Sequence[int]


def columns(
    key: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    sentence: str,
    unit: str,
    figure: Callable[[int], str] = whole,
) -> Drawing:
    """A column for each label. Labels that would overlap are left out, not what they stand for."""
    made = []
    for width, height in ((WIDE, TALL), (NARROW, LOW)):
        names = legend_rows([s.name for s in series], width) if len(series) > 1 else []
        head = 22 * len(names) + 24
        root = canvas(key, width, head + height + FOOT, title=title, sentence=sentence)
        legend(root, names)
        sums = [sum(s.values[place] for s in series) for place in range(len(labels))]
        marks = ticks(max(sums, default=0), most=5 if width == WIDE else 4)
        top = marks[-1] or 1
        left = max(width_of(brief(mark)) for mark in marks) + 8
        text(root, 0, head - 10, unit, "axis")
        for mark in marks:
            y = head + height * (1 - mark / top)
            line(root, left, y, width, y, kind="grid" if mark else "base")
            text(root, left - 6, y + 4, brief(mark), "axis", "end")
        step = (width - left) / max(len(labels), 1)
        gap = min(step * 0.2, 6)
        for place, label in enumerate(labels):
            floor = float(head + height)
            for number, part in enumerate(series):
                value = part.values[place]
                tall = height * value / top
                floor -= tall
                name = f", {part.name}" if len(series) > 1 else ""
                told = f"{label}{name}: {figure(value)}"
                if value:
                    x = left + place * step + gap / 2
                    rectangle(root, x, floor, step - gap, tall, f"s{number + 1}", told)
        labels_below(root, labels, left, step, head + height + 18, width)
        made.append(written(root))
    return Drawing(*made)
