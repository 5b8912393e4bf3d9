"""`kill -9` of a writing process at random moments, and of the server under its writers."""

from __future__ import annotations

import os
import random
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import OutcomeUnknown, StorageError
from crmcore.domain.ids import CustomerId
from crmcore.domain.unit_of_work import UnitOfWork
from tests.faults.processes import Child, answering, beside, forked
from tests.faults.stores import Store
from tests.faults.work import (
    Findings,
    audit,
    called,
    complaints_about,
    customers_in,
    one_unit,
    patiently,
    saved_and_ordered,
    written,
)

__all__ = ["CONTROLS", "killed_servers", "killed_writers"]

AUDIT_EVERY = 50
LIFE = 3
"""How many units a writer has time for, were it not killed before."""

Unit = Callable[[Backend, CustomerId, str, Callable[[], object]], None]


def whole(backend: Backend, who: CustomerId, key: str, acknowledge: Callable[[], object]) -> None:
    """A unit, acknowledged when its commit returned."""
    written(backend, who, key)
    acknowledge()


def too_early(
    backend: Backend, who: CustomerId, key: str, acknowledge: Callable[[], object]
) -> None:
    """Control: acknowledged before its commit."""

    def hasty(uow: UnitOfWork) -> None:
        acknowledge()
        one_unit(uow, who, key)

    patiently(backend, hasty)


def in_two(backend: Backend, who: CustomerId, key: str, acknowledge: Callable[[], object]) -> None:
    """Control: what belongs together in two transactions."""
    patiently(backend, saved_and_ordered, who, key)
    patiently(backend, called, who, key)
    acknowledge()


CONTROLS: dict[str, Unit] = {"acknowledged before commit": too_early, "two transactions": in_two}


def _write_until_killed(
    handle: Callable[[], Backend], ids: list[CustomerId], name: str, unit: Unit
) -> Callable[[int], None]:
    def run(pipe: int) -> None:
        backend = handle()
        first = zlib.crc32(name.encode())
        os.write(pipe, b"b")
        for number in count():
            key = f"{name}-{number}"
            acknowledge = partial(os.write, pipe, f"{key}\n".encode())
            unit(backend, ids[(first + number) % len(ids)], key, acknowledge)

    return run


def _life(child: Child[None]) -> tuple[float, list[str]]:
    """How long a writer takes for some units, which it acknowledged; it is killed then."""
    child.first_word()
    since, told = time.monotonic(), b""
    while told.count(b"\n") < LIFE:
        told += os.read(child.reading, 1 << 16)
    life = time.monotonic() - since
    child.kill()
    return life, (told + child.everything()).decode().split()


def _lane(store: Store, times: int, unit: Unit, seed: int) -> Findings:
    """So many kills, one after the other; a new tenant after each audit."""
    chance = random.Random(seed)
    found = Findings()
    for begun in range(0, times, AUDIT_EVERY):
        tenant = store.tenant()
        backend = store.opened(tenant)
        ids = customers_in(backend)
        with backend.reading() as uow:
            uow.profiles.where().count()
        handle = store.in_children(backend, tenant)
        acknowledged: set[str] = set()
        child: Child[None] = forked(_write_until_killed(handle, ids, "first", unit))
        life, told = _life(child)
        acknowledged.update(told)
        for number in range(begun, min(times, begun + AUDIT_EVERY)):
            child = forked(_write_until_killed(handle, ids, str(number), unit))
            child.first_word()
            time.sleep(chance.uniform(0, life))
            child.kill()
            acknowledged.update(child.everything().decode().split())
        time.sleep(0.05 if store.server else 0)  # a server may still be busy with the last one
        backend = store.opened(tenant)
        found += audit(backend, acknowledged, ids=ids)
        backend.close()
        if store.folder is not None:
            for file in store.folder.glob(f"{tenant}.db*"):
                file.unlink()
    return found


def killed_writers(
    store: Store, times: int, *, unit: Unit = whole, lanes: int = 2, seed: int = 1
) -> Findings:
    """`kill -9` of a writer so many times, at moments spread evenly over its working time."""
    shares = [times // lanes + (lane < times % lanes) for lane in range(lanes)]
    per_lane = [(store, share, unit, seed + lane) for lane, share in enumerate(shares) if share]
    return sum(beside(_lane, *per_lane), Findings())


@dataclass
class Told:
    """What a writer was told of its units until the server was gone."""

    acknowledged: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    foreign: int = 0


def _write_until_refused(
    handle: Callable[[], Backend], ids: list[CustomerId], name: str, unit: Unit, pipe: int
) -> Told:
    """Units until the first error; what became of each."""
    told = Told()
    backend = handle()
    os.write(pipe, b"b")
    for number in count():
        key = f"{name}-{number}"
        try:
            unit(backend, ids[number % len(ids)], key, partial(told.acknowledged.add, key))
        except OutcomeUnknown as error:
            told.unknown.add(key)
            told.foreign += len(complaints_about(error))
            return told
        except StorageError as error:
            told.failed.add(key)
            told.foreign += len(complaints_about(error))
            return told
        except Exception as error:  # noqa: BLE001  whatever reaches the caller is looked at
            told.foreign += len(complaints_about(error))
            return told
    raise AssertionError("never")


def killed_servers(
    store: Store, times: int, *, unit: Unit = whole, writers: int = 2, seed: int = 1
) -> Findings:
    """`kill -9` of the server under its writers, and a restart on the same data, so many times."""
    assert store.server is not None
    chance = random.Random(seed)
    found = Findings()
    tenant, ids, everything = "", list[CustomerId](), Told()
    for number in range(times):
        if number % 10 == 0:
            tenant, everything = store.tenant(), Told()
            backend = store.opened(tenant)
            ids = customers_in(backend, 3 * writers)
            handle = store.in_children(backend, tenant)
        children = [
            _writer(handle, ids[3 * lane : 3 * lane + 3], f"{number}.{lane}", unit)
            for lane in range(writers)
        ]
        for child in children:
            child.first_word()
        time.sleep(chance.uniform(0.05, 0.35))
        store.server.kill()
        for told in (child.result() for child in children):
            everything.acknowledged |= told.acknowledged
            everything.failed |= told.failed
            found.foreign_errors += told.foreign
        store.server.start()
        if number % 10 == 9 or number == times - 1:
            reopened = store.opened(tenant)
            found += audit(reopened, everything.acknowledged, failed=everything.failed, ids=ids)
            reopened.close()
    return found


def _writer(
    handle: Callable[[], Backend], ids: list[CustomerId], name: str, unit: Unit
) -> Child[Told]:
    child: Child[Told] = forked(
        lambda pipe: answering(_write_until_refused, (handle, ids, name, unit, pipe))(pipe)
    )
    return child
