"""A fault at every statement of a unit of work, one after the other.

The statement fails in the server, or its connection is reset before or behind it. Whatever is
struck: nothing of the unit is kept, the error is ours, and the backend goes on.
"""

from __future__ import annotations

import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from importlib import import_module
from typing import Any

import bson
import psycopg
import sqlalchemy as sa
from sqlalchemy import event

from crmcore import Money, Order, Payment, Return
from crmcore.adapters.backend import Backend
from crmcore.domain.errors import OutcomeUnknown
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_product, a_score
from tests.faults.contents import Contents, reader_of
from tests.faults.proxy import Fate, Plan, proxied
from tests.faults.stores import Store
from tests.faults.work import (
    EMAIL,
    SOURCE,
    complaints_about,
    counted,
    customers_in,
    one_unit,
    people,
)

__all__ = ["Struck", "every_statement", "in_two", "large", "small", "ways"]

pymysql: Any = import_module("pymysql")
"""It brings no types."""

Unit = Callable[[Backend, CustomerId, int], None]
MOST = 400
ENOUGH = 10
"""So many units that no strike met end the search: how a bulk call is cut into pieces on its way
differs from run to run.
"""


@dataclass
class Struck:
    """What became of the struck units; all from `kept` on are violations."""

    statements: int = 0
    refused: int = 0
    unknown: int = 0
    unharmed: int = 0
    """Units that went through all the same: an idle connection is tried again."""
    kept: int = 0
    """Units of which something was kept though they failed, or only a part."""
    unusable: int = 0
    leaked: int = 0
    foreign_errors: int = 0

    @property
    def violations(self) -> int:
        """All that must not be."""
        return self.kept + self.unusable + self.leaked + self.foreign_errors

    def __add__(self, other: Struck) -> Struck:
        sums = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Struck(**sums)

    def __str__(self) -> str:
        return " ".join(f"{f.name}={getattr(self, f.name)}" for f in fields(self))


def small(backend: Backend, who: CustomerId, number: int) -> None:
    """A save, an order, an interaction."""
    with backend.unit_of_work(source=SOURCE) as uow:
        one_unit(uow, who, f"small {number}")


def large(backend: Backend, who: CustomerId, number: int) -> None:
    """Most of what can be done in one unit, in bulk as well."""
    with backend.unit_of_work(actor="faults", source=SOURCE) as uow:
        _large(uow, who, number)


def _large(uow: UnitOfWork, who: CustomerId, number: int) -> None:
    uow.customers.save(counted(uow.customers.get(who)))
    new = people(30)
    uow.customers.add_many(new)
    card = Identifier("card", f"{number} {EMAIL}")
    uow.customers.save(uow.customers.get(new[0].id).identified_by(card))
    uow.customers.find_by_identifier("card", card.value)
    uow.products.add(a_product(f"SKU-{number}"))
    total = Money("19.99", "EUR")
    orders = [
        Order(customer_id=one.id, at=AT, total=total, source_key=f"{number}.{nth}")
        for nth, one in enumerate(new)
    ]
    uow.orders.add_many(orders)
    first = orders[1]
    paid = Payment(customer_id=first.customer_id, at=AT, order_id=first.id, amount=total)
    uow.payments.add(paid)
    uow.returns.add(
        Return(customer_id=first.customer_id, at=AT, order_id=first.id, amount=total, reason=EMAIL)
    )
    uow.scores.add(a_score(who, 0.5, nth=number))
    uow.customers.remove(uow.customers.add(people(1)[0]))
    uow.profiles.where().order_by("revenue").page(limit=10)


def in_two(backend: Backend, who: CustomerId, number: int) -> None:
    """Control: what belongs together in two units."""
    small(backend, who, 2 * number)
    small(backend, who, 2 * number + 1)


class Nth:
    """Strikes at the nth of what it is asked about, once, from when it is armed."""

    def __init__(self) -> None:
        self.left = 0
        self.armed = False
        self.struck = False

    def arm(self, nth: int) -> None:
        self.left, self.armed, self.struck = nth, True, False

    def __call__(self) -> bool:
        if not self.armed:
            return False
        self.left -= 1
        if self.left:
            return False
        self.armed, self.struck = False, True
        return True


def _sqlite_failing(strikes: Nth) -> Callable[..., Any]:
    class Cursor(sqlite3.Cursor):
        def execute(self, *given: Any) -> Any:
            if strikes():
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(*given)

        def executemany(self, *given: Any) -> Any:
            if strikes():
                raise sqlite3.OperationalError("disk I/O error")
            return super().executemany(*given)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def commit(self) -> None:
            if strikes():
                raise sqlite3.OperationalError("disk I/O error")
            super().commit()

    return lambda *given, **named: sqlite3.connect(*given, **named, factory=Connection)


def _postgres_failing(strikes: Nth) -> Callable[..., Any]:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *given: Any, **named: Any) -> Any:
            return super().execute("SELECT 1 / 0" if strikes() else query, *given, **named)

        def executemany(self, query: Any, *given: Any, **named: Any) -> Any:
            if strikes():
                super().execute("SELECT 1 / 0")
            return super().executemany(query, *given, **named)

        def copy(self, statement: Any, *given: Any, **named: Any) -> Any:
            if strikes():
                super().execute("SELECT 1 / 0")
            return super().copy(statement, *given, **named)

    return lambda *given, **named: psycopg.connect(*given, **named, cursor_factory=Cursor)


def _mariadb_failing(strikes: Nth) -> Callable[..., Any]:
    class Connection(pymysql.connections.Connection):  # type: ignore[misc, unused-ignore]
        def query(self, sql: Any, unbuffered: bool = False) -> Any:
            failing = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'struck'"
            return super().query(failing if strikes() else sql, unbuffered)

    return Connection


