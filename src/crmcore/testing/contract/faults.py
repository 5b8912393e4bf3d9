"""Injected faults: what `crmcore.testing.faults` says of a commit is so."""

from __future__ import annotations

from threading import Thread

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import Busy, CrmError, OutcomeUnknown, StorageError
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import a_customer
from crmcore.testing.contract.subject import Subject, everything_in, needs
from crmcore.testing.faults import faults

__all__ = ["FaultsContract"]


class FaultsContract(Subject):
    """`faults(backend)`."""

    def test_a_failed_commit_keeps_nothing(self, backend: Backend) -> None:
        """The next commit fails whole, and the one after it is as ever."""
        before = everything_in(backend)
        faults(backend).fail_next_commit()

        with pytest.raises(StorageError) as raised:
            backend.run(_add, "Ana Ruiz")

        assert type(raised.value) is StorageError
        assert everything_in(backend) == before
        assert backend.run(_add, "Ana Ruiz").version == 1

    def test_injected_busy_is_tried_again(self, backend: Backend) -> None:
        """Four times is not too often for `run`, five times is; only what was kept is there."""
        attempts: list[str] = []

        def counted(uow: UnitOfWork, name: str) -> None:
            attempts.append(name)
            _add(uow, name)

        faults(backend).busy(times=2)
        backend.run(counted, "Ana Ruiz")
        faults(backend).busy(times=5)
        with pytest.raises(Busy):
            backend.run(counted, "Ben")

        assert attempts == ["Ana Ruiz"] * 3 + ["Ben"] * 5
        with backend.reading() as uow:
            assert [customer.name for customer in uow.customers.stream()] == ["Ana Ruiz"]

    @pytest.mark.parametrize("kept", [True, False])
    def test_a_lost_reply_was_kept_or_not(self, backend: Backend, kept: bool) -> None:
        """`OutcomeUnknown` comes through at once; the unit is kept whole, or not at all."""
        faults(backend).outcome_unknown(kept=kept)

        with pytest.raises(OutcomeUnknown):
            backend.run(_add, "Ana Ruiz")

        assert len(backend.journal()) == int(kept)
        with backend.reading() as uow:
            assert uow.profiles.where().count() == int(kept)

    def test_faults_strike_commits_alone_and_in_order(self, backend: Backend) -> None:
        """Reading, the journal, and units that fail by themselves use no fault up."""
        broken = faults(backend)
        broken.outcome_unknown(kept=True)
        broken.busy()

        with pytest.raises(ZeroDivisionError), backend.unit_of_work() as uow:  # noqa: PT012  what ends the unit
            _add(uow, "Nobody")
            _ = 1 // 0
        with backend.reading() as uow:
            assert uow.profiles.where().count() == 0
        assert backend.journal() == []
        assert (faults(backend), broken.waiting) == (broken, 2)

        assert [_outcome(backend, nth) for nth in (1, 2, 3)] == [OutcomeUnknown, Busy, None]
        assert len(backend.journal()) == 2

    def test_faults_strike_the_thread_that_commits(self, backend: Backend) -> None:
        """A use case in another thread meets them as well."""
        faults(backend).fail_next_commit()
        found: list[object] = []
        thread = Thread(target=lambda: found.append(_outcome(backend)))
        thread.start()
        thread.join()

        assert found == [StorageError]

    def test_forgotten_faults_do_not_strike(self, backend: Backend) -> None:
        """`clear()` takes back what has not struck."""
        faults(backend).fail_next_commit()
        faults(backend).clear()

        assert backend.run(_add, "Ana Ruiz").version == 1

    @needs("joins_host_transactions")
    def test_a_fault_undoes_the_part_of_a_joined_unit(self, backend: Backend) -> None:
        """The host's transaction goes on without what the unit did."""
        faults(backend).fail_next_commit()
        with self.host_transaction(backend) as joined:
            with pytest.raises(StorageError), _joining(backend, joined) as uow:
                _add(uow, "Ana Ruiz")
            with _joining(backend, joined) as uow:
                _add(uow, "Ben")

        with backend.reading() as uow:
            assert [customer.name for customer in uow.customers.stream()] == ["Ben"]


def _add(uow: UnitOfWork, name: str) -> Customer:
    return uow.customers.add(a_customer(name))


def _outcome(backend: Backend, nth: int = 1) -> type[CrmError] | None:
    try:
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer(nth=nth))
    except CrmError as error:
        return type(error)
    return None


def _joining(backend: Backend, joined: dict[str, object]) -> UnitOfWork:
    unit: UnitOfWork = backend.unit_of_work(**joined)  # type: ignore[arg-type]  # the adapter's own
    return unit
