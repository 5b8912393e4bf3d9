"""Makes room for the indexes of host attributes and of long text in another form.

The first form cast an attribute's value whatever it was, so that a tenant's text was refused where
another tenant's attribute of that name is a number, and held long text whole, which PostgreSQL
refuses. `migrate()` adds the new form afterwards, for each tenant as its model says. MariaDB had
no index of attributes.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic import context, op

revision = "crmcore_0002"
down_revision = "crmcore_0001"
branch_labels = None
depends_on = None

INDEXES = {
    "sqlite": "SELECT name FROM {schema}sqlite_master WHERE type = 'index' AND tbl_name = :table",
    "postgresql": "SELECT indexname FROM pg_indexes WHERE tablename = :table"
    " AND schemaname = coalesce(:schema, current_schema())",
    "mariadb": "SELECT DISTINCT index_name FROM information_schema.statistics"
    " WHERE table_name = :table AND table_schema = coalesce(:schema, database())",
}
LONG_TEXT = """
SELECT DISTINCT i.relname FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_class t ON t.oid = x.indrelid
JOIN pg_namespace n ON n.oid = t.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = ANY(x.indkey)
WHERE t.relname = :table AND n.nspname = coalesce(:schema, current_schema()) AND NOT x.indisunique
AND (x.indexprs IS NOT NULL OR a.atttypid = 'text'::regtype)
"""
GENERATED = """
SELECT column_name FROM information_schema.columns
WHERE table_name = :table AND table_schema = coalesce(:schema, database())
AND is_generated = 'ALWAYS' AND column_name REGEXP '__[tnbf]$'
"""
NEW = ("iat_", "ian_", "iab_", "iaf_", "ib_")


def names(question: str) -> list[str]:
    """What the catalogue answers about the profiles' table."""
    table, schema = place()
    told = {"table": table, "schema": schema}
    text = sa.text(question.format(schema=f'"{schema}".' if schema else ""))
    asked = {name: told[name] for name in text.compile().params}
    return list(op.get_bind().execute(text, asked).scalars())


def place() -> tuple[str, str | None]:
    """The profiles' table and its schema."""
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    return f"{prefix}profiles", context.config.attributes.get("crmcore_schema")


def drop(indexes: Iterable[str]) -> None:
    """Drop those indexes of the profiles."""
    table, schema = place()
    for name in indexes:
        op.drop_index(name, table, schema=schema)


def upgrade() -> None:
    """Drop the indexes of the first form."""
    table, _ = place()
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        drop(name for name in names(INDEXES[dialect]) if name.startswith(f"ix_{table}_at_"))
    elif dialect == "postgresql":
        drop(names(LONG_TEXT))


def downgrade() -> None:
    """Drop those of the second form; the first form comes back with the first code's models."""
    table, schema = place()
    dialect = op.get_bind().dialect.name
    drop(name for name in names(INDEXES[dialect]) if name.startswith(NEW))
    if dialect == "mariadb":
        for column in names(GENERATED):
            op.drop_column(table, column, schema=schema)