FAILING = {"sqlite": _sqlite_failing, "postgres": _postgres_failing, "mariadb": _mariadb_failing}


@contextmanager
def _failing_in_driver(store: Store, tenant: str, strikes: Nth) -> Iterator[Backend]:
    backend: Any = store.opened(tenant)
    make = FAILING[store.name](strikes)

    @event.listens_for(backend.engine, "do_connect")
    def connect(dialect: Any, record: Any, given: Any, named: Any) -> Any:
        return make(*given, **named)

    yield backend
    backend.close()


def _refusal(asked: bytes) -> bytes:
    """The answer of a Mongo server that refuses the command."""
    (request,) = struct.unpack_from("<i", asked, 4)
    body = b"\0" * 4 + b"\0" + bson.encode({"ok": 0.0, "code": 8000, "errmsg": "struck"})
    return struct.pack("<iiii", 16 + len(body), 1, request, 2013) + body


def _is_of_unit(asked: bytes, *, cut: bool) -> bool:
    """Is this a command of a session? Beside them a client asks how the server is. A commit that
    a server refuses is aborted there, which only the server can do; so it is cut, not refused.
    """
    aside = (b"endSessions", b"killSessions", *(() if cut else (b"commitTransaction",)))
    return b"lsid" in asked and not any(command in asked for command in aside)


@contextmanager
def _by_proxy(store: Store, tenant: str, strikes: Nth, fate: Fate | None) -> Iterator[Backend]:
    assert store.server is not None

    def plan(asked: bytes) -> Fate | bytes:
        if store.name == "mongo" and not _is_of_unit(asked, cut=fate is not None):
            return Fate.PASSES
        if not strikes():
            return Fate.PASSES
        return fate or _refusal(asked)

    chosen: Plan = plan
    with proxied(store.url, store.server.port) as (url, proxy):
        backend = store.opened(tenant, url=url)
        proxy.plan = chosen
        yield backend
        backend.close()


Way = Callable[[Store, str, Nth], Any]


def ways(store: Store) -> dict[str, Way]:
    """How a statement can be struck in this store."""
    failing: Way = _failing_in_driver
    if store.name == "mongo":
        failing = partial(_by_proxy, fate=None)
    found: dict[str, Way] = {"fails": failing}
    if store.server is not None:
        for fate in (Fate.LOST, Fate.DONE):
            found[fate.value] = partial(_by_proxy, fate=fate)
    return found


OPEN = {
    "postgres": "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
    "mariadb": "SELECT count(*) FROM information_schema.innodb_trx",
}


def leaked_in(store: Store, backend: Any, watch: sa.Engine | None) -> bool:
    """Is a connection still taken from the pool, or a transaction still open in the server?"""
    engine = getattr(backend, "engine", None)
    if engine is not None and engine.pool.checkedout():
        return True
    if watch is None:
        return False
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:  # the server may not have seen the reset yet
        with watch.connect() as connection:
            if not connection.execute(sa.text(OPEN[store.name])).scalar():
                return False
        time.sleep(0.02)
    return True


def every_statement(
    store: Store, *, unit: Unit = large, step: int = 1, way: str | None = None
) -> Struck:
    """Strike each statement of `unit` in each way, or every `step`th, until none is left."""
    found = Struck()
    watch = None
    if store.name in OPEN:
        watch = sa.create_engine(store.url, isolation_level="AUTOCOMMIT")
    for name, struck in ways(store).items():
        if way in (None, name):
            found += _struck_in(store, struck, unit, step, watch)
    if watch is not None:
        watch.dispose()
    return found


def _struck_in(store: Store, struck: Way, unit: Unit, step: int, watch: sa.Engine | None) -> Struck:
    found = Struck()
    tenant = store.tenant()
    plain = store.opened(tenant)
    ids = customers_in(plain)
    strikes = Nth()
    with reader_of(store, tenant) as read, struck(store, tenant, strikes) as backend:
        unit(plain, ids[0], 0)
        empty = _journal(read())
        unit(plain, ids[0], 1)
        whole = _journal(read()) - empty
        small(backend, ids[1], -1)
        before, free = read(), 0
        for nth in range(1, MOST, step):
            strikes.arm(nth)
            allowed = _outcome(lambda n=nth: unit(backend, ids[0], n + 1), strikes, whole, found)  # type: ignore[misc]
            met, strikes.armed = strikes.struck, False
            after = read()
            grown = _journal(after) - _journal(before)
            found.kept += grown not in allowed or (not grown and after != before)
            found.leaked += leaked_in(store, backend, watch)
            try:
                small(backend, ids[1], -1 - nth)
            except Exception as error:  # noqa: BLE001  whatever reaches the caller is looked at
                found.unusable += 1
                found.foreign_errors += len(complaints_about(error))
            found.statements += met
            free = 0 if met else free + 1
            if free == ENOUGH:
                break
            before = read()
    plain.close()
    return found


def _outcome(work: Callable[[], None], strikes: Nth, whole: int, found: Struck) -> tuple[int, ...]:
    """By how many rows the journal may have grown after what the caller was told."""
    try:
        work()
    except OutcomeUnknown as error:
        found.unknown += 1
        found.foreign_errors += len(complaints_about(error))
        return 0, whole
    except Exception as error:  # noqa: BLE001  whatever reaches the caller is looked at
        found.refused += 1
        found.foreign_errors += len(complaints_about(error))
        return (0,)
    found.unharmed += strikes.struck
    return (whole,)


def _journal(contents: Contents) -> int:
    return len(contents["crm_journal"])
