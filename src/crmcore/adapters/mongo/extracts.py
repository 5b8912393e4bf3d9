"""Rows for `columns()` from Mongo, streamed outside any transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from crmcore.adapters.codec import codec_of
from crmcore.adapters.columns import layout
from crmcore.adapters.mongo.client import Document
from crmcore.adapters.mongo.transaction import MongoTransaction
from crmcore.domain.fact_repositories import histories
from crmcore.domain.kinds import ORDERS, PURCHASES

__all__ = ["extract"]

CHUNK = 1000


def extract(
    transaction: MongoTransaction, kind: str, window: tuple[int | None, int | None]
) -> Iterator[tuple[Any, ...]]:
    """The rows of a kind in the order of its columns, with `since <= at < until`."""
    names = [column.name for column in layout(kind, transaction.model)]
    try:
        if kind == "profiles":
            for row in transaction.read("profiles", {}):
                row["attributes"] = json.dumps(row["attributes"], ensure_ascii=False)
                yield tuple(row.get(name) for name in names)
        elif kind == PURCHASES.name:
            yield from _purchases(transaction, window)
        else:
            for row in transaction.read(kind, _within(window)):
                row["customer_id"] = row["resolved_customer_id"]
                yield tuple(row[name] for name in names)
    finally:
        transaction.rollback()


def _within(window: tuple[int | None, int | None]) -> Document:
    since, until = window
    bounds: Document = {} if since is None else {"$gte": since}
    bounds |= {} if until is None else {"$lt": until}
    return {"removed_at": None, **({"at": bounds} if bounds else {})}


def _purchases(
    transaction: MongoTransaction, window: tuple[int | None, int | None]
) -> Iterator[tuple[Any, ...]]:
    names = [column.name for column in codec_of(ORDERS.cls).columns]
    decode = codec_of(ORDERS.cls).decode
    rows = transaction.read("orders", _within(window))
    while chunk := list(islice(rows, CHUNK)):
        orders = [decode(tuple(row[name] for name in names)) for row in chunk]
        for history in histories(transaction, orders):
            if (purchase := history.purchase) is not None:
                yield codec_of(PURCHASES.cls).encode(purchase)
