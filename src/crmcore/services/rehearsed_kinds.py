"""Rehearsals of any kind: what a dry run would have stored by now, so that later rows meet it.

What rows could meet is stored anew in their unit of work, which is rolled back: the store itself
says what it would say. The price is memory: what would be stored is kept to the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import attrs

from crmcore.domain.facts import Fact
from crmcore.domain.ids import CustomerId

__all__ = ["FactRehearsal", "StateRehearsal"]


@attrs.define
class FactRehearsal:
    """Facts of one kind that would be stored, found by what later ones can meet in them."""

    facts: dict[UUID, Fact] = attrs.field(factory=dict[UUID, Fact])
    by_key: dict[tuple[str, str], UUID] = attrs.field(factory=dict[tuple[str, str], UUID])
    by_order: dict[UUID, list[UUID]] = attrs.field(factory=dict[UUID, list[UUID]])
    by_customer: dict[CustomerId, list[UUID]] = attrs.field(factory=dict[CustomerId, list[UUID]])

    def add(self, facts: Iterable[Fact], source: str) -> None:
        """Take these in, where they are not yet."""
        for fact in facts:
            key = _key(fact, source)
            if fact.id in self.facts or (key is not None and key in self.by_key):
                continue
            self.facts[fact.id] = fact
            if key is not None:
                self.by_key[key] = fact.id
            if (order := getattr(fact, "order_id", None)) is not None:
                self.by_order.setdefault(order, []).append(fact.id)
            self.by_customer.setdefault(fact.customer_id, []).append(fact.id)

    def met(self, facts: Iterable[Fact], source: str, *, customers: bool) -> list[Fact]:
        """Those under the same id or key or of the same order; of the same customers if asked."""
        found: dict[UUID, None] = {}
        for fact in facts:
            if fact.id in self.facts:
                found[fact.id] = None
            key = _key(fact, source)
            if key is not None and key in self.by_key:
                found[self.by_key[key]] = None
            order = getattr(fact, "order_id", None)
            found.update(dict.fromkeys(self.by_order.get(order, ())) if order else {})
        if customers:
            for customer_id in {fact.customer_id for fact in facts}:
                found.update(dict.fromkeys(self.by_customer.get(customer_id, ())))
        return [self.facts[id] for id in found]


def _key(fact: Fact, source: str) -> tuple[str, str] | None:
    return None if fact.source_key is None else (fact.source or source, fact.source_key)


@attrs.define
class StateRehearsal:
    """Aggregates as they would be stored, by id, and found by the exclusive keys they had."""

    latest: dict[UUID, Any] = attrs.field(factory=dict[UUID, Any])
    by_key: dict[tuple[str, str], UUID] = attrs.field(factory=dict[tuple[str, str], UUID])

    def add(self, state: Any, keys: Iterable[tuple[str, str]]) -> None:
        """Take in the next state of one."""
        self.latest[state.id] = state
        for key in keys:
            self.by_key[key] = state.id
