"""A rehearsal: what a dry run would have stored by now, so that later batches meet it.

It reads and never writes. It holds no lock and no transaction beyond one batch, so a dry run on a
store in use stands in nobody's way. The price is memory: each order that would be new is kept to
the end, and two or three sums of each customer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import attrs

from crmcore.domain.bounds import SUM_LIMIT, beyond_limit
from crmcore.domain.folding import raw
from crmcore.domain.ids import CustomerId
from crmcore.domain.order import Order
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["Rehearsal"]

SUMMED = ("orders", "purchases")
"""Of what kinds the measures are that an order adds to."""


@attrs.define
class Rehearsal:
    """Customers by their id in the source, and orders by their key, that would be stored."""

    customers: dict[str, CustomerId] = attrs.field(factory=dict[str, CustomerId])
    orders: dict[str, Order] = attrs.field(factory=dict[str, Order])
    sums: dict[CustomerId, dict[str, int]] = attrs.field(factory=dict[CustomerId, dict[str, int]])

    def standing(self, orders: Iterable[Order]) -> dict[int, Order]:
        """By index, the order that would stand under the key."""
        found = {}
        for index, order in enumerate(orders):
            known = self.orders.get(order.source_key or "")
            if known is not None:
                found[index] = known
        return found

    def orders_of(self, customers: Collection[CustomerId]) -> list[Order]:
        """The orders of these customers that would be stored."""
        return [order for order in self.orders.values() if order.customer_id in customers]

    def add(
        self,
        unit: UnitOfWork,
        customers: Mapping[str, CustomerId],
        orders: Iterable[tuple[int, Order]],
    ) -> None:
        """Take these in; `InvalidInput`, and none of them, where the store would refuse one."""
        new = [order for _, order in orders]
        sums = self._sums(unit, new)
        self.customers.update(customers)
        self.orders.update((order.source_key or "", order) for order in new)
        self.sums.update(sums)

    def _sums(self, unit: UnitOfWork, orders: list[Order]) -> dict[CustomerId, dict[str, int]]:
        """The counts and sums of the customers' profiles with these orders in them."""
        base = unit.model.currency
        orders = [
            order
            if order.total.currency == base
            else attrs.evolve(order, base_amount=unit.in_base(order.total, order.at))
            for order in orders
        ]
        deltas = unit.model.plan.deltas("orders", orders, unit.recording)
        unread = [id for id in deltas if id not in self.sums]
        profiles = unit.reads.profiles(unread) if unread else {}
        names = [m.name for m in unit.model.all_measures if m.starts_at_zero and m.of in SUMMED]
        found: dict[CustomerId, dict[str, int]] = {}
        for customer_id, state in deltas.items():
            before = self.sums.get(customer_id)
            if before is None:
                profile = profiles.get(customer_id)
                before = {name: raw(profile[name]) if profile else 0 for name in names}
            after = {name: value + state.get(name, 0) for name, value in before.items()}
            if any(not -SUM_LIMIT < value < SUM_LIMIT for value in after.values()):
                raise beyond_limit()
            found[customer_id] = after
        return found
