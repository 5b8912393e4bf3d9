"""Fields: what a stored class, a fact or a profile has, with type and personal mark.

The types are few, so that every store keeps them exactly and compares them alike. What a field
means stands once, in the docstring of its class, as a line "- `name`: the meaning"; the data
dictionary is made of these lines.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from crmcore.domain.money import Money
from crmcore.domain.text import Words

__all__ = [
    "PERSONAL",
    "SCALARS",
    "UNSTORED",
    "Field",
    "FieldType",
    "fields_of",
]

PERSONAL: Mapping[str, Any] = {"personal": True}
"""Metadata of an attribute that holds a personal value: write `repr=False` beside it."""

MEANING = re.compile(r"^ *- `(\w+)`: +(.+(?:\n +[^-\s].*)*)", re.MULTILINE)

UNSTORED: Mapping[str, Any] = {"stored": False}
"""Metadata of an attribute that is not part of the stored state."""


class FieldType(Words):
    """The type of one field."""

    TEXT = "text"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    MONEY = "money"
    ID = "id"
    TEXT_SET = "text_set"
    """Several short texts, each once, in order: asked whether one is among them."""
    NESTED = "nested"
    """Structured values that are stored whole and not compared."""


@attrs.frozen
class Field:
    """One field: its name, type and marks. `python` is the annotated class, for conversion;
    `limit` the most characters of a text, where one is declared; `in_words` says that it can be
    searched by its words, as a name, `folds` that parts of its text are, whatever the case and
    accents. `meaning` is a sentence for who reads the data; `since` the
    schema version that brought the field (metadata `since`); `told` whether the journal tells how
    it changed.
    """

    name: str
    type: FieldType
    optional: bool = True
    personal: bool = False
    python: Any = attrs.field(default=None, repr=False, eq=False)
    indexed: bool = False
    limit: int | None = None
    in_words: bool = False
    folds: bool = False
    meaning: str = attrs.field(default="", kw_only=True, repr=False, eq=False)
    since: int = attrs.field(default=1, kw_only=True, repr=False, eq=False)
    told: bool = attrs.field(default=True, kw_only=True, repr=False, eq=False)


SCALARS: dict[Any, FieldType] = {
    str: FieldType.TEXT,
    int: FieldType.INTEGER,
    float: FieldType.FLOAT,
    Decimal: FieldType.DECIMAL,
    bool: FieldType.BOOLEAN,
    date: FieldType.DATE,
    datetime: FieldType.INSTANT,
    Money: FieldType.MONEY,
    UUID: FieldType.ID,
}


def fields_of(cls: type) -> tuple[Field, ...]:
    """The stored fields of an attrs class, in order, from its annotations and metadata."""
    return _fields_of(cls)


@lru_cache(maxsize=256)
def _fields_of(cls: Any) -> tuple[Field, ...]:
    hints, meanings = get_type_hints(cls), _meanings_of(cls)
    found = []
    for attribute in attrs.fields(cls):
        if attribute.metadata.get("stored", True):
            bare, optional = _unwrapped(hints[attribute.name])
            personal = bool(attribute.metadata.get("personal", False))
            limit = getattr(attribute.validator, "limit", None)
            found.append(
                Field(
                    attribute.name, _type_of(bare), optional, personal, bare, limit=limit,
                    meaning=meanings.get(attribute.name, ""),
                    since=attribute.metadata.get("since", 1),
                    told=attribute.metadata.get("told", True),
                )
            )  # fmt: skip
    return tuple(found)


def _meanings_of(cls: type) -> dict[str, str]:
    """By field, what the docstrings of the class and of those above it say of it."""
    return {
        name: " ".join(text.split())
        for above in reversed(cls.__mro__)
        for name, text in MEANING.findall(above.__doc__ or "")
    }


def _unwrapped(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        inner = [part for part in get_args(hint) if part is not types.NoneType]
        if len(inner) == 1:
            return _unwrapped(inner[0])[0], True
        return hint, True
    return getattr(hint, "__supertype__", hint), False


def _type_of(bare: Any) -> FieldType:
    if get_origin(bare) is Literal:
        return FieldType.TEXT
    if isinstance(bare, type) and issubclass(bare, Enum):
        return FieldType.TEXT
    return SCALARS.get(bare, FieldType.NESTED)
