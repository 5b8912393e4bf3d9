"""Columns: facts and profiles as batches of plain columns, for analytics."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput, MissingExtra
from crmcore.domain.instants import to_millis
from crmcore.domain.kinds import FACTS
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_customer,
    a_payment,
    a_return,
    a_score,
    an_interaction,
    an_order,
)
from crmcore.testing.contract.subject import Subject

__all__ = ["ColumnsContract"]

DAY = timedelta(days=1)
EVERYTHING = (*(kind.name for kind in FACTS), "purchases", "profiles")


class ColumnsContract(Subject):
    """`backend.columns(kind, since=…, until=…)`."""

    def test_orders_come_as_plain_values(self, backend: Backend) -> None:
        """Ids are 16 bytes, instants UTC milliseconds, money minor units and currency."""
        with backend.unit_of_work(source="shop", actor="ines") as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add(an_order(ana, "120.50", channel="web", source_key="1"))
        (row,) = _rows(backend, "orders")

        assert row["id"] == an_order(ana, "120.50", source_key="1").id.bytes
        assert (row["customer_id"], row["at"]) == (ana.id.bytes, to_millis(AT))
        assert (row["total_minor"], row["total_currency"]) == (12050, "EUR")
        assert (row["base_amount_minor"], row["channel"]) == (12050, "web")
        assert (row["source"], row["source_key"], row["actor"]) == ("shop", "1", "ines")

    def test_a_window_has_its_beginning_and_not_its_end(self, backend: Backend) -> None:
        """`since <= at < until`."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add_many(an_order(ana, at=AT + n * DAY) for n in range(4))

        def days(**window: Any) -> list[int]:
            rows = _rows(backend, "orders", **window)
            return sorted((row["at"] - to_millis(AT)) // 86_400_000 for row in rows)

        assert days(since=AT + DAY, until=AT + 3 * DAY) == [1, 2]
        assert days(since=AT + 3 * DAY) == [3]
        assert days(until=AT) == []
        assert days(since=AT + DAY + timedelta(microseconds=1)) == [1, 2, 3]

    def test_a_window_over_purchases_asks_when_they_were_placed(self, backend: Backend) -> None:
        """A purchase is at the instant of its order, however late a part came back."""
        with backend.unit_of_work() as uow:
            order = uow.orders.add(an_order(uow.customers.add(a_customer())))
            uow.returns.add(a_return(order, "20", at=AT + 9 * DAY))

        assert [row["amount_minor"] for row in _rows(backend, "purchases", until=AT + DAY)] == [
            10_000
        ]

    def test_purchases_are_net(self, backend: Backend) -> None:
        """Orders without those cancelled or wholly returned, less what came back."""
        with backend.unit_of_work() as uow:
            ana = _fill(uow)
        rows = _rows(backend, "purchases")

        assert sorted(row["amount_minor"] for row in rows) == [10_000, 12_000]
        assert {row["customer_id"] for row in rows} == {ana}
        assert {row["amount_currency"] for row in rows} == {"EUR"}

    def test_removed_facts_are_left_out(self, backend: Backend) -> None:
        """What was taken out is in no export."""
        with backend.unit_of_work() as uow:
            order = uow.orders.add(an_order(uow.customers.add(a_customer())))
            uow.orders.remove(order.id)

        assert _rows(backend, "orders") == _rows(backend, "purchases") == []

    @pytest.mark.parametrize("kind", EVERYTHING)
    def test_every_kind_has_its_columns(self, backend: Backend, kind: str) -> None:
        """Every batch has the same columns, all of one length."""
        with backend.unit_of_work() as uow:
            _fill(uow)
        batches = list(backend.columns(kind, since=None))

        assert len({tuple(batch) for batch in batches}) <= 1
        assert all(len({len(values) for values in batch.values()}) == 1 for batch in batches)

    def test_profiles_have_one_row_per_customer(self, backend: Backend) -> None:
        """Copied fields and measures; bookkeeping columns stay inside."""
        with backend.unit_of_work() as uow:
            ana = _fill(uow)
        (row,) = _rows(backend, "profiles")

        assert (row["customer_id"], row["stage"], row["calls"]) == (ana, "prospect", 1)
        assert (row["revenue_minor"], row["last_channel"]) == (22_000, "phone")
        assert not [name for name in row if "recorded_at" in name]

    @pytest.mark.parametrize(
        ("kind", "names"),
        [
            ("profiles", {"name", "email", "phone", "attributes"}),
            ("interactions", {"subject"}),
            ("returns", {"reason"}),
            ("cancellations", {"reason"}),
        ],
    )
    def test_personal_columns_come_only_when_asked_for(
        self, backend: Backend, kind: str, names: set[str]
    ) -> None:
        """Marked once in the domain, followed by every export."""
        with backend.unit_of_work() as uow:
            _fill(uow)
        plain, whole = (_rows(backend, kind, personal=asked) for asked in (False, True))

        assert not names & plain[0].keys()
        assert names <= whole[0].keys()

    def test_a_stream_can_be_read_again(self, backend: Backend) -> None:
        """Every reading asks the store anew."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.scores.add(a_score(ana))
        stream = backend.columns("scores")
        first = sum(len(batch["id"]) for batch in stream)
        with backend.unit_of_work() as uow:
            uow.scores.add(a_score(ana, 0.75))

        assert (first, sum(len(batch["id"]) for batch in stream)) == (1, 2)

    @pytest.mark.parametrize("kind", EVERYTHING)
    def test_a_stream_comes_in_the_order_of_ids_where_asked(
        self, backend: Backend, kind: str
    ) -> None:
        """The same rows, each time in the same order, whenever they were recorded."""
        customers = [a_customer(name, at=AT + n * DAY) for n, name in enumerate("CAB")]
        with backend.unit_of_work() as uow:
            _fill(uow)
            for customer in reversed(customers):
                uow.customers.add(customer)
                order = uow.orders.add(an_order(customer, nth=5, at=customer.at))
                uow.returns.add(a_return(order, "1", at=customer.at))
                uow.payments.add(a_payment(order, at=customer.at))
                uow.scores.add(a_score(customer, at=customer.at))
        rows = _rows(backend, kind, in_order=True)
        name = "customer_id" if kind == "profiles" else "id"

        assert [row[name] for row in rows] == sorted(row[name] for row in _rows(backend, kind))

    def test_a_stream_is_arrow_as_well(self, backend: Backend) -> None:
        """Data frames take it as an Arrow stream of the same values; without the extra `frames`
        it says what is missing.
        """
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add_many(an_order(ana, nth=nth, at=AT + nth * DAY) for nth in range(3))
        stream = backend.columns("orders", since=AT + DAY)
        plain = [batch["total_minor"] for batch in stream]
        try:
            from pyarrow import RecordBatchReader
        except ImportError:
            with pytest.raises(MissingExtra):
                stream.__arrow_c_stream__()
            return
        table = RecordBatchReader.from_stream(stream).read_all()

        assert table.column("total_minor").to_pylist() == [n for ns in plain for n in ns]
        assert sorted(table.column("at").to_pylist()) == [AT + DAY, AT + 2 * DAY]
        assert table.column("customer_id").to_pylist() == [ana.id.bytes] * 2

    def test_nothing_uncommitted_is_streamed(self, backend: Backend) -> None:
        """An export beside an open unit is without it."""
        with backend.unit_of_work() as uow:
            uow.orders.add(an_order(uow.customers.add(a_customer())))
            assert _rows(backend, "orders") == []
            uow.rollback()

    def test_an_unknown_kind_is_invalid(self, backend: Backend) -> None:
        """Asked for at once, not when the first batch is read."""
        for kind in ("order", "customers", "journal"):
            with pytest.raises(InvalidInput):
                backend.columns(kind)

    def test_a_bound_without_a_zone_is_invalid(self, backend: Backend) -> None:
        """A naive instant names none, also as a bound."""
        naive = AT.replace(tzinfo=None)
        with pytest.raises(InvalidInput):
            _rows(backend, "orders", since=naive)
        with pytest.raises(InvalidInput):
            _rows(backend, "orders", until=naive)

    @pytest.mark.parametrize("bound", ["since", "until"])
    def test_profiles_take_no_bounds(self, backend: Backend, bound: str) -> None:
        """They have no instant of their own, so a bound is invalid rather than ignored."""
        with pytest.raises(InvalidInput) as raised:
            backend.columns("profiles", **{bound: AT})  # type: ignore[arg-type]

        assert [fault.path for fault in raised.value.faults] == [bound]


def _rows(backend: Backend, kind: str, **asked: Any) -> list[dict[str, Any]]:
    return [
        dict(zip(batch, values, strict=True))
        for batch in backend.columns(kind, **asked)
        for values in zip(*batch.values(), strict=True)
    ]


def _fill(uow: UnitOfWork) -> bytes:
    """One customer: four orders, of which one came back in part, one whole, one was cancelled."""
    ana = uow.customers.add(a_customer(emails=["ana@example.com"]))
    orders = [an_order(ana, nth=nth) for nth in range(4)]
    uow.orders.add_many(orders)
    uow.returns.add_many([a_return(orders[0], "20"), a_return(orders[1])])
    uow.cancellations.add(a_cancellation(orders[2]))
    uow.interactions.add(an_interaction(ana, subject="a refund"))
    return ana.id.bytes
