"""Facts folded over a frame: one pass over the facts of a kind, joined to the customers once.

Every term of a kind becomes a column of values that count, or none where its window and condition
do not hold, and all of them are folded by customer together. `latest` needs a pass of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from crmcore.adapters.columns.predicates import Question
from crmcore.adapters.columns.texts import Texts
from crmcore.adapters.wire import column_of
from crmcore.domain.errors import InvalidInput, MissingExtra
from crmcore.domain.fact_terms import as_measure, term_field
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.measures import Fold
from crmcore.domain.predicates import And, Comparison, FactTerm, Predicate, Present

try:
    import narwhals.stable.v2 as nw
except ImportError as _error:
    raise MissingExtra("frames") from _error

__all__ = ["KEY", "with_terms"]

KEY = "customer_id"
Lazy = nw.LazyFrame[Any]


def with_terms(
    frame: Lazy, terms: Iterable[FactTerm], facts: Callable[[str], Lazy], *, engine: str
) -> tuple[Lazy, dict[FactTerm, tuple[str, Field]]]:
    """The frame with a column per term, and by term its column and what it is like."""
    places = {term: (f"__term_{index}", term_field(term)) for index, term in enumerate(terms)}
    by_kind: dict[str, list[FactTerm]] = {}
    for term in places:
        by_kind.setdefault(term.of, []).append(term)
    for kind, own in by_kind.items():
        told = facts(kind)
        asked = _question(kind, told, engine)
        folded = [term for term in own if as_measure(term).fold is not Fold.LATEST]
        if folded:
            found = _folded(told, asked, {term: places[term][0] for term in folded})
            frame = frame.join(found, on=KEY, how="left")
        for term in own:
            if term not in folded:
                found = _latest(told, asked, term, places[term][0])
                frame = frame.join(found, on=KEY, how="left")
    return frame, places


def _question(kind: str, told: Lazy, engine: str) -> Question:
    schema = told.collect_schema()
    if KEY not in schema:
        raise InvalidInput.of(f"facts.{kind}", f"lacks the column {KEY}")
    texts = Texts(told, in_sql=engine in ("duckdb", "pyspark"))
    fields = MEASURABLE[kind].comparable
    return Question(fields=fields, schema=schema, texts=texts, engine=engine)


def _folded(told: Lazy, asked: Question, places: Mapping[FactTerm, str]) -> Lazy:
    """By customer, the terms that are counts, sums, least and greatest values."""
    conditions = {term: _condition(term) for term in places}
    known = [condition for condition in conditions.values() if condition is not None]
    if len(known) == len(conditions):
        told = told.filter(asked.kept(reduce(or_, known[1:], known[0])))
    columns, folds = [], []
    for term, name in places.items():
        measure, condition = as_measure(term), conditions[term]
        value = nw.lit(1) if measure.value is None else _value(asked, term)
        if condition is not None and len(places) > 1:
            value = nw.when(asked.answer(condition)).then(value)
        columns.append(value.alias(name))
        folds.append(getattr(nw.col(name), measure.fold.value)().alias(name))
    return told.select(nw.col(KEY), *columns).group_by(KEY).agg(*folds)


def _latest(told: Lazy, asked: Question, term: FactTerm, name: str) -> Lazy:
    """By customer, the value of the last fact; of equals the one recorded last, or the greatest."""
    condition, value = _condition(term), as_measure(term).value
    has = Present(str(value))
    told = told.filter(asked.kept(has if condition is None else has & condition))
    for instant in ("at", "recorded_at"):
        if instant not in asked.schema:
            raise InvalidInput.of(f"facts.{term.of}", f"lacks the column {instant}")
        last = nw.col(instant).max().over(KEY).alias("__last")
        told = told.with_columns(last).filter(nw.col(instant) == nw.col("__last"))
    column = _value(asked, term)
    if term_field(term).type is FieldType.BOOLEAN:
        column = column.cast(nw.Int8)
    return told.select(nw.col(KEY), column.alias(name)).group_by(KEY).agg(nw.col(name).max())


def _condition(term: FactTerm) -> Predicate | None:
    """The window and the condition in one; none where every fact counts."""
    bounds = [
        Comparison("at", op, bound)
        for op, bound in ((">=", term.since), ("<", term.until))
        if isinstance(bound, datetime)
    ]
    parts: list[Predicate] = [*bounds, *(() if term.where is None else (term.where,))]
    return And(tuple(parts)) if parts else None


def _value(asked: Question, term: FactTerm) -> nw.Expr:
    known = asked.fields[str(term.value)]
    asked.answer(Present(known.name))  # which says what is wrong with its column
    return nw.col(column_of(known))
