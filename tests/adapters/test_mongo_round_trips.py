"""How many commands a unit of work costs on Mongo: each is a round trip, so the list is pinned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from crmcore import Customer, Money, Order
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.profiles import MongoProfiles
from tests import servers
from tests.adapters.mongo_watch import Watch, watched
from tests.contract.sql_server import started

AT = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    yield from started(servers.mongo)


@pytest.fixture
def at(url: str) -> Iterator[tuple[MongoBackend, Watch]]:
    with watched(url) as found:
        yield found


def ana_of(backend: MongoBackend, watch: Watch) -> Customer:
    with backend.unit_of_work() as uow:
        ana = uow.customers.add(Customer.person("Ana Ruiz", emails=["ana@example.com"], at=AT))
    watch.commands.clear()
    return ana


def order(customer: Customer, number: int) -> Order:
    return Order(
        customer_id=customer.id, at=AT, total=Money("9.99", "EUR"), source="shop",
        source_key=str(number),
    )  # fmt: skip


ONE_ORDER = [
    "find crm_models",
    "find crm_profiles",
    "find crm_orders",
    "find crm_orders",
    "insert crm_orders",
    "update crm_profiles",
    "insert crm_journal",
    "commitTransaction",
]


def test_one_order_is_eight_commands(at: tuple[MongoBackend, Watch]):
    """The model, the profile, the id, the key; the fact, the profile, the journal; the commit."""
    backend, watch = at
    ana = ana_of(backend, watch)
    with backend.unit_of_work() as uow:
        uow.orders.add(order(ana, 1))
    assert watch.names() == ONE_ORDER


def test_a_second_reading_of_the_profile_is_noticed(
    at: tuple[MongoBackend, Watch], monkeypatch: pytest.MonkeyPatch
):
    """The control: a merge that reads anew what the lock has read costs one command more."""
    backend, watch = at
    ana = ana_of(backend, watch)
    merge = MongoProfiles.merge

    def forgetful(self: MongoProfiles, *given: object) -> None:
        self._rows = {}
        merge(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(MongoProfiles, "merge", forgetful)
    with backend.unit_of_work() as uow:
        uow.orders.add(order(ana, 1))
    assert len(watch.names()) == len(ONE_ORDER) + 1


def test_many_orders_of_one_customer_cost_no_more_than_their_keys(
    at: tuple[MongoBackend, Watch],
):
    """Facts, profiles and journal are one command each, whatever the number; ids and keys are
    asked for fifty at a time.
    """
    backend, watch = at
    ana = ana_of(backend, watch)
    with backend.unit_of_work() as uow:
        assert uow.orders.add_many(order(ana, number) for number in range(200)) == 200
    names = watch.names()
    assert names.count("find crm_orders") == 2 * 200 / 50
    assert [n for n in names if n != "find crm_orders"] == [
        n for n in ONE_ORDER if n != "find crm_orders"
    ]


def test_facts_known_to_be_new_are_not_asked_for_twice(at: tuple[MongoBackend, Watch]):
    backend, watch = at
    ana = ana_of(backend, watch)
    orders = [order(ana, number) for number in range(3)]
    with backend.unit_of_work() as uow:
        assert uow.orders.conflicts(orders) == {}
        assert uow.orders.add_many(orders) == 3
    assert watch.names().count("find crm_orders") == 2


def test_a_saved_customer_is_eight_commands(at: tuple[MongoBackend, Watch]):
    backend, watch = at
    ana = ana_of(backend, watch)
    with backend.unit_of_work() as uow:
        uow.customers.save(ana.renamed("Ana"))
    assert watch.names() == [
        "find crm_models",
        "find crm_customers",
        "update crm_customers",
        "find crm_keys",
        "find crm_profiles",
        "update crm_profiles",
        "insert crm_journal",
        "commitTransaction",
    ]


def test_a_look_up_is_one_command_and_no_transaction(at: tuple[MongoBackend, Watch]):
    backend, watch = at
    ana = ana_of(backend, watch)
    with backend.reading() as uow:
        assert uow.customers.get(ana.id).id == ana.id
    ((name, command),) = watch.commands
    assert name == "find"
    assert "txnNumber" not in command
    assert "autocommit" not in command


def test_all_customers_are_one_query(
    at: tuple[MongoBackend, Watch], monkeypatch: pytest.MonkeyPatch
):
    """Given pages of two, five customers come from one sorted cursor, not from three queries."""
    monkeypatch.setattr("crmcore.domain.repositories.BATCH", 2)
    backend, watch = at
    with backend.unit_of_work() as uow:
        uow.customers.add_many(Customer.person(at=AT) for _ in range(5))
    watch.commands.clear()
    with backend.reading() as uow:
        ids = [customer.id for customer in uow.customers.stream()]
    assert ids == sorted(ids)
    assert len(ids) == 5
    sent = watch.names()
    assert sent.count("find crm_customers") == 1
