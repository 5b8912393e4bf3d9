"""Members of a programme with their ledgers, as rows: what `memberships.earn` would have stored.

Each member joins on the first day of 2024 and buys every 36 days or so, `ENTRIES` times; nobody has
advanced yet. Points expire after two years, so that in January 2026 the first purchase of most of
them does. Rows are written in the order in which the purchases happened, as in life: those of one
member lie far apart. The orders themselves are not stored: `advance` does not look at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

from crmcore import Customer
from crmcore.adapters.codec import codec_of
from crmcore.adapters.nested_json import json_writer
from crmcore.adapters.profile_codec import ProfileCodec
from crmcore.adapters.sql import bulk
from crmcore.domain.earning import EarningRule
from crmcore.domain.ids import FactId, new_id
from crmcore.domain.instants import start_of, to_millis
from crmcore.domain.kinds import MEMBERSHIPS, POINTS, TIER_CHANGES
from crmcore.domain.membership import Lot, Membership, TierChange, TierReason
from crmcore.domain.model import Model
from crmcore.domain.periods import Expiry
from crmcore.domain.points import LotPart, Movement, PointsEntry
from crmcore.domain.programme import Programme, Rules, Tier
from crmcore.domain.trusted import built, changed

__all__ = ["ENTRIES", "JOINED", "MODEL", "PROGRAMME", "amount", "fill", "purchases"]

ENTRIES = 20
EVERY = 36
ZONE = "Europe/Madrid"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOINED = start_of(datetime(2024, 1, 1, tzinfo=UTC).date(), zone=ZONE)
PROGRAMME = Programme(
    "club",
    Rules(
        tiers=[Tier("classic"), Tier("silver", 300), Tier("gold", 600), Tier("platinum", 1200)],
        earning=[EarningRule("spend", 1)],
        expiry=Expiry("after", 24),
    ),
    zone=ZONE,
)
MODEL = Model(programmes=[PROGRAMME])
BATCH = 20_000


def purchases(members: int, nth: int) -> list[tuple[int, datetime]]:
    """Who buys for the `nth` time, and when, in the order in which they do."""
    draw = Random(nth)  # no secret
    first = JOINED + timedelta(days=nth * EVERY, hours=9)
    found = [
        (first + timedelta(days=draw.randrange(EVERY), seconds=draw.randrange(36_000)), member)
        for member in range(members)
    ]
    return [(member, at) for at, member in sorted(found)]


def amount(member: int, nth: int) -> int:
    """For how many euros: some always spend more than others, and some more in one year."""
    return (
        1
        + (member * 7919 + nth * 104_729) % (20 + 13 * (member % 10))
        + 9 * ((member + nth // 10) % 5)
    )


def batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """By so many."""
    while batch := list(islice(rows, BATCH)):
        yield batch


def fill(backend: Any, members: int) -> list[Any]:
    """Store them all; answer the ids of the customers."""
    backend.migrate()
    if backend.engine.dialect.name == "sqlite":
        with backend.engine.connect() as connection:  # the one that the pool will give again
            connection.exec_driver_sql("PRAGMA cache_size = -2000000")  # indexes of 20,000,000
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
    people = [new_id(JOINED) for _ in range(members)]
    ids = [new_id(JOINED) for _ in range(members)]
    _customers(backend, people)
    lots: list[list[str]] = [[] for _ in range(members)]
    spans = [(JOINED, JOINED)] * members
    sums = [0] * members
    write = json_writer(tuple[Lot, ...])
    for nth in range(ENTRIES):
        rows = _entries(people, ids, nth)
        for batch in batches(rows):
            with backend.engine.begin() as connection:
                names = ["tenant", "resolved_customer_id", "schema_version", *_names(PointsEntry)]
                table = backend.tables.kinds[POINTS.name]
                bulk.insert(connection, table, names, [row for _, _, row in batch])
            for member, lot, _ in batch:
                lots[member].append(write((lot,))[1:-1])
                sums[member] += lot.points
                first = lot.earned_at if nth == 0 else spans[member][0]
                spans[member] = (first, lot.earned_at)
    _members(backend, people, ids, list(zip(lots, spans, sums, strict=True)))
    return people


def _names(cls: Any) -> list[str]:
    return [column.name for column in codec_of(cls).columns]


def _entries(people: list[Any], ids: list[Any], nth: int) -> Iterator[tuple[int, Lot, Any]]:
    """The entries of everybody's `nth` purchase: who, the lot that it opens, the row."""
    codec = codec_of(PointsEntry)
    rules = PROGRAMME.rules[0]
    ends: dict[Any, datetime] = {}
    for member, at in purchases(len(people), nth):
        end = ends.get(at.date())
        if end is None:
            end = rules.expiry.end(at, window=rules.window, joined=JOINED, zone=ZONE)
            ends[at.date()] = end
        id, order, points = FactId(new_id(at)), FactId(new_id(at)), amount(member, nth)
        entry = built(
            PointsEntry, customer_id=people[member], at=at, source="crmcore",
            source_key=f"earn:club:{order}", id=id, recorded_at=NOW, actor=None,
            membership_id=ids[member], programme="club", movement=Movement.EARN, active=points,
            pending=0, qualifying=points, spend=points * 100, purchases=1, qualifies_at=at,
            lots=(LotPart(id, points),), expires_at=end, of_fact=order, policy="club 1",
            other_membership_id=None, reason=None,
        )  # fmt: skip
        lot = built(
            Lot, id=id, points=points, earned_at=at, expires_at=end, pending=False,
            available_at=None,
        )  # fmt: skip
        yield member, lot, ("main", people[member].bytes, 1, *codec.encode(entry))


