"""Migrations: tables by alembic under the branch `crmcore`, profile columns by the model.

One process migrates at a time, in one transaction; the others wait, and find it done. PostgreSQL
and SQLite undo an upgrade that was interrupted. MariaDB commits each change of a table by itself,
so every step can be run again, and running `migrate()` again comes to the same end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateColumn

from crmcore.adapters.profile_codec import FOLDED, measure_columns
from crmcore.adapters.row_folding import LIMIT
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.indexes import add_missing_indexes
from crmcore.adapters.sql.transaction import SqlTransaction
from crmcore.adapters.sql.types import MARIADB
from crmcore.domain.errors import Busy, InvalidInput, NotMigrated
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
PATIENCE = 60
"""Seconds that one process waits for another to have migrated."""


def config(*, prefix: str = "crm_", schema: str | None = None) -> Config:
    """An alembic configuration of crmcore's own revisions."""
    made = Config()
    made.set_main_option("script_location", SCRIPTS)
    made.set_main_option("path_separator", "os")
    made.attributes["crmcore_prefix"] = prefix
    made.attributes["crmcore_schema"] = schema
    return made


def migrate(backend: SqlBackend) -> None:
    """Upgrade the tables, add the model's columns and indexes, fold anew what they need.

    `Busy` when another process has been migrating for a minute, or holds a table for too long.
    """
    connection = _begun(backend)
    with translated(), connection, _alone(backend, connection):
        _upgrade(backend, connection)
        stored = stored_definition(backend, connection)
        if stored != backend.definition:
            backend.check_follows(stored)
            _add_columns(backend, connection)
        add_missing_indexes(connection, backend.tables.profiles, backend.model)
        if stored != backend.definition:
            transaction = SqlTransaction(connection, backend.tables, backend.tenant, backend.model)
            transaction.refold(None)
            _store(backend, connection)
        connection.commit()


def _begun(backend: SqlBackend) -> sa.Connection:
    """A transaction for writing, for which SQLite waits as patiently as the servers do."""
    last = time.monotonic() + PATIENCE
    while True:
        try:
            return backend.connected()
        except Busy:
            if time.monotonic() > last:
                raise
            time.sleep(0.05)


@contextmanager
def _alone(backend: SqlBackend, connection: sa.Connection) -> Iterator[None]:
    """One at a time for these tables. SQLite's write lock is held already."""
    dialect = connection.dialect.name
    place = f"crmcore {backend.schema or ''}.{backend.prefix}"
    if dialect == "postgresql":
        # Held to the end of the transaction. Other locks go on being waited for as before.
        before = connection.exec_driver_sql("SHOW lock_timeout").scalar_one()
        connection.execute(sa.select(sa.func.set_config("lock_timeout", f"{PATIENCE}s", True)))
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(place))))
        connection.execute(sa.select(sa.func.set_config("lock_timeout", before, True)))
    elif dialect in MARIADB:
        # A lock of the whole server, so its name has the database; at most 64 characters.
        name = sa.func.md5(sa.func.concat_ws(".", sa.func.database(), place))
        if connection.execute(sa.select(sa.func.get_lock(name, PATIENCE))).scalar() != 1:
            raise Busy("another process is migrating")
        try:
            yield
        except BaseException:
            connection.invalidate()  # a lock goes with its connection
            raise
        connection.execute(sa.select(sa.func.release_lock(name)))
        return
    yield


def stored_version(backend: SqlBackend, connection: sa.Connection, *, checked: bool) -> int | None:
    """The version of this tenant's stored model; `None` where there are no tables or no model.
    `checked` says that the tables are known to be there, and to be none of a newer release.
    """
    models = backend.tables.models
    if not checked:
        if not sa.inspect(connection).has_table(models.name, schema=backend.schema):
            return None
        _check_revision(backend, connection, newest=True)
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


def _check_revision(backend: SqlBackend, connection: sa.Connection, *, newest: bool) -> bool:
    """Refuse tables of a revision that this release does not know, or that is not its `newest`;
    are they of the newest?

    A host's own alembic keeps its revisions elsewhere, so nothing is known of it here.
    """
    version = {"version_table": f"{backend.prefix}version", "version_table_schema": backend.schema}
    context = MigrationContext.configure(connection, opts=version)
    held = set(context.get_current_heads())
    if not known_revisions().keys() >= held:
        raise NotMigrated("a newer crmcore made these tables: upgrade the program's crmcore")
    is_newest = any(known_revisions()[revision] for revision in held)
    if newest and held and not is_newest:
        raise NotMigrated("an older crmcore made these tables: call migrate()")
    return is_newest


@lru_cache(maxsize=1)
def known_revisions() -> Mapping[str, bool]:
    """The revisions of this release: is it the newest?"""
    scripts = ScriptDirectory.from_config(config())
    return {script.revision: script.is_head for script in scripts.walk_revisions()}


def _upgrade(backend: SqlBackend, connection: sa.Connection) -> None:
    inspector = sa.inspect(connection)
    held = set(inspector.get_table_names(schema=backend.schema))
    tables = backend.tables
    if f"{backend.prefix}version" not in held and tables.models.name in held:
        # Tables without our version table are a host's, whose own alembic knows their revision.
        whole = (*tables.kinds.values(), tables.keys, tables.words, tables.journal, tables.models)
        wanted = {table.name: set(table.c.keys()) for table in whole}
        wanted[tables.profiles.name] = {FOLDED}  # its measures are added by `migrate()`
        for name, needed in wanted.items():
            columns = inspector.get_columns(name, backend.schema) if name in held else ()
            if needed - {column["name"] for column in columns}:
                raise NotMigrated("the host's alembic keeps these tables: upgrade crmcore@head")
        return
    if _check_revision(backend, connection, newest=False):
        return
    _clear_remains(backend, connection, held)
    settings = config(prefix=backend.prefix, schema=backend.schema)
    settings.attributes["connection"] = connection
    command.upgrade(settings, f"{BRANCH}@head")


def _clear_remains(backend: SqlBackend, connection: sa.Connection, held: set[str]) -> None:
    """Drop what an interrupted first upgrade left on MariaDB: empty tables of no revision yet."""
    version = f"{backend.prefix}version"
    if version not in held:
        return
    revisions = sa.table(version, sa.column("version_num"), schema=backend.schema)
    if connection.execute(sa.select(revisions.c.version_num)).first() is not None:
        return
    for table in reversed(backend.tables.metadata.sorted_tables):
        if table.name in held:
            if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
                raise NotMigrated(f"{table.name} has rows, but {version} says of no revision")
            table.drop(connection)


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
