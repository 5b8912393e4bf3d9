"""Nested values as the JSON text of a row, written and read by functions made once per class.

Writing goes through the one converter. Reading builds the values without validating them again:
the text is our own, and most of the time of a look-up would go into checking it twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from crmcore.adapters.nested import FROM_PLAIN, converter, predicate_of, untagged
from crmcore.domain.attributes import AttributeValue
from crmcore.domain.fields import FieldType
from crmcore.domain.money import Money
from crmcore.domain.predicates import Predicate
from crmcore.domain.trusted import built, setters

__all__ = ["json_reader", "json_writer"]

Read = Callable[[Any], Any]

PLAIN: dict[Any, Read] = {
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
    UUID: UUID,
    Money: FROM_PLAIN[FieldType.MONEY],
    Predicate: predicate_of,
}


def json_writer(cls: Any) -> Callable[[Any], str]:
    """From values annotated `cls` to compact JSON text."""
    unstructure = converter().get_unstructure_hook(cls)
    dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
    if cls is Predicate:  # it has no truth value
        return lambda value: dump(unstructure(value))
    return lambda value: dump(unstructure(value)) if value else "[]"


def json_reader(cls: Any) -> Callable[[str], Any]:
    """Back from the JSON text of `json_writer`."""
    read = _reader(cls) or (lambda value: value)
    load = json.JSONDecoder().decode
    return lambda text: read(load(text)) if text != "[]" else ()


def _reader(hint: Any) -> Read | None:
    """From plain data to a value annotated so; `None` where the plain data is the value."""
    hint = getattr(hint, "__supertype__", hint)
    if get_origin(hint) in (Union, UnionType):
        inner = [part for part in get_args(hint) if part is not NoneType]
        read = _reader(inner[0]) if len(inner) == 1 else None
        return read and _unless_absent(read)
    if get_origin(hint) is tuple:
        read = _reader(get_args(hint)[0])
        return tuple if read is None else lambda values: tuple(map(read, values))
    if hint is AttributeValue:
        return _attribute
    if hint in PLAIN:
        return PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {member.value: member for member in hint}.__getitem__
    return _object(hint) if attrs.has(hint) else None


def _unless_absent(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


@lru_cache(maxsize=256)
def _object(cls: Any) -> Read:
    """The reader of an attrs class; a field that the text lacks has its default."""
    hints, put = get_type_hints(cls), setters(cls)
    parts = [
        (field.name, field.default, _reader(hints[field.name]), put[field.name])
        for field in attrs.fields(cls)
    ]
    new = object.__new__

    def read(data: dict[str, Any]) -> Any:
        made = new(cls)
        for name, default, convert, put_on in parts:
            value = data.get(name, default)
            put_on(made, value if convert is None or value is default else convert(value))
        return made

    return read


def _attribute(data: dict[str, Any]) -> AttributeValue:
    return built(
        AttributeValue,
        name=data["name"],
        value=untagged([data["type"], data["value"]]),
        source=data["source"],
        at=datetime.fromisoformat(data["at"]),
    )
