"""What a page is made of: sections of charts and people, each with its sentence."""

from __future__ import annotations

import attrs

__all__ = ["Chart", "Drawing", "Person", "Section", "Table", "Tile"]


@attrs.frozen
class Table:
    """The figures of a chart, as written: the first column names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@attrs.frozen
class Drawing:
    """One chart drawn twice, as SVG: for a desk or paper, and for a phone."""

    wide: str
    narrow: str


@attrs.frozen(kw_only=True)
class Chart:
    """A chart with its title, the sentence that says what it shows, its figures, and a note on
    how they were come by.
    """

    key: str
    title: str
    sentence: str
    drawing: Drawing
    table: Table
    note: str = ""


@attrs.frozen(kw_only=True)
class Person:
    """One customer in a list: `name` only where personal values are asked for."""

    id: str
    name: str | None
    figure: str
    sentence: str


@attrs.frozen(kw_only=True)
class Section:
    """A section; `nothing` says why it is empty, where it is."""

    key: str
    title: str
    intro: str = ""
    charts: tuple[Chart, ...] = ()
    people_title: str = ""
    people: tuple[Person, ...] = ()
    remarks: tuple[str, ...] = ()
    nothing: str = ""


@attrs.frozen
class Tile:
    """One figure at the top of the page."""

    label: str
    figure: str
    remark: str = ""
