"""The facts of loyalty programmes, under the model; a membership follows those that hosts add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from crmcore.domain.collecting import uncollected
from crmcore.domain.errors import InvalidInput, Refused
from crmcore.domain.fact_repositories import BATCH, Facts
from crmcore.domain.ids import FactId
from crmcore.domain.kinds import MEMBERSHIPS
from crmcore.domain.membership import TierChange
from crmcore.domain.points import PointsEntry

__all__ = ["ProgrammeFacts"]

P = TypeVar("P", bound=PointsEntry | TierChange)


class ProgrammeFacts(Facts[P]):
    """`uow.points`, `uow.tier_changes`: a programme or tier that the model does not declare is
    `InvalidInput`, and so is a membership of another customer or programme; what is dated behind
    its end is `Refused`.

    What is added or removed here by a host changes its membership, too: its lots, or its tier, are
    what all its facts tell. What is restored does not: a membership comes with its own.
    """

    def posted(self, facts: Sequence[P]) -> None:
        """Record what the memberships that `uow.memberships` stores with it tell already: distinct,
        of customers that are held as well, and checked when it was made.
        """
        for start in range(0, len(facts), BATCH):
            with uncollected:
                self._written(list(facts[start : start + BATCH]), self._unit.recording)

    def remove(self, id: FactId) -> None:
        fact = self.get(id)
        super().remove(id)
        self._unit.memberships.follow([fact])

    def _append(self, facts: list[P], *, restores: bool = False) -> list[P]:
        model = self._unit.model
        for fact in facts:
            if not isinstance(fact, TierChange):
                model.programme(fact.programme)
                continue
            model.check_tier(fact.programme, fact.tier)
            if fact.previous is not None:
                model.check_tier(fact.programme, fact.previous, path="previous")
        if restores:
            return super()._append(facts, restores=True)
        known = self._unit.reads.fetch(MEMBERSHIPS, sorted({f.membership_id for f in facts}))
        for index, fact in enumerate(facts):
            member = known.get(fact.membership_id)
            if member is None:
                continue
            if (member.customer_id, member.programme) != (fact.customer_id, fact.programme):
                reason = "is another customer's, or of another programme"
                raise InvalidInput.of(f"[{index}].membership_id", reason)
            if member.closed_at is not None and member.closed_at < fact.at:
                raise Refused("memberships.open", "was closed before", str(member.id))
        if new := super()._append(facts):
            self._unit.memberships.follow(new)
        return new
