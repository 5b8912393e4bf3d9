"""The codec: every stored class comes back exactly, and its rows hold nothing but wire values."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore import (
    AttributeType,
    Customer,
    Identifier,
    Model,
    Money,
    Order,
    OrderLine,
    Product,
    Purchase,
    Relationship,
    Role,
    new_id,
)
from crmcore.adapters.codec import codec_of
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import AGGREGATES, FACTS, PURCHASES
from crmcore.testing.strategies import (
    cancellations,
    consents,
    customers,
    decisions,
    fulfilments,
    interactions,
    memberships,
    moneys,
    orders,
    payments,
    points_entries,
    products,
    returns,
    scores,
    segment_changes,
    segments,
    tier_changes,
)

AT = datetime(2024, 1, 1, tzinfo=UTC)
MODEL = Model(
    attributes=[
        AttributeType(f"a_{type.value}", type)
        for type in FieldType
        if type not in (FieldType.NESTED, FieldType.TEXT_SET, FieldType.ID)
    ]
)
recorded = st.fixed_dictionaries({
    "recorded_at": st.none() | st.just(AT), "actor": st.sampled_from([None, "import"]),
})  # fmt: skip


def stored(made: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Facts as a store keeps them: with who recorded them, when, and their base amount."""

    def keep(fact: Any, more: dict[str, Any], base: Money | None) -> Any:
        if "base_amount" in {a.name for a in attrs.fields(type(fact))}:
            more = more | {"base_amount": base}
        return attrs.evolve(fact, **more)

    return st.builds(keep, made, recorded, st.none() | moneys())


MADE = {
    "customers": st.builds(
        lambda customer, version: attrs.evolve(customer, version=version),
        customers(model=MODEL),
        st.integers(0, 2**40),
    ),
    "products": products(),
    "orders": stored(orders()),
    "payments": stored(payments()),
    "fulfilments": stored(fulfilments()),
    "cancellations": stored(cancellations()),
    "returns": stored(returns()),
    "interactions": stored(interactions()),
    "scores": stored(scores()),
    "consents": stored(consents()),
    "segments": segments(),
    "segment_changes": stored(segment_changes()),
    "memberships": memberships(),
    "points": stored(points_entries()),
    "tier_changes": stored(tier_changes()),
    "decisions": stored(decisions()),
}
KINDS = {kind.name: kind for kind in (*AGGREGATES, *FACTS)}


def test_every_stored_class_is_tried():
    assert MADE.keys() == KINDS.keys()


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_stored_comes_back_field_by_field(name: str, data: st.DataObject):
    """Exactly: values, types, and the fields that equality leaves out."""
    codec = codec_of(KINDS[name].cls)
    before = data.draw(MADE[name])
    after = codec.decode(codec.encode(before))

    assert type(after) is type(before)
    for attribute in attrs.fields(type(before)):
        old, new = getattr(before, attribute.name), getattr(after, attribute.name)
        assert new == old or attribute.name == "life_cycle", attribute.name
        assert type(new) is type(old)
    assert hash(after) == hash(before)


@pytest.mark.parametrize("name", MADE)
@settings(max_examples=25)
@given(data=st.data())
def test_a_row_holds_nothing_but_wire_values_of_its_columns(name: str, data: st.DataObject):
    """Text, integers, floats, booleans, bytes: what any driver takes as it is."""
    codec = codec_of(KINDS[name].cls)
    row = codec.encode(data.draw(MADE[name]))
    types = {
        FieldType.TEXT: str, FieldType.NESTED: str, FieldType.INTEGER: int, FieldType.INSTANT: int,
        FieldType.ID: bytes, FieldType.FLOAT: float, FieldType.BOOLEAN: bool,
    }  # fmt: skip

    assert len(row) == len(codec.columns)
    for value, column in zip(row, codec.columns, strict=True):
        if value is None:
            assert column.optional, column.name
        else:
            assert type(value) is types[column.type], column.name


