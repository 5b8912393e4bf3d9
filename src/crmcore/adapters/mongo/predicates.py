"""Predicates compiled to Mongo filters: values are never keys, so nothing is interpreted.

A comparison in Mongo matches only values of the same type, so an absent field matches none of
them, and `$nor` of a filter is its exact complement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crmcore.adapters.mongo.client import Document
from crmcore.domain.errors import InvalidInput
from crmcore.domain.names import BEYOND
from crmcore.domain.predicates import (
    And,
    Comparison,
    Has,
    HasWord,
    Not,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
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
            return {path(name): {OPERATORS[op]: value}}
        case OneOf(name, values):
            return {path(name): {"$in": list(values)}}
        case Has(name, value):
            return {path(name): value}
        case HasWord(_, beginning):
            # One and the same word is in the range, not one above its beginning, one below its end.
            return {WORDS: {"$elemMatch": {"$gte": beginning, "$lt": beginning + BEYOND}}}
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
