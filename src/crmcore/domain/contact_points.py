"""Contact points: the addresses at which a customer can be reached, by channel."""

from __future__ import annotations

import attrs

from crmcore.domain.fields import PERSONAL
from crmcore.domain.identifiers import normalised
from crmcore.domain.text import Words, optional_text

__all__ = ["Channel", "ContactKind", "ContactPoint"]


class Channel(Words):
    """How a customer and the organisation meet."""

    PHONE = "phone"
    EMAIL = "email"
    CHAT = "chat"
    WEB = "web"
    FAX = "fax"
    VISIT = "visit"
    SMS = "sms"
    POST = "post"
    SHOP = "shop"
    CARD = "card"


class ContactKind(Words):
    """What kind of address a contact point is; e-mail and phone identify as well."""

    EMAIL = "email"
    PHONE = "phone"
    POSTAL = "postal"
    WEB = "web"


@attrs.frozen
class ContactPoint:
    """One address, normalised by its kind; `label` says which (`home`, `invoices`)."""

    kind: ContactKind = attrs.field(converter=ContactKind)
    value: str = attrs.field(repr=False, metadata=PERSONAL)
    label: str | None = attrs.field(default=None, kw_only=True, validator=optional_text(40))

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "value", normalised(self.kind.value, self.value))

    @property
    def identifies(self) -> bool:
        """Does this address serve as a shared identifier?"""
        return self.kind in (ContactKind.EMAIL, ContactKind.PHONE)
