"""Contents: all that a store may hold, drawn at random and recorded over two days."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, cast

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import Refused
from crmcore.domain.facts import Fact
from crmcore.domain.membership import Membership
from crmcore.domain.model import Model
from crmcore.domain.product import Product
from crmcore.domain.segment import Segment
from crmcore.testing.builders import AT
from crmcore.testing.clock import FrozenClock
from crmcore.testing.strategies import (
    cancellations,
    customers,
    decisions,
    fulfilments,
    instants,
    interactions,
    memberships,
    moneys,
    orders,
    payments,
    points_entries,
    products,
    returns,
    scores,
    segment_changes,
    segments,
    tier_changes,
)

__all__ = ["Contents", "contents"]

LARGEST = 10**11
OF_ORDERS: dict[str, Callable[..., SearchStrategy[Any]]] = {
    "payments": payments, "fulfilments": fulfilments, "returns": returns,
    "cancellations": cancellations,
}  # fmt: skip
SUMMED = st.integers(-9, 9) | st.integers(-LARGEST, LARGEST)
OF_CUSTOMERS: dict[str, Callable[..., SearchStrategy[Any]]] = {
    "points": partial(points_entries, points=SUMMED),
    "tier_changes": tier_changes,
    "decisions": decisions,
}


@attrs.frozen
class Contents:
    """What is recorded on each of two days, and how often the customers are saved after."""

    customers: tuple[Customer, ...]
    products: tuple[Product, ...]
    segments: tuple[Segment, ...]
    memberships: tuple[Membership, ...]
    days: tuple[list[tuple[str, Fact]], ...]
    saves: int
    removed: int
    """Which of the facts that were recorded is removed at the end, if there are so many."""

    def record(self, backend: Backend, clock: FrozenClock) -> None:
        """Put all of it into an empty store."""
        with backend.unit_of_work(actor="ines") as uow:
            uow.customers.add_many(self.customers)
            uow.products.add_many(self.products)
            uow.segments.add_many(self.segments)
            uow.memberships.restore_many(self.memberships)
        recorded: list[tuple[str, Fact]] = []
        for actor, day in zip(("ines", None), self.days, strict=True):
            clock.advance(timedelta(days=1))
            with backend.unit_of_work(actor=actor) as uow:
                for kind, fact in day:
                    with suppress(Refused):  # more came back than was bought
                        recorded.append((kind, getattr(uow, kind).add(fact)))
        with backend.unit_of_work() as uow:
            for _ in range(self.saves):
                kept = list(uow.customers.stream())
                uow.customers.save_many(kept)
            later = [(kind, fact) for kind, fact in recorded if kind != "orders"]
            for kind, fact in later[self.removed : self.removed + 1]:
                getattr(uow, kind).remove(fact.id)


@st.composite
def contents(draw: st.DrawFn, model: Model) -> Contents:
    """Contents under a model: a few of everything, some at the same instant."""
    ats = st.just(AT) | instants()
    known = _apart(draw(st.lists(customers(model=model), min_size=1, max_size=3, unique_by=_id)))
    own = st.sampled_from([customer.id for customer in known])
    totals = moneys(min_minor=1, max_minor=LARGEST)
    bought = draw(st.lists(orders(customer_ids=own, ats=ats, totals=totals), max_size=3))
    told: list[tuple[str, Fact]] = [("orders", order) for order in bought]
    for kind, of in OF_ORDERS.items():
        for order in bought:
            made = draw(st.none() | of(order, ats=ats))
            told += [(kind, made)] if made is not None else []
    more = st.lists(interactions(customer_ids=own, ats=ats), max_size=2)
    told += [("interactions", fact) for fact in draw(more)]
    told += [
        ("scores", fact) for fact in draw(st.lists(scores(customer_ids=own, ats=ats), max_size=3))
    ]
    changes = st.lists(segment_changes(customer_ids=own, ats=ats), max_size=2)
    told += [("segment_changes", fact) for fact in draw(changes)]
    for kind, of in OF_CUSTOMERS.items():
        some = st.lists(of(customer_ids=own, ats=ats), max_size=2)
        told += [(kind, fact) for fact in draw(some)]
    members = st.lists(
        memberships(customer_ids=own, ats=ats), max_size=2, unique_by=(_id, _customer, _number)
    )
    told = _without_repetitions(told, without_source=draw(st.booleans()))
    days: tuple[list[tuple[str, Fact]], ...] = ([], [])
    for kind, fact in told:
        day = 0 if kind == "orders" else draw(st.integers(0, 1))
        days[day].append((kind, fact))
    sold = draw(st.lists(products(), max_size=2, unique_by=(_id, lambda p: p.sku)))
    asked = draw(st.lists(segments(model=model), max_size=2, unique_by=(_id, lambda s: s.name)))
    return Contents(
        known, tuple(sold), tuple(asked), tuple(draw(members)), days, draw(st.integers(0, 2)),
        draw(st.integers(0, 9)),
    )  # fmt: skip


def _id(thing: Any) -> Any:
    return thing.id


def _customer(member: Membership) -> Any:
    return member.customer_id


def _number(member: Membership) -> Any:
    """Those without one are all apart."""
    return member.number or member.id


def _apart(drawn: Iterable[Customer]) -> tuple[Customer, ...]:
    """The customers without identifiers that another has already."""
    seen: set[tuple[str, str]] = set()
    found = []
    for customer in drawn:
        own = [i for i in customer.identifiers if (i.scope, i.value) not in seen]
        seen |= {(i.scope, i.value) for i in own}
        found.append(attrs.evolve(customer, identifiers=own))
    return tuple(found)


def _without_repetitions(
    told: Iterable[tuple[str, Fact]], *, without_source: bool
) -> list[tuple[str, Fact]]:
    """Each id and each key once; facts without a key may be known from nowhere."""
    seen: set[object] = set()
    found = []
    for kind, fact in told:
        own = {(kind, fact.id), (kind, fact.source, fact.source_key or fact.id)}
        if not own & seen:
            seen |= own
            nowhere = without_source and fact.source_key is None
            found.append((kind, attrs.evolve(fact, source=None) if nowhere else fact))
    orders = {fact.id for kind, fact in found if kind == "orders"}
    return [
        (kind, fact)
        for kind, fact in found
        if kind not in OF_ORDERS or cast(Any, fact).order_id in orders
    ]
