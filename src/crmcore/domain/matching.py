"""Whether a predicate holds, in Python: the definition that every backend's own must equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crmcore.domain.errors import InvalidInput
from crmcore.domain.names import folded_text, name_words
from crmcore.domain.predicates import (
    OPERATORS,
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
)

__all__ = ["matcher"]

LookUp = Callable[[Any], Any]
"""From a term to its value: who asks about fields alone looks up names alone."""


def matcher(predicate: Predicate) -> Callable[[LookUp], bool]:
    """`predicate` as a function of a look-up by term; it is checked and resolved already."""
    match predicate:
        case Comparison(name, op, OtherField(other)):
            compare = OPERATORS[op]

            def between(get: LookUp) -> bool:
                left, right = get(name), get(other)
                return left is not None and right is not None and compare(left, right)

            return between
        case Comparison(name, op, value):
            compare = OPERATORS[op]

            def against(get: LookUp) -> bool:
                left = get(name)
                return left is not None and compare(left, value)

            return against
        case OneOf(name, values):
            return lambda get: get(name) in values
        case Has(name, value):
            return lambda get: value in (get(name) or ())
        case HasWord(name, beginning):
            return lambda get: any(w.startswith(beginning) for w in name_words(get(name)))
        case Contains(name, text):
            return lambda get: (found := get(name)) is not None and text in folded_text(found)
        case StartsWith(name, text):
            return lambda get: (
                (found := get(name)) is not None and folded_text(found).startswith(text)
            )
        case OnDays(name, days):
            chosen = frozenset(days)
            # A date, or its ISO text: either ends in its month and day.
            return lambda get: (found := get(name)) is not None and str(found)[-5:] in chosen
        case Present(name):
            return lambda get: get(name) not in (None, ())
        case And(parts):
            every = tuple(matcher(part) for part in parts)
            return lambda get: all(holds(get) for holds in every)
        case Or(parts):
            some = tuple(matcher(part) for part in parts)
            return lambda get: any(holds(get) for holds in some)
        case Not(part):
            inner = matcher(part)
            return lambda get: not inner(get)
    raise InvalidInput.of("", f"{type(predicate).__name__} is no predicate that is resolved")
