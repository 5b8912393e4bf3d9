"""Order: what was agreed when it was placed. What happened to it later are facts of their own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import attrs

from crmcore.domain.attributes import six_places
from crmcore.domain.contact_points import Channel
from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.ids import CustomerId
from crmcore.domain.money import EXACT, Money, an_amount, number, optional_amount
from crmcore.domain.text import optional_text, text

__all__ = ["Order", "OrderLine"]

NOT_NEGATIVE = "must not be negative; a discount lowers it"


def _quantity(_: OrderLine, attribute: attrs.Attribute[Any], value: Decimal) -> None:
    if six_places(value, attribute.name) <= 0:
        raise InvalidInput.of(attribute.name, "must be above zero; what comes back is a Return")


def _unit_price(_: OrderLine, attribute: attrs.Attribute[Any], value: Decimal) -> None:
    if six_places(value, attribute.name) < 0:
        raise InvalidInput.of(attribute.name, NOT_NEGATIVE)


def _total(order: Order, attribute: attrs.Attribute[Any], value: Money) -> None:
    an_amount(order, attribute, value)
    if value.minor < 0:
        reason = "must not be negative; what comes back is a Return"
        raise InvalidInput.of(attribute.name, reason)


@attrs.frozen
class OrderLine:
    """One line: so many of a product at a unit price, which make its `amount`.

    `quantity` and `unit_price` are decimals of at most six places, the price in the currency of
    `amount`. `OrderLine.of("SKU-1", 3, "9.99", "EUR")` computes the amount, half to even.
    """

    product: str = attrs.field(validator=text(100))
    quantity: Decimal = attrs.field(kw_only=True, validator=_quantity)
    unit_price: Decimal = attrs.field(kw_only=True, validator=_unit_price)
    amount: Money = attrs.field(kw_only=True, validator=an_amount)
    category: str | None = attrs.field(default=None, kw_only=True, validator=optional_text(100))

    def __attrs_post_init__(self) -> None:
        if self.amount.minor < 0:
            raise InvalidInput.of("unit_price", NOT_NEGATIVE)

    @classmethod
    def of(
        cls,
        product: str,
        quantity: Decimal | int | str,
        unit_price: Decimal | int | str,
        currency: str,
        *,
        category: str | None = None,
    ) -> Self:
        """The line whose amount is quantity times unit price, rounded half to even."""
        count = six_places(number(quantity, "quantity"), "quantity")
        price = six_places(number(unit_price, "unit_price"), "unit_price")
        amount = Money.rounded(EXACT.multiply(count, price), currency)
        return cls(product, quantity=count, unit_price=price, amount=amount, category=category)


@attrs.frozen(kw_only=True)
class Order(Fact):
    """An order as placed: its lines, and the total that was agreed (S12, S16).

    The total is the sum of the lines unless one is given (shipping, a discount on the whole).
    `base_amount` is the total in the model's currency at its dated rate, set when recorded.

    - `total`: what was agreed for the whole order
    - `lines`: products, quantities and prices that were agreed
    - `channel`: over which channel the order was placed
    - `base_amount`: the total in the model's currency, at the rate of the day
    """

    total: Money = attrs.field(validator=_total)
    lines: tuple[OrderLine, ...] = attrs.field(default=(), converter=tuple[OrderLine, ...])
    channel: Channel | None = attrs.field(
        default=None, converter=attrs.converters.optional(Channel)
    )
    base_amount: Money | None = attrs.field(default=None, eq=False, validator=optional_amount)

    def __attrs_post_init__(self) -> None:
        for index, line in enumerate(self.lines):
            if not isinstance(line, OrderLine):
                raise InvalidInput.of(f"lines[{index}]", "must be an OrderLine")
            if line.amount.currency != self.total.currency:
                raise InvalidInput.of(f"lines[{index}]", "is in another currency than the total")

    @classmethod
    def of_lines(
        cls,
        customer_id: CustomerId,
        lines: Iterable[OrderLine],
        *,
        at: datetime,
        channel: Channel | None = None,
        source: str | None = None,
        source_key: str | None = None,
    ) -> Self:
        """The order of these lines, at least one, whose total is their sum."""
        lines = tuple(lines)
        if not lines:
            raise InvalidInput.of("lines", "an order without a given total needs a line")
        total = lines[0].amount
        for line in lines[1:]:
            total = total + line.amount
        return cls(
            customer_id=customer_id, at=at, lines=lines, total=total, channel=channel,
            source=source, source_key=source_key,
        )  # fmt: skip

    @property
    def products(self) -> tuple[str, ...]:
        """The products of its lines, each once, in order."""
        return tuple(sorted({line.product for line in self.lines})) if self.lines else ()

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of its lines, each once, in order."""
        if not self.lines:
            return ()
        return tuple(sorted({line.category for line in self.lines if line.category is not None}))

    @property
    def money(self) -> Money:
        """The total."""
        return self.total

    @property
    def amount(self) -> Money:
        """What it counts for as a purchase as long as nothing of it came back."""
        return self.base_amount or self.total
