"""The codec: aggregates and facts to flat rows of wire values and back, generated once per class.

Scalar fields become columns, money two of them, nested values one of JSON text. Rows that we
wrote ourselves are trusted: decoding sets the attributes without validating them again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

import attrs

from crmcore.adapters.nested_json import json_reader, json_rewriter, json_writer
from crmcore.domain.facts import Fact
from crmcore.domain.fields import Field, FieldType, fields_of
from crmcore.domain.instants import from_millis, to_millis
from crmcore.domain.money import Money
from crmcore.domain.ports import Recording
from crmcore.domain.trusted import compiled, id_of, setters

__all__ = [
    "Codec", "Column", "Update", "codec_of", "indexes_by_key", "recorded_encoder", "update_of",
]  # fmt: skip

SET_MINOR, SET_CURRENCY = setters(Money)["minor"], setters(Money)["currency"]

T = TypeVar("T")
F = TypeVar("F", bound=Fact)


@attrs.frozen
class Column:
    """One column: its name, the type of its wire value, and its marks."""

    name: str
    type: FieldType
    optional: bool = True
    personal: bool = False


@attrs.frozen
class Codec(Generic[T]):
    """`encode` gives a tuple of wire values in the order of `columns`; `decode` reads one. `places`
    tells, by the name of a column, where in that order it is.
    """

    columns: tuple[Column, ...]
    encode: Callable[[T], tuple[Any, ...]]
    decode: Callable[[Any], T]
    places: Mapping[str, int]


def codec_of(cls: type[T]) -> Codec[T]:
    """The codec of a stored class."""
    made: Codec[T] = _made(cast(Any, cls))
    return made


@lru_cache(maxsize=256)
def _made(cls: Any) -> Codec[Any]:
    fields = fields_of(cls)
    columns = tuple(column for field in fields for column in _columns(field))
    places = {column.name: place for place, column in enumerate(columns)}
    return Codec(columns, _encoder(fields), _decoder(cls, fields), places)


@attrs.frozen
class Update(Generic[T]):
    """What writes the next state of a stored class: `encode` what changes, but its heavy field, in
    the order of its columns' `names`; `write` the heavy one, or `rewrite` it, given the value
    before and its text.
    """

    names: tuple[str, ...]
    encode: Callable[[T], tuple[Any, ...]]
    write: Callable[[Any], str]
    rewrite: Callable[[Any, Any, str], str]


def update_of(
    cls: type[T], heavy: str | None, stays: frozenset[str] = frozenset[str]()
) -> Update[T]:
    """The update of a stored class, of which one nested field may be heavy, and some stay."""
    made: Update[T] = _update(cast(Any, cls), heavy, stays)
    return made


@lru_cache(maxsize=512)
def _update(cls: Any, heavy: str | None, stays: frozenset[str]) -> Update[Any]:
    fields = tuple(f for f in fields_of(cls) if f.name != heavy and f.name not in stays)
    names = tuple(column.name for field in fields for column in _columns(field))
    hint = next((field.python for field in fields_of(cls) if field.name == heavy), str)
    return Update(names, _encoder(fields), json_writer(hint), json_rewriter(hint))


def recorded_encoder(codec: Codec[F], recording: Recording) -> Callable[[F], list[Any]]:
    """`codec.encode` for facts as they are recorded: with `recorded_at`, `actor`, the source
    where the fact names none, and the base amount where it is the amount itself.
    """
    places = codec.places
    source, at, actor = places["source"], places["recorded_at"], places["actor"]
    base = places.get("base_amount_minor")
    money = next((places[n] for n in ("total_minor", "amount_minor") if n in places), None)
    encode, recorded_at, restores = codec.encode, to_millis(recording.at), recording.restores

    def recorded(fact: F) -> list[Any]:
        row = list(encode(fact))
        if not restores or row[at] is None:
            row[at] = recorded_at
            row[actor] = recording.actor
            if row[source] is None:
                row[source] = recording.source
        if base is not None and money is not None and row[base] is None:
            row[base], row[base + 1] = row[money], row[money + 1]
        return row

    return recorded


def indexes_by_key(
    facts: Sequence[Fact], source: str | None
) -> dict[tuple[str | None, str], list[int]]:
    """By source and source key, where facts with that key stand."""
    found: dict[tuple[str | None, str], list[int]] = {}
    for index, fact in enumerate(facts):
        if fact.source_key is not None:
            found.setdefault((fact.source or source, fact.source_key), []).append(index)
    return found


def _columns(field: Field) -> tuple[Column, ...]:
    if field.type is FieldType.MONEY:
        return (
            Column(f"{field.name}_minor", FieldType.INTEGER, field.optional, field.personal),
            Column(f"{field.name}_currency", FieldType.TEXT, field.optional, field.personal),
        )
    return (Column(field.name, field.type, field.optional, field.personal),)


def _encoder(fields: tuple[Field, ...]) -> Callable[[Any], tuple[Any, ...]]:
    names: dict[str, Any] = {"millis": to_millis}
    parts = []
    for field in fields:
        value = f"o.{field.name}"
        match field.type:
            case FieldType.ID:
                parts.append(_optional(field, f'{value}.int.to_bytes(16, "big")'))
            case FieldType.INSTANT:
                parts.append(_optional(field, f"millis({value})"))
            case FieldType.MONEY:
                parts.append(_optional(field, f"{value}.minor"))
                parts.append(_optional(field, f"{value}.currency"))
            case FieldType.TEXT if _is_enum(field):
                parts.append(_optional(field, f"{value}.value"))
            case FieldType.NESTED:
                names[f"write_{field.name}"] = json_writer(field.python)
                parts.append(_optional(field, f"write_{field.name}({value})"))
            case _:
                parts.append(value)
    return compiled("encode", f"def encode(o): return ({', '.join(parts)},)", names)


def _decoder(cls: type[Any], fields: tuple[Field, ...]) -> Callable[[Any], Any]:
    names: dict[str, Any] = {
        "cls": cls, "new": object.__new__, "instant": from_millis, "id_of": id_of,
        "money": _money,
    }  # fmt: skip
    row, lines = [], ["o = new(cls)"]
    for field in fields:
        name = field.name
        names[f"set_{name}"] = getattr(cls, name).__set__
        value = f"c_{name}"
        row.append(value)
        match field.type:
            case FieldType.ID:
                built = f"id_of({value})"
            case FieldType.INSTANT:
                built = f"instant({value})"
            case FieldType.MONEY:
                row.append(f"c_{name}_currency")
                built = f"money({value}, c_{name}_currency)"
            case FieldType.TEXT if _is_enum(field):
                names[f"Enum_{name}"] = {word.value: word for word in field.python}
                built = f"Enum_{name}[{value}]"
            case FieldType.NESTED:
                names[f"read_{name}"] = json_reader(field.python)
                built = f'() if {value} == "[]" else read_{name}({value})'
            case FieldType.BOOLEAN | FieldType.INTEGER:
                built = f"{'bool' if field.type is FieldType.BOOLEAN else 'int'}({value})"
            case _:
                built = value
        if field.optional and built != value:
            built = f"None if {value} is None else {built}"
        lines.append(f"set_{name}(o, {built})")
    for attribute in attrs.fields(cls):
        if not attribute.metadata.get("stored", True):
            names[f"set_{attribute.name}"] = getattr(cls, attribute.name).__set__
            names[f"default_{attribute.name}"] = attribute.default
            lines.append(f"set_{attribute.name}(o, default_{attribute.name})")
    body = "\n    ".join([f"({', '.join(row)},) = row", *lines, "return o"])
    return compiled("decode", f"def decode(row):\n    {body}", names)


def _money(minor: int, currency: str) -> Money:
    made = object.__new__(Money)
    SET_MINOR(made, int(minor))  # Mongo's 64-bit integers are of a class of their own
    SET_CURRENCY(made, currency)
    return made


def _optional(field: Field, expression: str) -> str:
    return f"None if o.{field.name} is None else {expression}" if field.optional else expression


def _is_enum(field: Field) -> bool:
    return isinstance(field.python, type) and issubclass(field.python, Enum)
