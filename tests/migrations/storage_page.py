"""The generated part of `docs/storage.md`: tables and collections as the declarations make them.

python -m tests.migrations.storage_page    # writes the page anew
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from crmcore import Model
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import database_for
from crmcore.adapters.sql.tables import Tables
from tests.servers import mongo

__all__ = ["BEGIN", "END", "PAGE", "collections", "page", "tables"]

PAGE = Path(__file__).parents[2] / "docs" / "storage.md"
BEGIN, END = "<!-- generated: {} -->\n", "<!-- end of {} -->\n"
DIALECTS = {
    "SQLite": sqlite.dialect(),
    "PostgreSQL": postgresql.dialect(),
    "MariaDB": mysql.dialect(),
}


def _type(column: sa.Column[Any], dialect: sa.Dialect) -> str:
    spelt = str(column.type.compile(dialect=dialect))
    if dialect.name == "postgresql" and column.autoincrement is True:
        return "BIGSERIAL"
    return spelt.partition(" CHARACTER SET")[0].partition(" COLLATE")[0]


def tables() -> Iterator[str]:
    """Each table with its columns, keys and indexes."""
    metadata = Tables.of(Model(), prefix="crm_", schema=None).metadata
    for table in metadata.tables.values():
        yield f"### {table.name}\n"
        yield f"| column | null | {' | '.join(DIALECTS)} |"
        yield "|---|---|---|---|---|"
        for column in table.columns:
            types = " | ".join(_type(column, dialect) for dialect in DIALECTS.values())
            yield f"| `{column.name}` | {'yes' if column.nullable else ''} | {types} |"
        yield ""
        yield f"Primary key: {_names(table.primary_key.columns)}."
        for foreign in table.foreign_key_constraints:
            remote = f"{foreign.referred_table.name} {_names(e.column for e in foreign.elements)}"
            yield f"Foreign key: {_names(foreign.columns)} to {remote}."
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            kind = "Unique index" if index.unique else "Index"
            more = index.dialect_options["postgresql"]["include"] or ()
            beside = (
                f"; on PostgreSQL with {', '.join(f'`{name}`' for name in more)}" if more else ""
            )
            yield f"{kind} `{index.name}`: {_names(index.columns)}{beside}."
        yield ""


def _names(columns: Any) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


def collections(url: str) -> Iterator[str]:
    """Each collection with the indexes that `migrate()` makes on the Mongo server of that URL."""
    made = MongoBackend(database_for(url), prefix=f"page{uuid4().hex[:8]}_", owns_client=True)
    made.migrate()
    for name in sorted(made.database.list_collection_names()):
        if not name.startswith(made.prefix):
            continue
        yield f"### {name.replace(made.prefix, 'crm_')} (Mongo)\n"
        yield "| index | fields | unique | only where |"
        yield "|---|---|---|---|"
        for label, told in sorted(made.database[name].index_information().items()):
            names = ", ".join(f"`{field}`" for field, _ in told["key"])
            where = told.get("partialFilterExpression")
            only = "" if where is None else f" `{json.dumps(dict(where))}`"
            yield f"| `{label}` | {names} | {'yes' if told.get('unique') else ''} |{only} |"
        yield ""
        made.database.drop_collection(name)
    made.close()


def page(text: str, parts: Mapping[str, Iterator[str]]) -> str:
    """The page with these generated parts written anew."""
    for name, lines in parts.items():
        part = "\n".join(lines) + "\n"
        before, _, rest = text.partition(BEGIN.format(name))
        _, _, after = rest.partition(END.format(name))
        text = f"{before}{BEGIN.format(name)}\n{part}{END.format(name)}{after}"
    return text


if __name__ == "__main__":
    with mongo() as server:
        told = page(
            PAGE.read_text("utf-8"), {"tables": tables(), "collections": collections(server)}
        )
    PAGE.write_text(told, "utf-8")
