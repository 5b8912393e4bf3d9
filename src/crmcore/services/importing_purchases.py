"""Importing purchases: one order per row, idempotent on the source's key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from os import PathLike
from typing import TypeVar
from uuid import UUID

import attrs

from crmcore.domain.contact_points import Channel
from crmcore.domain.customer import Customer
from crmcore.domain.errors import ConflictingFact, Fault, InvalidInput
from crmcore.domain.identifiers import Identifier, normalised
from crmcore.domain.ids import CustomerId
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.ports import Backend
from crmcore.domain.text import checked_text
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.importing import (
    ImportReport,
    Reject,
    Rejects,
    Row,
    Rows,
    at_column,
    batches,
    cell,
    moment,
    number,
    read_rows,
    rejecting,
    required,
)

__all__ = ["PurchaseColumns", "import_purchases"]

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class PurchaseColumns:
    """Which column holds what; `None`: there is none.

    `customer` is the customer's id in the source, `key` the order's. Without a `key` column the
    key is made of the row's customer, date and amount and how often the same came before, which
    keeps one short digest per row in memory.
    """

    customer: str = "customer_id"
    at: str = "date"
    amount: str = "amount"
    key: str | None = None
    currency: str | None = None
    channel: str | None = None


@attrs.frozen
class _Parsed:
    """One row that can be read; its order waits for the customer's id."""

    index: int
    row: Row
    customer: str
    at: datetime
    total: Money
    key: str
    channel: Channel | None

    def order(self, customer_id: CustomerId) -> Order:
        """The order this row tells of."""
        return Order(
            customer_id=customer_id, at=self.at, total=self.total, source_key=self.key,
            channel=self.channel,
        )  # fmt: skip


def import_purchases(
    backend: Backend,
    rows: Rows,
    *,
    source: str,
    columns: PurchaseColumns | None = None,
    zone: str | None = None,
    currency: str | None = None,
    rejects: str | PathLike[str] | None = None,
    actor: str = "import",
) -> ImportReport:
    """Record every row as an order; customers that `source` did not name yet are added.

    `rows` is a CSV file with a header line or an iterable of mappings, and streams through
    memory in batches of 10,000 in date order. Days without time are in `zone`, amounts without
    a currency column in `currency` (both the model's by default). A row recorded before is
    `unchanged`; the same key with other content is rejected, as is any row that cannot be read:
    see the file `rejects`. A negative amount is rejected: goods that come back are returns.
    """
    columns = columns or PurchaseColumns()
    zone = zone or backend.model.zone
    currency = currency or backend.model.currency
    seen: Counter[bytes] = Counter()
    count = added = customers_added = 0
    with rejecting(rejects) as rejected, read_rows(rows) as numbered:
        for batch in batches(numbered):
            count += len(batch)
            parsed = []
            for index, row in batch:
                try:
                    parsed.append(_parsed(index, row, columns, zone, currency, seen))
                except InvalidInput as error:
                    rejected.add(index, error, row)
            parsed.sort(key=lambda found: found.at)
            try:
                new, met = backend.run(_store, parsed, source, actor=actor, source=source)
            except ConflictingFact:
                kept = _without_conflicts(backend, parsed, columns, source, rejected)
                new, met = backend.run(_store, kept, source, actor=actor, source=source)
            added += new
            customers_added += met
    return ImportReport(
        rows=count, added=added, unchanged=count - added - rejected.count,
        rejected=rejected.count, customers_added=customers_added, rejects=tuple(rejected.first),
    )  # fmt: skip


def _parsed(
    index: int, row: Row, columns: PurchaseColumns, zone: str, currency: str, seen: Counter[bytes]
) -> _Parsed:
    faults: list[Fault] = []

    def read(column: str, convert: Callable[[str], T]) -> T | None:
        try:
            text = required(row, column)
            return at_column(column, lambda: convert(text))
        except InvalidInput as error:
            faults.extend(error.faults)
            return None

    own = cell(row, columns.currency) or currency
    customer = read(columns.customer, lambda text: normalised("external", text))
    at = read(columns.at, lambda text: moment(text, zone))
    total = read(columns.amount, lambda text: _price(text, own))
    channel = cell(row, columns.channel)
    if channel is not None and channel not in tuple(Channel):
        faults.append(Fault(columns.channel or "", "is no channel known here"))
    key = None
    if columns.key is not None:
        key = read(columns.key, lambda text: checked_text(text, "", 200))
    if faults or customer is None or at is None or total is None:
        raise InvalidInput(tuple(faults))
    return _Parsed(
        index, row, customer, at, total, key or _own_key(seen, customer, at, total),
        None if channel is None else Channel(channel),
    )  # fmt: skip


def _price(text: str, currency: str) -> Money:
    price = Money(number(text), currency)
    if price.minor < 0:
        raise InvalidInput.of("", "is negative: goods that come back are returns")
    return price


def _own_key(seen: Counter[bytes], customer: str, at: datetime, total: Money) -> str:
    """A key of what the row says, and of how often the same row came before."""
    text = f"{customer}|{at.isoformat()}|{total}"
    digest = blake2b(text.encode(), digest_size=12).digest()
    seen[digest] += 1
    return f"{digest.hex()}-{seen[digest]}"


def _store(unit: UnitOfWork, parsed: list[_Parsed], source: str) -> tuple[int, int]:
    """Record the orders; answer how many were new, and how many customers."""
    known = unit.customers.ids_by_identifier(
        "external", {found.customer for found in parsed}, source=source
    )
    ids = {external: held[0] for external, held in known.items()}
    met: dict[str, Customer] = {}
    for found in parsed:
        if found.customer not in ids and found.customer not in met:
            met[found.customer] = Customer.person(
                at=found.at,
                identifiers=[Identifier("external", found.customer, source=source)],
                life_cycle=unit.model.life_cycle,
            )
    unit.customers.add_many(met.values())
    ids |= {external: customer.id for external, customer in met.items()}
    new = unit.orders.add_many(found.order(ids[found.customer]) for found in parsed)
    return new, len(met)


def _without_conflicts(
    backend: Backend,
    parsed: list[_Parsed],
    columns: PurchaseColumns,
    source: str,
    rejected: Rejects,
) -> list[_Parsed]:
    """`parsed` without the rows that contradict what is recorded, or an earlier row."""
    with backend.reading() as unit:
        wanted = {found.customer for found in parsed}
        known = unit.customers.ids_by_identifier("external", wanted, source=source)
        nobody = CustomerId(UUID(int=0))
        orders = [
            attrs.evolve(f.order(known.get(f.customer, (nobody,))[0]), source=source)
            for f in parsed
        ]
        conflicts = unit.orders.conflicts(orders)
    kept = []
    for index, found in enumerate(parsed):
        if index in conflicts:
            where = columns.key or columns.amount
            reason = f"the same key is recorded with another {', '.join(conflicts[index])}"
            rejected.add(found.index, Reject(found.index, where, reason), found.row)
        else:
            kept.append(found)
    return kept
