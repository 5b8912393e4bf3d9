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
from crmcore.testing.members import a_programme
from crmcore.testing.strategies import predicates

__all__ = [
    "AMOUNTS", "ASKED", "AT", "AWARDED", "BASKETS", "CARDS", "CHANGED", "CONSENTED", "CONSUMERS",
    "CONTACT", "EMAILS", "FIRST", "IDENTIFIERS", "INDEX", "KEYS", "KINDS", "MODEL", "NEW", "PLACES",
    "QUESTIONS", "RATE", "SCORED", "TAGS", "TENANTS",
]  # fmt: skip

MODEL = Model(
    zone="Europe/Madrid",
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
    programmes=(a_programme(),),
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
ASKED = st.sampled_from([
    FIRST + 2 * DAY,
    FIRST + timedelta(days=3, hours=12),
    datetime(2024, 2, 29, 10, 30, tzinfo=UTC),
    datetime(2024, 6, 1, 12, tzinfo=UTC),
    datetime(2024, 12, 31, 11, 30, tzinfo=UTC),
])  # fmt: skip
"""When questions are asked: days after the facts, at ends of months and of the year."""
NAMES = st.sampled_from([None, "Ana", "Ben", "José Núñez", "ÅSA O'Brien"])
ZONES = st.sampled_from([None, "Pacific/Kiritimati", "Etc/GMT+12", "America/Sao_Paulo"])
BASKETS = st.lists(
    st.sampled_from([("SKU-1", "flights"), ("SKU-2", None), ("é", "hotels")]), max_size=2
)
"""Products and categories of the lines of an order."""
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
ENTERED = st.fixed_dictionaries({
    "points": st.sampled_from([-5, 1, 100]),
    "pending": st.booleans(),
    "movement": st.sampled_from(["earn", "redeem", "release"]),
    "at": AT,
    "source_key": KEYS,
})  # fmt: skip
TIERED = st.fixed_dictionaries({
    "tier": st.sampled_from(["blue", "silver", "gold"]),
    "reason": st.sampled_from(["qualified", "lowered"]),
    "at": AT,
    "source_key": KEYS,
})  # fmt: skip
DECIDED = st.fixed_dictionaries({
    "verdict": st.sampled_from(["allow", "refuse", "needs_approval"]),
    "at": AT,
    "source_key": KEYS,
})  # fmt: skip
AWARDED = st.one_of(
    st.tuples(st.just("points"), ENTERED),
    st.tuples(st.just("tier_changes"), TIERED),
    st.tuples(st.just("decisions"), DECIDED),
)
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
    "born": st.sampled_from([date(1990, 12, 31), date(2024, 1, 1), date(2000, 2, 29)]),
    "renewed_at": AT,
    "budget": st.sampled_from([Money("0", "EUR"), Money("1.01", "EUR")]),
}
NEW = st.fixed_dictionaries({
    "name": NAMES, "zone": ZONES, "emails": EMAILS, "tags": TAGS,
    "attributes": st.fixed_dictionaries({}, optional=ATTRIBUTES),
})  # fmt: skip
MONEYS = st.sampled_from([0, 1, 100, 101]).map(lambda n: Money.of_minor(n, "EUR"))
SECONDS = st.sampled_from([0, 1, 90])
PROFILES: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["Ana", "Ben", "José Núñez", "ÅSA O'Brien"]),
    "kind": st.sampled_from(["person", "organisation"]),
    "stage": st.sampled_from(["prospect", "active", "closed"]),
    "language": st.sampled_from(["es", "ca"]),
    "zone": st.sampled_from(["Pacific/Kiritimati", "Etc/GMT+12"]),
    "region": st.sampled_from(["ES-MD", "Łódź"]),
    "email": st.sampled_from(["x@x.org", "y@x.org"]),
    "phone": st.sampled_from(["+34600000000", "+1"]),
    "tags": st.sampled_from(["vip", "new"]),
    "last_channel": st.sampled_from(Channel),
    "last_topic": st.sampled_from(["billing", "delivery"]),
    **dict.fromkeys(("stage_since", "known_since", "first_purchase_at", "last_purchase_at"), AT),
    **dict.fromkeys(("revenue", "returned", "paid", "web_revenue"), MONEYS),
    **dict.fromkeys(("largest_purchase", "smallest_payment"), MONEYS),
    **dict.fromkeys(("shortest_wait", "waited"), SECONDS),
    "club_tier": st.sampled_from(["blue", "gold"]),
    **dict.fromkeys(("club_points", "club_pending"), st.sampled_from([-5, 0, 1, 100])),
}
TOLD: dict[str, st.SearchStrategy[Any]] = {
    "at": AT,
    "amount": MONEYS,
    "base_amount": MONEYS,
    "waited_seconds": SECONDS,
    "topic": st.sampled_from(["billing", "delivery"]),
    "channel": st.sampled_from(["phone", "web", "email"]),
    "direction": st.sampled_from(["inbound", "outbound"]),
    "scorer": st.sampled_from(["probability_alive", "lifetime_value"]),
    "value": st.sampled_from([0.0, 0.5, 1.0]),
    "purpose": st.sampled_from(["marketing", "service"]),
    "source": st.sampled_from(["shop", "till"]),
    "source_key": st.sampled_from(["k1", "k2"]),
    "products": st.sampled_from(["SKU-1", "SKU-2", "é"]),
    "categories": st.sampled_from(["flights", "hotels"]),
    "movement": st.sampled_from(["earn", "redeem"]),
    "tier": st.sampled_from(["blue", "gold"]),
    "verdict": st.sampled_from(["allow", "refuse"]),
    **dict.fromkeys(("active", "pending", "qualifying"), st.sampled_from([-5, 0, 1, 100])),
}
VALUES: dict[str, st.SearchStrategy[Any]] = ATTRIBUTES | PROFILES | TOLD
QUESTIONS = predicates(MODEL, values=VALUES)
KINDS = (
    "orders", "payments", "fulfilments", "cancellations", "returns", "interactions", "scores",
    "consents", "segment_changes", "points", "tier_changes", "decisions",
)  # fmt: skip
