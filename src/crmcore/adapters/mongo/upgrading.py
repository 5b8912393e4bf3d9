"""Brings documents and indexes of the first shape to today's; done once, it only looks at indexes.

The first shape told facts with a source key, and journal rows without a position, by their types;
today's has fields for that, `keyed` and `waiting`, and the counter knows the last position. An
index of another definition says that the documents are of the first shape: it is dropped when they
are not any more, and then today's is made.
"""

from __future__ import annotations

from collections.abc import Callable

from pymongo.collection import Collection

from crmcore.adapters.mongo.client import Document
from crmcore.domain.kinds import FACTS

__all__ = ["upgrade_documents"]


def upgrade_documents(named: Callable[[str], Collection[Document]]) -> None:
    """`named` gives the collection of a kind."""
    for fact in FACTS:
        facts = named(fact.name)
        if _is_of_before(facts, "source_key", {"keyed": True}):
            told = {"source_key": {"$type": "string"}, "keyed": {"$exists": False}}
            facts.update_many(told, {"$set": {"keyed": True}})
            facts.drop_index("source_key")
    journal, counters = named("journal"), named("counters")
    if _is_of_before(journal, "position", {"position": {"$gt": 0}}):
        _count(journal, counters)
        waiting = {"position": None, "waiting": {"$exists": False}}
        journal.update_many(waiting, {"$set": {"waiting": True}})
        journal.drop_index("position")


def _count(journal: Collection[Document], counters: Collection[Document]) -> None:
    """Tell each counter the last position it gave."""
    for counter in counters.find({"name": "journal", "last": {"$exists": False}}):
        mine = {"tenant": counter["tenant"], "position": {"$gt": 0}}
        newest = journal.find_one(mine, sort=[("position", -1)])
        last = newest["position"] if newest else 0
        counters.update_one(
            {"_id": counter["_id"], "last": {"$exists": False}}, {"$set": {"last": last}}
        )


def _is_of_before(held: Collection[Document], index: str, where: Document) -> bool:
    known = held.index_information().get(index)
    return known is not None and dict(known.get("partialFilterExpression") or {}) != where
