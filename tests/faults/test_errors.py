"""Whatever a store refuses, the error is ours, keeps its fields, and quotes nobody (law O18)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import psycopg
import pytest
from pymongo.errors import OperationFailure
from sqlalchemy.exc import IntegrityError, OperationalError

from crmcore import Customer, Identifier, Interaction
from crmcore.adapters.mongo import client
from crmcore.adapters.sql import engine
from crmcore.domain.errors import Busy, IdentifierTaken, OutcomeUnknown, Stale, StorageError
from crmcore.domain.unit_of_work import UnitOfWork
from tests.faults.stores import EVERY
from tests.faults.work import EMAIL, complaints_about, people

CARD = Identifier("card", EMAIL)


def holder() -> Customer:
    return people(1)[0].identified_by(CARD)


def call(subject: str) -> Interaction:
    who = holder()
    return Interaction(customer_id=who.id, at=who.at, channel="phone", subject=subject)


def told_twice(uow: UnitOfWork) -> None:
    ana = uow.customers.add(people(1)[0])
    first = attrs.evolve(call(EMAIL), customer_id=ana.id, source="shop", source_key="1")
    uow.interactions.add(first)
    uow.interactions.add(attrs.evolve(first, subject=f"{EMAIL}!"))


def known_again(uow: UnitOfWork) -> None:
    ana = uow.customers.add(people(1)[0])
    uow.customers.add(attrs.evolve(ana, version=0))


REFUSALS: dict[str, Callable[[UnitOfWork], object]] = {
    "an id stored already": known_again,
    "ids stored already, in bulk": lambda uow: uow.customers.add_many([people(1)[0]] * 2),
    "a card taken": lambda uow: uow.customers.add(holder()),
    "cards taken, in bulk": lambda uow: uow.customers.add_many([holder() for _ in range(30)]),
    "a card taken by a save": lambda uow: uow.customers.save(
        uow.customers.add(people(1)[0]).identified_by(CARD)
    ),
    "a key with other content": told_twice,
    "a fact of nobody": lambda uow: uow.interactions.add(call(EMAIL)),
}


@pytest.mark.parametrize(
    "backend", [pytest.param(n, marks=() if n in EVERY[:2] else pytest.mark.slow) for n in EVERY]
)
def test_a_refusal_quotes_nobody(backend: str, stores):
    store = stores(backend)
    opened = store.opened(store.tenant())
    opened.migrate()
    with opened.unit_of_work() as uow:
        uow.customers.add(holder())
    found: dict[str, list[str]] = {}
    for name, refused in REFUSALS.items():
        with pytest.raises(Exception) as raised, opened.unit_of_work() as uow:  # noqa: PT011  whatever it is, it is looked at
            refused(uow)
        found[name] = complaints_about(raised.value)
    opened.close()

    assert not any(found.values()), found


def driver_error(kind: type[Exception], text: str) -> Exception:
    made: Exception = kind("INSERT", {"email": EMAIL}, psycopg.Error(text))
    return made


@pytest.mark.parametrize("kind", [IntegrityError, OperationalError])
def test_an_error_of_the_driver_is_let_go_of(kind: type[Exception]):
    with pytest.raises(StorageError) as raised, engine.translated():
        raise driver_error(kind, "Key (email) exists already")

    assert complaints_about(raised.value) == []


def test_a_server_error_that_quotes_a_value_is_let_go_of():
    refused: Any = psycopg.OperationalError  # MariaDB's driver says number and text
    quoting = refused(1292, f"Truncated incorrect DOUBLE value: '{EMAIL}'")
    lost = refused(2013, "Lost connection to server")
    with pytest.raises(StorageError) as raised, engine.translated():
        raise OperationalError("UPDATE", {}, quoting)
    with pytest.raises(StorageError) as connection, engine.translated():
        raise OperationalError("UPDATE", {}, lost)

    assert complaints_about(raised.value) == []
    assert connection.value.__cause__ is lost


def refuse_because_of(error: Exception) -> None:
    try:
        raise error
    except type(error):
        raise IdentifierTaken("card", "1") from None


@pytest.mark.parametrize(
    ("translated", "error"),
    [
        pytest.param(engine.translated, driver_error(IntegrityError, EMAIL), id="SQL"),
        pytest.param(client.translated, OperationFailure(EMAIL), id="Mongo"),
    ],
)
def test_what_was_raised_from_a_drivers_error_forgets_it(translated, error: Exception):
    with pytest.raises(IdentifierTaken) as raised, translated():
        refuse_because_of(error)
    with pytest.raises(IdentifierTaken) as untranslated:
        refuse_because_of(error)

    assert complaints_about(raised.value) == []
    assert complaints_about(untranslated.value) != []


def test_mongos_error_is_let_go_of():
    with pytest.raises(StorageError) as raised, client.translated():
        raise OperationFailure(f"dup key: {EMAIL}", 11000, {"keyValue": EMAIL})

    assert complaints_about(raised.value) == []


@pytest.mark.parametrize(
    "error", [Busy("b"), OutcomeUnknown("o"), StorageError("s"), Stale("customers", "1", 2)]
)
def test_fields_survive_pickling(error: Exception):
    assert complaints_about(error) == []


@pytest.mark.parametrize("error", [KeyError("x"), StorageError(EMAIL)])
def test_a_bad_error_is_noticed(error: Exception):
    assert len(complaints_about(error)) == 1


def test_a_value_deep_in_the_chain_is_noticed():
    error = StorageError("s")
    error.__cause__ = Busy("b")
    error.__cause__.__context__ = ValueError(EMAIL)

    assert complaints_about(error) == ["StorageError quotes a personal value in ValueError"]
