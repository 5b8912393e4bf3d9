"""Rows for `columns()` from Mongo: one server-side cursor, outside any transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from operator import itemgetter
from typing import Any

from pymongo import ASCENDING

from crmcore.adapters.codec import codec_of
from crmcore.adapters.columns import layout
from crmcore.adapters.mongo.client import Document
from crmcore.adapters.mongo.documents import documents_of
from crmcore.adapters.mongo.transaction import MongoTransaction
from crmcore.adapters.wire import wired
from crmcore.domain.fact_repositories import histories
from crmcore.domain.fields import FieldType
from crmcore.domain.kinds import ORDERS, PURCHASES

__all__ = ["extract"]

FETCH = 2000
"""How many documents one answer of the server brings."""


def extract(
    transaction: MongoTransaction,
    kind: str,
    window: tuple[int | None, int | None],
    *,
    in_order: bool,
) -> Iterator[tuple[Any, ...]]:
    """The rows of a kind in the order of its columns, with `since <= at < until`."""
    name = ORDERS.name if kind == PURCHASES.name else kind
    by = {"sort": [("customer_id" if kind == "profiles" else "id", ASCENDING)]} if in_order else {}
    found = transaction.read(name, _within(window), batch_size=FETCH, **by)
    with closing(found):
        if kind == PURCHASES.name:
            yield from _purchases(transaction, found)
        else:
            names = [column.name for column in layout(kind, transaction.model)]
            yield from _profiles(names, found) if kind == "profiles" else _facts(names, found)


def _within(window: tuple[int | None, int | None]) -> Document:
    since, until = window
    bounds: Document = {} if since is None else {"$gte": since}
    bounds |= {} if until is None else {"$lt": until}
    return {"at": bounds} if bounds else {}


def _profiles(names: list[str], found: Iterator[Document]) -> Iterator[tuple[Any, ...]]:
    for document in found:
        plain = {n: int(v) if v in (True, False) else v for n, v in document["attributes"].items()}
        document["attributes"] = json.dumps(plain, ensure_ascii=False)
        document["tags"] = wired(FieldType.TEXT_SET, document["tags"])
        yield tuple([document.get(name) for name in names])


def _facts(names: list[str], found: Iterator[Document]) -> Iterator[tuple[Any, ...]]:
    row = itemgetter(*("resolved_customer_id" if n == "customer_id" else n for n in names))
    for document in found:
        if document["removed_at"] is None:
            yield row(document)


def _purchases(
    transaction: MongoTransaction, found: Iterator[Document]
) -> Iterator[tuple[Any, ...]]:
    decode, encode = documents_of(ORDERS.cls).decode, codec_of(PURCHASES.cls).encode
    standing = (document for document in found if document["removed_at"] is None)
    while chunk := list(islice(standing, FETCH)):
        for history in histories(transaction, [decode(document) for document in chunk]):
            if (purchase := history.purchase) is not None:
                yield encode(purchase)
