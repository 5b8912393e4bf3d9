"""Subscribers: told within the unit of work, kept or undone with it."""

from __future__ import annotations

from typing import Any

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput, NotFound, Refused
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.journal import Entry, Operation
from crmcore.domain.subscribing import DEEPEST
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    a_customer,
    a_product,
    a_return,
    a_score,
    an_interaction,
    an_order,
)
from crmcore.testing.contract.subject import Subject, everything_in, needs
from crmcore.testing.faults import faults

__all__ = ["SubscribingContract"]

Told = list[tuple[str, str]]


class SubscribingContract(Subject):
    """`backend.subscribe(kinds, function)`."""

    def test_a_subscriber_is_told_of_its_kinds_as_they_are_written(self, backend: Backend) -> None:
        """Added, saved, appended and removed, one entry each, and nothing of other kinds."""
        told: list[Entry] = []
        backend.subscribe(["customers", "orders"], lambda _, entry: told.append(entry))

        with backend.unit_of_work(actor="ines", source="till") as uow:
            ana = uow.customers.add(a_customer())
            assert [entry.ids for entry in told] == [(ana.id,)]
            ana = uow.customers.save(ana.renamed("Ana"))
            order = uow.orders.add(an_order(ana))
            uow.orders.remove(order.id)
            uow.products.add(a_product())
            uow.customers.remove(uow.customers.add(a_customer("Ben")))

        assert [(entry.kind, entry.operation.value) for entry in told] == [
            ("customers", "added"),
            ("customers", "saved"),
            ("orders", "appended"),
            ("orders", "removed"),
            ("customers", "added"),
            ("customers", "removed"),
        ]
        assert {(entry.actor, entry.source) for entry in told} == {("ines", "till")}
        assert told[1].personal == ({"name": ["Ana Ruiz", "Ana"]},)
        assert told == [e for e in backend.journal() if e.kind != "products"]

    def test_what_a_subscriber_writes_is_kept_with_what_it_was_told_of(
        self, backend: Backend
    ) -> None:
        """It sees what the unit wrote, and writes in the same unit."""

        def score(uow: UnitOfWork, entry: Entry) -> None:
            for order in (uow.orders.get(FactId(id)) for id in entry.ids):
                count = uow.profiles.get(order.customer_id)["order_count"]
                uow.scores.add(a_score(order.customer_id, float(count), scorer="orders"))

        backend.subscribe("orders", score)
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add_many([an_order(ana), an_order(ana, nth=2)])
            assert uow.profiles.get(ana.id)["order_count"] == 2

        with backend.reading() as uow:
            assert [found.value for found in uow.scores.of(ana.id)] == [2.0]
        assert [entry.kind for entry in backend.journal()] == ["customers", "orders", "scores"]

    def test_what_is_undone_is_undone_for_both(self, backend: Backend) -> None:
        """Neither is there after an exception, or after giving up."""
        _greeting(backend)
        before = everything_in(backend)

        with pytest.raises(ZeroDivisionError), backend.unit_of_work() as uow:  # noqa: PT012  what ends the unit
            uow.customers.add(a_customer())
            _ = 1 // 0
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())
            uow.rollback()

        assert everything_in(backend) == before

    def test_an_exception_in_a_subscriber_dooms_the_unit(self, backend: Backend) -> None:
        """It comes through to the writer, and nothing is kept even where it is caught."""

        def fail(uow: UnitOfWork, _: Entry) -> None:
            uow.products.add(a_product())
            raise LookupError

        backend.subscribe("customers", fail)
        with pytest.raises(LookupError), backend.unit_of_work() as uow:
            uow.customers.add(a_customer())
        with pytest.raises(Refused) as raised, backend.unit_of_work() as uow:  # noqa: SIM117  what ends the unit
            with pytest.raises(LookupError):
                uow.customers.add(a_customer())

        assert raised.value.rule == "unit_of_work.doomed"
        assert backend.journal() == []

    def test_an_error_that_a_subscriber_catches_before_a_write_is_its_own(
        self, backend: Backend
    ) -> None:
        """What was refused before anything was written dooms nothing."""

        def look(uow: UnitOfWork, _: Entry) -> None:
            with pytest.raises(NotFound):
                uow.customers.get(a_customer("Nobody").id)

        backend.subscribe("customers", look)
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())

        with backend.reading() as uow:
            assert uow.customers.get(ana.id) == ana

    def test_subscribers_are_told_in_the_order_of_the_journal(self, backend: Backend) -> None:
        """Who subscribed first is told first; what a subscriber writes waits until all were told
        of what came before it.
        """
        told: Told = []

        def first(uow: UnitOfWork, entry: Entry) -> None:
            told.append(("first", entry.kind))
            if entry.kind == "customers":
                uow.interactions.add(an_interaction(CustomerId(entry.ids[0])))
                told.append(("first", "wrote"))

        backend.subscribe("*", first)
        backend.subscribe("*", lambda _, entry: told.append(("second", entry.kind)))
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())

        assert told == [
            ("first", "customers"),
            ("first", "wrote"),
            ("second", "customers"),
            ("first", "interactions"),
            ("second", "interactions"),
        ]
        assert [entry.kind for entry in backend.journal()] == ["customers", "interactions"]

    def test_subscribers_that_lead_to_each_other_are_refused(self, backend: Backend) -> None:
        """Ten times are well, and more is no endless loop."""
        made: list[int] = []
        name, limit = "Ana Ruiz", DEEPEST - 1

        def another(uow: UnitOfWork, _: Entry) -> None:
            if len(made) < limit:
                made.append(1)
                uow.customers.add(a_customer(name, nth=1 + len(made)))

        backend.subscribe("customers", another)
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())
        assert len(backend.journal()) == DEEPEST

        made, name, limit = [], "Ben", 1000
        with pytest.raises(Refused) as raised, backend.unit_of_work() as uow:
            uow.customers.add(a_customer("Ben"))

        assert raised.value.rule == "subscribers.depth"
        assert len(backend.journal()) == DEEPEST

    def test_a_subscriber_is_no_longer_told_once_it_has_unsubscribed(
        self, backend: Backend
    ) -> None:
        """Each subscription ends by itself, also that of the same function."""
        told: list[Entry] = []

        def listen(_: UnitOfWork, entry: Entry) -> None:
            told.append(entry)

        ends = [backend.subscribe("customers", listen) for _ in range(2)]
        backend.run(_add, "Ana Ruiz")
        ends[0]()
        ends[0]()
        backend.run(_add, "Ben")
        ends[1]()
        backend.run(_add, "Cid")

        assert len(told) == 2 + 1

    def test_a_bulk_call_is_told_once_a_batch(self, backend: Backend) -> None:
        """One entry with the ids of all of them; facts that were known already are not told."""
        told: list[Entry] = []
        backend.subscribe("orders", lambda _, entry: told.append(entry))
        orders = [an_order(a_customer(), nth=n, source_key=str(n)) for n in range(1, 4)]
        with backend.unit_of_work(source="shop") as uow:
            uow.customers.add(a_customer())
            uow.orders.add_many(orders)
            uow.orders.add_many(orders)
            uow.orders.add(orders[0])

        assert [len(entry.ids) for entry in told] == [3]

    def test_a_subscriber_may_change_what_it_was_told_of(self, backend: Backend) -> None:
        """A customer saved by a subscriber is one version on; the writer's copy is old."""

        def greet(uow: UnitOfWork, entry: Entry) -> None:
            if entry.operation is Operation.ADDED:
                customer = uow.customers.get(entry.ids[0])
                uow.customers.save(customer.renamed("Greeted"))

        backend.subscribe("customers", greet)
        added = backend.run(_add, "Ana Ruiz")

        with backend.reading() as uow:
            assert uow.customers.get(added.id).version == 2
            assert uow.profiles.get(added.id)["name"] == "Greeted"

    def test_a_subscriber_may_give_up(self, backend: Backend) -> None:
        """After `rollback()` nobody else is told, and nothing is kept."""
        told: list[Entry] = []
        backend.subscribe("customers", lambda uow, _: uow.rollback())
        backend.subscribe("customers", lambda _, entry: told.append(entry))

        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())

        assert (told, backend.journal()) == ([], [])

    def test_giving_up_is_the_same_for_one_and_for_many(self, backend: Backend) -> None:
        """The call that a subscriber gives up in returns; the next one is refused."""
        ana, ben = a_customer(), a_customer("Ben")
        with backend.unit_of_work() as uow:
            uow.customers.add_many([ana, ben])
        before = everything_in(backend)
        backend.subscribe("*", lambda uow, _: uow.rollback())

        def customers(uow: UnitOfWork) -> int:
            return uow.customers.add_many([a_customer("Cid"), a_customer("Dan")])

        def facts(uow: UnitOfWork) -> int:
            return uow.interactions.add_many([an_interaction(ana), an_interaction(ben)])

        def saved(uow: UnitOfWork) -> int:
            return uow.customers.save_many(
                [c.renamed("Eve") for c in uow.customers.get_many([ana.id, ben.id]).values()]
            )

        for write in (customers, facts, saved):
            with backend.unit_of_work() as uow:
                assert write(uow) == 2
                with pytest.raises(Refused) as raised:
                    uow.customers.get(ana.id)
            assert raised.value.rule == "unit_of_work.open"

        with backend.unit_of_work() as uow:
            uow.interactions.add(an_interaction(ana))
        assert everything_in(backend) == before

    def test_the_second_attempt_of_run_tells_again(self, backend: Backend) -> None:
        """Each attempt is a unit of its own: what the first one's subscribers wrote is gone."""
        _greeting(backend)
        faults(backend).busy()
        ana = backend.run(_add, "Ana Ruiz")

        with backend.reading() as uow:
            assert len(uow.interactions.of(ana.id)) == 1

    def test_what_is_no_kind_is_refused(self, backend: Backend) -> None:
        """A name that the journal does not have would never be told of anything."""
        for kinds in ("order", "profiles", [], ["orders", "*"], "", [1]):
            with pytest.raises(InvalidInput) as raised:
                backend.subscribe(kinds, print)  # type: ignore[arg-type]  # what a caller may give
            assert raised.value.faults[0].path == "kinds"
        not_callable: Any = "print"
        with pytest.raises(InvalidInput):
            backend.subscribe("orders", not_callable)

    def test_corrections_are_told_too(self, backend: Backend) -> None:
        """A return is told when its customer's profile is folded anew already."""
        seen: list[object] = []

        def look(uow: UnitOfWork, entry: Entry) -> None:
            back = uow.returns.get(FactId(entry.ids[0]))
            seen.append(str(uow.profiles.get(back.customer_id)["revenue"]))

        backend.subscribe("returns", look)
        with backend.unit_of_work() as uow:
            order = uow.orders.add(an_order(uow.customers.add(a_customer()), "100.00"))
            uow.returns.add(a_return(order, "20.00"))

        assert seen == ["80.00 EUR"]

    @needs("joins_host_transactions")
    def test_subscribers_of_joined_units_follow_the_host(self, backend: Backend) -> None:
        """What they wrote is kept when the host commits, and not before."""
        _greeting(backend)
        with self.host_transaction(backend) as joined:
            with _joining(backend, joined) as uow:
                uow.customers.add(a_customer())
            with backend.reading() as beside:
                assert beside.profiles.where().count() == 0

        assert [entry.kind for entry in backend.journal()] == ["customers", "interactions"]


def _greeting(backend: Backend) -> None:
    def greet(uow: UnitOfWork, entry: Entry) -> None:
        uow.interactions.add_many(an_interaction(CustomerId(id)) for id in entry.ids)

    backend.subscribe("customers", greet)


def _add(uow: UnitOfWork, name: str) -> Any:
    return uow.customers.add(a_customer(name))


def _joining(backend: Any, joined: dict[str, Any]) -> Any:
    return backend.unit_of_work(**joined)
