"""A curve between two shares: of what, how much."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from xml.etree.ElementTree import SubElement

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
from crmcore.report.layout import Drawing

__all__ = ["curve"]


def curve(
    key: str,
    points: Sequence[tuple[float, float]],
    marked: Sequence[tuple[float, float, str]],
    *,
    title: str,
    sentence: str,
    across: str,
    up: str,
) -> Drawing:
    """A line through `points`, shares from 0 to 1 on both axes; `marked` ones carry words."""
    made = []
    for width, height in ((WIDE, 320), (NARROW, 260)):
        left, head, right = 46, 26, width - 12
        root = canvas(key, width, head + height + 46, title=title, sentence=sentence)
        text(root, 0, 13, up, "axis")
        text(root, right, head + height + 40, across, "axis", "end")
        every = 5 if width == WIDE else 4

        place = partial(_place, left, head, right - left, height)
        for step in range(every + 1):
            share = step / every
            x, y = place(share, share)
            line(root, left, y, right, y, kind="grid" if step else "base")
            text(root, left - 6, y + 4, f"{share:.0%}", "axis", "end")
            anchor = "end" if step == every else "middle"
            text(root, x, head + height + 18, f"{share:.0%}", "axis", anchor)
        path(root, [place(0, 0), place(1, 1)], kind="even")
        path(root, [place(x, y) for x, y in points], kind="curve")
        for share, reached, words in marked:
            x, y = place(share, reached)
            at = {"class": "point", "cx": number(x), "cy": number(y), "r": "5"}
            title_of(SubElement(root, "circle", at), words)
            text(root, min(x + 12, width - width_of(words, bold=True)), y + 20, words, "figure")
        made.append(written(root))
    return Drawing(*made)


def _place(  # noqa: PLR0917
    left: float, head: float, width: float, height: float, x: float, y: float
) -> tuple[float, float]:
    """Where two shares meet."""
    return left + width * x, head + height * (1 - y)
