"""Empty databases on real servers, one for each test, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests import servers

__all__ = ["DIALECTS", "empty_database", "server_url", "stored", "structure"]

DIALECTS = ("sqlite", "postgresql", "mariadb")
SERVERS: dict[str, Callable[[], AbstractContextManager[str]]] = {
    "postgresql": servers.postgres,
    "mariadb": servers.mariadb,
}


@contextmanager
def server_url(dialect: str) -> Iterator[str | None]:
    """The URL of a server of this dialect; SQLite needs none. No program, no test: it says so."""
    if dialect == "sqlite":
        yield None
        return
    try:
        with SERVERS[dialect]() as url:
            yield url
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


@contextmanager
def empty_database(server: str | None, folder: Path) -> Iterator[str]:
    """The URL of a database of its own, gone at the end."""
    name = f"t{uuid4().hex[:12]}"
    if server is None:
        yield f"sqlite:///{folder / name}.db"
        return
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    postgres = admin.dialect.name == "postgresql"
    with admin.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0"
            if postgres
            else f"CREATE DATABASE {name} CHARACTER SET utf8mb4"
        )
    url = sa.make_url(server).set(database=name)
    yield url.render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name}{' WITH (FORCE)' if postgres else ''}")
    admin.dispose()


def stored(engine: sa.Engine) -> dict[str, dict[str, list[object]]]:
    """By table and column, the values of all rows as the driver gives them, rows in one order."""
    found: dict[str, dict[str, list[object]]] = {}
    quoted = engine.dialect.identifier_preparer.quote
    with engine.connect() as connection:
        for table in sorted(sa.inspect(connection).get_table_names()):
            result = connection.exec_driver_sql(f"SELECT * FROM {quoted(table)}")
            names = list(result.keys())
            rows = sorted(([_plain(value) for value in row] for row in result), key=repr)
            found[table] = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return found


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


def structure(engine: sa.Engine) -> dict[str, object]:
    """Columns, keys, checks and indexes of all tables as the database itself tells them."""
    with engine.connect() as connection:
        names = sorted(sa.inspect(connection).get_table_names())
        if engine.dialect.name == "mariadb":
            shown = {
                n: connection.exec_driver_sql(f"SHOW CREATE TABLE {n}").one()[1] for n in names
            }
            return {n: sorted(_lines(text)) for n, text in shown.items()}
        if engine.dialect.name == "sqlite":
            rows = connection.exec_driver_sql("SELECT tbl_name, name, sql FROM sqlite_master")
            return {f"{table}.{name}": sorted(_lines(sql or "")) for table, name, sql in rows}
        told: dict[str, object] = {}
        for question in POSTGRES:
            for table, *rest in connection.exec_driver_sql(question):
                told.setdefault(f"{table} {rest[0]}", rest[1:])
        return told


def _lines(text: str) -> Iterator[str]:
    """The parts of a table's definition, whatever order columns were added in."""
    for line in re.sub(r" AUTO_INCREMENT=\d+", "", text).replace(", ", ",\n").splitlines():
        if line.strip(" ,\t"):
            yield line.strip(" ,\t")


POSTGRES = (
    (
        "SELECT table_name, 'column ' || column_name, data_type, character_maximum_length,"
        " is_nullable, column_default, collation_name FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY 1, 2"
    ),
    (
        "SELECT tablename, 'index ' || indexname, indexdef FROM pg_indexes"
        " WHERE schemaname = 'public' ORDER BY 1, 2"
    ),
    (
        "SELECT conrelid::regclass::text, 'constraint ' || conname, pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
    ),
)
