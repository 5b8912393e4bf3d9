"""Ids are UUIDv7 (RFC 9562): made from an instant and the system's randomness.

They sort by the instant they were made for, so new rows land at the end of an index. They are
the one exception to "no randomness in the domain"; pass an id of your own to be free of it.
"""

from __future__ import annotations

from datetime import datetime
from os import urandom
from typing import Any, NewType
from uuid import UUID

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import to_millis

__all__ = [
    "CustomerId",
    "FactId",
    "MembershipId",
    "OrderId",
    "ProductId",
    "SegmentId",
    "a_version",
    "an_id",
    "as_id",
    "new_id",
    "optional_id",
]

CustomerId = NewType("CustomerId", UUID)
ProductId = NewType("ProductId", UUID)
SegmentId = NewType("SegmentId", UUID)
FactId = NewType("FactId", UUID)
MembershipId = NewType("MembershipId", UUID)
OrderId = FactId
"""An order is a fact; its id is a fact's."""


def new_id(at: datetime) -> UUID:
    """A UUIDv7 for the instant `at`; instants before 1970 share the smallest time part."""
    millis = max(0, to_millis(at))
    tail = int.from_bytes(urandom(10), "big")
    high = (millis << 16) | 0x7000 | (tail >> 68)
    low = 0x8000000000000000 | (tail & 0x3FFFFFFFFFFFFFFF)
    return UUID(int=(high << 64) | low)


def as_id(value: object, path: str) -> UUID:
    """`value` if it is an id, or the id whose text it is, with hyphens or without."""
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        try:
            found = UUID(value)
        except ValueError:
            pass
        else:
            if value.lower() in (str(found), found.hex):
                return found
    raise InvalidInput.of(path, "must be an id (a UUID, or the text of one)")


def an_id(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """An attrs validator: an id, not the text of one."""
    if not isinstance(value, UUID):
        raise InvalidInput.of(attribute.name, "must be an id (a UUID)")


def optional_id(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """An attrs validator: `None` or an id."""
    if value is not None:
        an_id(instance, attribute, value)


def a_version(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """An attrs validator: how often an aggregate was stored."""
    if type(value) is not int or not 0 <= value < 2**53:
        raise InvalidInput.of(attribute.name, "must be a whole number, not negative")
