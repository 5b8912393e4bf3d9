"""Identifiers: what tells which customer this is, whatever the channel.

An identifier type is `exclusive` (a card, an external id of one source: at most one customer has
it) or shared (e-mail, phone: families and switchboards share them). Values are normalised before
they are stored or compared, with no library's help: e-mail case-folded whole, phone in E.164.
"""

from __future__ import annotations

import re
import unicodedata

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import PERSONAL
from crmcore.domain.text import checked_text, optional_text, symbol

__all__ = ["IDENTIFIER_TYPES", "Identifier", "IdentifierType", "normalised"]

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
PUNCTUATION = re.compile(r"[\s().\-/]")
LONGEST = 254
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@attrs.frozen
class IdentifierType:
    """A kind of identifier that the model declares; `exclusive` means one customer at most."""

    name: str = attrs.field(validator=symbol)
    exclusive: bool = True


IDENTIFIER_TYPES = (
    IdentifierType("external"),
    IdentifierType("card"),
    IdentifierType("email", exclusive=False),
    IdentifierType("phone", exclusive=False),
)
"""The default types: `external` is exclusive within its source."""


def normalised(type: str, value: str) -> str:
    """`value` in the one form in which identifiers of this type are stored and compared."""
    value = unicodedata.normalize("NFC", checked_text(value, "value", LONGEST)).strip()
    if type == "email":
        value = unicodedata.normalize("NFD", value).casefold()
    elif type == "phone":
        value = PUNCTUATION.sub("", value)
        value = "+" + value[2:] if value.startswith("00") else value
        if not E164.fullmatch(value):
            raise InvalidInput.of("value", "is no phone number in international form (+34...)")
    elif type == "card":
        value = unicodedata.normalize("NFD", PUNCTUATION.sub("", value)).upper()
    value = unicodedata.normalize("NFC", value)
    if type == "email" and not EMAIL.fullmatch(value):
        raise InvalidInput.of("value", "is no e-mail address")
    if not value:
        raise InvalidInput.of("value", "is empty")
    return checked_text(value, "value", LONGEST)


@attrs.frozen
class Identifier:
    """One identifier of a customer; `source` names the system that an external id is from."""

    type: str = attrs.field(validator=symbol)
    value: str = attrs.field(repr=False, metadata=PERSONAL)
    source: str | None = attrs.field(default=None, kw_only=True, validator=optional_text(80))

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "value", normalised(self.type, self.value))

    @property
    def scope(self) -> str:
        """Within what the value tells customers apart: `card`, or `external:shop`."""
        return self.type if self.source is None else f"{self.type}:{self.source}"
