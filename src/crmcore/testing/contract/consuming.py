"""Consuming the journal behind a cursor: every entry, in order, at least once."""

from __future__ import annotations

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput, Refused
from crmcore.domain.journal import Entry
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.consuming import MemoryCursor, consume
from crmcore.testing.builders import a_customer, an_interaction
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.subject import Make, Subject, opened

__all__ = ["ConsumingContract"]


class ConsumingContract(Subject):
    """`crmcore.services.consume(backend, handler, cursor=…)`."""

    def test_a_consumer_goes_on_where_it_ended(self, backend: Backend) -> None:
        """Each entry comes once, in order; what came since comes at the next call."""
        cursor, seen = MemoryCursor(), list[Entry]()
        for several in (3, 0, 2):
            _write(backend, several)
            assert consume(backend, seen.append, cursor=cursor, limit=2) == several

        assert [entry.position for entry in seen] == [1, 2, 3, 4, 5]
        assert (seen, cursor.position) == (backend.journal(), 5)

    def test_a_failed_entry_comes_again_and_those_before_it_do_not(self, backend: Backend) -> None:
        """The exception comes through; the entry it came from is the first of the next call."""
        _write(backend, 5)
        cursor, seen, broken = MemoryCursor(), list[int | None](), {3}

        def handle(entry: Entry) -> None:
            seen.append(entry.position)
            if entry.position in broken:
                raise LookupError

        with pytest.raises(LookupError):
            consume(backend, handle, cursor=cursor)
        assert cursor.position == 2
        with pytest.raises(LookupError):
            consume(backend, handle, cursor=cursor)
        broken.clear()

        assert consume(backend, handle, cursor=cursor) == 3
        assert seen == [1, 2, 3, 3, 3, 4, 5]

    def test_consumers_do_not_meet(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """Each has a cursor of its own; one that fails holds up no other, on any handle."""
        cursors = [MemoryCursor() for _ in range(3)]
        _write(backend, 4)

        with pytest.raises(ZeroDivisionError):
            consume(backend, lambda entry: 1 // (3 - (entry.position or 0)), cursor=cursors[0])
        assert consume(backend, lambda _: None, cursor=cursors[1]) == 4
        other = opened(backends, clock, "a")
        assert consume(other, lambda _: None, cursor=cursors[2], kinds="orders") == 0

        assert [cursor.position for cursor in cursors] == [2, 4, 4]

    def test_only_the_kinds_asked_for_come(self, backend: Backend) -> None:
        """Entries of other kinds are passed over, and do not come back."""
        ana = backend.run(_add, 1)
        backend.run(lambda uow: uow.interactions.add(an_interaction(ana.id)))
        cursor, seen = MemoryCursor(), list[str]()

        def handle(entry: Entry) -> None:
            seen.append(entry.kind)

        assert consume(backend, handle, cursor=cursor, kinds=["interactions"]) == 1
        assert (seen, cursor.position) == (["interactions"], 2)
        with pytest.raises(InvalidInput):
            consume(backend, handle, cursor=cursor, kinds="interaction")

    def test_a_handler_may_write_to_the_same_backend(self, backend: Backend) -> None:
        """What it writes is journalled behind, and is of a kind that it did not ask for."""
        backend.run(_add, 1)
        cursor = MemoryCursor()

        def greet(entry: Entry) -> None:
            who = a_customer(nth=1).id
            assert entry.ids == (who,)
            backend.run(lambda uow: uow.interactions.add(an_interaction(who)))

        assert consume(backend, greet, cursor=cursor, kinds="customers", limit=1) == 1
        assert cursor.position == len(backend.journal()) == 2

    def test_the_cursor_of_another_store_is_refused(self, backend: Backend) -> None:
        """One ahead of the journal would wait in silence for ever."""
        _write(backend, 2)

        with pytest.raises(Refused) as raised:
            consume(backend, lambda _: None, cursor=MemoryCursor(3))

        assert raised.value.rule == "consume.cursor"
        assert consume(backend, lambda _: None, cursor=MemoryCursor(2)) == 0

    @pytest.mark.parametrize("limit", [1, 2, 3, 1000])
    def test_a_page_of_any_size_skips_nothing(self, backend: Backend, limit: int) -> None:
        """However the journal divides into pages."""
        _write(backend, 6)
        seen: list[Entry] = []

        assert consume(backend, seen.append, cursor=MemoryCursor(), limit=limit) == 6
        assert seen == backend.journal()


def _write(backend: Backend, several: int) -> None:
    begun = len(backend.journal())
    for nth in range(begun + 1, begun + 1 + several):
        backend.run(_add, nth)


def _add(uow: UnitOfWork, nth: int) -> Customer:
    return uow.customers.add(a_customer(nth=nth))
