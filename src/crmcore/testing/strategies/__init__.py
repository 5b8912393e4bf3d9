"""Hypothesis strategies: valid objects of every kind, each part replaceable by a keyword.

    @given(orders(customer_ids=st.just(ana.id), totals=moneys(currencies=st.just("EUR"))))
    def test_...

They build only valid objects and shrink to short ones. `st.from_type(Customer)` finds them. Facts
of an order take the order: `returns(order)` is never of more than it.
"""

from crmcore.domain.errors import MissingExtra

try:
    import hypothesis  # noqa: F401  needed by all of them; say so at once
except ImportError as _error:
    raise MissingExtra("testing") from _error

from crmcore.testing.strategies.aggregates import (
    attachments,
    customers,
    notes,
    products,
    relationships,
    roles,
    tags,
)
from crmcore.testing.strategies.facts import (
    cancellations,
    consents,
    fulfilments,
    interactions,
    order_lines,
    orders,
    payments,
    returns,
    scores,
    segment_changes,
)
from crmcore.testing.strategies.loyalty import (
    decisions,
    earning_rules,
    memberships,
    periods,
    points_entries,
    programmes,
    tier_changes,
)
from crmcore.testing.strategies.models import models
from crmcore.testing.strategies.predicates import predicates
from crmcore.testing.strategies.segments import segments
from crmcore.testing.strategies.values import (
    attribute_values,
    contact_points,
    emails,
    identifiers,
    ids,
    instants,
    moneys,
    phones,
    scalars,
    symbols,
    texts,
)

__all__ = [
    "attachments",
    "attribute_values",
    "cancellations",
    "consents",
    "contact_points",
    "customers",
    "decisions",
    "earning_rules",
    "emails",
    "fulfilments",
    "identifiers",
    "ids",
    "instants",
    "interactions",
    "memberships",
    "models",
    "moneys",
    "notes",
    "order_lines",
    "orders",
    "payments",
    "periods",
    "phones",
    "points_entries",
    "predicates",
    "products",
    "programmes",
    "relationships",
    "returns",
    "roles",
    "scalars",
    "scores",
    "segment_changes",
    "segments",
    "symbols",
    "tags",
    "texts",
    "tier_changes",
]
