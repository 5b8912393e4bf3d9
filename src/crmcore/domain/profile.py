"""The profile: the single view of a customer (S6), one flat typed row.

It holds a copy of the customer's own fields, the host's attributes, and one field per measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import Field, FieldType, fields_of
from crmcore.domain.ids import CustomerId

__all__ = [
    "COPIED_FIELDS",
    "Page",
    "Profile",
    "check_limit",
    "copied",
]

MEANS = {field.name: field.meaning for field in fields_of(Customer)}

COPIED_FIELDS = (
    Field("kind", FieldType.TEXT, optional=False, meaning=MEANS["kind"]),
    Field("name", FieldType.TEXT, personal=True, meaning=MEANS["name"]),
    Field("stage", FieldType.TEXT, optional=False, indexed=True, meaning=MEANS["stage"]),
    Field("stage_since", FieldType.INSTANT, optional=False, meaning=MEANS["stage_since"]),
    Field("known_since", FieldType.INSTANT, optional=False, meaning=MEANS["at"]),
    Field("language", FieldType.TEXT, meaning=MEANS["language"]),
    Field("zone", FieldType.TEXT, meaning=MEANS["zone"]),
    Field("region", FieldType.TEXT, meaning=MEANS["region"]),
    Field("email", FieldType.TEXT, personal=True, meaning="the first e-mail address of theirs"),
    Field("phone", FieldType.TEXT, personal=True, meaning="the first telephone number of theirs"),
)
"""The profile fields that are copied from the customer; `email` and `phone` are the first ones."""


def copied(customer: Customer) -> dict[str, Any]:
    """The values of `COPIED_FIELDS` for this customer."""
    points = {point.kind.value: point.value for point in reversed(customer.contact_points)}
    return {
        "kind": customer.kind.value,
        "name": customer.name,
        "stage": customer.stage,
        "stage_since": customer.stage_since,
        "known_since": customer.at,
        "language": customer.language,
        "zone": customer.zone,
        "region": customer.region,
        "email": points.get("email"),
        "phone": points.get("phone"),
    }


@attrs.frozen
class Profile(Mapping[str, Any]):
    """One customer's profile: a read-only mapping from field name to value, `None` if absent.

    An unknown field name is a `KeyError`, as with any mapping.
    """

    customer_id: CustomerId
    entries: Mapping[str, Any] = attrs.field(repr=False)

    def __getitem__(self, name: str) -> Any:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


@attrs.frozen
class Page:
    """Some profiles in order, and where the next page begins (`None`: this was the last)."""

    profiles: tuple[Profile, ...]
    next: str | None

    def __iter__(self) -> Iterator[Profile]:
        return iter(self.profiles)

    def __len__(self) -> int:
        return len(self.profiles)


def check_limit(limit: int) -> None:
    """A page holds 1 to 10,000 rows."""
    whole = isinstance(limit, int) and not isinstance(limit, bool)
    if not whole or not 1 <= limit <= 10_000:
        raise InvalidInput.of("limit", "must be from 1 to 10,000")
