"""The journal: one row per change, in order, none skipped, for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput
from crmcore.domain.journal import Entry, Operation
from crmcore.testing.builders import AT, a_cancellation, a_customer, a_product, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.subject import Subject

__all__ = ["JournalContract"]


class JournalContract(Subject):
    """`backend.journal(…)` and `uow.customers.history(…)`."""

    def test_every_change_has_its_row(self, backend: Backend, clock: FrozenClock) -> None:
        """Added, saved, removed, appended: who did what to which, and when."""
        with backend.unit_of_work(actor="ines", source="till") as uow:
            ana = uow.customers.add(a_customer())
            uow.customers.remove(uow.customers.save(ana))
            mug = uow.products.add(a_product())
        first, second, third, fourth = backend.journal()

        assert first == Entry(
            kind="customers", operation=Operation.ADDED, ids=(ana.id,), version=1, at=AT,
            recorded_at=clock.now, actor="ines", source="till",
        )  # fmt: skip
        assert (second.operation, second.version) == (Operation.SAVED, 2)
        assert (third.operation, third.version) == (Operation.REMOVED, 2)
        assert (fourth.kind, fourth.ids) == ("products", (mug.id,))

    def test_positions_have_no_gap_and_stay(self, backend: Backend) -> None:
        """Positions count from 1, and reading again gives the same."""
        for name in ("Ana", "Ben", "Cid"):
            with backend.unit_of_work() as uow:
                uow.customers.add(a_customer(name))
            assert [e.position for e in backend.journal()] == list(
                range(1, len(backend.journal()) + 1)
            )

        assert [entry.position for entry in backend.journal()] == [1, 2, 3]

    def test_a_reader_goes_on_behind_its_position(self, backend: Backend) -> None:
        """`after` and `limit` page through it; behind the end there is nothing."""
        with backend.unit_of_work() as uow:
            for n in range(5):
                uow.customers.add(a_customer(f"Number {n}"))
        pages = [backend.journal(after=after, limit=2) for after in (0, 2, 4)]
        seen = [entry.position for page in pages for entry in page]

        assert seen == [1, 2, 3, 4, 5]
        assert backend.journal(after=5) == []

    @pytest.mark.parametrize(
        ("asked", "path"),
        [
            ({"after": -1}, "after"), ({"after": 2**63}, "after"), ({"after": "1"}, "after"),
            ({"limit": 0}, "limit"), ({"limit": -1}, "limit"), ({"limit": 10_001}, "limit"),
            ({"limit": None}, "limit"),
        ],
    )  # fmt: skip
    def test_a_place_that_no_journal_has_is_invalid(
        self, backend: Backend, asked: dict[str, Any], path: str
    ) -> None:
        """Positions are not negative, and one reading is of 1 to 10,000 rows."""
        with pytest.raises(InvalidInput) as raised:
            backend.journal(**asked)

        assert [fault.path for fault in raised.value.faults] == [path]
        assert backend.journal(limit=10_000) == []

    def test_what_was_rolled_back_left_no_row(self, backend: Backend) -> None:
        """Nothing of a unit that was given up, and no gap where it would have been."""
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer("Ben"))
            uow.rollback()
        with backend.unit_of_work() as uow:
            cid = uow.customers.add(a_customer("Cid"))

        assert [(e.position, e.ids) for e in backend.journal()][1:] == [(2, (cid.id,))]

    def test_a_bulk_is_one_row(self, backend: Backend) -> None:
        """One row per batch, which names every id and no version."""
        some = [a_customer(f"Number {n}") for n in range(3)]
        with backend.unit_of_work() as uow:
            uow.customers.add_many(some)
            uow.orders.add_many(an_order(customer) for customer in some)
        added, appended = backend.journal()

        assert (added.ids, added.version) == (tuple(c.id for c in some), None)
        assert appended.operation is Operation.APPENDED
        assert set(appended.ids) == {an_order(customer).id for customer in some}

    def test_a_save_tells_what_changed(self, backend: Backend) -> None:
        """From changed field to before and after, as plain data."""
        later = AT + timedelta(days=1)
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.customers.save(ana.moved_to("active", at=later))
        saved = backend.journal()[-1]

        assert saved.changes == ({
            "stage": ["prospect", "active"], "stage_since": [AT.isoformat(), later.isoformat()],
        },)  # fmt: skip
        assert saved.personal == ({},)

    def test_personal_changes_are_kept_apart(self, backend: Backend) -> None:
        """Changes of personal fields stand in `personal` alone, where they can be redacted."""
        with backend.unit_of_work() as uow:
            uow.customers.save(uow.customers.add(a_customer()).renamed("Ana Soto"))
        saved = backend.journal()[-1]

        assert (saved.changes, saved.personal) == (({},), ({"name": ["Ana Ruiz", "Ana Soto"]},))
        assert "Soto" not in repr(saved)

    def test_a_removed_fact_has_its_row(self, backend: Backend) -> None:
        """Taking a fact out is a change like others."""
        with backend.unit_of_work() as uow:
            order = uow.orders.add(an_order(uow.customers.add(a_customer())))
            uow.cancellations.add(a_cancellation(order))
            uow.orders.remove(order.id)
        last = backend.journal()[-1]

        assert (last.kind, last.operation, last.ids) == ("orders", Operation.REMOVED, (order.id,))

    def test_what_changed_nothing_has_no_row(self, backend: Backend) -> None:
        """A fact that was known, and an empty bulk, leave the journal as it is."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add(an_order(ana))
        before = backend.journal()
        with backend.unit_of_work() as uow:
            uow.orders.add(an_order(ana))
            uow.orders.add_many([])
            uow.customers.add_many([])
            uow.customers.save_many([])
            uow.profiles.rebuild()

        assert backend.journal() == before

    def test_the_history_of_one_is_oldest_first(self, backend: Backend) -> None:
        """`history` has the rows that name this aggregate, bulks among them, and no others."""
        ana, ben = a_customer(), a_customer("Ben")
        with backend.unit_of_work() as uow:
            uow.customers.add_many([ana, ben])
            uow.customers.save(uow.customers.get(ben.id))
            stored = uow.customers.save(uow.customers.get(ana.id).moved_to("active", at=AT))
            history = uow.customers.history(ana.id)
        with backend.unit_of_work() as uow:
            uow.customers.remove(stored)
            whole = uow.customers.history(ana.id)

        assert [entry.operation for entry in history] == [Operation.ADDED, Operation.SAVED]
        assert [entry.version for entry in history] == [None, 2]
        assert [entry.operation for entry in whole][2:] == [Operation.REMOVED]

    def test_rows_of_one_customer_follow_their_versions(self, backend: Backend) -> None:
        """The order of rows is the order in which the customer was changed."""
        with backend.unit_of_work() as uow:
            ana, ben = uow.customers.add(a_customer()), uow.customers.add(a_customer("Ben"))
        for _ in range(3):
            for id in (ana.id, ben.id):
                with backend.unit_of_work() as uow:
                    uow.customers.save(uow.customers.get(id))
                backend.journal()

        of_ana = [entry.version for entry in backend.journal() if entry.ids == (ana.id,)]
        assert of_ana == [1, 2, 3, 4]

    def test_an_error_is_no_reason_to_lose_a_row(self, backend: Backend) -> None:
        """A consumer that polls between writes sees each row once."""
        seen: list[Entry] = []
        for n in range(4):
            with backend.unit_of_work() as uow:
                uow.customers.add(a_customer(f"Number {n}"))
            with pytest.raises(ZeroDivisionError), backend.unit_of_work() as uow:  # noqa: PT012  what ends the unit
                uow.customers.add(a_customer("Nobody"))
                _ = 1 // 0
            seen += backend.journal(after=len(seen))

        assert [entry.position for entry in seen] == [1, 2, 3, 4]
