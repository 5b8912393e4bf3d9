"""Money: integer minor units and an ISO 4217 currency. Never a float, never two currencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any, Protocol, final

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import InvalidInput, MissingRate, MixedCurrencies

__all__ = [
    "EXACT",
    "DatedRates",
    "Money",
    "Rates",
    "an_amount",
    "convert",
    "number",
    "optional_amount",
]

LIMIT = 2**53
"""Amounts stay below this many minor units, which every store and data frame keeps exactly."""

DIGITS = 30
WIDEST = 10**DIGITS
"""No number is read that has more digits before the point: it is refused at once."""

TEXT = 100
"""No longer text is read as a number."""

EXACT = Context(prec=100, rounding=ROUND_HALF_EVEN, Emin=-9999, Emax=9999, traps=[InvalidOperation])
"""Decimal arithmetic with room for every digit, whatever context the caller's thread has."""


@final
@attrs.frozen(init=False, order=False)
class Money:
    """An amount of one currency, exact to its minor unit.

    `amount` is text, an integer or a `Decimal` in major units; a float, or more digits than the
    currency has, is `InvalidInput`.

    ```python
    >>> from crmcore import Money
    >>> Money("120.00", "EUR") + Money("0.50", "EUR")
    Money('120.50', 'EUR')
    >>> Money("100.00", "EUR").allocate([1, 1, 1])
    (Money('33.34', 'EUR'), Money('33.33', 'EUR'), Money('33.33', 'EUR'))

    ```
    """

    minor: int
    currency: str

    def __init__(self, amount: str | int | Decimal, currency: str) -> None:
        object.__setattr__(self, "minor", _minor(amount, minor_digits(currency)))
        object.__setattr__(
            self, "currency", currency if type(currency) is str else str.__str__(currency)
        )

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> Money:
        """`minor` units of `currency`: `Money.of_minor(1250, "EUR")` is 12.50 EUR."""
        minor_digits(currency)
        if type(minor) is not int:
            if isinstance(minor, bool) or not isinstance(minor, int):
                raise InvalidInput.of("amount", "minor units are an integer")
            minor = int(minor)
        if not -LIMIT < minor < LIMIT:
            raise InvalidInput.of("amount", "is beyond 2**53 minor units")
        money = cls.__new__(cls)
        object.__setattr__(money, "minor", minor)
        object.__setattr__(
            money, "currency", currency if type(currency) is str else str.__str__(currency)
        )
        return money

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> Money:
        """`amount` rounded half to even to the currency's minor unit."""
        digits = minor_digits(currency)
        if not amount.is_finite() or amount.adjusted() > DIGITS:
            raise InvalidInput.of("amount", "is beyond 2**53 minor units")
        return cls.of_minor(int(EXACT.to_integral_value(EXACT.scaleb(amount, digits))), currency)

    @property
    def amount(self) -> Decimal:
        """The amount in major units, with all the digits of the currency."""
        return EXACT.scaleb(Decimal(self.minor), -minor_digits(self.currency))

    def allocate(self, weights: Sequence[int | Decimal]) -> tuple[Money, ...]:
        """Shares in proportion to `weights` that add up to this amount, to the minor unit.

        What rounding leaves over goes to the largest remainders, the first of equals first.
        """
        ratios = [_ratio(weight, f"weights[{index}]") for index, weight in enumerate(weights)]
        scale = max((denominator for _, denominator in ratios), default=1)
        units = [numerator * (scale // denominator) for numerator, denominator in ratios]
        total = sum(units)
        if total == 0:
            raise InvalidInput.of("weights", "must be at least one, not all zero")
        sign = -1 if self.minor < 0 else 1
        shares = [abs(self.minor) * unit // total for unit in units]
        remainders = [abs(self.minor) * unit % total for unit in units]
        spare = abs(self.minor) - sum(shares)
        for index in sorted(range(len(units)), key=lambda i: -remainders[i])[:spare]:
            shares[index] += 1
        return tuple(Money.of_minor(sign * share, self.currency) for share in shares)

    def __add__(self, other: Money) -> Money:
        return Money.of_minor(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money.of_minor(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money.of_minor(-self.minor, self.currency)

    def __mul__(self, times: int) -> Money:
        return Money.of_minor(self.minor * times, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.minor > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.minor >= self._same(other)

    def _same(self, other: Money) -> int:
        if not isinstance(other, Money):
            raise TypeError(f"Money does not go with {type(other).__name__}")
        if other.currency != self.currency:
            raise MixedCurrencies.between(self.currency, other.currency)
        return other.minor

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def __repr__(self) -> str:
        return f"Money('{self.amount}', '{self.currency}')"


class Rates(Protocol):
    """What knows the price of one currency in another on a day."""

    def rate(self, currency: str, into: str, on: date) -> Decimal | None:
        """Units of `into` for one unit of `currency` on `on`; `None` if not known."""
        ...


@attrs.frozen
class DatedRates:
    """Rates from a mapping: `DatedRates({("USD", "EUR", day): Decimal("0.91")})`, exact days."""

    table: Mapping[tuple[str, str, date], Decimal] = attrs.field(factory=dict)

    def rate(self, currency: str, into: str, on: date) -> Decimal | None:
        """The rate of that very day; no neighbouring day is assumed."""
        return self.table.get((currency, into, on))


def an_amount(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """An attrs validator: `Money`."""
    if not isinstance(value, Money):
        raise InvalidInput.of(attribute.name, "must be Money")


def optional_amount(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """An attrs validator: `None` or `Money`."""
    if value is not None:
        an_amount(instance, attribute, value)


def convert(money: Money, *, into: str, on: Callable[[], date], rates: Rates) -> Money:
    """`money` in the currency `into`, rounded half to even; no rate is `MissingRate`."""
    if money.currency == into:
        return money
    day = on()
    rate = rates.rate(money.currency, into, day)
    if rate is None:
        raise MissingRate.between(money.currency, into, on=day)
    if not isinstance(rate, Decimal) or not rate.is_finite() or rate <= 0:
        raise InvalidInput.of("rate", "must be a Decimal above zero")
    return Money.rounded(EXACT.multiply(money.amount, rate), into)


def _minor(amount: object, digits: int) -> int:
    value = number(amount, "amount")
    if value and value.adjusted() > DIGITS:
        raise InvalidInput.of("amount", "is beyond 2**53 minor units")
    minor = int(EXACT.scaleb(value, digits)) if value else 0
    if EXACT.scaleb(Decimal(minor), -digits) != value:
        raise InvalidInput.of("amount", f"has more than {digits} decimal places")
    if not -LIMIT < minor < LIMIT:
        raise InvalidInput.of("amount", "is beyond 2**53 minor units")
    return minor


def number(value: object, path: str) -> Decimal:
    """The finite decimal that text, an integer or a `Decimal` stands for; a float is refused."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise InvalidInput.of(path, "pass text, an integer or a Decimal, not a float")
    if isinstance(value, str) and (len(value) > TEXT or not value.isascii() or "_" in value):
        raise InvalidInput.of(path, "is not a number")
    if isinstance(value, int) and not -WIDEST < value < WIDEST:
        raise InvalidInput.of(path, f"has more than {DIGITS} digits")
    try:
        found = Decimal(value)
    except (InvalidOperation, ValueError):
        raise InvalidInput.of(path, "is not a number") from None
    if not found.is_finite():
        raise InvalidInput.of(path, "is not a number")
    return found


def _ratio(weight: object, path: str) -> tuple[int, int]:
    """A weight as a fraction whose denominator is a power of ten."""
    part = number(weight, path)
    places = max(0, -int(part.as_tuple().exponent))
    if part < 0 or part.adjusted() > DIGITS or places > DIGITS:
        reason = f"must not be negative, nor reach {DIGITS} digits on either side of the point"
        raise InvalidInput.of(path, reason)
    return int(EXACT.scaleb(part, places)), 10**places
