"""Retail exports: which lines make an order, and what is decided of the others.

Shops export lines, not orders, and their exports carry what happened at the till: cancellations,
test rows, fees, corrections of stock. Each line gets one decision, by the first rule that fits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import attrs

from crmcore.domain.bounds import SUM_LIMIT
from crmcore.domain.errors import InvalidInput
from crmcore.domain.ids import CustomerId
from crmcore.domain.money import Money
from crmcore.domain.order import Order, OrderLine
from crmcore.domain.text import Words
from crmcore.services.importing import ImportDecision
from crmcore.services.order_line_rows import OrderLineRow

__all__ = [
    "ANONYMOUS", "CHARGE", "CHARGES", "REJECTED", "SENTENCES", "SET_ASIDE", "Anonymous", "Invoice",
    "Repeated", "Sorting", "decisions_of",
]  # fmt: skip

CHARGES = frozenset(
    ("POST", "DOT", "C2", "M", "D", "PADS", "CRUK", "AMAZONFEE", "BANK CHARGES", "POSTAGE",
     "SHIPPING", "CARRIAGE", "DISCOUNT", "FEE", "FEES", "ADJUST", "ENVIO", "PORTES", "GASTOS",
     "GASTOS DE ENVIO", "DESCUENTO")
)  # fmt: skip
"""Stock codes that are no product: postage, fees, manual entries."""

CHARGE = "charge"
"""The category of the lines that are no product."""

ANONYMOUS = "anonymous"
"""The id of the one customer of all lines without one, where that is asked for."""

CANCELLED = re.compile(r"[Cc][0-9]")
TEST = re.compile(r"test\d*(?![^\W_])", re.IGNORECASE)
"""`TEST`, `TEST001` and `TEST-2`; `Tester-9` is goods."""

SENTENCES: Mapping[str, str] = {
    "lines": "recorded as lines of the order of their invoice",
    "charges": "postage, fees and the like: lines of the order, of the category 'charge'",
    "free_lines": "without a price: lines of an order that has paid lines as well",
    "later_lines": "timed later than their invoice began: lines of its one order, placed at first",
    "returns": "cancelled: returned from the latest earlier order that has as much left, if there "
    "is one at the same price",
    "cancellations": "cancelled, and the whole of an earlier order with them: its cancellation",
    "rounding": "no rows: what cancelled lines, each rounded, say beyond what is left of the order",
    "unmatched": "cancelled, but no earlier order of the customer has as much of the product left",
    "repeated": "the same in everything as an earlier line: counted once",
    "no_customer": "without a customer id",
    "other_customer": "of another customer than their invoice",
    "negative": "of a negative quantity on an invoice that is no cancellation",
    "discounts": "of a charge's code and a negative quantity on an invoice that is no "
    "cancellation: the order stands at the full price of its other lines",
    "contradictory": "of a positive quantity on a cancellation",
    "adjustments": "of a negative price, or of no quantity: corrections of the books",
    "nothing_paid": "without a price, on an invoice without a paid line",
    "tests": "of a stock code that says that it is a test: the word, or the word and digits",
    "rejected": "cannot be read, or not be recorded: see the rejects",
}
"""Each decision, and what is decided."""

REJECTED, ROUNDING = "rejected", "rounding"
SET_ASIDE = frozenset(
    (
        "unmatched", "repeated", "no_customer", "other_customer", "negative", "discounts",
        "contradictory", "adjustments", "nothing_paid", "tests",
    )
)  # fmt: skip
"""Decisions by which lines are counted and not recorded."""


class Anonymous(Words):
    """What to do with lines without a customer: set them aside, or give them to one customer."""

    SKIP = "skip"
    ONE = "one"


class Repeated(Words):
    """Whether a line that is there twice, the same in everything, counts once or each time."""

    ONCE = "once"
    EACH = "each"


@attrs.define(eq=False)
class Invoice:
    """The lines of one invoice that are recorded; it becomes one order, or cancels some."""

    number: str
    customer: str
    lines: list[OrderLineRow] = attrs.field(factory=list[OrderLineRow])

    @property
    def key(self) -> str:
        """Its number."""
        return self.number

    @property
    def at(self) -> datetime:
        """The time of its first line."""
        return min(line.at for line in self.lines)

    @property
    def region(self) -> str | None:
        """Where its first line says that the customer is."""
        return min(self.lines, key=lambda line: line.at).region

    @property
    def row_count(self) -> int:
        """How many lines."""
        return len(self.lines)

    @property
    def total(self) -> Money:
        """What its lines add up to."""
        minor = sum(line.amount.minor for line in self.lines)
        return Money.of_minor(minor, self.lines[0].amount.currency)

    def order(self, customer_id: CustomerId) -> Order:
        """The order; its lines in an order of their own, whatever that of the rows."""
        lines = sorted(self.lines, key=lambda row: (row.product, row.unit_price, row.quantity))
        return Order(
            customer_id=customer_id, at=self.at, total=self.total, source_key=self.number,
            lines=tuple(map(_line, lines)),
        )  # fmt: skip


def _line(row: OrderLineRow) -> OrderLine:
    return OrderLine(
        row.product, quantity=row.quantity, unit_price=row.unit_price, amount=row.amount,
        category=CHARGE if row.decision == "charges" else None,
    )  # fmt: skip


def _folded(codes: Collection[str]) -> frozenset[str]:
    return frozenset(code.casefold() for code in codes)


@attrs.define
class Sorting:
    """Sorts lines into invoices that are orders, and those that cancel; others are set aside."""

    anonymous: Anonymous
    repeated: Repeated
    charges: Collection[str] = attrs.field(converter=_folded)
    orders: list[Invoice] = attrs.field(factory=list[Invoice], init=False)
    cancelling: list[Invoice] = attrs.field(factory=list[Invoice], init=False)
    refused: list[tuple[OrderLineRow, str, str]] = attrs.field(
        factory=list[tuple[OrderLineRow, str, str]], init=False
    )

    def sort(self, lines: Iterable[OrderLineRow]) -> None:
        """Decide of each line, and gather those of one invoice."""
        lines = list(lines)
        customers: dict[str, str] = {}
        for line in lines:
            if line.customer is not None:
                customers.setdefault(line.invoice, line.customer)
        seen: set[object] = set()
        invoices: dict[str, Invoice] = {}
        for line in lines:
            decision = self._set_aside(line, seen) or self._of_customer(line, customers)
            if decision is not None:
                line.decision = decision
                continue
            invoice = invoices.get(line.invoice)
            if invoice is None:
                who = customers.get(line.invoice, ANONYMOUS)
                invoice = invoices[line.invoice] = Invoice(line.invoice, who)
            elif line.amount.currency != invoice.lines[0].amount.currency:
                self._refuse([line], "currency", "is another than that of its invoice")
                continue
            if self._is_charge(line):
                line.decision = "charges"
            invoice.lines.append(line)
        for invoice in invoices.values():
            self._settle(invoice)
        self.orders.sort(key=lambda invoice: (invoice.at, invoice.number))
        self.cancelling.sort(key=lambda invoice: (invoice.at, invoice.number))

    def _set_aside(self, line: OrderLineRow, seen: set[object]) -> str | None:
        """Why a line is no part of any order, whoever its customer is."""
        if TEST.match(line.product):
            return "tests"
        if self.repeated is Repeated.ONCE:
            same = (
                line.invoice, line.product, line.quantity, line.unit_price, line.amount, line.at,
                line.customer, line.description, line.region,
            )  # fmt: skip
            if same in seen:
                return "repeated"
            seen.add(same)
        if line.unit_price < 0 or line.quantity == 0:
            return "adjustments"
        if CANCELLED.match(line.invoice):
            if line.quantity > 0:
                return "contradictory"
            return "nothing_paid" if line.amount.minor == 0 else None
        if line.quantity < 0:
            return "discounts" if self._is_charge(line) and line.amount.minor else "negative"
        return None

    def _is_charge(self, line: OrderLineRow) -> bool:
        return line.product.casefold() in self.charges

    def _of_customer(self, line: OrderLineRow, customers: Mapping[str, str]) -> str | None:
        if line.customer is None and self.anonymous is Anonymous.SKIP:
            return "no_customer"
        if (line.customer or ANONYMOUS) != customers.get(line.invoice, ANONYMOUS):
            return "other_customer"
        return None

    def _settle(self, invoice: Invoice) -> None:
        total = sum(line.amount.minor for line in invoice.lines)
        if abs(total) >= SUM_LIMIT:
            self._refuse(invoice.lines, "amount", "takes its invoice beyond 2**53 minor units")
        elif CANCELLED.match(invoice.number):
            self.cancelling.append(invoice)
        elif total == 0:
            for line in invoice.lines:
                line.decision = "nothing_paid"
        else:
            self.orders.append(invoice)
            first = invoice.at
            for line in invoice.lines:
                if line.decision != "charges" and line.amount.minor == 0:
                    line.decision = "free_lines"
                elif line.decision != "charges" and line.at != first:
                    line.decision = "later_lines"

    def _refuse(self, lines: Iterable[OrderLineRow], column: str, reason: str) -> None:
        self.refused += [(line, column, reason) for line in lines]


def decisions_of(
    lines: Iterable[OrderLineRow], unread: int, spoiled: Mapping[str, int]
) -> tuple[ImportDecision, ...]:
    """What was decided of all lines, and of the rows that were never read as one.

    Sums that no `Money` holds are left out.
    """
    rows = dict.fromkeys(SENTENCES, 0)
    amounts: dict[str, dict[str, int]] = {name: {} for name in SENTENCES}
    rows[REJECTED] = unread
    amounts[REJECTED] |= spoiled
    for line in lines:
        rows[line.decision] += 1
        currency, parts = line.amount.currency, [(line.decision, line.amount.minor - line.rounding)]
        if line.rounding:
            parts.append((ROUNDING, line.rounding))
        for name, minor in parts:
            amounts[name][currency] = amounts[name].get(currency, 0) + minor
    return tuple(
        ImportDecision(
            name=name, count=rows[name], sentence=sentence, amounts=_money(amounts[name])
        )
        for name, sentence in SENTENCES.items()
        if rows[name] or any(amounts[name].values())
    )


def _money(sums: Mapping[str, int]) -> tuple[Money, ...]:
    found = []
    for currency, minor in sorted(sums.items()):
        try:
            found.append(Money.of_minor(minor, currency))
        except InvalidInput:
            continue
    return tuple(found)
