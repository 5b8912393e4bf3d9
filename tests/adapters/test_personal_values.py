"""No personal value in any error, traceback or log record, whatever goes wrong (promise 5).

A canary stands in every personal field; every refusal that can be provoked is provoked.
"""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import attrs
import pytest
import sqlalchemy as sa

from crmcore import (
    AttributeType,
    ContactPoint,
    CrmError,
    Customer,
    Fold,
    Identifier,
    Interaction,
    InvalidInput,
    Measure,
    Model,
    Money,
    NotFound,
    Order,
    Product,
    Relationship,
    Return,
    StorageError,
    UnitOfWork,
    field,
    new_id,
)
from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import database_for
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.domain.ids import CustomerId
from tests import servers

AT = datetime(2024, 1, 1, tzinfo=UTC)
CANARY = "canary-7731@example.com"
MODEL = Model(
    attributes=[AttributeType("nickname", "text", personal=True, indexed=True)],
    measures=[Measure("last_subject", "interactions", Fold.LATEST, "subject")],
)


def someone(**more: Any) -> Customer:
    """A customer with the canary in every personal field."""
    ana = Customer.person(CANARY, at=AT, emails=[CANARY], identifiers=[Identifier("card", CANARY)])
    ana = ana.with_attribute("nickname", CANARY, at=AT).reachable_at(ContactPoint("postal", CANARY))
    return attrs.evolve(ana, **more)


def a_call(ana: Customer, **more: Any) -> Interaction:
    return Interaction(customer_id=ana.id, at=AT, channel="phone", subject=CANARY, **more)


NUMBERS = count(1)

STORES = (
    "memory", "sqlite", "postgres", "mariadb", "mongo",
    "a host's sqlite", "a host's postgres", "a host's mariadb",
)  # fmt: skip
"""An engine of a host's own shows the parameters of a statement in its errors."""


@contextmanager
def url_of(store: str, folder: Path) -> Iterator[str]:
    if store in ("memory", "sqlite"):
        yield "memory://" if store == "memory" else f"sqlite:///{folder}/crm.db"
        return
    try:
        with getattr(servers, store)() as url:
            yield url
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


@contextmanager
def opened(store: str, folder: Path) -> Iterator[Backend]:
    """An empty backend that nothing is left of afterwards."""
    prefix = f"told{next(NUMBERS)}_"
    known: dict[str, Any] = {"model": MODEL, "prefix": prefix, "tenant": "personal"}
    name = store.removeprefix("a host's ")
    with url_of(name, folder) as url:
        if name == "memory":
            yield migrated(MemoryBackend(MemoryStore(), model=MODEL))
        elif name == "mongo":
            database = database_for(url)
            yield migrated(MongoBackend(database, **known))
            for held in database.list_collection_names():
                if held.startswith(prefix):
                    database.drop_collection(held)
            database.client.close()
        else:
            level = {} if url.startswith("sqlite") else {"isolation_level": "READ COMMITTED"}
            engine = engine_for(url) if store == name else sa.create_engine(url, **level)
            made = SqlBackend(engine, **known)
            yield migrated(made)
            made.tables.metadata.drop_all(engine)
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DROP TABLE {prefix}version")
            engine.dispose()


def migrated(backend: Backend) -> Backend:
    backend.migrate()
    return backend


@pytest.fixture(params=STORES, scope="module")
def emptied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """A backend whose units of work all fail, so that it stays empty."""
    with opened(request.param, tmp_path_factory.mktemp("personal")) as made:
        yield made


