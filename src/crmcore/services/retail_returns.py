"""Retail returns: which earlier order a cancellation line takes back, and how much of it.

A line goes to the latest earlier order of the customer that has as much of the product left, in
quantity and in money. Where the lines of one cancellation take back all of an order, that is its
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


@attrs.define(eq=False)
class _Open:
    """An order, and what of it did not come back yet: by product quantity and money."""

    order: Order
    left: dict[str, tuple[Decimal, int]]
    total: int
    touched: bool = False
    cancelled: Cancellation | None = None

    @classmethod
    def of(cls, history: OrderHistory) -> _Open:
        """The order with its returns so far."""
        order = history.order
        found = cls(order, {}, order.total.minor - history.returned.minor)
        for line in order.lines:
            quantity, minor = found.left.get(line.product, (Decimal(0), 0))
            found.left[line.product] = (quantity + line.quantity, minor + line.amount.minor)
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
            quantity, minor = self.left[product]
            self.left[product] = (quantity - Decimal(parts[1]), minor - known.amount.minor)

    def has(self, line: OrderLineRow) -> bool:
        """Is as much of the product left as the line takes back?"""
        quantity, minor = self.left.get(line.product, (Decimal(0), 0))
        amount = -line.amount.minor
        same = self.order.total.currency == line.amount.currency
        return same and -line.quantity <= quantity and amount <= min(minor, self.total)

    def take(self, line: OrderLineRow) -> None:
        """Take back what the line says."""
        quantity, minor = self.left[line.product]
        self.left[line.product] = (quantity + line.quantity, minor + line.amount.minor)
        self.total += line.amount.minor


@attrs.define
class Settled:
    """How many cancellation lines are recorded by now, and how many of them newly."""

    standing: int = 0
    added: int = 0
    decided: list[tuple[OrderLineRow, str]] = attrs.field(factory=list[tuple[OrderLineRow, str]])
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
    recorded = {fact.source_key for history in known for fact in history.returns}
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
    recorded: set[str | None]
    found: Settled
    returns: list[tuple[Return, list[OrderLineRow]]] = attrs.field(
        factory=list[tuple[Return, list[OrderLineRow]]]
    )
    cancellations: list[tuple[Cancellation, list[OrderLineRow]]] = attrs.field(
        factory=list[tuple[Cancellation, list[OrderLineRow]]]
    )

    def invoice(self, invoice: Invoice, orders: list[_Open]) -> None:
        """Match the lines of one cancellation, the largest first, with the latest order first."""
        alike: Counter[str] = Counter()
        taken: dict[int, tuple[_Open, list[tuple[OrderLineRow, str]]]] = {}
        prefix = f"{invoice.number}:"
        own = [
            order
            for order in orders
            if order.cancelled and (order.cancelled.source_key or "").startswith(prefix)
        ]
        standing = [order for order in orders if order.cancelled is None]
        for line in sorted(invoice.lines, key=_size):
            key = _key(line, alike)
            if key in self.recorded:
                self._stands(line, "returns")
            elif (order := _first(_placed(own, line.at), line)) is not None:
                order.take(line)
                self._stands(line, "cancellations")
            elif (order := _first(_placed(standing, line.at), line)) is not None:
                order.take(line)
                taken.setdefault(id(order), (order, []))[1].append((line, key))
            else:
                self.found.decided.append((line, "unmatched"))
        for order, lines in taken.values():
            self._plan(invoice, order, lines)

    def _stands(self, line: OrderLineRow, decision: str) -> None:
        self.found.standing += 1
        self.found.decided.append((line, decision))

    def _plan(self, invoice: Invoice, order: _Open, lines: list[tuple[OrderLineRow, str]]) -> None:
        placed = order.order
        if order.total == 0 and not order.touched:
            fact = Cancellation(
                customer_id=placed.customer_id, at=min(line.at for line, _ in lines),
                order_id=placed.id, source_key=f"{invoice.number}:{placed.source_key}",
            )  # fmt: skip
            order.cancelled = fact
            self.cancellations.append((fact, [line for line, _ in lines]))
            return
        order.touched = True
        for line, key in lines:
            back = Return(
                customer_id=placed.customer_id, at=line.at, order_id=placed.id, source_key=key,
                amount=Money.of_minor(-line.amount.minor, line.amount.currency),
            )  # fmt: skip
            self.returns.append((back, [line]))


def _recency(history: OrderHistory) -> tuple[datetime, str]:
    return history.order.at, history.order.source_key or ""


def _size(line: OrderLineRow) -> tuple[Decimal, str, Decimal, datetime]:
    return line.quantity, line.product, line.unit_price, line.at


def _placed(orders: Iterable[_Open], by: datetime) -> Iterable[_Open]:
    """Those placed by then."""
    return (order for order in orders if order.order.at <= by)


def _first(orders: Iterable[_Open], line: OrderLineRow) -> _Open | None:
    return next((order for order in orders if order.has(line)), None)


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
    planned: Sequence[tuple[F, list[OrderLineRow]]],
    plan: _Plan,
) -> None:
    """Record what is planned, but for what contradicts a fact of the same key; or only count it."""
    found, facts = plan.found, [fact for fact, _ in planned]
    stored = unit.reads.recorded(kind, facts, plan.source) if facts else {}
    new = []
    for index, (fact, lines) in enumerate(planned):
        known = stored.get(index)
        if known is not None and differences(known, fact):
            found.refused += lines
            continue
        found.standing += len(lines)
        found.decided += [(line, kind.name) for line in lines]
        if known is None:
            found.added += len(lines)
            new.append(fact)
    if not unit.read_only:
        into.add_many(new)
