"""A population as the library has it and as the oracle does, and who answers about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any

import attrs

from crmcore.adapters.backend import Backend
from crmcore.adapters.columns import FrameLibrary
from crmcore.domain.expressions import facts, field
from crmcore.domain.fact_repositories import counted
from crmcore.domain.fact_terms import fact_values, term_field
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.matching import matcher
from crmcore.domain.money import Money
from crmcore.domain.predicates import FactTerm, Predicate, terms
from crmcore.domain.profile import Profile
from crmcore.testing.contract.draws import MODEL
from crmcore.testing.contract.plain import facts_told, plain_profile
from crmcore.testing.local_days import zone_of
from crmcore.testing.meanings import meaning
from tests.segments.engines import Engine, Ids, Store, frames_of
from tests.segments.populations import ASKED, BY_HAND, MS, SEGMENTS, fill

__all__ = ["Population", "population"]


@attrs.frozen(eq=False)
class Population:
    """Customers with facts: as the library has them, and as the oracle does."""

    engine: Engine
    at: datetime
    definitions: dict[str, Predicate]
    instants: list[datetime]
    profiles: dict[CustomerId, Profile]
    facts: dict[str, list[Any]]
    told: dict[CustomerId, dict[str, list[dict[str, Any]]]]
    rows: dict[CustomerId, dict[str, Any]]

    @property
    def everybody(self) -> Ids:
        """All of them."""
        return frozenset(self.rows)

    def by_oracle(self, predicate: Predicate) -> Ids:
        """For whom it holds as the oracle reads it."""
        holds = meaning(predicate, at=self.at, zone=MODEL.zone, definition=self._as_of)
        return frozenset(
            id
            for id, row in self.rows.items()
            if holds(row, self.told[id], zone_of(row["zone"], MODEL.zone))
        )

    def _as_of(self, name: str) -> Predicate:
        """What a segment is defined by; who was put in by hand is as of the instant of asking."""
        if name != BY_HAND:
            return SEGMENTS[name]
        changes = facts("segment_changes").where(field("segment") == name)
        return changes.between(None, self.at + MS).latest("entered").is_in(True)

    def by_python(self, predicate: Predicate) -> Ids:
        """For whom the domain's own definition holds, resolved, on profiles and facts."""
        asked = MODEL.checked(predicate)
        fixed = MODEL.resolved(asked, at=self.at, definition=self.definitions.__getitem__)
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
def population(
    backend: Backend, random: Random, many: int, library: FrameLibrary | None = None
) -> Iterator[Population]:
    """A population of that size in an empty tenant; frames are asked in its place if a library is
    given.
    """
    at = random.choice(ASKED)
    with backend.unit_of_work(source="shop") as uow:
        instants = fill(uow, random, many, at)
    with backend.reading() as uow:
        profiles = dict(uow.profiles.get_many(list(uow.profiles.where().ids())))
        facts = {of: list(counted(uow.reads, of, list(profiles))) for of in MEASURABLE}
        rows = {id: plain_profile(profile) for id, profile in profiles.items()}
        told, known = (
            facts_told(uow),
            {name: uow.segment_definition(name, at=at) for name in SEGMENTS},
        )
        engine: Engine = Store(uow, at)
        if library is not None:
            prepared = random.random() < 0.5
            engine = frames_of(backend, library, prepared=prepared, at=at, uow=uow)
        yield Population(engine, at, known, instants, profiles, facts, told, rows)
