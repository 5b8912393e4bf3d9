"""The memberships of a unit of work, and the facts of loyalty programmes under the model."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, TypeVar

from crmcore.domain.errors import InvalidInput, NotFound
from crmcore.domain.fact_repositories import Facts
from crmcore.domain.ids import CustomerId, as_id
from crmcore.domain.kinds import MEMBERSHIPS
from crmcore.domain.membership import Membership, TierChange, member_value, number_value
from crmcore.domain.points import PointsEntry
from crmcore.domain.ports import Transaction
from crmcore.domain.repositories import Aggregates
from crmcore.domain.text import checked_text

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["Memberships", "ProgrammeFacts"]

P = TypeVar("P", bound=PointsEntry | TierChange)


class Memberships(Aggregates[Membership]):
    """`uow.memberships`. A programme or tier that the model does not declare is `InvalidInput`; a
    customer who is not stored is `NotFound`.
    """

    def __init__(self, unit: UnitOfWork) -> None:
        super().__init__(unit, MEMBERSHIPS)

    def of(self, customer_id: CustomerId, programme: str) -> Membership | None:
        """The customer's membership of the programme, or `None`."""
        self._unit.model.programme(programme)
        who = CustomerId(as_id(customer_id, "customer_id"))
        return self._found("member", member_value(who, programme))

    def find_by_number(self, number: str, programme: str) -> Membership | None:
        """The membership of the programme with this number, or `None`."""
        self._unit.model.programme(programme)
        return self._found("number", number_value(checked_text(number, "number", 64), programme))

    def _found(self, scope: str, value: str) -> Membership | None:
        ids = self._unit.reads.find(MEMBERSHIPS, scope, [value]).get(value)
        return self.get(ids[0]) if ids else None

    def _check(self, aggregate: Membership, held: Membership | None) -> None:
        self._unit.model.check_tier(aggregate.programme, aggregate.tier)
        for name in ("customer_id", "programme"):
            if held is not None and getattr(held, name) != getattr(aggregate, name):
                raise InvalidInput.of(name, "stays as it was: the ledger is theirs")

    def _restore(self, aggregates: list[Membership]) -> list[Membership]:
        self._hold({membership.customer_id for membership in aggregates})
        return super()._restore(aggregates)

    def _hold(self, customers: Collection[CustomerId]) -> None:
        """Hold the customers, so that none is removed meanwhile."""
        known = self._unit.writes.lock_profiles(customers)
        for customer_id in sorted(customers):
            if customer_id not in known:
                raise NotFound("customers", str(customer_id))


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
