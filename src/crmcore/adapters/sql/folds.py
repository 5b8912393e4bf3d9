"""Measures compiled to SQL: the fold of a kind's facts, and the merge of a batch's deltas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from crmcore.adapters.order_lines import any_line_text, line_text
from crmcore.adapters.profile_codec import measure_columns
from crmcore.adapters.sql.predicates import compiled
from crmcore.adapters.sql.tables import Tables
from crmcore.adapters.sql.types import stands_in
from crmcore.adapters.term_groups import Folded
from crmcore.adapters.wire import column_of, wire_predicate
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.kinds import MEASURABLE, PURCHASES
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.predicates import Has, HasWord, Term

__all__ = [
    "FUNCTIONS",
    "conditions",
    "fold_statements",
    "latest_first",
    "merge_statement",
    "purchases",
    "source",
    "whole",
]

Tenant = str | sa.BindParameter[Any]
"""A tenant, or the parameter that will name one."""

FUNCTIONS: dict[Fold, Callable[[Any], sa.ColumnElement[Any]]] = {
    Fold.SUM: sa.func.sum,
    Fold.MIN: sa.func.min,
    Fold.MAX: sa.func.max,
}


def purchases(
    tables: Tables,
    tenant: Tenant,
    *,
    of: sa.Select[tuple[bytes]] | None = None,
    by_order: bool = False,
) -> sa.Select[*tuple[Any, ...]]:
    """Orders net of cancellations and returns, as rows: see `crmcore.domain.order_facts`.

    `of` these customers, or of all. `by_order`: what came back is looked up for each order,
    instead of added up for all at once.
    """
    orders, returns = tables.kinds["orders"], tables.kinds["returns"]
    cancellations = tables.kinds["cancellations"]
    amount: sa.ColumnElement[Any] = sa.func.sum(returns.c.amount_minor)
    base: sa.ColumnElement[Any] = sa.func.sum(returns.c.base_amount_minor)
    standing = [returns.c.tenant == tenant, returns.c.removed_at.is_(None)]
    if of is not None:
        standing.append(returns.c.resolved_customer_id.in_(of))
    joined: sa.FromClause = orders
    if by_order:
        of_order = (*standing, returns.c.order_id == orders.c.id)
        amount, base = (
            sa.select(found).where(*of_order).correlate(orders).scalar_subquery()
            for found in (amount, base)
        )
    else:
        credited = (
            sa.select(returns.c.order_id, whole(amount).label("amount"), whole(base).label("base"))
            .where(*standing)
            .group_by(returns.c.order_id)
            .subquery("credited")
        )
        joined = orders.outerjoin(credited, credited.c.order_id == orders.c.id)
        amount, base = credited.c.amount, credited.c.base
    cancelled = (
        sa.select(cancellations.c.id)
        .where(
            cancellations.c.tenant == tenant,
            cancellations.c.order_id == orders.c.id,
            cancellations.c.removed_at.is_(None),
        )
        .exists()
    )
    # One comparison, so that what came back is looked up once. An order of nothing is bought, too,
    # unless it came back.
    kept = sa.func.coalesce(amount, -1) < orders.c.total_minor
    return (
        sa.select(
            orders.c.id,
            orders.c.resolved_customer_id.label("customer_id"),
            orders.c.at,
            (orders.c.base_amount_minor - whole(sa.func.coalesce(base, 0))).label("amount_minor"),
            orders.c.base_amount_currency.label("amount_currency"),
            orders.c.channel,
        )
        .select_from(joined)
        .where(orders.c.tenant == tenant, orders.c.removed_at.is_(None), sa.not_(cancelled), kept)
    )


def source(
    tables: Tables,
    tenant: Tenant,
    kind: str,
    *,
    of: sa.Select[tuple[bytes]] | None = None,
    by_order: bool = False,
) -> sa.Subquery:
    """The facts of a kind that count, with `customer_id` resolved; purchases with their lines, and
    made as `purchases` says.
    """
    if kind == PURCHASES.name:
        found = purchases(tables, tenant, of=of, by_order=by_order)
        return found.add_columns(tables.kinds["orders"].c.lines).subquery("purchases")
    table = tables.kinds[kind]
    own = [c for c in table.c if c.name not in ("customer_id", "resolved_customer_id")]
    return (
        sa.select(table.c.resolved_customer_id.label("customer_id"), *own)
        .where(table.c.tenant == tenant, table.c.removed_at.is_(None))
        .subquery(kind)
    )


@lru_cache(maxsize=256)
def fold_statements(
    tables: Tables, kind: str, measures: tuple[Measure, ...]
) -> tuple[tuple[sa.Select[Any], sa.ColumnElement[Any]], ...]:
    """Selects of `customer_id` and measure columns, each with its customer column to narrow by;
    of the tenant that the parameter `of_tenant` names.
    """
    return tuple(_folds(tables, sa.bindparam("of_tenant"), kind, measures))


def _folds(
    tables: Tables, tenant: Tenant, kind: str, measures: tuple[Measure, ...]
) -> Iterator[tuple[sa.Select[Any], sa.ColumnElement[Any]]]:
    fields = MEASURABLE[kind].comparable
    grouped = [m for m in measures if m.fold is not Fold.LATEST]
    if grouped:
        rows = source(tables, tenant, kind)
        values = [_aggregate(m, rows, fields).label(_first_column(m)) for m in grouped]
        customer = rows.c.customer_id
        yield sa.select(customer, *values).group_by(customer), customer
    for measure in measures:
        if measure.fold is Fold.LATEST:
            rows = source(tables, tenant, kind)
            value = rows.c[column_of(fields[measure.value or ""])]
            names = [column.name for column in measure_columns(measure)]
            ranked = (
                sa.select(
                    rows.c.customer_id,
                    value.label(names[0]),
                    rows.c.at.label(names[1]),
                    rows.c.recorded_at.label(names[2]),
                    latest_first(rows, value).label("rank"),
                )
                .where(value.is_not(None), *conditions(measure, rows))
                .subquery("ranked")
            )
            kept = [ranked.c[name] for name in ("customer_id", *names)]
            yield sa.select(*kept).where(ranked.c.rank == 1), ranked.c.customer_id


def _first_column(measure: Measure) -> str:
    return measure_columns(measure)[0].name


def latest_first(rows: sa.Subquery, value: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """The rank of a fact among its customer's, of which `latest` is the first."""
    order = (rows.c.at.desc(), rows.c.recorded_at.desc(), value.desc())
    return sa.func.row_number().over(partition_by=rows.c.customer_id, order_by=order)


