"""Importing what an export holds: facts, customers, products, segments, memberships, whole.

A row names the fields of its class, and a file of any format that `export` writes can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import Field, FieldType, fields_of
from crmcore.domain.instants import zone_named
from crmcore.domain.kinds import AGGREGATES, CANCELLATIONS, FACTS, SEGMENTS
from crmcore.domain.ports import Backend
from crmcore.services.importing import ImportReport, accepted, checked_source
from crmcore.services.kind_rows import KindReader
from crmcore.services.recording import Recorder
from crmcore.services.rows import Rows, read_rows
from crmcore.services.upserting import Upserter

__all__ = ["IMPORT_ORDER", "import_aggregates", "import_facts"]

IMPORT_ORDER: tuple[str, ...] = (
    *(kind.name for kind in AGGREGATES),
    *(kind.name for kind in FACTS if kind is not CANCELLATIONS),
    CANCELLATIONS.name,
)
"""The kinds in the order in which a whole store is imported: whom facts are of comes before them,
and goods came back before their order was called off, since nothing comes back of it after.
"""


def import_facts(
    backend: Backend,
    kind: str,
    rows: Rows,
    *,
    source: str,
    columns: Mapping[str, str] | None = None,
    zone: str | None = None,
    currency: str | None = None,
    rejects: str | PathLike[str] | None = None,
    actor: str = "import",
    dry_run: bool = False,
    restore: bool = False,
) -> ImportReport:
    """Record each row as a fact of that kind: `orders`, `payments`, `interactions`, `scores`...

    `rows` is a CSV, JSON lines or Parquet file, a data frame, or an iterable of mappings, and
    streams through memory in batches of 10,000. A column is called as the field is, unless
    `columns` says otherwise (`{"at": "fecha"}`); money is `total` in major or `total_minor` in
    minor units with `total_currency` (else `currency`, else the model's); nested values (`lines`)
    are lists, or JSON text. The customer is named by `customer_id`, or by `customer`, their
    external id in `customer_source` (else `source`); the order by `order_id`, or by `order`, its
    key there, and then the customer may be left out. Days without time are in `zone` (the model's
    by default).

    A row that is recorded already is `unchanged`: known by `id`, by `source_key`, or by what it
    says where it has neither (import whole files then). Bad rows go to `rejects` with column and
    reason, and lose no good one. `dry_run` keeps nothing and counts what a real run would do: rows
    meet those before them, which stay in memory to the end; a profile's sum that goes beyond 2**53
    by rows of several batches is not seen. Of a file that `export` wrote, `restore` keeps what the
    other store said of recording: `recorded_at`, `actor`, base amounts, and no source where there
    was none; else they are this store's own.
    """
    known = next((k for k in FACTS if k.name == kind), None)
    if known is None:
        raise InvalidInput.of("kind", f"is none of {', '.join(k.name for k in FACTS)}")
    read = _reader(
        backend, known.fields, source=source, columns=columns, zone=zone, currency=currency,
        restore=restore, keyed=True,
    )  # fmt: skip
    _check_names(backend, actor, source)
    recorder = Recorder(backend, known, read, actor, dry_run=dry_run, restore=restore)
    added = unchanged = 0
    with read_rows(rows, rejects, needed=_needed(read), single=read.read_columns) as (
        numbered,
        rejected,
    ):
        for batch in accepted(numbered, read, rejected):
            kept, new = recorder.recorded(batch, rejected)
            added += new
            unchanged += kept - new
    return ImportReport(
        rows=added + unchanged + rejected.count, added=added, unchanged=unchanged,
        rejected=rejected.count, rejects=tuple(rejected.first), dry_run=dry_run,
    )  # fmt: skip


def import_aggregates(
    backend: Backend,
    kind: str,
    rows: Rows,
    *,
    source: str,
    columns: Mapping[str, str] | None = None,
    zone: str | None = None,
    currency: str | None = None,
    rejects: str | PathLike[str] | None = None,
    actor: str = "import",
    dry_run: bool = False,
    restore: bool = False,
) -> ImportReport:
    """Add or update each row's aggregate: `customers`, `products`, `segments`, `memberships`.

    Rows are as in `import_facts`, with every field of the class: identifiers, contact points,
    roles, relationships and attributes are lists, or JSON text. Who is meant is told by `id`, or by
    an exclusive key (an external id, a card, an SKU, a segment's name; of a membership its
    programme with the customer or the number); a row with neither is rejected. What a row says
    replaces what is known, field by field; an empty cell, or a column that is not there, leaves it.
    A new one without `at` is known since now. With `restore`, a row is the whole: an empty cell
    empties the field, and what is new keeps the `version` that it had. `dry_run` counts what a real
    run would do, and keeps in memory what it would have stored.
    """
    known = next((k for k in AGGREGATES if k.name == kind), None)
    if known is None:
        raise InvalidInput.of("kind", f"is none of {', '.join(k.name for k in AGGREGATES)}")
    fields = fields_of(known.cls)
    read = _reader(
        backend, fields, source=source, columns=columns, zone=zone, currency=currency,
        restore=restore, keyed=False,
    )  # fmt: skip
    _check_names(backend, actor, source)
    upserter = Upserter(backend, known, read, actor, dry_run=dry_run, restore=restore)
    added = updated = unchanged = 0
    needed = set(read.columns.values())
    if restore and kind == SEGMENTS.name:  # without it each would be restored as a static one
        needed.add(read.column("predicate"))
    with read_rows(rows, rejects, needed=needed, single=read.read_columns) as (numbered, rejected):
        for batch in accepted(numbered, read, rejected):
            done = upserter.upserted(batch, rejected)
            added += done.added
            updated += done.updated
            unchanged += done.unchanged
    return ImportReport(
        rows=added + updated + unchanged + rejected.count, added=added, updated=updated,
        unchanged=unchanged, rejected=rejected.count, rejects=tuple(rejected.first),
        customers_added=added if kind == "customers" else 0, dry_run=dry_run,
    )  # fmt: skip


def _reader(
    backend: Backend,
    fields: tuple[Field, ...],
    *,
    source: str,
    columns: Mapping[str, str] | None,
    zone: str | None,
    currency: str | None,
    restore: bool,
    keyed: bool,
) -> KindReader:
    zone, currency = zone or backend.model.zone, currency or backend.model.currency
    zone_named(zone)
    minor_digits(currency)
    return KindReader(fields, checked_source(source), zone, currency, columns or {}, restore, keyed)


def _check_names(backend: Backend, actor: str, source: str) -> None:
    """An actor that cannot be one is no fault of any row; the unit is not entered."""
    backend.unit_of_work(actor=actor, source=source)


def _needed(read: KindReader) -> set[str]:
    """The columns that a file of facts must have: what the caller named, and what has no default
    and cannot be told in another way.
    """
    plain = (
        f.name
        for f in read.fields
        if not f.optional and f.type not in (FieldType.MONEY, FieldType.NESTED, FieldType.ID)
    )
    return {read.column(name) for name in plain if name == "at"} | set(read.columns.values())
