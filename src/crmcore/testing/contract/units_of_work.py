"""Units of work: all of it or nothing of it, seen by nobody before, and lost by nobody after."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import (
    Busy,
    ConflictingFact,
    CrmError,
    IdentifierTaken,
    NotFound,
    Refused,
    Stale,
    StorageError,
)
from crmcore.domain.identifiers import Identifier
from crmcore.testing.builders import a_customer, a_product, a_return, an_interaction, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.subject import Make, Subject, everything_in, needs, opened

__all__ = ["UnitsOfWorkContract"]


class UnitsOfWorkContract(Subject):
    """`backend.unit_of_work()` and `backend.reading()`."""

    def test_a_clean_exit_commits(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """What was done is there for every other handle on the store."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())

        with opened(backends, clock, "a").reading() as uow:
            assert uow.customers.get(ana.id) == ana

    def test_an_exception_leaves_no_trace(self, backend: Backend) -> None:
        """After an exception the store is as it was: records, keys, facts, profiles, journal."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
        before = everything_in(backend)

        with pytest.raises(ZeroDivisionError), backend.unit_of_work() as uow:  # noqa: PT012  what ends the unit
            uow.customers.save(ana.renamed("Nobody"))
            uow.customers.add(a_customer("Ben", emails=["ben@example.com"]))
            uow.orders.add(an_order(ana, source="shop", source_key="1"))
            uow.customers.find_by_identifier("email", "ben@example.com")
            _ = 1 // 0

        assert everything_in(backend) == before
        with backend.unit_of_work() as uow:
            assert uow.customers.find_by_identifier("email", "ben@example.com") is None
            assert uow.orders.add_many([an_order(ana, "1", source="shop", source_key="1")]) == 1

    def test_giving_up_leaves_no_trace(self, backend: Backend) -> None:
        """`rollback()` gives up on purpose, and the unit takes no further call."""
        before = everything_in(backend)

        with backend.unit_of_work() as uow:
            uow.orders.add(an_order(uow.customers.add(a_customer())))
            uow.rollback()
            with pytest.raises(Refused) as raised:
                uow.customers.add(a_customer("Ben"))

        assert raised.value.rule == "unit_of_work.open"
        assert everything_in(backend) == before

    def test_own_writes_are_visible(self, backend: Backend) -> None:
        """Within a unit every read shows what the unit did."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
            order = uow.orders.add(an_order(ana))

            assert uow.customers.find_by_identifier("email", "ana@example.com") == ana
            assert uow.orders.of(ana.id) == [order]
            assert uow.profiles.get(ana.id)["order_count"] == 1
            assert len(uow.customers.history(ana.id)) == 1

    def test_nobody_sees_what_is_not_committed(self, backend: Backend) -> None:
        """A reader beside an open unit sees the store without it."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add(an_order(ana))
            with backend.reading() as beside:
                assert beside.customers.get_many([ana.id]) == {}
                assert beside.profiles.where().count() == 0

    def test_reading_does_not_write(self, backend: Backend) -> None:
        """Every write within `reading()` is `Refused`, and reading goes on."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            order = uow.orders.add(an_order(ana))
        before = everything_in(backend)

        with backend.reading() as uow:
            for write in (
                lambda: uow.customers.add(a_customer("Ben")),
                lambda: uow.customers.add_many([a_customer("Ben")]),
                lambda: uow.customers.save(ana),
                lambda: uow.customers.remove(ana),
                lambda: uow.products.add(a_product()),
                lambda: uow.orders.add(an_order(ana, nth=2)),
                lambda: uow.returns.add_many([a_return(order)]),
                lambda: uow.orders.remove(order.id),
                uow.profiles.rebuild,
            ):
                with pytest.raises(Refused) as raised:
                    write()
                assert raised.value.rule == "reading.no_writes"
                assert uow.profiles.where().count() == 1

        assert everything_in(backend) == before

    def test_a_failed_write_dooms_the_unit(self, backend: Backend) -> None:
        """Nothing of a unit is kept in which a write failed, even if the error was caught."""
        card = Identifier("card", "6000 1234")
        with backend.unit_of_work() as uow:
            read = uow.customers.add(a_customer().identified_by(card))

        with pytest.raises(Refused) as raised, backend.unit_of_work() as uow:  # noqa: PT012  what ends the unit
            uow.customers.add(a_customer("Ben"))
            with pytest.raises(IdentifierTaken):
                uow.customers.add(a_customer("Cid").identified_by(card))
            with pytest.raises(Refused):
                uow.customers.get(read.id)

        assert raised.value.rule == "unit_of_work.doomed"
        with backend.reading() as uow:
            assert uow.profiles.where().count() == 1

    def test_what_is_refused_before_a_write_leaves_the_unit_open(self, backend: Backend) -> None:
        """A stale save, an unknown id or a conflicting fact can be caught, and the unit goes on."""
        with backend.unit_of_work(source="shop") as uow:
            ana = uow.customers.add(a_customer())
            uow.customers.save(ana)
            uow.orders.add(an_order(ana, "10.00", source_key="k"))

        with backend.unit_of_work(source="shop") as uow:
            with pytest.raises(Stale):
                uow.customers.save(ana)
            with pytest.raises(NotFound):
                uow.customers.save(attrs.evolve(a_customer("Ben"), version=1))
            with pytest.raises(ConflictingFact):
                uow.orders.add(an_order(ana, "11.00", source_key="k"))
            with pytest.raises(Refused):
                uow.customers.remove(uow.customers.get(ana.id))
            uow.customers.add(a_customer("Cid"))

        with backend.reading() as uow:
            assert uow.profiles.where().count() == 2

    def test_a_unit_is_entered_once(self, backend: Backend) -> None:
        """A unit that ended is not begun again, and answers no call."""
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())

        with pytest.raises(Refused), uow:
            pass
        with pytest.raises(Refused):
            uow.customers.stream().__next__()

    def test_facts_carry_who_when_and_from_where(
        self, backend: Backend, clock: FrozenClock
    ) -> None:
        """The store adds `recorded_at`, actor, and the unit's source where a fact has none."""
        with backend.unit_of_work(actor="ines", source="shop") as uow:
            ana = uow.customers.add(a_customer())
            own = uow.orders.add(an_order(ana))
            other = uow.orders.add(an_order(ana, source="till"))

        assert (own.actor, own.source, own.recorded_at) == ("ines", "shop", clock.now)
        assert other.source == "till"

    def test_one_unit_has_one_time(self, backend: Backend, clock: FrozenClock) -> None:
        """All that a unit records bears the instant at which the unit began."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            began = clock.now
            clock.advance(timedelta(days=1))
            uow.orders.add(an_order(ana))

        with backend.reading() as uow:
            assert uow.orders.of(ana.id)[0].recorded_at == began
            assert uow.customers.history(ana.id)[0].recorded_at == began

    @needs("keeps_data_after_close")
    def test_committed_data_is_there_after_closing(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """What was committed is there when the store is opened again."""
        with backend.unit_of_work() as uow:
            uow.orders.add(an_order(uow.customers.add(a_customer())))
        before = everything_in(backend)
        backend.close()

        assert everything_in(opened(backends, clock, "a")) == before

    @needs("keeps_data_after_close")
    def test_a_handle_outlives_another(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """Closing a handle takes nothing from the others; closing it again is nothing."""
        other = opened(backends, clock, "a")
        with other.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
        other.close()
        other.close()

        with backend.unit_of_work() as uow:
            assert uow.customers.get(ana.id) == ana
            assert uow.customers.save(ana).version == 2

    def test_a_closed_handle_works_or_says_so(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """Used after `close()` a handle opens again, or raises a `StorageError`: no other error,
        and nothing half done.
        """
        handle = opened(backends, clock, "c")
        handle.close()
        try:
            with handle.unit_of_work() as uow:
                uow.orders.add(an_order(uow.customers.add(a_customer())))
            with handle.reading() as uow:
                assert uow.profiles.get(a_customer().id)["order_count"] == 1
        except StorageError:
            with opened(backends, clock, "c").reading() as uow:
                assert uow.profiles.where().count() == 0
        assert backend.journal() == []

    @needs("one_writer")
    def test_a_second_writer_is_told(self, backend: Backend) -> None:
        """`Busy` when another writer does not make room in time; nothing of either is lost."""
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())
            with pytest.raises(Busy), backend.unit_of_work():
                pass

        with backend.unit_of_work() as uow:
            assert uow.profiles.where().count() == 1

    def test_writers_from_many_threads_lose_nothing(self, backend: Backend) -> None:
        """Facts that several threads append at once are all there, and folded."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
        failed: list[CrmError] = []

        def call(number: int) -> None:
            try:
                backend.run(lambda uow: uow.interactions.add(an_interaction(ana, nth=number)))
            except CrmError as error:
                failed.append(error)

        threads = [Thread(target=call, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        with backend.reading() as uow:
            kept = uow.profiles.get(ana.id)["interaction_count"]
            assert kept == len(uow.interactions.of(ana.id)) == 6 - len(failed)
        assert all(isinstance(error, Busy) for error in failed)
