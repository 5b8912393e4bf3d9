"""The tables of memberships, of their ledger and tiers, and of what was decided of customers."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from crmcore.adapters.sql.types import ID, INSTANT, INTEGER, TEXT, short

revision = "crmcore_0008"
down_revision = "crmcore_0007"
branch_labels = None
depends_on = None

MEMBERSHIPS = "memberships"
POINTS = "points"
TIER_CHANGES = "tier_changes"
DECISIONS = "decisions"


def place() -> tuple[str, str | None]:
    """The prefix of the tables, and their schema."""
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    return prefix, context.config.attributes.get("crmcore_schema")


def upgrade() -> None:
    """Create the tables with their indexes."""
    prefix, schema = place()
    for name in (DECISIONS, TIER_CHANGES, POINTS, MEMBERSHIPS):
        if sa.inspect(op.get_bind()).has_table(prefix + name, schema=schema):
            # What an interrupted upgrade left on MariaDB, which commits each statement by itself:
            # without rows, for nobody writes to tables of no revision.
            op.drop_table(prefix + name, schema=schema)
    memberships = prefix + MEMBERSHIPS
    op.create_table(
        memberships,
        sa.Column("tenant", short(63), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("programme", short(40), nullable=False),
        sa.Column("number", TEXT),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.Column("lots", TEXT, nullable=False),
        sa.Column("tier", TEXT, nullable=False),
        sa.Column("tier_since", INSTANT, nullable=False),
        sa.Column("tier_until", INSTANT, nullable=False),
        sa.Column("entered_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("version", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
        schema=schema,
    )
    for label, columns in (
        (f"ix_{memberships}_programme", ["tenant", "programme", "due_at", "id"]),
        (f"ix_{memberships}_customer_id", ["tenant", "customer_id"]),
    ):
        op.create_index(label, memberships, columns, schema=schema)
    create_facts(
        POINTS,
        [
            sa.Column("membership_id", ID, nullable=False),
            sa.Column("programme", TEXT, nullable=False),
            sa.Column("movement", TEXT, nullable=False),
            sa.Column("active", INTEGER, nullable=False),
            sa.Column("pending", INTEGER, nullable=False),
            sa.Column("qualifying", INTEGER, nullable=False),
            sa.Column("spend", INTEGER, nullable=False),
            sa.Column("purchases", INTEGER, nullable=False),
            sa.Column("qualifies_at", INSTANT, nullable=False),
            sa.Column("lots", TEXT, nullable=False),
            sa.Column("expires_at", INSTANT),
            sa.Column("of_fact", ID),
            sa.Column("policy", TEXT),
            sa.Column("other_membership_id", ID),
            sa.Column("reason", TEXT),
        ],
    )
    create_facts(
        TIER_CHANGES,
        [
            sa.Column("membership_id", ID, nullable=False),
            sa.Column("programme", TEXT, nullable=False),
            sa.Column("tier", TEXT, nullable=False),
            sa.Column("previous", TEXT),
            sa.Column("until", INSTANT, nullable=False),
            sa.Column("reason", TEXT, nullable=False),
            sa.Column("decision_id", ID),
        ],
    )
    create_facts(
        DECISIONS,
        [
            sa.Column("subject", TEXT, nullable=False),
            sa.Column("verdict", TEXT, nullable=False),
            sa.Column("policy", TEXT, nullable=False),
            sa.Column("membership_id", ID),
            sa.Column("reasons", TEXT, nullable=False),
            sa.Column("authority", TEXT),
            sa.Column("approved_by", TEXT),
            sa.Column("cost_minor", INTEGER),
            sa.Column("cost_currency", TEXT),
            sa.Column("value_minor", INTEGER),
            sa.Column("value_currency", TEXT),
            sa.Column("revokes", ID),
        ],
    )


def create_facts(kind: str, own: Sequence[sa.Column[Any]]) -> None:
    """Create the table of a kind of fact: what every fact has, around its `own` columns."""
    prefix, schema = place()
    name = prefix + kind
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
        *own,
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
    """Drop them, and let go of the keys of memberships."""
    prefix, schema = place()
    keys = sa.table(f"{prefix}keys", sa.column("kind", sa.String), schema=schema)
    op.execute(sa.delete(keys).where(keys.c.kind == MEMBERSHIPS))
    for name in (DECISIONS, TIER_CHANGES, POINTS, MEMBERSHIPS):
        op.drop_table(prefix + name, schema=schema)
