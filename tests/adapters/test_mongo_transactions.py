"""Every path ends its Mongo transaction, and what is held is held to the end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from bson.binary import UUID_SUBTYPE, Binary

from crmcore import (
    Busy,
    Customer,
    Identifier,
    IdentifierTaken,
    Money,
    NotMigrated,
    Order,
    Refused,
    StorageError,
)
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.access import MongoAccess
from crmcore.adapters.mongo.client import translated
from crmcore.domain.order_facts import Fulfilment
from tests import servers
from tests.adapters.mongo_watch import Watch, watched
from tests.contract.sql_server import started

AT = datetime(2024, 1, 1, tzinfo=UTC)
COMMANDS = 8


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    yield from started(servers.mongo)


@pytest.fixture
def at(url: str) -> Iterator[tuple[MongoBackend, Watch]]:
    with watched(url) as found:
        yield found


def ana_of(backend: MongoBackend, **more: Any) -> Customer:
    with backend.unit_of_work() as uow:
        return uow.customers.add(Customer.person("Ana Ruiz", at=AT, **more))


def order(customer: Customer) -> Order:
    return Order(
        customer_id=customer.id, at=AT, total=Money("9.99", "EUR"), source="shop", source_key="1"
    )


def stored(backend: MongoBackend, customer: Customer) -> tuple[int, int, int]:
    """Orders, orders as the profile counts them, and journal rows of orders."""
    with backend.reading() as uow:
        orders = len(uow.orders.of(customer.id))
        counted = uow.profiles.get(customer.id)["order_count"]
    rows = [entry for entry in backend.journal() if entry.kind == "orders"]
    return orders, counted, len(rows)


@pytest.mark.parametrize("place", range(COMMANDS))
@pytest.mark.parametrize("moment", ["before", "after"])
def test_interrupted_at_any_command_no_transaction_stays_open(
    at: tuple[MongoBackend, Watch], place: int, moment: str
):
    """Given a keyboard interrupt at the nth command of a unit, before it is sent or as its answer
    arrives, then the unit is there whole or not at all, and the next writer is not held up.
    """
    backend, watch = at
    ana = ana_of(backend)
    left = [place]

    def interrupt(event: Any) -> None:
        if event.command_name == "abortTransaction":
            return
        left[0] -= 1
        if left[0] == -1:
            raise KeyboardInterrupt

    setattr(watch, moment, interrupt)
    with pytest.raises(KeyboardInterrupt), backend.unit_of_work() as uow:
        uow.orders.add(order(ana))
    setattr(watch, moment, lambda event: None)

    assert watch.open == set()
    assert stored(backend, ana) in {(0, 0, 0), (1, 1, 1)}
    with backend.unit_of_work() as uow:
        uow.orders.add(order(ana))
    assert stored(backend, ana) == (1, 1, 1)


def test_a_commit_that_was_never_sent_and_is_not_asked_again_stays_open(
    at: tuple[MongoBackend, Watch], monkeypatch: pytest.MonkeyPatch
):
    """The control: without the second asking the watch sees a transaction that nobody ends."""
    monkeypatch.setattr(
        "crmcore.adapters.mongo.transaction._commit", lambda session: session.commit_transaction()
    )
    backend, watch = at
    ana = ana_of(backend)

    def interrupt(event: Any) -> None:
        if event.command_name == "commitTransaction":
            raise KeyboardInterrupt

    watch.before = interrupt
    with pytest.raises(KeyboardInterrupt), backend.unit_of_work() as uow:
        uow.orders.add(order(ana))
    watch.before = lambda event: None
    assert len(watch.open) == 1
    ((session, _),) = watch.open  # end it, so that it holds up no other test
    killed = [{"id": Binary(session, UUID_SUBTYPE)}]
    backend.database.client.admin.command("killSessions", killed)


def test_a_unit_that_may_not_begin_leaves_no_transaction(at: tuple[MongoBackend, Watch]):
    """Neither without a model, nor where looking for it fails."""
    backend, watch = at
    other = MongoBackend(backend.database, tenant="other")
    with pytest.raises(NotMigrated), other.unit_of_work():
        pass

    def interrupt(event: Any) -> None:
        if event.command_name == "find":
            raise KeyboardInterrupt

    watch.after = interrupt
    with pytest.raises(KeyboardInterrupt), backend.unit_of_work():
        pass
    assert watch.open == set()


def raise_after(done: object) -> None:
    raise LookupError


@pytest.mark.parametrize("ending", ["error", "rollback", "doomed", "nothing done"])
def test_every_way_out_of_a_unit_ends_its_transaction(at: tuple[MongoBackend, Watch], ending: str):
    backend, watch = at
    card = [Identifier("card", "1")]
    ana_of(backend, identifiers=card)
    match ending:
        case "error":
            with pytest.raises(LookupError), backend.unit_of_work() as uow:
                raise_after(uow.customers.add(Customer.person(at=AT)))
        case "rollback":
            with backend.unit_of_work() as uow:
                uow.customers.add(Customer.person(at=AT))
                uow.rollback()
        case "doomed":
            with pytest.raises(IdentifierTaken), backend.unit_of_work() as uow:
                uow.customers.add(Customer.person(at=AT, identifiers=card))
        case _:
            with backend.unit_of_work():
                pass
    assert watch.open == set()
    assert len(backend.journal()) == 1


# what is held


def fulfilment(of: Order) -> Fulfilment:
    return Fulfilment(customer_id=of.customer_id, order_id=of.id, at=AT)


def beside(backend: MongoBackend, ana: Customer, first: Order) -> None:
    """A unit that holds the profile and writes nothing of it, while another one commits."""
    with backend.unit_of_work() as uow:
        uow.fulfilments.add(fulfilment(first))
        with backend.unit_of_work() as other:
            other.orders.add(Order(customer_id=ana.id, at=AT, total=Money("1", "EUR")))


def test_a_held_profile_is_held_to_the_end(at: tuple[MongoBackend, Watch]):
    """Whoever else writes it meanwhile, only one of the two commits, though we wrote nothing."""
    backend, watch = at
    ana = ana_of(backend)
    with backend.unit_of_work() as uow:
        first = uow.orders.add(order(ana))
    with pytest.raises(Busy):
        beside(backend, ana, first)
    with backend.reading() as uow:
        assert uow.fulfilments.of(ana.id) == []
    assert watch.open == set()


def test_without_the_touch_at_the_end_both_would_commit(
    at: tuple[MongoBackend, Watch], monkeypatch: pytest.MonkeyPatch
):
    """The control."""
    backend, _ = at
    ana = ana_of(backend)
    with backend.unit_of_work() as uow:
        first = uow.orders.add(order(ana))
    monkeypatch.setattr(MongoAccess, "settle", lambda self: None)
    beside(backend, ana, first)
    with backend.reading() as uow:
        assert len(uow.fulfilments.of(ana.id)) == 1


def test_a_stale_save_in_an_open_unit_is_busy_and_loses_nothing(at: tuple[MongoBackend, Watch]):
    backend, _ = at
    ana = ana_of(backend)

    def late() -> None:
        with backend.unit_of_work() as uow:
            held = uow.customers.get(ana.id)
            with backend.unit_of_work() as other:
                other.customers.save(ana.renamed("Eva"))
            uow.customers.save(held.renamed("Lia"))

    with pytest.raises(Busy):
        late()
    with backend.reading() as uow:
        assert uow.customers.get(ana.id).name == "Eva"


# the host's own transaction


def test_the_hosts_documents_and_ours_commit_together(at: tuple[MongoBackend, Watch]):
    """Given a host's open transaction, when both wrote and the host commits, both are there."""
    backend, _ = at
    bookings = backend.database.create_collection("bookings")
    with backend.database.client.start_session() as session:
        with session.start_transaction():
            bookings.insert_one({"_id": 1}, session=session)
            with backend.unit_of_work(session=session) as uow:
                ana = uow.customers.add(Customer.person("Ana Ruiz", at=AT))
            with backend.unit_of_work(session=session) as uow:
                uow.orders.add(order(ana))
            assert session.in_transaction
            with backend.reading() as uow:
                assert uow.customers.get_many([ana.id]) == {}
        assert stored(backend, ana) == (1, 1, 1)
    assert bookings.count_documents({}) == 1


