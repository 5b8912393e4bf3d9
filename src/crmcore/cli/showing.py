"""Showing values: to people in a table, to programs as plain JSON.

People see instants in the model's zone, and nothing that would steer their terminal. Programs
get instants as ISO text in UTC, and money as its amount (text, exact) and currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from crmcore.domain.instants import zone_named
from crmcore.domain.money import Money

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "ABSENT", "counted", "day", "fits", "plain", "printable", "records", "shown_value", "table",
]  # fmt: skip

ABSENT = "–"
BREAKS = 20
"""A cell of more characters may be broken into lines: it is text, and no number or date."""
GAP = 2
"""Between two columns."""


def plain(value: Any) -> Any:
    """`value` for a JSON document."""
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case Money():
            return {"amount": str(value.amount), "currency": value.currency}
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case UUID() | Decimal():
            return str(value)
        case tuple():
            return [plain(part) for part in value]
    raise TypeError(f"{type(value).__name__} is shown to no program")


def printable(text: str) -> str:
    """`text` with whatever would steer a terminal spelt out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown_value(value: Any, *, zone: str) -> str:
    """`value` for people."""
    match value:
        case None:
            return ABSENT
        case bool():
            return "yes" if value else "no"
        case Money():
            return f"{value.amount:,} {value.currency}"
        case datetime():
            return f"{value.astimezone(zone_named(zone)):%Y-%m-%d %H:%M}"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}"
        case tuple():
            return ", ".join(printable(str(part)) for part in value) or ABSENT
    return printable(str(value))


def day(value: Any, *, zone: str) -> str:
    """As `shown_value`; of an instant, its local day."""
    if isinstance(value, datetime):
        return value.astimezone(zone_named(zone)).date().isoformat()
    return shown_value(value, zone=zone)


def counted(number: int, one: str, many: str | None = None) -> str:
    """`1 customer`, `2 customers`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[str] = (),
    title: str | None = None,
) -> Table:  # fmt: skip
    """A table without frame; the columns named in `right` are set to the right."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    made = Table(
        title=None if title is None else f"\n{title}", title_justify="left", title_style="bold",
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False,
        header_style="bold",
    )  # fmt: skip
    to_the_right, rows = set(right), list(rows)
    for place, name in enumerate(columns):
        whole = name == "id" or all(len(row[place]) <= BREAKS for row in rows)
        made.add_column(
            _in_lines(name), justify="right" if name in to_the_right else "left", overflow="fold",
            no_wrap=whole or name in to_the_right, vertical="top",
        )  # fmt: skip
    for row in rows:
        made.add_row(*map(Text, row))
    return made


def fits(columns: Sequence[str], rows: Sequence[Sequence[str]], *, width: int) -> bool:
    """Does the table of these rows stand in `width` characters without breaking a number?"""
    from rich.cells import cell_len

    needed = 0
    for place, name in enumerate(columns):
        longest = max((cell_len(row[place]) for row in rows), default=0)
        if name != "id":
            longest = min(longest, BREAKS)
        needed += GAP + max(longest, *map(len, _in_lines(name).split("\n")))
    return needed - GAP <= width


def records(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows with one field in each line, for what is too wide for a table."""
    widest = max(map(len, columns))
    blocks = (
        "\n".join(f"{name:<{widest}}  {cell}" for name, cell in zip(columns, row, strict=True))
        for row in rows
    )
    return "\n\n".join(blocks)


def _in_lines(name: str) -> str:
    """A long name of a field in lines of its words, so that its column need not be wide."""
    lines = [""]
    for word in name.replace("_", "_ ").split():
        if len(lines[-1]) + len(word) >= 10 and lines[-1]:
            lines.append("")
        lines[-1] += word if lines[-1].endswith("_") or not lines[-1] else f" {word}"
    return "\n".join(lines)