def _customers(backend: Any, people: list[Any]) -> None:
    """Rows of customers, made after one of them."""
    customer = Customer.person(language="es", at=JOINED)
    codec = codec_of(Customer)
    names = ["tenant", *_names(Customer)]
    one = dict(zip(names, ("main", *codec.encode(changed(customer, version=1))), strict=True))
    for batch in batches(iter(people)):
        with backend.engine.begin() as connection:
            rows = [tuple({**one, "id": id.bytes}.values()) for id in batch]
            bulk.insert(connection, backend.tables.kinds["customers"], names, rows)


def _members(backend: Any, people: list[Any], ids: list[Any], ledgers: list[Any]) -> None:
    """Memberships with their keys, the change that enrolled them, and profiles."""
    customer = Customer.person(language="es", at=JOINED)
    profile: dict[str, Any] = {"tenant": "main", "customer_id": b""}
    codec = ProfileCodec(MODEL)
    profile |= codec.copies(customer) | codec.untouched()
    profile |= {
        "club_tier": "classic", "club_tier_at": to_millis(JOINED),
        "club_tier__recorded_at": to_millis(NOW),
    }  # fmt: skip
    tables, members, changes = backend.tables, codec_of(Membership), codec_of(TierChange)
    place = _names(Membership).index("lots")
    header = ["tenant", "resolved_customer_id", "schema_version"]
    for batch in batches(iter(range(len(people)))):
        kept, keys, told, seen = [], [], [], []
        for n in batch:
            lots, (first, last), points = ledgers[n]
            member = Membership(
                customer_id=people[n], programme="club", number=f"C-{n}", at=JOINED, tier="classic",
                entered_at=last, due_at=first, id=ids[n], version=1 + ENTRIES,
            )  # fmt: skip
            row = ["main", *members.encode(member)]
            row[place + 1] = f"[{','.join(lots)}]"
            kept.append(tuple(row))
            for scope, own in (("member", people[n].hex), ("number", f"C-{n}")):
                value = f"club:{own}"
                keys.append(("main", MEMBERSHIPS.name, scope, value, ids[n].bytes, value))
            change = TierChange(
                customer_id=people[n], membership_id=ids[n], programme="club", tier="classic",
                at=JOINED, reason=TierReason.ENROLLED, recorded_at=NOW,
            )  # fmt: skip
            told.append(("main", people[n].bytes, 1, *changes.encode(change)))
            more = {"customer_id": people[n].bytes, "club_points": points}
            seen.append(tuple({**profile, **more}.values()))
        with backend.engine.begin() as connection:
            names = ["tenant", *_names(Membership)]
            bulk.insert(connection, tables.kinds[MEMBERSHIPS.name], names, kept)
            names = ["tenant", "kind", "scope", "value", "id", "claim"]
            bulk.insert(connection, tables.keys, names, keys)
            names = [*header, *_names(TierChange)]
            bulk.insert(connection, tables.kinds[TIER_CHANGES.name], names, told)
            bulk.insert(connection, tables.profiles, list(profile), seen)
