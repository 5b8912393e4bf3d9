"""Profiles: the fold of a customer's facts, whatever the order in which they came."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput, NotFound
from crmcore.domain.ids import CustomerId
from crmcore.domain.money import Money
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
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.arrivals import Arrival, arrivals, profiles_after
from crmcore.testing.contract.subject import Make, Subject, opened

__all__ = ["ProfilesContract"]

DAY = timedelta(days=1)


class ProfilesContract(Subject):
    """`uow.profiles.get`, and what every append folds into it."""

    def test_a_new_customer_has_a_profile(self, backend: Backend) -> None:
        """Counts and sums begin at zero; `min`, `max` and `latest` are absent."""
        with backend.unit_of_work() as uow:
            profile = uow.profiles.get(uow.customers.add(a_customer()).id)

        assert (profile["order_count"], profile["calls"]) == (0, 0)
        assert profile["revenue"] == profile["paid"] == Money("0", "EUR")
        absent = ("first_purchase_at", "last_channel", "last_channel_at", "lifetime_value", "seat")
        assert [profile[name] for name in absent] == [None] * len(absent)

    def test_a_profile_copies_its_customer(self, backend: Backend) -> None:
        """Copied fields and attributes follow every save."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(
                a_customer(emails=["a@example.com", "b@example.com"], attributes={"seat": "12A"})
            )
            before = uow.profiles.get(ana.id)
            moved = ana.moved_to("active", at=AT + DAY).without_attribute("seat").renamed(None)
            uow.customers.save(moved)
            after = uow.profiles.get(ana.id)

        fields = ("name", "stage", "stage_since", "email", "seat", "known_since")
        assert [before[f] for f in fields] == [
            "Ana Ruiz", "prospect", AT, "a@example.com", "12A", AT,
        ]  # fmt: skip
        assert [after[f] for f in fields] == [
            None, "active", AT + DAY, "a@example.com", None, AT,
        ]  # fmt: skip

    def test_a_profile_has_every_field_of_the_model(self, backend: Backend) -> None:
        """A profile is a mapping with exactly the model's fields."""
        with backend.unit_of_work() as uow:
            profile = uow.profiles.get(uow.customers.add(a_customer()).id)

        assert set(profile) == set(backend.model.profile_fields)
        with pytest.raises(KeyError):
            profile["shoe_size"]

    def test_nobody_has_no_profile(self, backend: Backend) -> None:
        """`get` is `NotFound`, `get_many` leaves unknown ids out."""
        nobody = CustomerId(UUID(int=7))
        with backend.reading() as uow:
            assert uow.profiles.get_many([nobody]) == {}
            with pytest.raises(NotFound):
                uow.profiles.get(nobody)

    def test_purchases_are_counted_and_summed(self, backend: Backend) -> None:
        """Count, sum, first and last of what was bought."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add_many(an_order(ana, "10.10", at=AT + n * DAY) for n in (2, 0, 1))
            uow.payments.add(a_payment(an_order(ana, "10.10", at=AT)))
            profile = uow.profiles.get(ana.id)

        assert (profile["purchase_count"], profile["revenue"]) == (3, Money("30.30", "EUR"))
        assert profile["first_purchase_at"] == AT
        assert profile["last_purchase_at"] == AT + 2 * DAY
        assert profile["paid"] == profile["largest_purchase"] == Money("10.10", "EUR")

    def test_a_measure_counts_only_what_its_condition_holds_for(self, backend: Backend) -> None:
        """`where` narrows a measure to some facts; absent values take no part."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.interactions.add_many([
                an_interaction(ana, "phone", topic="billing"),
                an_interaction(ana, "web", at=AT + DAY),
            ])  # fmt: skip
            profile = uow.profiles.get(ana.id)

        assert (profile["calls"], profile["interaction_count"]) == (1, 2)
        assert (profile["last_channel"], profile["last_topic"]) == ("web", "billing")
        assert (profile["last_channel_at"], profile["last_topic_at"]) == (AT + DAY, AT)

    def test_the_latest_is_latest_by_when_it_happened(self, backend: Backend) -> None:
        """A fact that arrives late does not displace a later one."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.scores.add(a_score(ana, 0.9, at=AT + DAY))
        with backend.unit_of_work() as uow:
            uow.scores.add(a_score(ana, 0.1, at=AT))
            profile = uow.profiles.get(ana.id)

        assert profile["probability_alive"] == 0.9
        assert profile["probability_alive_at"] == AT + DAY

    def test_a_sum_stays_where_it_is_exact(self, backend: Backend) -> None:
        """A fact that would take it beyond 2**53 minor units is refused, and nothing is lost."""
        much = Money.of_minor(2**53 - 1, "EUR")
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add(an_order(ana, total=much, lines=()))

        with pytest.raises(InvalidInput), backend.unit_of_work() as uow:
            uow.orders.add(an_order(ana, total=Money("0.01", "EUR"), nth=2))

        with backend.reading() as uow:
            assert uow.profiles.get(ana.id)["revenue"] == much

    def test_of_equal_instants_the_last_recorded_counts(
        self, backend: Backend, clock: FrozenClock
    ) -> None:
        """Of equals in `at` the one recorded last; of equals in both the greatest value."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.scores.add_many([a_score(ana, 0.5), a_score(ana, 0.9), a_score(ana, 0.7)])
            together = uow.profiles.get(ana.id)["probability_alive"]
        clock.advance()
        with backend.unit_of_work() as uow:
            uow.scores.add(a_score(ana, 0.1))
            uow.profiles.rebuild()
            later = uow.profiles.get(ana.id)["probability_alive"]

        assert (together, later) == (0.9, 0.1)

    def test_zero_is_a_value(self, backend: Backend) -> None:
        """A latest score of zero is known, and replaces another."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            uow.scores.add(a_score(ana, -1.0, scorer="expected_purchases"))
            uow.scores.add(a_score(ana, 0.0, scorer="expected_purchases", at=AT + DAY))
            uow.orders.add(an_order(ana, "0.00"))
            profile = uow.profiles.get(ana.id)

        assert profile["expected_purchases"] == 0.0
        assert profile["largest_purchase"] == Money("0", "EUR")

    def test_facts_of_a_joint_batch_are_told_apart(self, backend: Backend) -> None:
        """One bulk over many customers is folded into each one's own profile."""
        some = [a_customer(f"Number {n}") for n in range(5)]
        with backend.unit_of_work() as uow:
            uow.customers.add_many(some)
            uow.orders.add_many(
                an_order(c, "1.00", nth=nth) for n, c in enumerate(some) for nth in range(n)
            )
            found = uow.profiles.get_many([customer.id for customer in some])

        assert [found[customer.id]["purchase_count"] for customer in some] == [0, 1, 2, 3, 4]

    def test_a_rebuild_changes_nothing(self, backend: Backend) -> None:
        """`rebuild` folds every profile anew from the facts, to what it was."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            orders = [an_order(ana, nth=n) for n in range(3)]
            uow.orders.add_many(orders)
            uow.returns.add(a_return(orders[0], "20"))
            uow.cancellations.add(a_cancellation(orders[1]))
            uow.scores.add(a_score(ana))
            before = uow.profiles.get(ana.id)
            uow.profiles.rebuild()

            assert uow.profiles.get(ana.id) == before

    def test_any_order_of_arrival_gives_the_same_profiles(
        self, backends: Make, clock: FrozenClock
    ) -> None:
        """A profile is a function of the facts: no order, batch or repetition changes it."""
        numbers = count()

        @settings(max_examples=self.examples, deadline=None)
        @given(arrivals(), st.randoms(use_true_random=False), st.integers(1, 4))
        def check(facts: list[Arrival], random: Any, size: int) -> None:
            number = next(numbers)
            one, other = (opened(backends, clock, f"{x}{number}") for x in ("one", "other"))
            shuffled = _shuffled(facts, random)
            as_told = profiles_after(one, facts, batch=1)
            assert profiles_after(other, shuffled, batch=size) == as_told
            with other.unit_of_work() as uow:
                uow.profiles.rebuild()
            assert profiles_after(other, facts, batch=size) == as_told

        check()


def _shuffled(facts: list[Arrival], random: Any) -> list[Arrival]:
    """In any order, some twice; only that an order comes before what happens to it."""
    again = [*facts, *(fact for fact in facts if random.random() < 0.2)]
    place = {fact: random.random() for fact in again}
    return sorted(again, key=lambda fact: (fact.depends, place[fact]))
