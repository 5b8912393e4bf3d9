"""Importing purchases: one order per row, idempotent on the source's key."""

from __future__ import annotations

from os import PathLike

from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import Fault
from crmcore.domain.instants import zone_named
from crmcore.domain.ports import Backend
from crmcore.services.importing import ImportReport, accepted, checked_source
from crmcore.services.incoming import Writing, incoming
from crmcore.services.order_recording import OrderRecorder, Recorded
from crmcore.services.purchase_rows import PurchaseColumns, PurchaseReader, PurchaseRow
from crmcore.services.rehearsal import Rehearsal
from crmcore.services.rows import Rows

__all__ = ["import_purchases"]


def import_purchases(
    backend: Backend,
    rows: Rows,
    *,
    source: str,
    columns: PurchaseColumns | None = None,
    zone: str | None = None,
    currency: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    day_first: bool | None = None,
    rejects: str | PathLike[str] | None = None,
    actor: str = "import",
    dry_run: bool = False,
) -> ImportReport:
    """Record each row as an order; customers that `source` did not name yet are added.

    `rows` is a CSV file with a header line or an iterable of mappings, and streams through memory
    in batches of 10,000, each in date order. Columns that are not told are guessed by their names
    (`guess_columns`). Of a file, the `encoding`, the `delimiter`, the `decimal` mark and whether
    dates have the `day_first` are found out by one look at the whole of it where they are not
    told, and the report says so; dates that can be read both ways are `InvalidInput`. Rows of a
    program have decimal points and ISO dates unless told otherwise. Days without time are in
    `zone`, amounts without a currency column in `currency` (both the model's by default).

    A row recorded before is `unchanged`; the same key with other content is rejected, as is any
    row that cannot be read, has no exchange rate, or takes a sum of its customer's profile beyond
    2**53: see the file `rejects`. A negative amount is rejected: goods that come back are returns.
    A file that cannot be opened, or has not the columns, is `InvalidInput`.

    With `dry_run` nothing is stored, and the report is that of a real run. It reads what is
    stored, locks nothing, and keeps in memory what it would have stored.
    """
    zone, currency = zone or backend.model.zone, currency or backend.model.currency
    zone_named(zone)
    minor_digits(currency)
    source = checked_source(source)
    writing = Writing(encoding=encoding, delimiter=delimiter, decimal=decimal, day_first=day_first)
    done = Recorded()
    with incoming(
        rows, rejects, columns=columns, columns_class=PurchaseColumns,
        required=("customer", "at", "amount"), dates=("at",), numbers=("amount",), writing=writing,
    ) as found:  # fmt: skip
        rejected, named = found.rejected, found.columns

        def refuse(row: PurchaseRow, column: str, reason: str) -> None:
            rejected.add(row.index, [Fault(column, reason)], row.row)

        recorder = OrderRecorder(
            backend, source, actor, _places(named), refuse, Rehearsal() if dry_run else None
        )
        read = PurchaseReader(named, zone, currency, found.notation)
        for batch in accepted(found.rows, read, rejected):
            done += recorder.record(batch)
    return ImportReport(
        rows=done.standing + rejected.count, added=done.added,
        unchanged=done.standing - done.added, rejected=rejected.count,
        customers_added=done.customers_added, rejects=tuple(rejected.first),
        guessed=found.guessed, dry_run=dry_run,
    )  # fmt: skip


def _places(columns: PurchaseColumns) -> dict[str, str]:
    """Where an order that cannot be recorded is at fault."""
    return {
        "at": columns.at,
        "amount": columns.amount,
        "currency": columns.currency or columns.amount,
        "key": columns.key or columns.amount,
    }