def test_columns_are_named_once_and_carry_the_personal_mark():
    for kind in (*KINDS.values(), PURCHASES):
        codec = codec_of(kind.cls)
        names = [column.name for column in codec.columns]
        assert len(set(names)) == len(names)
    personal = {c.name for c in codec_of(Customer).columns if c.personal}
    assert personal == {
        "name", "identifiers", "contact_points", "attributes", "notes", "attachments",
    }  # fmt: skip
    assert [c.name for c in codec_of(Product).columns if c.name.startswith("price")] == [
        "price_minor", "price_currency",
    ]  # fmt: skip


@given(orders())
def test_a_purchase_comes_back_as_well(order: Order):
    """Derived, never stored, yet streamed by the same codec."""
    purchase = Purchase(id=order.id, customer_id=order.customer_id, at=order.at, amount=order.total)
    codec = codec_of(Purchase)
    assert codec.decode(codec.encode(purchase)) == purchase


def test_a_decoded_aggregate_takes_commands():
    """Decoding sets slots without `__init__`; what comes back is whole all the same."""
    codec = codec_of(Customer)
    ana = codec.decode(codec.encode(Customer.person("Ana", at=AT)))

    assert ana.moved_to("active", at=AT).stage == "active"
    assert ana.renamed("Eva").name == "Eva"
    assert repr(ana)


# What ready-made converters get wrong, each in a customer or an order that is stored and read.
TRAPS: dict[str, Any] = {
    "decimals keep their digits": Order(
        customer_id=CustomerId(new_id(AT)),
        at=AT,
        total=Money("0.00", "EUR"),
        lines=[
            OrderLine(
                "SKU",
                quantity=Decimal("9007199254.740991"),
                unit_price=Decimal("0.100000"),
                amount=Money("0.00", "EUR"),
            )
        ],
    ),
    "an integer is no float, a boolean no integer": Customer.person(at=AT)
    .with_attribute("whole", 1, at=AT)
    .with_attribute("real", 1.0, at=AT)
    .with_attribute("truth", True, at=AT)
    .with_attribute("number", Decimal(1), at=AT)
    .with_attribute("text", "1", at=AT),
    "a large integer keeps its last digit": Customer.person(at=AT).with_attribute(
        "whole", 2**53 - 1, at=AT
    ),
    "a date is no instant": Customer.person(at=AT)
    .with_attribute("day", AT.date(), at=AT)
    .with_attribute("moment", AT, at=AT),
    "text that looks like another type stays text": Customer.person("2024-01-01", at=AT)
    .with_attribute("text", "12345678-1234-5678-1234-567812345678", at=AT)
    .with_attribute("money", Money("1.50", "EUR"), at=AT)
    .identified_by(Identifier("external", "null", source="[]")),
    "the ends of the range": Customer.person(at=datetime(1000, 1, 1, tzinfo=UTC))
    .taking_role(Role("first", since=datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)))
    .related_by(Relationship("of", other_id=CustomerId(new_id(AT)), since=AT, until=AT)),
    "quotes, newlines and emoji": Customer.person(
        '"\\\n\u2028👩\u200d👩\u200d👧', at=AT
    ).with_attribute("text", '{"$":"\\u0000"}', at=AT),
    "floats keep every bit": Customer.person(at=AT)
    .with_attribute("least", 5e-324, at=AT)
    .with_attribute("tenth", 0.1, at=AT)
    .with_attribute("most", 1.7976931348623157e308, at=AT),
}


@pytest.mark.parametrize("thing", TRAPS.values(), ids=TRAPS)
def test_no_converter_trap_catches_the_codec(thing: Any):
    codec = codec_of(type(thing))
    back = codec.decode(codec.encode(thing))

    assert back == thing
    for name in ("attributes", "lines"):
        for old, new in zip(getattr(thing, name, ()), getattr(back, name, ()), strict=True):
            for attribute in attrs.fields(type(old)):
                assert type(getattr(new, attribute.name)) is type(getattr(old, attribute.name))
                assert repr(getattr(new, attribute.name)) == repr(getattr(old, attribute.name))
