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
from crmcore.domain.html import MASKED, Html, html_table
from crmcore.domain.ids import CustomerId

__all__ = [
    "COPIED_FIELDS",
    "Page",
    "Profile",
    "check_limit",
    "copied",
]

MEANS = {field.name: field.meaning for field in fields_of(Customer)}


def _text(name: str, **marks: Any) -> Field:
    return Field(name, FieldType.TEXT, folds=True, **marks)


COPIED_FIELDS = (
    _text("kind", optional=False, meaning=MEANS["kind"]),
    _text("name", personal=True, in_words=True, meaning=MEANS["name"]),
    _text("stage", optional=False, indexed=True, meaning=MEANS["stage"]),
    Field("stage_since", FieldType.INSTANT, optional=False, meaning=MEANS["stage_since"]),
    Field("known_since", FieldType.INSTANT, optional=False, meaning=MEANS["at"]),
    _text("language", meaning=MEANS["language"]),
    _text("zone", meaning=MEANS["zone"]),
    _text("region", meaning=MEANS["region"]),
    _text(
        "email",
        personal=True,
        meaning="the first e-mail address of theirs",
    ),
    _text(
        "phone",
        personal=True,
        meaning="the first telephone number of theirs",
    ),
    Field("tags", FieldType.TEXT_SET, meaning=MEANS["tags"]),
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
        "tags": customer.tags,
    }


@attrs.frozen
class Profile(Mapping[str, Any]):
    """One customer's profile: a read-only mapping from field name to value, `None` if absent.
    Tags are a tuple, which is empty where there are none.

    An unknown field name is a `KeyError`, as with any mapping. `personal` names the fields that
    the model marks as personal; where it is `None`, which ones are is not known, and all are
    treated as such.
    """

    customer_id: CustomerId
    entries: Mapping[str, Any] = attrs.field(repr=False)
    personal: frozenset[str] | None = attrs.field(default=None, repr=False, eq=False)

    def __getitem__(self, name: str) -> Any:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def to_html(self, *, personal: bool = False) -> Html:
        """A table of the fields, for a notebook; personal values only when asked for."""
        rows = [(name, self.shown(name, personal=personal)) for name in self.entries]
        return html_table(rows, header=("field", "value"), caption=f"Profile {self.customer_id}")

    def _repr_html_(self) -> str:
        return self.to_html()

    def shown(self, name: str, *, personal: bool = False) -> Any:
        """The value of a field, or what stands for a personal one, unless it is asked for."""
        value = self.entries[name]
        harmless = self.personal is not None and name not in self.personal
        return value if value is None or personal or harmless else MASKED


@attrs.frozen
class Page:
    """Some profiles in order, and where the next page begins (`None`: this was the last)."""

    profiles: tuple[Profile, ...]
    next: str | None

    def __iter__(self) -> Iterator[Profile]:
        return iter(self.profiles)

    def __len__(self) -> int:
        return len(self.profiles)

    def to_html(self, *, personal: bool = False) -> Html:
        """A table of the profiles, without the fields that none of them has, for a notebook;
        personal values only when asked for.
        """
        names = dict.fromkeys(name for profile in self.profiles for name in profile)
        held = [name for name in names if any(p.get(name) is not None for p in self.profiles)]
        rows = [
            (p.customer_id, *(p.shown(n, personal=personal) if n in p else None for n in held))
            for p in self.profiles
        ]
        note = "" if self.next is None else "There are more: page(after=page.next)."
        caption = f"{len(self):,} profile{'' if len(self) == 1 else 's'}"
        return html_table(rows, header=("customer", *held), caption=caption, note=note)

    def _repr_html_(self) -> str:
        return self.to_html()


def check_limit(limit: int) -> None:
    """A page holds 1 to 10,000 rows."""
    whole = isinstance(limit, int) and not isinstance(limit, bool)
    if not whole or not 1 <= limit <= 10_000:
        raise InvalidInput.of("limit", "must be from 1 to 10,000")
