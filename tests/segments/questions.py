"""Questions and values from a seed: the grammar of the strategies, a thousand in a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import attrs

from crmcore.domain.fields import Field, FieldType
from crmcore.domain.money import Money
from crmcore.domain.predicates import And, Not, Or, Predicate
from crmcore.testing.contract.draws import MODEL
from crmcore.testing.strategies.language import Choices, Language

__all__ = ["NAMES", "POOLS", "TAGS", "ZONES", "questions", "shown", "within"]

T = TypeVar("T")

NAMES = ("Ana", "Ben", "José Núñez", "ÅSA O'Brien", "Łukasz Straße", "%_\\", "ana")
TAGS = ("vip", "new", "überfällig")
SEGMENT_NAMES = ("vip", "recent", "festive", "buyers", "others")
ZONES = (
    None, "Europe/Madrid", "Pacific/Kiritimati", "Etc/GMT+12", "America/Sao_Paulo", "Africa/Cairo",
    "Asia/Beirut", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "America/New_York",
)  # fmt: skip
MONEYS = tuple(Money.of_minor(n, "EUR") for n in (0, 1, 100, 101, 202))
POOLS: dict[Any, Sequence[Any]] = {
    FieldType.INTEGER: (0, 1, 2, 3, 90, -1),
    FieldType.FLOAT: (0.0, 0.5, 1.0, 0.1, -2.5),
    FieldType.DECIMAL: (Decimal(0), Decimal("0.1"), Decimal("1.000001")),
    FieldType.BOOLEAN: (True, False),
    FieldType.MONEY: MONEYS,
    FieldType.ID: (UUID("018f0000-0000-7000-8000-000000000000"),),
    FieldType.DATE: (
        date(2000, 2, 29), date(1990, 1, 1), date(1985, 3, 31), date(1970, 12, 31),
        date(2024, 2, 28), date(2018, 11, 4),
    ),
    FieldType.TEXT: ("shop", "a"),
    "name": NAMES,
    "seat": ("", "a", "A", "é", "ß"),
    "kind": ("person", "organisation"),
    "stage": ("prospect", "active", "closed"),
    "language": ("es", "ca"),
    "zone": ZONES[1:],
    "region": ("ES-MD", "Łódź"),
    "email": ("x@x.org", "ÿ@x.org"),
    "phone": ("+34600000000", "+1"),
    "tags": TAGS,
    "last_channel": ("phone", "web", "email"),
    "channel": ("phone", "web", "email"),
    "last_topic": ("billing", "delivery"),
    "topic": ("billing", "delivery"),
    "direction": ("inbound", "outbound"),
    "scorer": ("probability_alive", "lifetime_value"),
    "purpose": ("marketing", "service"),
    "basis": ("consent", "contract"),
    "source": ("shop", "till"),
    "products": ("SKU-1", "SKU-2", "é"),
    "categories": ("flights", "hotels"),
    "method": ("card", "cash"),
    "segment": SEGMENT_NAMES,
}  # fmt: skip
"""By field, else by type, what is stored and what is asked for."""


@attrs.frozen
class Drawn:
    """The choices are a random generator's; instants are those of the population."""

    random: Random
    instants: Sequence[datetime]

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.random.random() * len(options))]

    def whole(self, low: int, high: int) -> int:
        return low + int(self.random.random() * (high - low + 1))

    def value(self, known: Field) -> Any:
        if known.type is FieldType.INSTANT:
            return self.pick(self.instants)
        own = POOLS.get(known.name.rpartition(".")[2])
        return self.pick(POOLS[known.type] if own is None else own)

    def part(self, make: Callable[[Choices], Predicate]) -> Predicate:
        return make(self)


def questions(random: Random, instants: Sequence[datetime]) -> Iterator[Predicate]:
    """Predicates over the profiles of the contract's model and their facts, without end."""
    language = Language(MODEL.profile_fields, facts=True, segments=SEGMENT_NAMES)
    choices = Drawn(random, instants)
    while True:
        yield language.predicate(choices)


def within(predicate: Predicate) -> Iterator[Predicate]:
    """The parts of a predicate, the smallest last."""
    match predicate:
        case And(parts) | Or(parts):
            for part in parts:
                yield part
                yield from within(part)
        case Not(part):
            yield part
            yield from within(part)


def shown(node: object) -> str:
    """A predicate with its values, which no `repr` tells."""
    if attrs.has(type(node)) and not isinstance(node, Money):
        told = (f"{a.name}={shown(getattr(node, a.name))}" for a in attrs.fields(type(node)))  # type: ignore[arg-type]
        return f"{type(node).__name__}({', '.join(told)})"
    if isinstance(node, tuple):
        return f"({', '.join(map(shown, node))},)"
    return str(node) if isinstance(node, datetime) and node.tzinfo is UTC else repr(node)
