"""Text that every backend stores exactly: no NUL (PostgreSQL refuses it), no lone surrogates."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import EnumType, StrEnum
from typing import Any, TypeVar

import attrs

from crmcore.domain.errors import InvalidInput

__all__ = [
    "NAME", "Check", "Words", "checked_text", "optional_symbol", "optional_text", "symbol", "text",
]  # fmt: skip

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What a declared name looks like: `snake_case`, at most 40 characters, so it can be a column."""

CAPITALISED = re.compile(r"[A-Z][a-z]+")


W = TypeVar("W", bound="Words")


class _Choosing(EnumType):
    """How a word is chosen. Python's own way chains an error that quotes what was asked for."""

    def __call__(cls: type[W], value: object) -> W:  # type: ignore[override,misc]
        """The word that `value` is."""
        found = cls._value2member_map_.get(value) if isinstance(value, str) else None
        if isinstance(found, cls):
            return found
        # The last word of the class's name is what the fields of it are called: `kind`, `channel`.
        path = CAPITALISED.findall(cls.__name__)[-1].lower()
        raise InvalidInput.of(path, f"is none of {', '.join(cls)}")


class Words(StrEnum, metaclass=_Choosing):
    """Words to choose from; any other is `InvalidInput`, which lists them and not the other."""


Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def checked_text(value: object, path: str, limit: int) -> str:
    """`value` if it is storable text of at most `limit` characters; else `InvalidInput`.

    Of a subclass (a host's own enumeration...) the plain text is answered: drivers differ in what
    they make of one.
    """
    if not isinstance(value, str):
        raise InvalidInput.of(path, "must be text")
    if len(value) > limit:
        raise InvalidInput.of(path, f"is longer than {limit} characters")
    if not value.isascii() and not _is_whole(value):
        raise InvalidInput.of(path, "holds a lone surrogate")
    if "\0" in value:
        raise InvalidInput.of(path, "holds a NUL character")
    return value if type(value) is str else str.__str__(value)


def _is_whole(value: str) -> bool:
    """Is each surrogate one of a pair? Python's error would quote the text."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def text(limit: int) -> Check:
    """An attrs validator: not empty, and storable."""

    def check(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        found = checked_text(value, attribute.name, limit)
        if not found:
            raise InvalidInput.of(attribute.name, "is empty")
        if found is not value:
            object.__setattr__(instance, attribute.name, found)

    return _limited(check, limit)


def optional_text(limit: int) -> Check:
    """An attrs validator: `None`, or text that is not empty and storable."""
    required = text(limit)

    def check(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None:
            required(instance, attribute, value)

    return _limited(check, limit)


def _limited(check: Check, limit: int) -> Check:
    check.limit = limit  # type: ignore[attr-defined]  # `fields_of` reads it
    return check


def symbol(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """An attrs validator: a declared name, such as `lifetime_value`."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        reason = "must be lower-case letters, digits and _, begin with a letter, at most 40"
        raise InvalidInput.of(attribute.name, reason)
    if type(value) is not str:
        object.__setattr__(instance, attribute.name, str.__str__(value))


def optional_symbol(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """An attrs validator: `None` or a declared name."""
    if value is not None:
        symbol(instance, attribute, value)
