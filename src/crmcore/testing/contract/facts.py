"""Facts: appended once each, whatever comes again, and never edited."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import ConflictingFact, InvalidInput, MissingRate, NotFound
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.interaction import Interaction
from crmcore.domain.kinds import ORDERS
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.testing.builders import AT, a_customer, a_score, an_interaction, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.rates import OneRate
from crmcore.testing.contract.subject import MODEL, Make, Subject, everything_in
from crmcore.testing.strategies import interactions, moneys, orders

__all__ = ["FactsContract"]

NOBODY = CustomerId(UUID(int=7))


class FactsContract(Subject):
    """`uow.orders`, `uow.interactions`, `uow.scores`: what every collection of facts does."""

    def test_a_fact_comes_back_whole(self, backend: Backend) -> None:
        """A fact is read as it was recorded, to the last line and letter."""
        ana = a_customer()
        own = st.just(ana.id)
        euros = moneys(currencies=st.just("EUR"), min_minor=0, max_minor=10**12)

        @settings(max_examples=self.examples, deadline=None)
        @given(
            st.lists(orders(customer_ids=own, totals=euros), max_size=2, unique_by=_key),
            st.lists(interactions(customer_ids=own), max_size=2, unique_by=_key),
        )
        def check(bought: list[Order], called: list[Interaction]) -> None:
            with backend.unit_of_work() as uow:
                uow.customers.add(ana)
                uow.orders.add_many(bought)
                uow.interactions.add_many(called)
                found = {order.id: order for order in uow.orders.of(ana.id)}
                heard = {call.id: call for call in uow.interactions.of(ana.id)}
                uow.rollback()
            assert found == {order.id: order for order in bought}
            assert heard == {call.id: call for call in called}

        check()

    def test_the_same_again_is_nothing(self, backend: Backend) -> None:
        """Same key and same content again is nothing, and answers what is stored."""
        with backend.unit_of_work(source="shop") as uow:
            ana = uow.customers.add(a_customer())
            first = uow.orders.add(an_order(ana, source_key="1001"))
        before = everything_in(backend)

        again = attrs.evolve(an_order(ana, source_key="1001"), id=FactId(UUID(int=9)))
        with backend.unit_of_work(source="shop") as uow:
            assert uow.orders.add(again) == first
            assert uow.orders.add_many([again, again]) == 0

        assert everything_in(backend) == before

    def test_the_same_id_again_is_nothing(self, backend: Backend) -> None:
        """Without a source key the id tells facts apart."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.interactions.add(an_interaction(ana))
        with backend.unit_of_work() as uow:
            assert uow.interactions.add_many([an_interaction(ana), an_interaction(ana, nth=2)]) == 1

            assert uow.profiles.get(ana.id)["interaction_count"] == 2

    def test_a_key_needs_a_source(self, backend: Backend) -> None:
        """A source key of no source tells nothing apart: `InvalidInput`, and the unit goes on."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            with pytest.raises(InvalidInput) as raised:
                uow.orders.add_many([an_order(ana), an_order(ana, source_key="1001")])
            assert uow.orders.of(ana.id) == []

        assert [fault.path for fault in raised.value.faults] == ["[1].source_key"]

    def test_one_object_twice_is_one_fact(self, backend: Backend) -> None:
        """A bulk that names one fact twice records it once."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            order = an_order(ana)
            assert uow.orders.add_many([order, order]) == 1

            assert uow.profiles.get(ana.id)["order_count"] == len(uow.orders.of(ana.id)) == 1

    def test_the_same_key_with_other_content_conflicts(self, backend: Backend) -> None:
        """`ConflictingFact` names the key and the fields, never a value."""
        with backend.unit_of_work(source="shop") as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add(an_order(ana, "120.00", source_key="1001", lines=()))

        other = an_order(ana, "130.00", source_key="1001", channel="web", lines=())
        with pytest.raises(ConflictingFact) as raised, backend.unit_of_work(source="shop") as uow:
            uow.orders.add(other)

        assert attrs.astuple(raised.value) == ("orders", "shop", "1001", ("total", "channel"))
        with backend.reading() as uow:
            assert uow.profiles.get(ana.id)["revenue"] == Money("120", "EUR")

    def test_two_of_one_bulk_may_repeat_and_not_conflict(self, backend: Backend) -> None:
        """Within one bulk the same rules hold as between two."""
        one = an_order(a_customer(), "120.00", source_key="1001", source="shop", lines=())
        same = attrs.evolve(one, id=FactId(UUID(int=9)))
        other = attrs.evolve(same, total=Money("130.00", "EUR"))
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            assert uow.orders.add_many([one, same]) == 1
            assert len(uow.orders.of(ana.id)) == 1
        with pytest.raises(ConflictingFact), backend.unit_of_work() as uow:
            uow.orders.add_many([one, other])

    def test_keys_are_apart_by_source_and_by_kind(self, backend: Backend) -> None:
        """Two systems, and two kinds of fact, may number alike."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            shop, till = (an_order(ana, source=s, source_key="1") for s in ("shop", "till"))
            uow.orders.add_many([shop, till])
            uow.interactions.add(an_interaction(ana, source="shop", source_key="1"))
            profile = uow.profiles.get(ana.id)

        assert (profile["order_count"], profile["interaction_count"]) == (2, 1)

    def test_the_keys_of_a_source_are_known(self, backend: Backend) -> None:
        """Those that a fact has, of this kind and source, a removed one too."""
        with backend.unit_of_work(source="shop") as uow:
            ana = uow.customers.add(a_customer())
            first, *_ = (
                uow.orders.add(an_order(ana, source_key=key, nth=nth))
                for nth, key in enumerate("abc")
            )
            uow.orders.remove(first.id)
            uow.interactions.add(an_interaction(ana, source_key="d"))
        with backend.unit_of_work() as uow:
            assert uow.reads.keyed(ORDERS, "shop", ["a", "b", "d", "A"]) == {"a", "b"}
            assert uow.reads.keyed(ORDERS, "till", ["a", "b"]) == set()
            assert uow.reads.keyed(ORDERS, "shop", ["c"]) == {"c"}
            assert uow.reads.keyed(ORDERS, "shop", []) == set()

    def test_a_fact_of_nobody_is_refused(self, backend: Backend) -> None:
        """An unknown customer is `NotFound`, and nothing of the bulk is kept."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())

        with pytest.raises(NotFound) as raised, backend.unit_of_work() as uow:
            uow.scores.add_many([a_score(ana), a_score(NOBODY)])

        assert (raised.value.kind, raised.value.id) == ("customers", str(NOBODY))
        with backend.reading() as uow:
            assert uow.scores.of(ana.id) == []

    def test_a_removed_fact_is_out_of_every_read(self, backend: Backend) -> None:
        """`remove` takes a wrongly recorded fact out of every read and fold."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            kept, wrong = an_order(ana), an_order(ana, "1000.00")
            uow.orders.add_many([kept, wrong])
            uow.orders.remove(wrong.id)

            assert [order.id for order in uow.orders.of(ana.id)] == [kept.id]
            assert uow.profiles.get(ana.id)["revenue"] == Money("120", "EUR")
            with pytest.raises(NotFound):
                uow.orders.get(wrong.id)
            with pytest.raises(NotFound):
                uow.orders.remove(wrong.id)

    def test_a_removed_fact_does_not_come_back(self, backend: Backend) -> None:
        """Its source key stays taken, so importing the same fact again changes nothing."""
        wrong = an_order(a_customer(), source="shop", source_key="1001")
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.remove(uow.orders.add(wrong).id)
        with backend.unit_of_work() as uow:
            again = attrs.evolve(wrong, id=FactId(UUID(int=9)))
            assert uow.orders.add_many([wrong, again]) == 0

            assert uow.profiles.get(ana.id)["order_count"] == 0

    def test_facts_are_read_by_when_they_happened(self, backend: Backend) -> None:
        """`of` gives all of one customer, by `at`, not by arrival."""
        days = [3, 1, 2]
        with backend.unit_of_work() as uow:
            ana, ben = uow.customers.add(a_customer()), uow.customers.add(a_customer("Ben"))
            uow.scores.add_many(a_score(ana, at=AT + timedelta(days=day)) for day in days)
            uow.scores.add(a_score(ben))
            found = uow.scores.of(ana.id)

        assert [score.at for score in found] == [AT + timedelta(days=day) for day in (1, 2, 3)]

    def test_money_is_kept_beside_its_worth_in_the_model_currency(
        self, backends: Make, backend: Backend, clock: FrozenClock
    ) -> None:
        """A money fact keeps amount and currency; the base amount is at its dated rate."""
        rated = backends(tenant="a", model=MODEL, clock=clock, rates=OneRate("0.905"))
        with rated.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            stored = uow.orders.add(an_order(ana, Money("0.50", "USD")))

            # 45.25 cents, rounded half to even
            assert (stored.total, stored.base_amount) == (
                Money("0.50", "USD"),
                Money("0.45", "EUR"),
            )
            assert uow.profiles.get(ana.id)["revenue"] == Money("0.45", "EUR")

    def test_a_missing_rate_is_refused(self, backend: Backend) -> None:
        """No rate is assumed, and no amount taken for zero (O12)."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            with pytest.raises(MissingRate) as raised:
                uow.orders.add(an_order(ana, Money("5", "USD")))

        assert (raised.value.currency, raised.value.into, raised.value.on) == (
            "USD", "EUR", AT.date(),
        )  # fmt: skip

    def test_conflicts_are_told_beforehand(self, backend: Backend) -> None:
        """`conflicts` names by index the fields that contradict, and writes nothing."""
        one = an_order(a_customer(), "120.00", source_key="1001", source="shop", lines=())
        other = attrs.evolve(one, total=Money("130.00", "EUR"))
        with backend.unit_of_work() as uow:
            uow.customers.add(a_customer())
            assert uow.orders.conflicts([one, one, other]) == {2: ("total",)}
            uow.orders.add(one)
            assert uow.orders.conflicts([one, other]) == {1: ("total",)}


def _key(fact: Order | Interaction) -> object:
    return fact.id if fact.source_key is None else (fact.source, fact.source_key)
