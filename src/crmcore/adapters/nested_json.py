"""Nested values as the JSON text of a row, written and read by functions made once per class.

Writing goes through the one converter. Reading builds the values without validating them again:
the text is our own, and most of the time of a look-up would go into checking it twice.

Of some classes a row holds many (a member's lots), of which a change touches a few: what stays is
written again by the text that it was read of, not anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from operator import is_
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import attrs

from crmcore.adapters.nested import FROM_PLAIN, converter, predicate_of, untagged
from crmcore.domain.attributes import AttributeValue
from crmcore.domain.fields import FieldType
from crmcore.domain.membership import Lot
from crmcore.domain.money import Money
from crmcore.domain.points import LotPart
from crmcore.domain.predicates import Predicate
from crmcore.domain.trusted import built, compiled, id_of_text, setters

__all__ = ["json_reader", "json_rewriter", "json_text", "json_writer"]

Read = Callable[[Any], Any]

json_text: Callable[[Any], str] = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode
"""The one JSON text that is stored for plain data."""

PLAIN: dict[Any, Read] = {
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
    UUID: id_of_text,
    Money: FROM_PLAIN[FieldType.MONEY],
    Predicate: predicate_of,
}


MANY = (Lot, LotPart)
"""Classes of which a row may hold many: their text is written at once, past the converter."""


def _is_many(cls: Any) -> bool:
    return get_origin(cls) is tuple and get_args(cls)[0] in MANY


def json_writer(cls: Any) -> Callable[[Any], str]:
    """From values annotated `cls` to compact JSON text."""
    if _is_many(cls):
        text = _object_text(get_args(cls)[0])
        return lambda values: f"[{','.join(map(text, values))}]"
    unstructure = converter().get_unstructure_hook(cls)
    if cls is Predicate:  # it has no truth value
        return lambda value: json_text(unstructure(value))
    return lambda value: json_text(unstructure(value)) if value else "[]"


def json_rewriter(cls: Any) -> Callable[[Any, Any, str], str]:
    """As `json_writer`, of the values after those `before`, which were read of this text."""
    if not _is_many(cls):
        write = json_writer(cls)
        return lambda values, _, __: write(values)
    text = _object_text(get_args(cls)[0])

    def rewritten(values: Any, before: Any, read: str) -> str:
        held = len(before)
        if 0 < held <= len(values) and read[-2:] == "}]" and all(map(is_, before, values)):
            return ",".join([read[:-1], *map(text, values[held:])]) + "]"  # some came behind
        parts, known = read[2:-2].split("},{"), dict[int, str]()
        if len(parts) == len(before):  # else another hand has written it
            known = {id(v): f"{{{part}}}" for v, part in zip(before, parts, strict=True)}
        told = [known.get(id(value)) or text(value) for value in values]
        return f"[{','.join(told)}]"

    return rewritten


def json_reader(cls: Any) -> Callable[[str], Any]:
    """Back from the JSON text of `json_writer`."""
    read = _reader(cls) or (lambda value: value)
    load = json.JSONDecoder().raw_decode  # our texts have no blanks around, nor anything behind
    return lambda text: read(load(text)[0]) if text != "[]" else ()


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
    names: dict[str, Any] = {"new": object.__new__, "cls": cls}
    whole, part = ["o = new(cls)"], ["o = new(cls)"]
    for field in attrs.fields(cls):
        name, read = field.name, _reader(hints[field.name])
        names |= {f"put_{name}": put[name], f"default_{name}": field.default, f"read_{name}": read}
        value = f"d[{name!r}]" if read is None else f"read_{name}(d[{name!r}])"
        whole.append(f"put_{name}(o, {value})")
        part.append(f"put_{name}(o, {value} if {name!r} in d else default_{name})")
    names["read_part"] = compiled("read", _read_by([*part, "return o"]), dict(names))
    tried = ["try:", *(f"    {line}" for line in whole), "except KeyError: return read_part(d)"]
    return compiled("read", _read_by([*tried, "return o"]), names)


def _read_by(lines: list[str]) -> str:
    return "def read(d):\n    " + "\n    ".join(lines)


TEXTS: dict[Any, str] = {
    UUID: '"{%s}"',
    datetime: '"{%s.isoformat()}"',
    int: "{%s}",
    bool: "{'true' if %s else 'false'}",
}


@lru_cache(maxsize=64)
def _object_text(cls: Any) -> Callable[[Any], str]:
    """The writer of an attrs class whose fields are ids, instants, numbers and truth values."""
    hints = get_type_hints(cls)
    lines, told = [], []
    for field in attrs.fields(cls):
        name, hint = field.name, hints[field.name]
        inner = next((part for part in get_args(hint) if part is not NoneType), hint)
        text = TEXTS[getattr(inner, "__supertype__", inner)] % "v"
        absent = " if v is not None else 'null'" if NoneType in get_args(hint) else ""
        lines += [f"v = o.{name}", f"t_{name} = f'''{text}'''{absent}"]
        told.append(f'"{name}":{{t_{name}}}')
    told_all = "{{" + ",".join(told) + "}}"
    body = "\n    ".join([*lines, f"return f'''{told_all}'''"])
    return compiled("write", f"def write(o):\n    {body}", {})


def _attribute(data: dict[str, Any]) -> AttributeValue:
    return built(
        AttributeValue,
        name=data["name"],
        value=untagged([data["type"], data["value"]]),
        source=data["source"],
        at=datetime.fromisoformat(data["at"]),
    )
