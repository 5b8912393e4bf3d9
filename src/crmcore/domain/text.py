"""Text that every backend stores exactly: no NUL (PostgreSQL refuses it), no lone surrogates."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NoReturn

import attrs

from crmcore.domain.errors import InvalidInput

__all__ = ["NAME", "Words", "checked_text", "optional_text", "symbol", "text"]

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What a declared name looks like: `snake_case`, at most 40 characters, so it can be a column."""

CAPITALISED = re.compile(r"[A-Z][a-z]+")


class Words(StrEnum):
    """Words to choose from; any other is `InvalidInput`, which lists them and not the other."""

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:  # noqa: ARG003  the value stays untold
        # The last word of the class's name is what the fields of it are called: `kind`, `channel`.
        path = CAPITALISED.findall(cls.__name__)[-1].lower()
        raise InvalidInput.of(path, f"is none of {', '.join(cls)}") from None


Check = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def checked_text(value: object, path: str, limit: int) -> str:
    """`value` if it is storable text of at most `limit` characters; else `InvalidInput`."""
    if not isinstance(value, str):
        raise InvalidInput.of(path, "must be text")
    if len(value) > limit:
        raise InvalidInput.of(path, f"is longer than {limit} characters")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput.of(path, "holds a lone surrogate") from None
    if "\0" in value:
        raise InvalidInput.of(path, "holds a NUL character")
    return value


def text(limit: int) -> Check:
    """An attrs validator: not empty, and storable."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not checked_text(value, attribute.name, limit):
            raise InvalidInput.of(attribute.name, "is empty")

    return check


def optional_text(limit: int) -> Check:
    """An attrs validator: `None`, or text that is not empty and storable."""
    required = text(limit)

    def check(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None:
            required(instance, attribute, value)

    return check


def symbol(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """An attrs validator: a declared name, such as `lifetime_value`."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        reason = "must be lower-case letters, digits and _, begin with a letter, at most 40"
        raise InvalidInput.of(attribute.name, reason)
