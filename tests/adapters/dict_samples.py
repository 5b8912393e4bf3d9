"""One strategy for each public class that has a dictionary form, by class."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

import crmcore
from crmcore import (
    AttributeType,
    AttributeValue,
    CustomerId,
    DatedRates,
    Entry,
    Fold,
    LifeCycle,
    Measure,
    Model,
    Money,
    Move,
    Operation,
    OrderHistory,
    Page,
    Profile,
    Purchase,
    Stage,
    Standing,
)
from crmcore.adapters.dicts.shapes import AnyKind, Optional, Several, parts_of
from crmcore.adapters.dicts.values import PLAIN, Plain
from crmcore.domain.fields import FieldType
from crmcore.domain.predicates import Predicate
from crmcore.testing import strategies as made
from crmcore.testing.registration import STRATEGIES

AT = datetime(2024, 1, 1, tzinfo=UTC)
TYPES = [
    type for type in FieldType if type not in (FieldType.NESTED, FieldType.TEXT_SET, FieldType.ID)
]
MODEL = Model(
    attributes=[
        AttributeType(f"a_{type}", type, personal=type is FieldType.TEXT) for type in TYPES
    ],
    measures=[Measure("last_subject", "interactions", Fold.LATEST, "subject")],
)
"""Its profiles have fields of every type, and personal ones that are the host's own."""

stages = st.builds(Stage, made.symbols(), st.sampled_from(Standing))
moves = st.builds(
    Move,
    st.just("first"),
    st.just("second"),
    made.symbols(),
    when=st.none() | made.predicates(absolute=True),
    idle=st.none() | st.timedeltas(timedelta(microseconds=1), timedelta(days=36_525)),
)
life_cycles = st.lists(moves, max_size=1).map(
    lambda some: LifeCycle(
        [Stage("first", Standing.PROSPECT), Stage("second", Standing.CUSTOMER)], some
    )
)
measures = st.builds(
    Measure,
    made.symbols(),
    st.just("interactions"),
    st.just(Fold.LATEST),
    st.just("topic"),
    where=st.none() | made.predicates(absolute=True),
    personal=st.booleans(),
)
histories = made.orders(totals=made.moneys(min_minor=1)).flatmap(
    lambda order: st.builds(
        OrderHistory,
        order=st.just(order),
        payments=st.lists(made.payments(order), max_size=2).map(tuple),
        fulfilments=st.lists(made.fulfilments(order), max_size=1).map(tuple),
        cancellations=st.lists(made.cancellations(order), max_size=1).map(tuple),
        returns=st.lists(made.returns(order), max_size=1).map(tuple),
    )
)
purchases = st.builds(
    Purchase,
    id=made.ids().map(crmcore.OrderId),
    customer_id=made.ids().map(CustomerId),
    at=made.instants(),
    amount=made.moneys(),
    channel=st.none() | st.sampled_from(crmcore.Channel),
)
profiles = st.builds(
    Profile,
    made.ids().map(CustomerId),
    st.fixed_dictionaries({
        field.name: st.lists(made.symbols(), max_size=2).map(tuple)
        if field.type is FieldType.TEXT_SET
        else made.scalars(field.type) | st.none() if field.optional
        else made.scalars(field.type)
        for field in MODEL.profile_fields.values()
    }),
)  # fmt: skip
pages = st.builds(Page, st.lists(profiles, max_size=2).map(tuple), st.none() | st.text("ab="))
changes = st.dictionaries(
    made.symbols(), st.lists(st.none() | st.text(max_size=5) | st.integers(), max_size=2)
)
entries = st.builds(
    Entry,
    kind=st.sampled_from(["customers", "orders"]),
    operation=st.sampled_from(Operation),
    ids=st.lists(made.ids(), max_size=2).map(tuple),
    version=st.none() | st.integers(1, 9),
    changes=st.lists(changes, max_size=2).map(tuple),
    personal=st.lists(changes, max_size=2).map(tuple),
    at=made.instants(),
    recorded_at=made.instants(),
    actor=st.none() | st.just("import"),
    position=st.none() | st.integers(1, 9),
)
rates = st.dictionaries(
    st.tuples(st.sampled_from(["USD", "JPY"]), st.just("EUR"), st.dates()),
    st.integers(1, 10**9).map(lambda count: Decimal(count) / 10**6),
    max_size=3,
).map(DatedRates)


rules = made.programmes().map(lambda programme: programme.rules[-1])
PERIODS = (crmcore.Fixed, crmcore.Calendar, crmcore.Anniversary, crmcore.Rolling)


def derived(shape: Any) -> st.SearchStrategy[Any]:
    """Values for a shape; of a class, with the fields that it must have (of an error, with all)."""
    match shape:
        case Optional(inner):
            return st.none() | derived(inner)
        case Several(inner):
            return st.lists(derived(inner), max_size=2).map(tuple)
        case AnyKind(classes):
            return st.sampled_from(classes).flatmap(strategy_of)
        case Plain():
            return next(VALUES[cls] for cls, plain in PLAIN.items() if plain is shape)
        case _ if issubclass(shape, Enum):
            return st.sampled_from(shape)
    whole = issubclass(shape, Exception)
    parts = {p.name: derived(p.shape) for p in parts_of(shape) if p.required or whole}
    return st.builds(shape, **parts)


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: made.symbols(), int: st.integers(0, 9), bool: st.booleans(), date: st.dates(),
    float: st.floats(0, 9), datetime: made.instants(), UUID: made.ids(), Money: made.moneys(),
}  # fmt: skip


def strategy_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    """A strategy for any public class: our own, else the kit's, else one by its fields."""
    own: dict[Any, st.SearchStrategy[Any]] = {
        AttributeType: st.builds(AttributeType, made.symbols(), st.sampled_from(TYPES)),
        AttributeValue: made.attribute_values(),
        crmcore.Customer: made.customers(model=MODEL),
        Stage: stages, Move: moves, LifeCycle: life_cycles, Measure: measures,
        OrderHistory: histories, Purchase: purchases, Profile: profiles, Page: pages,
        crmcore.Rules: rules, crmcore.Tier: rules.map(lambda known: known.tiers[-1]),
        crmcore.Pending: rules.map(lambda known: known.pending),
        crmcore.Expiry: rules.map(lambda known: known.expiry),
        **{kind: made.periods(kinds=st.just(kind)) for kind in PERIODS},
        crmcore.LotPart: made.points_entries().map(lambda entry: entry.lots[0]),
        Entry: entries, DatedRates: rates, Predicate: made.predicates(MODEL),
    }  # fmt: skip
    if cls in own:
        return own[cls]
    return getattr(made, STRATEGIES[cls])() if cls in STRATEGIES else derived(cls)
