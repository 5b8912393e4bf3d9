"""Predicates as plain data in files: each part says what `is` its kind, and has its fields.

    {"is": "Comparison", "name": "revenue", "op": ">=", "value": {"type": "money", "value": {...}}}

The kinds are those that the domain has, with whatever their fields are annotated to hold, so that a
new kind of predicate needs nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, get_args, get_type_hints

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import SCALARS
from crmcore.domain.predicates import Predicate

__all__ = ["predicate_data", "predicate_part"]

SELF_TOLD = (str, int, float, bool, type(None))
"""Of which JSON tells the type."""


def predicate_data(part: Any, plain: Callable[[Any], Any]) -> Any:
    """The plain data of a predicate or of a part of one; `plain` turns scalars."""
    if isinstance(part, tuple):
        return [predicate_data(one, plain) for one in part]
    if type(part) in _kinds().values():
        names = [known.name for known in attrs.fields(type(part))]
        told = {name: predicate_data(getattr(part, name), plain) for name in names}
        return {"is": type(part).__name__, **told}
    if type(part) in SELF_TOLD or isinstance(part, Enum) or type(part) not in SCALARS:
        return plain(part)
    return {"type": SCALARS[type(part)].value, "value": plain(part)}


def predicate_part(data: Any, read: Callable[[Any, Any], Any]) -> Any:
    """The predicate, or the part of one, that plain data stands for: `read` is given what a field
    is annotated to hold, and the data.
    """
    if isinstance(data, Decimal):  # a number with a point, read exactly from a file
        return float(data)
    if not isinstance(data, Mapping):
        return data
    if "type" in data:
        types = {kind.value: python for python, kind in SCALARS.items()}
        if data["type"] not in types:
            raise InvalidInput.of("type", f"is none of {', '.join(types)}")
        return read(types[data["type"]], data.get("value"))
    kinds = _kinds()
    if data.get("is") not in kinds:
        raise InvalidInput.of("is", f"is none of {', '.join(kinds)}")
    kind = kinds[data["is"]]
    try:
        return read(kind, {name: part for name, part in data.items() if name != "is"})
    except (TypeError, ValueError):  # they quote values
        raise InvalidInput.of("", f"is not what {kind.__name__} holds") from None


@cache
def _kinds() -> Mapping[str, Any]:
    """By name, every kind of predicate and of what their fields hold that is a class of ours."""
    found: dict[str, Any] = {}
    pending = list(_below(Predicate))
    while pending:
        cls = pending.pop()
        known = cls.__name__ in found or cls in SCALARS
        if not known and attrs.has(cls) and cls.__module__.startswith("crmcore.domain"):
            found[cls.__name__] = cls
            pending += (part for hint in get_type_hints(cls).values() for part in _named(hint))
    return dict(sorted(found.items()))


def _below(cls: type[Any]) -> Iterator[type[Any]]:
    for kind in cls.__subclasses__():
        yield kind
        yield from _below(kind)


def _named(hint: Any) -> Iterator[type[Any]]:
    """The classes that an annotation names."""
    if isinstance(hint, type):
        yield hint
    for part in get_args(hint):
        yield from _named(part)
