"""Importing customers: added or updated by their external id, twice equal to once (O9)."""

from __future__ import annotations

from datetime import datetime
from os import PathLike

import attrs

from crmcore.domain.contact_points import ContactKind, ContactPoint
from crmcore.domain.customer import Customer, CustomerKind
from crmcore.domain.errors import Conflict, InvalidInput
from crmcore.domain.identifiers import Identifier
from crmcore.domain.life_cycle import LifeCycle
from crmcore.domain.ports import Backend
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
    read_rows,
    rejecting,
    required,
)

__all__ = ["CustomerColumns", "import_customers"]


@attrs.frozen(kw_only=True)
class CustomerColumns:
    """Which column holds what; `None`: there is none. `customer` is the id in the source."""

    customer: str = "customer_id"
    at: str | None = "since"
    kind: str | None = "kind"
    name: str | None = "name"
    email: str | None = "email"
    phone: str | None = "phone"
    language: str | None = "language"
    zone: str | None = "zone"
    region: str | None = "region"


@attrs.define
class _Tally:
    added: int = 0
    updated: int = 0
    unchanged: int = 0


def import_customers(
    backend: Backend,
    rows: Rows,
    *,
    source: str,
    columns: CustomerColumns | None = None,
    zone: str | None = None,
    at: datetime | None = None,
    rejects: str | PathLike[str] | None = None,
    actor: str = "import",
) -> ImportReport:
    """Add the customers that `source` did not name yet, update those that changed.

    `rows` is a CSV file with a header line or an iterable of mappings. A customer is who has the
    external id in the column `customer`; an empty cell leaves what is known. `at` says since
    when customers without a date are known (the clock's instant by default); days without time
    are in `zone` (the model's by default). Rejected rows go to the file `rejects`.
    """
    columns = columns or CustomerColumns()
    since = at or backend.clock()
    zone = zone or backend.model.zone
    tally, count = _Tally(), 0
    with rejecting(rejects) as rejected, read_rows(rows) as numbered:
        for batch in batches(numbered):
            count += len(batch)
            parsed: dict[str, tuple[int, Row, Customer]] = {}
            for index, row in batch:
                try:
                    made = _customer(row, columns, source, zone, since, backend.model.life_cycle)
                except InvalidInput as error:
                    rejected.add(index, error, row)
                    continue
                external = made.identifiers[0].value
                if external in parsed:
                    again = Reject(index, columns.customer, "names a customer of an earlier row")
                    rejected.add(index, again, row)
                    continue
                parsed[external] = (index, row, made)
            _store(backend, list(parsed.values()), source, actor, tally, rejected)
    return ImportReport(
        rows=count, added=tally.added, updated=tally.updated, unchanged=tally.unchanged,
        rejected=rejected.count, customers_added=tally.added, rejects=tuple(rejected.first),
    )  # fmt: skip


def _customer(
    row: Row,
    columns: CustomerColumns,
    source: str,
    zone: str,
    since: datetime,
    life_cycle: LifeCycle,
) -> Customer:
    def contact(kind: ContactKind, column: str | None) -> list[ContactPoint]:
        text = cell(row, column)
        return [] if text is None else [at_column(column or "", lambda: ContactPoint(kind, text))]

    external = required(row, columns.customer)
    day = cell(row, columns.at)
    points = contact(ContactKind.EMAIL, columns.email) + contact(ContactKind.PHONE, columns.phone)
    kind = cell(row, columns.kind) or CustomerKind.PERSON
    if kind not in tuple(CustomerKind):
        raise InvalidInput.of(columns.kind or "", "is neither person nor organisation")
    identifier = at_column(
        columns.customer, lambda: Identifier("external", external, source=source)
    )
    return Customer(
        kind=CustomerKind(kind),
        name=cell(row, columns.name),
        at=since if day is None else at_column(columns.at or "", lambda: moment(day, zone)),
        life_cycle=life_cycle,
        identifiers=(identifier,),
        contact_points=tuple(points),
        language=cell(row, columns.language),
        zone=cell(row, columns.zone),
        region=cell(row, columns.region),
    )


def _store(
    backend: Backend,
    parsed: list[tuple[int, Row, Customer]],
    source: str,
    actor: str,
    tally: _Tally,
    rejected: Rejects,
) -> None:
    """All in one unit; if that conflicts, halves of it, down to the row that does."""

    def store() -> _Tally:
        with backend.unit_of_work(actor=actor, source=source) as unit:
            return _upsert(unit, [customer for _, _, customer in parsed], source)

    if not parsed:
        return
    try:
        found = store()
    except (Conflict, InvalidInput) as error:
        if len(parsed) == 1:
            index, row, _ = parsed[0]
            reason = str(error) if isinstance(error, InvalidInput) else "is another customer's"
            rejected.add(index, Reject(index, "identifiers", reason), row)
            return
        middle = len(parsed) // 2
        for half in (parsed[:middle], parsed[middle:]):
            _store(backend, half, source, actor, tally, rejected)
        return
    tally.added += found.added
    tally.updated += found.updated
    tally.unchanged += found.unchanged


def _upsert(unit: UnitOfWork, customers: list[Customer], source: str) -> _Tally:
    by_external = {customer.identifiers[0].value: customer for customer in customers}
    held = unit.customers.ids_by_identifier("external", by_external, source=source)
    stored = unit.customers.get_many([ids[0] for ids in held.values()])
    known = {external: stored[ids[0]] for external, ids in held.items()}
    new = [c for external, c in by_external.items() if external not in known]
    merged = {external: _merged(by_external[external], now) for external, now in known.items()}
    changed = [merged[external] for external, now in known.items() if merged[external] != now]
    added = unit.customers.add_many(new) if new else 0
    updated = unit.customers.save_many(changed) if changed else 0
    return _Tally(added, updated, len(known) - updated)


def _merged(given: Customer, known: Customer) -> Customer:
    """What is known, with what the row says on top; contact points are added, never dropped."""
    result = known if given.name is None else known.renamed(given.name)
    result = result.preferring(language=given.language, zone=given.zone, region=given.region)
    for point in given.contact_points:
        result = result.reachable_at(point)
    return result
