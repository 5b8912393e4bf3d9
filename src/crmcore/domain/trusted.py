"""Values that were checked before, built and copied without checking them a second time.

What comes out of a store was valid when it went in, and the next version of an aggregate differs
from the last in one number: running every validator and converter again would cost more than
reading the row. Only for values of our own classes; what a caller gives is always checked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

import attrs

__all__ = ["built", "changed", "setters"]

T = TypeVar("T")


@lru_cache(maxsize=256)
def setters(cls: Any) -> dict[str, Callable[[Any, Any], None]]:
    """By field, what sets it on an instance of this frozen, slotted class."""
    return {field.name: getattr(cls, field.name).__set__ for field in attrs.fields(cls)}


@lru_cache(maxsize=256)
def _fields(cls: Any) -> list[tuple[Callable[[Any], Any], Callable[[Any, Any], None]]]:
    slots = [getattr(cls, field.name) for field in attrs.fields(cls)]
    return [(slot.__get__, slot.__set__) for slot in slots]


def built(cls: type[T], **fields: Any) -> T:
    """An instance with these fields, which must be all of them."""
    new = object.__new__(cls)
    known = setters(cast(Any, cls))
    for name, value in fields.items():
        known[name](new, value)
    return new


def changed(value: T, **fields: Any) -> T:
    """A copy of a frozen value with these fields."""
    cls: Any = type(value)
    new: T = object.__new__(cls)
    for get, put in _fields(cls):
        put(new, get(value))
    known = setters(cls)
    for name, other in fields.items():
        known[name](new, other)
    return new
