"""What happens to an order after it was placed: payment, fulfilment, cancellation, return.

The order's status is derived from these facts and stored nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import attrs

from crmcore.domain.contact_points import Channel
from crmcore.domain.errors import InvalidInput, Refused
from crmcore.domain.facts import Fact
from crmcore.domain.fields import PERSONAL, UNSTORED
from crmcore.domain.ids import CustomerId, OrderId, an_id
from crmcore.domain.money import Money, an_amount, optional_amount
from crmcore.domain.order import Order
from crmcore.domain.text import Words, optional_text

__all__ = [
    "Cancellation",
    "Fulfilment",
    "OrderHistory",
    "OrderStatus",
    "Payment",
    "Purchase",
    "Return",
]


def _positive(fact: Payment | Return, attribute: attrs.Attribute[Any], value: Money) -> None:
    an_amount(fact, attribute, value)
    if value.minor <= 0:
        raise InvalidInput.of(attribute.name, "must be above zero")


@attrs.frozen(kw_only=True)
class Payment(Fact):
    """Money received for an order.

    - `order_id`: the order that was paid
    - `amount`: how much was received
    - `method`: how it was paid
    - `base_amount`: the amount in the model's currency, at the rate of the day
    """

    order_id: OrderId = attrs.field(validator=an_id)
    amount: Money = attrs.field(validator=_positive)
    method: str | None = attrs.field(default=None, validator=optional_text(80))
    base_amount: Money | None = attrs.field(default=None, eq=False, validator=optional_amount)

    @property
    def money(self) -> Money:
        """The amount paid."""
        return self.amount


@attrs.frozen(kw_only=True)
class Fulfilment(Fact):
    """The order, or a part of it, was delivered or provided.

    - `order_id`: the order that was fulfilled
    - `complete`: whether nothing of the order is left to deliver
    - `reference`: the reference of the delivery
    """

    order_id: OrderId = attrs.field(validator=an_id)
    complete: bool = attrs.field(default=True, converter=bool)
    reference: str | None = attrs.field(default=None, validator=optional_text(200))


@attrs.frozen(kw_only=True)
class Cancellation(Fact):
    """The order was called off as a whole; `reason` is free text and therefore personal.

    - `order_id`: the order that was called off
    - `reason`: why, in free text
    """

    order_id: OrderId = attrs.field(validator=an_id)
    reason: str | None = attrs.field(
        default=None, repr=False, validator=optional_text(500), metadata=PERSONAL
    )


@attrs.frozen(kw_only=True)
class Return(Fact):
    """Goods came back for so much of the order's total, in the order's currency.

    `base_amount` follows the order's own rate, so that returning everything leaves exactly zero.
    `reason` is free text and therefore personal.

    - `order_id`: the order that goods came back of
    - `amount`: how much was credited, in the currency of the order
    - `reason`: why, in free text
    - `base_amount`: the amount's share of what the order is in the model's currency
    """

    order_id: OrderId = attrs.field(validator=an_id)
    amount: Money = attrs.field(validator=_positive)
    reason: str | None = attrs.field(
        default=None, repr=False, validator=optional_text(500), metadata=PERSONAL
    )
    base_amount: Money | None = attrs.field(default=None, eq=False, validator=optional_amount)

    @property
    def money(self) -> Money:
        """The amount credited."""
        return self.amount


class OrderStatus(Words):
    """Where an order stands."""

    PLACED = "placed"
    PAID = "paid"
    FULFILLED = "fulfilled"
    PARTLY_RETURNED = "partly_returned"
    RETURNED = "returned"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class Purchase:
    """An order net of what was cancelled or returned: what revenue and frequency count.

    Derived, never stored. A wholly returned or cancelled order is no purchase. `amount` is in
    the model's currency.

    - `id`: the id of the order
    - `customer_id`: the customer who bought
    - `at`: when the order was placed
    - `amount`: what the order is worth net of what came back, in the model's currency
    - `channel`: over which channel the order was placed
    """

    id: OrderId
    customer_id: CustomerId
    at: datetime
    amount: Money
    channel: Channel | None = None
    products: tuple[str, ...] = attrs.field(default=(), metadata=UNSTORED)
    categories: tuple[str, ...] = attrs.field(default=(), metadata=UNSTORED)


@attrs.frozen(kw_only=True)
class OrderHistory:
    """One order with all its later facts, and what follows from them."""

    order: Order
    payments: tuple[Payment, ...] = ()
    fulfilments: tuple[Fulfilment, ...] = ()
    cancellations: tuple[Cancellation, ...] = ()
    returns: tuple[Return, ...] = ()

    @property
    def returned(self) -> Money:
        """What was credited so far, in the order's currency."""
        return _sum((fact.amount for fact in self.returns), self.order.total.currency)

    @property
    def status(self) -> OrderStatus:
        """Cancelled, else returned, else fulfilled, else paid, else placed."""
        if self.cancellations:
            return OrderStatus.CANCELLED
        if self.returns:
            whole = self.returned >= self.order.total
            return OrderStatus.RETURNED if whole else OrderStatus.PARTLY_RETURNED
        if any(fact.complete for fact in self.fulfilments):
            return OrderStatus.FULFILLED
        return OrderStatus.PAID if self.paid_up else OrderStatus.PLACED

    @property
    def paid_up(self) -> bool:
        """Do the payments in the order's currency cover its total?"""
        currency = self.order.total.currency
        paid = (fact.amount for fact in self.payments if fact.amount.currency == currency)
        return bool(self.payments) and _sum(paid, currency) >= self.order.total

    @property
    def purchase(self) -> Purchase | None:
        """What counts as bought; `None` once cancelled or wholly returned."""
        if self.status in (OrderStatus.CANCELLED, OrderStatus.RETURNED):
            return None
        order = self.order
        amount = order.amount
        for fact in self.returns:
            amount = amount - (fact.base_amount or fact.amount)
        return Purchase(
            id=order.id, customer_id=order.customer_id, at=order.at, amount=amount,
            channel=order.channel, products=order.products, categories=order.categories,
        )  # fmt: skip

    def check_cancellation(self) -> None:
        """Refuse a second cancellation."""
        if self.cancellations:
            raise Refused("orders.cancelled_once", "is cancelled already", str(self.order.id))

    def accepting(self, fact: Return) -> Return:
        """`fact` with its share of the order's base amount; refused beyond what is left."""
        order = self.order
        who = str(order.id)
        if self.cancellations:
            raise Refused("orders.no_return_after_cancellation", "is cancelled already", who)
        if fact.amount.currency != order.total.currency:
            raise Refused("orders.return_in_order_currency", "is in another currency", who)
        after = self.returned + fact.amount
        if after > order.total:
            raise Refused("orders.return_within_order", "more comes back than was bought", who)
        base = order.amount
        shares = (known.base_amount or known.amount for known in self.returns)
        credited = _sum(shares, base.currency)
        # What is due by now less what was credited: exact at the end, also after a removal.
        due = _share(base, after, order.total) - credited
        return attrs.evolve(fact, base_amount=max(due, Money.of_minor(0, base.currency)))


def _share(base: Money, part: Money, whole: Money) -> Money:
    """`base` times part / whole, rounded half up; exact at both ends."""
    doubled = 2 * base.minor * part.minor + whole.minor
    return Money.of_minor(doubled // (2 * whole.minor), base.currency)


def _sum(amounts: Iterable[Money], currency: str) -> Money:
    total = Money.of_minor(0, currency)
    for amount in amounts:
        total = total + amount
    return total
