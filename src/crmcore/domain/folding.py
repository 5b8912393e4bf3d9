"""Folding facts into measures, in Python: the definition that every backend's own must equal.

A fold state holds comparable raw values: an integer for counts, sums and money (minor units), a
triple `(at, recorded_at, value)` for `latest`. States merge, in any order, to the same result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, cast

import attrs

from crmcore.domain.facts import Fact, Recording, as_recorded
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.matching import matcher
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.money import Money
from crmcore.domain.order_facts import Purchase
from crmcore.domain.predicates import terms

__all__ = [
    "Deltas",
    "FoldPlan",
    "fold",
    "merged",
    "raw",
]

ADDED = frozenset({"source", "actor", "recorded_at", "base_amount"})
"""What the store adds to a fact as it records it."""

Deltas = Mapping[CustomerId, Mapping[str, Any]]
"""By customer, by measure, what a batch of facts adds; without measures that nothing adds to."""


def raw(value: Any) -> Any:
    """A field's value in the form that folds and stores compare: minor units, plain text."""
    if isinstance(value, Money):
        return value.minor
    return value.value if isinstance(value, Enum) else value


def fold(
    measures: Iterable[Measure], facts: Iterable[Fact | Purchase], *, recorded_at: datetime
) -> dict[CustomerId, dict[str, Any]]:
    """What `facts`, all of the kind these measures are of, add to each customer's profile.

    `recorded_at` stands for facts that do not carry their own yet.
    """
    folds = [(measure.name, _folding(measure)) for measure in measures]
    by_customer = defaultdict[int, list[Any]](list)
    for fact in facts:
        by_customer[fact.customer_id.int].append(fact)
    deltas: dict[CustomerId, dict[str, Any]] = {}
    for own in by_customer.values():
        state = {
            name: found for name, folded in folds if (found := folded(own, recorded_at)) is not None
        }
        if state:
            deltas[own[0].customer_id] = state
    return deltas


def merged(measure: Measure, before: Any, delta: Any) -> Any:
    """The state after `delta` joins `before`; `None` before stands for no facts yet."""
    return delta if before is None else _REDUCED[measure.fold]((before, delta))


@lru_cache(maxsize=1024)
def _folding(measure: Measure) -> Callable[[list[Any], datetime], Any]:
    """From one customer's facts to the state of a measure; `None` where none takes part. The
    instant is for facts that do not carry their own `recorded_at` yet.
    """
    value, reduced = _getter(measure), _REDUCED[measure.fold]

    def bound(facts: list[Any], _: datetime) -> Any:
        found = [known for fact in facts if (known := value(fact)) is not None]
        return reduced(found) if found else None

    def count(facts: list[Any], _: datetime) -> int | None:
        return len(facts) or None

    def latest(facts: list[Any], recorded_at: datetime) -> Any:
        dated = [
            (fact.at, getattr(fact, "recorded_at", None) or recorded_at, known)
            for fact in facts
            if (known := value(fact)) is not None
        ]
        return reduced(dated) if dated else None

    made = {Fold.COUNT: count, Fold.LATEST: latest}.get(measure.fold, bound)
    if measure.where is None:
        return made
    holds = matcher(measure.where)

    def where(facts: list[Any], recorded_at: datetime) -> Any:
        return made([f for f in facts if holds(cast(Any, partial(getattr, f)))], recorded_at)

    return where


def _getter(measure: Measure) -> Callable[[Any], Any]:
    name = measure.value
    if name is None or measure.type is FieldType.INSTANT:
        return attrgetter(name or "at")
    if name == "base_amount":
        # A fact in the model's own currency gets its base amount only when it is stored.
        return lambda fact: (fact.base_amount or fact.money).minor
    if measure.type is FieldType.MONEY:
        return lambda fact: None if (money := getattr(fact, name)) is None else money.minor
    return lambda fact: raw(getattr(fact, name))


_REDUCED: Mapping[Fold, Callable[[Iterable[Any]], Any]] = {
    Fold.COUNT: sum,
    Fold.SUM: sum,
    Fold.MIN: min,
    Fold.MAX: max,
    Fold.LATEST: max,
}
"""What makes one state of several."""


@attrs.frozen
class FoldPlan:
    """The measures of a model by the kind they are of."""

    by_kind: Mapping[str, tuple[Measure, ...]]

    @classmethod
    def of(cls, measures: Iterable[Measure]) -> FoldPlan:
        """The plan of these measures."""
        by_kind: dict[str, tuple[Measure, ...]] = {}
        for measure in measures:
            by_kind[measure.of] = (*by_kind.get(measure.of, ()), measure)
        return cls(by_kind)

    def deltas(self, kind: str, facts: Sequence[Fact], recording: Recording) -> Deltas:
        """What newly appended facts of a kind add; orders count as purchases as well.

        Where a measure looks at what the store adds to a fact, the facts are folded as recorded.
        """
        measures = self.by_kind.get(kind, ())
        told = not recording.restores and any(f.recorded_at is not None for f in facts)
        if told or any(_looks_at_recording(measure) for measure in measures):
            facts = [as_recorded(fact, recording) for fact in facts]
        if kind == "orders":  # nothing of them came back yet, so each is a purchase as it is
            measures = (*measures, *self.by_kind.get("purchases", ()))
        return fold(measures, facts, recorded_at=recording.at)


@lru_cache(maxsize=1024)
def _looks_at_recording(measure: Measure) -> bool:
    """Does it ask for a field that is absent until the fact is recorded?

    The base amount as a value is the amount itself until then.
    """
    asked = set() if measure.where is None else set(terms(measure.where))
    return bool(ADDED & asked) or measure.value in ADDED - {"base_amount"}
