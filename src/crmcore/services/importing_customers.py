"""Importing customers: added or updated by their external id, twice equal to once (O9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from os import PathLike
from typing import Any

import attrs

from crmcore.domain.contact_points import ContactKind, ContactPoint
from crmcore.domain.customer import Customer, CustomerKind
from crmcore.domain.errors import InvalidInput
from crmcore.domain.identifiers import Identifier
from crmcore.domain.instants import instant, zone_named
from crmcore.domain.life_cycle import LifeCycle
from crmcore.domain.ports import Backend
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.importing import Cells, ImportReport, accepted, checked_source
from crmcore.services.incoming import Writing, incoming
from crmcore.services.notation import Notation, moment
from crmcore.services.rejects import Row
from crmcore.services.rows import Rows

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


def import_customers(
    backend: Backend,
    rows: Rows,
    *,
    source: str,
    columns: CustomerColumns | None = None,
    zone: str | None = None,
    at: datetime | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    day_first: bool | None = None,
    phone_region: str | None = None,
    rejects: str | PathLike[str] | None = None,
    actor: str = "import",
    dry_run: bool = False,
) -> ImportReport:
    """Add the customers that `source` did not name yet, update those that changed.

    `rows` is a CSV file with a header line or an iterable of mappings, and streams through memory
    in batches of 10,000. Columns that are not told are guessed by their names (`guess_columns`);
    of a file, the `encoding`, the `delimiter` and whether dates have the `day_first` are found out
    where they are not told, and the report says so. A customer is who has the external id in the
    column `customer`; a later row of theirs is an update. An empty cell leaves what is known, an
    earlier date than the known one counts. `at` says since when customers without a date are
    known (the clock's instant by default); days without time are in `zone` (the model's by
    default). Telephone numbers are international (+34...), or with `phone_region="ES"` as they are
    dialled in that country, which needs the extra `contact`. Rows that cannot be read, or that the
    model refuses, go to the file `rejects`. A file that cannot be opened, or has not the columns,
    is `InvalidInput`.

    With `dry_run` nothing is stored, and the report is that of a real run. It reads what is
    stored, locks nothing, and keeps in memory whom it would have stored.
    """
    zone = zone or backend.model.zone
    zone_named(zone)
    source = checked_source(source)
    since = instant(at or backend.clock())
    phone = _phone_of(phone_region)
    writing = Writing(encoding=encoding, delimiter=delimiter, day_first=day_first)
    added = updated = unchanged = 0
    rehearsed: dict[str, Customer] = {}
    with incoming(
        rows, rejects, columns=columns, columns_class=CustomerColumns, required=("customer",),
        dates=("at",), numbers=(), writing=writing,
    ) as came:  # fmt: skip
        rejected, named = came.rejected, came.columns
        read = _Reader(named, source, zone, came.notation, since, backend.model.life_cycle, phone)
        for batch in accepted(came.rows, read, rejected):
            if dry_run:
                with backend.reading() as unit:
                    done = _laid(unit, batch, source, rehearsed)
                rehearsed |= done.latest
            else:
                done = backend.run(_upsert, batch, source, actor=actor, source=source)
            for given, error in done.refused:
                rejected.add(given.index, error.under(named.customer).faults, given.row)
            added += done.added
            updated += done.updated
            unchanged += len(batch) - done.added - done.updated - len(done.refused)
    return ImportReport(
        rows=added + updated + unchanged + rejected.count, added=added, updated=updated,
        unchanged=unchanged, rejected=rejected.count, customers_added=added,
        rejects=tuple(rejected.first), guessed=came.guessed, dry_run=dry_run,
    )  # fmt: skip


@attrs.frozen
class _Given:
    """What one row says of a customer: as a new one, and to be laid on top of a known one."""

    index: int
    row: Row
    customer: Customer
    kind: CustomerKind | None
    since: datetime | None

    @property
    def external(self) -> str:
        return self.customer.identifiers[0].value

    def on_top_of(self, known: Customer) -> Customer:
        """What is known, with what the row says; contact points are added, never dropped."""
        given = self.customer
        reached = {(point.kind, point.value) for point in known.contact_points}
        more = [p for p in given.contact_points if (p.kind, p.value) not in reached]
        return attrs.evolve(
            known,
            kind=self.kind or known.kind,
            name=given.name or known.name,
            at=min(known.at, self.since or known.at),
            language=given.language or known.language,
            zone=given.zone or known.zone,
            region=given.region or known.region,
            contact_points=(*known.contact_points, *more),
        )


@attrs.frozen
class _Reader:
    """Reads rows one after the other."""

    columns: CustomerColumns
    source: str
    zone: str
    notation: Notation
    since: datetime
    life_cycle: LifeCycle
    phone: Callable[[str], ContactPoint]

    def __call__(self, index: int, row: Row) -> _Given:
        """What the row says; all its faults together are `InvalidInput`."""
        columns, cells = self.columns, Cells(row)
        external = cells.read(columns.customer, self._identifier, required=True)
        since = cells.read(columns.at, self._moment)
        kind = cells.read(columns.kind, CustomerKind)
        points = (
            cells.read(columns.email, partial(ContactPoint, ContactKind.EMAIL)),
            cells.read(columns.phone, self.phone),
        )
        texts: dict[str, Any] = {
            field.name: cells.read(getattr(columns, field.name), partial(_checked, field))
            for field in PLAIN
        }
        if cells.faults or external is None:
            raise InvalidInput(tuple(cells.faults))
        customer = Customer(
            kind=kind or CustomerKind.PERSON,
            at=since or self.since,
            life_cycle=self.life_cycle,
            identifiers=(external,),
            contact_points=tuple(point for point in points if point is not None),
            **texts,
        )
        return _Given(index, row, customer, kind, since)

    def _identifier(self, text: str) -> Identifier:
        return Identifier("external", text, source=self.source)

    def _moment(self, text: str) -> datetime:
        return moment(text, self.zone, self.notation.day_first)


def _phone_of(region: str | None) -> Callable[[str], ContactPoint]:
    if region is None:
        return partial(ContactPoint, ContactKind.PHONE)
    from crmcore.services.contact import checked_region, phone_number  # needs an extra

    checked_region(region, "phone_region")
    return lambda text: ContactPoint(ContactKind.PHONE, phone_number(text, region=region))


PLAIN: tuple[attrs.Attribute[Any], ...] = tuple(
    field
    for field in attrs.fields(Customer)
    if field.name in ("name", "language", "zone", "region")
)
"""Fields of a customer that take the text of a cell as it is, checked as the customer does it."""


def _checked(field: attrs.Attribute[Any], text: str) -> str:
    if callable(field.converter):
        text = field.converter(text)
    if field.validator is not None:
        field.validator(None, field, text)
    return text


@attrs.define
class _Done:
    """What a batch makes of the customers: all `latest` states, and those `stored` before."""

    stored: dict[str, Customer]
    latest: dict[str, Customer]
    added: int = 0
    updated: int = 0
    refused: list[tuple[_Given, InvalidInput]] = attrs.field(
        factory=list[tuple[_Given, InvalidInput]]
    )


def _upsert(unit: UnitOfWork, rows: list[_Given], source: str) -> _Done:
    """Lay each row on top of what is known by then, and store what that changed."""
    done = _laid(unit, rows, source, {})
    stored, latest = done.stored, done.latest
    unit.customers.add_many(now for external, now in latest.items() if external not in stored)
    unit.customers.save_many(latest[e] for e, before in stored.items() if latest[e] != before)
    return done


def _laid(
    unit: UnitOfWork, rows: list[_Given], source: str, rehearsed: Mapping[str, Customer]
) -> _Done:
    """Lay each row on top of what is known by then, or would be after a rehearsal."""
    named = {given.external for given in rows}
    held = unit.customers.ids_by_identifier("external", named - rehearsed.keys(), source=source)
    by_id = unit.customers.get_many([ids[0] for ids in held.values()])
    stored = {external: by_id[ids[0]] for external, ids in held.items()}
    latest = {**stored, **{e: rehearsed[e] for e in named & rehearsed.keys()}}
    done = _Done(stored, latest)
    for given in rows:
        known = latest.get(given.external)
        state = given.customer if known is None else given.on_top_of(known)
        if state == known:
            continue
        try:
            unit.model.check(state, held=known)
        except InvalidInput as error:
            done.refused.append((given, error))
            continue
        latest[given.external] = state
        if known is None:
            done.added += 1
        else:
            done.updated += 1
    return done
