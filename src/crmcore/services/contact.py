"""Telephone numbers and e-mail addresses as people write them, made what identifiers keep.

An identifier takes a number in international form alone, whatever is installed, so that a store
reads the same everywhere. With the extra `contact` a number can come as it is dialled in its
country; the plans are those of libphonenumber.
"""

from __future__ import annotations

from crmcore.domain.errors import InvalidInput, MissingExtra
from crmcore.domain.text import checked_text

try:
    import email_validator
    import phonenumbers
except ImportError as _error:
    raise MissingExtra("contact") from _error

__all__ = ["checked_region", "email_address", "phone_number"]

LONGEST = 200
"""Characters: far more than any number or address has."""


def phone_number(text: str, *, region: str | None = None) -> str:
    """A telephone number in international form (E.164).

    `region` is the country (ISO 3166, as "ES") of numbers that do not begin with + or 00. What
    cannot be a number by its length is `InvalidInput`, and so is one with an extension, which
    E.164 has no place for. Whether anybody has the number is not asked.

    >>> phone_number("91 234 56 78", region="ES")
    '+34912345678'
    >>> phone_number("0044 20 7946 0000", region="ES")
    '+442079460000'
    """
    checked_region(region)
    written = checked_text(text, "value", LONGEST).strip()
    if written.startswith("00"):
        written = f"+{written[2:]}"
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        raise InvalidInput.of("value", "is no telephone number") from None
    if number.extension:
        raise InvalidInput.of("value", "has an extension: only the number identifies")
    if not phonenumbers.is_possible_number(number):
        raise InvalidInput.of("value", "is too short or too long for a number of its country")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_address(text: str) -> str:
    """An e-mail address that its standards allow (RFC 5322, 6532), case-folded as identifiers are.

    Anything else is `InvalidInput`, which does not say the address. Nothing is sent or looked up.

    >>> email_address(" Ana@Example.COM ")
    'ana@example.com'
    """
    written = checked_text(text, "value", LONGEST).strip()
    try:
        found = email_validator.validate_email(
            written, check_deliverability=False, test_environment=True
        )
    except email_validator.EmailNotValidError:
        raise InvalidInput.of("value", "is no e-mail address") from None
    return found.normalized.casefold()


def checked_region(region: str | None, path: str = "region") -> None:
    """`InvalidInput` unless it is a country whose numbers are known, or none."""
    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput.of(path, 'is no country by its two letters, as "ES"')
