"""Values that were checked before, built and copied without checking them a second time.

What comes out of a store was valid when it went in, and the next version of an aggregate differs
from the last in one number: running every validator and converter again would cost more than
reading the row. Only for values of our own classes; what a caller gives is always checked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar, cast
from uuid import UUID, SafeUUID

import attrs

__all__ = ["built", "changed", "compiled", "id_of", "id_of_text", "setters"]

T = TypeVar("T")

_slots: Any = UUID
_put_int, _put_safe = _slots.int.__set__, _slots.is_safe.__set__
_UNKNOWN = SafeUUID.unknown
_new = object.__new__


def id_of(data: bytes) -> UUID:
    """`UUID(bytes=data)` in a third of the time."""
    made = _new(UUID)
    _put_int(made, int.from_bytes(data, "big"))
    _put_safe(made, _UNKNOWN)
    return made


def id_of_text(text: str) -> UUID:
    """`UUID(text)` of a text that an id was written as, in half the time."""
    made = _new(UUID)
    _put_int(made, int(text.replace("-", ""), 16))
    _put_safe(made, _UNKNOWN)
    return made


def compiled(name: str, source: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function of that name in a source that holds nothing but names of our own attributes."""
    exec(compile(source, f"<crmcore {name}>", "exec"), names)  # noqa: S102
    made: Callable[..., Any] = names[name]
    return made


@lru_cache(maxsize=256)
def setters(cls: Any) -> dict[str, Callable[[Any, Any], None]]:
    """By field, what sets it on an instance of this frozen, slotted class."""
    return {field.name: getattr(cls, field.name).__set__ for field in attrs.fields(cls)}


@lru_cache(maxsize=256)
def _copier(cls: Any) -> Callable[[Any], Any]:
    """What makes another instance with the same fields: a function written out for the class."""
    put = setters(cls)
    names: dict[str, Any] = {"new": object.__new__, "cls": cls}
    names |= {f"put_{name}": put[name] for name in put}
    lines = [f"put_{name}(n, o.{name})" for name in put]
    body = "\n    ".join(["n = new(cls)", *lines, "return n"])
    return compiled("copy", f"def copy(o):\n    {body}", names)


@lru_cache(maxsize=256)
def _builder(cls: Any) -> Callable[..., Any]:
    """What makes an instance of its fields: a function written out for the class."""
    put = setters(cls)
    names: dict[str, Any] = {"new": object.__new__, "cls": cls}
    names |= {f"put_{name}": put[name] for name in put}
    body = "\n    ".join(["n = new(cls)", *(f"put_{name}(n, {name})" for name in put), "return n"])
    return compiled("build", f"def build(*, {', '.join(put)}):\n    {body}", names)


def built(cls: type[T], **fields: Any) -> T:
    """An instance with these fields, which must be all of them."""
    made: T = _builder(cast(Any, cls))(**fields)
    return made


def changed(value: T, **fields: Any) -> T:
    """A copy of a frozen value with these fields."""
    cls: Any = type(value)
    new: T = _copier(cls)(value)
    known = setters(cls)
    for name, other in fields.items():
        known[name](new, other)
    return new
