"""Strategies for values: instants, ids, text, money, identifiers, host attributes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.domain.attributes import AttributeType, AttributeValue, Scalar
from crmcore.domain.contact_points import ContactKind, ContactPoint
from crmcore.domain.currencies import CURRENCIES
from crmcore.domain.fields import FieldType
from crmcore.domain.identifiers import Identifier
from crmcore.domain.instants import to_millis
from crmcore.domain.money import Money

__all__ = [
    "ATTRIBUTES", "MILLION", "attribute_values", "contact_points", "either", "emails",
    "identifiers", "ids", "instants", "moneys", "phones", "scalars", "symbols", "texts",
]  # fmt: skip

MILLION = 10**6

T = TypeVar("T")


def either(given: SearchStrategy[T] | None, usual: SearchStrategy[T]) -> SearchStrategy[T]:
    """The strategy that a caller gave, else the usual one; a strategy has no truth value."""
    return usual if given is None else given


def instants(
    *,
    min_value: datetime = datetime(1000, 1, 1, tzinfo=UTC),
    max_value: datetime = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
) -> SearchStrategy[datetime]:
    """Instants in UTC, to the millisecond; they shrink towards 2000."""
    naive = (min_value.replace(tzinfo=None), max_value.replace(tzinfo=None))
    found = st.datetimes(*naive, timezones=st.just(UTC))
    return found.map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))


@st.composite
def ids(draw: st.DrawFn, ats: SearchStrategy[datetime] | None = None) -> UUID:
    """UUIDv7, drawn: the same example has the same ids when it runs again."""
    tail = draw(st.uuids()).int & ((1 << 74) - 1)
    high = (max(0, to_millis(draw(either(ats, instants())))) << 16) | 0x7000 | (tail >> 62)
    return UUID(int=(high << 64) | 0x8000000000000000 | (tail & 0x3FFFFFFFFFFFFFFF))


def texts(*, max_size: int = 40) -> SearchStrategy[str]:
    """Text that every backend stores, not empty."""
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.text(letters, min_size=1, max_size=max_size)


def symbols() -> SearchStrategy[str]:
    """Declared names: `a`, `seat_2`."""
    return st.from_regex(r"[a-z][a-z0-9_]{0,11}", fullmatch=True)


def moneys(
    *,
    currencies: SearchStrategy[str] | None = None,
    min_minor: int = -(2**53) + 1,
    max_minor: int = 2**53 - 1,
) -> SearchStrategy[Money]:
    """Amounts, by minor units; euros first."""
    known = either(currencies, st.sampled_from(["EUR", *sorted(CURRENCIES.keys() - {"EUR"})]))
    return st.builds(Money.of_minor, st.integers(min_minor, max_minor), known)


def emails() -> SearchStrategy[str]:
    """Addresses such as `a@x.org`, some in capitals, with blanks around them, or beyond ASCII."""
    name = st.text("abcZé.+-", min_size=1, max_size=8)
    around = st.sampled_from(["", " "])
    return st.builds("{0}{1}@{2}{0}".format, around, name, st.sampled_from(["x.org", "Ñu.es"]))


def phones() -> SearchStrategy[str]:
    """Numbers in international form, in several spellings."""
    spellings = ["+34{:09d}", "0034 {:09d}", "+34 ({:09d})"]
    return st.builds(str.format, st.sampled_from(spellings), st.integers(0, 10**9 - 1))


def identifiers(
    *, types: SearchStrategy[str] | None = None, sources: SearchStrategy[str | None] | None = None
) -> SearchStrategy[Identifier]:
    """Identifiers of the built-in types, or of `types` whose values are any text."""

    def of(kind: str) -> SearchStrategy[Identifier]:
        plain = texts(max_size=20).filter(str.strip)
        card = st.integers(0, 10**16 - 1).map("{:016d}".format)
        values = {"email": emails(), "phone": phones(), "card": card}.get(kind, plain)
        where = either(
            sources, st.sampled_from(["shop", None]) if kind == "external" else st.none()
        )
        return st.builds(Identifier, st.just(kind), values, source=where)

    return (either(types, st.sampled_from(["external", "card", "email", "phone"]))).flatmap(of)


def contact_points(
    *, kinds: SearchStrategy[ContactKind] | None = None
) -> SearchStrategy[ContactPoint]:
    """Addresses of all kinds."""

    def of(kind: ContactKind) -> SearchStrategy[ContactPoint]:
        plain = texts(max_size=60).filter(str.strip)
        values = {ContactKind.EMAIL: emails(), ContactKind.PHONE: phones()}.get(kind, plain)
        labels = st.sampled_from([None, "home", "invoices"])
        return st.builds(ContactPoint, st.just(kind), values, label=labels)

    return (either(kinds, st.sampled_from(ContactKind))).flatmap(of)


def scalars(type: FieldType, *, currency: str = "EUR") -> SearchStrategy[Any]:
    """Values of one of the eight attribute types; the falsy ones come up often."""
    match type:
        case FieldType.TEXT:
            return st.sampled_from(["", "a", "b", "A", "é", "10", "9"]) | texts()
        case FieldType.INTEGER:
            return st.integers(-2, 3) | st.integers(-(2**53) + 1, 2**53 - 1)
        case FieldType.FLOAT:
            wide = st.floats(allow_nan=False, allow_infinity=False)
            return st.sampled_from([0.0, 1.0, 0.1, 0.5, -1.5]) | wide
        case FieldType.DECIMAL:
            millionths = st.integers(-3, 3) | st.integers(-(2**52), 2**52)
            return millionths.map(lambda count: Decimal(count) / MILLION)
        case FieldType.BOOLEAN:
            return st.booleans()
        case FieldType.DATE:
            return st.dates(date(2023, 12, 30), date(2024, 1, 2)) | st.dates()
        case FieldType.INSTANT:
            near = datetime(2024, 1, 1, tzinfo=UTC)
            return instants(min_value=near, max_value=near.replace(second=1)) | instants()
        case FieldType.MONEY:
            minor = st.integers(-1, 2) | st.integers(-(2**53) + 1, 2**53 - 1)
            return minor.map(lambda count: Money.of_minor(count, currency))
    return st.nothing()


def attribute_values(
    *,
    declared: AttributeType | None = None,
    currency: str = "EUR",
    ats: SearchStrategy[datetime] | None = None,
) -> SearchStrategy[AttributeValue]:
    """Values of a declared attribute, or of any."""
    known = [declared] if declared else [AttributeType(f"a_{name}", name) for name in ATTRIBUTES]
    sources = st.sampled_from([None, "survey"])

    def of(type: AttributeType) -> SearchStrategy[AttributeValue]:
        value: SearchStrategy[Scalar] = scalars(type.type, currency=currency)
        return st.builds(
            AttributeValue, st.just(type.name), value, sources, at=either(ats, instants())
        )

    return st.sampled_from(known).flatmap(of)


ATTRIBUTES = (
    "text", "integer", "float", "decimal", "boolean", "date", "instant", "money",
)  # fmt: skip
"""The types of attributes."""
