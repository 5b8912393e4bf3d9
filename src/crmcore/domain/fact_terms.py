"""Facts folded into a term of a predicate: what a measure is, over a window, without being kept.

facts("purchases").where(field("channel") == "web").within(months=6).count() >= 3
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.folding import fold
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import EARLIEST, instant
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.money import Money
from crmcore.domain.order_facts import Purchase
from crmcore.domain.predicate_checks import checked
from crmcore.domain.predicates import FactTerm
from crmcore.domain.relative import Relative

__all__ = ["as_measure", "checked_term", "fact_values", "term_field", "unfolded"]

NAME = "folded"


@lru_cache(maxsize=1024)
def as_measure(term: FactTerm) -> Measure:
    """The measure that it is over all time; `InvalidInput` where there is no such one."""
    return Measure(NAME, term.of, Fold(term.fold), term.value, where=term.where)


@lru_cache(maxsize=1024)
def term_field(term: FactTerm) -> Field:
    """What its values are like: type, personal mark, and whether it may be absent."""
    own = as_measure(term).fields[0]
    told = term.of if term.value is None else f"{term.of}.{term.value}"
    return attrs.evolve(own, name=told)


def checked_term(term: FactTerm, currency: str) -> tuple[FactTerm, Field]:
    """The term with its condition and window checked, and what it is like; or `InvalidInput`."""
    try:
        measure = as_measure(attrs.evolve(term, where=None))
        where = term.where
        if where is not None:
            try:
                where = checked(where, MEASURABLE[measure.of].comparable, currency, relative=True)
            except InvalidInput as error:
                raise error.under("where") from None
        since, until = (_bound(getattr(term, name), name) for name in ("since", "until"))
    except InvalidInput as error:
        raise error.under("facts") from None
    found = FactTerm(term.of, measure.fold.value, term.value, where, since, until)
    return found, term_field(found)


def fact_values(
    term: FactTerm, facts: Iterable[Fact | Purchase], *, recorded_at: datetime = EARLIEST
) -> dict[CustomerId, Any]:
    """By customer, what these facts of the term's kind fold into, in the raw form of folds: money
    is its minor units. Who has none in the window is left out.
    """
    within = (f for f in facts if _is_within(term, f.at))
    found = fold([as_measure(term)], within, recorded_at=recorded_at)
    latest = as_measure(term).fold is Fold.LATEST
    return {
        customer_id: state[NAME][2] if latest else state[NAME]
        for customer_id, state in found.items()
    }


def unfolded(type: FieldType, value: Any, currency: str) -> Any:
    """The domain value of what facts fold into: of minor units, money in `currency`."""
    if type is FieldType.MONEY and value is not None:
        return Money.of_minor(value, currency)
    return value


def _is_within(term: FactTerm, at: datetime) -> bool:
    since, until = term.since, term.until
    if isinstance(since, Relative) or isinstance(until, Relative):
        raise InvalidInput.of("facts", "are asked within a window that is not resolved")
    return (since is None or since <= at) and (until is None or at < until)


def _bound(value: datetime | Relative | None, path: str) -> datetime | Relative | None:
    return value if value is None or isinstance(value, Relative) else instant(value, path)
