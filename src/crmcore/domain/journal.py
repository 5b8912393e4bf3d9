"""The journal: one row per save, one per batch of a bulk call; outbox, history and audit in one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

import attrs

from crmcore.domain.fields import PERSONAL, fields_of
from crmcore.domain.predicates import Predicate
from crmcore.domain.text import Words

__all__ = [
    "Entry",
    "Operation",
    "changes_between",
    "plain",
]


class Operation(Words):
    """What was done."""

    ADDED = "added"
    SAVED = "saved"
    REMOVED = "removed"
    APPENDED = "appended"
    REDACTED = "redacted"
    """Personal values were taken out: of the record, its facts, and its rows here."""


@attrs.frozen(kw_only=True)
class Entry:
    """One row: what was done to which aggregate or facts, by whom.

    `version` is the aggregate's after the change, `None` for a batch. `changes` has one mapping
    per id, from changed field to `[before, after]` as plain data; of a fact that was removed it
    says whose it was. Changes of personal fields are kept apart in `personal`, where they can be
    redacted. `position` is assigned when first read,
    never changes, and follows the order of commits for each customer.
    """

    kind: str
    operation: Operation
    ids: tuple[UUID, ...]
    version: int | None = None
    changes: tuple[Mapping[str, Any], ...] = ()
    personal: tuple[Mapping[str, Any], ...] = attrs.field(default=(), repr=False, metadata=PERSONAL)
    at: datetime
    recorded_at: datetime
    actor: str | None = None
    source: str | None = None
    position: int | None = attrs.field(default=None, eq=False)

    def without_personal_values_of(self, id: UUID) -> Entry:
        """The row as it stands once the personal values of that aggregate are taken out."""
        if not any(self.personal):
            return self
        told = zip(self.ids, self.personal, strict=True)
        return attrs.evolve(self, personal=tuple({} if one == id else v for one, v in told))


def changes_between(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Changed fields of two states of one aggregate, `(open, personal)`, as plain data; without
    those that facts tell, which the journal names by themselves.
    """
    changed: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for name, is_personal in _told(cast(Any, type(before))):
        old, new = getattr(before, name), getattr(after, name)
        if old is not new and old != new:
            (personal if is_personal else changed)[name] = [plain(old), plain(new)]
    return changed, personal


@lru_cache(maxsize=256)
def _told(cls: Any) -> list[tuple[str, bool]]:
    """The fields that the journal tells of, and whether they are personal."""
    return [(f.name, f.personal) for f in fields_of(cls) if f.told and f.name != "version"]


def plain(value: Any) -> Any:
    """`value` as JSON-ready data, for reading: not meant to be turned back into objects."""
    match value:
        case Enum():
            return value.value
        case None | str() | bool() | int() | float():
            return value
        case datetime() | date():
            return value.isoformat()
        case Decimal() | UUID():
            return str(value)
        case tuple() | list():
            return [plain(item) for item in value]
    told = {"is": type(value).__name__} if isinstance(value, Predicate) else {}
    return told | {a.name: plain(getattr(value, a.name)) for a in attrs.fields(type(value))}
