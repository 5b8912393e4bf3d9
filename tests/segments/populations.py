"""Customers and facts from a seed, many of them one millisecond before or at a bound."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import attrs

from crmcore.domain.consent import Consent
from crmcore.domain.contact_points import ContactKind, ContactPoint
from crmcore.domain.customer import Customer
from crmcore.domain.expressions import ago, facts, field, from_now, in_segment, start_of
from crmcore.domain.ids import CustomerId
from crmcore.domain.money import Money
from crmcore.domain.predicates import Predicate
from crmcore.domain.relative import Period
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    a_cancellation,
    a_customer,
    a_fulfilment,
    a_line,
    a_payment,
    a_return,
    a_score,
    a_segment,
    an_interaction,
    an_order,
)
from crmcore.testing.contract.draws import MODEL
from crmcore.testing.local_days import moment_meant
from tests.segments.questions import NAMES, POOLS, TAGS, ZONES

__all__ = ["ASKED", "SEGMENTS", "bounds_of", "fill"]

ASKED = tuple(
    datetime.fromisoformat(text).replace(tzinfo=UTC)
    for text in (
        "2024-02-29T10:30", "2018-11-04T12:00", "2018-02-17T12:00", "2011-12-30T12:00",
        "2024-03-31T12:00", "2024-04-26T08:00", "2024-10-27T00:30", "2023-12-31T10:00",
        "2024-04-07T00:00", "2025-03-31T23:30",
    )
)  # fmt: skip
"""When it is asked: leap days, ends of months and years, days on which clocks are changed."""

BY_HAND = "vip"
LAST = facts("segment_changes").where(field("segment") == BY_HAND).latest("entered")
SEGMENTS: dict[str, Predicate] = {
    "recent": (field("last_purchase_at") >= ago(days=30)) | field("vip").is_in(True),
    "festive": field("born").has_birthday(within=60, zone="customer"),
    "buyers": facts("purchases").within(months=6).count() >= 1,
    "others": ~in_segment(BY_HAND) & ~in_segment("recent"),
    BY_HAND: LAST.is_in(True),
}
"""What those in a segment have in common; one of them is put together by hand."""
DYNAMIC = ("recent", "festive", "buyers", "others")

MS = timedelta(milliseconds=1)
BOUNDS = (
    *(start_of(period, shift=shift) for period in Period for shift in (-1, 0, 1)),
    *(ago(hours=n) for n in (0, 1, 24, 36)),
    *(ago(days=n) for n in (1, 2, 7, 30, 90)),
    *(ago(months=n) for n in (1, 3, 6, 12)), ago(weeks=2), ago(years=2),
    from_now(days=1), from_now(hours=1), from_now(months=1),
)  # fmt: skip


def bounds_of(at: datetime, zone: str) -> list[datetime]:
    """Instants at which questions asked at `at` by who lives there change their answer."""
    return [moment_meant(bound, at, zone) for bound in BOUNDS]


def fill(uow: UnitOfWork, random: Random, many: int, at: datetime) -> list[datetime]:
    """So many customers with facts; answer the instants at which something of theirs is."""
    everybody = [_somebody(random, n, at) for n in range(many)]
    uow.customers.add_many(everybody)
    told: dict[str, list[Any]] = {
        name: [] for name in (
            "orders", "interactions", "scores", "consents", "payments", "fulfilments",
            "cancellations", "returns",
        )
    }  # fmt: skip
    instants = []
    for who in everybody:
        ats = [
            bound - random.choice((timedelta(), MS))
            for bound in random.choices(bounds_of(at, who.zone or MODEL.zone), k=8)
        ]
        instants.append(ats[0])
        if random.random() < 0.85:
            _live(random, who, ats, told)
    for name, some in told.items():
        getattr(uow, name).add_many(some)
    _divide(uow, random, [who.id for who in everybody], instants)
    return instants


def _divide(
    uow: UnitOfWork, random: Random, ids: Sequence[CustomerId], instants: Sequence[datetime]
) -> None:
    """The segments: some come and go, some stay, some come again."""
    uow.segments.add(a_segment(BY_HAND))
    uow.segments.add_many(a_segment(name, SEGMENTS[name]) for name in DYNAMIC)
    for put in (uow.segments.enter, uow.segments.leave, uow.segments.enter):
        for _ in range(2):
            put(BY_HAND, random.sample(ids, len(ids) // 4), at=random.choice(instants))
    uow.segments.refresh("recent", at=random.choice(instants))


def _of(random: Random, pool: Sequence[Any] | str) -> Any:
    return random.choice(POOLS[pool] if isinstance(pool, str) else pool)


def _somebody(random: Random, n: int, at: datetime) -> Customer:
    zone = random.choice(ZONES)
    known: dict[str, Any] = {}
    for attribute in MODEL.attributes:
        if random.random() < 0.6:
            pool = POOLS.get(attribute.name) or POOLS.get(attribute.type)
            known[attribute.name] = (
                random.choice(bounds_of(at, zone or MODEL.zone)) - random.choice((timedelta(), MS))
                if pool is None
                else random.choice(pool)
            )
    one = a_customer(
        random.choice((*NAMES, None)), nth=n, zone=zone, attributes=known,
        at=random.choice(bounds_of(at, zone or MODEL.zone)),
        language=random.choice((None, "es", "ca")), region=random.choice((None, "ES-MD", "Łódź")),
        tags=random.sample(TAGS, random.randint(0, 2)), stage=random.choice(("prospect", "active")),
    )  # fmt: skip
    if random.random() < 0.3:
        points = (ContactPoint(ContactKind.EMAIL, _of(random, "email")),)
        return attrs.evolve(one, contact_points=points)
    return one


def _live(
    random: Random, who: Customer, ats: Sequence[datetime], told: dict[str, list[Any]]
) -> None:
    for n in range(random.randint(0, 3)):
        told["interactions"].append(an_interaction(
            who, _of(random, "channel"), at=random.choice(ats), nth=n,
            direction=_of(random, "direction"), topic=random.choice((None, "billing", "delivery")),
            waited_seconds=random.choice((None, 0, 1, 90)), source=random.choice((None, "till")),
        ))  # fmt: skip
    for n in range(random.randint(0, 2)):
        told["scores"].append(a_score(
            who, random.choice((0.0, 0.5, 1.0)), scorer=_of(random, "scorer"),
            at=random.choice(ats), nth=n,
        ))  # fmt: skip
        told["consents"].append(Consent(
            customer_id=who.id, purpose=random.choice((None, "marketing")),
            channel=random.choice((None, "email")), given=random.random() < 0.5,
            at=random.choice(ats), basis=_of(random, "basis"),
        ))  # fmt: skip
    for n in range(random.randint(0, 4)):
        _buy(random, who, random.choice(ats), n, told)


def _buy(random: Random, who: Customer, at: datetime, n: int, told: dict[str, list[Any]]) -> None:
    total = random.choice(MONEY)
    lines = [
        a_line(product, unit_price="0.01", category=random.choice((None, "flights", "hotels")))
        for product in random.sample(("SKU-1", "SKU-2", "é"), random.randint(0, 2))
    ]
    channel = random.choice((None, "web", "phone"))
    order = an_order(who, total, at=at, nth=n, channel=channel, lines=lines)
    told["orders"].append(order)
    if not total.minor:
        return
    later = at + random.choice((timedelta(), MS, timedelta(days=1)))
    match random.randint(0, 5):
        case 0:
            told["cancellations"].append(a_cancellation(order, at=later))
        case 1:
            told["returns"].append(a_return(order, at=later))
        case 2:
            told["returns"].append(a_return(order, Money.of_minor(1, "EUR"), at=later))
        case 3:
            told["payments"].append(a_payment(order, at=later, method=_of(random, "method")))
        case 4:
            told["fulfilments"].append(a_fulfilment(order, at=later, complete=n % 2 == 0))


MONEY = tuple(Money.of_minor(n, "EUR") for n in (0, 1, 100, 101))
