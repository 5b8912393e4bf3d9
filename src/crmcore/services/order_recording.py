"""Recording what an import read: orders in batches, of which no bad one takes a good one with it.

What a batch tells of is looked at before it is stored: rates, and keys that are recorded already.
What only the store can refuse is found by halving the batch. A dry run goes the same way, with a
`Rehearsal` in the place of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Generic, Protocol, TypeVar

import attrs

from crmcore.domain.customer import Customer
from crmcore.domain.errors import ConflictingFact, Fault, InvalidInput
from crmcore.domain.facts import differences
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, new_id
from crmcore.domain.kinds import ORDERS
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.ports import Backend
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.rehearsal import Rehearsal

__all__ = ["OrderRecorder", "Placed", "Recorded", "customer_ids"]


class Placed(Protocol):
    """An order that was read; it waits for its customer's id."""

    @property
    def customer(self) -> str:
        """The customer's id in the source."""
        ...

    @property
    def region(self) -> str | None:
        """Where the customer is, if that was told."""
        ...

    @property
    def at(self) -> datetime:
        """When it was placed."""
        ...

    @property
    def total(self) -> Money:
        """What was agreed."""
        ...

    @property
    def key(self) -> str:
        """Its key in the source."""
        ...

    @property
    def row_count(self) -> int:
        """How many rows tell of it."""
        ...

    def order(self, customer_id: CustomerId) -> Order:
        """The order as a fact."""
        ...


P = TypeVar("P", bound=Placed)


@attrs.frozen
class Recorded:
    """What became of a batch: rows that stand, rows of them that are new, customers that are."""

    standing: int = 0
    added: int = 0
    customers_added: int = 0

    def __add__(self, other: Recorded) -> Recorded:
        return Recorded(
            self.standing + other.standing,
            self.added + other.added,
            self.customers_added + other.customers_added,
        )


@attrs.frozen
class OrderRecorder(Generic[P]):
    """Records orders of one source, or rehearses it; `refuse` is told of each that cannot be.

    `columns` names the columns for `at`, `amount`, `currency` and `key`.
    """

    backend: Backend
    source: str
    actor: str
    columns: Mapping[str, str]
    refuse: Callable[[P, str, str], None]
    rehearsal: Rehearsal | None = None

    def record(self, found: list[P]) -> Recorded:
        """Record what can be recorded of a batch, in date order."""
        return self._recorded(self._with_rates(found))

    def _recorded(self, found: list[P]) -> Recorded:
        """Of orders that the store refuses each half is tried alone, by date, down to one."""
        try:
            done = self._run(found)
        except ConflictingFact:
            found = self._without_conflicts(found)
            done = self._run(found)
        if isinstance(done, Recorded):
            return done
        if len(found) == 1:
            self.refuse(found[0], *self._place(done.faults[0]))
            return Recorded()
        found = sorted(found, key=lambda placed: placed.at)
        middle = len(found) // 2
        return self._recorded(found[:middle]) + self._recorded(found[middle:])

    def _run(self, found: list[P]) -> Recorded | InvalidInput:
        run = self.backend.run
        if self.rehearsal is None:
            return run(_tried, found, self.source, actor=self.actor, source=self.source)
        with self.backend.reading() as unit:
            return _rehearsed(unit, found, self.source, self.rehearsal)

    def _place(self, fault: Fault) -> tuple[str, str]:
        """Column and reason of what the store says of an order."""
        if fault.path in ("amount", "at"):
            return self.columns[fault.path], fault.reason
        return "", str(fault)

    def _with_rates(self, found: list[P]) -> list[P]:
        """The orders whose amount is known in the model's currency."""
        base = self.backend.model.currency
        if all(placed.total.currency == base for placed in found):
            return found
        kept = []
        with self.backend.reading() as unit:
            for placed in found:
                try:
                    unit.in_base(placed.total, placed.at)
                except InvalidInput as error:
                    fault = error.faults[0]
                    path = "at" if fault.path == "at" else "currency"
                    self.refuse(placed, self.columns[path], fault.reason)
                else:
                    kept.append(placed)
        return kept

    def _without_conflicts(self, found: list[P]) -> list[P]:
        """Those that say of their key what is recorded, or else what its first one says."""
        with self.backend.reading() as unit:
            ids = _known(unit, found, self.source, self.rehearsal)
            orders = _orders(found, ids)
            by_key: dict[str, Order] = {}
            for placed, order in zip(found, orders, strict=True):
                by_key.setdefault(placed.key, order)
            first = list(by_key.values())
            stored = _standing(unit, first, self.source, self.rehearsal)
        for index, key in enumerate(by_key):
            by_key[key] = stored.get(index, by_key[key])
        kept = []
        for placed, order in zip(found, orders, strict=True):
            if fields := differences(by_key[placed.key], order):
                reason = f"the same key is recorded with another {', '.join(fields)}"
                self.refuse(placed, self.columns["key"], reason)
            else:
                kept.append(placed)
        return kept


