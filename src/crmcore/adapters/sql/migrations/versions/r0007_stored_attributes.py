"""The generated columns of indexed attributes are stored on MariaDB, no longer virtual.

Where a row's old index entry was not purged yet, sorting by way of an index of a virtual column
lost the rows behind it (decision 0010). One statement changes them all, with their indexes, and
writes the table anew once; interrupted, it has changed nothing, and is run again. The tenants share
the table, so each of the columns is changed, whosever model asked for it.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "crmcore_0007"
down_revision = "crmcore_0006"
branch_labels = None
depends_on = None

VIRTUAL = """
SELECT column_name, column_type, character_set_name, collation_name, generation_expression
FROM information_schema.columns
WHERE table_name = :table AND table_schema = coalesce(:schema, database())
AND extra LIKE 'VIRTUAL%' AND column_name REGEXP '__[tnbf]$' ORDER BY ordinal_position
"""
INDEXED = """
SELECT index_name, column_name, sub_part FROM information_schema.statistics
WHERE table_name = :table AND table_schema = coalesce(:schema, database())
ORDER BY index_name, seq_in_index
"""


def upgrade() -> None:
    """Change what is virtual, where there is any."""
    bind = op.get_bind()
    if bind.dialect.name not in ("mariadb", "mysql"):
        return
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    schema: str | None = context.config.attributes.get("crmcore_schema")
    profiles = sa.table(f"{prefix}profiles", schema=schema)
    parts = list(changes(bind, {"table": profiles.name, "schema": schema}))
    if parts:
        table = bind.dialect.identifier_preparer.format_table(profiles)
        bind.exec_driver_sql(f"ALTER TABLE {table} {', '.join(parts)}")


def changes(bind: sa.Connection, told: dict[str, Any]) -> Iterator[str]:
    """The parts of the statement: MariaDB changes no virtual column into a stored one in place."""
    quote = bind.dialect.identifier_preparer.quote
    columns = bind.execute(sa.text(VIRTUAL), told).all()
    virtual = {row[0] for row in columns}
    rows = bind.execute(sa.text(INDEXED), told).all()
    indexes = {name: list(keys) for name, keys in groupby(rows, key=lambda row: row[0])}
    changed = {
        name: keys for name, keys in indexes.items() if virtual & {column for _, column, _ in keys}
    }
    for name in changed:
        yield f"DROP INDEX {quote(name)}"
    for column, kind, charset, collation, expression in columns:
        text = f" CHARACTER SET {charset} COLLATE {collation}" if charset else ""
        yield f"DROP COLUMN {quote(column)}"
        yield f"ADD COLUMN {quote(column)} {kind}{text} AS ({expression}) STORED"
    for name, keys in changed.items():
        key = ", ".join(quote(c) + (f"({length})" if length else "") for _, c, length in keys)
        yield f"ADD INDEX {quote(name)} ({key})"


def downgrade() -> None:
    """Nothing: the release before is served by stored columns as well."""
