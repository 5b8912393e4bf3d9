"""Makes `st.from_type(Customer)` work: hypothesis calls `register` when it is imported.

It finds it through the entry-point group `hypothesis`. The strategies themselves are loaded when
one is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import crmcore
from crmcore.domain.attributes import AttributeValue

__all__ = ["register"]

STRATEGIES: dict[type[Any], str] = {
    crmcore.Money: "moneys",
    crmcore.Identifier: "identifiers",
    crmcore.ContactPoint: "contact_points",
    AttributeValue: "attribute_values",
    crmcore.Role: "roles",
    crmcore.Relationship: "relationships",
    crmcore.Note: "notes",
    crmcore.Attachment: "attachments",
    crmcore.Customer: "customers",
    crmcore.Product: "products",
    crmcore.OrderLine: "order_lines",
    crmcore.Order: "orders",
    crmcore.Payment: "payments",
    crmcore.Fulfilment: "fulfilments",
    crmcore.Cancellation: "cancellations",
    crmcore.Return: "returns",
    crmcore.Interaction: "interactions",
    crmcore.Score: "scores",
    crmcore.Consent: "consents",
    crmcore.EarningRule: "earning_rules",
    crmcore.Programme: "programmes",
    crmcore.Membership: "memberships",
    crmcore.PointsEntry: "points_entries",
    crmcore.TierChange: "tier_changes",
    crmcore.RecordedDecision: "decisions",
    crmcore.Segment: "segments",
    crmcore.SegmentChange: "segment_changes",
    crmcore.Model: "models",
    crmcore.Predicate: "predicates",
}
"""By type, the name of its strategy in `crmcore.testing.strategies`."""


def register() -> None:
    """Tell hypothesis which strategy makes which type."""
    from hypothesis.strategies import register_type_strategy

    def late(name: str) -> Any:
        return lambda _: getattr(import_module("crmcore.testing.strategies"), name)()

    for made, name in STRATEGIES.items():
        register_type_strategy(made, late(name))
