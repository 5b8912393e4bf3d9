"""What an order's lines are asked about in a store, where they are one JSON text.

The text is our own and has one form for one value, without spaces. Within a text of it every
quotation mark stands behind a backslash, so `"category":"flights"` stands there exactly where a
line has that category. To look for it by code point gives the same answer on every engine, with
neither a JSON function nor a collation, and is several times faster than taking the JSON apart.
"""

from __future__ import annotations

from collections.abc import Mapping

from crmcore.adapters.nested_json import json_text
from crmcore.domain.predicates import Has

__all__ = ["any_line_text", "line_text"]

OF_A_LINE: Mapping[str, str] = {"products": "product", "categories": "category"}
"""By what an order is asked about, what each line has of it."""


def line_text(asked: Has) -> str:
    """What stands in the lines where one of them has this product or category."""
    return f"{json_text(OF_A_LINE[asked.name])}:{json_text(asked.value)}"


def any_line_text(name: str) -> str:
    """What stands in the lines where any of them has a product or category."""
    return f'{json_text(OF_A_LINE[name])}:"'
