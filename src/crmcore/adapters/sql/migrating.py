"""Migrations: tables by alembic under the branch `crmcore`, profile columns by the model."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateColumn, CreateIndex

from crmcore.adapters.profile_codec import measure_columns
from crmcore.adapters.row_folding import LIMIT
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.predicates import attribute
from crmcore.adapters.sql.transaction import SqlTransaction
from crmcore.domain.errors import InvalidInput, NotMigrated
from crmcore.domain.instants import instant, to_millis

if TYPE_CHECKING:
    from crmcore.adapters.sql.backend import SqlBackend

__all__ = [
    "config",
    "known_revisions",
    "migrate",
    "stored_definition",
    "stored_version",
]

BRANCH = "crmcore"
SCRIPTS = "crmcore.adapters.sql:migrations"


def config(*, prefix: str = "crm_", schema: str | None = None) -> Config:
    """An alembic configuration of crmcore's own revisions."""
    made = Config()
    made.set_main_option("script_location", SCRIPTS)
    made.set_main_option("path_separator", "os")
    made.attributes["crmcore_prefix"] = prefix
    made.attributes["crmcore_schema"] = schema
    return made


def migrate(backend: SqlBackend) -> None:
    """Upgrade the tables, add the model's columns, fold anew what they need."""
    connection = backend.begin(write=True)
    with translated(), connection:
        _upgrade(backend, connection)
        connection.commit()
    connection = backend.begin(write=True)
    with translated(), connection:
        if stored_definition(backend, connection) != backend.definition:
            backend.check_follows(stored_definition(backend, connection))
            _add_columns(backend, connection)
            _add_indexes(backend, connection)
            transaction = SqlTransaction(connection, backend.tables, backend.tenant, backend.model)
            transaction.refold(None)
            _store(backend, connection)
        connection.commit()


def stored_version(backend: SqlBackend, connection: sa.Connection, *, checked: bool) -> int | None:
    """The version of this tenant's stored model; `None` where there are no tables or no model.
    `checked` says that the tables are known to be there, and to be none of a newer release.
    """
    models = backend.tables.models
    if not checked:
        if not sa.inspect(connection).has_table(models.name, schema=backend.schema):
            return None
        _check_revision(backend, connection)
    newest = sa.select(sa.func.max(models.c.version)).where(models.c.tenant == backend.tenant)
    found: int | None = connection.execute(newest).scalar()
    return found


def stored_definition(backend: SqlBackend, connection: sa.Connection) -> str | None:
    """The stored model of this tenant, as `Backend.definition` wrote it."""
    models = backend.tables.models
    newest = (
        sa.select(models.c.definition)
        .where(models.c.tenant == backend.tenant)
        .order_by(models.c.version.desc())
        .limit(1)
    )
    found: str | None = connection.execute(newest).scalar()
    return found


def _check_revision(backend: SqlBackend, connection: sa.Connection) -> None:
    """Refuse tables of a revision that this release does not know."""
    version = {"version_table": f"{backend.prefix}version", "version_table_schema": backend.schema}
    context = MigrationContext.configure(connection, opts=version)
    if not known_revisions().issuperset(context.get_current_heads()):
        raise NotMigrated("a newer crmcore made these tables: upgrade the program's crmcore")


@lru_cache(maxsize=1)
def known_revisions() -> frozenset[str]:
    """The revisions of this release."""
    scripts = ScriptDirectory.from_config(config())
    return frozenset(script.revision for script in scripts.walk_revisions())


def _upgrade(backend: SqlBackend, connection: sa.Connection) -> None:
    inspector = sa.inspect(connection)
    held = set(inspector.get_table_names(schema=backend.schema))
    tables = backend.tables
    if f"{backend.prefix}version" not in held and tables.models.name in held:
        # Tables without our version table are a host's, whose own alembic knows their revision.
        for table in (*tables.kinds.values(), tables.keys, tables.journal, tables.models):
            columns = (
                inspector.get_columns(table.name, backend.schema) if table.name in held else ()
            )
            if set(table.c.keys()) - {column["name"] for column in columns}:
                raise NotMigrated("the host's alembic keeps these tables: upgrade crmcore@head")
        return
    _check_revision(backend, connection)
    settings = config(prefix=backend.prefix, schema=backend.schema)
    settings.attributes["connection"] = connection
    command.upgrade(settings, f"{BRANCH}@head")


def _store(backend: SqlBackend, connection: sa.Connection) -> None:
    connection.execute(
        sa.insert(backend.tables.models),
        {
            "tenant": backend.tenant,
            "version": (stored_version(backend, connection, checked=True) or 0) + 1,
            "definition": backend.definition,
            "recorded_at": to_millis(instant(backend.clock())),
        },
    )


def _add_columns(backend: SqlBackend, connection: sa.Connection) -> None:
    profiles = backend.tables.profiles
    inspector = sa.inspect(connection)
    held = {c["name"]: c["type"] for c in inspector.get_columns(profiles.name, backend.schema)}
    preparer = connection.dialect.identifier_preparer
    where = preparer.format_table(profiles)
    for measure in backend.model.all_measures:
        for column in measure_columns(measure):
            wanted = profiles.c[column.name]
            if column.name not in held:
                text = str(CreateColumn(wanted).compile(dialect=connection.dialect))
                if measure.starts_at_zero:  # a sum stays where every store keeps it exactly
                    name = preparer.quote(column.name)
                    text += f" CHECK ({name} > -{LIMIT} AND {name} < {LIMIT})"
                connection.exec_driver_sql(f"ALTER TABLE {where} ADD COLUMN {text}")
            elif _family(held[column.name]) != _family(wanted.type):
                reason = "is a column of another type already: another tenant's measure?"
                raise InvalidInput.of(f"measures.{measure.name}", reason)


def _family(kind: sa.types.TypeEngine[Any]) -> str:
    if isinstance(kind, mysql.TINYINT):
        return sa.Boolean.__name__
    for family in (sa.Boolean, sa.Integer, sa.Float, sa.LargeBinary, sa.String):
        if isinstance(kind, family):
            return family.__name__
    return type(kind).__name__


def _add_indexes(backend: SqlBackend, connection: sa.Connection) -> None:
    profiles = backend.tables.profiles
    tenant, id = profiles.c.tenant, profiles.c.customer_id
    wanted = [
        profiles.c[measure_columns(m)[0].name] for m in backend.model.all_measures if m.indexed
    ]
    for column in wanted:
        name = f"ix_{profiles.name}_{column.name}"
        _create(connection, sa.Index(name, tenant, column, id, _table=profiles))
    for known in backend.model.attributes:
        if known.indexed and connection.dialect.name in ("sqlite", "postgresql"):
            dialect = connection.dialect.name
            value = attribute(sa.column("attributes"), known.name, known.type, dialect)
            text = str(
                value.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
            )
            name = f"ix_{profiles.name}_at_{known.name}"
            _create(connection, sa.Index(name, tenant, sa.text(f"({text})"), id, _table=profiles))


def _create(connection: sa.Connection, index: sa.Index) -> None:
    # Not `checkfirst`: it reflects, and warns of every index over an expression.
    connection.execute(CreateIndex(index, if_not_exists=True))
