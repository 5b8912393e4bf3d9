"""Horizontal bars: how many of each."""

from __future__ import annotations

from collections.abc import Sequence

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

__all__ = ["Bar", "bars"]


@attrs.frozen
class Bar:
    """One bar: what it counts, how long it is, and its figure as written."""

    label: str
    value: float
    figure: str


def bars(key: str, rows: Sequence[Bar], *, title: str, sentence: str) -> Drawing:
    """One bar a row; on a phone each label stands above its bar."""
    longest = max((row.value for row in rows), default=0) or 1
    names = {"title": title, "sentence": sentence}

    label_room = min(max((width_of(row.label) for row in rows), default=0) + 12, 230)
    figure_room = max((width_of(row.figure, bold=True) for row in rows), default=0) + 14
    room = WIDE - label_room - figure_room
    wide = canvas(key, WIDE, 30 * len(rows) + 4, **names)
    for place, row in enumerate(rows):
        top = 30 * place + 2
        text(wide, label_room - 10, top + 18, fitted(row.label, label_room - 12), anchor="end")
        length = room * row.value / longest
        told = f"{row.label}: {row.figure}"
        if row.value:
            rectangle(wide, label_room, top + 3, max(length, 1.5), 21, "s1", told)
        text(wide, label_room + length + 8, top + 18, row.figure, "figure")

    beside = all(
        width_of(row.label) + width_of(row.figure, bold=True) + 12 <= NARROW for row in rows
    )
    tall = 44 if beside else 60
    narrow = canvas(key, NARROW, tall * len(rows) + 2, **names)
    for place, row in enumerate(rows):
        top = tall * place
        text(narrow, 0, top + 15, fitted(row.label, NARROW))
        if beside:
            text(narrow, NARROW, top + 15, row.figure, "figure", "end")
        else:
            text(narrow, 0, top + 32, row.figure, "figure")
        told = f"{row.label}: {row.figure}"
        length = max(NARROW * row.value / longest, 1.5)
        if row.value:
            rectangle(narrow, 0, top + tall - 23, length, 13, "s1", told)
    return Drawing(written(wide), written(narrow))
