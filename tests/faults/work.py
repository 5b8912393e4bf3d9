"""What writers do while something fails, and the audit of what they leave behind.

A unit saves a customer and records an order and an interaction under one key, so half of one
shows: each customer's version, counter, orders, interactions and profile tell the same number.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import attrs

from crmcore import Customer, Interaction, Model, Money, Order
from crmcore.adapters.backend import Backend
from crmcore.domain.attributes import AttributeType
from crmcore.domain.errors import Busy, CrmError
from crmcore.domain.ids import CustomerId
from crmcore.domain.journal import Entry
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT

__all__ = [
    "EMAIL",
    "MODEL",
    "NAME",
    "Findings",
    "audit",
    "complaints_about",
    "customers_in",
    "journal_of",
    "one_unit",
    "patiently",
    "people",
    "written",
]

R = TypeVar("R")

NAME = "Ana Ruiz Canary-4417"
EMAIL = "canary-4417@example.com"
"""What no error may quote; both are in every row that is written here."""

MODEL = Model(
    attributes=(
        AttributeType("visits", "integer"),
        AttributeType("balance", "integer"),
        AttributeType("note", "text", personal=True),
    )
)
SOURCE = "shop"


def people(count: int = 3, *, balance: int = 100) -> list[Customer]:
    """Customers who have done nothing yet."""
    return [
        Customer.person(f"{NAME} {number}", emails=[f"{number}.{EMAIL}"], at=AT)
        .with_attribute("visits", 0, at=AT)
        .with_attribute("balance", balance, at=AT)
        .with_attribute("note", EMAIL, at=AT)
        for number in range(count)
    ]


def customers_in(backend: Backend, count: int = 3) -> list[CustomerId]:
    """A migrated store with so many customers; their ids."""
    while True:
        try:
            backend.migrate()
        except Busy:  # another tenant's migration holds the tables
            continue
        break
    some = people(count)
    patiently(backend, lambda uow: uow.customers.add_many(some))
    return [customer.id for customer in some]


def counted(customer: Customer, name: str = "visits", by: int = 1) -> Customer:
    """The customer with a counter that went on."""
    return customer.with_attribute(name, int(str(customer.attribute(name))) + by, at=AT)


def saved_and_ordered(uow: UnitOfWork, who: CustomerId, key: str) -> None:
    """The first two writes of a unit."""
    uow.customers.save(counted(uow.customers.get(who)))
    total = Money("19.99", "EUR")
    uow.orders.add(Order(customer_id=who, at=AT, total=total, source_key=key))


def called(uow: UnitOfWork, who: CustomerId, key: str, subject: str = EMAIL) -> None:
    """The last write of a unit."""
    uow.interactions.add(
        Interaction(customer_id=who, at=AT, channel="phone", subject=subject, source_key=key)
    )


def one_unit(uow: UnitOfWork, who: CustomerId, key: str) -> None:
    """A customer saved, an order and an interaction recorded."""
    saved_and_ordered(uow, who, key)
    called(uow, who, key)


def patiently(backend: Backend, use_case: Callable[..., R], *arguments: object) -> R:
    """`run`, again and again while the store is busy: with others, or with one that died."""
    while True:
        try:
            return backend.run(use_case, *arguments, actor="faults", source=SOURCE)
        except Busy:
            continue


def written(backend: Backend, who: CustomerId, key: str) -> None:
    """That unit, committed."""
    patiently(backend, one_unit, who, key)


@dataclass
class Findings:
    """What an audit counts; everything but `units` and `unacknowledged` is a violation."""

    units: int = 0
    unacknowledged: int = 0
    lost: int = 0
    half: int = 0
    double: int = 0
    kept_though_failed: int = 0
    stale_profiles: int = 0
    journal: int = 0
    foreign_errors: int = 0

    @property
    def violations(self) -> int:
        """All that must not be."""
        told = ("units", "unacknowledged")
        return sum(getattr(self, f.name) for f in fields(self) if f.name not in told)

    def __add__(self, other: Findings) -> Findings:
        return Findings(**{f.name: getattr(self, f.name) + getattr(other, f.name)
                           for f in fields(self)})  # fmt: skip

    def __str__(self) -> str:
        return " ".join(
            f"{f.name}={getattr(self, f.name)}"
            for f in fields(self)
            if getattr(self, f.name) or f.name in ("units", "lost", "half")
        )


def journal_of(backend: Backend) -> list[Entry]:
    """The whole journal, page by page."""
    found: list[Entry] = []
    while page := backend.journal(after=len(found), limit=10_000):
        found += page
    return found


def audit(
    backend: Backend,
    acknowledged: Collection[str],
    *,
    failed: Collection[str] = (),
    ids: Sequence[CustomerId],
) -> Findings:
    """The store against what its writers were told: `acknowledged` keys were committed, `failed`
    ones are said to have left nothing.
    """
    found = Findings()
    expected: Counter[tuple[object, ...]] = Counter({("customers", "added", tuple(ids), None): 1})
    orders: Counter[str | None] = Counter()
    interactions: Counter[str | None] = Counter()
    with backend.reading() as uow:
        held = uow.customers.get_many(ids)
        profiles = uow.profiles.get_many(list(ids))
        for id, customer in held.items():
            placed, told = uow.orders.of(customer.id), uow.interactions.of(customer.id)
            orders.update(order.source_key for order in placed)
            interactions.update(call.source_key for call in told)
            profile = profiles[customer.id]
            counts = {
                customer.version - 1,
                customer.attribute("visits"),
                len(placed),
                len(told),
                profile["order_count"],
                profile["interaction_count"],
            }
            found.half += len(counts) > 1
            saves = range(2, customer.version + 1)
            expected.update(("customers", "saved", (id,), version) for version in saves)
            expected.update(("orders", "appended", (order.id,), None) for order in placed)
            expected.update(("interactions", "appended", (call.id,), None) for call in told)
    found.lost = len(set(acknowledged) - (orders.keys() & interactions.keys()))
    found.lost += len(ids) - len(held)
    found.half += len(orders.keys() ^ interactions.keys())
    found.double = sum(count - 1 for count in (*orders.values(), *interactions.values()))
    found.units = len(orders)
    found.kept_though_failed = len(orders.keys() & set(failed))
    found.unacknowledged = len(orders.keys() - set(acknowledged))
    found.stale_profiles = patiently(backend, _changed_by_a_rebuild, ids)
    journal = journal_of(backend)
    kept: Counter[tuple[object, ...]] = Counter(
        (e.kind, e.operation.value, e.ids, e.version) for e in journal
    )
    found.journal = ((kept - expected) + (expected - kept)).total()
    found.journal += [e.position for e in journal] != list(range(1, len(journal) + 1))
    return found


def _changed_by_a_rebuild(uow: UnitOfWork, ids: Sequence[CustomerId]) -> int:
    """How many profiles are not what their facts say; nothing is changed."""
    before = uow.profiles.get_many(list(ids))
    uow.profiles.rebuild()
    after = uow.profiles.get_many(list(ids))
    uow.rollback()
    return sum(before[id] != after[id] for id in before)


def _fields(error: CrmError) -> dict[str, object]:
    return attrs.asdict(error, recurse=False) if attrs.has(type(error)) else {}  # type: ignore[arg-type]


def complaints_about(error: BaseException) -> list[str]:
    """What is wrong with an error that reached a caller: not ours, fields lost by pickling, or a
    personal value somewhere in it or in what it came from.
    """
    found = []
    if not isinstance(error, CrmError):
        found.append(f"{type(error).__module__}.{type(error).__name__} is not ours")
    else:
        again = pickle.loads(pickle.dumps(error))
        if (type(again), str(again), _fields(again)) != (type(error), str(error), _fields(error)):
            found.append(f"{type(error).__name__} is another after pickling")
    seen: BaseException | None = error
    chain: list[BaseException | None] = [error]
    known: set[int] = set()
    while chain:
        seen = chain.pop()
        if seen is None or id(seen) in known:
            continue
        known.add(id(seen))
        text = f"{seen!s} {seen!r} {seen.args!r} {getattr(seen, '__notes__', '')}"
        if "canary" in text.lower():
            found.append(f"{type(error).__name__} quotes a personal value in {type(seen).__name__}")
        chain += [seen.__cause__, seen.__context__]
    return found
