"""Folding facts into measures, in Python: the definition that every backend's own must equal.

A fold state holds comparable raw values: an integer for counts, sums and money (minor units), a
triple `(at, recorded_at, value)` for `latest`. States merge, in any order, to the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache, partial
from typing import Any, cast

import attrs

from crmcore.domain.facts import Fact, Recording, as_recorded
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Purchase, purchase_of
from crmcore.domain.predicates import field_names, matcher

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
    steps = [_step(measure, recorded_at) for measure in measures]
    deltas: dict[CustomerId, dict[str, Any]] = {}
    for fact in facts:
        customer_id = fact.customer_id
        state = deltas.get(customer_id)
        begun = state is not None
        for name, holds, value, add in steps:
            if holds is None or holds(partial(getattr, fact)):
                found = value(fact)
                if found is not None:
                    state = {} if state is None else state
                    state[name] = add(state[name], found) if name in state else found
        if state is not None and not begun:
            deltas[customer_id] = state
    return deltas


def merged(measure: Measure, before: Any, delta: Any) -> Any:
    """The state after `delta` joins `before`; `None` before stands for no facts yet."""
    return delta if before is None else _ADD[measure.fold](before, delta)


_Step = tuple[str, Callable[[Any], bool] | None, Callable[[Any], Any], Callable[[Any, Any], Any]]
"""A measure's name, for which facts it holds, what it takes of one, and how two states meet."""


def _step(measure: Measure, recorded_at: datetime) -> _Step:
    value = _getter(measure)
    holds = None if measure.where is None else matcher(measure.where)
    if measure.fold is not Fold.LATEST:
        return measure.name, holds, value, _ADD[measure.fold]

    def dated(fact: Any) -> tuple[datetime, datetime, Any] | None:
        found = value(fact)
        own = getattr(fact, "recorded_at", None)
        return None if found is None else (fact.at, own or recorded_at, found)

    return measure.name, holds, dated, _ADD[measure.fold]


def _getter(measure: Measure) -> Callable[[Any], Any]:
    name = measure.value
    if name is None:
        return lambda fact: 1
    if name == "base_amount":
        # A fact in the model's own currency gets its base amount only when it is stored.
        return lambda fact: (fact.base_amount or fact.money).minor
    if measure.type is FieldType.MONEY:
        return lambda fact: None if (money := getattr(fact, name)) is None else money.minor
    if measure.type is FieldType.INSTANT:
        return lambda fact: getattr(fact, name)
    return lambda fact: raw(getattr(fact, name))


def _plus(left: int, right: int) -> int:
    return left + right


_ADD: Mapping[Fold, Callable[[Any, Any], Any]] = {
    Fold.COUNT: _plus,
    Fold.SUM: _plus,
    Fold.MIN: min,
    Fold.MAX: max,
    Fold.LATEST: max,
}


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
        if any(_looks_at_recording(measure) for measure in measures):
            facts = [as_recorded(fact, recording) for fact in facts]
        found = fold(measures, facts, recorded_at=recording.at)
        if kind == "orders":
            orders = cast(Sequence[Order], facts)
            purchases = [purchase_of(o, o.base_amount or o.total) for o in orders]
            more = fold(self.by_kind.get("purchases", ()), purchases, recorded_at=recording.at)
            for customer_id, state in more.items():
                found.setdefault(customer_id, {}).update(state)
        return found


@lru_cache(maxsize=1024)
def _looks_at_recording(measure: Measure) -> bool:
    """Does it ask for a field that is absent until the fact is recorded?

    The base amount as a value is the amount itself until then.
    """
    asked = set() if measure.where is None else set(field_names(measure.where))
    return bool(ADDED & asked) or measure.value in ADDED - {"base_amount"}
