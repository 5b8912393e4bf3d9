"""Valid objects for tests, with a default for everything that a test does not name.

    ana = a_customer("Ana Ruiz", emails=["ana@example.com"])
    order = an_order(ana, "120.00", at=monday)
    uow.returns.add(a_return(order, "20.00"))

The same call gives the same object, its id included; another name, instant, source key or number
(`nth=2`) gives another one. They need neither pytest nor hypothesis.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from uuid import UUID

import attrs

from crmcore.domain.attributes import AttributeValue, Scalar
from crmcore.domain.consent import Consent, LegalBasis
from crmcore.domain.contact_points import Channel
from crmcore.domain.customer import Customer, CustomerKind
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, FactId, OrderId, ProductId, SegmentId
from crmcore.domain.instants import to_millis
from crmcore.domain.interaction import Direction, Interaction
from crmcore.domain.life_cycle import DEFAULT_LIFE_CYCLE, LifeCycle
from crmcore.domain.money import Money
from crmcore.domain.order import Order, OrderLine
from crmcore.domain.order_facts import Cancellation, Fulfilment, Payment, Return
from crmcore.domain.predicates import Predicate
from crmcore.domain.product import Product
from crmcore.domain.score import Score
from crmcore.domain.segment import Segment, SegmentChange

__all__ = [
    "AT", "a_cancellation", "a_consent", "a_customer", "a_fulfilment", "a_line", "a_payment",
    "a_product", "a_return", "a_score", "a_segment", "a_segment_change", "an_interaction",
    "an_order", "an_organisation", "id_of", "made_id", "money_of",
]  # fmt: skip

AT = datetime(2024, 5, 17, 10, 30, tzinfo=UTC)
"""When everything happens that is not told when."""

HOUR = timedelta(hours=1)


def made_id(at: datetime, *told_apart_by: object) -> UUID:
    """A UUIDv7 for `at` whose random part is a digest."""
    digest = blake2b(repr(told_apart_by).encode(), digest_size=10).digest()
    tail = int.from_bytes(digest, "big")
    high = (max(0, to_millis(at)) << 16) | 0x7000 | (tail >> 68)
    return UUID(int=(high << 64) | 0x8000000000000000 | (tail & 0x3FFFFFFFFFFFFFFF))


def id_of(customer: Customer | CustomerId) -> CustomerId:
    """The id of a customer, who may be given by it."""
    return customer.id if isinstance(customer, Customer) else customer


def money_of(amount: Money | str, currency: str) -> Money:
    """Money, which may be given by its amount."""
    return amount if isinstance(amount, Money) else Money(amount, currency)


def a_customer(
    name: str | None = "Ana Ruiz",
    *,
    kind: CustomerKind = CustomerKind.PERSON,
    at: datetime = AT,
    emails: Iterable[str] = (),
    phones: Iterable[str] = (),
    identifiers: Iterable[Identifier] = (),
    language: str | None = "es",
    zone: str | None = None,
    region: str | None = None,
    stage: str | None = None,
    attributes: Mapping[str, Scalar] | None = None,
    tags: Iterable[str] = (),
    life_cycle: LifeCycle = DEFAULT_LIFE_CYCLE,
    id: CustomerId | None = None,
    nth: int = 1,
) -> Customer:
    """A person, new to us; `stage` puts them there at once, `attributes` are known since `at`."""
    make = Customer.person if kind is CustomerKind.PERSON else Customer.organisation
    customer = make(
        name, at=at, emails=emails, phones=phones, identifiers=identifiers, language=language,
        zone=zone, region=region, life_cycle=life_cycle,
    )  # fmt: skip
    return attrs.evolve(
        customer,
        id=id or CustomerId(made_id(at, "customer", kind.value, name, nth)),
        stage=stage or customer.stage,
        attributes=tuple(AttributeValue(n, v, at=at) for n, v in (attributes or {}).items()),
        tags=tuple(tags),
    )


def an_organisation(
    name: str | None = "Harbour Hotels",
    *,
    at: datetime = AT,
    emails: Iterable[str] = (),
    phones: Iterable[str] = (),
    identifiers: Iterable[Identifier] = (),
    nth: int = 1,
) -> Customer:
    """A company, new to us."""
    return a_customer(
        name, kind=CustomerKind.ORGANISATION, at=at, emails=emails, phones=phones,
        identifiers=identifiers, language=None, nth=nth,
    )  # fmt: skip


def a_product(
    sku: str = "SKU-1",
    *,
    at: datetime = AT,
    name: str | None = "Blue mug",
    category: str | None = None,
    price: Money | str | None = "12.50",
    currency: str = "EUR",
    id: ProductId | None = None,
) -> Product:
    """A product, told apart by its SKU."""
    return Product(
        sku=sku, at=at, name=name, category=category,
        id=id or ProductId(made_id(at, "product", sku)),
        price=None if price is None else money_of(price, currency),
    )  # fmt: skip


def a_segment(
    name: str = "regulars",
    predicate: Predicate | None = None,
    *,
    owner: str | None = "ines",
    description: str | None = None,
    at: datetime = AT,
    id: SegmentId | None = None,
) -> Segment:
    """A segment, told apart by its name; static without a predicate."""
    return Segment(
        name=name, predicate=predicate, owner=owner, description=description, at=at,
        id=id or SegmentId(made_id(at, "segment", name)),
    )  # fmt: skip


def a_line(
    product: str = "SKU-1",
    quantity: int | str | Decimal = 1,
    unit_price: str | Decimal = "12.50",
    *,
    currency: str = "EUR",
    category: str | None = None,
) -> OrderLine:
    """A line of an order."""
    return OrderLine.of(product, quantity, unit_price, currency, category=category)


def an_order(
    customer: Customer | CustomerId,
    total: Money | str = "120.00",
    *,
    currency: str = "EUR",
    lines: Iterable[OrderLine] | None = None,
    at: datetime = AT,
    channel: Channel | str | None = None,
    source: str | None = None,
    source_key: str | None = None,
    id: OrderId | None = None,
    nth: int = 1,
) -> Order:
    """An order of this total, with one line that makes it unless `lines` are given."""
    total, who = money_of(total, currency), id_of(customer)
    if lines is None:
        lines = [a_line(unit_price=total.amount, currency=total.currency)]
    made_for = (who, total, source, source_key, nth)
    return Order(
        customer_id=who, total=total, lines=tuple(lines), at=at, source=source,
        channel=None if channel is None else Channel(channel), source_key=source_key,
        id=id or FactId(made_id(at, "order", *made_for)),
    )  # fmt: skip


def a_payment(
    order: Order,
    amount: Money | str | None = None,
    *,
    at: datetime | None = None,
    method: str | None = "card",
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> Payment:
    """A payment of the whole order, an hour later."""
    paid = order.total if amount is None else money_of(amount, order.total.currency)
    at = at or order.at + HOUR
    return Payment(
        customer_id=order.customer_id, order_id=order.id, amount=paid, at=at, method=method,
        source=source, source_key=source_key,
        id=id or FactId(made_id(at, "payment", order.id, paid, source, source_key, nth)),
    )  # fmt: skip


def a_fulfilment(
    order: Order,
    *,
    complete: bool = True,
    at: datetime | None = None,
    reference: str | None = None,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> Fulfilment:
    """The order delivered, an hour later."""
    at = at or order.at + HOUR
    return Fulfilment(
        customer_id=order.customer_id, order_id=order.id, complete=complete, at=at,
        reference=reference, source=source, source_key=source_key,
        id=id or FactId(made_id(at, "fulfilment", order.id, complete, source, source_key, nth)),
    )  # fmt: skip


def a_cancellation(
    order: Order,
    *,
    at: datetime | None = None,
    reason: str | None = None,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> Cancellation:
    """The order called off, an hour later."""
    at = at or order.at + HOUR
    return Cancellation(
        customer_id=order.customer_id, order_id=order.id, reason=reason, at=at, source=source,
        source_key=source_key,
        id=id or FactId(made_id(at, "cancellation", order.id, source, source_key, nth)),
    )  # fmt: skip


def a_return(
    order: Order,
    amount: Money | str | None = None,
    *,
    at: datetime | None = None,
    reason: str | None = None,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> Return:
    """The whole order back, or so much of it, an hour later."""
    credited = order.total if amount is None else money_of(amount, order.total.currency)
    at = at or order.at + HOUR
    return Return(
        customer_id=order.customer_id, order_id=order.id, amount=credited, at=at, reason=reason,
        source=source, source_key=source_key,
        id=id or FactId(made_id(at, "return", order.id, credited, source, source_key, nth)),
    )  # fmt: skip


def an_interaction(
    customer: Customer | CustomerId,
    channel: Channel | str = Channel.PHONE,
    *,
    at: datetime = AT,
    direction: Direction | str = Direction.INBOUND,
    topic: str | None = None,
    outcome: str | None = None,
    subject: str | None = None,
    waited_seconds: int | None = None,
    lasted_seconds: int | None = None,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> Interaction:
    """An inbound call."""
    who, channel = id_of(customer), Channel(channel)
    return Interaction(
        customer_id=who, channel=channel, at=at, direction=Direction(direction), topic=topic,
        outcome=outcome, subject=subject, waited_seconds=waited_seconds,
        lasted_seconds=lasted_seconds, source=source, source_key=source_key,
        id=id or FactId(made_id(at, "interaction", who, channel.value, source, source_key, nth)),
    )  # fmt: skip


def a_consent(
    customer: Customer | CustomerId,
    purpose: str | None = "marketing",
    channel: Channel | str | None = None,
    *,
    given: bool = True,
    basis: LegalBasis | str = LegalBasis.CONSENT,
    at: datetime = AT,
    until: datetime | None = None,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> Consent:
    """An opt-in to marketing over every channel; `given=False` makes it an opt-out."""
    who, over = id_of(customer), None if channel is None else Channel(channel)
    made_for = (who, purpose, over and over.value, given, source, source_key, nth)
    return Consent(
        customer_id=who, purpose=purpose, channel=over, given=given, basis=LegalBasis(basis),
        at=at, until=until, source=source, source_key=source_key,
        id=id or FactId(made_id(at, "consent", *made_for)),
    )  # fmt: skip


def a_score(
    customer: Customer | CustomerId,
    value: float = 0.5,
    *,
    scorer: str = "probability_alive",
    unit: str = "probability",
    at: datetime = AT,
    model: str | None = None,
    why: str | None = None,
    low: float | None = None,
    high: float | None = None,
    scorer_version: str | None = None,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> Score:
    """What a model says of the customer."""
    who = id_of(customer)
    return Score(
        customer_id=who, scorer=scorer, value=value, unit=unit, at=at, model=model, why=why,
        low=low, high=high, scorer_version=scorer_version, source=source, source_key=source_key,
        id=id or FactId(made_id(at, "score", who, scorer, value, source, source_key, nth)),
    )  # fmt: skip


def a_segment_change(
    customer: Customer | CustomerId,
    segment: str = "regulars",
    *,
    entered: bool = True,
    segment_version: int | None = 1,
    at: datetime = AT,
    source: str | None = None,
    source_key: str | None = None,
    id: FactId | None = None,
    nth: int = 1,
) -> SegmentChange:
    """The customer enters a segment; `entered=False` makes them leave it."""
    who = id_of(customer)
    return SegmentChange(
        customer_id=who, segment=segment, entered=entered, segment_version=segment_version, at=at,
        source=source, source_key=source_key,
        id=id or FactId(made_id(at, "change", who, segment, entered, source, source_key, nth)),
    )  # fmt: skip
