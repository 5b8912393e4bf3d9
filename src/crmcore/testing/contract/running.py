"""`run` and `run_async`: a use case in a unit of work of its own, tried again while `Busy`."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from contextvars import ContextVar
from threading import Event, get_ident
from typing import Any, TypeVar

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import Busy, Stale
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import a_customer
from crmcore.testing.contract.subject import Subject

__all__ = ["RunningContract"]

T = TypeVar("T")


class RunningContract(Subject):
    """`backend.run(use_case, …)` and `await backend.run_async(use_case, …)`."""

    def test_run_answers_what_the_use_case_answers(self, backend: Backend) -> None:
        """It passes the arguments on, commits, and returns the result."""
        stored = backend.run(_add, "Ana Ruiz", 2, actor="ines")

        assert stored.version == 1
        (entry,) = backend.journal()
        assert (entry.ids, entry.actor) == ((stored.id,), "ines")

    def test_run_rolls_back_on_an_error(self, backend: Backend) -> None:
        """An error of the use case comes through, and nothing is kept."""

        def fail(uow: UnitOfWork) -> None:
            _add(uow, "Ana Ruiz")
            raise LookupError

        with pytest.raises(LookupError):
            backend.run(fail)

        assert backend.journal() == []

    def test_busy_is_tried_again_from_the_start(self, backend: Backend) -> None:
        """Each attempt is a unit of its own; only the last one's work is kept."""
        attempts: list[UnitOfWork] = []

        def third_time(uow: UnitOfWork) -> Customer:
            attempts.append(uow)
            stored = _add(uow, "Ana Ruiz")
            if len(attempts) < 3:
                raise Busy("not yet")
            return stored

        assert backend.run(third_time).version == 1
        assert len({id(attempt) for attempt in attempts}) == 3
        assert len(backend.journal()) == 1

    def test_busy_is_not_tried_for_ever(self, backend: Backend) -> None:
        """After five attempts `Busy` comes through."""
        attempts = []

        def never(uow: UnitOfWork) -> None:
            attempts.append(_add(uow, "Ana Ruiz"))
            raise Busy("never")

        with pytest.raises(Busy):
            backend.run(never)

        assert len(attempts) == 5
        assert backend.journal() == []

    def test_a_conflict_is_not_tried_again(self, backend: Backend) -> None:
        """`Stale` is the caller's to decide: the use case runs once."""
        attempts = []

        def stale(uow: UnitOfWork) -> None:
            attempts.append(1)
            uow.customers.save(_add(uow, "Ana Ruiz"))
            raise Stale("customers", "1", 1)

        with pytest.raises(Stale):
            backend.run(stale)

        assert attempts == [1]

    def test_run_async_does_the_same_in_another_thread(self, backend: Backend) -> None:
        """The event loop goes on while the use case runs."""
        threads: list[int] = []

        def where(uow: UnitOfWork, name: str) -> Customer:
            threads.append(get_ident())
            return _add(uow, name)

        stored = _awaited(backend.run_async(where, "Ana Ruiz", actor="ines", source="till"))

        assert threads != [get_ident()]
        (entry,) = backend.journal()
        assert (entry.ids, entry.actor, entry.source) == ((stored.id,), "ines", "till")

    def test_run_async_tries_again_as_well(self, backend: Backend) -> None:
        """`Busy` is no error yet: the use case runs again, in a unit of its own."""
        attempts = []

        def second_time(uow: UnitOfWork) -> Customer:
            attempts.append(1)
            stored = _add(uow, "Ana Ruiz")
            if len(attempts) < 2:
                raise Busy("not yet")
            return stored

        assert _awaited(backend.run_async(second_time)).version == 1
        assert (len(attempts), len(backend.journal())) == (2, 1)

    def test_run_async_brings_errors(self, backend: Backend) -> None:
        """An error of the use case is raised where it is awaited."""

        def fail(uow: UnitOfWork) -> None:
            _add(uow, "Ana Ruiz")
            raise LookupError

        with pytest.raises(LookupError):
            _awaited(backend.run_async(fail))

        assert backend.journal() == []

    def test_cancelling_waits_for_the_commit(self, backend: Backend) -> None:
        """A unit that has begun ends first; only then the task is cancelled."""
        begun, may_end = Event(), Event()

        def slow(uow: UnitOfWork) -> Customer:
            begun.set()
            may_end.wait(5)
            return _add(uow, "Ana Ruiz")

        async def cancel() -> list[bool]:
            task = asyncio.create_task(backend.run_async(slow))
            while not begun.is_set():  # noqa: ASYNC110  set by a thread
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.sleep(0.01)
            still = not task.done()
            may_end.set()
            await asyncio.wait([task])
            return [still, task.cancelled()]

        assert _awaited(cancel()) == [True, True]
        assert len(backend.journal()) == 1

    def test_cancelling_what_fails_leaves_no_loose_error(self, backend: Backend) -> None:
        """The task is cancelled, the unit rolled back, and asyncio has nothing to complain of."""
        begun, may_end = Event(), Event()
        complaints: list[dict[str, Any]] = []

        def fail(uow: UnitOfWork) -> None:
            _add(uow, "Ana Ruiz")
            begun.set()
            may_end.wait(5)
            raise LookupError

        async def cancel() -> bool:
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, context: complaints.append(context))
            task = asyncio.create_task(backend.run_async(fail))
            while not begun.is_set():  # noqa: ASYNC110  set by a thread
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.sleep(0.01)
            may_end.set()
            await asyncio.wait([task])
            was_cancelled = task.cancelled()
            del task
            gc.collect()
            return was_cancelled

        assert _awaited(cancel())
        assert complaints == []
        assert backend.journal() == []

    def test_run_async_takes_context_variables_along(self, backend: Backend) -> None:
        """What the caller set (a request's id, a locale) the use case reads."""
        request: ContextVar[str] = ContextVar("request")

        async def ask() -> str:
            request.set("r-17")
            return await backend.run_async(lambda _: request.get())

        assert _awaited(ask()) == "r-17"

    def test_many_at_once_are_all_kept(self, backend: Backend) -> None:
        """Several use cases awaited together each commit."""

        async def together() -> list[Customer]:
            names = [f"Number {n}" for n in range(4)]
            return await asyncio.gather(*(backend.run_async(_add, name) for name in names))

        stored = _awaited(together())

        with backend.reading() as uow:
            assert uow.profiles.where().count() == len({c.id for c in stored}) == 4


def _add(uow: UnitOfWork, name: str, nth: int = 1) -> Customer:
    return uow.customers.add(a_customer(name, nth=nth))


def _awaited(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)
