"""Predicates compiled to Mongo filters: values are never keys, so nothing is interpreted.

A comparison in Mongo matches only values of the same type, so an absent field matches none of
them, and `$nor` of a filter is its exact complement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crmcore.adapters.mongo.client import Document
from crmcore.adapters.profile_codec import FOLDED, SAME_FOLDED
from crmcore.domain.errors import InvalidInput
from crmcore.domain.names import BEYOND, next_beyond
from crmcore.domain.predicates import (
    And,
    Comparison,
    Contains,
    Has,
    HasWord,
    Not,
    OnDays,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
    StartsWith,
    Term,
)

__all__ = ["WORDS", "compiled"]

WORDS = "name__words"
"""The list of folded words of a profile's name. No measure has a name with `__`."""

OPERATORS = {"==": "$eq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}
EVERYTHING: Document = {}
NOTHING: Document = {"$nor": [{}]}


Elsewhere = Callable[[Predicate], Document | None]


def compiled(
    predicate: Predicate, path: Callable[[Term], str], elsewhere: Elsewhere = lambda _: None
) -> Document:
    """The filter for a checked predicate in wire form; `path` gives a field's path, `elsewhere` the
    filter of what is not asked of a path, and `None` for all else.
    """
    if (found := elsewhere(predicate)) is not None:
        return found
    match predicate:
        case Comparison(name, op, OtherField(other)):
            left, right = f"${path(name)}", f"${path(other)}"
            known: list[Any] = [
                {"$ne": [{"$ifNull": [side, None]}, None]} for side in (left, right)
            ]
            return {"$expr": {"$and": [*known, {OPERATORS[op]: [left, right]}]}}
        case Comparison(name, op, value):
            return _compared(path(name), op, value)
        case OneOf(name, values):
            return {path(name): {"$in": list(values)}}
        case Has(name, value):
            return {path(name): value}
        case HasWord(_, beginning):
            # One and the same word is in the range, not one above its beginning, one below its end.
            return {WORDS: {"$elemMatch": {"$gte": beginning, "$lt": beginning + BEYOND}}}
        case Contains() | StartsWith():
            return _searched(predicate, path(predicate.name))
        case OnDays(name, days):
            # Of an absent date it is the empty text, which is no day.
            day = {"$substrCP": [f"${path(name)}", 5, 5]}
            return {"$expr": {"$in": [day, list(days)]}}
        case Present(name):
            return {path(name): {"$ne": None}}
        case And(parts):
            return (
                {"$and": [compiled(part, path, elsewhere) for part in parts]}
                if parts
                else EVERYTHING
            )
        case Or(parts):
            return (
                {"$or": [compiled(part, path, elsewhere) for part in parts]} if parts else NOTHING
            )
        case Not(part):
            return {"$nor": [compiled(part, path, elsewhere)]}
    raise InvalidInput.of("", f"{type(predicate).__name__} is no predicate")


def _searched(asked: Contains | StartsWith, path: str) -> Document:
    """The text at `path` folded, or as it is where that is the same, has this part."""
    folded, text = f"{FOLDED}.{asked.name}", asked.text
    if isinstance(asked, Contains):
        found = {"$ifNull": [f"${folded}", f"${path}"]}
        # Of an absent text the place is null, which is less than any number.
        return {"$expr": {"$gte": [{"$indexOfCP": [found, {"$literal": text}]}, 0]}}
    bounds: Document = {"$gte": text}
    if (beyond := next_beyond(text)) is not None:
        bounds["$lt"] = beyond
    if asked.name in SAME_FOLDED:
        return {path: bounds}
    return {"$or": [{folded: bounds}, {folded: None, path: bounds}]}


def _compared(path: str, op: str, value: Any) -> Document:
    if op == "<=":
        # The tested server leaves the equal ones out of `$lte` where it goes along an index.
        return {"$or": [{path: {"$lt": value}}, {path: value}]}
    return {path: {OPERATORS[op]: value}}
