"""Importing order lines: the messy exports of a shop, each line with its decision."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby
from os import PathLike

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import Fault
from crmcore.domain.instants import zone_named
from crmcore.domain.kinds import PRODUCTS
from crmcore.domain.ports import Backend
from crmcore.domain.product import Product
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.importing import ImportReport, accepted, batches, checked_source
from crmcore.services.incoming import Writing, incoming
from crmcore.services.order_line_rows import OrderLineColumns, OrderLineReader, OrderLineRow
from crmcore.services.order_recording import OrderRecorder, Recorded
from crmcore.services.rehearsal import Rehearsal
from crmcore.services.rejects import Rejects
from crmcore.services.retail import (
    CHARGES,
    REJECTED,
    SET_ASIDE,
    Anonymous,
    Invoice,
    Repeated,
    Sorting,
    decisions_of,
)
from crmcore.services.retail_returns import Settled, settle
from crmcore.services.rows import Rows

__all__ = ["import_order_lines"]

LINES_OF_AN_ORDER = 10
"""About as many, so that a batch of orders is no larger than one of purchases."""


def import_order_lines(
    backend: Backend,
    rows: Rows,
    *,
    source: str,
    columns: OrderLineColumns | None = None,
    zone: str | None = None,
    currency: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    day_first: bool | None = None,
    anonymous: Anonymous | str = Anonymous.SKIP,
    repeated: Repeated | str = Repeated.ONCE,
    charges: Collection[str] = CHARGES,
    rejects: str | PathLike[str] | None = None,
    actor: str = "import",
    dry_run: bool = False,
) -> ImportReport:
    """Record the lines of invoices as orders with lines, returns and cancellations.

    Lines of one invoice are one order, under the invoice's number and placed when its first line
    was; its products are added by their stock code. A line of an invoice that begins with `C` and a
    digit takes back: it becomes a return from the customer's latest earlier order that has as much
    of the product left, at the same price if there is one, or with others the cancellation of an
    order that comes back whole. Every row is under one of the report's `decisions`, with its
    amount, so that rows and money of the file can be accounted for.

    `anonymous` says what to do with lines without a customer id: `skip` them, or give all of them
    to `one` customer. `repeated` says whether a line that is there twice, the same in everything,
    counts `once` or `each` time. `charges` are stock codes that are no product.

    Columns, notation, zone, currency, rejects and `dry_run` are as with `import_purchases`, but the
    whole file is held in memory, since its lines are in no order that can be relied upon. The same
    file again changes nothing. An invoice that is recorded with other lines is rejected.
    """
    zone, currency = zone or backend.model.zone, currency or backend.model.currency
    zone_named(zone)
    minor_digits(currency)
    source = checked_source(source)
    writing = Writing(encoding=encoding, delimiter=delimiter, decimal=decimal, day_first=day_first)
    sorting = Sorting(Anonymous(anonymous), Repeated(repeated), charges)
    with incoming(
        rows, rejects, columns=columns, columns_class=OrderLineColumns,
        required=("invoice", "product", "quantity", "unit_price", "at", "customer"),
        dates=("at",), numbers=("quantity", "unit_price"), writing=writing,
    ) as found:  # fmt: skip
        read = OrderLineReader(found.columns, zone, currency, found.notation)
        lines = [row for batch in accepted(found.rows, read, found.rejected) for row in batch]
        unread = found.rejected.count
        job = _Job(
            backend, source, actor, _places(found.columns), found.rejected,
            Rehearsal() if dry_run else None,
        )  # fmt: skip
        sorting.sort(lines)
        for line, place, reason in sorting.refused:
            job.refuse(line, job.columns[place], reason)
        placed, settled = job.orders(sorting.orders), job.cancelling(sorting.cancelling)
        products = job.products(sorting.orders)
    standing, added = placed.standing + settled.standing, placed.added + settled.added
    return ImportReport(
        rows=unread + len(lines), added=added, unchanged=standing - added,
        set_aside=sum(line.decision in SET_ASIDE for line in lines),
        rejected=found.rejected.count, customers_added=placed.customers_added,
        products_added=products, rejects=tuple(found.rejected.first), guessed=found.guessed,
        decisions=decisions_of(lines, unread, read.spoiled), dry_run=dry_run,
    )  # fmt: skip


@attrs.frozen
class _Job:
    """Records what was sorted, batch by batch, or rehearses it."""

    backend: Backend
    source: str
    actor: str
    columns: dict[str, str]
    rejected: Rejects
    rehearsal: Rehearsal | None

    def refuse(self, line: OrderLineRow, column: str, reason: str) -> None:
        """Reject one line."""
        line.decision = REJECTED
        self.rejected.add(line.index, [Fault(column, reason)], line.row)

    def _refuse_all(self, invoice: Invoice, column: str, reason: str) -> None:
        for line in invoice.lines:
            self.refuse(line, column, reason)

    def products(self, invoices: Iterable[Invoice]) -> int:
        """Add the products of recorded orders that no stock code tells of yet; how many."""
        first: dict[str, OrderLineRow] = {}
        for invoice in invoices:
            for line in invoice.lines:
                if line.decision not in ("charges", REJECTED):
                    known = first.setdefault(line.product, line)
                    if known.description is None and line.description is not None:
                        first[line.product] = line
        count = 0
        for batch in batches(first.values()):
            if self.rehearsal is None:
                count += self.backend.run(_products, batch, actor=self.actor, source=self.source)
            else:
                with self.backend.reading() as unit:
                    count += len(_unknown(unit, batch))
        return count

    def orders(self, invoices: Iterable[Invoice]) -> Recorded:
        """Record the orders, and first their customers."""
        recorder = OrderRecorder(
            self.backend, self.source, self.actor, self.columns, self._refuse_all, self.rehearsal
        )
        done = Recorded()
        for batch in batches(invoices, LINES_OF_AN_ORDER):
            done += recorder.record(batch)
        return done

    def cancelling(self, invoices: Iterable[Invoice]) -> Settled:
        """Record returns and cancellations, all of one customer together."""
        done = Settled()
        by_customer = groupby(sorted(invoices, key=_customer), key=_customer)
        groups = (list(group) for _, group in by_customer)
        for batch in batches(groups, LINES_OF_AN_ORDER):
            found = self._settled([invoice for group in batch for invoice in group])
            done.standing += found.standing
            done.added += found.added
            for line, decision, rounding in found.decided:
                line.decision, line.rounding = decision, rounding
            for line in found.refused:
                self.refuse(line, self.columns["key"], "is recorded as a return of another order")
        return done

    def _settled(self, invoices: list[Invoice]) -> Settled:
        if self.rehearsal is None:
            return self.backend.run(
                settle, invoices, self.source, None, actor=self.actor, source=self.source
            )
        with self.backend.reading() as unit:
            return settle(unit, invoices, self.source, self.rehearsal)


def _customer(invoice: Invoice) -> str:
    return invoice.customer


def _places(columns: OrderLineColumns) -> dict[str, str]:
    """Where an invoice that cannot be recorded is at fault."""
    return {
        "at": columns.at,
        "amount": columns.unit_price,
        "currency": columns.currency or columns.unit_price,
        "key": columns.invoice,
    }


def _unknown(unit: UnitOfWork, lines: list[OrderLineRow]) -> list[OrderLineRow]:
    known = unit.reads.find(PRODUCTS, "sku", [line.product for line in lines])
    return [line for line in lines if line.product not in known]


def _products(unit: UnitOfWork, lines: list[OrderLineRow]) -> int:
    """One product of each line whose stock code is not known."""
    return unit.products.add_many(
        Product(sku=line.product, name=line.description, at=line.at)
        for line in _unknown(unit, lines)
    )
