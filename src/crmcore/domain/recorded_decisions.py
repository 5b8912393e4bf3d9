"""The decisions that a unit of work records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fact_repositories import Facts
from crmcore.domain.kinds import DECISIONS
from crmcore.domain.ports import Transaction

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["Decisions"]


class Decisions(Facts[RecordedDecision]):
    """`uow.decisions`. What one costs or gains is in the model's currency, else `InvalidInput`."""

    def __init__(self, unit: UnitOfWork) -> None:
        super().__init__(unit, DECISIONS)

    def _prepared(
        self, transaction: Transaction, facts: list[RecordedDecision], *, restores: bool = False
    ) -> list[RecordedDecision]:
        currency = self._unit.model.currency
        for fact in facts:
            for name, money in (("cost", fact.cost), ("value", fact.value)):
                if money is not None and money.currency != currency:
                    raise InvalidInput.of(name, f"is not in {currency}")
        return super()._prepared(transaction, facts, restores=restores)
