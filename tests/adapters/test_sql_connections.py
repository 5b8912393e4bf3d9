"""What becomes of a connection that was lost, left behind, or interrupted: never half a unit."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest
import sqlalchemy as sa

from crmcore import CrmError, Refused, StorageError
from crmcore.adapters.sql import SqlBackend, engine_for
from crmcore.adapters.sql.driver import driver_of
from crmcore.testing import a_customer
from tests import servers


@pytest.fixture(scope="module", params=["postgres", "mariadb"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        with getattr(servers, request.param)() as url:
            first = SqlBackend(engine_for(url), tenant="main", prefix="co_", owns_engine=True)
            first.migrate()
            first.close()
            yield url
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture
def backend(url: str) -> Iterator[SqlBackend]:
    engine = engine_for(url, pool_size=1, max_overflow=0)
    made = SqlBackend(engine, tenant="main", prefix="co_")
    yield made
    with engine.begin() as connection:
        for table in reversed(made.tables.metadata.sorted_tables):
            if table is not made.tables.models:
                connection.execute(sa.delete(table))
    engine.dispose()


def names(backend: SqlBackend) -> list[str]:
    with backend.reading() as uow:
        return sorted(str(customer.name) for customer in uow.customers.stream())


def end(connection: sa.Connection, url: str) -> None:
    """Have the server end this very connection."""
    postgres = url.startswith("postgresql")
    own = "SELECT pg_backend_pid()" if postgres else "SELECT CONNECTION_ID()"
    number = connection.exec_driver_sql(own).scalar()
    other = engine_for(url)
    with other.connect() as killer:
        killer.exec_driver_sql(
            f"SELECT pg_terminate_backend({number})" if postgres else f"KILL {number}"
        )
    other.dispose()


def test_what_was_written_is_not_left_behind_on_a_lost_connection(backend: SqlBackend, url: str):
    """A read after a write does not go on elsewhere, also in the first unit of a process."""
    with (
        pytest.raises(StorageError),
        backend.unit_of_work() as uow,
    ):
        uow.customers.add(a_customer("Lost"))
        end(uow.transaction.connection, url)  # type: ignore[attr-defined]
        with suppress(CrmError):
            uow.customers.find_by_identifier("email", "ana@example.com")
        uow.customers.add(a_customer("Kept", nth=2))

    assert names(backend) == []


def test_a_unit_that_nobody_ended_is_not_kept_by_the_next(backend: SqlBackend):
    unit = backend.unit_of_work()
    unit.__enter__()
    unit.customers.add(a_customer("Abandoned"))
    del unit
    gc.collect()
    with backend.unit_of_work() as uow:
        uow.customers.add(a_customer("Later", nth=2))

    assert names(backend) == ["Later"]


def test_a_reading_that_nobody_ended_leaves_the_next_unit_whole(backend: SqlBackend):
    reading = backend.reading()
    reading.__enter__()
    del reading
    gc.collect()
    with pytest.raises(LookupError), backend.unit_of_work() as uow:
        uow.customers.add(a_customer("Rolled back"))
        raise LookupError

    assert names(backend) == []


def test_who_has_read_holds_no_table(backend: SqlBackend, url: str):
    """A pooled connection whose transaction stays open would keep others from migrating."""
    with backend.unit_of_work() as uow:
        ana = uow.customers.add(a_customer())
    other = engine_for(url)
    for read in (
        lambda uow: uow.customers.get(ana.id),
        lambda uow: list(uow.customers.stream()),
        lambda uow: uow.profiles.get(ana.id),
    ):
        with backend.reading() as uow:
            read(uow)
        with other.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE co_customers ADD spare INTEGER")
            connection.exec_driver_sql("ALTER TABLE co_customers DROP spare")
    other.dispose()

    assert names(backend) == [ana.name]


def test_an_interrupted_connection_is_not_used_again(backend: SqlBackend):
    """Its answer may not be read yet, and the next would get it."""
    with backend.engine.connect() as connection:
        with pytest.raises(KeyboardInterrupt), driver_of(connection) as driver:
            driver.cursor()
            raise KeyboardInterrupt
        assert connection.invalidated

    assert names(backend) == []


def test_a_lost_connection_within_a_reading_is_told_as_ours(backend: SqlBackend, url: str):
    """And the caller's own error is not hidden by it."""
    with pytest.raises(StorageError), backend.reading() as uow:
        uow.profiles.where().count()
        end(uow.transaction.connection, url)  # type: ignore[attr-defined]
        uow.profiles.where().count()
    with pytest.raises(LookupError), backend.reading() as uow:
        uow.profiles.where().count()
        end(uow.transaction.connection, url)  # type: ignore[attr-defined]
        raise LookupError

    assert names(backend) == []


def test_an_engine_that_commits_by_itself_is_refused(backend: SqlBackend, url: str):
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with pytest.raises(Refused, match="commits each statement"):
        SqlBackend(engine, tenant="main", prefix="co_").unit_of_work().__enter__()
    engine.dispose()


def test_repeatable_read_is_refused_on_mariadb(backend: SqlBackend, url: str):
    """There a unit would write over what it does not see; PostgreSQL says so, as `Busy`."""
    engine = sa.create_engine(url, isolation_level="REPEATABLE READ")
    host = SqlBackend(engine, tenant="main", prefix="co_")
    if url.startswith("mariadb"):
        with pytest.raises(Refused, match="READ COMMITTED"):
            host.unit_of_work().__enter__()
    else:
        with host.unit_of_work() as uow:
            uow.rollback()
    engine.dispose()
