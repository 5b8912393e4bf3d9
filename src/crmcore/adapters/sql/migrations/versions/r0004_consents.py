"""The table of consents: a kind of fact like the first ones."""

import sqlalchemy as sa
from alembic import context, op

from crmcore.adapters.sql.types import ID, INSTANT, TEXT, short

revision = "crmcore_0004"
down_revision = "crmcore_0003"
branch_labels = None
depends_on = None


def place() -> tuple[str, str, str | None]:
    """The prefix, the table and its schema."""
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    return prefix, f"{prefix}consents", context.config.attributes.get("crmcore_schema")


def upgrade() -> None:
    """Create the table with its indexes."""
    prefix, name, schema = place()
    if sa.inspect(op.get_bind()).has_table(name, schema=schema):
        # What an interrupted upgrade left on MariaDB, which commits each statement by itself:
        # without rows, for nobody writes to tables of no revision.
        op.drop_table(name, schema=schema)
    customers = f"{schema}.{prefix}customers" if schema else f"{prefix}customers"
    op.create_table(
        name,
        sa.Column("tenant", short(63), nullable=False),
        sa.Column("resolved_customer_id", ID, nullable=False),
        sa.Column("schema_version", sa.SmallInteger(), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("source", short(80)),
        sa.Column("source_key", short(200)),
        sa.Column("id", ID, nullable=False),
        sa.Column("recorded_at", INSTANT),
        sa.Column("actor", TEXT),
        sa.Column("purpose", TEXT),
        sa.Column("channel", TEXT),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("basis", TEXT, nullable=False),
        sa.Column("until", INSTANT),
        sa.Column("removed_at", INSTANT),
        sa.PrimaryKeyConstraint("tenant", "id"),
        sa.ForeignKeyConstraint(
            ["tenant", "resolved_customer_id"], [f"{customers}.tenant", f"{customers}.id"]
        ),
        schema=schema,
    )
    for label, columns in (
        (f"ux_{name}_source_key", ["tenant", "source", "source_key"]),
        (f"ix_{name}_customer", ["tenant", "resolved_customer_id", "at"]),
        (f"ix_{name}_at", ["tenant", "at"]),
    ):
        op.create_index(label, name, columns, unique=label.startswith("ux_"), schema=schema)


def downgrade() -> None:
    """Drop it."""
    _, name, schema = place()
    op.drop_table(name, schema=schema)
