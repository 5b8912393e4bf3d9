"""The statements of records, facts, profiles and the journal, made once for a set of tables.

Building a statement and its cache key takes SQLAlchemy longer than SQLite takes to answer it, so
none is built anew for each call. Every value is a bound parameter, the tenant too. For one value
(`id`, `value`) there is a form with `=`; for several (`ids`, `values`) one with `IN`, which costs
more to render.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from crmcore.adapters.codec import codec_of
from crmcore.adapters.profile_codec import FOLDED
from crmcore.adapters.sql.tables import Tables
from crmcore.adapters.sql.types import MARIADB
from crmcore.domain.kinds import (
    FACTS,
    MEMBERSHIPS,
    POINTS,
    SEGMENT_CHANGES,
    AggregateKind,
    FactKind,
)
from crmcore.domain.redaction import personal_fields

__all__ = [
    "blank",
    "copying",
    "counts",
    "due",
    "facts_by",
    "facts_within",
    "fetch",
    "find",
    "has_facts",
    "held_keys",
    "keyed",
    "last_changes",
    "lock",
    "memberships",
    "model_version",
    "next_page",
    "profile_columns",
    "profiles_of",
    "replace",
    "strike",
]

FIND_BY = {
    "ids": "id",
    "customers": "resolved_customer_id",
    "orders": "order_id",
    "source_keys": "source_key",
}
"""By what facts are looked for, and in which column."""

Select = sa.Select[*tuple[Any, ...]]
TENANT: sa.BindParameter[str] = sa.bindparam("tenant")
ID: sa.BindParameter[bytes] = sa.bindparam("id")
ZERO: sa.ColumnClause[int] = sa.literal_column("0", sa.Integer)
"""As a text: whoever runs a statement by the driver's text of it gives its named values alone."""


def _chosen(column: sa.ColumnElement[Any], name: str, *, one: bool) -> sa.ColumnElement[bool]:
    """`column` is the parameter `name`, or among the parameters `names`."""
    if one:
        return column == sa.bindparam(name)
    return column.in_(sa.bindparam(f"{name}s", expanding=True))


def _own(tables: Tables, kind: AggregateKind[Any] | FactKind[Any]) -> Select:
    """The columns of a kind in the order of its codec, for the tenant."""
    table = tables.kinds[kind.name]
    own = [table.c[column.name] for column in codec_of(kind.cls).columns]
    return sa.select(*own).where(table.c.tenant == TENANT)


@lru_cache(maxsize=512)
def fetch(tables: Tables, kind: AggregateKind[Any], *, one: bool, lock: bool) -> Select:
    """Aggregates by id; `lock` holds them, in the order of ids."""
    table = tables.kinds[kind.name]
    statement = _own(tables, kind).where(_chosen(table.c.id, "id", one=one))
    return _by_id(statement.order_by(table.c.id), table).with_for_update() if lock else statement


@lru_cache(maxsize=512)
def memberships(tables: Tables, *, one: bool) -> Select:
    """The memberships of these customers, held with the profiles: each profile first, in the order
    of ids. MariaDB is told which way to go, for it holds whatever it passes.
    """
    profiles, members = tables.profiles, tables.kinds[MEMBERSHIPS.name]
    whose = sa.and_(
        members.c.tenant == profiles.c.tenant, members.c.customer_id == profiles.c.customer_id
    )
    statement = (
        _own(tables, MEMBERSHIPS)
        .select_from(profiles.join(members, whose))
        .where(profiles.c.tenant == TENANT, _chosen(profiles.c.customer_id, "id", one=one))
    )
    for name in MARIADB:
        index = f"FORCE INDEX (ix_{members.name}_customer_id)"
        statement = statement.prefix_with("STRAIGHT_JOIN", dialect=name)
        statement = statement.with_hint(members, index, name)
    if not one:
        statement = statement.order_by(profiles.c.customer_id)
    return _by_id(statement, profiles).with_for_update()


@lru_cache(maxsize=512)
def next_page(tables: Tables, kind: AggregateKind[Any], *, first: bool) -> Select:
    """At most `limit` aggregates in the order of their ids, behind `id` unless it is the first."""
    id = tables.kinds[kind.name].c.id
    statement = _own(tables, kind)
    if not first:
        statement = statement.where(id > sa.bindparam("id"))
    # SQLite's LIMIT comes with an OFFSET, which is no value for the caller to give.
    page = statement.limit(sa.bindparam("limit", type_=sa.Integer())).offset(ZERO)
    return page.order_by(id)


@lru_cache(maxsize=512)
def due(tables: Tables) -> Select:
    """At most `limit` memberships of the `programme` that are due `until` then, by their index: the
    id, and the customer's.
    """
    members = tables.kinds[MEMBERSHIPS.name]
    programme, due_at, id = (members.c[n] for n in ("programme", "due_at", "id"))
    columns: list[Any] = [id, members.c.customer_id]
    statement = sa.select(*columns).where(
        members.c.tenant == TENANT,
        programme == sa.bindparam("programme"),
        due_at <= sa.bindparam("until"),
    )
    return statement.order_by(due_at, id).limit(sa.bindparam("limit", type_=sa.Integer()))


