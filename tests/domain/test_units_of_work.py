"""What a unit of work promises beyond the contract, where a small batch shows it."""

from __future__ import annotations

import pytest

from crmcore import Customer, LifeCycle, Model, Move, MoveRefused, Refused, Stage, Standing
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.domain import fact_repositories, repositories
from crmcore.testing import AT, a_customer, an_order


@pytest.fixture
def backend(monkeypatch) -> MemoryBackend:
    monkeypatch.setattr(repositories, "BATCH", 2)
    monkeypatch.setattr(fact_repositories, "BATCH", 2)
    made = MemoryBackend(MemoryStore())
    made.migrate()
    return made


def failing_after(found):
    yield from found
    raise ZeroDivisionError


def test_an_iterable_that_fails_in_a_later_batch_dooms_the_unit(backend):
    with (
        pytest.raises(Refused) as raised,
        backend.unit_of_work() as uow,
        pytest.raises(ZeroDivisionError),
    ):
        uow.customers.add_many(failing_after(a_customer(nth=n) for n in range(1, 4)))

    assert raised.value.rule == "unit_of_work.doomed"
    with backend.reading() as uow:
        assert uow.profiles.where().count() == 0


def test_the_same_for_facts(backend):
    with backend.unit_of_work() as uow:
        ana = uow.customers.add(a_customer())

    with (
        pytest.raises(Refused),
        backend.unit_of_work() as uow,
        pytest.raises(ZeroDivisionError),
    ):
        uow.orders.add_many(failing_after(an_order(ana, nth=n) for n in range(1, 4)))

    with backend.reading() as uow:
        assert uow.orders.of(ana.id) == []


def test_an_iterable_that_fails_before_anything_is_written_leaves_the_unit_open(backend):
    with backend.unit_of_work() as uow:
        with pytest.raises(ZeroDivisionError):
            uow.customers.add_many(failing_after([]))
        uow.customers.add(a_customer())

    with backend.reading() as uow:
        assert uow.profiles.where().count() == 1


def test_a_new_customer_begins_the_models_life_cycle():
    trial = LifeCycle(
        stages=[Stage("stranger", Standing.PROSPECT), Stage("guest", Standing.CUSTOMER)],
        moves=[Move("stranger", "guest", "welcome")],
    )
    backend = MemoryBackend(MemoryStore(), model=Model(life_cycle=trial))
    backend.migrate()

    with backend.unit_of_work() as uow:
        ana = uow.customers.add(Customer.person("Ana", at=AT))

        assert ana.stage == "stranger"
        with pytest.raises(MoveRefused):
            ana.moved_to("stranger", at=AT)
        saved = uow.customers.save(ana.moved_to("guest", at=AT))
        assert saved.standing is Standing.CUSTOMER
        with pytest.raises(MoveRefused):
            saved.moved_to("stranger", at=AT)