def customer_ids(unit: UnitOfWork, named: Iterable[str], source: str) -> dict[str, CustomerId]:
    """Whom the source calls by these ids, where it named them already."""
    held = unit.customers.ids_by_identifier("external", named, source=source)
    return {external: ids[0] for external, ids in held.items()}


def _known(
    unit: UnitOfWork, found: Iterable[Placed], source: str, rehearsal: Rehearsal | None
) -> dict[str, CustomerId]:
    ids = customer_ids(unit, {placed.customer for placed in found}, source)
    return ids if rehearsal is None else {**rehearsal.customers, **ids}


def _orders(found: Iterable[Placed], ids: dict[str, CustomerId]) -> list[Order]:
    """The orders; who is not known yet gets an id."""
    return [
        placed.order(
            ids.get(placed.customer)
            or ids.setdefault(placed.customer, CustomerId(new_id(placed.at)))
        )
        for placed in found
    ]


def _standing(
    unit: UnitOfWork, orders: list[Order], source: str, rehearsal: Rehearsal | None
) -> dict[int, Order]:
    """By index, the order that is recorded under the key."""
    stored = unit.reads.recorded(ORDERS, orders, source)
    return stored if rehearsal is None else {**rehearsal.standing(orders), **stored}


def _tried(unit: UnitOfWork, found: list[P], source: str) -> Recorded | InvalidInput:
    """What `_store` answers; or, with nothing kept, what is wrong with one of the orders."""
    try:
        return _store(unit, found, source)
    except InvalidInput as error:
        unit.rollback()
        return error


def _store(unit: UnitOfWork, found: list[P], source: str) -> Recorded:
    """Record the orders, and first the customers that nobody named yet."""
    found = sorted(found, key=lambda placed: placed.at)
    ids = _known(unit, found, source, None)
    met: dict[str, Customer] = {}
    for placed in found:
        if placed.customer not in ids:
            customer = Customer.person(
                at=placed.at,
                identifiers=[Identifier("external", placed.customer, source=source)],
                region=placed.region,
                life_cycle=unit.model.life_cycle,
            )
            met[placed.customer] = customer
            ids[placed.customer] = customer.id
    unit.customers.add_many(met.values())
    orders = _orders(found, ids)
    count = unit.orders.add_many(orders)
    rows = sum(placed.row_count for placed in found)
    added = rows
    if count < len(orders):
        stored = unit.reads.recorded(ORDERS, orders, source) if count else {}
        new = {index for index, order in stored.items() if order.id == orders[index].id}
        added = sum(found[index].row_count for index in new)
    return Recorded(rows, added, len(met))


def _rehearsed(
    unit: UnitOfWork, found: list[P], source: str, rehearsal: Rehearsal
) -> Recorded | InvalidInput:
    """What `_tried` would answer, from what is stored and what earlier batches would have been."""
    found = sorted(found, key=lambda placed: placed.at)
    try:
        ids = _known(unit, found, source, rehearsal)
        met = {placed.customer: placed.at for placed in found if placed.customer not in ids}
        orders = _orders(found, ids)
        standing = _standing(unit, orders, source, rehearsal)
        rows = sum(placed.row_count for placed in found)
        new: dict[str, tuple[int, Order]] = {}
        for index, (placed, order) in enumerate(zip(found, orders, strict=True)):
            earlier = standing.get(index) or new.get(placed.key, (index, order))[1]
            if fields := differences(earlier, order):
                raise ConflictingFact(ORDERS.name, source, placed.key, fields)
            if index not in standing:
                new.setdefault(placed.key, (index, order))
        rehearsal.add(unit, {external: ids[external] for external in met}, new.values())
    except InvalidInput as error:
        return error
    return Recorded(rows, sum(found[index].row_count for index, _ in new.values()), len(met))
