"""Rows and objects by hand: what a program without crmcore would write for this one job.

It encodes crmcore's customers and orders to the rows of crmcore's own tables with plain
expressions and `json.dumps`, and decodes them into frozen, slotted attrs classes of its own,
which check nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import attrs

from crmcore import Customer, Order, OrderLine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BATCH = 10_000
TENANT = "main"
CURRENCY = "EUR"
NOW = 1_700_000_000_000

CUSTOMER = (
    "tenant", "kind", "name", "at", "stage", "stage_since", "language", "zone", "region",
    "channels", "identifiers", "contact_points", "roles", "relationships", "attributes", "tags",
    "notes", "attachments", "id", "version",
)  # fmt: skip
KEY = ("tenant", "kind", "scope", "value", "id", "claim")
PROFILE = (
    "tenant", "customer_id", "kind", "name", "stage", "stage_since", "known_since", "language",
    "zone", "region", "email", "phone", "texts__folded", "attributes",
)  # fmt: skip
WORD = ("tenant", "field", "word", "customer_id")
ORDER = (
    "tenant", "resolved_customer_id", "schema_version", "customer_id", "at", "source",
    "source_key", "id", "recorded_at", "actor", "total_minor", "total_currency", "lines",
    "channel", "base_amount_minor", "base_amount_currency",
)  # fmt: skip
JOURNAL = (
    "tenant", "kind", "operation", "aggregate_id", "ids", "version", "changes", "personal", "at",
    "recorded_at", "actor", "source",
)  # fmt: skip
READ = CUSTOMER[1:]


@attrs.frozen
class HandIdentifier:
    """An identifier, unchecked."""

    type: str
    value: str
    source: str | None


@attrs.frozen
class HandPoint:
    """A contact point, unchecked."""

    kind: str
    value: str
    label: str | None


@attrs.frozen
class HandCustomer:
    """A customer, unchecked."""

    kind: str
    name: str | None
    at: datetime
    stage: str
    stage_since: datetime
    language: str | None
    zone: str | None
    region: str | None
    channels: tuple[str, ...]
    identifiers: tuple[HandIdentifier, ...]
    contact_points: tuple[HandPoint, ...]
    roles: tuple[Any, ...]
    relationships: tuple[Any, ...]
    attributes: tuple[Any, ...]
    tags: tuple[Any, ...]
    notes: tuple[Any, ...]
    attachments: tuple[Any, ...]
    id: UUID
    version: int


def millis(at: datetime) -> int:
    """UTC milliseconds."""
    since = at - EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def batches(things: Iterable[Any]) -> Iterable[list[Any]]:
    """Lists of at most `BATCH`."""
    remaining = iter(things)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def _dumps(values: Sequence[dict[str, Any]]) -> str:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")) if values else "[]"


def customer_row(c: Customer) -> tuple[Any, ...]:
    """The row of a new customer without roles, ties, attributes, tags, notes and attachments."""
    at, since = millis(c.at), millis(c.stage_since)
    known = _dumps([{"type": i.type, "value": i.value, "source": i.source} for i in c.identifiers])
    points = _dumps(
        [{"kind": p.kind.value, "value": p.value, "label": p.label} for p in c.contact_points]
    )
    return (
        TENANT, c.kind.value, c.name, at, c.stage, since, c.language, c.zone, c.region, "[]",
        known, points, "[]", "[]", "[]", "[]", "[]", "[]", c.id.bytes, 1,
    )  # fmt: skip


def key_rows(c: Customer) -> list[tuple[Any, ...]]:
    """A shared key for every e-mail and phone."""
    id = c.id.bytes
    return [(TENANT, "customers", p.kind.value, p.value, id, None) for p in c.contact_points]


def words(c: Customer) -> list[str]:
    """What a name without accents and punctuation is searched by."""
    return sorted(set((c.name or "").lower().split()))


def word_rows(c: Customer) -> list[tuple[Any, ...]]:
    """A row for every word of the name."""
    id = c.id.bytes
    return [(TENANT, "name", word, id) for word in words(c)]


def profile_row(c: Customer) -> tuple[Any, ...]:
    """The profile of a customer without facts; its counts and sums have defaults."""
    first: dict[str, str] = {}
    for point in c.contact_points:
        first.setdefault(point.kind.value, point.value)
    at, since = millis(c.at), millis(c.stage_since)
    return (
        TENANT, c.id.bytes, c.kind.value, c.name, c.stage, since, at, c.language, c.zone, c.region,
        first.get("email"), first.get("phone"), json.dumps({"name": (c.name or "").lower()}), "{}",
    )  # fmt: skip


def order_row(o: Order) -> tuple[Any, ...]:
    """The row of an order; one in another currency than the model's would need a rate."""
    who, minor, currency = o.customer_id.bytes, o.total.minor, o.total.currency
    if currency != CURRENCY:
        raise ValueError(currency)
    return (
        TENANT, who, 1, who, millis(o.at), "shop", o.source_key, o.id.bytes, NOW, None, minor,
        currency, _lines(o.lines) if o.lines else "[]",
        None if o.channel is None else o.channel.value, minor, currency,
    )  # fmt: skip


def _lines(lines: Sequence[OrderLine]) -> str:
    return _dumps(
        [
            {
                "product": line.product, "quantity": str(line.quantity),
                "unit_price": str(line.unit_price),
                "amount": {"minor": line.amount.minor, "currency": line.amount.currency},
                "category": line.category,
            }
            for line in lines
        ]
    )  # fmt: skip


def sums(orders: Iterable[Order]) -> list[tuple[int, int, int, int, bytes]]:
    """By customer: how many orders, how much, since when, until when."""
    found: dict[bytes, tuple[int, int, int, int]] = {}
    for order in orders:
        id, minor, at = order.customer_id.bytes, order.total.minor, millis(order.at)
        if id in found:
            count, total, first, last = found[id]
            found[id] = (count + 1, total + minor, min(first, at), max(last, at))
        else:
            found[id] = (1, minor, at, at)
    return [(*state, id) for id, state in found.items()]


def journal_row(kind: str, operation: str, things: Sequence[Any]) -> tuple[Any, ...]:
    """One row for a batch."""
    alone = things[0].id.bytes if len(things) == 1 else None
    version = 1 if alone and kind == "customers" else None
    ids = b"".join(thing.id.bytes for thing in things)
    at = millis(max(thing.at for thing in things))
    return (TENANT, kind, operation, alone, ids, version, "[]", "[]", at, NOW, None, "shop")


def customer_of(row: Sequence[Any]) -> HandCustomer:
    """The object of a row of `READ`."""
    (
        kind, name, at, stage, since, language, zone, region, channels, identifiers, points, roles,
        ties, attributes, tags, notes, attachments, id, version,
    ) = row  # fmt: skip
    return HandCustomer(
        kind, name, EPOCH + timedelta(milliseconds=at), stage,
        EPOCH + timedelta(milliseconds=since), language, zone, region,
        tuple(json.loads(channels)),
        tuple(HandIdentifier(**known) for known in json.loads(identifiers)),
        tuple(HandPoint(**point) for point in json.loads(points)),
        tuple(json.loads(roles)), tuple(json.loads(ties)), tuple(json.loads(attributes)),
        tuple(json.loads(tags)), tuple(json.loads(notes)), tuple(json.loads(attachments)),
        UUID(bytes=bytes(id)), version,
    )  # fmt: skip
