"""What is asked of facts folded, put together by term, so that a store folds each term once.

Whatever is asked of one term alone is a question about one value: the zero or the absence of a
customer without facts has one answer to it, and everybody else's value another. A store folds
only who has facts, and keeps those whose answer differs.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from crmcore.domain.bounds import values_bound
from crmcore.domain.fact_terms import term_field
from crmcore.domain.matching import matcher
from crmcore.domain.predicates import (
    And,
    Comparison,
    FactTerm,
    Not,
    OneOf,
    Or,
    Predicate,
    Present,
)

__all__ = ["Folded", "folded_in", "grouped_by_term"]

AMONG = 10_000
"""How many values are repeated beside the terms: a statement takes 65,535 on PostgreSQL."""


@attrs.frozen
class Folded(Predicate):
    """What is `asked`, in wire form, of one term and nothing else.

    `among` are the conditions beside it: of whom they do not hold, nobody asks its answer. They
    are left out where all terms together would repeat too much of them.
    """

    name: FactTerm
    asked: Predicate = attrs.field(repr=False)
    among: tuple[Predicate, ...] = attrs.field(default=(), repr=False)

    @property
    def without_facts(self) -> bool:
        """Does it hold of whoever has none?"""
        value = None if term_field(self.name).optional else 0
        return matcher(self.asked)(lambda _: value)

    @property
    def differing(self) -> Predicate:
        """What holds of a value exactly where the answer is not that of no facts."""
        return ~self.asked if self.without_facts else self.asked

    @property
    def is_about_any(self) -> bool:
        """Has everybody with facts the other answer, however many they are?"""
        if self.name.fold != "count":
            # A sum is there for everybody: who has no facts has zero.
            return isinstance(self.asked, Present) and term_field(self.name).optional
        # Between the numbers that are asked about, all have one answer.
        near = {1, *(n + step for n in _numbers(self.asked) for step in (-1, 0, 1))}
        holds = matcher(self.differing)
        return all(holds(lambda _, n=n: n) for n in near if n >= 1)  # type: ignore[misc]


def grouped_by_term(predicate: Predicate) -> Predicate:
    """`predicate`, in wire form, with each largest part that asks of one term alone as `Folded`."""
    match predicate:
        case Comparison(name) | OneOf(name) | Present(name) if isinstance(name, FactTerm):
            return Folded(name, predicate)
        case Not(part):
            inner = grouped_by_term(part)
            return Folded(inner.name, ~inner.asked) if isinstance(inner, Folded) else Not(inner)
        case And(parts):
            return _joined(And, parts)
        case Or(parts):
            return _joined(Or, parts)
    return predicate


def folded_in(predicate: Predicate) -> Iterator[Folded]:
    """What is asked of facts, in a predicate put together so."""
    match predicate:
        case Folded():
            yield predicate
        case And(parts) | Or(parts):
            for part in parts:
                yield from folded_in(part)
        case Not(part):
            yield from folded_in(part)


def _joined(join: type[And] | type[Or], parts: tuple[Predicate, ...]) -> Predicate:
    plain, by_term = list[Predicate](), dict[FactTerm, list[Predicate]]()
    for part in map(grouped_by_term, parts):
        if isinstance(part, Folded):
            by_term.setdefault(part.name, []).append(part.asked)
        else:
            plain.append(part)
    fields = tuple(part for part in plain if not list(folded_in(part)))
    if values_bound(And(fields)) * len(by_term) > AMONG:
        fields = ()
    found = (
        *plain,
        *(
            Folded(
                name,
                asked[0] if len(asked) == 1 else join(tuple(asked)),
                fields if join is And else (),
            )
            for name, asked in by_term.items()
        ),
    )
    return found[0] if len(found) == 1 else join(found)


def _numbers(asked: Predicate) -> Iterator[int]:
    match asked:
        case Comparison(_, _, int() as value):
            yield value
        case OneOf(_, values):
            yield from (value for value in values if isinstance(value, int))
        case And(parts) | Or(parts):
            for part in parts:
                yield from _numbers(part)
        case Not(part):
            yield from _numbers(part)
