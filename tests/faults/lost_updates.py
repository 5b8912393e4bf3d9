"""Eight writers on ten customers, facts and aggregates mixed: no update is lost, no sum changes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import attrs

from crmcore import Customer, Interaction, Money, Order
from crmcore.adapters.backend import Backend
from crmcore.domain.errors import Busy, Stale
from crmcore.domain.ids import CustomerId
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT
from tests.faults.processes import beside
from tests.faults.stores import Store
from tests.faults.work import SOURCE, complaints_about, counted, customers_in

__all__ = ["Updates", "forced", "lost_updates", "versioned"]

CUSTOMERS = 10
EACH = 100


@dataclass
class Updates:
    """What the writers were told, and what is found; all from `lost` on are violations."""

    saves: int = 0
    stale: int = 0
    busy: int = 0
    lost: int = 0
    """Saves that the customers' counters do not show."""
    versions: int = 0
    """Customers whose version is not that of their saves."""
    total: int = 0
    """By how much the sum of all balances changed."""
    facts: int = 0
    """Facts missing, or too many, or not in the profile."""
    foreign_errors: int = 0
    others: Counter[str] = field(default_factory=Counter)
    """What else reached a caller than `Stale` and `Busy`, by its text."""

    @property
    def violations(self) -> int:
        """All that must not be."""
        return self.lost + self.versions + abs(self.total) + self.facts + self.foreign_errors

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in vars(self).items() if value != {})


@dataclass
class Done:
    """What one writer did."""

    saves: Counter[CustomerId] = field(default_factory=Counter)
    orders: Counter[CustomerId] = field(default_factory=Counter)
    interactions: Counter[CustomerId] = field(default_factory=Counter)
    stale: int = 0
    busy: int = 0
    foreign: int = 0
    others: Counter[str] = field(default_factory=Counter)


Save = Callable[[UnitOfWork, Customer], None]


def versioned(uow: UnitOfWork, customer: Customer) -> None:
    """A save as it should be."""
    uow.customers.save(customer)


def forced(uow: UnitOfWork, customer: Customer) -> None:
    """Control: over whatever another saved meanwhile, as without a version."""
    held = uow.customers.get(customer.id)
    uow.customers.save(attrs.evolve(customer, version=held.version))


def _read_before(backend: Backend, who: CustomerId, save: Save, done: Done) -> None:
    """Read, think, then save in a unit of its own, with an interaction."""
    with backend.reading() as uow:
        read = uow.customers.get(who)
    with backend.unit_of_work(source=SOURCE) as uow:
        save(uow, counted(read))
        uow.interactions.add(Interaction(customer_id=who, at=AT, channel="phone"))
    done.saves[who] += 1
    done.interactions[who] += 1


def _read_within(backend: Backend, who: CustomerId, save: Save, done: Done) -> None:
    """Read and save in one unit, with an order before."""
    with backend.unit_of_work(source=SOURCE) as uow:
        uow.orders.add(Order(customer_id=who, at=AT, total=Money("19.99", "EUR")))
        save(uow, counted(uow.customers.get(who)))
    done.saves[who] += 1
    done.orders[who] += 1


def _transfer(backend: Backend, who: CustomerId, to: CustomerId, done: Done) -> None:
    """One from the balance of a customer to another's."""
    with backend.unit_of_work(source=SOURCE) as uow:
        held = uow.customers.get_many([who, to])
        giving = counted(counted(held[who], "balance", -1))
        taking = counted(counted(held[to], "balance", 1))
        uow.customers.save_many([giving, taking])
    done.saves.update([who, to])


def _writer(
    handle: Callable[[], Backend], ids: list[CustomerId], saves: int, save: Save, seed: int
) -> Done:
    chance = random.Random(seed)
    backend, done = handle(), Done()
    while done.saves.total() < saves:
        who, other = chance.sample(ids, 2)
        kind = chance.random()
        try:
            if kind < 0.5:
                _read_before(backend, who, save, done)
            elif kind < 0.8:
                _read_within(backend, who, save, done)
            else:
                _transfer(backend, who, other, done)
        except Stale:
            done.stale += 1
        except Busy as error:
            done.busy += 1
            done.foreign += len(complaints_about(error))
        except Exception as error:  # noqa: BLE001  whatever reaches the caller is looked at
            done.foreign += 1 + len(complaints_about(error))
            done.others[f"{type(error).__name__}: {error}"] += 1
    return done


def lost_updates(
    store: Store, saves: int, *, save: Save = versioned, writers: int = 8, seed: int = 1
) -> Updates:
    """So many saves by eight writers at once: processes, on the memory backend threads."""
    tenant = store.tenant()
    backend = store.opened(tenant)
    ids = customers_in(backend, CUSTOMERS)
    share = -(-saves // writers)
    if store.memory is not None:
        with ThreadPoolExecutor(writers) as pool:
            work = [
                pool.submit(_writer, lambda: backend, ids, share, save, seed + n)
                for n in range(writers)
            ]
            done = [each.result() for each in work]
    else:
        handle = store.in_children(backend, tenant)
        done = beside(_writer, *((handle, ids, share, save, seed + n) for n in range(writers)))
        backend = store.opened(tenant)
    found = _compared(backend, ids, done)
    backend.close()
    return found


def _compared(backend: Backend, ids: list[CustomerId], done: list[Done]) -> Updates:
    saves = sum((each.saves for each in done), Counter[CustomerId]())
    orders = sum((each.orders for each in done), Counter[CustomerId]())
    interactions = sum((each.interactions for each in done), Counter[CustomerId]())
    found = Updates(
        saves=saves.total(), stale=sum(each.stale for each in done),
        busy=sum(each.busy for each in done), foreign_errors=sum(each.foreign for each in done),
        others=sum((each.others for each in done), Counter[str]()),
    )  # fmt: skip
    with backend.reading() as uow:
        held = uow.customers.get_many(ids)
        profiles = uow.profiles.get_many(ids)
        for customer in held.values():
            id = customer.id
            found.lost += saves[id] - int(str(customer.attribute("visits")))
            found.versions += customer.version != 1 + saves[id]
            found.total += int(str(customer.attribute("balance"))) - EACH
            found.facts += abs(len(uow.orders.of(customer.id)) - orders[customer.id])
            found.facts += abs(profiles[customer.id]["order_count"] - orders[customer.id])
            called = interactions[customer.id]
            found.facts += abs(len(uow.interactions.of(customer.id)) - called)
            found.facts += abs(profiles[customer.id]["interaction_count"] - called)
    return found
