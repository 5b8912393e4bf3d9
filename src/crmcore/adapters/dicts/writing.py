"""Writing: from an object to its dictionary, by a function that is made once for each class."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import lru_cache, partial
from typing import Any, cast

from crmcore.adapters.dicts.forms import SCHEMA, form_of
from crmcore.adapters.dicts.predicates import PREDICATE, check_whole
from crmcore.adapters.dicts.profiles import profile_dict
from crmcore.adapters.dicts.shapes import AnyKind, Optional, Several, Shape, parts_of
from crmcore.adapters.dicts.values import PLAIN, Plain
from crmcore.domain.model import Model
from crmcore.domain.predicates import Predicate
from crmcore.domain.profile import Profile

__all__ = ["write_with_schema", "writer"]

Write = Callable[[Any, Model | None], dict[str, Any]]


def write_with_schema(value: object, model: Model | None, *, personal: bool) -> dict[str, Any]:
    """The dictionary of an object of whatever class, which it says."""
    cls: Any = type(value)
    schema = form_of(cls).schema
    check_whole(cls, personal=personal)
    return {SCHEMA: schema, **writer(cls, personal=personal)(value, model)}


@lru_cache(maxsize=512)
def writer(cls: Any, *, personal: bool) -> Write:
    """From an object of the class, and the host's model, to a dictionary."""
    if cls is Profile:
        return partial(profile_dict, personal=personal)
    plain = PREDICATE if issubclass(cls, Predicate) else PLAIN.get(cls)
    if plain is not None and plain.write is not None:
        write = plain.write
        return lambda value, _: write(value)
    names: dict[str, Any] = {}
    pairs = [
        f"{part.name!r}: {_expression(part.shape, f'o.{part.name}', names, personal)}"
        for part in parts_of(cls)
        if personal or not part.personal
    ]
    # The source holds nothing but names of attributes of our own classes.
    source = f"def write(o, m): return {{{', '.join(pairs)}}}"
    exec(compile(source, "<crmcore dictionary>", "exec"), names)  # noqa: S102
    made: Write = names["write"]
    return made


def _expression(shape: Shape, value: str, names: dict[str, Any], personal: bool) -> str:
    """The source that turns `value` into plain data; what it calls is put into `names`."""
    write: Any
    match shape:
        case Optional(inner):
            return f"(None if {value} is None else {_expression(inner, value, names, personal)})"
        case Several(inner):
            item = f"i{len(names)}"
            names[item] = None  # taken, so that a list within a list has another
            return f"[{_expression(inner, item, names, personal)} for {item} in {value}]"
        case Plain(None):
            return value
        case Plain(plain):
            name, called, write = f"w{len(names)}", f"({value})", plain
        case AnyKind():
            name, called, write = (
                f"w{len(names)}",
                f"({value}, m)",
                partial(write_with_schema, personal=personal),
            )
        case _ if issubclass(shape, Enum):
            return f"{value}.value"
        case _:
            write = writer(cast(Any, shape), personal=personal)
            name, called = f"w{len(names)}", f"({value}, m)"
    names[name] = write
    return name + called
