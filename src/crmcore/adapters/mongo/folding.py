"""Folding facts into profile documents, in Python over streams of documents.

The server's aggregation pipeline would need a `$lookup` for what an order counts for after its
returns; the fold here is the one that every backend must equal, a thousand customers at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from crmcore.adapters.mongo.access import chunks
from crmcore.adapters.mongo.client import Document
from crmcore.adapters.mongo.facts import MongoFacts, standing
from crmcore.domain.folding import fold
from crmcore.domain.instants import EARLIEST
from crmcore.domain.kinds import CANCELLATIONS, FACTS, ORDERS, PURCHASES, RETURNS
from crmcore.domain.order import Order
from crmcore.domain.order_facts import OrderHistory

__all__ = ["folded_anew"]

PAGE = 1000

_Rows = Callable[[str], Iterable[Document]]
"""From the name of a kind to the documents of the customers in question."""


def folded_anew(
    transaction: MongoFacts, customers: Iterable[bytes] | None
) -> Iterator[dict[bytes, Document]]:
    """What the measures of these customers, or of all, are by their facts, page by page."""
    if customers is None:
        found = transaction.read(
            "profiles", {}, projection=["customer_id"], sort=[("customer_id", 1)], batch_size=PAGE
        )
        for page in chunks((row["customer_id"] for row in found), PAGE):
            ends = {"resolved_customer_id": _range(page[0], page[-1])}
            yield _page(transaction, page, partial(transaction.read, filter=ends, batch_size=PAGE))
    else:
        for page in chunks(customers, PAGE):
            read = partial(transaction.read_each, field="resolved_customer_id", values=page)
            yield _page(transaction, page, read)


def _range(first: bytes, last: bytes) -> Document:
    """From `first` to `last`. A page holds every customer between its ends, so their facts are
    one range; its end is open, for the tested server leaves out what equals a closed one.
    """
    beyond = int.from_bytes(last, "big") + 1
    return {"$gte": first} | ({"$lt": beyond.to_bytes(16, "big")} if beyond < 2**128 else {})


def _page(transaction: MongoFacts, page: list[bytes], rows: _Rows) -> dict[bytes, Document]:
    untouched, changes = transaction.profile_codec.untouched(), transaction.merging.changes
    states = _states(transaction, rows)
    return {id: untouched | changes(untouched, states.get(id, {})) for id in page}


def _states(transaction: MongoFacts, rows: _Rows) -> dict[bytes, dict[str, Any]]:
    """By customer, the fold states of the facts in these rows."""
    states: dict[bytes, dict[str, Any]] = {}
    by_kind = transaction.model.plan.by_kind

    def collect(kind: str, facts: list[Any]) -> None:
        for customer_id, state in fold(by_kind[kind], facts, recorded_at=EARLIEST).items():
            states.setdefault(customer_id.bytes, {}).update(state)

    def read(kind: Any) -> list[Any]:
        return standing(kind, rows(kind.name))

    for kind in FACTS:
        buys = kind.name == ORDERS.name and PURCHASES.name in by_kind
        if kind.name not in by_kind and not buys:
            continue
        facts = read(kind)
        if kind.name in by_kind:
            collect(kind.name, facts)
        if buys:
            purchases = _purchases(facts, read(CANCELLATIONS), read(RETURNS))
            collect(PURCHASES.name, list(purchases))
    return states


def _purchases(orders: list[Order], cancellations: list[Any], returns: list[Any]) -> Iterator[Any]:
    by_order: dict[Any, tuple[list[Any], list[Any]]] = {}
    for place, facts in enumerate((cancellations, returns)):
        for fact in facts:
            by_order.setdefault(fact.order_id, ([], []))[place].append(fact)
    for order in orders:
        cancelled, returned = by_order.get(order.id, ((), ()))
        history = OrderHistory(order=order, cancellations=tuple(cancelled), returns=tuple(returned))
        if (purchase := history.purchase) is not None:
            yield purchase
