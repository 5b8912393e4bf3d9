"""Orders' later facts: what is paid, delivered, cancelled and returned, and what follows."""

from __future__ import annotations

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput, NotFound, Refused
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.order_facts import OrderStatus
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    a_cancellation,
    a_customer,
    a_fulfilment,
    a_payment,
    a_return,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.rates import OneRate
from crmcore.testing.contract.subject import MODEL, Make, Subject

__all__ = ["OrdersContract"]


class OrdersContract(Subject):
    """`uow.payments`, `uow.fulfilments`, `uow.cancellations`, `uow.returns`."""

    def test_the_status_follows_from_the_facts(self, backend: Backend) -> None:
        """Placed, paid, fulfilled, partly returned, returned: derived, stored nowhere."""
        with backend.unit_of_work() as uow:
            order = uow.orders.add(an_order(uow.customers.add(a_customer())))
            seen = [uow.orders.history(order.id).status]
            uow.payments.add(a_payment(order, "20"))
            seen.append(uow.orders.history(order.id).status)
            uow.payments.add(a_payment(order, "100"))
            seen.append(uow.orders.history(order.id).status)
            uow.fulfilments.add(a_fulfilment(order))
            seen.append(uow.orders.history(order.id).status)
            uow.returns.add(a_return(order, "50"))
            seen.append(uow.orders.history(order.id).status)
            uow.returns.add(a_return(order, "70"))
            seen.append(uow.orders.history(order.id).status)

        assert seen == [
            OrderStatus.PLACED, OrderStatus.PLACED, OrderStatus.PAID, OrderStatus.FULFILLED,
            OrderStatus.PARTLY_RETURNED, OrderStatus.RETURNED,
        ]  # fmt: skip

    def test_the_history_has_all_facts_of_the_order_alone(self, backend: Backend) -> None:
        """`history` has the order's own facts, `of_order` those of one kind."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            order, other = an_order(ana), an_order(ana, nth=2)
            uow.orders.add_many([order, other])
            uow.payments.add_many([a_payment(order), a_payment(other)])
            uow.returns.add(a_return(order, "20"))
            history = uow.orders.history(order.id)

            assert [fact.id for fact in history.payments] == [a_payment(order).id]
            assert history.returned == Money("20", "EUR")
            assert [f.order_id for f in uow.payments.of_order(other.id)] == [other.id]

    def test_returning_everything_leaves_nothing(self, backend: Backend) -> None:
        """Buy, then return it in parts: revenue and purchases are as before (O2)."""
        with backend.unit_of_work() as uow:
            ana, order = _bought(uow, "100.01")
            for nth, part in enumerate(("33.33", "33.34", "33.34")):
                uow.returns.add(a_return(order, part, nth=nth))
            profile = uow.profiles.get(ana.id)

        assert (profile["revenue"], profile["purchase_count"]) == (Money("0", "EUR"), 0)
        assert profile["last_purchase_at"] is profile["largest_purchase"] is None
        assert (profile["order_count"], profile["returned"]) == (1, Money("100.01", "EUR"))

    def test_a_part_returned_leaves_the_rest(self, backend: Backend) -> None:
        """A partial return lowers what was bought, to the minor unit."""
        with backend.unit_of_work() as uow:
            ana, order = _bought(uow, "120.00")
            uow.returns.add(a_return(order, "19.99"))
            profile = uow.profiles.get(ana.id)

        assert profile["revenue"] == profile["largest_purchase"] == Money("100.01", "EUR")
        assert profile["purchase_count"] == 1

    def test_shares_in_another_currency_add_up(
        self, backend: Backend, backends: Make, clock: FrozenClock
    ) -> None:
        """Returns follow the order's own rate, and their rounding adds up to the order (O12)."""
        rated = backends(tenant="a", model=MODEL, clock=clock, rates=OneRate("0.9173"))
        with rated.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            order = uow.orders.add(an_order(ana, Money("1.00", "USD")))
            thirds = [
                a_return(order, part, nth=n) for n, part in enumerate(("0.33", "0.33", "0.34"))
            ]
            left = []
            for third in thirds:
                uow.returns.add(third)
                left.append(uow.profiles.get(ana.id)["revenue"].minor)
            returned = uow.profiles.get(ana.id)["returned"]

        # 92 cents for 100: 30.36, then 60.72 of it back
        assert left == [62, 31, 0]
        assert returned == order.base_amount == Money("0.92", "EUR")

    def test_more_than_was_bought_does_not_come_back(self, backend: Backend) -> None:
        """A return beyond what is left is `Refused` by name, also within one bulk."""
        with backend.unit_of_work() as uow:
            ana, order = _bought(uow, "120.00")
            uow.returns.add(a_return(order, "100"))
        with pytest.raises(Refused) as raised, backend.unit_of_work() as uow:
            uow.returns.add(a_return(order, "20.01"))
        assert (raised.value.rule, raised.value.subject) == (
            "orders.return_within_order", str(order.id),
        )  # fmt: skip
        with pytest.raises(Refused), backend.unit_of_work() as uow:
            uow.returns.add_many([a_return(order, "15"), a_return(order, "15", nth=2)])

        with backend.reading() as uow:
            assert uow.profiles.get(ana.id)["returned"] == Money("100", "EUR")

    def test_a_cancelled_order_is_no_purchase(self, backend: Backend) -> None:
        """It counts as an order still, and as nothing bought."""
        with backend.unit_of_work() as uow:
            ana, order = _bought(uow, "120.00")
            uow.cancellations.add(a_cancellation(order))
            profile = uow.profiles.get(ana.id)

            assert uow.orders.history(order.id).status is OrderStatus.CANCELLED
        assert (profile["order_count"], profile["purchase_count"]) == (1, 0)
        assert profile["revenue"] == Money("0", "EUR")

    def test_an_order_is_cancelled_once(self, backend: Backend) -> None:
        """A second cancellation is `Refused`, apart or in one bulk; the same again is nothing."""
        with backend.unit_of_work() as uow:
            _, order = _bought(uow, "120.00")
            first, second = a_cancellation(order), a_cancellation(order, nth=2)
            with pytest.raises(Refused) as raised:
                uow.cancellations.add_many([first, second])
            uow.cancellations.add(first)
            assert uow.cancellations.add_many([first]) == 0
            with pytest.raises(Refused):
                uow.cancellations.add(second)

        assert raised.value.rule == "orders.cancelled_once"

    def test_nothing_comes_back_of_a_cancelled_order(self, backend: Backend) -> None:
        """A return after the cancellation is `Refused`; one before it is no matter."""
        with backend.unit_of_work() as uow:
            _, order = _bought(uow, "120.00")
            uow.returns.add(a_return(order, "20"))
            uow.cancellations.add(a_cancellation(order))
            with pytest.raises(Refused) as raised:
                uow.returns.add(a_return(order, "30"))

        assert raised.value.rule == "orders.no_return_after_cancellation"

    def test_a_cancellation_taken_out_brings_the_purchase_back(self, backend: Backend) -> None:
        """Removing a later fact undoes what followed from it."""
        with backend.unit_of_work() as uow:
            ana, order = _bought(uow, "120.00")
            back, off = a_return(order, "20"), a_cancellation(order)
            uow.returns.add(back)
            uow.cancellations.add(off)
            uow.cancellations.remove(off.id)
            after = uow.profiles.get(ana.id)["revenue"]
            uow.returns.remove(back.id)

            assert (after, uow.profiles.get(ana.id)["revenue"]) == (
                Money("100", "EUR"), Money("120", "EUR"),
            )  # fmt: skip

    def test_a_later_fact_needs_its_order(self, backend: Backend) -> None:
        """An order that is not stored, or was removed, is `NotFound`."""
        with backend.unit_of_work() as uow:
            _, order = _bought(uow, "120.00")
            unknown = an_order(order.customer_id, nth=2)
            with pytest.raises(NotFound) as raised:
                uow.payments.add(a_payment(unknown))
            uow.orders.remove(order.id)
            with pytest.raises(NotFound):
                uow.fulfilments.add(a_fulfilment(order))

        assert (raised.value.kind, raised.value.id) == ("orders", str(unknown.id))

    def test_a_later_fact_is_of_the_same_customer(self, backend: Backend) -> None:
        """A payment that another made is no payment of this order's customer."""
        with backend.unit_of_work() as uow:
            _, order = _bought(uow, "120.00")
            ben = uow.customers.add(a_customer("Ben"))
            stranger = a_payment(an_order(ben, id=order.id))
            with pytest.raises(InvalidInput) as raised:
                uow.payments.add(stranger)

        assert [fault.path for fault in raised.value.faults] == ["customer_id"]

    def test_a_return_is_in_the_currency_of_the_order(self, backend: Backend) -> None:
        """Another currency is `Refused`: what was agreed has one."""
        with backend.unit_of_work() as uow:
            _, order = _bought(uow, "120.00")
            with pytest.raises(Refused) as raised:
                uow.returns.add(a_return(order, Money("5", "USD")))

        assert raised.value.rule == "orders.return_in_order_currency"

    def test_an_order_of_nothing_is_a_purchase(self, backend: Backend) -> None:
        """A total of zero is bought, and nothing of it comes back."""
        with backend.unit_of_work() as uow:
            ana, order = _bought(uow, "0.00")
            with pytest.raises(Refused):
                uow.returns.add(a_return(order, "0.01"))
            profile = uow.profiles.get(ana.id)

        assert (profile["purchase_count"], profile["revenue"]) == (1, Money("0", "EUR"))


def _bought(uow: UnitOfWork, total: str) -> tuple[Customer, Order]:
    ana = uow.customers.add(a_customer())
    return ana, uow.orders.add(an_order(ana, total))
