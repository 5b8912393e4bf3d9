"""No personal value in any error, traceback or log record, whatever goes wrong (promise 5).

A canary stands in every personal field; every refusal that can be provoked is provoked.
"""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

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
    Measure,
    Model,
    Money,
    Order,
    Product,
    Relationship,
    Return,
    StorageError,
    UnitOfWork,
    connect,
    field,
    new_id,
)
from crmcore.adapters.backend import Backend
from crmcore.adapters.sql import SqlBackend
from crmcore.domain.ids import CustomerId

AT = datetime(2024, 1, 1, tzinfo=UTC)
CANARY = "canary-7731@example.com"
MODEL = Model(
    attributes=[AttributeType("nickname", "text", personal=True, indexed=True)],
    measures=[Measure("last_subject", "interactions", Fold.LATEST, "subject", indexed=True)],
)


def someone(**more: Any) -> Customer:
    """A customer with the canary in every personal field."""
    ana = Customer.person(CANARY, at=AT, emails=[CANARY], identifiers=[Identifier("card", CANARY)])
    ana = ana.with_attribute("nickname", CANARY, at=AT).reachable_at(ContactPoint("postal", CANARY))
    return attrs.evolve(ana, **more)


def a_call(ana: Customer, **more: Any) -> Interaction:
    return Interaction(customer_id=ana.id, at=AT, channel="phone", subject=CANARY, **more)


@pytest.fixture(params=["memory", "sqlite", "a host's engine"], scope="module")
def emptied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """A backend whose units of work all fail, so that it stays empty."""
    url = f"sqlite:///{tmp_path_factory.mktemp('personal')}/crm.db"
    if request.param == "a host's engine":  # its errors would show their parameters
        made: Backend = SqlBackend(sa.create_engine(url), model=MODEL)
    else:
        made = connect("memory://" if request.param == "memory" else url, model=MODEL)
    made.migrate()
    yield made
    made.close()


@pytest.fixture(params=["memory", "sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/crm.db"
    made = connect(url, model=MODEL)
    made.migrate()
    yield made
    made.close()


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


def everything_said(error: BaseException, records: list[logging.LogRecord]) -> str:
    """All a log file or an error report could show: the error, its chain, the log."""
    said = ["".join(traceback.format_exception(error))]
    seen: BaseException | None = error
    while seen is not None:
        said += [str(seen), repr(seen), repr(seen.args)]
        if attrs.has(type(seen)):
            said.append(repr(attrs.asdict(seen)))  # type: ignore[arg-type]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\n".join(said + [f"{record.getMessage()} {record.exc_text}" for record in records])


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_tells_ids_fields_and_rules_and_no_personal_value(
    emptied: Backend, refusal: Callable[[UnitOfWork], Any], caplog: pytest.LogCaptureFixture
):
    """Promise 5, and promise 4: the error is ours and its fields survive pickling (O18)."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(CrmError) as refused, emptied.unit_of_work(source="test") as uow:
        refusal(uow)

    assert "canary" not in everything_said(refused.value, caplog.records)
    again = pickle.loads(pickle.dumps(refused.value))
    assert type(again) is type(refused.value)
    assert str(again) == str(refused.value)


def test_what_the_driver_refuses_is_not_told_either(tmp_path: Path):
    """O18: a fault within the database, with personal parameters, is `StorageError` without them,
    also on a host's engine, whose own errors quote the parameters of a statement."""
    backend = SqlBackend(sa.create_engine(f"sqlite:///{tmp_path}/crm.db"), model=MODEL)
    backend.migrate()
    with backend.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE crm_keys")
    with pytest.raises(StorageError) as refused, backend.unit_of_work() as uow:
        uow.customers.find_by_identifier("email", CANARY)
    backend.close()
    assert "canary" not in everything_said(refused.value, [])
    seen: BaseException | None = refused.value
    while seen is not None:  # what `from` only hides is shown by a debugger
        assert not isinstance(seen, sa.exc.SQLAlchemyError)
        assert seen.__context__ is None
        seen = seen.__cause__
    assert type(refused.value).__module__ == "crmcore.domain.errors"


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
