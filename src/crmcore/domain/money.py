"""Money: integer minor units and an ISO 4217 currency. Never a float, never two currencies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Protocol

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import Fault, InvalidInput, MissingRate, MixedCurrencies

__all__ = ["DatedRates", "Money", "Rates"]

LIMIT = 2**53
"""Amounts stay below this many minor units, which every store and data frame keeps exactly."""


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
        self.__attrs_init__(_minor(amount, minor_digits(currency)), currency)  # type: ignore[attr-defined]

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> Money:
        """`minor` units of `currency`: `Money.of_minor(1250, "EUR")` is 12.50 EUR."""
        minor_digits(currency)
        if isinstance(minor, bool) or not isinstance(minor, int):
            raise InvalidInput.of("amount", "minor units are an integer")
        if not -LIMIT < minor < LIMIT:
            raise InvalidInput.of("amount", "is beyond 2**53 minor units")
        money = cls.__new__(cls)
        money.__attrs_init__(minor, currency)  # type: ignore[attr-defined]
        return money

    @classmethod
    def rounded(cls, amount: Decimal, currency: str) -> Money:
        """`amount` rounded half to even to the currency's minor unit."""
        digits = minor_digits(currency)
        return cls(amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN), currency)

    @property
    def amount(self) -> Decimal:
        """The amount in major units, with all the digits of the currency."""
        return Decimal(self.minor).scaleb(-minor_digits(self.currency))

    def allocate(self, weights: Sequence[int | Decimal]) -> tuple[Money, ...]:
        """Shares in proportion to `weights` that add up to this amount, to the minor unit.

        What rounding leaves over goes to the largest remainders, the first of equals first.
        """
        parts = [Decimal(weight) for weight in weights]
        whole = sum(parts, Decimal())
        if not parts or whole <= 0 or min(parts) < 0:
            raise InvalidInput.of("weights", "must be at least one, none negative, not all zero")
        sign = -1 if self.minor < 0 else 1
        ratios = [_ratio(part) for part in parts]
        scale = max(denominator for _, denominator in ratios)
        units = [numerator * (scale // denominator) for numerator, denominator in ratios]
        total = sum(units)
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


def convert(money: Money, *, into: str, on: Callable[[], date], rates: Rates) -> Money:
    """`money` in the currency `into`, rounded half to even; no rate is `MissingRate`."""
    if money.currency == into:
        return money
    day = on()
    rate = rates.rate(money.currency, into, day)
    if rate is None:
        raise MissingRate.between(money.currency, into, on=day)
    return Money.rounded(money.amount * rate, into)


def _minor(amount: object, digits: int) -> int:
    if isinstance(amount, float | bool) or not isinstance(amount, str | int | Decimal):
        raise InvalidInput((Fault("amount", "pass text, an integer or a Decimal, not a float"),))
    try:
        value = Decimal(amount)
    except (InvalidOperation, ValueError):
        raise InvalidInput((Fault("amount", "is not a number"),)) from None
    if not value.is_finite():
        raise InvalidInput((Fault("amount", "is not a number"),))
    minor = LIMIT if value.adjusted() > 20 else int(value.scaleb(digits))
    if not -LIMIT < minor < LIMIT:
        raise InvalidInput((Fault("amount", "is beyond 2**53 minor units"),))
    if Decimal(minor).scaleb(-digits) != value:
        raise InvalidInput((Fault("amount", f"has more than {digits} decimal places"),))
    return minor


def _ratio(part: Decimal) -> tuple[int, int]:
    exponent = part.as_tuple().exponent
    places = max(0, -exponent) if isinstance(exponent, int) else 0
    return int(part.scaleb(places)), 10**places
