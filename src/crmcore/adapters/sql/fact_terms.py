"""Facts folded into a term of a predicate, in SQL: whose fold has another answer than no facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from crmcore.adapters.sql.folds import FUNCTIONS, conditions, latest_first, source
from crmcore.adapters.sql.predicates import compiled
from crmcore.adapters.sql.tables import Tables
from crmcore.adapters.term_groups import Folded
from crmcore.adapters.wire import column_of, wired
from crmcore.domain.fact_terms import as_measure
from crmcore.domain.fields import FieldType
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.measures import Fold
from crmcore.domain.predicates import FactTerm

__all__ = ["folded_condition"]

Condition = sa.ColumnElement[bool]


def folded_condition(tables: Tables, tenant: str, asked: Folded) -> Condition:
    """The condition that a profile's customer has such a fold, which is never null."""
    inside = tables.profiles.c.customer_id.in_(_customers(tables, tenant, asked))
    return sa.not_(inside) if asked.without_facts else inside


def _customers(tables: Tables, tenant: str, asked: Folded) -> sa.Select[tuple[bytes]]:
    """Those whose fold has another answer than no facts."""
    measure, rows = as_measure(asked.name), source(tables, tenant, asked.name.of)
    customer = rows.c.customer_id
    kept = [*_window(asked.name, rows.c.at), *conditions(measure, rows)]
    value: Any = sa.func.count()
    if measure.value is not None:
        value = rows.c[column_of(MEASURABLE[measure.of].comparable[measure.value])]
        kept.append(value.is_not(None))
    if measure.fold is Fold.LATEST:
        rank = latest_first(rows, value).label("rank")
        ranked = sa.select(customer, value.label("value"), rank).where(*kept).subquery("ranked")
        holds = compiled(asked.differing, lambda _: ranked.c.value)
        return sa.select(ranked.c.customer_id).where(ranked.c.rank == 1, holds)
    if measure.fold in FUNCTIONS:
        value = FUNCTIONS[measure.fold](value)
    holds = compiled(asked.differing, lambda _: value)
    return sa.select(customer).where(*kept).group_by(customer).having(holds)


def _window(term: FactTerm, at: sa.ColumnElement[int]) -> Iterator[Condition]:
    if term.since is not None:
        yield at >= wired(FieldType.INSTANT, term.since)
    if term.until is not None:
        yield at < wired(FieldType.INSTANT, term.until)
