"""Strategies for facts: orders and what happens to them, interactions, scores."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.domain.consent import PURPOSES, Consent, LegalBasis
from crmcore.domain.contact_points import Channel
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.instants import LATEST
from crmcore.domain.interaction import Direction, Interaction
from crmcore.domain.money import Money
from crmcore.domain.order import Order, OrderLine
from crmcore.domain.order_facts import Cancellation, Fulfilment, Payment, Return
from crmcore.domain.score import Score
from crmcore.domain.segment import SegmentChange
from crmcore.testing.strategies.values import MILLION, either, ids, instants, moneys, symbols, texts

__all__ = [
    "cancellations", "consents", "facts_of", "fulfilments", "interactions", "order_lines",
    "orders", "payments", "returns", "scores", "segment_changes", "told",
]  # fmt: skip

T = TypeVar("T")


def order_lines(*, currency: str = "EUR") -> SearchStrategy[OrderLine]:
    """Lines of any quantity and price whose amount is well below the limit."""
    quantity = st.integers(1, 1000) | st.integers(1, 10**9).map(lambda n: Decimal(n) / MILLION)
    price = st.integers(0, 10**9).map(lambda n: Decimal(n) / 100)
    products = st.sampled_from(["SKU-1", "SKU-2"]) | texts(max_size=20)
    return st.builds(OrderLine.of, products, quantity, price, st.just(currency))


def facts_of(cls: Callable[..., T], **own: SearchStrategy[Any]) -> SearchStrategy[T]:
    """Facts with a drawn id for their `at`."""

    def at(at: datetime) -> SearchStrategy[T]:
        return st.builds(cls, **(own | {"at": st.just(at), "id": ids(st.just(at)).map(FactId)}))

    return own["at"].flatmap(at)


def told(
    customer_ids: SearchStrategy[CustomerId] | None,
    ats: SearchStrategy[datetime] | None,
    source_keys: SearchStrategy[str | None] | None,
) -> dict[str, SearchStrategy[Any]]:
    """What every fact tells."""
    return {
        "customer_id": either(customer_ids, ids().map(CustomerId)),
        "at": either(ats, instants()),
        "source": st.sampled_from(["shop", "till"]),
        "source_key": either(source_keys, st.none() | texts(max_size=10)),
    }


def orders(
    *,
    customer_ids: SearchStrategy[CustomerId] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    totals: SearchStrategy[Money] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[Order]:
    """Orders with lines in the currency of the total, or without lines."""

    def of(total: Money) -> SearchStrategy[Order]:
        return facts_of(
            Order,
            total=st.just(total),
            lines=st.lists(order_lines(currency=total.currency), max_size=2).map(tuple),
            channel=st.none() | st.sampled_from(Channel),
            **told(customer_ids, ats, source_keys),
        )

    return (either(totals, moneys(min_minor=0))).flatmap(of)


def _of_order(
    order: Order | None,
    ats: SearchStrategy[datetime] | None,
    source_keys: SearchStrategy[str | None] | None,
    make: Callable[[Order, dict[str, SearchStrategy[Any]]], SearchStrategy[T]],
) -> SearchStrategy[T]:
    placed = st.just(order) if order else orders(totals=moneys(min_minor=1))

    def of(order: Order) -> SearchStrategy[T]:
        common = told(st.just(order.customer_id), ats, source_keys)
        return make(order, common | {"order_id": st.just(order.id)})

    return placed.flatmap(of)


def _up_to(total: Money) -> SearchStrategy[Money]:
    return st.builds(Money.of_minor, st.integers(1, max(1, total.minor)), st.just(total.currency))


def payments(
    order: Order | None = None,
    *,
    ats: SearchStrategy[datetime] | None = None,
    amounts: SearchStrategy[Money] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[Payment]:
    """Payments of an order, whole or in part."""
    return _of_order(order, ats, source_keys, lambda placed, common: facts_of(
        Payment, amount=either(amounts, _up_to(placed.total)), method=st.none() | texts(), **common
    ))  # fmt: skip


def returns(
    order: Order | None = None,
    *,
    ats: SearchStrategy[datetime] | None = None,
    amounts: SearchStrategy[Money] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[Return]:
    """Returns of an order above zero, whole or in part."""
    return _of_order(order, ats, source_keys, lambda placed, common: facts_of(
        Return, amount=either(amounts, _up_to(placed.total)), reason=st.none() | texts(), **common
    ))  # fmt: skip


def fulfilments(
    order: Order | None = None,
    *,
    ats: SearchStrategy[datetime] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[Fulfilment]:
    """Deliveries of an order."""
    return _of_order(order, ats, source_keys, lambda _, common: facts_of(
        Fulfilment, complete=st.booleans(), reference=st.none() | texts(), **common
    ))  # fmt: skip


def cancellations(
    order: Order | None = None,
    *,
    ats: SearchStrategy[datetime] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[Cancellation]:
    """Cancellations of an order."""
    return _of_order(order, ats, source_keys, lambda _, common: facts_of(
        Cancellation, reason=st.none() | texts(), **common
    ))  # fmt: skip


def interactions(
    *,
    customer_ids: SearchStrategy[CustomerId] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    channels: SearchStrategy[Channel] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[Interaction]:
    """Interactions over any channel."""
    seconds = st.none() | st.integers(0, 3) | st.integers(0, 2**31 - 1)
    return facts_of(
        Interaction,
        channel=either(channels, st.sampled_from(Channel)),
        direction=st.sampled_from(Direction),
        topic=st.none() | st.sampled_from(["billing", "delivery"]) | texts(),
        outcome=st.none() | texts(),
        subject=st.none() | texts(),
        waited_seconds=seconds,
        lasted_seconds=seconds,
        **told(customer_ids, ats, source_keys),
    )


def consents(
    *,
    customer_ids: SearchStrategy[CustomerId] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    purposes: SearchStrategy[str | None] | None = None,
    channels: SearchStrategy[Channel | None] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[Consent]:
    """Opt-ins and opt-outs of the default purposes, some of which end."""
    known = [None, *(purpose.name for purpose in PURPOSES)]

    def ending(consent: Consent) -> SearchStrategy[Consent]:
        ends = st.timedeltas(timedelta(milliseconds=1), timedelta(days=400))
        until = ends.map(lambda after: min(consent.at + after, LATEST))
        return until.map(lambda at: attrs.evolve(consent, until=at))

    before_the_end = either(ats, instants()).filter(lambda at: at < LATEST - timedelta(days=400))
    lasting = facts_of(
        Consent,
        purpose=either(purposes, st.sampled_from(known)),
        channel=either(channels, st.none() | st.sampled_from(Channel)),
        given=st.booleans(),
        basis=st.sampled_from(LegalBasis),
        **told(customer_ids, before_the_end, source_keys),
    )
    return lasting | lasting.flatmap(ending)


def scores(
    *,
    customer_ids: SearchStrategy[CustomerId] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    scorers: SearchStrategy[str] | None = None,
    values: SearchStrategy[float] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[Score]:
    """Scores of the built-in scorers, with an interval or without."""
    known = ["probability_alive", "expected_purchases", "lifetime_value"]
    bare = facts_of(
        Score,
        scorer=either(scorers, st.sampled_from(known)),
        value=either(values, st.floats(allow_nan=False, allow_infinity=False)),
        unit=st.just("1"),
        why=st.none() | texts(),
        **told(customer_ids, ats, source_keys),
    )
    return bare | bare.map(_within)


def _within(score: Score) -> Score:
    low, high = min(score.value, 0.0), max(score.value, 1.0)
    return attrs.evolve(score, low=low, high=high, scorer_version="1")


def segment_changes(
    *,
    customer_ids: SearchStrategy[CustomerId] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    segments: SearchStrategy[str] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[SegmentChange]:
    """Entries and leavings, by the names of segments."""
    return facts_of(
        SegmentChange,
        segment=either(segments, st.sampled_from(["regulars", "vip"]) | symbols()),
        entered=st.booleans(),
        segment_version=st.none() | st.integers(1, 9),
        **told(customer_ids, ats, source_keys),
    )
