"""Joining the host's transaction: its data and ours are kept together, or neither."""

from __future__ import annotations

from typing import Any

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import NotFound, Refused
from crmcore.testing.builders import a_customer, an_order
from crmcore.testing.contract.subject import Subject, needs

__all__ = ["HostTransactionsContract"]


class HostTransactionsContract(Subject):
    """`backend.unit_of_work(…)` with the keywords that `host_transaction` answers."""

    @needs("joins_host_transactions")
    def test_the_host_commits(self, backend: Backend) -> None:
        """What was done in the host's transaction is there once the host commits."""
        with self.host_transaction(backend) as joined:
            with _unit(backend, joined) as uow:
                uow.customers.add(a_customer())
            with backend.reading() as beside:
                assert beside.profiles.where().count() == 0

        with backend.reading() as uow:
            assert uow.profiles.where().count() == 1

    @needs("joins_host_transactions")
    def test_the_host_rolls_back(self, backend: Backend) -> None:
        """Nothing is kept of what the host undoes, the journal included."""
        with pytest.raises(ZeroDivisionError), self.host_transaction(backend) as joined:  # noqa: PT012  what ends the unit
            with _unit(backend, joined) as uow:
                uow.customers.add(a_customer())
            _ = 1 // 0

        assert backend.journal() == []
        with backend.reading() as uow:
            assert uow.profiles.where().count() == 0

    @needs("joins_host_transactions")
    def test_a_failed_unit_undoes_its_own_part(self, backend: Backend) -> None:
        """The host goes on, and may begin another unit."""
        with self.host_transaction(backend) as joined:
            with pytest.raises(NotFound), _unit(backend, joined) as uow:  # noqa: PT012  what ends the unit
                uow.customers.add(a_customer())
                uow.orders.get(an_order(a_customer(), nth=9).id)
            with _unit(backend, joined) as uow:
                uow.customers.add(a_customer("Ben"))

        with backend.reading() as uow:
            assert [customer.name for customer in uow.customers.stream()] == ["Ben"]

    @needs("joins_host_transactions")
    def test_units_within_one_transaction_see_each_other(self, backend: Backend) -> None:
        """A later unit of the same transaction sees what an earlier one did."""
        with self.host_transaction(backend) as joined:
            with _unit(backend, joined) as uow:
                ana = uow.customers.add(a_customer())
            with _unit(backend, joined) as uow:
                uow.orders.add(an_order(ana))
                assert uow.profiles.get(ana.id)["order_count"] == 1

    @needs("joins_host_transactions")
    def test_giving_up_leaves_the_host_its_own(self, backend: Backend) -> None:
        """`rollback()` undoes the unit's part and no more."""
        with self.host_transaction(backend) as joined:
            with _unit(backend, joined) as uow:
                ana = uow.customers.add(a_customer())
            with _unit(backend, joined) as uow:
                uow.orders.add(an_order(ana))
                uow.rollback()
                with pytest.raises(Refused):
                    uow.orders.of(ana.id)

        with backend.reading() as uow:
            assert uow.profiles.get(ana.id)["order_count"] == 0
        assert [entry.position for entry in backend.journal()] == [1]


def _unit(backend: Any, joined: dict[str, Any]) -> Any:
    return backend.unit_of_work(**joined)
