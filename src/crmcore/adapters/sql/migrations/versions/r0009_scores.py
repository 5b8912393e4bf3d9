"""The interval of a score, and the version of the scorer that gave it; older scores tell neither.

On MariaDB, which commits each change of a table by itself, it can be run again half-way.
"""

import sqlalchemy as sa
from alembic import context, op

from crmcore.adapters.sql.types import TEXT

revision = "crmcore_0009"
down_revision = "crmcore_0008"
branch_labels = None
depends_on = None

NEW = ("low", "high", "scorer_version")


def place() -> tuple[str, str | None]:
    """The name of the table, and its schema."""
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    return f"{prefix}scores", context.config.attributes.get("crmcore_schema")


def upgrade() -> None:
    """Add the columns that are not there."""
    name, schema = place()
    held = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(name, schema)}
    for column in (
        sa.Column("low", sa.Double()),
        sa.Column("high", sa.Double()),
        sa.Column("scorer_version", TEXT),
    ):
        if column.name not in held:
            op.add_column(name, column, schema=schema)


def downgrade() -> None:
    """Drop them, with what they hold."""
    name, schema = place()
    for column in NEW:
        op.drop_column(name, column, schema=schema)
