"""Columns in pairs: what was expected beside what happened, for each group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crmcore.report.charts.axes import labels_below, legend, legend_rows, steps
from crmcore.report.charts.marks import (
    NARROW,
    WIDE,
    canvas,
    line,
    rectangle,
    text,
    width_of,
    written,
)  # fmt: skip
from crmcore.report.figures import brief
from crmcore.report.layout import Drawing

__all__ = ["pairs"]


def pairs(
    key: str,
    labels: Sequence[str],
    names: tuple[str, str],
    values: Sequence[tuple[float, float]],
    *,
    title: str,
    sentence: str,
    up: str,
    across: str,
    errors: Sequence[float] | None = None,
    figure: Callable[[float], str] = brief,
) -> Drawing:
    """Two columns for each label; the first carries a bar of its `errors` up and down, if any."""
    bars = [0.0] * len(labels) if errors is None else list(errors)
    highest = max((max(a + e, b) for (a, b), e in zip(values, bars, strict=True)), default=0.0)
    levels = steps(highest)
    made = []
    for width, height in ((WIDE, 280), (NARROW, 210)):
        rows = legend_rows(names, width)
        head = 22 * len(rows) + 28
        left = max(width_of(figure(level)) for level in levels) + 8
        step = (width - left) / max(len(labels), 1)
        split = any(width_of(label) + 8 > step for label in labels)
        foot = head + height
        tall = foot + (60 if split else 44)
        root = canvas(key, width, tall, title=title, sentence=sentence)
        legend(root, rows)
        text(root, 0, head - 14, up, "axis")
        for level in levels:
            y = foot - height * level / levels[-1]
            line(root, left, y, width, y, kind="grid" if level else "base")
            text(root, left - 6, y + 4, figure(level), "axis", "end")
        half = min(step * 0.4, 46)
        for place, (label, pair, error) in enumerate(zip(labels, values, bars, strict=True)):
            middle = left + (place + 0.5) * step
            for number, value in enumerate(pair):
                grown = height * value / levels[-1]
                told = f"{label}, {names[number]}: {figure(value)}"
                x = middle - half if number == 0 else middle + 0.5
                rectangle(root, x, foot - grown, half - 0.5, grown, f"s{number + 1}", told)
            if error:
                x = middle - half / 2
                low, high = (max(pair[0] + side * error, 0) for side in (-1, 1))
                line(
                    root, x, foot - height * low / levels[-1], x,
                    foot - height * high / levels[-1], kind="bar",
                )  # fmt: skip
        shown = ["\n".join(label.rsplit(" ", 1)) for label in labels] if split else labels
        labels_below(root, shown, left, step, foot + 18, width)
        text(root, width, tall - 6, across, "axis", "end")
        made.append(written(root))
    return Drawing(*made)
