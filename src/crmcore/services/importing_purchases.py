"""Importing purchases: one order per row, idempotent on the source's key."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from uuid import UUID

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.customer import Customer
from crmcore.domain.errors import ConflictingFact, Fault, InvalidInput
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import zone_named
from crmcore.domain.ports import Backend
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.importing import ImportReport, accepted, checked_source, needed
from crmcore.services.purchase_rows import PurchaseColumns, PurchaseReader, PurchaseRow
from crmcore.services.rejects import Rejects
from crmcore.services.rows import Rows, read_rows

__all__ = ["import_purchases"]

NOBODY = CustomerId(UUID(int=0))


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
    be read or has no exchange rate: see the file `rejects`. A negative amount is rejected: goods
    that come back are returns. A file that cannot be opened, or has not the columns, is
    `InvalidInput`.
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
            sifting = _Sifting(backend, columns, source, rejected)
            sifted = sifting.without_repetitions(batch)
            sifted = sifting.with_rates(sifted)
            try:
                new, met = backend.run(_store, sifted, source, actor=actor, source=source)
            except ConflictingFact:
                sifted = sifting.without_conflicts(sifted)
                new, met = backend.run(_store, sifted, source, actor=actor, source=source)
            added += new
            unchanged += len(batch) - sifting.refused - new
            customers_added += met
    return ImportReport(
        rows=added + unchanged + rejected.count, added=added, unchanged=unchanged,
        rejected=rejected.count, customers_added=customers_added, rejects=tuple(rejected.first),
    )  # fmt: skip


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


@attrs.define
class _Sifting:
    """Takes out of one batch the rows that can be read but not recorded, and counts them."""

    backend: Backend
    columns: PurchaseColumns
    source: str
    rejected: Rejects
    refused: int = 0

    def without_repetitions(self, rows: list[PurchaseRow]) -> list[PurchaseRow]:
        """The first row of each key; later ones repeat it or contradict it."""
        first: dict[str, PurchaseRow] = {}
        for row in rows:
            known = first.setdefault(row.key, row)
            if known is not row:
                self._refuse_conflict(row, row.differences(known))
        return list(first.values())

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
                    where = self.columns.currency or self.columns.amount
                    self._refuse(row, where, error.faults[0].reason)
                else:
                    kept.append(row)
        return kept

    def without_conflicts(self, rows: list[PurchaseRow]) -> list[PurchaseRow]:
        """The rows that do not contradict what is recorded under their keys."""
        with self.backend.reading() as unit:
            ids = _known(unit, rows, self.source)
            orders = [
                attrs.evolve(row.order(ids.get(row.customer, NOBODY)), source=self.source)
                for row in rows
            ]
            conflicts: Mapping[int, tuple[str, ...]] = unit.orders.conflicts(orders)
        for index, fields in conflicts.items():
            self._refuse_conflict(rows[index], fields)
        return [row for index, row in enumerate(rows) if index not in conflicts]

    def _refuse_conflict(self, row: PurchaseRow, fields: tuple[str, ...]) -> None:
        if fields:
            where = self.columns.key or self.columns.amount
            names = ", ".join(fields)
            self._refuse(row, where, f"the same key is recorded with another {names}")

    def _refuse(self, row: PurchaseRow, column: str, reason: str) -> None:
        self.refused += 1
        self.rejected.add(row.index, [Fault(column, reason)], row.row)
