"""The indexes that a model asks for on profiles: of measures, and of host attributes in the JSON.

Tenants share the profiles, and the same attribute may be a number to one and text to another, so
an index is named for the form it holds and passes over what is of another. SQLite and PostgreSQL
index the expression that a predicate reads; MariaDB 10.11 only uses an index of a column, so there
the expression is a generated column of its own, which predicates name. That column is stored:
while a virtual one is sorted by, MariaDB loses rows (decision 0010).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex

from crmcore.adapters.profile_codec import measure_columns
from crmcore.adapters.sql.predicates import attribute, form_of, generated
from crmcore.adapters.sql.types import BEGINNING, INDEXED_TEXT, MARIADB, beginning
from crmcore.domain.attributes import AttributeType
from crmcore.domain.model import Model

__all__ = ["add_missing_indexes", "index_name"]

LONGEST = 63
"""PostgreSQL cuts longer names off."""

HELD = {
    "sqlite": "SELECT name FROM {schema}sqlite_master WHERE type = 'index' AND tbl_name = :table",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE tablename = :table"
    " AND schemaname = coalesce(:schema, current_schema())",
    "mariadb": "SELECT DISTINCT index_name FROM information_schema.statistics"
    " WHERE table_name = :table AND table_schema = coalesce(:schema, database())",
}


def index_name(letters: str, table: str, column: str) -> str:
    """The name of an index; one that is too long ends in a digest of itself."""
    name = f"{letters}_{table}_{column}"
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}_{blake2b(name.encode(), digest_size=4).hexdigest()}"


def add_missing_indexes(connection: sa.Connection, profiles: sa.Table, model: Model) -> None:
    """Create the model's indexes that are not there yet; nothing is written where all are."""
    dialect = "mariadb" if connection.dialect.name in MARIADB else connection.dialect.name
    held = _held(connection, profiles, dialect)
    missing = [(name, one) for name, one in _wanted(profiles, model, dialect) if name not in held]
    if dialect == "mariadb":
        parts = [part for name, one in missing for part in _parts(connection, name, one)]
        if parts:
            # At once: each statement that adds a stored column writes the table anew.
            table = connection.dialect.identifier_preparer.format_table(profiles)
            connection.exec_driver_sql(f"ALTER TABLE {table} {', '.join(parts)}")
        return
    for name, one in missing:
        column = one
        if isinstance(column, AttributeType):
            json: Any = sa.column("attributes")
            column = attribute(json, column.name, column.type, dialect, indexed=True)
        _create(connection, profiles, name, column)


def _held(connection: sa.Connection, profiles: sa.Table, dialect: str) -> set[str]:
    # Asked of the catalogue: SQLAlchemy's inspector warns of every index over an expression.
    preparer = connection.dialect.identifier_preparer
    schema = f"{preparer.quote(profiles.schema)}." if profiles.schema else ""
    question = sa.text(HELD[dialect].format(schema=schema))
    told = {"table": profiles.name, "schema": profiles.schema}
    names = {name: told[name] for name in question.compile().params}
    return set(connection.execute(question, names).scalars())


def _wanted(
    profiles: sa.Table, model: Model, dialect: str
) -> Iterator[tuple[str, sa.ColumnElement[Any] | AttributeType]]:
    for measure in model.all_measures:
        if measure.indexed:
            column = profiles.c[measure_columns(measure)[0].name]
            letters = "ib" if column.type is INDEXED_TEXT and dialect != "sqlite" else "ix"
            yield index_name(letters, profiles.name, column.name), column
    for known in model.attributes:
        if known.indexed:
            yield index_name(f"ia{form_of(known.type)}", profiles.name, known.name), known


def _parts(
    connection: sa.Connection, name: str, wanted: sa.ColumnElement[Any] | AttributeType
) -> Iterator[str]:
    """What MariaDB's table gets: the generated column of an attribute, and the index."""
    column: Any = wanted
    if isinstance(wanted, AttributeType):
        column, definition = generated(wanted.name, wanted.type)
        yield f"ADD COLUMN IF NOT EXISTS {column.name} {definition}"
    quote = connection.dialect.identifier_preparer.quote
    part = f"({BEGINNING})" if _is_long(column) else ""
    key = f"tenant, {quote(str(column.name))}{part}, customer_id"
    yield f"ADD INDEX IF NOT EXISTS {quote(name)} ({key})"


def _is_long(column: sa.ColumnElement[Any]) -> bool:
    return isinstance(column.type, type(INDEXED_TEXT))


def _create(
    connection: sa.Connection, profiles: sa.Table, name: str, column: sa.ColumnElement[Any]
) -> None:
    tenant, id = profiles.c.tenant, profiles.c.customer_id
    key: Any = beginning(column) if _is_long(column) else column
    if not isinstance(key, sa.Column):
        spelt = key.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        key = sa.text(f"({str(spelt).replace(f'{profiles.name}.', '')})")
    index = sa.Index(name, tenant, key, id, _table=profiles)
    connection.execute(CreateIndex(index, if_not_exists=True))
