"""The memory backend keeps the contract."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest

from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.testing.builders import a_customer
from crmcore.testing.contract import (
    BackendContract,
    HistoriesContract,
    LoyaltyHistoriesContract,
    PredicatesContract,
)


class OnMemory:
    one_writer = True

    @pytest.fixture
    def backends(self, memory):
        return memory


class TestMemory(OnMemory, BackendContract):
    pass


@pytest.mark.slow
class TestMemoryAtLength(OnMemory, HistoriesContract, LoyaltyHistoriesContract, PredicatesContract):
    examples = 150
    steps = 50


class Paused(dict[Any, Any]):
    """A table whose second change waits until somebody has looked, or a while."""

    half, looked = Event(), Event()

    def __setitem__(self, key: Any, row: Any) -> None:
        if self.half.is_set():
            self.looked.wait(0.3)
        super().__setitem__(key, row)
        self.half.set()


def test_a_reader_sees_no_half_of_a_commit():
    """Two customers that are always saved together have one version, whenever they are read."""
    store = MemoryStore()
    backend = MemoryBackend(store)
    backend.migrate()
    with backend.unit_of_work() as uow:
        pair = [uow.customers.add(a_customer(name)) for name in ("Ana", "Ben")]
    table = store.tables["main", "customers"] = Paused(store.tables["main", "customers"])
    table.half, table.looked = Event(), Event()

    def save_both() -> None:
        with backend.unit_of_work() as uow:
            uow.customers.save_many(pair)

    writer = Thread(target=save_both)
    writer.start()
    assert table.half.wait(5)
    with backend.reading() as uow:
        seen = uow.customers.get_many([customer.id for customer in pair])
    table.looked.set()
    writer.join()

    assert [customer.version for customer in seen.values()] == [2, 2]
