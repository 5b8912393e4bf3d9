"""Roles and relationships: what a customer is to us (S1), and to other customers (S3), dated."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.ids import CustomerId, an_id
from crmcore.domain.instants import instant, optional_instant
from crmcore.domain.text import checked_text, optional_text, symbol

__all__ = ["Relationship", "Role"]


def _since(value: datetime) -> datetime:
    return instant(value, "since")


def _until(value: datetime | None) -> datetime | None:
    return optional_instant(value, "until")


def _needs(values: Iterable[str]) -> tuple[str, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidInput.of("needs", "must be several texts")
    needs = tuple(values)
    for index, need in enumerate(needs):
        if not checked_text(need, f"needs[{index}]", 100):
            raise InvalidInput.of(f"needs[{index}]", "is empty")
    return needs


def _ordered(since: datetime, until: datetime | None) -> None:
    if until is not None and until < since:
        raise InvalidInput.of("until", "is before since")


@attrs.frozen
class Role:
    """One audience role (`card_holder`, `affiliate`), with its own needs and activity level."""

    name: str = attrs.field(validator=symbol)
    since: datetime = attrs.field(kw_only=True, converter=_since)
    until: datetime | None = attrs.field(default=None, kw_only=True, converter=_until)
    needs: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=_needs)
    activity: str | None = attrs.field(default=None, kw_only=True, validator=optional_text(40))

    def __attrs_post_init__(self) -> None:
        _ordered(self.since, self.until)

    def overlaps(self, other: Role) -> bool:
        """Are both of one name, and in force together at some instant?"""
        begins = max(self.since, other.since)
        ends = [role.until for role in (self, other) if role.until is not None]
        return self.name == other.name and all(begins < until for until in ends)

    def held_at(self, at: datetime) -> bool:
        """Does the customer have this role at that instant?"""
        return self.since <= at and (self.until is None or at < self.until)


@attrs.frozen
class Relationship:
    """A dated tie from this customer to another: `employee_of`, `branch_of`, `member_of`."""

    kind: str = attrs.field(validator=symbol)
    other_id: CustomerId = attrs.field(kw_only=True, validator=an_id)
    since: datetime = attrs.field(kw_only=True, converter=_since)
    until: datetime | None = attrs.field(default=None, kw_only=True, converter=_until)

    def __attrs_post_init__(self) -> None:
        _ordered(self.since, self.until)

    def holds_at(self, at: datetime) -> bool:
        """Is the tie in force at that instant?"""
        return self.since <= at and (self.until is None or at < self.until)
