"""Shapes: what an annotated field holds, so that writing, reading and schemas agree on it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

import attrs

from crmcore.adapters.dicts.forms import DECLARED
from crmcore.adapters.dicts.predicates import PREDICATE
from crmcore.adapters.dicts.values import ANY_JSON, JSON_OBJECT, PLAIN, SCALAR, Plain
from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.predicates import Predicate

__all__ = ["AnyKind", "Optional", "Part", "Several", "Shape", "parts_of", "shape_of"]


@attrs.frozen
class Optional:
    """A value, or `null`."""

    inner: Shape


@attrs.frozen
class Several:
    """A list."""

    inner: Shape


@attrs.frozen
class AnyKind:
    """An object of one of several classes; its `schema` says which."""

    classes: tuple[type[Any], ...]


Shape: TypeAlias = Plain | Optional | Several | AnyKind | type[Any]
"""A plain value, an optional one, a list, an object of several kinds, an enumeration of words, or
an attrs class.
"""


@attrs.frozen
class Part:
    """One field of a class as it stands in its dictionary."""

    name: str
    shape: Shape
    required: bool
    personal: bool
    attribute: attrs.Attribute[Any]


@lru_cache(maxsize=256)
def parts_of(cls: Any) -> tuple[Part, ...]:
    """The stored fields of an attrs class, in order."""
    hints = get_type_hints(cls)
    return tuple(
        Part(
            field.name,
            shape_of(hints[field.name]),
            field.default is attrs.NOTHING,
            bool(field.metadata.get("personal", False)),
            field,
        )
        for field in attrs.fields(cls)
        if field.metadata.get("stored", True)
    )


def _of_several(kinds: list[Any]) -> Shape:
    """Of a union: a value of any scalar type, or an object that says which class it is of."""
    return AnyKind(tuple(kinds)) if all(map(attrs.has, kinds)) else SCALAR


def shape_of(hint: Any) -> Shape:
    """The shape of a type annotation."""
    hint = getattr(hint, "__supertype__", hint)
    if get_origin(hint) in (Union, UnionType):
        inner = [part for part in get_args(hint) if part is not NoneType]
        value = shape_of(inner[0]) if len(inner) == 1 else _of_several(inner)
        return Optional(value) if NoneType in get_args(hint) else value
    if get_origin(hint) is tuple:
        return Several(shape_of(get_args(hint)[0]))
    if hint in PLAIN:
        return PLAIN[hint]
    if hint is Any:
        return ANY_JSON
    if get_origin(hint) is Mapping:
        return JSON_OBJECT
    if isinstance(hint, type) and issubclass(hint, Predicate):
        return PREDICATE
    if hint is Fact:
        return AnyKind(tuple(cls for cls in DECLARED if issubclass(cls, Fact)))
    if isinstance(hint, type) and (issubclass(hint, Enum) or attrs.has(hint)):
        return hint
    raise InvalidInput.of("", f"{hint!r} has no dictionary form")
