"""The consents of a unit of work: recorded under declared purposes, and asked what they allow."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from crmcore.domain.consent import Consent
from crmcore.domain.contact_points import Channel
from crmcore.domain.contact_policy import may_contact
from crmcore.domain.decisions import Decision
from crmcore.domain.fact_repositories import Facts
from crmcore.domain.ids import CustomerId, as_id
from crmcore.domain.kinds import CONSENTS, CUSTOMERS
from crmcore.domain.ports import Transaction

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["Consents"]


class Consents(Facts[Consent]):
    """`uow.consents`: what customers said about being contacted. A purpose that the model does not
    declare is `InvalidInput`.
    """

    def __init__(self, unit: UnitOfWork) -> None:
        super().__init__(unit, CONSENTS)

    def decisions(
        self,
        customer_ids: Iterable[CustomerId],
        *,
        purpose: str,
        channel: Channel | str,
        at: datetime,
    ) -> dict[CustomerId, Decision]:
        """By customer, `may_contact` for many at once, in two look-ups; ids that are not stored
        are left out.
        """
        reads, wanted = self._unit.reads, [as_id(id, "customer_ids") for id in customer_ids]
        customers = reads.fetch(CUSTOMERS, wanted)
        told: dict[CustomerId, list[Consent]] = {customer.id: [] for customer in customers.values()}
        for consent in reads.facts(CONSENTS, customers=list(told)):
            told[consent.customer_id].append(consent)
        purposes = self._unit.model.purposes
        return {
            who.id: may_contact(
                who, purpose=purpose, channel=channel, at=at, consents=told[who.id],
                purposes=purposes,
            )
            for who in customers.values()
        }  # fmt: skip

    def _prepared(
        self, transaction: Transaction, facts: list[Consent], *, restores: bool = False
    ) -> list[Consent]:
        for fact in facts:
            if fact.purpose is not None:
                self._unit.model.check_purpose(fact.purpose)
        return super()._prepared(transaction, facts, restores=restores)
