"""Deadlocks, serialisation failures and lock time-outs: `Busy`, and `run` gets through."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Barrier, BrokenBarrierError
from typing import Any

import sqlalchemy as sa

from crmcore.adapters.backend import Backend
from crmcore.adapters.sql import SqlBackend
from crmcore.domain.errors import Busy, Stale
from crmcore.domain.ids import CustomerId
from crmcore.domain.unit_of_work import UnitOfWork
from tests.faults.stores import Store
from tests.faults.work import MODEL, complaints_about, counted, customers_in

__all__ = ["Conflicts", "conflicts", "impatient", "isolated"]


@dataclass
class Conflicts:
    """What pairs of writers met; all from `failed` on are violations."""

    pairs: int = 0
    busy: int = 0
    """Without `run`: how often one of them was told."""
    by_run: int = 0
    """With `run`: how many went through."""
    failed: int = 0
    lost: int = 0
    foreign_errors: int = 0

    @property
    def violations(self) -> int:
        """All that must not be."""
        return self.failed + self.lost + self.foreign_errors

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in vars(self).items())


def isolated(store: Store, tenant: str, level: str) -> Backend:
    """A backend on a host's engine of that isolation."""
    engine = sa.create_engine(store.url, isolation_level=level)
    return SqlBackend(engine, tenant=tenant, model=MODEL, owns_engine=True)


def impatient(store: Store, tenant: str) -> Backend:
    """A backend on a host's engine that waits for a lock no longer than a second."""
    settings: dict[str, Any] = {
        "postgres": {"options": "-c lock_timeout=200"},
        "mariadb": {"init_command": "SET SESSION innodb_lock_wait_timeout = 1"},
    }
    engine = sa.create_engine(
        store.url, isolation_level="READ COMMITTED", connect_args=settings[store.name]
    )
    return SqlBackend(engine, tenant=tenant, model=MODEL, owns_engine=True)


def _crossing(meeting: Barrier) -> Callable[[UnitOfWork, CustomerId, CustomerId], None]:
    """Save one customer, wait for the other writer to have done the same, save the second."""

    def work(uow: UnitOfWork, first: CustomerId, second: CustomerId) -> None:
        uow.customers.save(counted(uow.customers.get(first)))
        with suppress(BrokenBarrierError):  # a repetition, or the other one cannot get here
            meeting.wait(0.5)
        uow.customers.save(counted(uow.customers.get(second)))

    return work


def _same(meeting: Barrier) -> Callable[[UnitOfWork, CustomerId, CustomerId], None]:
    """Read a customer, wait for the other writer to have read, save."""

    def work(uow: UnitOfWork, first: CustomerId, second: CustomerId) -> None:
        one = min(first, second)
        read = uow.customers.get(one)
        with suppress(BrokenBarrierError):
            meeting.wait(0.5)
        uow.customers.save(counted(read))

    return work


SHAPES = {"crossing": _crossing, "same": _same}


def conflicts(
    backend: Backend,
    pairs: int,
    *,
    shape: str = "crossing",
    ids: list[CustomerId] | None = None,
    by_run: bool | None = None,
) -> Conflicts:
    """Pairs of writers that stand in each other's way, by `run`, not, or every second pair."""
    found = Conflicts()
    ids = ids or customers_in(backend, 2)
    first, second = ids[:2]
    saves = _visits(backend, ids)
    with ThreadPoolExecutor(2) as pool:
        for number in range(pairs):
            work = SHAPES[shape](Barrier(2))
            repeated = bool(number % 2) if by_run is None else by_run
            both = [
                pool.submit(_one, backend, work, pair, repeated)
                for pair in ((first, second), (second, first))
            ]
            found.pairs += 1
            for told in (each.result() for each in both):
                if told is None:
                    saves += 2 if shape == "crossing" else 1
                    found.by_run += repeated
                elif isinstance(told, Busy) and not repeated:
                    found.busy += 1
                elif not isinstance(told, Stale):
                    found.failed += 1
                if told is not None:
                    found.foreign_errors += len(complaints_about(told))
    found.lost = saves - _visits(backend, ids)
    return found


def _visits(backend: Backend, ids: list[CustomerId]) -> int:
    with backend.reading() as uow:
        held = uow.customers.get_many(ids)
    return sum(int(str(one.attribute("visits"))) for one in held.values())


def _one(
    backend: Backend,
    work: Callable[[UnitOfWork, CustomerId, CustomerId], None],
    pair: tuple[CustomerId, CustomerId],
    by_run: bool,
) -> Exception | None:
    try:
        if by_run:
            backend.run(work, *pair)
        else:
            with backend.unit_of_work() as uow:
                work(uow, *pair)
    except Exception as error:  # noqa: BLE001  whatever reaches the caller is looked at
        return error
    return None
