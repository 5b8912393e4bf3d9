"""After a redaction the store itself holds nothing personal: every table, document and byte (O10).

The contract says what is answered; here is read what is kept, by nobody's code but the drivers'.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from crmcore import Identifier, UnitOfWork
from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.sql import SqlBackend
from crmcore.domain.kinds import AGGREGATES, FACTS
from crmcore.domain.redaction import personal_fields
from crmcore.testing import a_cancellation, a_customer, a_return, an_order
from tests.adapters.test_personal_values import CANARY, a_call, opened, someone

WORD = b"canary"


def told(uow: UnitOfWork) -> Any:
    """The canary in every personal field: of the record, of each kind of fact, of the journal."""
    ana = uow.customers.add(someone())
    ana = uow.customers.save(ana.renamed(f"{CANARY}!"))
    taken_out = uow.interactions.add(a_call(ana))
    uow.interactions.remove(taken_out.id)
    uow.interactions.add(a_call(ana, source="shop", source_key="1"))
    bought, off = an_order(ana), an_order(ana, nth=2)
    uow.orders.add_many([bought, off])
    uow.returns.add(a_return(bought, reason=CANARY))
    uow.cancellations.add(a_cancellation(off, reason=CANARY))
    others = [a_customer(f"Number {n}") for n in range(3)]
    uow.customers.add_many(others)
    saved = [uow.customers.get(who.id).renamed("Renamed") for who in others]
    uow.customers.save_many([*saved, uow.customers.get(ana.id).renamed(f"{CANARY}?")])
    return ana


def kept(backend: Backend) -> dict[str, bytes]:
    """By table, collection or file, all that is in it."""
    found: dict[str, bytes] = {}
    if isinstance(backend, MemoryBackend):
        found |= {str(key): pickle.dumps(rows) for key, rows in backend.store.tables.items()}
        found |= {"journal": pickle.dumps(dict(backend.store.journals))}
    elif isinstance(backend, MongoBackend):
        for name in backend.database.list_collection_names():
            if name.startswith(backend.prefix):
                documents = list(backend.database[name].find())
                found[name] = repr(documents).encode()
    elif isinstance(backend, SqlBackend):
        with backend.engine.connect() as connection:
            for name in (table.name for table in backend.tables.metadata.tables.values()):
                rows = connection.exec_driver_sql(f"SELECT * FROM {name}").all()
                found[name] = repr([tuple(row) for row in rows]).encode()
    return {name: text for name, text in found.items() if WORD in text}


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgres", "mariadb", "mongo"])
def test_no_table_and_no_document_holds_a_redacted_value(store: str, tmp_path: Path):
    with opened(store, tmp_path) as backend:
        with backend.unit_of_work(actor="shop") as uow:
            ana = told(uow)
        before = kept(backend)
        # The control: the canary is found in the record, keys, profile, facts and journal.
        for name in ("customers", "keys", "profiles", "interactions", "returns", "cancellations",
                     "journal"):  # fmt: skip
            assert any(name in place for place in before) or (store, name) == ("memory", "keys")
        with backend.unit_of_work(actor="privacy desk") as uow:
            uow.customers.redact(ana.id)

        assert kept(backend) == {}
        with backend.reading() as uow:
            assert uow.customers.find_by_identifier("card", CANARY) is None
            assert len(uow.interactions.of(ana.id)) == 1


def test_after_a_vacuum_no_byte_of_an_sqlite_file_holds_it(tmp_path: Path):
    """What a deleted row leaves in free pages and in the log is the engine's; the guide says how
    to have it written over."""
    with opened("sqlite", tmp_path) as backend:
        assert isinstance(backend, SqlBackend)
        with backend.unit_of_work() as uow:
            ana = told(uow)
        assert WORD in b"".join(path.read_bytes() for path in tmp_path.iterdir())
        with backend.unit_of_work() as uow:
            uow.customers.redact(ana.id)
        with backend.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("VACUUM")
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        assert [path.name for path in tmp_path.iterdir() if WORD in path.read_bytes()] == []


def test_what_is_personal_can_be_taken_out_of_every_kind():
    """A personal field of a fact may be absent, one of an aggregate absent or empty: a field that
    is marked and cannot be would make redaction fail."""
    for kind in FACTS:
        optional = {known.name for known in kind.fields if known.optional}
        assert set(personal_fields(kind.cls)) <= optional
    for aggregate in AGGREGATES:
        for known in aggregate.fields:
            assert not known.personal or known.optional or known.type == "nested"


@pytest.mark.parametrize("store", ["sqlite", "postgres", "mariadb", "mongo"])
def test_no_folded_text_outlives_what_it_was_folded_of(store: str, tmp_path: Path):
    """The record never held it in this spelling; the profile does, and is its only place."""
    with opened(store, tmp_path) as backend:
        with backend.unit_of_work() as uow:
            ana = a_customer("CÁNÁRY Ruiz", emails=["cánary@example.com"])
            ana = uow.customers.add(ana.with_attribute("nickname", "Cánarý", at=ana.at))
        assert any("profiles" in place for place in kept(backend))
        with backend.unit_of_work() as uow:
            uow.customers.redact(ana.id)
        assert kept(backend) == {}


@pytest.mark.parametrize("store", ["memory", "sqlite", "postgres", "mariadb", "mongo"])
def test_values_of_another_customer_stay(store: str, tmp_path: Path):
    """The control of the other side: whoever shares a journal row keeps what is theirs."""
    with opened(store, tmp_path) as backend:
        with backend.unit_of_work() as uow:
            ana = told(uow)
            other = uow.customers.add(a_customer("Eva", identifiers=[Identifier("card", "EVA")]))
            uow.customers.save_many([
                uow.customers.get(ana.id).renamed(CANARY), other.renamed("Eva Luna")
            ])  # fmt: skip
        with backend.unit_of_work() as uow:
            uow.customers.redact(ana.id)
        with backend.reading() as uow:
            (shared,) = [e for e in uow.customers.history(other.id) if len(e.ids) == 2]
            assert shared.personal == ({}, {"name": ["Eva", "Eva Luna"]})
            found = uow.customers.find_by_identifier("card", "EVA")
            assert found is not None
            assert found.name == "Eva Luna"
