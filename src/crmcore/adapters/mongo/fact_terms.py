"""Facts folded into a term of a predicate, in Mongo: whose fold has another answer than no facts.

The facts are folded by `$group` first, and the profiles are found by the ids that it answers. A
`$lookup` within the query of the profiles would do both at once, but it asks for the facts of one
profile after the other, whatever the window: over the tested server 19 ms each, where the
`$group` of all 10,000 facts took a second. So a page costs the fold of all facts in the window,
whatever its limit. What is not committed yet is seen, because both queries are of one session;
without one, what is committed between them is seen by the second alone.

One filter names 200,000 ids at most, for a document ends at 16 MB. Beyond that the profiles are
asked range by range of ids.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import pairwise
from typing import Any

from crmcore.adapters.mongo.client import Document
from crmcore.adapters.mongo.predicates import compiled
from crmcore.adapters.order_lines import any_line_text, line_text
from crmcore.adapters.term_groups import Folded
from crmcore.adapters.wire import column_of, wire_predicate, wired
from crmcore.domain.fact_terms import as_measure
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.kinds import CANCELLATIONS, MEASURABLE, ORDERS, PURCHASES, RETURNS
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.predicates import FactTerm, Has, Predicate, Present, Term

__all__ = ["fold_stages", "folded_from", "ranges"]

MOST = 200_000
"""How many ids one filter names."""

Ids = Mapping[Folded, Sequence[bytes]]
"""By what is asked of a term, in the order of ids, whose fold has another answer than no facts."""


def folded_from(term: FactTerm) -> str:
    """The collection that the stages begin with."""
    return ORDERS.name if term.of == PURCHASES.name else term.of


def fold_stages(tenant: str, asked: Folded, names: Mapping[str, str]) -> list[Document]:
    """The stages that end in the ids, as `_id`, of those whose fold has another answer than no
    facts; `names` are those of the collections.
    """
    term, measure = asked.name, as_measure(asked.name)
    stages: list[Document] = [{"$match": _standing(tenant) | _window(term)}]
    if term.of == PURCHASES.name:
        stages += _purchases(tenant, names)
    fields = MEASURABLE[term.of].comparable
    if measure.where is not None:
        where = wire_predicate(measure.where, fields)
        stages.append({"$match": compiled(where, lambda name: _path(name, fields), _of_lines)})
    value = None if measure.value is None else _path(measure.value, fields)
    if value is not None:
        stages.append({"$match": {value: {"$ne": None}}})
    folded = {"_id": "$resolved_customer_id", "value": _folded(measure, value)}
    path = "value.value" if measure.fold is Fold.LATEST else "value"
    return [
        *stages,
        {"$group": folded},
        {"$match": compiled(asked.differing, lambda _: path)},
        {"$project": {"_id": 1}},
    ]


def ranges(found: Ids) -> Iterator[tuple[Document, Ids]]:
    """The ids in ranges, of which one filter can name all: with the range as a filter itself."""
    everything = list(merge(*found.values()))
    cuts = [None, *everything[MOST::MOST], None] if len(everything) > MOST else [None, None]
    for first, beyond in pairwise(cuts):
        bounds: Document = {} if first is None else {"$gte": first}
        bounds |= {} if beyond is None else {"$lt": beyond}
        within = {asked: _between(ids, first, beyond) for asked, ids in found.items()}
        yield ({"customer_id": bounds} if bounds else {}), within


def _between(ids: Sequence[bytes], first: bytes | None, beyond: bytes | None) -> Sequence[bytes]:
    start = 0 if first is None else bisect_left(ids, first)
    return ids[start : len(ids) if beyond is None else bisect_left(ids, beyond)]


def _standing(tenant: str) -> Document:
    return {"tenant": tenant, "removed_at": None}


def _window(term: FactTerm) -> Document:
    bounds = {
        "$gte": wired(FieldType.INSTANT, term.since),
        "$lt": wired(FieldType.INSTANT, term.until),
    }
    told = {way: bound for way, bound in bounds.items() if bound is not None}
    return {"at": told} if told else {}


def _path(name: Term, fields: Mapping[str, Field]) -> str:
    column = column_of(fields[str(name)])
    return "resolved_customer_id" if column == "customer_id" else column


def _folded(measure: Measure, value: str | None) -> Document:
    if measure.fold is Fold.COUNT:
        return {"$sum": 1}
    if measure.fold is Fold.LATEST:
        # Documents compare field by field, in the order that they are written in.
        return {"$max": {"at": "$at", "recorded_at": "$recorded_at", "value": f"${value}"}}
    return {f"${measure.fold.value}": f"${value}"}


def _of_lines(asked: Predicate) -> Document | None:
    """What is asked of an order's lines."""
    match asked:
        case Has():
            text = line_text(asked)
        case Present("products" | "categories" as name):
            text = any_line_text(name)
        case _:
            return None
    return {"$expr": {"$gte": [{"$indexOfBytes": ["$lines", {"$literal": text}]}, 0]}}


def _purchases(tenant: str, names: Mapping[str, str]) -> list[Document]:
    """From orders to purchases: as `crmcore.domain.order_facts` says, for all orders at once."""

    def also(kind: str, **told: Any) -> Document:
        stages = [
            {"$match": _standing(tenant)},
            {"$project": {"_id": 0, "id": "$order_id", **told}},
        ]
        return {"$unionWith": {"coll": names[kind], "pipeline": stages}}

    less = {"$multiply": ["$base_amount_minor", -1]}
    return [
        {"$project": {
            "_id": 0, "id": 1, "resolved_customer_id": 1, "at": 1, "channel": 1, "lines": 1,
            "total_minor": 1, "amount_minor": "$base_amount_minor", "is_order": {"$literal": 1},
        }},
        also(RETURNS.name, credited="$amount_minor", amount_minor=less),
        also(CANCELLATIONS.name, is_cancelled={"$literal": 1}),
        {"$group": {
            "_id": "$id",
            **{name: {"$max": f"${name}"} for name in (
                "id", "resolved_customer_id", "at", "channel", "lines", "total_minor",
            )},
            **{name: {"$sum": f"${name}"} for name in (
                "amount_minor", "credited", "is_order", "is_cancelled",
            )},
        }},
        {"$match": {
            "is_order": 1, "is_cancelled": 0,
            "$or": [{"credited": 0}, {"$expr": {"$lt": ["$credited", "$total_minor"]}}],
        }},
    ]  # fmt: skip
