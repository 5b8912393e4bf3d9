"""What the first stores were told, in today's words: two tenants of one store, with everything.

`tell` tells it to any backend through the public surface. The generators beside this module hold
what the first code stored of it; `everything` reads a store back, to be compared with what was
told. Ids are written out, so that they stay those of the generators for good.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs

from crmcore import (
    AttributeType,
    AttributeValue,
    Cancellation,
    Channel,
    ContactPoint,
    Customer,
    DatedRates,
    Fold,
    Fulfilment,
    Identifier,
    IdentifierType,
    Interaction,
    Measure,
    Model,
    Money,
    Order,
    OrderLine,
    Payment,
    Product,
    Relationship,
    Return,
    Role,
    Score,
    field,
)
from crmcore.adapters.backend import Backend
from crmcore.domain.ids import CustomerId, FactId, ProductId
from crmcore.domain.instants import EARLIEST, LATEST
from crmcore.domain.journal import Entry, Operation
from crmcore.domain.names import folded_text

__all__ = [
    "AT", "HOSTILE", "MODELS", "NORTH", "SOUTH", "Opened", "customer_id", "customers", "everything",
    "fact_id", "orders", "plainly", "product_id", "tell", "told_to",
]  # fmt: skip

AT = datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
NOW = datetime(2024, 6, 1, 12, 0, 0, 1000, tzinfo=UTC)
DAY = timedelta(days=1)

NORTH, SOUTH = "north", "Süd'; --"
"""The tenants, the second by a name that wants to be SQL."""

HOSTILE = "O'Hara \\ \"%s\" :name {$where: 1} $gt ' -- \t\n\u202e𝄞 e\u0301 "
LONGEST = "𝄞" * 10_000
LARGEST = 2**53 - 1

FIRST_SOUTH = Model(currency="USD", zone="America/New_York")
MODELS: dict[str, Model] = {
    NORTH: Model(),
    SOUTH: Model(
        currency="USD",
        zone="America/New_York",
        region="us-east",
        identifier_types=[IdentifierType("badge"), IdentifierType("nickname", exclusive=False)],
        attributes=[
            AttributeType("seat", "text", personal=True),
            AttributeType("visits", "integer"),
            AttributeType("weight", "float"),
            AttributeType("share", "decimal"),
            AttributeType("insured", "boolean"),
            AttributeType("born", "date", personal=True),
            AttributeType("met_at", "instant"),
            AttributeType("deposit", "money"),
        ],
        measures=[
            Measure("largest", "purchases", Fold.MAX, "amount", indexed=True),
            Measure("calls", "interactions", Fold.COUNT, where=field("channel") == "phone"),
            Measure("last_topic", "interactions", Fold.LATEST, "topic"),
        ],
    ),
}
RATES = DatedRates({("JPY", "EUR", AT.date()): Decimal("0.0061")})


def customer_id(number: int) -> CustomerId:
    return CustomerId(UUID(f"018c0000-0000-7000-8000-{number:012x}"))


def product_id(number: int) -> ProductId:
    return ProductId(UUID(f"018c0000-0001-7000-8000-{number:012x}"))


def fact_id(number: int) -> FactId:
    return FactId(UUID(f"018c0000-0002-7000-8000-{number:012x}"))


ANA, NOBODY, HARBOUR, LONG, GONE, LATE = map(customer_id, range(1, 7))


def customers() -> list[Customer]:
    """With everything, with nothing, an organisation, the longest values, one who goes again."""
    return [
        Customer(
            id=ANA,
            kind="person",
            name="Ana Ruiz",
            at=AT,
            language="es-MX",
            zone="Europe/Madrid",
            region="es-md",
            channels=[Channel.CHAT, Channel.POST],
            identifiers=[Identifier("card", "41 00-77"), Identifier("external", "7", source="a")],
            contact_points=[
                ContactPoint("email", "Ana@Example.com", label="home"),
                ContactPoint("phone", "+34 600 000 001"),
                ContactPoint("postal", HOSTILE),
            ],
            roles=[
                Role("affiliate", since=AT, until=AT + DAY, needs=("quiet", HOSTILE), activity="x"),
                Role("affiliate", since=AT + DAY),
            ],
            relationships=[
                Relationship("employee_of", other_id=HARBOUR, since=AT),
                Relationship("member_of", other_id=NOBODY, since=EARLIEST, until=LATEST),
            ],
        ),
        Customer(id=NOBODY, kind="person", at=EARLIEST),
        Customer(
            id=HARBOUR,
            kind="organisation",
            name=HOSTILE,
            at=AT,
            region=HOSTILE,
            language="$where",
            identifiers=[Identifier("external", "7", source="b"), Identifier("external", HOSTILE)],
            contact_points=[ContactPoint("email", "ana@example.com")],
        ),
        Customer(id=LONG, kind="person", name="𝄞" * 500, at=AT, stage="closed", stage_since=LATEST),
        Customer(id=GONE, kind="person", at=AT, identifiers=[Identifier("card", "GONE")]),
    ]


def products() -> list[Product]:
    return [
        Product(id=product_id(1), sku=HOSTILE, at=AT, name="Mug", category="Kitchen",
                price=Money("12.50", "EUR")),
        Product(id=product_id(2), sku="sku-1 ", at=EARLIEST),
        Product(id=product_id(3), sku="SKU-1", at=LATEST, price=Money.of_minor(-LARGEST, "EUR")),
    ]  # fmt: skip


def orders(currency: str) -> list[Order]:
    """Everything, nothing, in yen, to be returned in part and whole, cancelled, removed."""
    line = OrderLine("SKU-1", quantity=Decimal("0.000003"), unit_price=Decimal("9999999.999999"),
                     amount=Money("30.00", currency), category=HOSTILE)  # fmt: skip
    return [
        Order(customer_id=ANA, id=fact_id(1), at=AT, total=Money("30.00", currency), lines=[line],
              channel="web", source="shop", source_key=HOSTILE),
        Order(customer_id=ANA, id=fact_id(2), at=EARLIEST, total=Money("0.00", currency)),
        Order(customer_id=ANA, id=fact_id(3), at=LATEST - DAY, total=Money("10.00", currency)),
        Order(customer_id=ANA, id=fact_id(4), at=AT + DAY, total=Money("9.99", currency)),
        Order(customer_id=ANA, id=fact_id(5), at=AT + DAY, total=Money("5.00", currency)),
        Order(customer_id=HARBOUR, id=fact_id(6), at=AT, total=Money("7.00", currency)),
        Order(customer_id=NOBODY, id=fact_id(7), at=AT, total=Money.of_minor(LARGEST, currency),
              source="shop", source_key="7 "),
        Order(customer_id=LONG, id=fact_id(8), at=AT, total=Money("1.00", currency),
              source="shop", source_key="7"),
    ]  # fmt: skip


def tell(backend: Backend, clock: Callable[[datetime], object]) -> None:
    """The whole history of one tenant, in units of work of its own; `clock` sets the time."""
    currency, south = backend.model.currency, backend.tenant == SOUTH
    clock(NOW)
    with backend.unit_of_work(actor="import", source="shop") as uow:
        uow.customers.add_many(customers())
        uow.products.add_many(products()[:2])
        uow.products.add(products()[2])
        uow.orders.add_many(orders(currency))
        if not south:
            uow.orders.add(Order(customer_id=HARBOUR, id=fact_id(9), at=AT,
                                 total=Money("1000", "JPY"), channel="shop"))  # fmt: skip
    clock(NOW + DAY)
    with backend.unit_of_work() as uow:  # neither actor nor source
        ana = uow.customers.get(ANA)
        ana = uow.customers.save(ana.moved_to("active", at=AT + DAY).renamed(HOSTILE))
        ana = uow.customers.save(
            ana.no_longer_identified_by(Identifier("card", "4100-77"))
            .identified_by(Identifier("card", "GONE-2"))
            .renamed("Ana Ruiz")
        )
        if south:
            uow.customers.save(_attributed(ana))
        uow.customers.remove(uow.customers.get(GONE))
        uow.products.save(uow.products.get(product_id(1)).priced(None))
        uow.orders.add(
            Order(customer_id=LONG, id=fact_id(10), at=AT, total=Money("2.00", currency))
        )
    if not south:
        # Half the journal has positions, half has not: nobody has asked since.
        backend.journal(limit=4)
    clock(NOW + 2 * DAY)
    with backend.unit_of_work(actor=HOSTILE) as uow:
        uow.customers.save_many(
            [uow.customers.get(id).preferring(language="eu") for id in (ANA, NOBODY)]
        )
        uow.payments.add_many(
            [
                Payment(customer_id=ANA, id=fact_id(20), order_id=fact_id(1), at=AT,
                        amount=Money("30.00", currency), method=HOSTILE, source="bank",
                        source_key="1"),
                Payment(customer_id=ANA, id=fact_id(21), order_id=fact_id(3), at=LATEST,
                        amount=Money("0.01", currency)),
            ]
        )  # fmt: skip
        uow.fulfilments.add_many(
            [
                Fulfilment(customer_id=ANA, id=fact_id(30), order_id=fact_id(1), at=AT,
                           complete=False, reference=HOSTILE, source="van", source_key=HOSTILE),
                Fulfilment(customer_id=ANA, id=fact_id(31), order_id=fact_id(1), at=AT + DAY),
            ]
        )  # fmt: skip
        uow.returns.add_many(
            [
                Return(customer_id=ANA, id=fact_id(40), order_id=fact_id(1), at=AT + DAY,
                       amount=Money("9.99", currency), reason=HOSTILE, source="desk",
                       source_key="40"),
                Return(customer_id=ANA, id=fact_id(41), order_id=fact_id(4), at=AT + DAY,
                       amount=Money("9.99", currency)),
            ]
        )  # fmt: skip
        uow.cancellations.add_many(
            [
                Cancellation(customer_id=ANA, id=fact_id(50), order_id=fact_id(5), at=AT + DAY,
                             reason=HOSTILE, source="desk", source_key="50"),
                Cancellation(customer_id=HARBOUR, id=fact_id(51), order_id=fact_id(6), at=LATEST),
            ]
        )  # fmt: skip
        uow.interactions.add_many(
            [
                Interaction(customer_id=ANA, id=fact_id(60), at=AT, channel="phone",
                            direction="outbound", topic=HOSTILE, outcome="solved",
                            subject=LONGEST, waited_seconds=0, lasted_seconds=2**31 - 1,
                            order_id=fact_id(1), source="desk", source_key="60"),
                Interaction(customer_id=ANA, id=fact_id(61), at=LATEST, channel="card"),
                Interaction(customer_id=NOBODY, id=fact_id(62), at=EARLIEST, channel="fax",
                            subject="a" * 9_999),
            ]
        )  # fmt: skip
        uow.scores.add_many(
            [
                Score(customer_id=ANA, id=fact_id(70), at=AT, scorer="lifetime_value",
                      value=0.1 + 0.2, unit="EUR", model=HOSTILE, why=HOSTILE,
                      source="scorer", source_key="70"),
                Score(customer_id=ANA, id=fact_id(71), at=AT + DAY, scorer="lifetime_value",
                      value=1.7976931348623157e308, unit="EUR"),
                Score(customer_id=HARBOUR, id=fact_id(72), at=AT, scorer="probability_alive",
                      value=2.2250738585072014e-308, unit="probability"),
                Score(customer_id=HARBOUR, id=fact_id(73), at=AT, scorer="other", value=-1e-7,
                      unit=HOSTILE[:40]),
            ]
        )  # fmt: skip
    clock(NOW + 3 * DAY)
    with backend.unit_of_work(source="desk") as uow:
        uow.orders.remove(fact_id(8))
        uow.payments.remove(fact_id(21))
        uow.fulfilments.remove(fact_id(31))
        uow.cancellations.remove(fact_id(51))
        uow.returns.remove(fact_id(41))
        uow.interactions.remove(fact_id(61))
        uow.scores.remove(fact_id(71))
        # Once more, bare, by nobody known.
        uow.payments.add(
            Payment(
                customer_id=ANA,
                id=fact_id(22),
                order_id=fact_id(3),
                at=LATEST,
                amount=Money("0.02", currency),
            )
        )
        uow.fulfilments.add(Fulfilment(customer_id=ANA, id=fact_id(32), order_id=fact_id(3), at=AT))
        uow.cancellations.add(
            Cancellation(customer_id=HARBOUR, id=fact_id(52), order_id=fact_id(6), at=LATEST)
        )
        uow.returns.add(
            Return(
                customer_id=ANA,
                id=fact_id(42),
                order_id=fact_id(3),
                at=AT,
                amount=Money("0.01", currency),
            )
        )
        uow.interactions.add(Interaction(customer_id=ANA, id=fact_id(63), at=AT, channel="fax"))
        uow.scores.add(
            Score(
                customer_id=ANA,
                id=fact_id(74),
                at=AT,
                scorer="expected_purchases",
                value=0,
                unit="purchases",
            )
        )
        uow.customers.add(Customer(id=LATE, kind="person", at=LATEST,
                                   identifiers=[Identifier("card", "GONE")]))  # fmt: skip


def _attributed(customer: Customer) -> Customer:
    values: dict[str, Any] = {
        "seat": HOSTILE, "visits": -LARGEST, "weight": -1e-7, "share": Decimal("-0.000001"),
        "insured": False, "born": date(1, 1, 1), "met_at": LATEST,
        "deposit": Money("-0.01", "USD"),
    }  # fmt: skip
    known = [AttributeValue(name, value, "form", at=AT) for name, value in values.items()]
    tags = [Identifier("badge", HOSTILE), Identifier("nickname", "Anita")]
    kept = attrs.evolve(customer, attributes=tuple(known))
    for tag in tags:
        kept = kept.identified_by(tag)
    return kept


Opened = Callable[..., Backend]
"""`open(tenant, model, clock, rates)`: one tenant of one store, as a backend."""


def told_to(open: Opened) -> None:
    """Both tenants' histories into an empty store; the south's model was another one at first."""
    now = [NOW]
    for tenant in (NORTH, SOUTH):
        given: dict[str, Any] = {"tenant": tenant, "clock": lambda: now[0], "rates": RATES}
        if tenant == SOUTH:
            open(**given, model=FIRST_SOUTH).migrate()
            now[0] = NOW + timedelta(milliseconds=1)
        backend = open(**given, model=MODELS[tenant])
        backend.migrate()
        tell(backend, lambda at: now.__setitem__(0, at))


def plainly(value: Any) -> Any:
    """A value with every field of it, those too that `==` passes over."""
    if isinstance(value, tuple | list):
        return [plainly(item) for item in value]
    if attrs.has(type(value)) and not isinstance(value, Money):
        fields = (a.name for a in attrs.fields(type(value)) if a.name != "life_cycle")
        return (type(value).__name__, {name: plainly(getattr(value, name)) for name in fields})
    if isinstance(value, dict):
        return {key: plainly(item) for key, item in value.items()}
    return value


KINDS = (
    "orders", "payments", "fulfilments", "cancellations", "returns", "interactions", "scores",
)  # fmt: skip


def _as_at_first(entry: Entry) -> Entry:
    """A row of the journal as revision 1 had it: of a removed fact it did not say whose it was."""
    removed = entry.kind in KINDS and entry.operation is Operation.REMOVED
    return attrs.evolve(entry, changes=()) if removed else entry


def everything(backend: Backend) -> dict[str, Any]:
    """All that the public surface answers about one tenant, as plain values."""
    found: dict[str, Any] = {"journal": plainly(list(map(_as_at_first, backend.journal())))}
    with backend.reading() as uow:
        people = list(uow.customers.stream())
        found["customers"] = plainly(people)
        found["products"] = plainly(list(uow.products.stream()))
        for kind in KINDS:
            told = [fact for person in people for fact in getattr(uow, kind).of(person.id)]
            found[kind] = plainly(told)
        found["histories"] = plainly(
            [uow.orders.history(o.id) for person in people for o in uow.orders.of(person.id)]
        )
        found["profiles"] = {
            profile.customer_id: dict(profile) for profile in uow.profiles.where().page()
        }
        found["search"] = {
            text: list(uow.profiles.search(text).ids()) for text in ("ana", "ru", "a r", "rui an")
        }
        # The whole folded, and what is left of a value from its second character on.
        parts = [
            (known.name, str(profile[known.name]))
            for profile in uow.profiles.where().page()
            for known in backend.model.profile_fields.values()
            if known.folds and profile[known.name] and folded_text(profile[known.name])[1:].strip()
        ]
        found["parts of texts"] = {
            (name, text): [
                list(uow.profiles.where(asked).ids())
                for asked in (
                    field(name).starts_with(text),
                    field(name).contains(folded_text(text)[1:]),
                    ~field(name).contains(text.upper()),
                )
            ]
            for name, text in parts
        }
        # Without positions, which not every store has given by then.
        found["history"] = {
            id: plainly([attrs.evolve(e, position=None) for e in uow.customers.history(id)])
            for id in (ANA, NOBODY, GONE)
        }
        keys = {key for person in people for key in person.keys}
        found["holders"] = {
            (key.type, key.value, key.source): [
                holder.id
                for holder in uow.customers.find_all_by_identifier(
                    key.type, key.value, source=key.source
                )
            ]
            for key in keys
        }
        found["skus"] = [
            None if (p := uow.products.find_by_sku(sku)) is None else p.id
            for sku in (HOSTILE, "sku-1", "sku-1 ", "SKU-1", "Sku-1")
        ]
    for kind in (*KINDS, "purchases", "profiles"):
        rows = [
            row for batch in backend.columns(kind, personal=True)
            for row in zip(*(batch[name] for name in batch), strict=True)
        ]  # fmt: skip
        # JSON as what it says: not every store spells a boolean alike.
        found[f"columns of {kind}"] = [
            [json.loads(v) if isinstance(v, str) and v.startswith('{"') else v for v in row]
            for row in sorted(rows, key=repr)
        ]
    return found
