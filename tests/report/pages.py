"""What a written report says, read back from its HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

__all__ = ["Page"]


class Page(HTMLParser):
    """The tables by their names, and all text outside of style."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.source = path.read_text("utf-8")
        self.tables: dict[str, list[list[str]]] = {}
        self.words: list[str] = []
        self.tags: list[str] = []
        self._table: list[list[str]] = []
        self._in: list[str] = []
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        label = dict(attrs).get("aria-label") or ""
        if label.startswith("Figures of "):
            self._table = self.tables.setdefault(label.removeprefix("Figures of "), [])
        if tag == "tr":
            self._table.append([])
        if tag in ("th", "td"):
            self._table[-1].append("")
        if tag not in ("meta", "link", "input", "br"):
            self._in.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._in and self._in.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" in self._in:
            return
        self.words.append(data)
        if "td" in self._in or ("th" in self._in and "tr" in self._in):
            self._table[-1][-1] += data

    @property
    def text(self) -> str:
        """All that is written on the page, with single spaces."""
        return " ".join(" ".join(self.words).split())
