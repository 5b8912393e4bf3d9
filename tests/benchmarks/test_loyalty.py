"""What is set up for `benchmarks/loyalty.py`, and what its rival leaves, are rows of crmcore's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

import crmcore
from benchmarks.loyalty import LATER, POINTS_END, YEAR_ENDS, Ours, orders
from benchmarks.rivals.loyalty_rows import ENTRIES, JOINED, MODEL, NOW, amount, fill, purchases
from benchmarks.rivals.loyalty_sql import LoyaltySqlite
from crmcore import Customer, Money, Order
from crmcore.domain.instants import to_millis
from crmcore.domain.rebuilding import rebuilt

MEMBERS = 60
TABLES = ("points", "tier_changes", "memberships", "profiles")
Rows = dict[str, list[str]]


def rows_of(backend: Any, journal: bool = True) -> Rows:
    """Every row, without ids that the entries' randomness made."""
    tables = {name: backend.tables.kinds[name] for name in TABLES[:3]}
    tables |= {"profiles": backend.tables.profiles}
    with backend.engine.connect() as connection:
        found = {
            name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for name, table in tables.items()
        }
        told = connection.execute(sa.select(backend.tables.journal)).mappings().all()
    for row in (*found["points"], *found["tier_changes"]):
        del row["id"]
    lots = [row["lots"] for name in ("points", "memberships") for row in found[name]]
    assert all(json.loads(text) is not None for text in lots)
    kept = {name: sorted(repr(sorted(row.items())) for row in rows) for name, rows in found.items()}
    counts: dict[str, int] = {}
    for row in told if journal else ():
        key = f"{row['kind']} {row['operation']} {row['actor']} {row['source']}"
        counts[key] = counts.get(key, 0) + len(row["ids"]) // 16
    changed = [
        f"{row['ids'][16 * place : 16 * place + 16].hex()}: {change}"
        for row in told
        if row["operation"] == "saved"
        for place, change in enumerate(json.loads(row["changes"]))
    ]
    kept["changes"] = sorted(changed) if journal else []
    return kept | {"journal": sorted(f"{key}: {count}" for key, count in counts.items())}


@pytest.fixture
def left(tmp_path: Path) -> Callable[[Callable[[str, Any], None]], Rows]:
    """The rows that somebody leaves who works on a copy of one and the same store."""
    filled = tmp_path / "filled.db"
    backend: Any = crmcore.connect(f"sqlite:///{filled}", model=MODEL, clock=lambda: NOW)
    people = fill(backend, MEMBERS)
    bought = orders(people, LATER)
    with backend.unit_of_work(source="shop") as uow:
        uow.orders.add_many(bought)
    backend.close()

    def rows(work: Callable[[str, Any], None]) -> Rows:
        copy = tmp_path / "copy.db"
        for path in tmp_path.glob("copy.db*"):
            path.unlink()
        copy.write_bytes(filled.read_bytes())
        url = f"sqlite:///{copy}"
        work(url, bought)
        backend: Any = crmcore.connect(url, model=MODEL)
        found = rows_of(backend)
        backend.close()
        return found

    return rows


@pytest.mark.parametrize("ends", [[YEAR_ENDS], [YEAR_ENDS, POINTS_END]], ids=["tiers", "points"])
def test_a_base_is_advanced_to_the_same_rows_by_hand(left: Any, ends: list[Any]):
    """Every column of four tables, whom the journal names, and what it says of memberships."""

    def by(make: Any) -> Callable[[str, Any], None]:
        def work(url: str, _: Any) -> None:
            program = make(url)
            for at in ends:
                program.advance(at, to_millis(NOW))
            program.close()

        return work

    expected, found = left(by(Ours)), left(by(LoyaltySqlite.connected))
    for name in expected:
        assert found[name] == expected[name], name
    if len(ends) > 1:
        assert any("'lowered'" in row for row in expected["tier_changes"])
        assert any("'expire'" in row for row in expected["points"])


def test_a_purchase_is_posted_to_the_same_rows_by_hand(left: Any):
    """But for the ids of the entries, which the lots are called by."""

    def by(make: Any) -> Callable[[str, Any], None]:
        def work(url: str, bought: Any) -> None:
            advanced = Ours(url)
            advanced.advance(POINTS_END, to_millis(NOW))
            advanced.close()
            program = make(url)
            for order in bought:
                program.earn(order, to_millis(NOW))
            program.close()

        return work

    expected, found = left(by(Ours)), left(by(LoyaltySqlite.connected))
    for name in ("tier_changes", "profiles", "journal"):
        assert found[name] == expected[name], name
    for name in ("points", "memberships"):
        assert without_ids(found[name]) == without_ids(expected[name]), name


def without_ids(rows: list[str]) -> list[str]:
    """Rows without the ids that stand in their lots."""
    return sorted(re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", row) for row in rows)


def test_members_are_set_up_as_the_library_would_have_stored_them(tmp_path: Path):
    """Lots, instants and sums as `earn` leaves them, and as the facts tell of them."""
    filled: Any = crmcore.connect(f"sqlite:///{tmp_path / 'a.db'}", model=MODEL, clock=lambda: NOW)
    stored: Any = crmcore.connect(f"sqlite:///{tmp_path / 'b.db'}", model=MODEL, clock=lambda: NOW)
    fill(filled, 5)
    stored.migrate()
    people = [Customer.person(language="es", at=JOINED) for _ in range(5)]
    with stored.unit_of_work(source="crmcore") as uow:
        uow.customers.add_many(people)
        for n, one in enumerate(people):
            uow.memberships.enrol(one.id, "club", at=JOINED, number=f"C-{n}")
        for nth in range(ENTRIES):
            for member, at in purchases(5, nth):
                order = Order(
                    customer_id=people[member].id, at=at,
                    total=Money(amount(member, nth), "EUR"), source_key=f"{nth}-{member}",
                )  # fmt: skip
                uow.orders.add(order)
                uow.memberships.earn(order)
    told = []
    for backend in (filled, stored):
        with backend.reading() as uow:
            for n in range(5):
                member = uow.memberships.find_by_number(f"C-{n}", "club")
                entries = uow.points.of(member.customer_id)
                changes = uow.tier_changes.of(member.customer_id)
                assert rebuilt(MODEL.programmes[0], member, entries, changes) == member
                profile = uow.profiles.get(member.customer_id)
                bare = attrs.evolve(member, id=people[0].id, customer_id=people[0].id, lots=())
                told.append(
                    (
                        bare,
                        [(lot.points, lot.earned_at, lot.expires_at) for lot in member.lots],
                        [(e.at, e.active, e.qualifying, e.spend, e.policy) for e in entries],
                        [profile[name] for name in ("club_points", "club_tier", "club_pending")],
                    )
                )
        backend.close()
    assert told[:5] == told[5:]
