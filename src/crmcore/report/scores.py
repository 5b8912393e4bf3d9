"""The scores as they stood at an instant."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import attrs
import numpy as np

from crmcore.analytics.checks import FloatArray, IntArray
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import to_millis
from crmcore.domain.ports import Backend
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.report.customers import NEVER, SCORERS, Customers

__all__ = ["Basis", "Scores"]


@attrs.frozen
class Basis:
    """On what a kind of score rests, as one of them tells: its model, its unit."""

    model: str | None
    unit: str


@attrs.frozen(kw_only=True, eq=False)
class Scores:
    """By customer and scorer, the latest score before an instant; `nan` where there is none."""

    values: dict[str, FloatArray]
    at: dict[str, IntArray]

    @classmethod
    def read(
        cls, backend: Backend, customers: Customers, places: dict[bytes, int], *, before: datetime
    ) -> Scores:
        """From the profiles, which have the latest; where that came later, from the facts."""
        until = to_millis(before)
        values = {name: customers.scores[name].copy() for name in SCORERS}
        at = {name: customers.scored_at[name].copy() for name in SCORERS}
        later = {name: at[name] >= until for name in SCORERS}
        for name, wrong in later.items():
            values[name][wrong], at[name][wrong] = np.nan, NEVER
        if any(wrong.any() for wrong in later.values()):
            found: dict[tuple[str, int], tuple[int, int, float]] = {}
            for batch in backend.columns("scores", until=before):
                columns = (
                    batch[n] for n in ("customer_id", "scorer", "at", "recorded_at", "value")
                )
                for id, scorer, *told in zip(*columns, strict=True):
                    here = places.get(id, -1)
                    if here >= 0 and scorer in later and later[scorer][here]:
                        key, rank = (scorer, here), (told[0], told[1], told[2])
                        found[key] = max(found.get(key, rank), rank)
            for (scorer, here), (when, _, value) in found.items():
                values[scorer][here], at[scorer][here] = value, when
        return cls(values=values, at=at)

    @property
    def alive(self) -> FloatArray:
        """The probability that a customer still is one."""
        return self.values["probability_alive"]

    def basis(
        self, unit: UnitOfWork, customers: Customers, scorer: str, *, before: datetime
    ) -> Basis | None:
        """On what these scores rest, by the newest of them; `None` without scores."""
        at = self.at[scorer]
        if not len(at) or at.max() == NEVER:
            return None
        owner = CustomerId(UUID(bytes=customers.ids[int(at.argmax())]))
        told = [s for s in unit.scores.of(owner) if s.scorer == scorer and s.at < before]
        return Basis(told[-1].model, told[-1].unit) if told else None
