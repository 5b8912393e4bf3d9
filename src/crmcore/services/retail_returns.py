"""Retail returns: which earlier order a cancellation line takes back, and how much of it.

A line goes to the latest earlier order of the customer that has as much of the product left at the
very price, else to the latest that has as much of the product left, in quantity and in money. Who
takes back the last of what was sold at a price gets what is left of its amount, so rounding adds up
(O2). Where the lines of one cancellation take back all of an order, that is its
cancellation. What is recorded already stays as it is: a line is known again by its key, made of
what it says, so neither the order of the rows nor later files change where it went.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import attrs

from crmcore.domain.fact_repositories import OrderFacts, histories
from crmcore.domain.facts import differences
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import CANCELLATIONS, ORDERS, RETURNS, FactKind
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Cancellation, OrderHistory, Return
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.order_line_rows import OrderLineRow
from crmcore.services.order_recording import customer_ids
from crmcore.services.rehearsal import Rehearsal
from crmcore.services.retail import Invoice

__all__ = ["Settled", "settle"]

F = TypeVar("F", Return, Cancellation)

NOTHING = (Decimal(0), 0)


@attrs.define(eq=False)
class _Open:
    """An order, and what of it did not come back yet: quantity and money, by product and price."""

    order: Order
    left: dict[str, tuple[Decimal, int]]
    priced: dict[tuple[str, Decimal], tuple[Decimal, int]]
    total: int
    touched: bool = False
    cancelled: Cancellation | None = None

    @classmethod
    def of(cls, history: OrderHistory) -> _Open:
        """The order with its returns so far."""
        order = history.order
        found = cls(order, {}, {}, order.total.minor - history.returned.minor)
        for line in order.lines:
            sold = (line.product, line.unit_price)
            found.left[line.product] = _plus(
                found.left.get(line.product), line.quantity, line.amount.minor
            )
            found.priced[sold] = _plus(found.priced.get(sold), line.quantity, line.amount.minor)
        found.touched = bool(history.returns)
        found.cancelled = next(iter(history.cancellations), None)
        for known in history.returns:
            found._came_back(known)
        return found

    def _came_back(self, known: Return) -> None:
        """A return of ours tells in its key of which product how much came back."""
        parts = (known.source_key or "").rsplit(":", 3)
        product = next((p for p in self.left if parts[0].endswith(f":{p}")), None)
        if len(parts) == 4 and product is not None:
            self._less(product, Decimal(parts[2]), Decimal(parts[1]), known.amount.minor)

    def _less(self, product: str, price: Decimal, quantity: Decimal, minor: int) -> None:
        self.left[product] = _plus(self.left[product], -quantity, -minor)
        if (sold := self.priced.get((product, price))) is not None:
            self.priced[product, price] = _plus(sold, -quantity, -minor)

    def at_price(self, line: OrderLineRow) -> int:
        """The minor units that the line takes back of what was sold at its price; 0: it cannot."""
        quantity, minor = self.priced.get((line.product, line.unit_price), NOTHING)
        if -line.quantity > quantity:
            return 0
        last = -line.quantity == quantity
        return self._within(line, minor if last else min(-line.amount.minor, minor))

    def at_any(self, line: OrderLineRow) -> int:
        """The minor units that the line takes back of the product; 0: it cannot."""
        return self._within(line, -line.amount.minor)

    def _within(self, line: OrderLineRow, amount: int) -> int:
        """The amount, if it and the quantity are left of the product and of the whole order."""
        quantity, minor = self.left.get(line.product, NOTHING)
        same = self.order.total.currency == line.amount.currency
        fits = same and -line.quantity <= quantity and 0 < amount <= min(minor, self.total)
        return amount if fits else 0

    def take(self, line: OrderLineRow, minor: int) -> None:
        """Take back what the line says, and of the money so much."""
        self._less(line.product, line.unit_price, -line.quantity, minor)
        self.total -= minor


@attrs.frozen
class _Back:
    """A line that takes back, the key of what it becomes, and the minor units it gets."""

    line: OrderLineRow
    key: str
    minor: int

    @property
    def rounding(self) -> int:
        """By how much the line says another amount."""
        return self.line.amount.minor + self.minor


@attrs.define
class Settled:
    """How many cancellation lines are recorded by now, and how many of them newly.

    Each is `decided`, with the minor units by which it says another amount than is recorded.
    """

    standing: int = 0
    added: int = 0
    decided: list[tuple[OrderLineRow, str, int]] = attrs.field(
        factory=list[tuple[OrderLineRow, str, int]]
    )
    refused: list[OrderLineRow] = attrs.field(factory=list[OrderLineRow])


def settle(
    unit: UnitOfWork, invoices: Sequence[Invoice], source: str, rehearsal: Rehearsal | None
) -> Settled:
    """Record what these cancellations, all that there are of their customers, take back."""
    ids = customer_ids(unit, {invoice.customer for invoice in invoices}, source)
    if rehearsal is not None:
        ids = {**rehearsal.customers, **ids}
    customers = {ids[i.customer] for i in invoices if i.customer in ids}
    orders = [o for o in unit.reads.facts(ORDERS, customers=customers) if o.source == source]
    known = list(histories(unit.reads, orders))
    if rehearsal is not None:
        known += [OrderHistory(order=order) for order in rehearsal.orders_of(customers)]
    by_customer: dict[CustomerId, list[_Open]] = {}
    for history in sorted(known, key=_recency, reverse=True):
        by_customer.setdefault(history.order.customer_id, []).append(_Open.of(history))
    recorded = {f.source_key or "": f.amount for history in known for f in history.returns}
    found = Settled()
    plan = _Plan(source, recorded, found)
    for invoice in invoices:
        customer_id = ids.get(invoice.customer)
        plan.invoice(invoice, [] if customer_id is None else by_customer.get(customer_id, []))
    _record(unit, RETURNS, unit.returns, plan.returns, plan)
    _record(unit, CANCELLATIONS, unit.cancellations, plan.cancellations, plan)
    return found


@attrs.define
class _Plan:
    """The returns and cancellations to record, each with its lines."""

    source: str
    recorded: dict[str, Money]
    found: Settled
    returns: list[tuple[Return, list[_Back]]] = attrs.field(
        factory=list[tuple[Return, list[_Back]]]
    )
    cancellations: list[tuple[Cancellation, list[_Back]]] = attrs.field(
        factory=list[tuple[Cancellation, list[_Back]]]
    )

    def invoice(self, invoice: Invoice, orders: list[_Open]) -> None:
        """Match the lines of one cancellation, the largest first, with the latest order first."""
        alike: Counter[str] = Counter()
        taken: dict[int, tuple[_Open, list[_Back]]] = {}
        prefix = f"{invoice.number}:"
        own = [
            order
            for order in orders
            if order.cancelled and (order.cancelled.source_key or "").startswith(prefix)
        ]
        standing = [order for order in orders if order.cancelled is None]
        for line in sorted(invoice.lines, key=_size):
            key = _key(line, alike)
            if (known := self.recorded.get(key)) is not None:
                same = known.currency == line.amount.currency
                back = _Back(line, key, known.minor if same else -line.amount.minor)
                self._stands(back, "returns")
            elif (found := _first(_placed(own, line.at), line)) is not None:
                found[0].take(line, found[1])
                self._stands(_Back(line, key, found[1]), "cancellations")
            elif (found := _first(_placed(standing, line.at), line)) is not None:
                order, minor = found
                order.take(line, minor)
                taken.setdefault(id(order), (order, []))[1].append(_Back(line, key, minor))
            else:
                self.found.decided.append((line, "unmatched", 0))
        for order, lines in taken.values():
            self._plan(invoice, order, lines)

    def _stands(self, back: _Back, decision: str) -> None:
        self.found.standing += 1
        self.found.decided.append((back.line, decision, back.rounding))

    def _plan(self, invoice: Invoice, order: _Open, lines: list[_Back]) -> None:
        placed = order.order
        if order.total == 0 and not order.touched:
            fact = Cancellation(
                customer_id=placed.customer_id, at=min(back.line.at for back in lines),
                order_id=placed.id, source_key=f"{invoice.number}:{placed.source_key}",
            )  # fmt: skip
            order.cancelled = fact
            self.cancellations.append((fact, lines))
            return
        order.touched = True
        for back in lines:
            returned = Return(
                customer_id=placed.customer_id, at=back.line.at, order_id=placed.id,
                source_key=back.key, amount=Money.of_minor(back.minor, placed.total.currency),
            )  # fmt: skip
            self.returns.append((returned, [back]))


def _recency(history: OrderHistory) -> tuple[datetime, str]:
    return history.order.at, history.order.source_key or ""


def _size(line: OrderLineRow) -> tuple[Decimal, str, Decimal, datetime]:
    return line.quantity, line.product, line.unit_price, line.at


def _placed(orders: Iterable[_Open], by: datetime) -> Iterable[_Open]:
    """Those placed by then."""
    return (order for order in orders if order.order.at <= by)


def _first(orders: Iterable[_Open], line: OrderLineRow) -> tuple[_Open, int] | None:
    """The order that the line takes back from, and how many minor units."""
    orders = list(orders)
    for fits in (_Open.at_price, _Open.at_any):
        for order in orders:
            if minor := fits(order, line):
                return order, minor
    return None


def _plus(left: tuple[Decimal, int] | None, quantity: Decimal, minor: int) -> tuple[Decimal, int]:
    before = left or NOTHING
    return before[0] + quantity, before[1] + minor


def _key(line: OrderLineRow, alike: Counter[str]) -> str:
    """`C536379:85123A:2:2.55:1`: invoice, product, quantity, price, and which of those alike."""
    quantity, price = -line.quantity.normalize(), line.unit_price.normalize()
    text = f"{line.invoice}:{line.product}:{quantity:f}:{price:f}"
    alike[text] += 1
    return f"{text}:{alike[text]}"


def _record(
    unit: UnitOfWork,
    kind: FactKind[F],
    into: OrderFacts[F],
    planned: Sequence[tuple[F, list[_Back]]],
    plan: _Plan,
) -> None:
    """Record what is planned, but for what contradicts a fact of the same key; or only count it."""
    found, facts = plan.found, [fact for fact, _ in planned]
    stored = unit.reads.recorded(kind, facts, plan.source) if facts else {}
    new = []
    for index, (fact, lines) in enumerate(planned):
        known = stored.get(index)
        if known is not None and differences(known, fact):
            found.refused += [back.line for back in lines]
            continue
        found.standing += len(lines)
        found.decided += [(back.line, kind.name, back.rounding) for back in lines]
        if known is None:
            found.added += len(lines)
            new.append(fact)
    if not unit.read_only:
        into.add_many(new)
