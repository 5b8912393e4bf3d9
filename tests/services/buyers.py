"""Customers who bought often or never, with attributes of every type, some of them absent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import crmcore
from crmcore import AttributeType, Customer, Money, Order, Predicate
from crmcore.adapters.backend import Backend
from crmcore.testing import a_customer, an_order

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)

MODEL = crmcore.Model(
    zone="Europe/Madrid",
    attributes=(
        AttributeType("seat", "text"), AttributeType("bags", "integer"),
        AttributeType("ratio", "float"), AttributeType("share", "decimal"),
        AttributeType("member", "boolean"), AttributeType("born", "date"),
        AttributeType("seen_at", "instant"), AttributeType("budget", "money"),
        AttributeType("diet", "text", personal=True),
    ),
)  # fmt: skip


def population(count: int, *, seed: int = 1) -> tuple[list[Customer], list[Order]]:
    """So many customers, the same for the same seed."""
    draw = Random(seed)
    customers, orders = [], []
    for number in range(count):
        drawn: Mapping[str, Any] = {
            "seat": draw.choice(["aisle", "window", "O'Neil %"]),
            "bags": draw.randrange(4),
            "ratio": draw.choice([-1.5, 0.0, 1e-9, 3.25]),
            "share": Decimal(draw.randrange(-300, 300)) / 100,
            "member": draw.random() < 0.5,
            "born": date(1950, 1, 1) + timedelta(days=draw.randrange(20_000)),
            "seen_at": BEGIN + timedelta(hours=draw.randrange(9_000)),
            "budget": Money(f"{draw.randrange(-50, 5_000)}.{draw.randrange(100):02}", "EUR"),
            "diet": draw.choice(["vegan", "kosher"]),
        }
        customer = a_customer(
            f"C{number}",
            language=draw.choice(["es", "ca", None]),
            tags=sorted(draw.sample(["vip", "b2b", "late"], draw.randrange(3))),
            stage=draw.choice(["prospect", "active"]),
            attributes={name: value for name, value in drawn.items() if draw.random() < 0.6},
            nth=number + 1,
        )
        customers.append(customer)
        for nth in range(draw.choice([0, 1, 1, 1, 2, 3, 8])):
            at = BEGIN + timedelta(minutes=draw.randrange(500_000))
            total = draw.choice(["0.00", "9.99", f"{draw.randrange(1, 900)}.50"])
            orders.append(an_order(customer, total, at=at, nth=nth + 1))
    return customers, orders


def filled(backend: Backend, count: int, *, seed: int = 1) -> Backend:
    """The backend, migrated, with such a population."""
    backend.migrate()
    customers, orders = population(count, seed=seed)
    with backend.unit_of_work() as unit:
        unit.customers.add_many(customers)
        unit.orders.add_many(orders)
    return backend


def check_split(backend: Backend, predicates: Mapping[str, Predicate]) -> dict[str, list[Any]]:
    """By name, who is selected; asserts that everybody is by exactly one."""
    with backend.reading() as unit:
        everyone = list(unit.profiles.where().ids())
        found = {name: list(unit.profiles.where(p).ids()) for name, p in predicates.items()}
    assert sorted(id for ids in found.values() for id in ids) == everyone
    return found
