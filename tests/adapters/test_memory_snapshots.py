"""`snapshot()` and `reset()` of the memory backend."""

from __future__ import annotations

import pytest

from crmcore import Busy, Identifier, Model, Refused
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.testing import a_customer, a_return, an_interaction, an_order
from crmcore.testing.contract.subject import everything_in, neighbour_in

CARD = Identifier("card", "4000 0001")


@pytest.fixture
def backend() -> MemoryBackend:
    backend = MemoryBackend(MemoryStore(), busy_timeout=0.1)
    backend.migrate()
    with backend.unit_of_work(source="shop") as uow:
        ana = uow.customers.add(a_customer().identified_by(CARD))
        uow.orders.add(an_order(ana, source_key="1"))
        uow.customers.add(a_customer("Ben"))
    return backend


def change_everything(backend: MemoryBackend) -> None:
    with backend.unit_of_work(source="shop") as uow:
        ana = uow.customers.find_by_identifier("card", CARD.value)
        assert ana is not None
        (order,) = uow.orders.of(ana.id)
        uow.returns.add(a_return(order, "1.00"))
        uow.orders.add(an_order(ana, nth=2, source_key="2"))
        interaction = uow.interactions.add(an_interaction(ana))
        uow.interactions.remove(interaction.id)
        uow.customers.remove(uow.customers.get(a_customer("Ben").id))
        uow.customers.add(a_customer("Cid"))
        uow.customers.save(ana.renamed("Another"))


def test_reset_takes_back_everything_as_often_as_one_likes(backend):
    before, start = everything_in(backend), backend.snapshot()

    for _ in range(3):
        change_everything(backend)  # the same ids, keys and source keys each time
        assert everything_in(backend) != before
        backend.reset(start)
        assert everything_in(backend) == before


def test_reset_takes_back_tenants_and_models(backend):
    start = backend.snapshot()
    other = MemoryBackend(backend.store, tenant="b", model=Model(currency="USD"))
    other.migrate()
    with other.unit_of_work() as uow:
        uow.customers.add(a_customer())

    backend.reset(start)

    other.migrate()
    with other.reading() as uow:
        assert uow.profiles.where().count() == 0
    assert other.journal() == []


def test_reset_leaves_a_tenant_as_it_was_at_the_snapshot(backend):
    neighbour = neighbour_in(lambda **given: MemoryBackend(backend.store, **given), backend.clock)
    before, start = everything_in(neighbour), backend.snapshot()
    change_everything(backend)

    backend.reset(start)

    assert everything_in(neighbour) == before


def test_snapshots_nest(backend):
    outer, first = backend.snapshot(), everything_in(backend)
    with backend.unit_of_work() as uow:
        uow.customers.add(a_customer("Dan"))
    inner, second = backend.snapshot(), everything_in(backend)
    change_everything(backend)

    backend.reset(inner)
    assert everything_in(backend) == second
    backend.reset(outer)
    assert everything_in(backend) == first
    with pytest.raises(Refused) as raised:
        backend.reset(inner)
    assert raised.value.rule == "memory.reset"


def test_a_snapshot_of_another_store_is_refused(backend):
    other = MemoryBackend()
    other.migrate()

    with pytest.raises(Refused):
        backend.reset(other.snapshot())


def test_what_was_rolled_back_is_not_taken_back(backend):
    start, before = backend.snapshot(), everything_in(backend)
    with backend.unit_of_work() as uow:
        uow.customers.add(a_customer("Dan"))
        uow.rollback()

    backend.reset(start)

    assert everything_in(backend) == before


def test_a_unit_that_is_open_is_busy(backend):
    start = backend.snapshot()
    with backend.unit_of_work() as uow:
        uow.customers.add(a_customer("Dan"))
        with pytest.raises(Busy):
            backend.reset(start)
        with pytest.raises(Busy):
            backend.snapshot()

    assert len(backend.journal()) == 4


def test_without_a_snapshot_nothing_is_remembered(backend):
    change_everything(backend)

    assert backend.store.replaced is None
