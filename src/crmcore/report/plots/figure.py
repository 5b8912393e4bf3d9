"""A plot: a drawing with its title, the sentence that says what it shows, and its figures."""

from __future__ import annotations

import os
from hashlib import sha256
from html import escape
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.report.charts.marks import number, width_of
from crmcore.report.layout import Drawing

__all__ = ["Plot", "key_of"]

SVG = "http://www.w3.org/2000/svg"
EDGE, HEAD = 20, 48
"""Room around a drawing, and above it for the title."""
LINE, GROWN = 21, 16 / 13
"""Between two lines of a title, and how much larger than other text it is written."""


def key_of(*parts: object) -> str:
    """What tells the names inside of this plot from those of others on the same page."""
    return "plot-" + sha256(repr(parts).encode()).hexdigest()[:12]


@attrs.frozen(kw_only=True)
class Plot:
    """A plot that stands alone: it fetches nothing and runs nothing, and a notebook shows it.

    `title` and `sentence` are what a screen reader tells of it; `figures`, a table in HTML, are
    what it is drawn from. The colours follow the reader's light or dark theme.
    """

    title: str
    sentence: str
    figures: str
    drawing: Drawing

    @property
    def svg(self) -> str:
        """The plot as an SVG document of its own."""
        root = self._framed(self.drawing.wide)
        root.set("class", "crm-plot")
        style = Element("style")
        style.text = _style()
        root.insert(2, style)
        root.set("xmlns", SVG)
        return tostring(root, encoding="unicode")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the plot to a file that ends in `.svg`, or `.html` with its figures; answer it.

        InvalidInput where the ending is another, or the file cannot be written.
        """
        target = Path(path)
        match target.suffix.lower():
            case ".svg":
                text = self.svg
            case ".html":
                text = self._page()
            case _:
                raise InvalidInput.of("path", "must end in .svg or .html")
        try:
            target.write_text(text, "utf-8")
        except OSError as error:
            reason = f"cannot be written: {error.strerror or type(error).__name__}"
            raise InvalidInput.of("path", reason) from error
        return target

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        drawn = "\n".join(
            tostring(self._framed(drawing), encoding="unicode")
            for drawing in (self.drawing.wide, self.drawing.narrow)
        )
        return (
            f'<figure class="crm-plot"><style>{_style()}</style>\n{drawn}\n'
            f"<figcaption>{escape(self.sentence)}</figcaption>\n"
            f'<details><summary>Figures</summary><div class="scroll">{self.figures}</div></details>'
            "</figure>"
        )

    def _framed(self, drawing: str) -> Element:
        """A drawing on its own ground, with its title above."""
        root = fromstring(drawing)  # noqa: S314 - what was drawn here
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        title = _wrapped(self.title, width)
        head = HEAD + LINE * (len(title) - 1)
        wide, tall = width + 2 * EDGE, height + head + EDGE
        root.set("viewBox", f"{-EDGE} {-head} {number(wide)} {number(tall)}")
        root.set("width", number(wide))
        root.set("height", number(tall))
        card = {"class": "card", "x": f"{-EDGE}", "y": f"{-head}", "rx": "10"}
        card |= {"width": number(wide), "height": number(tall)}
        root.insert(2, Element("rect", card))
        for place, words in enumerate(title):
            at = {"class": "heading", "x": "0", "y": f"{LINE * place + 30 - head}"}
            SubElement(root, "text", at).text = words
        return root

    def _page(self) -> str:
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            f"<title>{escape(self.title)}</title></head>\n"
            f"<body>{self._repr_html_()}</body></html>\n"
        )


def _wrapped(title: str, room: float) -> list[str]:
    """The title in lines that have room."""
    lines: list[str] = []
    for word in title.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width_of(longer, bold=True) * GROWN <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def _style() -> str:
    return files("crmcore.report.plots").joinpath("plot.css").read_text("utf-8")
