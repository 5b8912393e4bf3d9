"""Upgrading a revision-1 database loses nothing: whatever it was told is read back, the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from crmcore import (
    AttributeType,
    Customer,
    Fold,
    Identifier,
    IdentifierTaken,
    Measure,
    Model,
    NotMigrated,
    Product,
    Refused,
    field,
)
from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from tests.migrations import first
from tests.migrations.databases import empty_database, stored, structure
from tests.migrations.told import (
    AT,
    HOSTILE,
    MODELS,
    NORTH,
    SOUTH,
    customers,
    everything,
    orders,
    plainly,
    told_to,
)

WIDER = [
    Measure("largest_order", "orders", Fold.MAX, "base_amount", indexed=True),
    Measure("visits_by_card", "interactions", Fold.COUNT, where=field("channel") == "card"),
    Measure("newest_topic", "interactions", Fold.LATEST, "topic", indexed=True),
    Measure("last_unit", "scores", Fold.LATEST, "unit"),
]


def wider(tenant: str) -> Model:
    """The tenant's model with more measures, more attributes, and indexes for those it had."""
    model = MODELS[tenant]
    return attrs.evolve(
        model,
        measures=(*model.measures, *WIDER),
        attributes=(
            *(attrs.evolve(known, indexed=True) for known in model.attributes),
            AttributeType("nickname", "text", indexed=True),
        ),
    )


@cache
def told(tenant: str, wide: bool = False) -> dict[str, Any]:
    """What memory answers after the same history, and the wider model if that is asked for."""
    store = MemoryStore()
    told_to(lambda **given: MemoryBackend(store, **given))
    model = wider(tenant) if wide else MODELS[tenant]
    backend = MemoryBackend(store, tenant=tenant, model=model)
    backend.migrate()
    return everything(backend)


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    """On a database as revision 1 left it."""
    first.make(url)
    engine = engine_for(url)
    yield engine
    engine.dispose()


Opened = Callable[..., Backend]


@pytest.fixture
def opened(engine: sa.Engine) -> Opened:
    def open(tenant: str, model: Model | None = None, *, migrated: bool = True) -> SqlBackend:
        backend = SqlBackend(engine, tenant=tenant, model=model or MODELS[tenant])
        if migrated:
            backend.migrate()
        return backend

    return open


@pytest.mark.parametrize("wide", [False, True], ids=["the same model", "a wider model"])
def test_everything_that_was_told_is_read_back(opened: Opened, wide: bool):
    """Customers, products, all facts, orders with what became of them, identifiers, the journal,
    profiles (new measures too, as if they had always been there) and columns."""
    for tenant in (NORTH, SOUTH):
        found = everything(opened(tenant, wider(tenant) if wide else None))
        expected = told(tenant, wide)
        for part, value in expected.items():
            assert found[part] == value, (tenant, part)


def test_what_was_put_in_is_what_comes_out(opened: Opened):
    """Not by comparison with another backend: the objects of the history themselves."""
    with opened(NORTH).reading() as uow:
        stored = {person.id: person for person in uow.customers.stream()}
        for person in customers():
            if person.id in stored and person.name != "Ana Ruiz":
                kept = attrs.evolve(stored[person.id], version=0, language=person.language)
                assert plainly(kept) == plainly(person)
        for order in orders("EUR")[:7]:
            found = uow.orders.get(order.id)
            assert plainly(found.lines) == plainly(order.lines)
            assert (found, found.total, found.channel) == (
                attrs.evolve(order, source=order.source or "shop"), order.total, order.channel,
            )  # fmt: skip


def test_profiles_equal_a_rebuild(opened: Opened):
    for tenant in (NORTH, SOUTH):
        backend = opened(tenant, wider(tenant))
        with backend.unit_of_work() as uow:
            before = {p.customer_id: dict(p) for p in uow.profiles.where().page()}
            uow.profiles.rebuild()
            assert {p.customer_id: dict(p) for p in uow.profiles.where().page()} == before
        assert len(before) == 5


def test_journal_positions_stay_and_the_rest_follow(engine: sa.Engine, opened: Opened):
    """A consumer that stopped at a position goes on behind it, and misses nothing."""
    columns, rows = first.rows_of()["crm_journal"]
    given = [dict(zip(columns, row, strict=True)) for row in rows]
    before = {row["seq"]: row["position"] for row in given if row["tenant"] == NORTH}
    seen = max(position or 0 for position in before.values())
    assert 0 < seen < len(before)

    rest = opened(NORTH, wider(NORTH)).journal(after=seen)
    assert [entry.position for entry in rest] == list(range(seen + 1, len(before) + 1))
    with engine.connect() as connection:
        rows_now = connection.execute(
            sa.text("SELECT seq, position FROM crm_journal WHERE tenant = :t"), {"t": NORTH}
        )
        after = {row[0]: row[1] for row in rows_now}
    assert {s: p for s, p in after.items() if before[s]} == {s: p for s, p in before.items() if p}
    assert sorted(after.values()) == list(range(1, len(before) + 1))


