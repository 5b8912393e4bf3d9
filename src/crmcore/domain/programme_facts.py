"""The facts of loyalty programmes, under the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from crmcore.domain.collecting import uncollected
from crmcore.domain.fact_repositories import Facts
from crmcore.domain.membership import TierChange
from crmcore.domain.points import PointsEntry
from crmcore.domain.ports import Transaction

__all__ = ["ProgrammeFacts"]

BATCH = 10_000
P = TypeVar("P", bound=PointsEntry | TierChange)


class ProgrammeFacts(Facts[P]):
    """`uow.points`, `uow.tier_changes`: a programme or tier that the model does not declare is
    `InvalidInput`.
    """

    def _prepared(
        self, transaction: Transaction, facts: list[P], *, restores: bool = False
    ) -> list[P]:
        model = self._unit.model
        for fact in facts:
            if not isinstance(fact, TierChange):
                model.programme(fact.programme)
                continue
            model.check_tier(fact.programme, fact.tier)
            if fact.previous is not None:
                model.check_tier(fact.programme, fact.previous, path="previous")
        return super()._prepared(transaction, facts, restores=restores)

    def post(self, facts: Sequence[P]) -> None:
        """Record what the ledgers of members that are held have made: distinct, of customers that
        are held as well, and checked when it was made.
        """
        for begun in range(0, len(facts), BATCH):
            with uncollected:
                self._written(list(facts[begun : begun + BATCH]), self._unit.recording)
