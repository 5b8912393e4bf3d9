"""What is asked of facts folded, put together by term, so that a store folds each term once.

Whatever is asked of one term alone is a question about one value: the zero or the absence of a
customer without facts has one answer to it, and everybody else's value another. A store folds
only who has facts, and keeps those whose answer differs.
"""

from __future__ import annotations

import attrs

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

__all__ = ["Folded", "grouped_by_term"]


@attrs.frozen
class Folded(Predicate):
    """What is `asked`, in wire form, of one term and nothing else."""

    name: FactTerm
    asked: Predicate = attrs.field(repr=False)

    @property
    def without_facts(self) -> bool:
        """Does it hold of whoever has none?"""
        value = None if term_field(self.name).optional else 0
        return matcher(self.asked)(lambda _: value)

    @property
    def differing(self) -> Predicate:
        """What holds of a value exactly where the answer is not that of no facts."""
        return ~self.asked if self.without_facts else self.asked


def grouped_by_term(predicate: Predicate) -> Predicate:
    """`predicate`, in wire form, with each largest part that asks of one term alone as `Folded`."""
    match predicate:
        case Comparison(FactTerm() as term) | OneOf(FactTerm() as term) | Present(FactTerm() as term):
            return Folded(term, predicate)
        case Not(part):
            inner = grouped_by_term(part)
            return Folded(inner.name, ~inner.asked) if isinstance(inner, Folded) else Not(inner)
        case And(parts) | Or(parts):
            join: type[And] | type[Or] = type(predicate)  # type: ignore[assignment]
            plain, by_term = list[Predicate](), dict[FactTerm, list[Predicate]]()
            for part in map(grouped_by_term, parts):
                if isinstance(part, Folded):
                    by_term.setdefault(part.name, []).append(part.asked)
                else:
                    plain.append(part)
            folded = [
                Folded(term, asked[0] if len(asked) == 1 else join(tuple(asked)))
                for term, asked in by_term.items()
            ]
            found = (*plain, *folded)
            return found[0] if len(found) == 1 else join(found)
    return predicate
