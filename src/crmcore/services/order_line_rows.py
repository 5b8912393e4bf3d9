"""Order-line rows: one line of an invoice each, from its cells, with every fault found."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from crmcore.domain.attributes import six_places
from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.identifiers import normalised
from crmcore.domain.money import EXACT, Money, number
from crmcore.domain.text import checked_text
from crmcore.services.importing import Cells
from crmcore.services.notation import Notation, moment, plain
from crmcore.services.rejects import Row

__all__ = ["OrderLineColumns", "OrderLineReader", "OrderLineRow"]


@attrs.frozen(kw_only=True)
class OrderLineColumns:
    """Which column holds what; `None`: there is none. The usual names are those of shop exports.

    `customer` is the customer's id in the source, and may be empty in a row; `country` becomes the
    region of a customer who is new.
    """

    invoice: str = "invoice_no"
    product: str = "stock_code"
    quantity: str = "quantity"
    unit_price: str = "unit_price"
    at: str = "invoice_date"
    customer: str = "customer_id"
    description: str | None = None
    country: str | None = None
    currency: str | None = None


@attrs.define(eq=False)
class OrderLineRow:
    """One line as it was read; `decision` names what became of it.

    `rounding` are the minor units that its amount has beyond what is recorded of it.
    """

    index: int
    names: tuple[str, ...]
    cells: tuple[str, ...]
    invoice: str
    product: str
    quantity: Decimal
    unit_price: Decimal
    amount: Money
    at: datetime
    customer: str | None
    description: str | None
    region: str | None
    decision: str = "lines"
    rounding: int = 0

    @property
    def row(self) -> Row:
        """The row as it came."""
        return dict(zip(self.names, self.cells, strict=True))


@attrs.define
class OrderLineReader:
    """Reads rows one after the other; texts that come again are kept once.

    `spoiled` adds up, by currency, the amounts of rows that can be read but for something else.
    """

    columns: OrderLineColumns
    zone: str
    currency: str
    notation: Notation
    spoiled: Counter[str] = attrs.field(factory=Counter[str], init=False)
    _met: dict[Any, Any] = attrs.field(factory=dict[Any, Any], init=False)

    def __call__(self, index: int, row: Row) -> OrderLineRow:
        """What the row says; all its faults together are `InvalidInput`."""
        columns, cells = self.columns, Cells(row)
        quantity = cells.read(columns.quantity, self._number, required=True)
        price = cells.read(columns.unit_price, self._number, required=True)
        currency = cells.read(columns.currency, _currency) or self.currency
        amount = None
        if quantity is not None and price is not None:
            try:
                amount = Money.rounded(EXACT.multiply(quantity, price), currency)
            except InvalidInput as error:
                cells.faults += [Fault(columns.unit_price, f.reason) for f in error.faults]
        invoice = cells.read(columns.invoice, _invoice, required=True)
        product = cells.read(columns.product, _product, required=True)
        at = cells.read(columns.at, self._moment, required=True)
        customer = cells.read(columns.customer, _external_id)
        description = cells.read(columns.description, _description)
        region = cells.read(columns.country, _region)
        if cells.faults or None in (invoice, product, at, quantity, price, amount):
            if amount is not None:
                self.spoiled[currency] += amount.minor
            raise InvalidInput(tuple(cells.faults))
        found: Any = (invoice, product, quantity, price, amount, at, customer, description, region)
        return OrderLineRow(
            index, self._once(tuple(row)), tuple(map(self._cell, row.values())),
            *map(self._once, found),
        )  # fmt: skip

    def _once(self, value: Any) -> Any:
        return self._met.setdefault(value, value)

    def _cell(self, value: Any) -> Any:
        return self._met.setdefault(value, value) if isinstance(value, str) else value

    def _number(self, text: str) -> Decimal:
        return six_places(number(plain(text, self.notation), ""), "")

    def _moment(self, text: str) -> datetime:
        return moment(text, self.zone, self.notation.day_first)


def _external_id(text: str) -> str:
    return normalised("external", text)


def _product(text: str) -> str:
    return checked_text(text, "", 100)


def _invoice(text: str) -> str:
    return checked_text(text, "", 50)


def _description(text: str) -> str:
    return checked_text(text, "", 500)


def _region(text: str) -> str:
    return checked_text(text, "", 80)


def _currency(text: str) -> str:
    minor_digits(text)
    return text
