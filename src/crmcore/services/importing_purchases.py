"""Importing purchases: one order per row, idempotent on the source's key."""

from __future__ import annotations

from os import PathLike

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.customer import Customer
from crmcore.domain.errors import ConflictingFact, Fault, InvalidInput
from crmcore.domain.facts import differences
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, new_id
from crmcore.domain.instants import zone_named
from crmcore.domain.kinds import ORDERS
from crmcore.domain.order import Order
from crmcore.domain.ports import Backend
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.importing import ImportReport, accepted, checked_source, needed
from crmcore.services.purchase_rows import PurchaseColumns, PurchaseReader, PurchaseRow
from crmcore.services.rejects import Rejects
from crmcore.services.rows import Rows, read_rows

__all__ = ["import_purchases"]


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
    """Record each row as an order; customers that `source` did not name yet are added.

    `rows` is a CSV file (UTF-8, commas, a header line) or an iterable of mappings, and streams
    through memory in batches of 10,000, each in date order. Days without time are in `zone`,
    amounts without a currency column in `currency` (both the model's by default). A row recorded
    before is `unchanged`; the same key with other content is rejected, as is any row that cannot
    be read, has no exchange rate, or takes a sum of its customer's profile beyond 2**53: see the
    file `rejects`. A negative amount is rejected: goods that come back are returns. A file that
    cannot be opened, or has not the columns, is `InvalidInput`.
    """
    columns = columns or PurchaseColumns()
    zone, currency = zone or backend.model.zone, currency or backend.model.currency
    zone_named(zone)
    minor_digits(currency)
    source = checked_source(source)
    read = PurchaseReader(columns, zone, currency)
    header = needed(columns, columns.customer, columns.at, columns.amount)
    added = unchanged = customers_added = 0
    with read_rows(rows, rejects, needed=header) as (numbered, rejected):
        for batch in accepted(numbered, read, rejected):
            sifting = _Sifting(backend, columns, source, actor, rejected)
            kept, new, met = sifting.recorded(sifting.with_rates(batch))
            added += new
            unchanged += kept - new
            customers_added += met
    return ImportReport(
        rows=added + unchanged + rejected.count, added=added, unchanged=unchanged,
        rejected=rejected.count, customers_added=customers_added, rejects=tuple(rejected.first),
    )  # fmt: skip


def _tried(
    unit: UnitOfWork, found: list[PurchaseRow], source: str
) -> tuple[int, int] | InvalidInput:
    """What `_store` answers; or, with nothing kept, what is wrong with one of the rows."""
    try:
        return _store(unit, found, source)
    except InvalidInput as error:
        unit.rollback()
        return error


def _store(unit: UnitOfWork, found: list[PurchaseRow], source: str) -> tuple[int, int]:
    """Record the orders; answer how many were new, and how many customers."""
    found = sorted(found, key=lambda row: row.at)
    ids = _known(unit, found, source)
    met: dict[str, Customer] = {}
    for row in found:
        if row.customer not in ids:
            customer = Customer.person(
                at=row.at,
                identifiers=[Identifier("external", row.customer, source=source)],
                life_cycle=unit.model.life_cycle,
            )
            met[row.customer] = customer
            ids[row.customer] = customer.id
    unit.customers.add_many(met.values())
    return unit.orders.add_many(row.order(ids[row.customer]) for row in found), len(met)


def _known(unit: UnitOfWork, found: list[PurchaseRow], source: str) -> dict[str, CustomerId]:
    named = {row.customer for row in found}
    held = unit.customers.ids_by_identifier("external", named, source=source)
    return {external: ids[0] for external, ids in held.items()}


@attrs.frozen
class _Sifting:
    """Takes out of one batch the rows that can be read but not recorded."""

    backend: Backend
    columns: PurchaseColumns
    source: str
    actor: str
    rejected: Rejects

    def recorded(self, rows: list[PurchaseRow]) -> tuple[int, int, int]:
        """Record the rows: how many stand, how many of them are new, how many customers are.

        Of rows that the store refuses, each half is tried alone, in date order, down to the row.
        """
        try:
            done = self._run(rows)
        except ConflictingFact:
            rows = self.without_conflicts(rows)
            done = self._run(rows)
        if not isinstance(done, InvalidInput):
            return len(rows), *done
        if len(rows) == 1:
            self._refuse(rows[0], *self._place(done.faults[0]))
            return 0, 0, 0
        rows = sorted(rows, key=lambda row: row.at)
        middle = len(rows) // 2
        first, last = self.recorded(rows[:middle]), self.recorded(rows[middle:])
        return first[0] + last[0], first[1] + last[1], first[2] + last[2]

    def _run(self, rows: list[PurchaseRow]) -> tuple[int, int] | InvalidInput:
        return self.backend.run(_tried, rows, self.source, actor=self.actor, source=self.source)

    def _place(self, fault: Fault) -> tuple[str, str]:
        """Column and reason of what the store says of a row."""
        named = {"amount": self.columns.amount, "at": self.columns.at}
        return (named[fault.path], fault.reason) if fault.path in named else ("", str(fault))

    def with_rates(self, rows: list[PurchaseRow]) -> list[PurchaseRow]:
        """The rows whose amount is known in the model's currency."""
        base = self.backend.model.currency
        if all(row.total.currency == base for row in rows):
            return rows
        kept = []
        with self.backend.reading() as unit:
            for row in rows:
                try:
                    unit.in_base(row.total, row.at)
                except InvalidInput as error:
                    fault = error.faults[0]
                    where = self.columns.currency or self.columns.amount
                    self._refuse(
                        row, self.columns.at if fault.path == "at" else where, fault.reason
                    )
                else:
                    kept.append(row)
        return kept

    def without_conflicts(self, rows: list[PurchaseRow]) -> list[PurchaseRow]:
        """The rows that say of their key what is recorded, or else what its first row says."""
        kept = []
        with self.backend.reading() as unit:
            standing = self._standing(unit, rows)
        for row, known, order in standing:
            if fields := differences(known, order):
                where = self.columns.key or self.columns.amount
                reason = f"the same key is recorded with another {', '.join(fields)}"
                self._refuse(row, where, reason)
            else:
                kept.append(row)
        return kept

    def _standing(
        self, unit: UnitOfWork, rows: list[PurchaseRow]
    ) -> list[tuple[PurchaseRow, Order, Order]]:
        """Each row, the order that stands under its key, and the one that it tells of itself."""
        ids = _known(unit, rows, self.source)
        orders = [
            row.order(ids.setdefault(row.customer, CustomerId(new_id(row.at)))) for row in rows
        ]
        by_key: dict[str, Order] = {}
        for row, order in zip(rows, orders, strict=True):
            by_key.setdefault(row.key, order)
        stored = unit.reads.recorded(ORDERS, list(by_key.values()), self.source)
        for index, key in enumerate(by_key):
            by_key[key] = stored.get(index, by_key[key])
        return [(row, by_key[row.key], order) for row, order in zip(rows, orders, strict=True)]

    def _refuse(self, row: PurchaseRow, column: str, reason: str) -> None:
        self.rejected.add(row.index, [Fault(column, reason)], row.row)
