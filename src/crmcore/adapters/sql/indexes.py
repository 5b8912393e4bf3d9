"""The indexes that a model asks for on profiles: of measures, and of host attributes in the JSON.

Tenants share the profiles, and the same attribute may be a number to one and text to another, so
an index is named for the form it holds and passes over what is of another. SQLite and PostgreSQL
index the expression that a predicate reads; MariaDB 10.11 only uses an index of a column, so there
the expression is a generated column of its own, which predicates name.
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
    for name, wanted in _wanted(profiles, model, dialect):
        if name not in held:
            column = wanted
            if isinstance(column, AttributeType):
                column = _generated(connection, profiles, column)
            _create(connection, profiles, name, column, dialect)


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
            name = index_name(f"ia{form_of(known.type)}", profiles.name, known.name)
            if dialect == "mariadb":
                yield name, known
            else:
                json: Any = sa.column("attributes")
                yield name, attribute(json, known.name, known.type, dialect, indexed=True)


def _generated(
    connection: sa.Connection, profiles: sa.Table, known: AttributeType
) -> sa.ColumnElement[Any]:
    """The generated column of an attribute on MariaDB, added if it is not there."""
    column, definition = generated(known.name, known.type)
    table = connection.dialect.identifier_preparer.format_table(profiles)
    connection.exec_driver_sql(
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column.name} {definition}"
    )
    return column


def _create(
    connection: sa.Connection,
    profiles: sa.Table,
    name: str,
    column: sa.ColumnElement[Any],
    dialect: str,
) -> None:
    tenant, id = profiles.c.tenant, profiles.c.customer_id
    long = isinstance(column.type, type(INDEXED_TEXT))
    if dialect == "mariadb":
        preparer = connection.dialect.identifier_preparer
        part = f"({BEGINNING})" if long else ""
        connection.exec_driver_sql(
            f"CREATE INDEX IF NOT EXISTS {preparer.quote(name)}"
            f" ON {preparer.format_table(profiles)}"
            f" (tenant, {preparer.quote(str(column.name))}{part}, customer_id)"
        )
        return
    key: Any = beginning(column) if long else column
    if not isinstance(key, sa.Column):
        spelt = key.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        key = sa.text(f"({str(spelt).replace(f'{profiles.name}.', '')})")
    index = sa.Index(name, tenant, key, id, _table=profiles)
    connection.execute(CreateIndex(index, if_not_exists=True))
