"""Brings documents and indexes of before to today's; done once, it only looks at indexes.

The first shape told facts with a source key, and journal rows without a position, by their types;
the second has fields for that, `keyed` and `waiting`, and the counter knows the last position. An
index of another definition says that the documents are of the first shape: it is dropped when they
are not any more, and then today's is made. The third has tags, notes and attachments, and the words
of names in the profiles: that their index is missing says that the documents may be older. The
fourth has folded texts in the profiles: each stored model tells the `shape` it was stored under.
The fifth has memberships with their ledger: its shape is told once their indexes are there.
The sixth has the interval and the scorer's version in scores; older ones tell neither.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from pymongo import UpdateOne
from pymongo.collection import Collection

from crmcore.adapters.mongo.client import Document
from crmcore.adapters.mongo.predicates import WORDS
from crmcore.adapters.profile_codec import FOLDED, FOLDING, folded_texts
from crmcore.domain.errors import NotMigrated
from crmcore.domain.kinds import FACTS
from crmcore.domain.names import name_words

__all__ = ["NEWER", "SHAPE", "tell_shape", "upgrade_documents"]

SHAPE = 6
"""Of today's documents, as stored models tell it."""
NEWER = "a newer crmcore made these documents: upgrade the program's crmcore"
FOLDED_SHAPE = 4
SCORED_SHAPE = 6
AT_ONCE = 1000


def upgrade_documents(named: Callable[[str], Collection[Document]]) -> None:
    """`named` gives the collection of a kind."""
    if named("models").find_one({"shape": {"$gt": SHAPE}}) is not None:
        raise NotMigrated(NEWER)
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
    customers, profiles = named("customers"), named("profiles")
    if WORDS not in profiles.index_information():
        none = dict.fromkeys(("tags", "notes", "attachments"), "[]")
        customers.update_many({"tags": {"$exists": False}}, {"$set": none})
        _add_words(profiles)
    models, untold = named("models"), {"shape": {"$exists": False}}
    if models.find_one(untold) is not None:
        _add_folded(profiles)
        models.update_many(untold, {"$set": {"shape": FOLDED_SHAPE}})
    if models.find_one({"shape": {"$lt": SCORED_SHAPE}}) is not None:
        untold, absent = {"scorer_version": {"$exists": False}}, ("low", "high", "scorer_version")
        named("scores").update_many(untold, {"$set": dict.fromkeys(absent)})


def tell_shape(models: Collection[Document]) -> None:
    """Say of the stored models that documents and indexes are today's."""
    older = {"shape": {"$lt": SHAPE}}
    if models.find_one(older) is not None:
        models.update_many(older, {"$set": {"shape": SHAPE}})


def _add_folded(profiles: Collection[Document]) -> None:
    """The folded texts of profiles that do not have them, some at a time."""
    texts = [*FOLDING, "attributes"]
    without = profiles.find({FOLDED: {"$exists": False}}, texts)
    while found := list(islice(without, AT_ONCE)):
        profiles.bulk_write(
            [
                UpdateOne(
                    {"_id": row["_id"], FOLDED: {"$exists": False}},
                    {"$set": {FOLDED: folded_texts(row | row["attributes"]) or None}},
                )
                for row in found
            ]
        )


def _add_words(profiles: Collection[Document]) -> None:
    """What profiles without words are searched by, some at a time."""
    without = profiles.find({WORDS: {"$exists": False}}, {"name": 1})
    while found := list(islice(without, AT_ONCE)):
        profiles.bulk_write(
            [
                UpdateOne(
                    {"_id": row["_id"]},
                    {"$set": {WORDS: list(name_words(row["name"])), "tags": None}},
                )
                for row in found
            ]
        )


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