@pytest.fixture(params=["memory", "sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    with opened(request.param, tmp_path) as made:
        yield made


def twice(uow: UnitOfWork, make: Callable[[], Any]) -> None:
    uow.customers.add(make())
    uow.customers.add(make())


def told_twice(uow: UnitOfWork) -> None:
    ana = uow.customers.add(someone())
    uow.interactions.add(a_call(ana, source="shop", source_key="1"))
    uow.interactions.add(
        attrs.evolve(a_call(ana, source="shop", source_key="1"), subject=CANARY + "!")
    )


def stale(uow: UnitOfWork) -> None:
    ana = uow.customers.add(someone())
    uow.customers.save(ana.renamed(CANARY + "!"))
    uow.customers.save(ana)


def shared(uow: UnitOfWork) -> None:
    uow.customers.add(someone(identifiers=()))
    uow.customers.add(someone(identifiers=()))
    uow.customers.find_by_identifier("email", CANARY)


def gone(uow: UnitOfWork) -> None:
    ana = uow.customers.add(someone())
    uow.interactions.add(a_call(ana))
    uow.customers.remove(ana)


def returned(uow: UnitOfWork) -> None:
    ana = uow.customers.add(someone())
    order = uow.orders.add(Order(customer_id=ana.id, at=AT, total=Money("1", "EUR")))
    uow.returns.add(
        Return(
            customer_id=ana.id, at=AT, order_id=order.id, amount=Money("2", "EUR"), reason=CANARY
        )
    )


REFUSALS: dict[str, Callable[[UnitOfWork], Any]] = {
    "already exists": lambda uow: twice(uow, cache(someone)),
    "identifier taken": lambda uow: twice(uow, someone),
    "taken in bulk": lambda uow: uow.customers.add_many([someone(), someone()]),
    "shared identifier": shared,
    "conflicting fact": told_twice,
    "stale": stale,
    "not found": lambda uow: uow.customers.save(someone(version=1)),
    "fact of nobody": lambda uow: uow.interactions.add(a_call(someone())),
    "has facts": gone,
    "returned too much": returned,
    "stored already": lambda uow: uow.customers.add(someone(version=3)),
    "not declared": lambda uow: uow.customers.add(someone().with_attribute("shoe", CANARY, at=AT)),
    "of another type": lambda uow: uow.customers.add(
        someone().with_attribute("nickname", 5, at=AT)
    ),
    "undeclared identifier": lambda uow: uow.customers.add(
        someone().identified_by(Identifier("passport", CANARY))
    ),
    "bad stage": lambda uow: uow.customers.add(someone(stage="gone")),
    "move": lambda uow: someone().moved_to("loyal", at=AT),
    "role": lambda uow: someone().leaving_role("holder", at=AT),
    "oneself": lambda uow: (a := someone()).related_by(Relationship("of", other_id=a.id, since=AT)),
    "bad e-mail": lambda uow: Customer.person(CANARY, at=AT, emails=[f"{CANARY} {CANARY}"]),
    "bad phone": lambda uow: Customer.person(CANARY, at=AT, phones=[CANARY]),
    "bad name": lambda uow: someone(name=CANARY + "\0"),
    "long name": lambda uow: someone(name=CANARY * 100),
    "bad word": lambda uow: ContactPoint(CANARY, "x"),
    "bad zone": lambda uow: someone(zone=CANARY),
    "bad identifier type": lambda uow: uow.customers.find_by_identifier(CANARY, CANARY),
    "bad identifier": lambda uow: uow.customers.find_by_identifier("phone", CANARY),
    "bad attribute": lambda uow: someone().with_attribute("nickname", CANARY + "\ud800", at=AT),
    "bad amount": lambda uow: Money(CANARY, "EUR"),
    "bad subject": lambda uow: a_call(someone(), topic=CANARY * 100),
    "bad comparison": lambda uow: uow.profiles.where(field("revenue") == CANARY),
    "long comparison": lambda uow: uow.profiles.where(field("email") == CANARY * 1000),
    "bad cursor": lambda uow: uow.profiles.where().page(after=CANARY),
    "unknown SKU": lambda uow: uow.products.save(Product(sku=CANARY, at=AT, version=1)),
    "unknown id": lambda uow: uow.profiles.get(CustomerId(new_id(AT))),
}


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Who connects while all is logged at DEBUG has these loggers set to INFO, for good."""
    yield
    for name in ("sqlalchemy.engine.Engine.crmcore", "pymongo.command"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def log_all_but_parameters(caplog: pytest.LogCaptureFixture) -> None:
    """What a driver is sent is another test's question; a host's engine logs it at INFO."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="sqlalchemy")
    caplog.set_level(logging.INFO, logger="pymongo")


def everything_said(error: BaseException, records: Sequence[logging.LogRecord]) -> str:
    """All that a log file, an error report or a debugger could show but the variables of frames:
    the error, what it was caused by and what `from None` only hides, their attributes, the log.
    """
    said = ["".join(traceback.format_exception(error))]
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        thing = pending.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, BaseException):
            said += [str(thing), repr(thing)]
            pending += [thing.__cause__, thing.__context__, getattr(thing, "__notes__", None)]
            pending += [getattr(thing, name, None) for name in dir(thing) if name[:2] != "__"]
        elif type(thing).__name__ == "Diagnostic":  # what PostgreSQL says beside its message
            pending += [getattr(thing, name) for name in dir(thing) if name[:2] != "__"]
        elif not callable(thing):
            said.append(repr(thing))
    for record in records:
        said += [record.getMessage(), repr(record.args), str(record.exc_text)]
        if record.exc_info and record.exc_info[1] is not None and record.exc_info[1] is not error:
            said.append(everything_said(record.exc_info[1], []))
    return "\n".join(said)


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_tells_ids_fields_and_rules_and_no_personal_value(
    emptied: Backend, refusal: Callable[[UnitOfWork], Any], caplog: pytest.LogCaptureFixture
):
    """Promise 5, and promise 4: the error is ours and its fields survive pickling (O18)."""
    log_all_but_parameters(caplog)
    with pytest.raises(CrmError) as refused, emptied.unit_of_work(source="test") as uow:
        refusal(uow)

    assert "canary" not in everything_said(refused.value, caplog.records)
    kept = pickle.dumps(refused.value)
    assert b"canary" not in kept
    again = pickle.loads(kept)
    assert type(again) is type(refused.value)
    assert str(again) == str(refused.value)


@pytest.mark.parametrize("store", [store for store in STORES if store != "memory"])
def test_what_the_driver_refuses_is_not_told_either(
    store: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """O18: an error of the database that quotes a row is `StorageError` without the row. Here a
    unique index that we know nothing of refuses a name, and names it.
    """
    log_all_but_parameters(caplog)
    with opened(store, tmp_path) as backend:
        if isinstance(backend, MongoBackend):
            backend.collections["customers"].create_index("name", unique=True)
        elif isinstance(backend, SqlBackend):
            column = "name(100)" if backend.engine.dialect.name == "mariadb" else "name"
            with backend.engine.begin() as connection:
                connection.exec_driver_sql(
                    f"CREATE UNIQUE INDEX one ON {backend.prefix}customers ({column})"
                )
        with backend.unit_of_work() as uow:
            uow.customers.add(someone())
        with pytest.raises(CrmError) as refused, backend.unit_of_work() as uow:
            uow.customers.add(someone(identifiers=()))
        assert type(refused.value).__module__ == "crmcore.domain.errors"
        assert "canary" not in everything_said(refused.value, caplog.records)


def test_a_table_that_is_gone_is_not_told_with_its_parameters(tmp_path: Path):
    """Also on a host's engine, whose own errors quote the parameters of a statement."""
    with opened("a host's sqlite", tmp_path) as backend:
        assert isinstance(backend, SqlBackend)
        keys = backend.tables.keys.name
        with backend.engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {keys} RENAME TO gone")
        with pytest.raises(StorageError) as refused, backend.unit_of_work() as uow:
            uow.customers.find_by_identifier("email", CANARY)
        assert "canary" not in everything_said(refused.value, [])
        with backend.engine.begin() as connection:
            connection.exec_driver_sql(f"ALTER TABLE gone RENAME TO {keys}")


@pytest.mark.parametrize(
    "store",
    [
        "memory",
        "sqlite",
        "postgres",
        "mariadb",
        "mongo",
    ],
)
def test_what_goes_well_is_not_logged_with_its_values(
    store: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Neither by us nor by the drivers, though everything is logged."""
    for name in ("", "sqlalchemy", "pymongo", "psycopg", "alembic"):
        caplog.set_level(logging.DEBUG, logger=name)
    with opened(store, tmp_path) as backend:
        with backend.unit_of_work(actor="import", source="shop") as uow:
            ana = uow.customers.add(someone())
            uow.interactions.add(a_call(ana))
            uow.customers.save(ana.renamed(CANARY + "!"))
        with backend.reading() as uow:
            uow.customers.find_by_identifier("email", CANARY)
            uow.profiles.where(field("email") == CANARY).page()
        list(backend.columns("interactions", personal=True))
        backend.journal()
    assert "canary" not in everything_said(CrmError(), caplog.records)


def hidden_context() -> NoReturn:
    try:
        raise UnicodeError(CANARY)
    except UnicodeError:
        raise InvalidInput.of("name", "holds a lone surrogate") from None


def quoted_parameters() -> NoReturn:
    engine = sa.create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT :name FROM nowhere"), {"name": CANARY})
    except sa.exc.OperationalError:
        raise StorageError("the database failed") from None
    finally:
        engine.dispose()
    raise AssertionError


def own_field() -> NoReturn:
    raise NotFound("customers", CANARY)


def note() -> NoReturn:
    error = StorageError("failed")
    error.add_note(CANARY)
    raise error


def unwritten_log() -> NoReturn:
    logging.getLogger("crmcore").debug("looking for %s", CANARY)
    raise StorageError("failed")


def logged_traceback() -> NoReturn:
    try:
        own_field()
    except NotFound:
        logging.getLogger("crmcore").exception("failed")
        raise StorageError("failed") from None


@pytest.mark.parametrize(
    "leak",
    [hidden_context, quoted_parameters, own_field, note, unwritten_log, logged_traceback],
)
def test_each_planted_leak_is_noticed(
    leak: Callable[[], NoReturn], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(CrmError) as refused:
        leak()
    assert "canary" in everything_said(refused.value, caplog.records)


def test_reprs_of_what_is_read_show_no_personal_value(backend: Backend):
    """Profiles, pages, journal entries and queries printed in a log keep silent."""
    with backend.unit_of_work() as uow:
        ana = uow.customers.add(someone())
        uow.interactions.add(a_call(ana))
        uow.customers.save(ana.renamed(CANARY + "!"))
    with backend.reading() as uow:
        page = uow.profiles.where(field("email").is_present()).order_by("email").page(limit=1)
        things = [uow.customers.get(ana.id), uow.profiles.get(ana.id), page, uow, backend]
        things += [*uow.interactions.of(ana.id), *uow.customers.history(ana.id)]
    things += backend.journal()
    assert "canary" not in repr(things)


def test_columns_leave_personal_values_out_unless_asked(backend: Backend):
    with backend.unit_of_work() as uow:
        uow.interactions.add(a_call(uow.customers.add(someone())))
    for kind in ("interactions", "profiles"):
        assert "canary" not in repr(list(backend.columns(kind)))
        assert "canary" in repr(list(backend.columns(kind, personal=True)))


def test_a_cursor_carries_no_personal_value(backend: Backend):
    """A page cursor goes through URLs and logs."""
    import base64

    with backend.unit_of_work() as uow:
        uow.customers.add_many(someone(identifiers=()) for _ in range(3))
        query = uow.profiles.where().order_by("email")
        first = query.page(limit=1)
        assert first.next is not None
        assert b"canary" not in base64.urlsafe_b64decode(first.next)
        assert len(query.page(limit=5, after=first.next)) == 2
