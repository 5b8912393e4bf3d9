"""Purchase rows: from the cells of a row to what an order needs, with every fault found."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from hashlib import blake2b

import attrs

from crmcore.domain.contact_points import Channel
from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import InvalidInput
from crmcore.domain.identifiers import normalised
from crmcore.domain.ids import CustomerId
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.text import checked_text
from crmcore.services.importing import Cells
from crmcore.services.notation import Notation, moment, plain
from crmcore.services.rejects import Row

__all__ = ["PurchaseColumns", "PurchaseReader", "PurchaseRow"]


@attrs.frozen(kw_only=True)
class PurchaseColumns:
    """Which column holds what; `None`: there is none.

    `customer` is the customer's id in the source, `key` the order's. Without a `key` column the
    key is made of what the row says and of how often the same came before in this import: import
    whole files then, and mind that one short digest per row stays in memory.
    """

    customer: str = "customer_id"
    at: str = "date"
    amount: str = "amount"
    key: str | None = None
    currency: str | None = None
    channel: str | None = None


@attrs.frozen
class PurchaseRow:
    """One row that can be read; its order waits for the customer's id."""

    index: int
    row: Row
    customer: str
    at: datetime
    total: Money
    channel: Channel | None
    key: str

    @property
    def region(self) -> str | None:
        """Not known."""
        return None

    @property
    def row_count(self) -> int:
        """One row is one order."""
        return 1

    def order(self, customer_id: CustomerId) -> Order:
        """The order this row tells of."""
        return Order(
            customer_id=customer_id, at=self.at, total=self.total, source_key=self.key,
            channel=self.channel,
        )  # fmt: skip


@attrs.frozen
class PurchaseReader:
    """Reads rows one after the other, counting those that are alike."""

    columns: PurchaseColumns
    zone: str
    currency: str
    notation: Notation
    seen: Counter[bytes] = attrs.field(factory=Counter[bytes], init=False)

    def __call__(self, index: int, row: Row) -> PurchaseRow:
        """What the row says; all its faults together are `InvalidInput`."""
        columns, cells = self.columns, Cells(row)
        customer = cells.read(columns.customer, _external_id, required=True)
        at = cells.read(columns.at, self._moment, required=True)
        currency = cells.read(columns.currency, _currency) or self.currency
        total = cells.read(columns.amount, lambda text: self._price(text, currency), required=True)
        channel = cells.read(columns.channel, Channel)
        key = cells.read(columns.key, _key, required=True)
        if cells.faults or customer is None or at is None or total is None:
            raise InvalidInput(tuple(cells.faults))
        key = key or self._own_key(customer, at, total, channel)
        return PurchaseRow(index, row, customer, at, total, channel, key)

    def _moment(self, text: str) -> datetime:
        return moment(text, self.zone, self.notation.day_first)

    def _price(self, text: str, currency: str) -> Money:
        price = Money(plain(text, self.notation), currency)
        if price.minor < 0:
            raise InvalidInput.of("", "is negative: goods that come back are returns")
        return price

    def _own_key(self, customer: str, at: datetime, total: Money, channel: Channel | None) -> str:
        text = f"{customer}|{at.isoformat()}|{total}|{channel or ''}"
        digest = blake2b(text.encode(), digest_size=12).digest()
        self.seen[digest] += 1
        return f"{digest.hex()}-{self.seen[digest]}"


def _external_id(text: str) -> str:
    return normalised("external", text)


def _key(text: str) -> str:
    return checked_text(text, "", 200)


def _currency(text: str) -> str:
    minor_digits(text)
    return text