@lru_cache(maxsize=512)
def replace(tables: Tables, kind: AggregateKind[Any], columns: tuple[str, ...]) -> sa.Update:
    """These columns of the aggregate `who`, whose stored version is `held`, become `new_…`."""
    table = tables.kinds[kind.name]
    names = [name for name in columns if name != "id"]
    return (
        sa.update(table)
        .where(
            table.c.tenant == sa.bindparam("of_tenant"),
            table.c.id == sa.bindparam("who"),
            table.c.version == sa.bindparam("held"),
        )
        .values({name: sa.bindparam(f"new_{name}") for name in names})
    )


@lru_cache(maxsize=512)
def find(tables: Tables, *, one: bool) -> Select:
    """Who has these keys of a `kind` and `scope`."""
    keys = tables.keys
    columns: list[Any] = [keys.c.value, keys.c.id]
    return (
        sa.select(*columns)
        .where(
            keys.c.tenant == TENANT,
            keys.c.kind == sa.bindparam("kind"),
            keys.c.scope == sa.bindparam("scope"),
            _chosen(keys.c.value, "value", one=one),
        )
        .order_by(keys.c.id)
    )


@lru_cache(maxsize=512)
def held_keys(tables: Tables, *, one: bool) -> Select:
    """The keys of a `kind` that these aggregates are found by."""
    keys = tables.keys
    columns: list[Any] = [keys.c.id, keys.c.scope, keys.c.value]
    return sa.select(*columns).where(
        keys.c.tenant == TENANT,
        keys.c.kind == sa.bindparam("kind"),
        _chosen(keys.c.id, "id", one=one),
    )


@lru_cache(maxsize=512)
def facts_by(
    tables: Tables, kind: FactKind[Any], by: str, *, one: bool, removed: bool = False
) -> Select:
    """Facts by what they are looked for; source keys within a `source`. `removed` ones too."""
    table = tables.kinds[kind.name]
    statement = _own(tables, kind).where(_chosen(table.c[FIND_BY[by]], "value", one=one))
    if by == "source_keys":
        statement = statement.where(table.c.source == sa.bindparam("source"))
    return statement if removed else statement.where(table.c.removed_at.is_(None))


@lru_cache(maxsize=512)
def keyed(tables: Tables, kind: FactKind[Any], *, one: bool) -> Select:
    """Which of these keys of a `source` there are: the index of the keys knows."""
    table = tables.kinds[kind.name]
    key: Any = table.c.source_key
    chosen = _chosen(key, "value", one=one)
    source = table.c.source == sa.bindparam("source")
    return sa.select(key).where(table.c.tenant == TENANT, source, chosen)


@lru_cache(maxsize=512)
def counts(tables: Tables, *, one: bool) -> Select:
    """Of the ledgers of these customers, what counts for a tier."""
    points = tables.kinds[POINTS.name]
    sums = [points.c[name] for name in ("qualifying", "spend", "purchases")]
    return sa.select(points.c.membership_id, points.c.qualifies_at, *sums).where(
        points.c.tenant == TENANT,
        _chosen(points.c.resolved_customer_id, "id", one=one),
        points.c.removed_at.is_(None),
        sa.or_(*(column != ZERO for column in sums)),
    )


@lru_cache(maxsize=512)
def facts_within(
    tables: Tables,
    kind: FactKind[Any],
    *,
    bounds: frozenset[str],
    oldest_first: bool,
) -> Select:
    """At most `limit` facts of the customer `id` by `at`, with the `bounds` named: `since`,
    `until`, and `after` (`after_at` and `after_id`).
    """
    at, id = (tables.kinds[kind.name].c[name] for name in ("at", "id"))
    resolved, removed = (
        tables.kinds[kind.name].c[name] for name in ("resolved_customer_id", "removed_at")
    )
    statement = _own(tables, kind).where(resolved == ID, removed.is_(None))
    if "since" in bounds:
        statement = statement.where(at >= sa.bindparam("since"))
    if "until" in bounds:
        statement = statement.where(at < sa.bindparam("until"))
    if "after" in bounds:
        last: sa.BindParameter[int] = sa.bindparam("after_at")
        same: sa.BindParameter[bytes] = sa.bindparam("after_id")
        # The first of the two narrows the stretch of the index, the second leaves out its ties.
        if oldest_first:
            statement = statement.where(at >= last, sa.or_(at > last, id > same))
        else:
            statement = statement.where(at <= last, sa.or_(at < last, id < same))
    order = (at, id) if oldest_first else (at.desc(), id.desc())
    return statement.order_by(*order).limit(sa.bindparam("limit", type_=sa.Integer()))


