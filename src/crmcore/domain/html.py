"""Tables for notebooks: what Jupyter and its like show instead of a repr, escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

__all__ = ["ABSENT", "MASKED", "Html", "html_table", "shown"]

ABSENT = "–"
"""Stands for `None`."""

MASKED = "•••"
"""Stands for a personal value."""


class Html(str):
    """Text in HTML: a notebook shows it as such."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return str(self)


def shown(value: Any) -> str:
    """A value as a reader wants it: instants to the minute, floats to a few digits."""
    match value:
        case None:
            return ABSENT
        case datetime():
            return value.isoformat(sep=" ", timespec="minutes")
        case bool() | str():
            return str(value)
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}" if 100 <= abs(value) < 1e15 else f"{value:.4g}"
        case tuple() | list():
            return ", ".join(map(shown, value))
    return str(value)


def html_table(
    rows: Iterable[Sequence[object]], *, header: Sequence[str], caption: str, note: str = ""
) -> Html:
    """A table; the first cell of each row is its heading. Everything is escaped."""

    def cell(value: object) -> str:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        style = ' style="text-align:right"' if number else ""
        return f"<td{style}>{escape(shown(value))}</td>"

    lines = [f"<table><caption>{escape(caption)}</caption>", "<thead><tr>"]
    lines += [f'<th scope="col">{escape(name)}</th>' for name in header]
    lines += ["</tr></thead>", "<tbody>"]
    for first, *others in rows:
        heading = f'<th scope="row">{escape(shown(first))}</th>'
        lines.append(f"<tr>{heading}{''.join(map(cell, others))}</tr>")
    lines.append("</tbody></table>")
    if note:
        lines.append(f"<p>{escape(note)}</p>")
    return Html("\n".join(lines))
