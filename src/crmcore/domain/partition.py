"""Partitions: every customer in exactly one of several cells."""

from __future__ import annotations

from collections.abc import Mapping

from crmcore.domain.errors import InvalidInput
from crmcore.domain.predicates import Not, Or, Predicate

__all__ = ["partition"]


def partition(cells: Mapping[str, Predicate], *, rest: str = "others") -> dict[str, Predicate]:
    """The same names with predicates of which exactly one holds for everybody: of `cells`, in their
    order, the first that holds, and `rest` where none does.

    Each predicate is the one given and none of those before it, so the last are as long as all
    together. Beyond the 1,000 terms of a predicate, `uow.profiles.classify(cells)` gives
    everybody's first cell without them.
    """
    if not isinstance(cells, Mapping):
        raise InvalidInput.of("", "give predicates by name")
    if rest in cells:
        raise InvalidInput.of("rest", "is the name of a cell")
    before: list[Predicate] = []
    exact: dict[str, Predicate] = {}
    for name, predicate in cells.items():
        if not isinstance(predicate, Predicate):
            raise InvalidInput.of(f"[{name!r}]", "must be a predicate")
        # Its own part first: databases ask the others only of those for whom it holds.
        exact[name] = predicate & Not(Or(tuple(before))) if before else predicate
        before.append(predicate)
    return {**exact, rest: Not(Or(tuple(before)))}