@lru_cache(maxsize=512)
def last_changes(tables: Tables, bounds: frozenset[str]) -> Select:
    """The last change of the `segment` by each customer, in the order of customers' ids, with the
    `bounds` named: not after `at`; of the customers `ids`, or `after` one, at most `limit`.

    The order is an index's, and each customer's changes are one stretch of it, so a page costs what
    it answers, and no engine may gather the whole segment for it.
    """
    kind = SEGMENT_CHANGES
    changes, others = tables.kinds[kind.name], tables.kinds[kind.name].alias()

    def counting(table: Any) -> Iterator[sa.ColumnElement[bool]]:
        yield table.c.segment == sa.bindparam("segment")
        yield table.c.removed_at.is_(None)
        if "at" in bounds:
            yield table.c.at <= sa.bindparam("at")

    who = changes.c.resolved_customer_id
    last = (
        sa.select(others.c.id)
        .where(others.c.tenant == TENANT, others.c.resolved_customer_id == who, *counting(others))
        .order_by(*(others.c[n].desc() for n in ("at", "recorded_at", "entered", "id")))
        .limit(1)
        .correlate(changes)
        .scalar_subquery()
    )
    statement = _own(tables, kind).where(*counting(changes), changes.c.id == last)
    if "ids" in bounds:
        statement = statement.where(_chosen(who, "id", one=False))
    if "after" in bounds:
        statement = statement.where(who > sa.bindparam("after"))
    statement = statement.order_by(who)
    if "limit" in bounds:
        statement = statement.limit(sa.bindparam("limit", type_=sa.Integer()))
    return statement


@lru_cache(maxsize=512)
def has_facts(tables: Tables) -> Select:
    """Is there any fact of the customer `id`?"""
    told = [
        sa.exists().where(table.c.tenant == TENANT, table.c.resolved_customer_id == ID)
        for table in (tables.kinds[fact.name] for fact in FACTS)
    ]
    return sa.select(sa.or_(*told))


@lru_cache(maxsize=512)
def strike(tables: Tables, kind: FactKind[Any]) -> sa.Update:
    """The fact `who` is `gone` since then."""
    table = tables.kinds[kind.name]
    own = sa.and_(table.c.tenant == sa.bindparam("of_tenant"), table.c.id == sa.bindparam("who"))
    return sa.update(table).where(own).values(removed_at=sa.bindparam("gone"))


@lru_cache(maxsize=512)
def blank(tables: Tables, kind: FactKind[Any]) -> sa.Update | None:
    """The facts of the customer `who` without their personal values; `None` where there are none
    to be.
    """
    table, names = tables.kinds[kind.name], personal_fields(kind.cls)
    if not names:
        return None
    own = sa.and_(
        table.c.tenant == sa.bindparam("of_tenant"),
        table.c.resolved_customer_id == sa.bindparam("who"),
    )
    held = sa.or_(*(table.c[name].is_not(None) for name in names))
    return sa.update(table).where(own, held).values(dict.fromkeys(names))


@lru_cache(maxsize=512)
def lock(tables: Tables, *, one: bool) -> Select:
    """Hold these profiles, in the order of ids."""
    profiles = tables.profiles
    id = profiles.c.customer_id
    own = sa.select(id).where(profiles.c.tenant == TENANT, _chosen(id, "id", one=one))
    return _by_id(own if one else own.order_by(id), profiles).with_for_update()


def _by_id(query: Select, table: sa.Table) -> Select:
    """MariaDB may go along another index that has all that is asked for, and hold all its rows."""
    for name in MARIADB:
        query = query.with_hint(table, "FORCE INDEX (PRIMARY)", name)
    return query


@lru_cache(maxsize=512)
def profiles_of(tables: Tables, *, one: bool) -> Select:
    """The profiles of these customers."""
    profiles = tables.profiles
    chosen = _chosen(profiles.c.customer_id, "id", one=one)
    return sa.select(*profile_columns(tables)).where(profiles.c.tenant == TENANT, chosen)


def profile_columns(tables: Tables) -> list[sa.Column[Any]]:
    """What is read of a profile: not its tenant, nor what only serves to search by."""
    return [c for c in tables.profiles.c if c.name not in ("tenant", FOLDED)]


@lru_cache(maxsize=512)
def copying(tables: Tables, names: tuple[str, ...]) -> sa.Update:
    """These columns of the profile `who` become their `new_…`."""
    profiles = tables.profiles
    own = sa.and_(
        profiles.c.tenant == sa.bindparam("of_tenant"),
        profiles.c.customer_id == sa.bindparam("who"),
    )
    return sa.update(profiles).where(own).values({n: sa.bindparam(f"new_{n}") for n in names})


@lru_cache(maxsize=512)
def model_version(tables: Tables) -> Select:
    """The newest version of the tenant's model."""
    models = tables.models
    return sa.select(sa.func.max(models.c.version)).where(models.c.tenant == TENANT)
