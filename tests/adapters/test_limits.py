"""The bound of sums is the same on every backend, however the sum comes about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from crmcore import (
    Cancellation,
    Customer,
    Fold,
    InvalidInput,
    Measure,
    Model,
    Money,
    Order,
    StorageError,
)
from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.adapters.row_folding import beyond_limit
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import translated

AT = datetime(2024, 1, 1, tzinfo=UTC)
MOST = Money.of_minor(2**53 - 1, "EUR")
GROSS = Model(measures=[Measure("gross", "orders", Fold.SUM, "base_amount")])

Open = Callable[[Model], Backend]


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    store, engine = MemoryStore(), sa.create_engine(f"sqlite:///{tmp_path}/crm.db")
    if request.param == "memory":
        yield lambda model: MemoryBackend(store, model=model)
    else:
        yield lambda model: SqlBackend(engine, model=model)
    engine.dispose()


@pytest.mark.parametrize("times", [2, 1_100], ids=["beyond 2**53", "beyond 64 bits"])
def test_one_bulk_beyond_the_limit(opened: Open, times: int):
    """Refused as `InvalidInput`, also where the driver does not take the number."""
    backend = opened(Model())
    backend.migrate()
    with pytest.raises(InvalidInput) as refused, backend.unit_of_work() as uow:
        ana = uow.customers.add(Customer.person(at=AT))
        uow.orders.add_many(Order(customer_id=ana.id, at=AT, total=MOST) for _ in range(times))
    assert refused.value.faults[0].path == "amount"
    assert refused.value.__context__ is None


def test_a_new_measure_of_old_facts(opened: Open):
    """No fact was too much when it was recorded; the fold of all of them is."""
    backend = opened(Model())
    backend.migrate()
    with backend.unit_of_work() as uow:
        ana = uow.customers.add(Customer.person(at=AT))
        for _ in range(2):
            order = uow.orders.add(Order(customer_id=ana.id, at=AT, total=MOST))
            uow.cancellations.add(Cancellation(customer_id=ana.id, at=AT, order_id=order.id))
    with pytest.raises(InvalidInput) as refused:
        opened(GROSS).migrate()
    assert refused.value.faults[0].path == "amount"
    assert refused.value.__context__ is None


def test_a_fold_beyond_64_bits_is_no_fault_of_the_store(tmp_path: Path):
    """SQLite gives up adding before a column's check could refuse the sum."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/crm.db")
    much = f"SELECT sum(n) FROM (SELECT {2**62} AS n UNION ALL SELECT {2**62})"
    with engine.connect() as connection:
        with pytest.raises(InvalidInput), translated(out_of_range=beyond_limit):
            connection.exec_driver_sql(much).all()
        with pytest.raises(StorageError), translated():
            connection.exec_driver_sql(much).all()
    engine.dispose()
