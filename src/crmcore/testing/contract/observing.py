"""Observing: one event for each unit of work that ended, whatever it ended in."""

from __future__ import annotations

import logging
from threading import Thread

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import Busy, OutcomeUnknown, Refused, StorageError
from crmcore.domain.observing import UNITS, Outcome, UnitEnded
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import a_customer, an_order
from crmcore.testing.contract.subject import Subject, needs
from crmcore.testing.faults import faults

__all__ = ["ObservingContract"]

COMMITTED, ROLLED_BACK, READ = Outcome.COMMITTED, Outcome.ROLLED_BACK, Outcome.READ


class ObservingContract(Subject):
    """`backend.observe(function)`, and what is logged."""

    def test_a_unit_tells_what_it_did(self, backend: Backend) -> None:
        """Facts and journal rows are counted; facts that were known already are not."""
        seen = _watched(backend)
        with backend.unit_of_work(source="shop") as uow:
            ana = uow.customers.add(a_customer())
            orders = [an_order(ana, nth=n, source_key=str(n)) for n in (1, 2, 3)]
            uow.orders.add_many(orders)
            uow.orders.add_many(orders)
            assert seen == []

        (event,) = seen
        told = (event.tenant, event.outcome, event.facts, event.entries, event.attempt)
        assert told == ("a", COMMITTED, 3, 2, 1)
        assert (event.error, event.backend) == (None, type(backend).__name__)
        assert 0 < event.seconds < 60

    def test_every_ending_is_told(self, backend: Backend) -> None:
        """Reading, giving up, an exception, a doomed unit, and a commit that failed."""
        seen = _watched(backend)

        with backend.reading() as uow:
            uow.profiles.where().count()
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())
            uow.rollback()
        with pytest.raises(LookupError), backend.unit_of_work():
            raise LookupError
        with pytest.raises(Refused), backend.unit_of_work() as uow:  # noqa: PT012  what ends the unit
            uow.customers.add(a_customer())
            with pytest.raises(Exception):  # noqa: B017, PT011  whatever the store says
                uow.customers.add(a_customer())
        faults(backend).fail_next_commit()
        with pytest.raises(StorageError), backend.unit_of_work() as uow:
            uow.customers.add(a_customer())
        faults(backend).outcome_unknown(kept=True)
        with pytest.raises(OutcomeUnknown), backend.unit_of_work() as uow:
            uow.customers.add(a_customer())

        assert [(event.outcome, event.error) for event in seen] == [
            (READ, None),
            (ROLLED_BACK, None),
            (ROLLED_BACK, "LookupError"),
            (ROLLED_BACK, "Refused"),
            (ROLLED_BACK, "StorageError"),
            (Outcome.UNKNOWN, "OutcomeUnknown"),
        ]

    def test_attempts_of_run_are_counted(self, backend: Backend) -> None:
        """Each attempt is a unit, and tells which it was."""
        faults(backend).busy(times=2)
        seen = _watched(backend)

        backend.run(_add)

        assert [(event.attempt, event.error) for event in seen] == [
            (1, "Busy"),
            (2, "Busy"),
            (3, None),
        ]

    @needs("one_writer")
    def test_a_unit_that_could_not_begin_is_told(self, backend: Backend) -> None:
        """`Busy` before the first call is an ending as well."""
        seen = _watched(backend)
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())
            with pytest.raises(Busy), backend.unit_of_work() as beside:
                beside.customers.add(a_customer("Ben"))

        told = [(event.outcome, event.error) for event in seen]
        assert told == [(ROLLED_BACK, "Busy"), (COMMITTED, None)]

    def test_an_observer_that_fails_changes_nothing(
        self, backend: Backend, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The unit stays committed, the others are told, and the log says which one failed."""

        def careless(_: UnitEnded) -> None:
            raise LookupError

        backend.observe(careless)
        seen = _watched(backend)
        with caplog.at_level(logging.ERROR, logger="crmcore"):
            backend.run(_add)

        assert [event.outcome for event in seen] == [COMMITTED]
        assert len(backend.journal()) == 1
        (record,) = [r for r in caplog.records if r.name == "crmcore.observers"]
        assert record.getMessage().endswith("careless failed: LookupError")

    def test_an_observer_that_fails_says_no_value_in_the_log(
        self, backend: Backend, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither what its own exception says, nor what that of the unit does."""

        def careless(_: UnitEnded) -> None:
            raise LookupError("ben@example.com")

        backend.observe(careless)
        with caplog.at_level(logging.ERROR, logger="crmcore"):
            backend.run(_add)
            with pytest.raises(ValueError, match="ana"), backend.unit_of_work():
                raise ValueError("ana@example.com")

        assert len(caplog.records) == 2
        assert "@example" not in caplog.text + str([vars(record) for record in caplog.records])

    def test_an_observer_is_not_told_of_its_own_units(self, backend: Backend) -> None:
        """It may ask the backend, which has an end; the next unit is told as ever."""
        seen: list[tuple[Outcome, int]] = []

        def ask(event: UnitEnded) -> None:
            with backend.reading() as uow:
                seen.append((event.outcome, uow.profiles.where().count()))

        backend.observe(ask)
        others = _watched(backend)
        backend.run(_add)
        with backend.reading():
            pass

        assert seen == [(COMMITTED, 1), (READ, 1)]
        assert [event.outcome for event in others] == [COMMITTED, READ]

    def test_an_observer_is_no_longer_told_once_it_has_stopped(self, backend: Backend) -> None:
        """What is answered ends that observation, once."""
        seen: list[UnitEnded] = []
        stop = backend.observe(seen.append)
        backend.observe(seen.append)
        backend.run(_add)
        stop()
        stop()
        with backend.reading():
            pass

        assert [event.outcome for event in seen] == [COMMITTED, COMMITTED, READ]

    def test_an_observer_is_told_in_the_thread_of_the_unit(self, backend: Backend) -> None:
        """Units of other threads are told there."""
        seen = _watched(backend)
        thread = Thread(target=backend.run, args=[_add])
        thread.start()
        thread.join()

        assert [event.outcome for event in seen] == [COMMITTED]

    def test_units_are_logged_with_fields_and_without_values(
        self, backend: Backend, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Units and retries at their levels; nothing that a customer or an exception says."""
        faults(backend).busy()
        with caplog.at_level(logging.DEBUG, logger="crmcore"):
            backend.run(_add, actor="ines@example.com")
            with pytest.raises(LookupError), backend.unit_of_work() as uow:  # noqa: PT012  what ends the unit
                uow.customers.add(a_customer("Ben", emails=["ben@example.com"]))
                raise LookupError("ben@example.com")
            faults(backend).outcome_unknown(kept=False)
            with pytest.raises(OutcomeUnknown), backend.unit_of_work() as uow:
                uow.customers.add(a_customer("Cid"))

        records = [(r.name, r.levelname, getattr(r, "crm_outcome", None)) for r in caplog.records]
        assert records == [
            (UNITS.name, "DEBUG", "rolled_back"),
            ("crmcore.run", "INFO", None),
            (UNITS.name, "DEBUG", "committed"),
            (UNITS.name, "DEBUG", "rolled_back"),
            (UNITS.name, "ERROR", "unknown"),
        ]
        assert {getattr(record, "crm_tenant", None) for record in caplog.records} == {"a"}
        said = str([vars(record) for record in caplog.records]) + caplog.text
        assert not any(word in said for word in ("Ana ", "Ben", "Cid", "@example"))

    def test_a_slow_unit_is_a_warning(
        self, backend: Backend, caplog: pytest.LogCaptureFixture
    ) -> None:
        """From `slow_after` seconds on."""
        with caplog.at_level(logging.INFO, logger="crmcore"):
            with backend.reading():
                pass
            backend.slow_after = 0.0
            with backend.reading():
                pass

        (record,) = caplog.records
        assert (record.levelname, "slow" in record.getMessage()) == ("WARNING", True)


def _watched(backend: Backend) -> list[UnitEnded]:
    seen: list[UnitEnded] = []
    backend.observe(seen.append)
    return seen


def _add(uow: UnitOfWork) -> None:
    uow.customers.add(a_customer())
