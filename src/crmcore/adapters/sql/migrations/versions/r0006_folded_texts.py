"""Folded texts of profiles, for what is asked of parts of a text.

They follow from the texts that are stored, by the rules of the release that runs this. On MariaDB,
which commits each change of a table by itself, it can be run again half-way.
"""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from crmcore.adapters.sql import bulk
from crmcore.adapters.sql.types import ID, TEXT, short
from crmcore.domain.names import folded_text

revision = "crmcore_0006"
down_revision = "crmcore_0005"
branch_labels = None
depends_on = None

COLUMN = "texts__folded"
TEXTS = ("name", "language", "zone", "region", "email")
AT_ONCE = 5000


def place() -> tuple[str, str | None]:
    """The table, and its schema."""
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    return f"{prefix}profiles", context.config.attributes.get("crmcore_schema")


def upgrade() -> None:
    """Add the column, and fill it."""
    name, schema = place()
    held = sa.inspect(op.get_bind()).get_columns(name, schema)
    if COLUMN not in {known["name"] for known in held}:
        op.add_column(name, sa.Column(COLUMN, TEXT), schema=schema)
    fill(
        sa.table(
            name,
            sa.column("tenant", short(63)),
            sa.column("customer_id", ID),
            *(sa.column(known, TEXT) for known in (*TEXTS, "attributes", COLUMN)),
            schema=schema,
        )
    )


def fill(profiles: sa.TableClause) -> None:
    """The folded texts of every profile that is stored and has any."""
    statement = (
        sa.update(profiles)
        .where(
            profiles.c.tenant == sa.bindparam("of_tenant"),
            profiles.c.customer_id == sa.bindparam("who"),
        )
        .values({COLUMN: sa.bindparam("folded", type_=TEXT)})
    )
    for rows in pages(profiles):
        by_tenant: dict[str, list[tuple[Any, ...]]] = {}
        for row in rows:
            if folded := folded_texts(row):
                told = (json.dumps(folded, ensure_ascii=False), row.customer_id)
                by_tenant.setdefault(row.tenant, []).append(told)
        for tenant, data in by_tenant.items():
            bulk.update(op.get_bind(), statement, {"of_tenant": tenant}, ("folded", "who"), data)


def folded_texts(row: Any) -> dict[str, str]:
    """Of a row, the texts whose folded form is another, folded; host attributes among them."""
    texts: dict[str, Any] = {name: getattr(row, name) for name in TEXTS}
    texts |= json.loads(row.attributes)
    return {
        name: folded
        for name, text in texts.items()
        if isinstance(text, str) and (folded := folded_text(text)) != text
    }


def pages(profiles: sa.TableClause) -> Iterator[list[sa.Row[Any]]]:
    """The profiles, some at a time, by their primary key."""
    tenant, id = profiles.c.tenant, profiles.c.customer_id
    texts = [profiles.c[name] for name in (*TEXTS, "attributes")]
    page = sa.select(tenant, id, *texts).order_by(tenant, id).limit(AT_ONCE)
    behind = page
    while rows := list(op.get_bind().execute(behind)):
        yield rows
        last = rows[-1]
        further = sa.and_(tenant == last.tenant, id > last.customer_id)
        behind = page.where(sa.or_(tenant > last.tenant, further))


def downgrade() -> None:
    """Drop them."""
    name, schema = place()
    op.drop_column(name, COLUMN, schema=schema)
