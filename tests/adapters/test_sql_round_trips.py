"""How often a unit of work asks the database, and in which transaction a look-up stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import attrs
import pytest
import sqlalchemy as sa
from sqlalchemy import event

import crmcore
from crmcore import NotFound, StorageError
from crmcore.adapters.sql import SqlBackend, engine_for
from crmcore.domain.ids import CustomerId
from crmcore.domain.model import Model
from crmcore.domain.programme import Programme, Rules, Tier
from crmcore.testing import a_customer, an_order
from tests import servers

ANA = a_customer()
CLUB = Model(programmes=[Programme("club", Rules(tiers=[Tier("classic")]))])


@contextmanager
def file(folder: Path) -> Iterator[str]:
    yield f"sqlite:///{folder / 'crm.db'}"


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlBackend]:
    name = request.param
    try:
        with file(tmp_path) if name == "sqlite" else getattr(servers, name)() as url:
            engine = engine_for(url, pool_size=1, max_overflow=1)
            made = SqlBackend(engine, model=CLUB, tenant="round-trips", prefix="rt_")
            made.migrate()
            with made.unit_of_work() as uow:
                uow.customers.add(ANA)
            with made.reading() as uow:
                uow.customers.get(ANA.id)
            yield made
            with engine.begin() as connection:
                for table in reversed(made.tables.metadata.sorted_tables):
                    table.drop(connection)
                sa.Table("rt_version", sa.MetaData()).drop(connection)
            engine.dispose()
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


@contextmanager
def statements(engine: sa.Engine) -> Iterator[list[str]]:
    """What the engine executes, as a host that traces it sees it."""
    seen: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        seen.append(" ".join(statement.split()[:3]))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_one_order_asks_five_times(backend: SqlBackend):
    """The version of the model, the profile's lock, the order, the profile, the journal."""
    with statements(backend.engine) as seen, backend.unit_of_work(source="shop") as uow:
        uow.orders.add(an_order(ANA, source_key="1"))

    words = [statement.split()[0] for statement in seen]
    assert words == ["SELECT", "SELECT", "INSERT", "UPDATE", "INSERT"]


def test_one_purchase_is_posted_by_seven(backend: SqlBackend):
    """The version of the model, the membership with its profile, the ledger's key; the entry, the
    profile, the membership, the journal.
    """
    bought = an_order(ANA, source_key="1")
    with backend.unit_of_work(source="shop") as uow:
        uow.orders.add(bought)
        uow.memberships.enrol(ANA.id, "club", at=bought.at)
    with statements(backend.engine) as seen, backend.unit_of_work() as uow:
        assert len(uow.memberships.earn(bought)) == 1

    words = [statement.split()[0] for statement in seen]
    assert words == ["SELECT", "SELECT", "SELECT", "INSERT", "UPDATE", "UPDATE", "INSERT"]


def test_a_look_up_asks_once(backend: SqlBackend):
    with statements(backend.engine) as seen, backend.reading() as uow:
        assert uow.customers.get(ANA.id).name == ANA.name

    assert len(seen) == 1


def test_many_orders_ask_as_often_as_one_but_for_their_rows(backend: SqlBackend):
    """A savepoint more, in which all of them stand or none."""
    orders = [an_order(ANA, nth=n, source_key=str(n)) for n in range(1, 200)]
    with statements(backend.engine) as seen, backend.unit_of_work(source="shop") as uow:
        uow.orders.add_many(orders)

    assert len(seen) <= 7


def test_what_the_host_traces_is_what_happens_unseen(backend: SqlBackend):
    """With a listener SQLAlchemy runs the statements, without one the driver: to the same end."""
    first, second = an_order(ANA, source_key="a"), an_order(ANA, nth=2, source_key="b")
    with backend.unit_of_work(source="shop") as uow:
        uow.orders.add(first)
    with statements(backend.engine), backend.unit_of_work(source="shop") as uow:
        uow.orders.add(second)
    with backend.reading() as uow:
        unseen = [uow.orders.of(ANA.id), uow.profiles.get(ANA.id), uow.customers.get(ANA.id)]
    with statements(backend.engine), backend.reading() as uow:
        seen = [uow.orders.of(ANA.id), uow.profiles.get(ANA.id), uow.customers.get(ANA.id)]

    assert unseen == seen
    assert unseen[0] == seen[0] != []


def test_a_look_up_leaves_no_transaction_open(backend: SqlBackend):
    """On PostgreSQL the server says so while the block is still open, on SQLite the driver;
    MariaDB's ends with the block.
    """
    name = backend.engine.dialect.name
    with backend.reading() as uow:
        uow.customers.get(ANA.id)
        if name == "postgresql":
            with backend.engine.connect() as other:
                asked = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in tr%%'"
                assert other.exec_driver_sql(asked).scalar() == 0
    with backend.engine.connect() as connection:
        if name == "sqlite":
            assert not connection.connection.driver_connection.in_transaction  # type: ignore[union-attr]
        elif name == "mariadb":
            asked = "SELECT count(*) FROM information_schema.innodb_trx"
            assert connection.exec_driver_sql(asked).scalar() in (0, 1)
    assert backend.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_a_failing_look_up_gives_its_connection_back(backend: SqlBackend):
    """The error is ours, and the next look-up works."""
    keys = backend.tables.keys.name
    with backend.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {keys} RENAME TO rt_gone")
    with pytest.raises(StorageError), backend.reading() as uow:
        uow.customers.find_by_identifier("email", "ana@example.com")
    with backend.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE rt_gone RENAME TO {keys}")

    with pytest.raises(NotFound), backend.reading() as uow:
        uow.customers.get(crmcore.CustomerId(an_order(ANA).id))
    assert backend.engine.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_any_text_is_saved_in_bulk_as_it_is(backend: SqlBackend):
    """Of many rows the values go together, in the database's own text of a list."""
    odd = ['"', "\\", '\\"', "{a,b}", "NULL", "null", "%s", "'", "ñ€😀", "$1", ",", "()", "x"]
    people = [attrs.evolve(ANA, id=CustomerId(uuid4()), contact_points=()) for _ in odd * 2]
    told = [None if text == "x" else text for text in odd * 2]
    with backend.unit_of_work() as uow:
        uow.customers.add_many(people)
        stored = uow.customers.get_many(person.id for person in people)
        renamed = zip(people, told, strict=True)
        uow.customers.save_many(attrs.evolve(stored[p.id], name=name) for p, name in renamed)

    with backend.reading() as uow:
        found = uow.customers.get_many(person.id for person in people)
        assert [found[person.id].name for person in people] == told
        assert [uow.profiles.get(person.id)["name"] for person in people] == told


def test_what_was_held_is_let_go_of_at_the_end(backend: SqlBackend):
    """A unit of work may be kept for long, and a base is advanced by thousands of members."""
    with backend.unit_of_work() as uow:
        member = uow.memberships.enrol(CustomerId(ANA.id), "club", at=ANA.at)
        uow.memberships.bonus(member, 10, at=ANA.at)
        assert uow.transaction.texts  # type: ignore[attr-defined]

    assert not uow.transaction.texts  # type: ignore[attr-defined]
