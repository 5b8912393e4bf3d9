"""Tags, notes and attachments of customers; the words that customers are searched by.

The words follow from the names that are stored, by the rules of the release that runs this. On
MariaDB, which commits each change of a table by itself, it can be run again half-way.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import context, op

from crmcore.adapters.sql.types import ID, TEXT, short
from crmcore.domain.names import name_words

revision = "crmcore_0003"
down_revision = "crmcore_0002"
branch_labels = None
depends_on = None

NEW = ("tags", "notes", "attachments")
AT_ONCE = 5000


def place() -> tuple[str, str | None]:
    """The prefix of the tables, and their schema."""
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    return prefix, context.config.attributes.get("crmcore_schema")


def upgrade() -> None:
    """Add the columns and the table, and fill it."""
    prefix, schema = place()
    inspector = sa.inspect(op.get_bind())

    def add(table: str, column: sa.Column[str]) -> None:
        held = inspector.get_columns(prefix + table, schema)
        if column.name not in {known["name"] for known in held}:
            op.add_column(prefix + table, column, schema=schema)

    for name in NEW:
        add("customers", sa.Column(name, TEXT, nullable=False, server_default="[]"))
    add("profiles", sa.Column("tags", TEXT))
    if not inspector.has_table(f"{prefix}words", schema):
        op.create_table(
            f"{prefix}words",
            sa.Column("tenant", short(63), nullable=False),
            sa.Column("field", short(20), nullable=False),
            sa.Column("word", short(60), nullable=False),
            sa.Column("customer_id", ID, nullable=False),
            sa.PrimaryKeyConstraint("tenant", "field", "word", "customer_id"),
            schema=schema,
            sqlite_with_rowid=False,
        )
    fill(prefix, schema)


def fill(prefix: str, schema: str | None) -> None:
    """The words of every customer that is stored."""
    connection = op.get_bind()
    words = sa.table(
        f"{prefix}words",
        *(sa.column(name, sa.String) for name in ("tenant", "field", "word")),
        sa.column("customer_id", ID),
        schema=schema,
    )
    connection.execute(sa.delete(words))
    for rows in named(prefix, schema):
        found = [
            {"tenant": tenant, "field": "name", "word": word, "customer_id": id}
            for tenant, id, name in rows
            for word in name_words(name)
        ]
        if found:
            connection.execute(sa.insert(words), found)


def named(prefix: str, schema: str | None) -> Iterator[list[tuple[str, bytes, str]]]:
    """Tenant, id and name of the customers, some at a time, by their primary key."""
    tenant, id, name = sa.column("tenant", short(63)), sa.column("id", ID), sa.column("name", TEXT)
    customers = sa.table(f"{prefix}customers", tenant, id, name, schema=schema)
    page = (
        sa.select(tenant, id, name)
        .select_from(customers)
        .where(name.is_not(None))
        .order_by(tenant, id)
        .limit(AT_ONCE)
    )
    last: tuple[str, bytes] | None = None
    while True:
        behind = page
        if last is not None:
            behind = page.where(sa.or_(tenant > last[0], sa.and_(tenant == last[0], id > last[1])))
        rows = [(t, bytes(i), n) for t, i, n in op.get_bind().execute(behind)]
        if not rows:
            return
        yield rows
        last = rows[-1][:2]


def downgrade() -> None:
    """Drop them, with what they hold."""
    prefix, schema = place()
    op.drop_table(f"{prefix}words", schema=schema)
    op.drop_column(f"{prefix}profiles", "tags", schema=schema)
    for name in NEW:
        op.drop_column(f"{prefix}customers", name, schema=schema)
