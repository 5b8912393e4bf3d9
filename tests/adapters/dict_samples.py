"""One strategy for each public class that has a dictionary form, by class."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
from hypothesis import strategies as st

import crmcore
from crmcore import (
    AttributeType,
    AttributeValue,
    CustomerId,
    DatedRates,
    Entry,
    Fault,
    Fold,
    IdentifierType,
    LifeCycle,
    Measure,
    Model,
    Move,
    Operation,
    OrderHistory,
    Page,
    Profile,
    Purchase,
    Stage,
    Standing,
)
from crmcore.domain.fields import FieldType
from crmcore.domain.predicates import Predicate
from crmcore.testing import strategies as made
from crmcore.testing.registration import STRATEGIES

AT = datetime(2024, 1, 1, tzinfo=UTC)
TYPES = [type for type in FieldType if type not in (FieldType.NESTED, FieldType.ID)]
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
    when=st.none() | made.predicates(),
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
    where=st.none() | made.predicates(),
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
        field.name: made.scalars(field.type) | st.none() if field.optional
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
faults = st.builds(Fault, st.sampled_from(["", "lines[2].quantity"]), st.text(max_size=5))


def errors(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Errors with a value of its type in every field."""
    values: dict[str, st.SearchStrategy[Any]] = {
        "str": st.text(max_size=5),
        "str | None": st.none() | st.text(max_size=5),
        "int": st.integers(0, 9),
        "date": st.dates(),
        "tuple[str, ...]": st.lists(st.text(max_size=5), max_size=2).map(tuple),
        "tuple[Fault, ...]": st.lists(faults, min_size=1, max_size=2).map(tuple),
    }
    return st.builds(cls, *(values[str(field.type)] for field in attrs.fields(cls)))


def strategy_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    """A strategy for any public class: our own, else the one that hypothesis knows."""
    own: dict[Any, st.SearchStrategy[Any]] = {
        AttributeType: st.builds(AttributeType, made.symbols(), st.sampled_from(TYPES)),
        IdentifierType: st.builds(IdentifierType, made.symbols(), st.booleans()),
        AttributeValue: made.attribute_values(),
        crmcore.Customer: made.customers(model=MODEL),
        Stage: stages, Move: moves, LifeCycle: life_cycles, Measure: measures,
        OrderHistory: histories, Purchase: purchases, Profile: profiles, Page: pages,
        Entry: entries, DatedRates: rates, Fault: faults,
        Predicate: made.predicates(MODEL),
    }  # fmt: skip
    if cls in own:
        return own[cls]
    return errors(cls) if issubclass(cls, Exception) else getattr(made, STRATEGIES[cls])()
