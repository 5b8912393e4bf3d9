"""What a store knew at an instant: all that the sections of the report are made of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

import attrs
import numpy as np

from crmcore.analytics.checks import BoolArray, IntArray
from crmcore.domain.collecting import uncollected
from crmcore.domain.customer import Customer
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import to_millis, zone_named
from crmcore.domain.model import Model
from crmcore.domain.ports import Backend
from crmcore.report.customers import NEVER, SCORERS, Customers
from crmcore.report.loyalty import Loyalty
from crmcore.report.periods import months_of
from crmcore.report.purchases import Purchases, local_days_of
from crmcore.report.scores import Basis, Scores
from crmcore.report.stages import Stages

__all__ = ["Snapshot"]

MILLISECOND = timedelta(milliseconds=1)


@attrs.frozen(kw_only=True, eq=False, slots=False)
class Snapshot:
    """Customers, purchases, stages, scores and loyalty programmes before the instant `at`.

    `known` marks, among all rows of `customers`, who was known by then: recorded as such, or had
    bought. `since` is the local day since which; `today` the local day on which `at` falls.
    """

    model: Model
    at: datetime
    customers: Customers
    purchases: Purchases
    stages: Stages
    scores: Scores
    loyalty: tuple[Loyalty, ...]
    known: BoolArray
    since: IntArray
    moved: IntArray
    today: int
    bases: dict[str, Basis]

    @classmethod
    def taken(cls, backend: Backend, *, at: datetime) -> Snapshot:
        """Read once through profiles, purchases, journal and, where needed, scores; where the
        model has programmes, through memberships and their facts too.
        """
        with uncollected:
            customers = Customers.read(backend)
            places = customers.places()
            purchases = Purchases.read(backend, places, before=at)
            stages = Stages.read(backend, customers, places, before=at)
            scores = Scores.read(backend, customers, places, before=at)
            loyalty = Loyalty.read(backend, before=at)
        known = (customers.known_since < to_millis(at)) | purchases.bought
        zone = backend.model.zone
        since = np.minimum(local_days_of(customers.known_since, zone), purchases.first)
        with backend.reading() as unit:
            found = {name: scores.basis(unit, customers, name, before=at) for name in SCORERS}
        local = (at - MILLISECOND).astimezone(zone_named(zone))
        return cls(
            model=backend.model, at=at, customers=customers, purchases=purchases, stages=stages,
            scores=scores, loyalty=loyalty, known=known, since=since,
            moved=months_of(local_days_of(stages.moved_at, zone)),
            today=int(np.datetime64(local.date(), "D").astype(np.int64)),
            bases={name: basis for name, basis in found.items() if basis is not None},
        )  # fmt: skip

    @property
    def buyers(self) -> IntArray:
        """The places of those who have bought."""
        return np.flatnonzero(self.purchases.bought)

    @cached_property
    def scored(self) -> BoolArray:
        """Who has a probability of being alive that knows of their last purchase."""
        at = self.scores.at["probability_alive"]
        told = at > NEVER
        day = np.full(len(at), NEVER)
        day[told] = local_days_of(at[told], self.model.zone)
        return told & (day >= self.purchases.last)

    @property
    def outdated(self) -> int:
        """How many have bought since they were scored."""
        told = self.scores.at["probability_alive"] > NEVER
        return int((told & self.purchases.bought & ~self.scored).sum())

    def id_of(self, place: int) -> str:
        """The id of the customer who stands at this place."""
        return str(UUID(bytes=self.customers.ids[place]))

    def people(self, backend: Backend, places: Iterable[int]) -> dict[int, Customer]:
        """The customers who stand at these places."""
        ids = {CustomerId(UUID(bytes=self.customers.ids[place])): place for place in places}
        with backend.reading() as unit:
            found = unit.customers.get_many(ids)
        return {ids[CustomerId(id)]: customer for id, customer in found.items()}
