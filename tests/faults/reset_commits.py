"""The connection is reset at commit: before the server has it, or before its reply is back."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from dataclasses import dataclass, fields

from crmcore import Money, Order
from crmcore.adapters.backend import Backend
from crmcore.domain.errors import Busy, OutcomeUnknown
from crmcore.domain.ids import CustomerId
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT
from tests.faults.processes import beside
from tests.faults.proxy import Fate, proxied
from tests.faults.stores import Store
from tests.faults.work import SOURCE, complaints_about, customers_in

__all__ = ["Resets", "reset_commits"]

COMMIT = re.compile(rb"COMMIT(?!TED)|commitTransaction")
"""What asks for a commit; `READ COMMITTED` does not."""
RATE = 0.2
PATIENCE = 3.0


@dataclass
class Resets:
    """What became of the operations; all from `missing` on are violations."""

    operations: int = 0
    resets: int = 0
    unknown: int = 0
    kept: int = 0
    """Units that the server had kept when the connection was reset."""
    missing: int = 0
    double: int = 0
    profiles: int = 0
    other_errors: int = 0
    foreign_errors: int = 0

    @property
    def violations(self) -> int:
        """All that must not be."""
        return self.missing + self.double + self.profiles + self.other_errors + self.foreign_errors

    def __add__(self, other: Resets) -> Resets:
        sums = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        return Resets(**sums)

    def __str__(self) -> str:
        return " ".join(f"{f.name}={getattr(self, f.name)}" for f in fields(self))


class Resetting:
    """A plan: every COMMIT of this operation meets one fate. A driver that repeats the commit by
    itself, as Mongo's does once, meets it again.
    """

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        self.met = False

    def __call__(self, asked: bytes) -> Fate:
        if COMMIT.search(asked):
            self.met = True
            return self.fate
        return Fate.PASSES


def _ordered(uow: UnitOfWork, who: CustomerId, key: str | None) -> None:
    total = Money("19.99", "EUR")
    uow.orders.add(Order(customer_id=who, at=AT, total=total, source_key=key))


def _operation(
    backend: Backend, who: CustomerId, key: str | None, plan: Resetting, found: Resets
) -> None:
    """One order, repeated while its outcome is unknown."""
    fate, deadline = plan.fate, time.monotonic() + PATIENCE
    while True:
        try:
            with backend.unit_of_work(source=SOURCE) as uow:
                _ordered(uow, who, key)
        except OutcomeUnknown as error:
            found.unknown += 1
            found.foreign_errors += len(complaints_about(error))
            plan.fate = Fate.PASSES
        except Busy:
            if time.monotonic() > deadline:  # somebody who is gone holds it still
                found.other_errors += 1
                break
        except Exception as error:  # noqa: BLE001  whatever reaches the caller is looked at
            found.other_errors += 1
            found.foreign_errors += len(complaints_about(error))
            plan.fate = Fate.PASSES
        else:
            break
    found.operations += 1
    found.resets += plan.met and fate is not Fate.PASSES
    found.kept += plan.met and fate is Fate.DONE


def _lane(store: Store, times: int, keyed: bool, seed: int) -> Resets:
    assert store.server is not None
    chance = random.Random(seed)
    found = Resets()
    with proxied(store.url, store.server.port) as (url, proxy):
        tenant = store.tenant()
        backend = store.opened(tenant, url=url)
        ids = customers_in(backend, 10)
        for number in range(times):
            fate = Fate.PASSES
            if chance.random() < RATE:
                fate = chance.choice((Fate.LOST, Fate.DONE))
            key = str(number) if keyed else None
            plan = Resetting(fate)
            proxy.plan = plan
            _operation(backend, ids[number % 10], key, plan, found)
        backend.close()
    backend = store.opened(tenant)
    with backend.reading() as uow:
        orders = [order for who in ids for order in uow.orders.of(who)]
        profiles = uow.profiles.get_many(ids)
    if keyed:
        keys = Counter(order.source_key for order in orders)
        found.missing = len({str(number) for number in range(times)} - keys.keys())
        found.double = sum(count - 1 for count in keys.values())
    else:
        found.double = len(orders) - times
    placed = Counter(order.customer_id for order in orders)
    found.profiles = sum(profiles[who]["order_count"] != placed[who] for who in ids)
    backend.close()
    return found


def reset_commits(
    store: Store, times: int, *, keyed: bool = True, lanes: int = 2, seed: int = 1
) -> Resets:
    """So many operations, a fifth of which lose their connection at commit; the caller repeats
    them with the same source key. Control: without a key.
    """
    shares = [times // lanes + (lane < times % lanes) for lane in range(lanes)]
    per_lane = [(store, share, keyed, seed + lane) for lane, share in enumerate(shares) if share]
    return sum(beside(_lane, *per_lane), Resets())
