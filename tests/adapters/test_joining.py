"""Joining the host's own transaction: the host commits, and each part stands or falls as said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from crmcore import Customer, Identifier, IdentifierTaken, Refused, StorageError
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import sqlite_engine
from crmcore.adapters.sql.transaction import SqlTransaction

AT = datetime(2024, 1, 1, tzinfo=UTC)
METADATA = sa.MetaData()
BOOKINGS = sa.Table("bookings", METADATA, sa.Column("id", sa.Integer, primary_key=True))


@pytest.fixture(params=["our engine", "a plain engine"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlBackend]:
    url = f"sqlite:///{tmp_path}/host.db"
    engine = sqlite_engine(url) if request.param == "our engine" else sa.create_engine(url)
    METADATA.create_all(engine)
    made = SqlBackend(engine, owns_engine=True)
    made.migrate()
    yield made
    made.close()


def kept(backend: SqlBackend) -> tuple[int, int, int]:
    """Bookings, customers and journal rows that are there for everybody."""
    with backend.engine.connect() as connection:
        bookings = len(connection.execute(BOOKINGS.select()).all())
    with backend.reading() as uow:
        customers = len(list(uow.customers.stream()))
    return bookings, customers, len(backend.journal())


def test_the_hosts_rows_and_ours_commit_together(backend: SqlBackend):
    """Given a host's open transaction, when both wrote and the host commits, both are there."""
    with backend.engine.begin() as connection:
        connection.execute(BOOKINGS.insert().values(id=1))
        with backend.unit_of_work(connection=connection) as uow:
            uow.customers.add(Customer.person(at=AT))
        assert connection.in_transaction()
        connection.execute(BOOKINGS.insert().values(id=2))
    assert kept(backend) == (2, 1, 1)


@pytest.mark.parametrize("writes_before", [True, False])
def test_all_is_undone_when_the_host_rolls_back(backend: SqlBackend, writes_before: bool):
    """Ours too, also where the host had written nothing before we joined."""
    with backend.engine.connect() as connection, connection.begin() as transaction:
        if writes_before:
            connection.execute(BOOKINGS.insert().values(id=1))
        with backend.unit_of_work(connection=connection) as uow:
            uow.customers.add(Customer.person(at=AT))
        transaction.rollback()
    assert kept(backend) == (0, 0, 0)


def test_our_part_is_undone_when_ours_fails_and_the_host_goes_on(backend: SqlBackend):
    """Given our failure half-way, when the host catches it and commits, its own rows stay."""
    card = [Identifier("card", "1")]
    with backend.engine.begin() as connection:
        connection.execute(BOOKINGS.insert().values(id=1))
        people = [Customer.person(at=AT, identifiers=card) for _ in range(2)]
        with pytest.raises(IdentifierTaken), backend.unit_of_work(connection=connection) as uow:
            list(map(uow.customers.add, people))
        connection.execute(BOOKINGS.insert().values(id=2))
    assert kept(backend) == (2, 0, 0)


def test_our_part_is_undone_when_the_journal_fails(
    backend: SqlBackend, monkeypatch: pytest.MonkeyPatch
):
    """Its rows are written last, when the rest of ours is in the host's transaction already."""

    def fail(_: SqlTransaction) -> None:
        raise StorageError("the database failed")

    with backend.engine.begin() as connection:
        connection.execute(BOOKINGS.insert().values(id=1))
        monkeypatch.setattr(SqlTransaction, "_tell", fail)
        unit = backend.unit_of_work(connection=connection)
        with pytest.raises(StorageError), unit as uow:
            uow.customers.add(Customer.person(at=AT))
    monkeypatch.undo()
    assert kept(backend) == (1, 0, 0)


def test_our_part_is_undone_by_an_error_of_the_hosts_own(backend: SqlBackend):
    def sell() -> None:
        with backend.engine.begin() as connection:
            with backend.unit_of_work(connection=connection) as uow:
                uow.customers.add(Customer.person(at=AT))
            raise LookupError("no room left")

    with pytest.raises(LookupError):
        sell()
    assert kept(backend) == (0, 0, 0)


def test_giving_up_on_purpose_leaves_the_host_its_transaction(backend: SqlBackend):
    with backend.engine.begin() as connection:
        with backend.unit_of_work(connection=connection) as uow:
            uow.customers.add(Customer.person(at=AT))
            uow.rollback()
            with pytest.raises(Refused):
                uow.customers.add(Customer.person(at=AT))
        connection.execute(BOOKINGS.insert().values(id=1))
    assert kept(backend) == (1, 0, 0)


def test_several_units_join_one_transaction(backend: SqlBackend):
    """The second sees what the first wrote; an ORM session's connection is as good."""
    from sqlalchemy.orm import Session

    with Session(backend.engine) as session, session.begin():
        connection = session.connection()
        with backend.unit_of_work(connection=connection) as uow:
            ana = uow.customers.add(Customer.person("Ana", at=AT))
        with backend.unit_of_work(connection=connection) as uow:
            assert uow.customers.save(uow.customers.get(ana.id).renamed("Eva")).version == 2
    assert kept(backend) == (0, 1, 2)