def test_what_was_taken_is_taken_still_and_new_work_goes_on(opened: Opened):
    """Exclusive identifiers, SKUs and source keys hold; new rows collide with no old one."""
    backend = opened(NORTH)
    for taken in (
        lambda uow: uow.customers.add(
            Customer.person(at=AT, identifiers=[Identifier("card", "GONE")])
        ),
        lambda uow: uow.products.add(Product(sku=HOSTILE, at=AT)),
    ):
        with pytest.raises(IdentifierTaken), backend.unit_of_work() as uow:
            taken(uow)
    with backend.unit_of_work(actor="import", source="shop") as uow:
        assert uow.orders.add_many(orders("EUR")) == 0  # removed ones do not come back either
        mine = uow.customers.add(Customer.person(at=AT, identifiers=[Identifier("card", "NEW")]))
    journal = backend.journal()
    assert journal[-1].ids == (mine.id,)
    assert [entry.position for entry in journal] == list(range(1, len(journal) + 1))


def test_the_other_tenant_is_untouched(engine: sa.Engine, opened: Opened):
    """O13: the north's wider model changes no value of the south's rows."""
    opened(SOUTH)  # the revisions are everybody's, the models each tenant's own

    def south() -> dict[str, list[dict[str, object]]]:
        found = {}
        for table, held in stored(engine).items():
            if "tenant" in held:
                rows = [
                    dict(zip(held, row, strict=True)) for row in zip(*held.values(), strict=True)
                ]
                found[table] = [row for row in rows if row["tenant"] == SOUTH]
        return found

    before = south()
    opened(NORTH, wider(NORTH))
    after = south()
    for table, rows in before.items():
        assert [
            {n: new[n] for n in old} for old, new in zip(rows, after[table], strict=True)
        ] == rows
    assert everything(opened(SOUTH)) == told(SOUTH)


def test_another_currency_is_refused_and_nothing_is_changed(engine: sa.Engine, opened: Opened):
    opened(NORTH)
    before = stored(engine)
    with pytest.raises(Refused) as refused:
        opened(NORTH, Model(currency="USD"))
    assert refused.value.rule == "model.one_currency"
    assert stored(engine) == before


def test_an_upgraded_database_has_the_structure_of_a_new_one(
    engine: sa.Engine, opened: Opened, server: str | None, tmp_path: Any
):
    """Tables, keys, checks, indexes: the way there makes no difference."""
    for tenant in (NORTH, SOUTH):
        opened(tenant, wider(tenant))
    with empty_database(server, tmp_path) as url:
        new = engine_for(url)
        for tenant in (NORTH, SOUTH):
            SqlBackend(new, tenant=tenant, model=MODELS[tenant]).migrate()
            if tenant == SOUTH:
                for each in (NORTH, SOUTH):
                    SqlBackend(new, tenant=each, model=wider(each)).migrate()
        assert structure(engine) == structure(new)
        new.dispose()


def test_before_the_upgrade_it_is_refused_and_after_it_served(opened: Opened):
    """Nobody guesses what an older revision means, though the stored model is the same."""
    backend = opened(NORTH, migrated=False)
    for use in (backend.reading().__enter__, backend.unit_of_work().__enter__, backend.journal):
        with pytest.raises(NotMigrated, match="older"):
            use()
    backend.migrate()
    with backend.reading() as uow:
        assert uow.profiles.where().count() == 5


def test_a_newer_revision_is_refused(engine: sa.Engine, opened: Opened):
    """Reading, writing and migrating."""
    backend = opened(NORTH)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE crm_version SET version_num = 'crmcore_9999'")
    before = stored(engine)
    other = opened(NORTH, migrated=False)
    uses = (other.migrate, other.unit_of_work().__enter__, other.reading().__enter__)
    for use in (*uses, other.journal, backend.migrate):
        with pytest.raises(NotMigrated, match="newer"):
            use()
    assert stored(engine) == before


def test_migrating_again_writes_nothing(engine: sa.Engine, opened: Opened):
    """Every start may call it: no statement but reads, locks and their settings."""
    opened(NORTH, wider(NORTH))
    seen: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement.split(maxsplit=1)[0].upper())

    opened(NORTH, wider(NORTH))
    assert seen
    assert set(seen) <= {"SELECT", "SHOW", "PRAGMA", "BEGIN", "DESCRIBE", "SAVEPOINT", "RELEASE"}
