"""Notes and attachments: what people write down of a customer, and what they file with them.

Both are part of the customer's record, and personal. A note is free text and no fact: nothing is
counted from it. An attachment only says where a document is; its content stays with the host.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import PERSONAL
from crmcore.domain.instants import instant
from crmcore.domain.text import checked_text, optional_text, text

__all__ = ["ATTACHMENTS", "NOTES", "Attachment", "Note"]

NOTES = 200
"""Notes of a customer."""
ATTACHMENTS = 100
"""Attachments of a customer."""
LARGEST = 2**53


_long = text(4000)


def _written(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    _long(instance, attribute, value)
    if not value.strip():
        raise InvalidInput.of(attribute.name, "is empty")


def _media_type(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None:
        return
    known = checked_text(value, attribute.name, 127).lower()
    kind, slash, rest = known.partition("/")
    if not (kind and slash and rest) or not known.isascii() or known != "".join(known.split()):
        raise InvalidInput.of(attribute.name, "is no media type, such as application/pdf")
    object.__setattr__(instance, attribute.name, known)


def _size(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < LARGEST:
        raise InvalidInput.of(attribute.name, "must be a number of bytes below 2**53")


@attrs.frozen
class Note:
    """What somebody wrote of a customer: at most 4,000 characters; `author` says who wrote it."""

    text: str = attrs.field(repr=False, validator=_written, metadata=PERSONAL)
    at: datetime = attrs.field(kw_only=True, converter=instant)
    author: str | None = attrs.field(default=None, kw_only=True, validator=optional_text(200))


@attrs.frozen
class Attachment:
    """Where a document of a customer is; the content is not stored here.

    `reference` is the host's own: a URI, a path, a key in its store of files. It tells attachments
    of one customer apart. `media_type` is as in `application/pdf`, `size` in bytes.
    """

    name: str = attrs.field(repr=False, validator=text(255), metadata=PERSONAL)
    reference: str = attrs.field(repr=False, validator=text(1000), metadata=PERSONAL)
    media_type: str | None = attrs.field(default=None, kw_only=True, validator=_media_type)
    size: int | None = attrs.field(default=None, kw_only=True, validator=_size)
    at: datetime = attrs.field(kw_only=True, converter=instant)
