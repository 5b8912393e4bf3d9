"""Lines and points between two axes of numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element, SubElement

import attrs

from crmcore.report.charts.axes import legend_rows, placed_labels, steps
from crmcore.report.charts.marks import (
    NARROW,
    WIDE,
    canvas,
    line,
    number,
    path,
    text,
    title_of,
    width_of,
    written,
)  # fmt: skip
from crmcore.report.figures import brief
from crmcore.report.layout import Drawing

__all__ = ["Line", "Point", "lines"]


@attrs.frozen
class Line:
    """A line through points; its kind is its class, `actual`, `expected` or `even`."""

    name: str
    kind: str
    points: Sequence[tuple[float, float]]


@attrs.frozen(kw_only=True)
class Point:
    """A point with what a pointer reads on it, and a bar from `low` to `high` where they differ."""

    x: float
    y: float
    told: str
    low: float = 0.0
    high: float = 0.0


def lines(
    key: str,
    series: Sequence[Line],
    points: Sequence[Point] = (),
    *,
    title: str,
    sentence: str,
    up: str,
    across: str,
    span: tuple[float, float],
    marks: Sequence[tuple[float, str]],
    top: float,
    figure: Callable[[float], str] = brief,
    divided: tuple[float, str, str] | None = None,
) -> Drawing:
    """Over `span` across and 0 to `top` up. `marks` are the labels across that may be written;
    `divided` is a place across, and what lies before and after it.
    """
    made = []
    for width, height in ((WIDE, 300), (NARROW, 230)):
        named = [(one.name, one.kind) for one in series if one.name]
        rows = legend_rows([name for name, _ in named], width) if len(named) > 1 else []
        head = 22 * len(rows) + 28
        root = canvas(key, width, head + height + 44, title=title, sentence=sentence)
        for row, entries in enumerate(rows):
            for x, place, name in entries:
                path(root, [(x, 22 * row + 10), (x + 14, 22 * row + 10)], kind=named[place][1])
                text(root, x + 20, 22 * row + 14, name)
        levels = steps(top)
        left = max(width_of(figure(level)) for level in levels) + 8
        frame = _Frame(left, head, width - 8.0, head + height, span, levels[-1])
        text(root, 0, head - 14, up, "axis")
        text(root, width - 8, head + height + 38, across, "axis", "end")
        for level in levels:
            y = frame.y(level)
            line(root, left, y, width - 8, y, kind="grid" if level else "base")
            text(root, left - 6, y + 4, figure(level), "axis", "end")
        placed_labels(root, [(frame.x(at), name) for at, name in marks], head + height + 18, width)
        if divided:
            _divided(root, frame, *divided)
        for one in series:
            path(root, [(frame.x(x), frame.y(y)) for x, y in one.points], kind=one.kind)
        for point in points:
            _point(root, frame, point)
        made.append(written(root))
    return Drawing(*made)


@attrs.frozen
class _Frame:
    """Where the axes lie on the drawing, and of what."""

    left: float
    head: float
    right: float
    foot: float
    span: tuple[float, float]
    top: float

    def x(self, value: float) -> float:
        """Where a number lies across."""
        low, high = self.span
        return self.left + (self.right - self.left) * (value - low) / ((high - low) or 1.0)

    def y(self, value: float) -> float:
        """Where a number lies up."""
        return self.foot - (self.foot - self.head) * value / self.top


def _divided(root: Element, frame: _Frame, place: float, before: str, after: str) -> None:
    """A rule, with what lies on either side of it where there is room for the words."""
    x = frame.x(place)
    line(root, x, frame.head, x, frame.foot, kind="rule")
    if x - frame.left > width_of(before) + 12:
        text(root, x - 7, frame.head + 13, before, "axis", "end")
    if frame.right - x > width_of(after) + 12:
        text(root, x + 7, frame.head + 13, after, "axis")


def _point(root: Element, frame: _Frame, point: Point) -> None:
    x, y = frame.x(point.x), frame.y(point.y)
    if point.high > point.low:
        line(root, x, frame.y(point.low), x, frame.y(point.high), kind="bar")
    at = {"class": "point", "cx": number(x), "cy": number(y), "r": "4.5"}
    title_of(SubElement(root, "circle", at), point.told)
