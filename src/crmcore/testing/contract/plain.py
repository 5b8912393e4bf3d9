"""Customers and facts as the oracle writes them: plain mappings, money as minor units."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

import attrs

from crmcore.domain.customer import Customer
from crmcore.domain.facts import Fact
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import FACTS
from crmcore.domain.money import Money
from crmcore.domain.profile import Profile
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.contract.draws import MODEL
from crmcore.testing.oracle import KINDS, told

__all__ = ["bare", "facts_told", "plain", "plain_fact", "plain_profile"]


def bare(value: Any) -> Any:
    """A value as the oracle writes it."""
    if isinstance(value, Enum):
        return value.value
    return value.minor if isinstance(value, Money) else value


def plain(customer: Customer) -> dict[str, Any]:
    """A customer as the oracle writes it."""
    addresses = [point.value for point in customer.contact_points]
    cards = [identifier.value for identifier in customer.identifiers]
    keys = {("email", value): False for value in addresses}
    known = {a.name: None for a in MODEL.attributes}
    return {
        "id": customer.id,
        "version": customer.version,
        "kind": customer.kind.value,
        "name": customer.name,
        "stage": customer.stage,
        "stage_since": customer.stage_since,
        "known_since": customer.at,
        "language": customer.language,
        "zone": customer.zone,
        "region": customer.region,
        "email": next(iter(addresses), None),
        "phone": None,
        "tags": customer.tags,
        "keys": keys | {("card", value): True for value in cards},
        "attributes": known | {a.name: bare(a.value) for a in customer.attributes},
    }


def plain_fact(fact: Fact, recorded_at: datetime) -> dict[str, Any]:
    """A fact as the oracle writes it."""
    found = {a.name: bare(getattr(fact, a.name)) for a in attrs.fields(type(fact))}
    del found["recorded_at"]
    found.pop("base_amount", None)
    if "lines" in found:
        found["lines"] = tuple((line.product, line.category) for line in found["lines"])
    if fact.money is not None:
        found.pop("total", None)
        found |= {"amount": fact.money.minor, "currency": fact.money.currency}
    source = fact.source if fact.source is not None else "shop"
    return found | {"source": source, "recorded_at": recorded_at}


def plain_profile(profile: Profile) -> dict[str, Any]:
    """A profile as the oracle writes it."""
    return {name: bare(value) for name, value in profile.items()}


def facts_told(uow: UnitOfWork) -> dict[CustomerId, dict[str, list[dict[str, Any]]]]:
    """By customer, what a store holds of facts, as the oracle asks about them."""
    everybody = list(uow.profiles.where().ids())
    stored = {id: {kind: list[dict[str, Any]]() for kind in KINDS} for id in everybody}
    for kind in FACTS:
        for fact in uow.reads.facts(kind, customers=everybody):
            if kind.name in KINDS:
                stored[fact.customer_id][kind.name].append(_stored(fact))
    return {id: told(facts) for id, facts in stored.items()}


def _stored(fact: Fact) -> dict[str, Any]:
    assert fact.recorded_at is not None
    base = getattr(fact, "base_amount", None)
    more = {} if base is None else {"base": base.minor}
    return plain_fact(fact, fact.recorded_at) | {"source": fact.source} | more
