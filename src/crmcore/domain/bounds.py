"""What every store takes in: how long an indexed text and how large a predicate may be.

Each engine sets bounds of its own: PostgreSQL to the bytes of one index entry (2,704) and the
parameters of one statement (65,535), SQLite to the depth of an expression (1,000), Mongo to the
depth and the bytes of a document. These are within all of them, so that none is met on one
backend and not on the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crmcore.domain.errors import InvalidInput
from crmcore.domain.predicates import (
    And,
    Comparison,
    Contains,
    FactTerm,
    Has,
    HasWord,
    Not,
    OnDays,
    OneOf,
    Or,
    Predicate,
    Present,
    StartsWith,
)

__all__ = [
    "DEPTH", "INDEXED_TEXT", "SUM_LIMIT", "beyond_limit", "check_bound", "check_size", "in_turns",
    "values_bound",
]  # fmt: skip

INDEXED_TEXT = 500
"""Characters of a text that an index holds."""

SUM_LIMIT = 2**53
"""Sums of a profile stay below it on either side of zero: every store keeps them exactly."""

TERMS = 1_000
VALUES = 10_000
CHARACTERS = 1_000_000
DEPTH = 50
"""Levels of "and", "or", "not" and conditions of facts, the one within the other."""
BOUND = 30_000
"""Values of one resolved predicate; PostgreSQL takes 65,535 in a statement, which may ask two. The
customers' own days take some 1,200 for each comparison: the names of the zones, twice."""
TOGETHER = 250
"""How many predicates one statement asks: PostgreSQL answers 1,664 columns, SQLite 2,000."""


def beyond_limit() -> InvalidInput:
    """The error for a fact that would take a sum to where no store keeps it exactly."""
    return InvalidInput.of("amount", "takes a sum of the customer's profile beyond 2**53")


def check_size(predicate: Predicate) -> None:
    """Refuse a predicate of more than 1,000 terms, 10,000 values, a million characters of text, or
    50 levels of "and", "or" and "not".
    """
    asked, values, depth = _size(predicate)
    for count, most, what in (
        (asked, TERMS, "terms"),
        (len(values), VALUES, "values"),
        (sum(len(v) for v in values if isinstance(v, str)), CHARACTERS, "characters of text"),
        (depth, DEPTH, "levels"),
    ):
        if count > most:
            raise InvalidInput.of("", f"is a predicate of more than {most:,} {what}")


def check_bound(predicate: Predicate) -> None:
    """Refuse a resolved predicate of more than 30,000 values."""
    if values_bound(predicate) > BOUND:
        what = f"asks for more than {BOUND:,} values, with the zones of customers spelt out"
        raise InvalidInput.of("", what)


def values_bound(predicate: Predicate) -> int:
    """How many values a resolved predicate has."""
    return len(_size(predicate, whole=True)[1])


def in_turns(predicates: Sequence[Predicate]) -> Iterator[Sequence[Predicate]]:
    """`predicates` in their order, so many at a time as one statement takes on every engine; all of
    them at once where a hundred ask as much as they commonly do.
    """
    begun = weight = 0
    for place, predicate in enumerate(predicates):
        asked, values, _ = _size(predicate, whole=True)
        own = asked + len(values) + sum(len(v) for v in values if isinstance(v, str)) // 100
        if place > begun and (weight + own > VALUES or place - begun == TOGETHER):
            yield predicates[begun:place]
            begun, weight = place, 0
        weight += own
    if begun < len(predicates):
        yield predicates[begun:]


def _size(predicate: Predicate, *, whole: bool = False) -> tuple[int, list[object], int]:
    """How many terms, which values, and how many levels; unless asked for the `whole`, what is
    beyond a limit is not gone through to its end. An "and" or "or" of nothing is a term as well.
    """
    asked, values, depth = 0, list[object](), 0
    pending: list[tuple[object, int]] = [(predicate, 0)]
    while pending and (whole or (depth <= DEPTH and asked <= TERMS)):
        node, level = pending.pop()
        depth = max(depth, level)
        match node:
            case And(parts) | Or(parts) if parts:
                pending += ((part, level + 1) for part in parts)
            case Not(part):
                pending.append((part, level + 1))
            case OneOf(_, several) | OnDays(_, several):
                asked += 1
                values += several
            case Comparison(_, _, value) | Has(_, value) | HasWord(_, value):
                asked += 1
                values.append(value)
            case Contains(_, value) | StartsWith(_, value):
                asked += 1
                values.append(value)
            case _:
                asked += 1
        if isinstance(node, Comparison | OneOf | Present):
            term = node.name
            if isinstance(term, FactTerm) and term.where is not None:
                pending.append((term.where, level + 1))
    return asked, values, depth
