"""One predicate asked of one population in every way there is, and the answers compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from random import Random
from typing import Any

import attrs

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fact_repositories import counted
from crmcore.domain.fact_terms import fact_values, term_field
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.matching import matcher
from crmcore.domain.money import Money
from crmcore.domain.predicates import FactTerm, Predicate, terms
from crmcore.domain.profile import Profile
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.contract.draws import MODEL
from crmcore.testing.contract.plain import facts_told, plain_profile
from crmcore.testing.local_days import zone_of
from crmcore.testing.meanings import meaning
from tests.segments.populations import ASKED, fill
from tests.segments.questions import questions, shown, within

__all__ = ["Plant", "Population", "Tally", "compare", "population"]

Ids = frozenset[CustomerId]
Plant = Callable[[Predicate], Predicate]
"""A mistake: what is asked of the library instead of the predicate."""


@attrs.define
class Tally:
    """What came out of many pairs of a predicate and a population."""

    pairs: int = 0
    nobody: int = 0
    everybody: int = 0
    laws: int = 0
    findings: list[str] = attrs.field(factory=list)

    def __str__(self) -> str:
        told = self.pairs - self.nobody - self.everybody
        return (
            f"{self.pairs:,} pairs, {len(self.findings)} differences, {self.laws:,} laws held; "
            f"{self.nobody:,} selected nobody, {self.everybody:,} everybody, "
            f"{told / max(1, self.pairs):.0%} some"
        )


@attrs.frozen(eq=False)
class Population:
    """Customers with facts: as the library has them, and as the oracle does."""

    uow: UnitOfWork
    at: datetime
    instants: list[datetime]
    profiles: dict[CustomerId, Profile]
    facts: dict[str, list[Any]]
    told: dict[CustomerId, dict[str, list[dict[str, Any]]]]
    rows: dict[CustomerId, dict[str, Any]]

    @property
    def everybody(self) -> Ids:
        """All of them."""
        return frozenset(self.rows)

    def by_engine(self, predicate: Predicate) -> Ids:
        """What the engine selects."""
        return frozenset(self.uow.profiles.where(predicate, at=self.at).ids())

    def by_oracle(self, predicate: Predicate) -> Ids:
        """For whom it holds as the oracle reads it."""
        holds = meaning(predicate, at=self.at, zone=MODEL.zone)
        return frozenset(
            id
            for id, row in self.rows.items()
            if holds(row, self.told[id], zone_of(row["zone"], MODEL.zone))
        )

    def by_python(self, predicate: Predicate) -> Ids:
        """For whom the domain's own definition holds, resolved, on profiles and facts."""
        asked = MODEL.checked(predicate)
        fixed = MODEL.resolved(asked, at=self.at, definition=lambda name: asked)
        holds = matcher(fixed)
        folded = {t: self._folded(t) for t in set(terms(fixed)) if isinstance(t, FactTerm)}

        def look_up(id: CustomerId, profile: Profile) -> Callable[[Any], Any]:
            return lambda term: profile[term] if isinstance(term, str) else folded[term](id)

        return frozenset(id for id, one in self.profiles.items() if holds(look_up(id, one)))

    def _folded(self, term: FactTerm) -> Callable[[CustomerId], Any]:
        known = term_field(term)
        found: dict[CustomerId, Any] = fact_values(term, self.facts[term.of])
        none: Any = None if known.optional else 0
        if known.type is FieldType.MONEY:
            none = None if none is None else Money.of_minor(0, MODEL.currency)
            found = {id: Money.of_minor(n, MODEL.currency) for id, n in found.items()}
        return lambda id: found.get(id, none)


@contextmanager
def population(backend: Backend, random: Random, many: int) -> Iterator[Population]:
    """A population of that size in an empty tenant."""
    at = random.choice(ASKED)
    with backend.unit_of_work(source="shop") as uow:
        instants = fill(uow, random, many, at)
    with backend.reading() as uow:
        profiles = dict(uow.profiles.get_many(list(uow.profiles.where().ids())))
        facts = {of: list(counted(uow.reads, of, list(profiles))) for of in MEASURABLE}
        rows = {id: plain_profile(profile) for id, profile in profiles.items()}
        yield Population(uow, at, instants, profiles, facts, facts_told(uow), rows)


def compare(
    people: Population, random: Random, many: int, tally: Tally, *, plant: Plant | None = None
) -> None:
    """Ask so many predicates; differences are told with the smallest part that differs."""
    asked = islice(questions(random, people.instants), many)
    before: Asked | None = None
    for predicate in asked:
        tally.pairs += 1
        expected = people.by_oracle(predicate)
        tally.nobody += not expected
        tally.everybody += expected == people.everybody
        changed = predicate if plant is None else plant(predicate)
        ways = _differing(people, changed, expected)
        ways += _broken(people, Asked(predicate, expected), before, tally, plant)
        if ways:
            tally.findings.append(_told(people, predicate, ways, plant))
        before = Asked(predicate, expected)


def _differing(people: Population, asked: Predicate, expected: Ids) -> list[str]:
    """By which ways another answer is given."""
    found = []
    for name, way in (("python", people.by_python), ("engine", people.by_engine)):
        try:
            answer = way(asked)
        except InvalidInput as error:
            found.append(f"{name}: {error}")
            continue
        if answer != expected:
            more, fewer = len(answer - expected), len(expected - answer)
            found.append(f"{name}: {more} too many, {fewer} too few")
    return found


@attrs.frozen
class Asked:
    """A predicate and for whom it holds."""

    predicate: Predicate
    ids: Ids


def _broken(
    people: Population, asked: Asked, before: Asked | None, tally: Tally, plant: Plant | None
) -> list[str]:
    """Laws that do not hold: complement, De Morgan with the predicate before, and the count."""
    everybody, p = people.everybody, asked.predicate
    laws: dict[str, tuple[Predicate, Ids]] = {}
    if tally.pairs % 2 == 0:
        laws["~p"] = ~p, everybody - asked.ids
    if before is not None and tally.pairs % 8 == 0:
        q, both = before.predicate, asked.ids & before.ids
        laws["p & q"] = p & q, both
        laws["~(p & q)"] = ~(p & q), everybody - both
        laws["~p | ~q"] = ~p | ~q, everybody - both
    plant = plant or (lambda predicate: predicate)
    found = [law for law, (q, ids) in laws.items() if people.by_engine(plant(q)) != ids]
    if tally.pairs % 8 == 4:
        laws["count"] = p, asked.ids
        if people.uow.profiles.where(plant(p), at=people.at).count() != len(asked.ids):
            found.append("count")
    tally.laws += len(laws)
    return [f"engine: the law of {law}" for law in found]


def _told(people: Population, predicate: Predicate, ways: list[str], plant: Plant | None) -> str:
    smallest = predicate
    for part in within(predicate):
        asked = part if plant is None else plant(part)
        if found := _differing(people, asked, people.by_oracle(part)):
            smallest, ways = part, found
    return f"asked at {people.at}: {shown(smallest)}: {'; '.join(ways)}"
