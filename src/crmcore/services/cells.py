"""Cells: the text or the typed value that stands in one column of one row.

A cell is missing where it is `None`, not a number (`NaN`), not a time (`NaT`), or empty text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.ids import as_id
from crmcore.domain.money import number
from crmcore.services.nested_values import structured

__all__ = ["amount_of", "is_missing", "reader_of", "text_of", "whole_of"]

ABSENT = ("NAType", "NaTType")  # pandas' own, known by name: pandas is not imported for them
WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
EXACT = 2**53
WIDEST = 10**100  # Python writes no number of thousands of digits
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")

Convert = Callable[[Any], Any]


def is_missing(cell: object) -> bool:
    """Does the cell say nothing?"""
    if isinstance(cell, str):
        return not cell
    if cell is None or type(cell).__name__ in ABSENT:
        return True
    return isinstance(cell, float | Decimal) and cell != cell  # noqa: PLR0124  NaN


def text_of(cell: object) -> str | None:
    """The text of a cell, as a CSV file would have it; `None` where it is missing."""
    if isinstance(cell, str):
        text = cell.value if isinstance(cell, Enum) else cell
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise InvalidInput.of("", "is not text in its encoding") from None
        return str(text)
    if hasattr(cell, "dtype"):  # a number of numpy's
        try:
            cell = float(str(cell)) if "float" in str(cell.dtype) else cell.item()  # type: ignore[attr-defined]
        except (TypeError, ValueError):  # an array of several
            raise InvalidInput.of("", "is not text") from None
    if is_missing(cell):
        return None
    match cell:
        case bool():
            return "true" if cell else "false"
        case float() if abs(cell) < EXACT and cell.is_integer():
            return str(int(cell))  # a column of integers with a gap comes as one of floats
        case int() if not -WIDEST < cell < WIDEST:
            raise InvalidInput.of("", "has too many digits")
        case int() | float() | Decimal() | UUID():
            return str(cell)
        case datetime() | date():
            return cell.isoformat()
    raise InvalidInput.of("", "is not text")


def reader_of(field: Field, moment: Callable[[str], datetime]) -> Convert:
    """From a cell that is not missing to the field's value, `InvalidInput` if it is none; money
    is read by `amount_of` instead. Text is kept as it is, blanks around it included.
    """
    match field.type:
        case FieldType.TEXT:
            if isinstance(field.python, type) and issubclass(field.python, Enum):
                words = field.python
                return lambda cell: words(_stripped(cell))
            return lambda cell: cell if type(cell) is str and cell.isascii() else text_of(cell)
        case FieldType.INTEGER:
            return whole_of
        case FieldType.FLOAT:
            return _float
        case FieldType.DECIMAL:
            return lambda cell: number(_stripped(cell), "")
        case FieldType.BOOLEAN:
            return _boolean
        case FieldType.DATE:
            return _day
        case FieldType.INSTANT:
            return lambda cell: moment(_stripped(cell))
        case FieldType.ID:
            return _id
    return _nested(field.python)


def whole_of(cell: object) -> int:
    """A whole number."""
    text = _stripped(cell)
    if not WHOLE.fullmatch(text):
        raise InvalidInput.of("", "is no whole number")
    return int(text)


def amount_of(cell: object) -> Decimal:
    """An amount in major units: a point before the decimals, no grouping."""
    return number(_stripped(cell), "")


def _stripped(cell: object) -> str:
    return (text_of(cell) or "").strip()


def _float(cell: object) -> float:
    try:
        if isinstance(cell, float):
            return cell
        text = _stripped(cell)
        if "_" in text:
            raise ValueError
        return float(text)
    except ValueError:
        raise InvalidInput.of("", "is no number") from None


def _boolean(cell: object) -> bool:
    text = _stripped(cell).lower()
    if text not in TRUE + FALSE:
        raise InvalidInput.of("", f"is none of {', '.join(TRUE + FALSE)}")
    return text in TRUE


def _day(cell: object) -> date:
    try:
        return date.fromisoformat(_stripped(cell))
    except ValueError:
        raise InvalidInput.of("", "is no date in ISO 8601 form") from None


def _id(cell: object) -> UUID:
    if isinstance(cell, bytes) and len(cell) == 16:
        return UUID(bytes=cell)
    return cell if isinstance(cell, UUID) else as_id(_stripped(cell), "")


def _nested(hint: Any) -> Convert:
    decode = json.JSONDecoder(parse_float=Decimal).decode

    def read(cell: object) -> Any:
        if isinstance(cell, str):
            try:
                cell = decode(cell)
            except (ArithmeticError, ValueError, RecursionError):
                raise InvalidInput.of("", "is no JSON") from None
        return structured(hint, cell)

    return read
