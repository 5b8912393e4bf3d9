"""The tables, derived from the declarations in `crmcore.domain.kinds`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import attrs
import sqlalchemy as sa

from crmcore.adapters.codec import Column, codec_of
from crmcore.adapters.profile_codec import FIXED_COLUMNS, FOLDED, measure_columns
from crmcore.adapters.sql.types import (
    BYTES,
    COUNTER,
    ID,
    INDEXED_TEXT,
    INTEGER,
    TEXT,
    TYPES,
    short,
)
from crmcore.domain.fields import FieldType
from crmcore.domain.kinds import AGGREGATES, FACTS, POINTS, AggregateKind, FactKind
from crmcore.domain.model import Model
from crmcore.domain.names import WORD

__all__ = [
    "HEADER",
    "Tables",
    "sql_column",
    "tables_of",
]

HEADER = ("tenant", "resolved_customer_id", "schema_version")
"""What every fact's row has before the fact's own columns."""

SHORT = {"sku": 100, "source": 80, "source_key": 200, "stage": 40, "scorer": 40, "segment": 40}
"""Text that is part of a key or an index has a length; all other text has none."""

SYMBOL = 40
"""The longest declared name, which an index of an aggregate begins with."""


def sql_column(column: Column, *, length: int | None = None) -> sa.Column[Any]:
    """The SQL column of a wire column."""
    length = length or SHORT.get(column.name)
    kind = short(length) if length else TYPES[column.type]
    return sa.Column(column.name, kind, nullable=column.optional)


def _tenant() -> sa.Column[str]:
    return sa.Column("tenant", short(63), nullable=False)


@attrs.frozen(slots=False, eq=False)
class Tables:
    """All tables of one schema and prefix, with the profile columns of one model."""

    metadata: sa.MetaData
    kinds: dict[str, sa.Table]
    keys: sa.Table
    words: sa.Table
    profiles: sa.Table
    journal: sa.Table
    models: sa.Table

    @classmethod
    def of(cls, model: Model, *, prefix: str, schema: str | None) -> Tables:
        """The tables for `model`, each name beginning with `prefix`."""
        metadata = sa.MetaData(schema=schema)
        kinds: dict[str, sa.Table] = {}
        for kind in AGGREGATES:
            name = prefix + kind.name
            kinds[kind.name] = sa.Table(
                name,
                metadata,
                _tenant(),
                *_columns(kind),
                sa.PrimaryKeyConstraint("tenant", "id"),
                *(sa.Index(f"ix_{name}_{by[0]}", "tenant", *by) for by in kind.indexes),
            )
        customers = kinds["customers"]
        for fact in FACTS:
            own = [sql_column(c) for c in codec_of(fact.cls).columns]
            kinds[fact.name] = sa.Table(
                prefix + fact.name,
                metadata,
                _tenant(),
                sa.Column("resolved_customer_id", ID, nullable=False),
                sa.Column("schema_version", sa.SmallInteger, nullable=False),
                *own,
                sa.Column("removed_at", INTEGER),
                sa.PrimaryKeyConstraint("tenant", "id"),
                sa.ForeignKeyConstraint(
                    ["tenant", "resolved_customer_id"], [customers.c.tenant, customers.c.id]
                ),
                *_indexes(prefix + fact.name, fact),
            )
        return cls(
            metadata,
            kinds,
            _keys(prefix, metadata),
            _words(prefix, metadata),
            _profiles(prefix, metadata, customers, model),
            _journal(prefix, metadata),
            _models(prefix, metadata),
        )


@lru_cache(maxsize=256)
def tables_of(model: Model, *, prefix: str, schema: str | None) -> Tables:
    """`Tables.of`, made once for all tenants that share a model."""
    return Tables.of(model, prefix=prefix, schema=schema)


def _columns(kind: AggregateKind[Any]) -> Iterable[sa.Column[Any]]:
    indexed = {name for index in kind.indexes for name in index}
    for column in codec_of(kind.cls).columns:
        short = column.name in indexed and column.type is FieldType.TEXT
        yield sql_column(column, length=SYMBOL if short else None)


COVERED = ("membership_id", "qualifies_at", "qualifying", "spend", "purchases", "removed_at")
"""What `advance` reads of every entry of its members; they lie as far apart as they were posted."""


def _indexes(name: str, fact: FactKind[Any]) -> Iterable[sa.Index]:
    yield sa.Index(f"ux_{name}_source_key", "tenant", "source", "source_key", unique=True)
    covered = COVERED if fact is POINTS else None
    yield sa.Index(
        f"ix_{name}_customer", "tenant", "resolved_customer_id", "at", postgresql_include=covered
    )
    yield sa.Index(f"ix_{name}_at", "tenant", "at")
    if fact.of_order:
        yield sa.Index(f"ix_{name}_order", "tenant", "order_id")
    if by := fact.grouped_by:
        yield sa.Index(f"ix_{name}_{by}", "tenant", by, "resolved_customer_id", "at")


def _keys(prefix: str, metadata: sa.MetaData) -> sa.Table:
    # An exclusive key repeats its value in `claim`; shared ones leave it null, which never
    # collides: one unique index serves every dialect.
    return sa.Table(
        prefix + "keys",
        metadata,
        _tenant(),
        sa.Column("kind", short(20), nullable=False),
        sa.Column("scope", short(130), nullable=False),
        sa.Column("value", short(254), nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("claim", short(254)),
        sa.PrimaryKeyConstraint("tenant", "kind", "scope", "value", "id"),
        sa.Index(f"ux_{prefix}keys_claim", "tenant", "kind", "scope", "claim", unique=True),
        sa.Index(f"ix_{prefix}keys_id", "tenant", "kind", "id"),
    )


def _words(prefix: str, metadata: sa.MetaData) -> sa.Table:
    # Nothing but its key, in which the words stand in order: those that begin alike side by side.
    return sa.Table(
        prefix + "words",
        metadata,
        _tenant(),
        sa.Column("field", short(20), nullable=False),
        sa.Column("word", short(WORD), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "field", "word", "customer_id"),
        sqlite_with_rowid=False,
    )


def _profiles(prefix: str, metadata: sa.MetaData, customers: sa.Table, model: Model) -> sa.Table:
    name = prefix + "profiles"
    table = sa.Table(
        name,
        metadata,
        _tenant(),
        sa.Column("customer_id", ID, nullable=False),
        *(sql_column(c) for c in FIXED_COLUMNS),
        sa.Column(FOLDED, TEXT),
        sa.PrimaryKeyConstraint("tenant", "customer_id"),
        sa.ForeignKeyConstraint(
            ["tenant", "customer_id"], [customers.c.tenant, customers.c.id], ondelete="CASCADE"
        ),
        sa.Index(f"ix_{name}_stage", "tenant", "stage", "customer_id"),
    )
    for measure in model.all_measures:
        first, *more = (sql_column(column) for column in measure_columns(measure))
        if measure.starts_at_zero:
            first = _sum(measure_columns(measure)[0])
        elif measure.indexed and first.type is TEXT:
            first = sa.Column(first.name, INDEXED_TEXT)
        for column in (first, *more):
            table.append_column(column)
    return table


def _sum(column: Column) -> sa.Column[Any]:
    """A count or sum: zero without facts."""
    return sa.Column(column.name, TYPES[column.type], nullable=False, server_default="0")


def _journal(prefix: str, metadata: sa.MetaData) -> sa.Table:
    # `seq` follows inserts; `position` is given to committed rows by whoever reads them next.
    return sa.Table(
        prefix + "journal",
        metadata,
        sa.Column("seq", COUNTER, primary_key=True, autoincrement=True),
        _tenant(),
        sa.Column("position", INTEGER),
        sa.Column("kind", short(20), nullable=False),
        sa.Column("operation", short(10), nullable=False),
        sa.Column("aggregate_id", ID),
        sa.Column("ids", BYTES, nullable=False),
        sa.Column("version", INTEGER),
        sa.Column("changes", TEXT, nullable=False),
        sa.Column("personal", TEXT, nullable=False),
        sa.Column("at", INTEGER, nullable=False),
        sa.Column("recorded_at", INTEGER, nullable=False),
        sa.Column("actor", TEXT),
        sa.Column("source", TEXT),
        sa.Index(f"ux_{prefix}journal_position", "tenant", "position", unique=True),
        sa.Index(f"ix_{prefix}journal_aggregate", "tenant", "kind", "aggregate_id"),
    )


def _models(prefix: str, metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        prefix + "models",
        metadata,
        _tenant(),
        sa.Column("version", INTEGER, nullable=False),
        sa.Column("definition", TEXT, nullable=False),
        sa.Column("recorded_at", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "version"),
    )
