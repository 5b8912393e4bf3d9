"""Marks of a chart as SVG: text, rectangles, lines. ElementTree escapes whatever is written."""

from __future__ import annotations

import unicodedata
from xml.etree.ElementTree import Element, SubElement, tostring

__all__ = [
    "NARROW", "WIDE", "canvas", "fitted", "line", "number", "path", "rectangle", "text", "ticks",
    "title_of", "width_of", "written",
]  # fmt: skip

WIDE = 820
NARROW = 340
"""The widths for which a chart is drawn, in CSS pixels: at these its text has its true size."""

SIZE = 13
"""Size of the charts' text in pixels."""
THIN, BROAD = frozenset("fijlrtI.,:;'|!()[]- "), frozenset("mwMW%@–—…&")


def canvas(key: str, width: int, height: float, *, title: str, sentence: str) -> Element:
    """An empty chart, with its accessible name and description."""
    name = "wide" if width == WIDE else "narrow"
    root = Element(
        "svg",
        {
            "class": name, "viewBox": f"0 0 {width} {number(height)}", "width": str(width),
            "height": number(height), "role": "img",
            "aria-labelledby": f"{key}-{name}-title", "aria-describedby": f"{key}-{name}-desc",
        },
    )  # fmt: skip
    SubElement(root, "title", {"id": f"{key}-{name}-title"}).text = title
    SubElement(root, "desc", {"id": f"{key}-{name}-desc"}).text = sentence
    return root


def written(root: Element) -> str:
    """The chart as markup."""
    return tostring(root, encoding="unicode")


def number(value: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{round(float(value), 1):g}"


def text(  # noqa: PLR0917
    root: Element, x: float, y: float, words: str, kind: str = "label", anchor: str = "start"
) -> None:
    """Words whose base line begins, ends or has its middle at a point."""
    marks = {"class": kind, "x": number(x), "y": number(y)}
    if anchor != "start":
        marks["text-anchor"] = anchor
    SubElement(root, "text", marks).text = words


def rectangle(  # noqa: PLR0917
    root: Element, x: float, y: float, width: float, height: float, kind: str, title: str = ""
) -> None:
    """A rectangle; a pointer that rests on it shows its title."""
    marks = {"class": kind, "x": number(x), "y": number(y)}
    marks |= {"width": number(max(width, 0)), "height": number(max(height, 0))}
    title_of(SubElement(root, "rect", marks), title)


def line(root: Element, *points: float, kind: str) -> None:
    """A straight line from x, y to x, y."""
    names = ("x1", "y1", "x2", "y2")
    marks = {n: number(p) for n, p in zip(names, points, strict=True)}
    SubElement(root, "line", {"class": kind, **marks})


def path(root: Element, points: list[tuple[float, float]], *, kind: str) -> None:
    """A line through points."""
    steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    SubElement(root, "polyline", {"class": kind, "points": steps})


def title_of(mark: Element, title: str) -> None:
    """Give a mark its title."""
    if title:
        SubElement(mark, "title").text = title


def width_of(words: str, *, bold: bool = False) -> float:
    """About how wide words are drawn, in the broader of the fonts that a page may meet."""
    ems = sum(
        0.41 if letter in THIN
        else 1.0 if letter in BROAD or unicodedata.east_asian_width(letter) in "WF"
        else 0.64 if letter.isascii() and not letter.isupper()
        else 0.78
        for letter in words
    )  # fmt: skip
    return SIZE * (1.1 if bold else 1.0) * ems


def fitted(words: str, room: float) -> str:
    """`words`, shortened with an ellipsis to what has room."""
    if width_of(words) <= room + 0.5:
        return words
    while words and width_of(words) > room - SIZE:
        words = words[:-1]
    return words.rstrip() + "…"


def ticks(top: float, *, most: int = 5) -> list[float]:
    """Round numbers from 0 to at least `top`, at most so many steps."""
    step = 1.0
    if top > 0:
        while top / step > most:
            step *= 10
        for finer in (step / 5, step / 2):
            if top / finer <= most and (finer >= 1 or top < 1):
                step = finer
                break
    found, value = [0.0], 0.0
    while value < top:
        value = round(value + step, 10)
        found.append(value)
    return found
