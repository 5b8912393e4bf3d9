"""A heat map: a table whose cells are shaded, each with its figure written in it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

import attrs

from crmcore.report.charts.marks import (
    NARROW,
    WIDE,
    canvas,
    fitted,
    rectangle,
    text,
    width_of,
    written,
)  # fmt: skip
from crmcore.report.layout import Drawing

__all__ = ["Cell", "heat_map"]

LEVELS = 7


@attrs.frozen
class Cell:
    """A shade from 0 to 1, or none; up to two lines of figures; and what they say in words."""

    shade: float | None
    lines: tuple[str, ...]
    told: str


def heat_map(
    key: str,
    rows: Sequence[str],
    across: Sequence[str],
    cells: Sequence[Sequence[Cell | None]],
    *,
    title: str,
    sentence: str,
    row_title: str,
    column_title: str,
    scale: tuple[str, str],
    narrow_columns: int | None = None,
    short_rows: Sequence[str] | None = None,
    short_columns: Sequence[str] | None = None,
) -> Drawing:
    """Rows down, columns across. Where there is no cell, there is nothing to know. On a phone
    only the first `narrow_columns` are drawn; the table has them all.
    """
    made = []
    for width in (WIDE, NARROW):
        small = width == NARROW
        names = (short_rows or rows) if small else rows
        heads = (short_columns or across) if small else across
        heads = heads[: narrow_columns or len(heads)] if small else heads
        two = any(cell and len(cell.lines) > 1 for line in cells for cell in line)
        tall = (44 if two else 28) if not small else (40 if two else 24)
        left = min(max(width_of(name) for name in names) + 10, width * 0.34)
        step = min((width - left) / max(len(heads), 1), 150)
        head = 46
        root = canvas(key, width, head + tall * len(names) + 34, title=title, sentence=sentence)
        beside = width_of(row_title) <= left
        text(root, 0, 36 if beside else 14, row_title, "axis")
        text(
            root, left if beside else width, 14, column_title, "axis", "start" if beside else "end"
        )
        for place, name in enumerate(heads):
            text(root, left + (place + 0.5) * step, 36, name, "axis", "middle")
        for down, name in enumerate(names):
            y = head + down * tall
            text(root, left - 8, y + tall / 2 + 4, fitted(name, left - 8), "label", "end")
            for place, cell in enumerate(cells[down][: len(heads)]):
                if cell is not None:
                    _cell(root, cell, left + place * step, y, step - 2, tall - 2, small)
        _scale(root, left, head + tall * len(names) + 10, scale)
        made.append(written(root))
    return Drawing(*made)


def _cell(  # noqa: PLR0917
    root: Element, cell: Cell, x: float, y: float, width: float, tall: float, small: bool
) -> None:
    level = "none" if cell.shade is None else str(min(int(cell.shade * LEVELS), LEVELS - 1))
    rectangle(root, x, y, width, tall, f"heat h{level}", cell.told)
    size = "cell small" if small else "cell"
    first = y + tall / 2 + 4 - 8 * (len(cell.lines) - 1)
    for number, words in enumerate(cell.lines):
        kind = f"{size} on{level}" + (" second" if number else "")
        text(root, x + width / 2, first + 16 * number, words, kind, "middle")


def _scale(root: Element, left: float, y: float, scale: tuple[str, str]) -> None:
    """What pale and dark stand for."""
    x = left + width_of(scale[0]) + 6
    text(root, left, y + 13, scale[0], "axis")
    for level in range(LEVELS):
        rectangle(root, x + 18 * level, y + 3, 18, 12, f"heat h{level}")
    text(root, x + 18 * LEVELS + 6, y + 13, scale[1], "axis")
