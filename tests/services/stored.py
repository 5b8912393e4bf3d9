"""What a store holds, in a form that can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.order import Order
from crmcore.domain.profile import Profile

SOURCE = "shop"


def csv_file(folder: Path, *lines: str, name: str = "rows.csv", end: str = "\n") -> Path:
    path = folder / name
    path.write_text("".join(line + end for line in lines), encoding="utf-8", newline="")
    return path


def orders(backend: Backend) -> list[Order]:
    with backend.reading() as unit:
        found = [o for customer in unit.customers.stream() for o in unit.orders.of(customer.id)]
    return sorted(found, key=lambda order: (order.at, order.source_key or ""))


def bought(backend: Backend) -> list[tuple[str, str, str]]:
    """Who, on which day, for how much: every order."""
    with backend.reading() as unit:
        names = {c.id: c.identifiers[0].value for c in unit.customers.stream()}
    return sorted(
        (names[o.customer_id], o.at.date().isoformat(), str(o.total)) for o in orders(backend)
    )


def customers(backend: Backend) -> dict[str, Customer]:
    """By external id."""
    with backend.reading() as unit:
        return {c.identifiers[0].value: c for c in unit.customers.stream()}


def customer(backend: Backend, external: str, source: str = SOURCE) -> Customer:
    with backend.reading() as unit:
        found = unit.customers.find_by_identifier("external", external, source=source)
    assert found is not None
    return found


def profile(backend: Backend, external: str) -> Profile:
    found = customer(backend, external)
    with backend.reading() as unit:
        return unit.profiles.get(found.id)


def everything(backend: Backend) -> tuple[Any, ...]:
    """Customers, profiles, orders and the journal."""
    with backend.reading() as unit:
        kept = list(unit.customers.stream())
        profiles = unit.profiles.get_many([c.id for c in kept])
    seen = {id: dict(found) for id, found in profiles.items()}
    return kept, seen, orders(backend), backend.journal(limit=1000)


def reasons(rejects: Iterable[Any]) -> list[tuple[int, str, str]]:
    return [(reject.row, reject.column, reject.reason) for reject in rejects]
