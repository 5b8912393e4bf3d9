"""The kinds of thing crmcore stores, each one declaration.

A new aggregate or fact is a line here (its class, its keys, its marks) and no edit in any adapter:
every store derives its tables or documents from these declarations.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Generic, TypeVar

import attrs

from crmcore.domain.consent import Consent
from crmcore.domain.customer import Customer
from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.facts import Fact
from crmcore.domain.fields import Field, FieldType, fields_of
from crmcore.domain.interaction import Interaction
from crmcore.domain.membership import Membership, TierChange
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Cancellation, Fulfilment, Payment, Purchase, Return
from crmcore.domain.points import PointsEntry
from crmcore.domain.product import Product
from crmcore.domain.score import Score
from crmcore.domain.segment import Segment, SegmentChange

__all__ = [
    "AGGREGATES",
    "CANCELLATIONS",
    "CONSENTS",
    "CUSTOMERS",
    "DECISIONS",
    "FACTS",
    "FULFILMENTS",
    "INTERACTIONS",
    "MEASURABLE",
    "MEMBERSHIPS",
    "ORDERS",
    "PAYMENTS",
    "POINTS",
    "PRODUCTS",
    "PURCHASES",
    "RETURNS",
    "SCORES",
    "SEGMENTS",
    "SEGMENT_CHANGES",
    "TIER_CHANGES",
    "A",
    "AggregateKind",
    "DerivedKind",
    "FactKind",
    "Key",
]

OF_LINES = (
    Field("products", FieldType.TEXT_SET, limit=100, meaning="the products of its lines"),
    Field("categories", FieldType.TEXT_SET, limit=100, meaning="the categories of its lines"),
)
"""Of an order, what its lines are asked about: derived, never stored."""

A = TypeVar("A", Customer, Product, Segment, Membership)
F_co = TypeVar("F_co", bound=Fact, covariant=True)


@attrs.frozen
class Key:
    """One look-up key of an aggregate: a value within a scope, of one aggregate if exclusive."""

    scope: str
    value: str = attrs.field(repr=False)
    exclusive: bool = True


@attrs.frozen(slots=False)
class AggregateKind(Generic[A]):
    """What may change: stored by id and version, found by its keys. `key` names the field that is
    its exclusive key, where one field is; `indexes` the fields that it is looked for by besides;
    `heavy` the nested field that is by far the largest, and stays in most changes.
    """

    name: str
    cls: type[A]
    key: str | None = None
    indexes: tuple[tuple[str, ...], ...] = ()
    heavy: str | None = None

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The stored fields."""
        return fields_of(self.cls)


@attrs.frozen(slots=False)
class FactKind(Generic[F_co]):
    """What happened: appended once. `of_order` facts belong to an order that is stored already;
    `revises` ones change what that order counts for, so profiles are folded anew after them.
    `grouped_by` names a field that they are looked for by, before customer and instant.
    """

    name: str
    cls: type[F_co]
    of_order: bool = False
    revises: bool = False
    grouped_by: str | None = None
    version: int = 1

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The stored fields."""
        return fields_of(self.cls)

    @cached_property
    def comparable(self) -> Mapping[str, Field]:
        """The fields a measure may count, sum or ask about; money only in the model's currency."""
        return {
            f.name: f
            for f in (*self.fields, *(OF_LINES if self.name == "orders" else ()))
            if f.type is not FieldType.NESTED
            and (f.type is not FieldType.MONEY or f.name == "base_amount")
        }


@attrs.frozen(slots=False)
class DerivedKind:
    """Purchases: orders net of cancellations and returns, computed and never stored."""

    name: str
    cls: type[Purchase]

    @cached_property
    def comparable(self) -> Mapping[str, Field]:
        """The fields a measure may count, sum or ask about."""
        return {f.name: f for f in (*fields_of(self.cls), *OF_LINES)}


CUSTOMERS = AggregateKind("customers", Customer)
PRODUCTS = AggregateKind("products", Product, key="sku")
SEGMENTS = AggregateKind("segments", Segment, key="name")
MEMBERSHIPS = AggregateKind(
    "memberships",
    Membership,
    indexes=(("programme", "due_at", "id"), ("customer_id",)),
    heavy="lots",
)
ORDERS = FactKind("orders", Order)
PAYMENTS = FactKind("payments", Payment, of_order=True)
FULFILMENTS = FactKind("fulfilments", Fulfilment, of_order=True)
CANCELLATIONS = FactKind("cancellations", Cancellation, of_order=True, revises=True)
RETURNS = FactKind("returns", Return, of_order=True, revises=True)
INTERACTIONS = FactKind("interactions", Interaction)
SCORES = FactKind("scores", Score)
CONSENTS = FactKind("consents", Consent)
SEGMENT_CHANGES = FactKind("segment_changes", SegmentChange, grouped_by="segment")
POINTS = FactKind("points", PointsEntry)
TIER_CHANGES = FactKind("tier_changes", TierChange)
DECISIONS = FactKind("decisions", RecordedDecision)
PURCHASES = DerivedKind("purchases", Purchase)

AGGREGATES: tuple[
    AggregateKind[Customer]
    | AggregateKind[Product]
    | AggregateKind[Segment]
    | AggregateKind[Membership],
    ...,
] = (CUSTOMERS, PRODUCTS, SEGMENTS, MEMBERSHIPS)
FACTS: tuple[FactKind[Fact], ...] = (
    ORDERS, PAYMENTS, FULFILMENTS, CANCELLATIONS, RETURNS, INTERACTIONS, SCORES, CONSENTS,
    SEGMENT_CHANGES, POINTS, TIER_CHANGES, DECISIONS,
)  # fmt: skip

MEASURABLE: Mapping[str, FactKind[Fact] | DerivedKind] = {
    **{kind.name: kind for kind in FACTS},
    PURCHASES.name: PURCHASES,
}
"""What a measure may be `of`, by name."""