def test_when_our_part_fails_the_host_can_still_abort(at: tuple[MongoBackend, Watch]):
    """Mongo has no savepoints: nothing of either is kept, and the session serves again."""
    backend, watch = at
    card = [Identifier("card", "1")]
    ana_of(backend, identifiers=card)
    bookings = backend.database.create_collection("bookings")
    with backend.database.client.start_session() as session:
        session.start_transaction()
        bookings.insert_one({"_id": 1}, session=session)
        with pytest.raises(IdentifierTaken), backend.unit_of_work(session=session) as uow:
            uow.customers.add(Customer.person(at=AT, identifiers=card))
        assert session.in_transaction
        session.abort_transaction()
        assert bookings.count_documents({}) == 0
        with session.start_transaction():
            bookings.insert_one({"_id": 2}, session=session)
            with backend.unit_of_work(session=session) as uow:
                uow.customers.add(Customer.person(at=AT))
    assert bookings.count_documents({}) == 1
    assert len(backend.journal()) == 2
    assert watch.open == set()


def test_a_host_that_commits_all_the_same_is_told(at: tuple[MongoBackend, Watch]):
    """The server has ended the transaction with our failure; the commit cannot half succeed."""
    backend, _ = at
    card = [Identifier("card", "1")]
    ana_of(backend, identifiers=card)
    bookings = backend.database.create_collection("bookings")
    with backend.database.client.start_session() as session:
        session.start_transaction()
        bookings.insert_one({"_id": 1}, session=session)
        with pytest.raises(IdentifierTaken), backend.unit_of_work(session=session) as uow:
            uow.customers.add(Customer.person(at=AT, identifiers=card))
        with pytest.raises(StorageError), translated():
            session.commit_transaction()
    assert bookings.count_documents({}) == 0


def test_a_session_without_a_transaction_is_refused(at: tuple[MongoBackend, Watch]):
    """Each write would be kept by itself."""
    backend, watch = at
    with backend.database.client.start_session() as session:
        watch.commands.clear()
        with pytest.raises(Refused), backend.unit_of_work(session=session):
            pass
    assert watch.names() in ([], ["endSessions"])
