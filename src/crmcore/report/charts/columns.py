"""Columns over time or over classes, stacked where there is more than one series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element

import attrs

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
        legend = _legend([s.name for s in series], width) if len(series) > 1 else []
        head = 22 * len(legend) + 24
        root = canvas(key, width, head + height + FOOT, title=title, sentence=sentence)
        for row, entries in enumerate(legend):
            for x, number, name in entries:
                rectangle(root, x, 22 * row + 4, 12, 12, f"s{number + 1}")
                text(root, x + 18, 22 * row + 14, name)
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
        _labels(root, labels, left, step, head + height + 18, width)
        made.append(written(root))
    return Drawing(*made)


def _labels(  # noqa: PLR0917
    root: Element, labels: Sequence[str], left: float, step: float, y: float, width: float
) -> None:
    """Every label, or every second, third... so that none touches the next or the edge."""
    widest = max((width_of(label) for label in labels), default=0)
    every = max(1, -(-int(widest + 10) // max(int(step), 1)))
    for place in range(0, len(labels), every):
        middle = left + (place + 0.5) * step
        half = width_of(labels[place]) / 2
        if middle + half <= width + 2:
            text(root, max(middle, half), y, labels[place], "axis", "middle")


def _legend(names: list[str], width: int) -> list[list[tuple[float, int, str]]]:
    """Rows of entries: where each begins, its number and its name."""
    rows: list[list[tuple[float, int, str]]] = [[]]
    x = 0.0
    for number, name in enumerate(names):
        taken = 18 + width_of(name) + 16
        if rows[-1] and x + taken > width:
            rows.append([])
            x = 0.0
        rows[-1].append((x, number, name))
        x += taken
    return rows
