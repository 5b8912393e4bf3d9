"""Rows for `columns()` from the memory backend."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from crmcore.adapters.codec import codec_of
from crmcore.adapters.columns import layout
from crmcore.adapters.memory.transaction import MemoryTransaction
from crmcore.domain.fact_repositories import histories
from crmcore.domain.kinds import FACTS, ORDERS, PURCHASES

__all__ = ["extract"]


def extract(
    transaction: MemoryTransaction, kind: str, since: datetime | None, until: datetime | None
) -> Iterator[tuple[Any, ...]]:
    """The rows of a kind in the order of its columns, with `since <= at < until`."""
    if kind == "profiles":
        names = [column.name for column in layout(kind, transaction.model)][1:]
        for id, row in transaction.table("profiles").items():
            yield (id.bytes, *(row[name] for name in names))
        return
    with transaction.reading:  # commits are seen whole; no lock is held while rows are taken
        every = list(_objects(transaction, kind))
    for found in every:
        if (since is None or found.at >= since) and (until is None or found.at < until):
            yield codec_of(type(found)).encode(found)


def _objects(transaction: MemoryTransaction, kind: str) -> Iterator[Any]:
    if kind == PURCHASES.name:
        orders = list(transaction.all_facts(ORDERS))
        for history in histories(transaction, orders):
            if (purchase := history.purchase) is not None:
                yield purchase
        return
    for known in FACTS:
        if known.name == kind:
            yield from transaction.all_facts(known)
