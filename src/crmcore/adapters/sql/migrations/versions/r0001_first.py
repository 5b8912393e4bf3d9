"""The first tables: records, keys, facts, profiles, journal, models.

A revision is history: it says its columns itself and never looks at today's declarations. (The
column types it takes are history too: another representation gets another name.)
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.schema import SchemaItem

from crmcore.adapters.sql.types import BYTES, COUNTER, ID, INSTANT, INTEGER, TEXT, short

revision = "crmcore_0001"
down_revision = None
branch_labels: tuple[str, ...] = ("crmcore",)
depends_on = None

C = sa.Column


def required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    """A column that is never null."""
    return C(name, kind, nullable=False)


def money(name: str, *, optional: bool = False) -> Iterable[sa.Column[Any]]:
    """Minor units beside their currency."""
    yield C(f"{name}_minor", INTEGER, nullable=optional)
    yield C(f"{name}_currency", TEXT, nullable=optional)


def tenant() -> sa.Column[Any]:
    """The column that leads every key."""
    return required("tenant", short(63))


def upgrade() -> None:
    """Create the tables."""
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    schema: str | None = context.config.attributes.get("crmcore_schema")
    customers = f"{schema}.{prefix}customers" if schema else f"{prefix}customers"

    def table(name: str, *parts: SchemaItem) -> None:
        op.create_table(prefix + name, *parts, schema=schema)

    def index(table: str, name: str, *columns: str, unique: bool = False) -> None:
        label = f"{'ux' if unique else 'ix'}_{prefix}{table}_{name}"
        op.create_index(label, prefix + table, list(columns), unique=unique, schema=schema)

    def to_customer(column: str, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
        remote = [f"{customers}.tenant", f"{customers}.id"]
        return sa.ForeignKeyConstraint(["tenant", column], remote, ondelete=ondelete)

    def fact(name: str, *own: SchemaItem, of_order: bool = False) -> None:
        table(
            name,
            tenant(),
            required("resolved_customer_id", ID),
            required("schema_version", sa.SmallInteger()),
            required("customer_id", ID),
            required("at", INSTANT),
            C("source", short(80)),
            C("source_key", short(200)),
            required("id", ID),
            C("recorded_at", INSTANT),
            C("actor", TEXT),
            *own,
            C("removed_at", INSTANT),
            sa.PrimaryKeyConstraint("tenant", "id"),
            to_customer("resolved_customer_id"),
        )
        index(name, "source_key", "tenant", "source", "source_key", unique=True)
        index(name, "customer", "tenant", "resolved_customer_id", "at")
        index(name, "at", "tenant", "at")
        if of_order:
            index(name, "order", "tenant", "order_id")

    table(
        "customers",
        tenant(),
        required("kind", TEXT),
        C("name", TEXT),
        required("at", INSTANT),
        required("stage", short(40)),
        required("stage_since", INSTANT),
        C("language", TEXT),
        C("zone", TEXT),
        C("region", TEXT),
        required("channels", TEXT),
        required("identifiers", TEXT),
        required("contact_points", TEXT),
        required("roles", TEXT),
        required("relationships", TEXT),
        required("attributes", TEXT),
        required("id", ID),
        required("version", INTEGER),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    table(
        "products",
        tenant(),
        required("sku", short(100)),
        required("at", INSTANT),
        C("name", TEXT),
        C("category", TEXT),
        *money("price", optional=True),
        required("id", ID),
        required("version", INTEGER),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    table(
        "keys",
        tenant(),
        required("kind", short(20)),
        required("scope", short(130)),
        required("value", short(254)),
        required("id", ID),
        C("claim", short(254)),
        sa.PrimaryKeyConstraint("tenant", "kind", "scope", "value", "id"),
    )
    index("keys", "claim", "tenant", "kind", "scope", "claim", unique=True)
    index("keys", "id", "tenant", "kind", "id")

    def order() -> sa.Column[Any]:
        return required("order_id", ID)

    base = tuple(money("base_amount", optional=True))
    fact("orders", *money("total"), required("lines", TEXT), C("channel", TEXT), *base)
    fact(
        "payments",
        order(),
        *money("amount"),
        C("method", TEXT),
        *money("base_amount", optional=True),
        of_order=True,
    )
    fact(
        "fulfilments",
        order(),
        required("complete", sa.Boolean()),
        C("reference", TEXT),
        of_order=True,
    )
    fact("cancellations", order(), C("reason", TEXT), of_order=True)
    fact(
        "returns",
        order(),
        *money("amount"),
        C("reason", TEXT),
        *money("base_amount", optional=True),
        of_order=True,
    )
    fact(
        "interactions",
        required("channel", TEXT),
        required("direction", TEXT),
        C("topic", TEXT),
        C("outcome", TEXT),
        C("subject", TEXT),
        C("waited_seconds", INTEGER),
        C("lasted_seconds", INTEGER),
        C("order_id", ID),
    )
    fact(
        "scores",
        required("scorer", short(40)),
        required("value", sa.Double()),
        required("unit", TEXT),
        C("model", TEXT),
        C("why", TEXT),
    )
    table(
        "profiles",
        tenant(),
        required("customer_id", ID),
        required("kind", TEXT),
        C("name", TEXT),
        required("stage", short(40)),
        required("stage_since", INSTANT),
        required("known_since", INSTANT),
        C("language", TEXT),
        C("zone", TEXT),
        C("region", TEXT),
        C("email", TEXT),
        C("phone", TEXT),
        required("attributes", TEXT),
        sa.PrimaryKeyConstraint("tenant", "customer_id"),
        to_customer("customer_id", ondelete="CASCADE"),
    )
    index("profiles", "stage", "tenant", "stage", "customer_id")
    table(
        "journal",
        C(
            "seq",
            COUNTER,
            primary_key=True,
            autoincrement=True,
        ),
        tenant(),
        C("position", INTEGER),
        required("kind", short(20)),
        required("operation", short(10)),
        C("aggregate_id", ID),
        required("ids", BYTES),
        C("version", INTEGER),
        required("changes", TEXT),
        required("personal", TEXT),
        required("at", INSTANT),
        required("recorded_at", INSTANT),
        C("actor", TEXT),
        C("source", TEXT),
    )
    index("journal", "position", "tenant", "position", unique=True)
    index("journal", "aggregate", "tenant", "kind", "aggregate_id")
    table(
        "models",
        tenant(),
        required("version", INTEGER),
        required("definition", TEXT),
        required("recorded_at", INSTANT),
        sa.PrimaryKeyConstraint("tenant", "version"),
    )


def downgrade() -> None:
    """Drop them."""
    prefix: str = context.config.attributes.get("crmcore_prefix", "crm_")
    schema: str | None = context.config.attributes.get("crmcore_schema")
    facts = [
        "orders",
        "payments",
        "fulfilments",
        "cancellations",
        "returns",
        "interactions",
        "scores",
    ]
    for name in ("models", "journal", "profiles", *facts, "keys", "products", "customers"):
        op.drop_table(prefix + name, schema=schema)
