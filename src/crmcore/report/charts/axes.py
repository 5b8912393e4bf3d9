"""What charts with axes share: legends, labels below, and round steps."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from crmcore.report.charts.marks import rectangle, text, width_of

__all__ = ["labels_below", "legend", "legend_rows", "placed_labels", "steps"]


def legend_rows(names: Sequence[str], width: int) -> list[list[tuple[float, int, str]]]:
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


def legend(root: Element, rows: list[list[tuple[float, int, str]]]) -> None:
    """A square of each colour with its name."""
    for row, entries in enumerate(rows):
        for x, number, name in entries:
            rectangle(root, x, 22 * row + 4, 12, 12, f"s{number + 1}")
            text(root, x + 18, 22 * row + 14, name)


def labels_below(  # noqa: PLR0917
    root: Element, labels: Sequence[str], left: float, step: float, y: float, width: float
) -> None:
    """Every label, or every second, third... so that none touches the next or the edge. A label
    may have several lines.
    """
    wide = [max(map(width_of, label.split("\n"))) for label in labels]
    every = max(1, -(-int(max(wide, default=0) + 10) // max(int(step), 1)))
    for place in range(0, len(labels), every):
        middle, half = left + (place + 0.5) * step, wide[place] / 2
        if middle + half <= width + 2:
            for number, words in enumerate(labels[place].split("\n")):
                text(root, max(middle, half), y + 16 * number, words, "axis", "middle")


def placed_labels(
    root: Element, marks: Sequence[tuple[float, str]], y: float, width: float
) -> None:
    """Labels at places from left to right, but those that would touch the last one or the edge."""
    end = -1.0
    for x, label in marks:
        half = width_of(label) / 2
        middle = max(x, half)
        if middle - half > end and middle + half <= width + 2:
            text(root, middle, y, label, "axis", "middle")
            end = middle + half + 10


def steps(top: float, *, most: int = 5) -> list[float]:
    """Round numbers from 0 to at least `top`, in at most so many steps of 1, 2 or 5 times a power
    of ten.
    """
    if not top > 0:
        return [0.0, 1.0]
    step = 1e-12
    while top > step * most * (1 + 1e-9):
        digit = round(step / 10 ** _power(step))
        step *= 2.5 if digit == 2 else 2
    count = max(-(-top // step), 1)
    if count * step - top >= step * (1 - 1e-9):
        count -= 1
    return [float(f"{place * step:.10g}") for place in range(int(count) + 1)]


def _power(step: float) -> int:
    """The power of ten of the first digit."""
    return int(f"{step:e}".partition("e")[2])
