"""Makes databases as revision 1 left them, with two tenants' data in every table.

Nothing here comes from the library: the statements stand in `first/*.sql`, the rows in
`first/rows.json`, and the plain drivers carry them out, so that this goes on making revision-1
databases when the library has moved on. What the rows mean is told in `told.py`. The memory
backend has nothing to migrate: its data end with the process that wrote them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import sqlalchemy as sa

__all__ = ["make", "rows_of", "statements"]

FOLDER = Path(__file__).parent / "first"
BOOLEANS = {"complete"}

Run = Callable[..., Any]


def _value(name: str, plain: Any) -> Any:
    if isinstance(plain, dict):
        if "hex" in plain:
            return bytes.fromhex(plain["hex"])
        part, times = plain["repeat"]
        return part * times
    return bool(plain) if name in BOOLEANS and plain is not None else plain


@cache
def rows_of() -> dict[str, tuple[list[str], list[tuple[Any, ...]]]]:
    """By table: its columns, and its rows in wire values, as tuples in that order."""
    found = json.loads((FOLDER / "rows.json").read_text("utf-8"))
    return {
        table: (
            held["columns"],
            [tuple(map(_value, held["columns"], row)) for row in held["rows"]],
        )
        for table, held in found.items()
    }


def statements(dialect: str) -> Iterator[str]:
    """The statements that made the tables."""
    text = (FOLDER / f"{dialect}.sql").read_text("utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("--"))
    for statement in "\n".join(lines).split(";\n"):
        if statement.strip():
            yield statement.strip()


def make(url: str) -> None:
    """A revision-1 database with everything in the empty one that `url` names."""
    parsed = sa.make_url(url)
    dialect = parsed.get_backend_name()
    if dialect == "sqlite":
        with sqlite3.connect(str(parsed.database)) as connection:
            _fill(connection, dialect, "?")
            connection.commit()
        connection.close()
    elif dialect == "postgresql":
        conninfo = url.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(conninfo) as server:
            _fill(server, dialect, "%s")
            server.execute(
                "SELECT setval('crm_journal_seq_seq', (SELECT max(seq) FROM crm_journal))"
            )
    else:
        client = pymysql.connect(
            host=parsed.host, port=parsed.port or 3306, user=parsed.username,
            password=parsed.password or "", database=parsed.database, charset="utf8mb4",
        )  # fmt: skip
        with client:
            _fill(client, dialect, "%s")
            client.commit()


def _fill(connection: Any, dialect: str, mark: str) -> None:
    cursor = connection.cursor()
    for statement in statements(dialect):
        cursor.execute(statement)
    for table, (columns, rows) in rows_of().items():
        _insert(cursor, table, columns, rows, mark, "`" if dialect == "mariadb" else '"')


def _insert(  # noqa: PLR0917  private, called once
    cursor: Any, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]], mark: str, q: str
) -> None:
    names = ", ".join(f"{q}{name}{q}" for name in columns)
    marks = ", ".join([mark] * len(columns))
    cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
