"""The tables of segments, and of who entered and left them."""

import sqlalchemy as sa
from alembic import context, op

from crmcore.adapters.sql.types import ID, INSTANT, INTEGER, TEXT, short

revision = "crmcore_0005"
down_revision = "crmcore_0004"
branch_labels = None
depends_on = None


def place() -> tuple[str, str | None]:
    """The prefix of the tables, and their schema."""
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    return prefix, context.config.attributes.get("crmcore_schema")


def upgrade() -> None:
    """Create the tables with their indexes."""
    prefix, schema = place()
    segments, changes = f"{prefix}segments", f"{prefix}segment_changes"
    for name in (changes, segments):
        if sa.inspect(op.get_bind()).has_table(name, schema=schema):
            # What an interrupted upgrade left on MariaDB, which commits each statement by itself:
            # without rows, for nobody writes to tables of no revision.
            op.drop_table(name, schema=schema)
    op.create_table(
        segments,
        sa.Column("tenant", short(63), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("predicate", TEXT),
        sa.Column("owner", TEXT),
        sa.Column("description", TEXT),
        sa.Column("id", ID, nullable=False),
        sa.Column("version", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    customers = f"{schema}.{prefix}customers" if schema else f"{prefix}customers"
    op.create_table(
        changes,
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
        sa.Column("segment", short(40), nullable=False),
        sa.Column("entered", sa.Boolean(), nullable=False),
        sa.Column("segment_version", INTEGER),
        sa.Column("removed_at", INSTANT),
        sa.PrimaryKeyConstraint("tenant", "id"),
        sa.ForeignKeyConstraint(
            ["tenant", "resolved_customer_id"], [f"{customers}.tenant", f"{customers}.id"]
        ),
        schema=schema,
    )
    for label, columns in (
        (f"ux_{changes}_source_key", ["tenant", "source", "source_key"]),
        (f"ix_{changes}_customer", ["tenant", "resolved_customer_id", "at"]),
        (f"ix_{changes}_at", ["tenant", "at"]),
        (f"ix_{changes}_segment", ["tenant", "segment", "resolved_customer_id", "at"]),
    ):
        op.create_index(label, changes, columns, unique=label.startswith("ux_"), schema=schema)


def downgrade() -> None:
    """Drop them, and let go of the names."""
    prefix, schema = place()
    keys = sa.table(f"{prefix}keys", sa.column("kind", sa.String), schema=schema)
    op.execute(sa.delete(keys).where(keys.c.kind == "segments"))
    op.drop_table(f"{prefix}segment_changes", schema=schema)
    op.drop_table(f"{prefix}segments", schema=schema)
