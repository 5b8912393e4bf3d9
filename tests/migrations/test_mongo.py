"""A Mongo database of the first shape is served by today's code, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from crmcore import Customer, Identifier, IdentifierTaken, NotMigrated, Product
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import Document, database_for
from crmcore.adapters.mongo.upgrading import SHAPE
from tests import servers
from tests.migrations import mongo_first
from tests.migrations.test_upgrade import told, wider
from tests.migrations.told import (
    AT,
    HOSTILE,
    KINDS,
    MODELS,
    NORTH,
    SOUTH,
    everything,
    orders,
    told_to,
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    try:
        with servers.mongo() as url:
            yield url
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


def another(server: str) -> Database[Document]:
    """An empty database of its own."""
    return database_for(f"{server.rpartition('/')[0]}/t{uuid4().hex[:12]}")


@pytest.fixture
def database(server: str) -> Iterator[Database[Document]]:
    """Of the first shape."""
    database = another(server)
    mongo_first.make(f"{server.rpartition('/')[0]}/{database.name}")
    yield database
    database.client.drop_database(database.name)
    database.client.close()


def migrated(database: Database[Document], tenant: str, *, wide: bool = False) -> MongoBackend:
    model = wider(tenant) if wide else MODELS[tenant]
    backend = MongoBackend(database, tenant=tenant, model=model)
    backend.migrate()
    return backend


CLOCKS = {"time", "clock", "held"}
"""What differs each time: a machine's clock, and how often something was locked."""


def test_the_generated_documents_are_those_that_todays_code_stores(server: str):
    """Every field of the first shape, in every collection; newer fields may stand beside them."""
    database = another(server)
    told_to(lambda **given: MongoBackend(database, **given))
    with MongoClient[Any](server) as client:
        for name, documents in mongo_first.documents_of().items():
            fields = {key for document in documents for key in document} - CLOCKS

            def comparable(document: Any, fields: set[str] = fields) -> dict[str, Any]:
                shown = {key: document[key] for key in sorted(document) if key in fields}
                if shown.get("operation") == "removed" and shown["kind"] in KINDS:
                    shown["changes"] = "[]"  # it says since whose the fact was
                return shown

            stored = map(comparable, client[database.name][name].find({}, {"_id": 0}))
            if name == "crm_counters":
                continue
            assert sorted(stored, key=repr) == sorted(map(comparable, documents), key=repr), name
        client.drop_database(database.name)
    database.client.close()


@pytest.mark.parametrize("wide", [False, True], ids=["the same model", "a wider model"])
def test_everything_that_was_told_is_read_back(database: Database[Document], wide: bool):
    for tenant in (NORTH, SOUTH):
        found = everything(migrated(database, tenant, wide=wide))
        for part, value in told(tenant, wide).items():
            assert found[part] == value, (tenant, part)


def test_a_document_that_lost_a_field_is_found(database: Database[Document]):
    """The control of the test above."""
    database["crm_products"].update_many({}, {"$set": {"name": None}})
    assert everything(migrated(database, NORTH))["products"] != told(NORTH)["products"]


def test_before_the_upgrade_it_is_refused_and_so_is_a_newer_shape(database: Database[Document]):
    """Nobody searches profiles whose texts are not folded yet, though the model is the same."""
    backend = migrated(database, NORTH)
    uses = (backend.unit_of_work().__enter__, backend.reading().__enter__)
    database["crm_models"].update_many({}, {"$unset": {"shape": 1}})
    database["crm_profiles"].update_many({}, {"$unset": {"texts__folded": 1}})
    backend.known_version = None
    for use in uses:
        with pytest.raises(NotMigrated, match="older"):
            use()
    backend.migrate()
    assert everything(backend) == told(NORTH)
    database["crm_models"].update_many({}, {"$set": {"shape": 99}})
    backend.known_version = None
    for use in uses:
        with pytest.raises(NotMigrated, match="newer"):
            use()
    with pytest.raises(NotMigrated, match="newer"):
        backend.migrate()


def test_what_the_fourth_shape_lacks_is_made(database: Database[Document]):
    """Memberships and their ledger; until then nobody works on it who would write them."""
    backend = migrated(database, NORTH)
    database["crm_models"].update_many({}, {"$set": {"shape": 4}})
    for name in ("memberships", "points", "tier_changes", "decisions"):
        database.drop_collection(f"crm_{name}")
    backend.known_version = None
    with pytest.raises(NotMigrated, match="older"):
        backend.unit_of_work().__enter__()
    backend.migrate()
    assert everything(backend) == told(NORTH)
    assert database["crm_models"].count_documents({"shape": {"$ne": SHAPE}}) == 0
    assert set(database["crm_memberships"].index_information()) == {
        "_id_", "id", "programme_due_at_id", "customer_id",
    }  # fmt: skip
    assert "source_key" in database["crm_points"].index_information()


def test_what_was_taken_is_taken_still_and_new_work_goes_on(database: Database[Document]):
    backend = migrated(database, NORTH)
    gone = [Identifier("card", "GONE")]
    for add in (
        lambda uow: uow.customers.add(Customer.person(at=AT, identifiers=gone)),
        lambda uow: uow.products.add(Product(sku=HOSTILE, at=AT)),
    ):
        with pytest.raises(IdentifierTaken), backend.unit_of_work() as uow:
            add(uow)
    with backend.unit_of_work(actor="import", source="shop") as uow:
        assert uow.orders.add_many(orders("EUR")) == 0
        mine = uow.customers.add(Customer.person(at=AT))
    journal = backend.journal()
    assert journal[-1].ids == (mine.id,)
    assert [entry.position for entry in journal] == list(range(1, len(journal) + 1))


def test_profiles_equal_a_rebuild_and_another_tenant_is_untouched(database: Database[Document]):
    before = everything(migrated(database, SOUTH))
    backend = migrated(database, NORTH, wide=True)
    with backend.unit_of_work() as uow:
        held = {p.customer_id: dict(p) for p in uow.profiles.where().page()}
        uow.profiles.rebuild()
        assert {p.customer_id: dict(p) for p in uow.profiles.where().page()} == held
    assert everything(migrated(database, SOUTH)) == before == told(SOUTH)


def test_an_interrupted_migration_is_run_again(database: Database[Document]):
    """Half-way there are collections and indexes, and no model: `migrate()` goes on from there."""
    for name in ("crm_scores", "crm_models"):
        database[name].drop_indexes()
    database["crm_models"].delete_many({"tenant": SOUTH, "version": 2})
    assert everything(migrated(database, SOUTH)) == told(SOUTH)
