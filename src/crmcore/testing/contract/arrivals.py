"""Random histories as lists of facts that may arrive in any order."""

from __future__ import annotations

from datetime import timedelta
from itertools import groupby
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.adapters.backend import Backend
from crmcore.domain.facts import Fact
from crmcore.domain.ids import CustomerId
from crmcore.domain.money import Money
from crmcore.domain.profile import Profile
from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_customer,
    a_fulfilment,
    a_payment,
    a_return,
    a_score,
    an_interaction,
    an_order,
)

__all__ = ["CUSTOMERS", "Arrival", "arrivals", "profiles_after"]

CUSTOMERS = tuple(a_customer(f"Number {n}") for n in range(3))
INSTANTS = st.sampled_from([AT + timedelta(days=n) for n in range(3)])
WHO = st.sampled_from(CUSTOMERS)


@attrs.frozen
class Arrival:
    """A fact, the collection it goes to, and whether it needs an order to be there before."""

    kind: str
    fact: Fact
    depends: bool = False


@st.composite
def _orders(draw: st.DrawFn, nth: int) -> list[Arrival]:
    """An order with what happens to it: parts of it come back, or it is called off at last."""
    total = Money.of_minor(draw(st.sampled_from([0, 1, 7, 1000])), "EUR")
    channel = draw(st.sampled_from([None, "web", "shop"]))
    order = an_order(draw(WHO), total, at=draw(INSTANTS), channel=channel, nth=nth)
    found = [Arrival("orders", order)]
    left = total.minor
    while left and draw(st.booleans()):
        part = draw(st.integers(1, left))
        left -= part
        back = a_return(order, Money.of_minor(part, "EUR"), at=draw(INSTANTS), nth=left)
        found.append(Arrival("returns", back, True))
    if len(found) == 1 and draw(st.booleans()):
        found.append(Arrival("cancellations", a_cancellation(order, at=draw(INSTANTS)), True))
    if total.minor and draw(st.booleans()):
        found.append(Arrival("payments", a_payment(order, at=draw(INSTANTS)), True))
        complete = draw(st.booleans())
        delivered = a_fulfilment(order, complete=complete, at=draw(INSTANTS))
        found.append(Arrival("fulfilments", delivered, True))
    return found


@st.composite
def _contact(draw: st.DrawFn, nth: int) -> list[Arrival]:
    at, topic = draw(INSTANTS), draw(st.sampled_from([None, "billing", "delivery"]))
    channel = draw(st.sampled_from(["phone", "web"]))
    waited = draw(st.sampled_from([None, 0, 9]))
    return [Arrival("interactions", an_interaction(
        draw(WHO), channel, at=at, topic=topic, waited_seconds=waited, nth=nth
    ))]  # fmt: skip


@st.composite
def _score(draw: st.DrawFn, nth: int) -> list[Arrival]:
    scorer = draw(st.sampled_from(["probability_alive", "lifetime_value"]))
    value = draw(st.sampled_from([0.0, 0.25, -1.0]))
    return [Arrival("scores", a_score(draw(WHO), value, scorer=scorer, at=draw(INSTANTS), nth=nth))]


@st.composite
def arrivals(draw: st.DrawFn) -> list[Arrival]:
    """A history of three customers."""
    makers: list[Any] = draw(st.lists(st.sampled_from([_orders, _contact, _score]), max_size=10))
    parts: list[SearchStrategy[list[Arrival]]] = [make(nth) for nth, make in enumerate(makers)]
    return [arrival for part in parts for arrival in draw(part)]


def profiles_after(
    backend: Backend, history: list[Arrival], *, batch: int
) -> dict[CustomerId, Profile]:
    """The profiles once all this was recorded, so many facts of one kind in a unit at a time."""
    with backend.unit_of_work() as uow:
        if not uow.profiles.where().count():
            uow.customers.add_many(CUSTOMERS)
    for kind, together in groupby(history, key=lambda arrival: arrival.kind):
        facts = [arrival.fact for arrival in together]
        for start in range(0, len(facts), batch):
            with backend.unit_of_work() as uow:
                getattr(uow, kind).add_many(facts[start : start + batch])
    with backend.reading() as uow:
        return dict(uow.profiles.get_many([customer.id for customer in CUSTOMERS]))
