"""Side by side: several writers, readers and consumers of the journal at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Event, Thread
from time import sleep
from typing import Any

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import Busy, CrmError
from crmcore.domain.identifiers import Identifier
from crmcore.domain.journal import Entry
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_customer, a_return, an_interaction, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.subject import Make, Subject, lacks, needs, opened

__all__ = ["ConcurrencyContract", "at_once"]

UseCase = Callable[[UnitOfWork], object]

PATIENCE = 60.0
"""Seconds until what runs side by side must have ended: as good as never."""


class ConcurrencyContract(Subject):
    """Whoever is `Busy` here tries again, so that in the end everybody had their turn."""

    def test_of_several_savers_one_wins(self, backend: Backend) -> None:
        """Of those who save what they all read, one does; the others are `Stale`."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())

        def save(name: str) -> UseCase:
            return lambda uow: uow.customers.save(ana.renamed(name)).name

        names = [f"Number {n}" for n in range(4)]
        ended = at_once(backend, *map(save, names))

        won = [name for name in names if name in ended]
        assert Counter(ended) == {won[0]: 1, "Stale": 3}
        with backend.reading() as uow:
            assert (uow.customers.get(ana.id).name, uow.customers.get(ana.id).version) == (
                won[0], 2,
            )  # fmt: skip

    def test_no_update_is_lost(self, backend: Backend) -> None:
        """Each of several writers adds to what the last one saved; all of it adds up."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer().with_attribute("visits", 0, at=AT))

        def visit(uow: UnitOfWork) -> str:
            held = uow.customers.get(ana.id)
            (visits,) = (a.value for a in held.attributes)
            assert isinstance(visits, int)
            uow.customers.save(held.with_attribute("visits", visits + 1, at=AT))
            return "visited"

        ended = at_once(backend, *[visit] * 3, times=4)
        kept = ended.count("visited")

        assert set(ended) <= {"visited", "Stale"}
        with backend.reading() as uow:
            stored = uow.customers.get(ana.id)
            assert stored.version == 1 + kept
            assert [a.value for a in stored.attributes] == [kept]
            assert uow.profiles.get(ana.id)["visits"] == kept

    def test_facts_of_one_customer_are_all_folded(self, backend: Backend) -> None:
        """Appending is never stale: what several writers record of one customer is all there."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())

        def buy(nth: int) -> UseCase:
            return lambda uow: uow.orders.add_many([an_order(ana, "1.00", nth=nth)])

        ended = at_once(backend, *(buy(nth) for nth in range(8)))

        assert ended == [1] * 8
        with backend.reading() as uow:
            profile = uow.profiles.get(ana.id)
            assert (profile["order_count"], profile["revenue"].minor) == (8, 800)
            assert len(uow.orders.of(ana.id)) == 8

    def test_bulks_in_opposite_order_do_not_lock_each_other_out(self, backend: Backend) -> None:
        """Two bulks about the same customers, each in its own order, are both kept."""
        some = [a_customer(f"Number {n}") for n in range(6)]
        with backend.unit_of_work() as uow:
            uow.customers.add_many(some)

        def call(nth: int, step: int) -> UseCase:
            calls = [an_interaction(customer, nth=nth) for customer in some][::step]
            return lambda uow: uow.interactions.add_many(calls)

        ended = at_once(backend, call(0, 1), call(1, -1), call(2, 1), call(3, -1))

        assert ended == [6] * 4
        with backend.reading() as uow:
            profiles = uow.profiles.get_many([customer.id for customer in some])
            assert [p["interaction_count"] for p in profiles.values()] == [4] * 6

    def test_one_import_from_two_places_is_recorded_once(self, backend: Backend) -> None:
        """The same source keys at the same time: every fact is new to one of them."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())

        def deliver(first: int) -> UseCase:
            bought = [
                an_order(ana, nth=first + n, source="shop", source_key=f"k{n}") for n in range(4)
            ]
            return lambda uow: uow.orders.add_many(bought)

        ended = at_once(backend, deliver(0), deliver(10), deliver(20))

        assert sorted(ended) == [0, 0, 4]
        with backend.reading() as uow:
            assert uow.profiles.get(ana.id)["order_count"] == len(uow.orders.of(ana.id)) == 4

    def test_of_several_claims_one_is_heard(self, backend: Backend) -> None:
        """An exclusive identifier that several claim at once goes to one of them."""
        card = Identifier("card", "6000 1234")

        def add(n: int) -> UseCase:
            new = a_customer(f"Number {n}", identifiers=[card])
            return lambda uow: uow.customers.add(new).version

        ended = at_once(backend, *map(add, range(3)))

        assert Counter(ended) == {1: 1, "IdentifierTaken": 2}
        with backend.reading() as uow:
            assert len(uow.customers.find_all_by_identifier("card", "6000 1234")) == 1
            assert uow.profiles.where().count() == 1

    def test_no_more_comes_back_than_was_bought(self, backend: Backend) -> None:
        """Returns recorded at once are weighed one after another."""
        with backend.unit_of_work() as uow:
            order = uow.orders.add(an_order(uow.customers.add(a_customer()), "100"))

        def give_back(nth: int) -> UseCase:
            return lambda uow: uow.returns.add_many([a_return(order, "40", nth=nth)])

        ended = at_once(backend, *map(give_back, range(4)))

        assert Counter(ended) == {1: 2, "Refused": 2}
        with backend.reading() as uow:
            assert uow.profiles.get(order.customer_id)["revenue"].minor == 2000

    def test_a_customer_goes_or_gets_a_fact(self, backend: Backend) -> None:
        """Never both: no fact is left without its customer."""
        for n in range(3):
            with backend.unit_of_work() as uow:
                ana = uow.customers.add(a_customer(f"Number {n}"))

            def go(uow: UnitOfWork, ana: Any = ana) -> str:
                uow.customers.remove(ana)
                return "gone"

            def call(uow: UnitOfWork, ana: Any = ana) -> str:
                uow.interactions.add(an_interaction(ana))
                return "called"

            assert at_once(backend, go, call) in (["gone", "NotFound"], ["Refused", "called"])

    def test_every_consumer_sees_every_row_once(self, backend: Backend) -> None:
        """Under writers that commit at any time, consumers with cursors of their own miss no row,
        read none twice, agree about every position, and see each customer's rows in order.
        """
        some = [a_customer(f"Number {n}") for n in range(3)]
        with backend.unit_of_work() as uow:
            uow.customers.add_many(some)
        over = Event()
        seen: dict[str, list[Entry]] = {"mail": [], "audit": []}

        def consume(name: str, limit: int) -> None:
            while True:
                last = over.is_set()
                found = _unless_busy(lambda: backend.journal(after=len(seen[name]), limit=limit))
                assert [e.position for e in found] == [
                    len(seen[name]) + n for n in range(1, len(found) + 1)
                ]
                seen[name] += found
                if last and not found:
                    return
                sleep(0.001)

        def save(n: int) -> UseCase:
            def both(uow: UnitOfWork) -> None:
                for customer in (some[n], some[n - 1]):
                    uow.interactions.add(an_interaction(customer))
                    uow.customers.save(uow.customers.get(customer.id))

            return both

        consumers = [
            Thread(target=consume, args=("mail", 3)),
            Thread(target=consume, args=("audit", 100)),
        ]
        for consumer in consumers:
            consumer.start()
        try:
            ended = at_once(backend, *map(save, range(3)), times=5)
        finally:
            over.set()
            for consumer in consumers:
                consumer.join(PATIENCE)

        assert set(ended) <= {None, "Stale"}
        assert seen["mail"] == seen["audit"] == backend.journal()
        with backend.reading() as uow:
            for customer in some:
                saved = [e.version for e in seen["mail"] if e.ids == (customer.id,)]
                stored = uow.customers.get(customer.id).version
                assert saved == list(range(2, stored + 1))

    def test_nobody_waits_for_a_reader(self, backend: Backend) -> None:
        """A unit commits beside an open reading and a half-read stream; the reading opens no
        lasting transaction, so its next look-up shows what was committed meanwhile.
        """
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add(an_order(ana))
        stream = iter(backend.columns("orders"))
        first = next(stream)
        with backend.reading() as reader:
            everybody = reader.customers.stream()
            assert next(everybody) == reader.customers.get(ana.id) == ana
            with backend.unit_of_work() as uow:
                saved = uow.customers.save(ana.renamed("Ana Soto"))
                uow.orders.add(an_order(ana, nth=2))

            assert reader.customers.get(ana.id) == saved
            assert reader.profiles.get(ana.id)["order_count"] == 2
        assert sum(len(batch["id"]) for batch in (first, *stream)) == 1

    def test_no_reader_waits_for_a_writer(self, backend: Backend) -> None:
        """While a unit holds what it changed, readers in other threads go on."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add(an_order(ana))
        found: list[object] = []

        def read() -> None:
            with backend.reading() as uow:
                found.append(uow.customers.get(ana.id).version)
                found.append(uow.profiles.get(ana.id)["order_count"])
                found.append(len(uow.orders.of(ana.id)))
                found.append(len(uow.customers.history(ana.id)))
            found.append(sum(len(batch["id"]) for batch in backend.columns("orders")))

        with backend.unit_of_work() as uow:
            uow.customers.save(ana.renamed("Ana Soto"))
            uow.orders.add(an_order(ana, nth=2))
            reader = Thread(target=read, daemon=True)
            reader.start()
            reader.join(PATIENCE)
            meanwhile = list(found)
            uow.rollback()

        assert meanwhile == [1, 1, 1, 1, 1]

    @lacks("one_writer")
    def test_writers_on_different_customers_do_not_meet(self, backend: Backend) -> None:
        """A unit goes through while another, about somebody else, stands open."""
        with backend.unit_of_work() as uow:
            ana, ben = uow.customers.add(a_customer()), uow.customers.add(a_customer("Ben"))
        with backend.unit_of_work() as first:
            first.customers.save(ana.renamed("Ana Soto"))
            first.orders.add(an_order(ana))
            with backend.unit_of_work() as second:
                second.customers.save(ben.renamed("Benito"))
                second.orders.add(an_order(ben))
                second.customers.add(a_customer("Cid"))

        with backend.reading() as uow:
            assert [c.version for c in uow.customers.get_many([ana.id, ben.id]).values()] == [2, 2]

    @lacks("one_writer")
    def test_a_unit_about_several_keeps_nobody_else_waiting(self, backend: Backend) -> None:
        """Nor does one that records what was recorded before: it holds those it is about."""
        with backend.unit_of_work() as uow:
            people = [uow.customers.add(a_customer(nth=n)) for n in range(6)]
            orders = [uow.orders.add(an_order(who, nth=n)) for n, who in enumerate(people)]
        with backend.unit_of_work() as first:
            assert first.orders.add_many(orders[:2]) == 0
            first.orders.add_many([an_order(people[0], nth=7), an_order(people[1], nth=8)])
            with backend.unit_of_work() as second:
                second.orders.add(an_order(people[5], nth=9))

        with backend.reading() as uow:
            counts = [uow.profiles.get(who.id)["order_count"] for who in people]
            assert counts == [2, 2, 1, 1, 1, 2]

    @lacks("one_writer")
    def test_a_row_that_is_committed_late_is_not_passed_over(self, backend: Backend) -> None:
        """A consumer that reads between two commits finds the later one behind its position, also
        if that unit wrote first.
        """
        with backend.unit_of_work() as uow:
            ana, ben = uow.customers.add(a_customer()), uow.customers.add(a_customer("Ben"))
        with backend.unit_of_work() as first:
            first.customers.save(ana)
            assert len(first.customers.history(ana.id)) == 2  # its row is written, if it waited
            with backend.unit_of_work() as second:
                second.customers.save(ben)
            seen = backend.journal()
        later = backend.journal(after=len(seen))

        assert [entry.ids for entry in seen] == [(ana.id,), (ben.id,), (ben.id,)]
        assert [(entry.position, entry.ids) for entry in later] == [(4, (ana.id,))]
        assert backend.journal() == [*seen, *later]

    @lacks("one_writer", "reads_as_of_its_beginning")
    def test_a_unit_sees_what_others_commit(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """Read committed: what another handle commits is there at the next look-up."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
        with backend.unit_of_work() as uow:
            assert uow.customers.get(ana.id).version == 1
            with opened(backends, clock, "a").unit_of_work() as other:
                other.customers.save(ana)
            assert uow.customers.get(ana.id).version == 2
            assert uow.customers.save(uow.customers.get(ana.id)).version == 3

    @needs("reads_as_of_its_beginning")
    def test_a_unit_sees_its_own_beginning(self, backend: Backend) -> None:
        """What others commit meanwhile it does not see, and may not change: `Busy`."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
        with pytest.raises(Busy), backend.unit_of_work() as uow:  # noqa: PT012  at the latest when it commits
            assert uow.customers.get(ana.id).version == 1
            with backend.unit_of_work() as other:
                other.customers.save(ana)
            assert uow.customers.get(ana.id).version == 1
            uow.interactions.add(an_interaction(ana, at=AT + timedelta(days=1)))

        with backend.reading() as uow:
            assert uow.customers.get(ana.id).version == 2
            assert uow.interactions.of(ana.id) == []


def at_once(backend: Backend, *use_cases: UseCase, times: int = 1) -> list[Any]:
    """Each of these in a thread of its own, so many times, tried again while `Busy`; what they
    answered, or the name of the error they ended in.
    """
    ready = Barrier(len(use_cases))
    ended: list[list[Any]] = [[] for _ in use_cases]

    def run(use_case: UseCase, answers: list[Any]) -> None:
        ready.wait(PATIENCE)
        for _ in range(times):
            try:
                answers.append(_unless_busy(lambda: _alone(backend, use_case)))
            except CrmError as error:
                answers.append(type(error).__name__)

    threads = [
        Thread(target=run, args=pair, daemon=True) for pair in zip(use_cases, ended, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    answered = [answer for answers in ended for answer in answers]
    assert len(answered) == times * len(use_cases)
    return answered


def _alone(backend: Backend, use_case: UseCase) -> object:
    with backend.unit_of_work() as uow:
        return use_case(uow)


def _unless_busy(call: Callable[[], Any]) -> Any:
    for attempt in range(200):
        try:
            return call()
        except Busy:
            sleep(0.001 * min(attempt + 1, 20))
    return call()
