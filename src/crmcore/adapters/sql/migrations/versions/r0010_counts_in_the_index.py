"""On PostgreSQL, what counts for a tier is read from the index of a ledger's entries by customer.

The index is built anew, for which writers of points wait: a minute and a half for 20,000,000.
"""

from alembic import context, op

revision = "crmcore_0010"
down_revision = "crmcore_0009"
branch_labels = None
depends_on = None

KEY = ["tenant", "resolved_customer_id", "at"]
COVERED = ["membership_id", "qualifies_at", "qualifying", "spend", "purchases", "removed_at"]


def build(covered: list[str] | None) -> None:
    """The index with these columns beside its key, or without any."""
    if op.get_bind().dialect.name != "postgresql":
        return
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    schema = context.config.attributes.get("crmcore_schema")
    points = f"{prefix}points"
    op.drop_index(f"ix_{points}_customer", points, schema=schema)
    op.create_index(f"ix_{points}_customer", points, KEY, schema=schema, postgresql_include=covered)


def upgrade() -> None:
    """With what counts."""
    build(COVERED)


def downgrade() -> None:
    """Without."""
    build(None)
