"""Redaction: the personal values of a customer taken out, and all that happened kept.

What is personal is said by the marks of the fields, once, in the domain: this follows them, so a
field that is marked later is reached without a change here. Facts stay, so every count and sum
does; a measure over a personal field follows what is left of it.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, TypeVar, cast

import attrs

from crmcore.domain.customer import Customer
from crmcore.domain.facts import Fact
from crmcore.domain.fields import fields_of
from crmcore.domain.membership import Membership
from crmcore.domain.trusted import changed

__all__ = ["blanked", "personal_fields", "without_personal_values"]

F = TypeVar("F", bound=Fact | Membership)


def personal_fields(cls: type[Fact | Membership]) -> tuple[str, ...]:
    """The fields of a fact or membership that hold personal values; all of them may be absent."""
    return _personal_fields(cast(Any, cls))


@lru_cache(maxsize=64)
def _personal_fields(cls: Any) -> tuple[str, ...]:
    return tuple(known.name for known in fields_of(cls) if known.personal)


def blanked(told: F) -> F:
    """The fact or membership without its personal values."""
    return changed(told, **dict.fromkeys(_personal_fields(cast(Any, type(told)))))


def without_personal_values(customer: Customer, *, keeping: Collection[str]) -> Customer:
    """The customer without personal values; of the host attributes only those in `keeping`, which
    the model declares as not personal.
    """
    blank: dict[str, Any] = {
        known.name: None if known.optional else ()
        for known in fields_of(Customer)
        if known.personal
    }
    blank["attributes"] = tuple(a for a in customer.attributes if a.name in keeping)
    return attrs.evolve(customer, **blank)
