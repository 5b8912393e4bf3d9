"""What random histories are made of: a model with everything, and small pools to draw from.

Small, so that values meet: equal instants, shared e-mails, source keys that come again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from crmcore.domain.attributes import AttributeType
from crmcore.domain.contact_points import Channel
from crmcore.domain.expressions import field
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.testing.strategies import predicates

__all__ = [
    "AMOUNTS", "AT", "CARDS", "CHANGED", "CONSENTED", "CONSUMERS", "CONTACT", "EMAILS", "FIRST",
    "IDENTIFIERS", "INDEX", "KEYS", "KINDS", "MODEL", "NEW", "PLACES", "QUESTIONS", "RATE",
    "SCORED", "TAGS", "TENANTS",
]  # fmt: skip

MODEL = Model(
    attributes=(
        AttributeType("seat", "text"),
        AttributeType("visits", "integer"),
        AttributeType("weight", "float"),
        AttributeType("height", "decimal"),
        AttributeType("vip", "boolean", indexed=True),
        AttributeType("born", "date"),
        AttributeType("renewed_at", "instant"),
        AttributeType("budget", "money"),
    ),
    measures=(
        Measure("phone_calls", "interactions", Fold.COUNT, where=field("channel") == "phone"),
        Measure("web_revenue", "purchases", Fold.SUM, "amount", where=field("channel") == "web"),
        Measure("largest_purchase", "purchases", Fold.MAX, "amount"),
        Measure("smallest_payment", "payments", Fold.MIN, "base_amount"),
        Measure("shortest_wait", "interactions", Fold.MIN, "waited_seconds"),
        Measure("waited", "interactions", Fold.SUM, "waited_seconds"),
        Measure("cancellations", "cancellations", Fold.COUNT),
        Measure("last_topic", "interactions", Fold.LATEST, "topic"),
        Measure("delivered_whole", "fulfilments", Fold.LATEST, "complete"),
        Measure("opted_in", "consents", Fold.LATEST, "given", where=field("channel") == "email"),
        Measure(
            "in_vip", "segment_changes", Fold.LATEST, "entered", where=field("segment") == "vip"
        ),
    ),
)
"""A model with an attribute of every type and a measure of every fold."""

DAY = timedelta(days=1)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
RATE = Decimal("0.9173")
TENANTS = st.sampled_from(["a", "b"])
INDEX = st.integers(0, 7)
PLACES = st.sampled_from([None, 0, 1])
"""Where something is done: in a unit of work of its own, or in the first or second open one."""
CONSUMERS = st.sampled_from(["mail", "audit"])
AT = st.sampled_from([FIRST + n * DAY for n in range(4)])
NAMES = st.sampled_from([None, "Ana", "Ben"])
EMAILS = st.lists(st.sampled_from(["x@x.org", "Y@x.org"]), max_size=2, unique=True)
TAGS = st.lists(st.sampled_from(["vip", "new"]), max_size=2, unique=True)
IDENTIFIERS = {"card": ["0", "1", "9"], "email": ["x@x.org", "y@x.org"]}
CARDS = st.lists(st.sampled_from(["0", "1", "9"]), max_size=1)
AMOUNTS = st.builds(
    Money.of_minor, st.sampled_from([0, 1, 3, 100, 101]), st.sampled_from(["EUR", "USD"])
)
KEYS = st.sampled_from([None, None, None, "k1", "k2"])
CONTACT = st.fixed_dictionaries({
    "channel": st.sampled_from(["phone", "web", "chat"]),
    "at": AT,
    "topic": st.sampled_from([None, "billing", "delivery"]),
    "waited_seconds": st.sampled_from([None, 0, 1, 90]),
    "source_key": KEYS,
})  # fmt: skip
CONSENTED = st.fixed_dictionaries({
    "purpose": st.sampled_from([None, "marketing", "service"]),
    "channel": st.sampled_from([None, "email"]),
    "given": st.booleans(),
    "at": AT,
    "source_key": KEYS,
})  # fmt: skip
CHANGED = st.fixed_dictionaries({
    "segment": st.sampled_from(["vip", "regulars"]),
    "entered": st.booleans(),
    "at": AT,
    "source_key": KEYS,
})  # fmt: skip
SCORED = st.fixed_dictionaries({
    "value": st.sampled_from([0.0, 0.5, 1.0]),
    "scorer": st.sampled_from(["probability_alive", "lifetime_value"]),
    "at": AT,
})  # fmt: skip
ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "seat": st.sampled_from(["", "a", "A", "é"]),
    "visits": st.sampled_from([0, 1, -1, 2**53 - 1]),
    "weight": st.sampled_from([0.0, 0.1, 1.0, -2.5]),
    "height": st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("1.000001")]),
    "vip": st.booleans(),
    "born": st.sampled_from([date(1990, 12, 31), date(2024, 1, 1)]),
    "renewed_at": AT,
    "budget": st.sampled_from([Money("0", "EUR"), Money("1.01", "EUR")]),
}
NEW = st.fixed_dictionaries({
    "name": NAMES, "emails": EMAILS, "tags": TAGS,
    "attributes": st.fixed_dictionaries({}, optional=ATTRIBUTES),
})  # fmt: skip
VALUES: dict[str, st.SearchStrategy[Any]] = ATTRIBUTES | {
    "name": st.sampled_from(["Ana", "Ben", "Cid"]),
    "kind": st.sampled_from(["person", "organisation"]),
    "stage": st.sampled_from(["prospect", "active", "closed"]),
    "email": st.sampled_from(["x@x.org", "y@x.org"]),
    "tags": st.sampled_from(["vip", "new"]),
    "last_channel": st.sampled_from(Channel),
    "last_topic": st.sampled_from(["billing", "delivery"]),
    "revenue": st.sampled_from([0, 1, 100, 101]).map(lambda n: Money.of_minor(n, "EUR")),
}
QUESTIONS = predicates(MODEL, values=VALUES)
KINDS = (
    "orders", "payments", "fulfilments", "cancellations", "returns", "interactions", "scores",
    "consents", "segment_changes",
)  # fmt: skip