def conditions(measure: Measure, rows: sa.Subquery) -> Iterator[sa.ColumnElement[bool]]:
    """What `where` asks of the facts that take part."""
    if measure.where is None:
        return
    fields = MEASURABLE[measure.of].comparable

    def column(name: Term) -> sa.ColumnElement[Any]:
        known = fields[str(name)]
        if known.type is FieldType.TEXT_SET:
            return sa.case((stands_in(any_line_text(known.name), rows.c.lines), 1))
        return rows.c[column_of(known)]

    def has(asked: Has | HasWord | Folded) -> sa.ColumnElement[bool]:
        if not isinstance(asked, Has):
            raise InvalidInput.of(str(asked.name), "has no words")
        return stands_in(line_text(asked), rows.c.lines)

    yield compiled(wire_predicate(measure.where, fields), column, has)


def _aggregate(
    measure: Measure, rows: sa.Subquery, fields: dict[str, Field] | Any
) -> sa.ColumnElement[Any]:
    kept = list(conditions(measure, rows))
    if measure.value is None:
        value: Any = sa.literal(1)
        if not kept:
            return sa.func.count()
        return sa.func.count(sa.case((kept[0], value)))
    value = rows.c[column_of(fields[measure.value])]
    if kept:
        value = sa.case((kept[0], value))
    found = FUNCTIONS[measure.fold](value)
    return whole(sa.func.coalesce(found, 0)) if measure.starts_at_zero else found


def whole(value: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """An integer sum as an integer; PostgreSQL and MariaDB make decimals of it."""
    return sa.cast(value, sa.BigInteger)


@lru_cache(maxsize=256)
def merge_statement(tables: Tables, measures: tuple[Measure, ...]) -> sa.Update:
    """The update that merges one customer's deltas, given as `profile_codec.deltas` makes them."""
    profiles = tables.profiles
    changes: list[tuple[sa.ColumnElement[Any], Any]] = []
    for measure in measures:
        names = [column.name for column in measure_columns(measure)]
        columns = [profiles.c[name] for name in names]
        new = [sa.bindparam(f"new_{name}", type_=profiles.c[name].type) for name in names]
        if measure.starts_at_zero:
            changes.append((columns[0], columns[0] + new[0]))
            continue
        better = _better(measure, columns, new)
        # MariaDB assigns one after the other and reads what it has assigned: the value first,
        # the instant that decides over it last.
        pairs = list(zip(columns, new, strict=True))
        for column, value in (pairs[0], *reversed(pairs[1:])):
            changes.append((column, sa.case((better, value), else_=column)))
    return (
        sa.update(profiles)
        .where(
            profiles.c.tenant == sa.bindparam("of_tenant"),
            profiles.c.customer_id == sa.bindparam("who"),
        )
        .ordered_values(*changes)
    )


def _better(measure: Measure, old: list[Any], new: list[Any]) -> sa.ColumnElement[bool]:
    """Does the new state replace the old one? A NULL new state never does."""
    if measure.fold is Fold.MIN:
        return sa.or_(sa.and_(old[0].is_(None), new[0].is_not(None)), new[0] < old[0])
    if measure.fold is Fold.MAX:
        return sa.or_(sa.and_(old[0].is_(None), new[0].is_not(None)), new[0] > old[0])
    later = sa.or_(
        new[1] > old[1],
        sa.and_(new[1] == old[1], new[2] > old[2]),
        sa.and_(new[1] == old[1], new[2] == old[2], new[0] > old[0]),
    )
    return sa.or_(sa.and_(old[1].is_(None), new[1].is_not(None)), later)
