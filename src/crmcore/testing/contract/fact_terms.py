"""Facts folded into a term of a predicate: one question, one answer, on every engine."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.expressions import ago, facts, field
from crmcore.domain.fact_terms import fact_values, term_field
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.matching import matcher
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.predicates import And
from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_customer,
    a_line,
    a_return,
    an_interaction,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.crowd import facts_counted, fill, question_about
from crmcore.testing.contract.draws import MODEL
from crmcore.testing.contract.predicates import selected
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["FactTermsContract"]

HOUR, MOMENT = timedelta(hours=1), timedelta(milliseconds=1)
HOSTILE = (
    "flights", "Flights", "flights ", " flights", "flight", "flïghts", "fli\u0308ghts", "é", "e",
    '"', "\\", '\\"', "%", "_", "$lines", "'", "{}", "[]", "\n", "\t", "\x7f", "\u2028", "🛫",
    'x","category":"flights', '"category":"flights"', "null", "ß", "ss", "flights\\",
)  # fmt: skip
"""Categories that an engine may take for one another, or for something of its own."""


class FactTermsContract(Subject):
    """`facts(…)` in a predicate, against what `fact_values` makes of the same facts."""

    @pytest.fixture
    def crowd(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant of its own where customers have facts of every kind, some of them removed."""
        backend = backends(tenant="crowd", model=MODEL, clock=clock)
        backend.migrate()
        with backend.unit_of_work(source="shop") as uow:
            fill(uow)
        return backend

    def test_every_fold_of_facts_is_the_definitions(self, crowd: Backend) -> None:
        """Any fold of any kind, any condition and window: those for whom its definition holds, and
        for the negation exactly all others.
        """
        with crowd.reading() as uow:
            everybody = list(uow.profiles.where().ids())
            held = {of: facts_counted(uow, of, everybody) for of in MEASURABLE}

            @settings(max_examples=5 * self.examples, deadline=None)
            @given(st.data())
            def check(data: st.DataObject) -> None:
                question, terms = question_about(data, held)
                values = {t: fact_values(t, held[t.of]) for t in terms}

                def get(id: CustomerId, term: Any) -> Any:
                    known = term_field(term)
                    value = values[term].get(id, None if known.optional else 0)
                    if known.type is FieldType.MONEY and value is not None:
                        return Money.of_minor(value, "EUR")
                    return value

                holds = matcher(question)
                expected = [id for id in everybody if holds(partial(get, id))]
                assert selected(uow, question) == expected
                assert uow.profiles.where(question).count() == len(expected)
                others = [id for id in everybody if id not in set(expected)]
                assert selected(uow, ~question) == others

            check()

    def test_a_window_begins_with_its_first_moment_and_ends_before_its_last(
        self, backend: Backend
    ) -> None:
        """`since <= at < until`, to the millisecond; an empty window has no facts."""
        ana = a_customer()
        calls = facts("interactions")
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            uow.interactions.add(an_interaction(ana, at=AT))

            def counted(since: datetime | None, until: datetime | None) -> bool:
                return selected(uow, calls.between(since, until).count() == 1) == [ana.id]

            assert counted(AT, AT + MOMENT)
            assert counted(None, AT + MOMENT)
            assert counted(AT, None)
            assert not counted(AT + MOMENT, None)
            assert not counted(AT - MOMENT, AT)
            assert not counted(AT, AT)
            assert selected(uow, calls.within(hours=1).count() == 1) == []
            asked = calls.within(hours=1).count() == 1
            assert list(uow.profiles.where(asked, at=AT + HOUR).ids()) == [ana.id]
            assert list(uow.profiles.where(asked, at=AT + HOUR + MOMENT).ids()) == []
            assert list(uow.profiles.where(asked, at=AT).ids()) == []

    def test_without_facts_counts_and_sums_are_zero_and_all_else_is_absent(
        self, backend: Backend
    ) -> None:
        """A comparison with what is absent is false, its negation true."""
        nobody, somebody = a_customer(), a_customer("Ben")
        orders = facts("orders")
        with backend.unit_of_work() as uow:
            uow.customers.add_many([nobody, somebody])
            uow.orders.add(an_order(somebody, "10.00"))
            one, other, both = [nobody.id], [somebody.id], sorted([nobody.id, somebody.id])

            assert selected(uow, orders.count() == 0) == one
            assert selected(uow, orders.count() >= 1) == other
            assert selected(uow, orders.count().is_in(0, 7)) == one
            assert selected(uow, orders.count().is_present()) == both
            assert selected(uow, orders.sum("base_amount") < Money("10", "EUR")) == one
            assert selected(uow, orders.max("base_amount") < Money("99", "EUR")) == other
            assert selected(uow, ~(orders.max("base_amount") < Money("99", "EUR"))) == one
            assert selected(uow, orders.max("base_amount") != Money("10", "EUR")) == one
            assert selected(uow, orders.min("at").is_absent()) == one
            assert selected(uow, orders.latest("channel").is_present()) == []

    def test_removed_cancelled_and_returned_facts_do_not_count(self, backend: Backend) -> None:
        """From the moment that it is recorded on, in the same unit, too."""
        ana = a_customer()
        orders, bought = facts("orders"), facts("purchases")
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            made = [an_order(ana, "10.00", nth=nth) for nth in range(4)]
            uow.orders.add_many(made)

            assert selected(uow, bought.count() == 4) == [ana.id]
            uow.returns.add_many([a_return(made[0], "1.00"), a_return(made[0], "2.00", nth=2)])
            assert selected(uow, bought.sum("amount") == Money("37", "EUR")) == [ana.id]
            uow.returns.add(a_return(made[0], "7.00"))
            uow.cancellations.add(a_cancellation(made[1]))
            taken_back = uow.returns.add(a_return(made[2], "10.00"))
            assert selected(uow, bought.count() == 1) == [ana.id]
            uow.returns.remove(taken_back.id)
            uow.orders.remove(made[3].id)
            assert selected(uow, bought.sum("amount") == Money("10", "EUR")) == [ana.id]
            assert selected(uow, orders.count() == 3) == [ana.id]

    def test_categories_are_told_apart_by_code_point(self, backend: Backend) -> None:
        """`has` finds exactly the orders with a line of that category, or that product."""
        people = [a_customer(nth=nth) for nth, _ in enumerate(HOSTILE)]
        with backend.unit_of_work() as uow:
            uow.customers.add_many([*people, nobody := a_customer("No lines")])
            uow.orders.add(an_order(nobody, lines=[]))
            for who, text in zip(people, HOSTILE, strict=True):
                lines = [a_line("plain", category=text), a_line(text)]
                uow.orders.add(an_order(who, "25.00", lines=lines))

            for of in ("orders", "purchases"):
                for who, text in zip(people, HOSTILE, strict=True):
                    with_it = facts(of).where(field("categories").has(text)).count() >= 1
                    assert selected(uow, with_it) == [who.id], text
                    sold = facts(of).where(field("products").has(text)).count() >= 1
                    assert selected(uow, sold) == [who.id], text
                empty = facts(of).where(field("categories").has("")).count() >= 1
                assert selected(uow, empty) == []
                known = facts(of).where(field("products").is_present()).count() == 0
                assert selected(uow, known) == [nobody.id]
                absent = facts(of).where(field("categories").is_absent()).count() > 0
                assert selected(uow, absent) == [nobody.id]

    def test_no_tenant_folds_the_facts_of_another(self, backends: Make, clock: FrozenClock) -> None:
        """Though customers and facts have the same ids."""
        ana, counted = a_customer(), []
        for tenant, calls in (("one", 1), ("two", 3)):
            backend = backends(tenant=tenant, model=MODEL, clock=clock)
            backend.migrate()
            with backend.unit_of_work() as uow:
                uow.customers.add(ana)
                orders = [an_order(ana, nth=n) for n in range(3)]
                uow.orders.add_many(orders)
                uow.interactions.add_many(an_interaction(ana, nth=n) for n in range(calls))
                uow.cancellations.add_many(a_cancellation(order) for order in orders[:calls])
            counted.append(backend)
        for backend, calls in zip(counted, (1, 3), strict=True):
            with backend.reading() as uow:
                assert selected(uow, facts("interactions").count() == calls) == [ana.id]
                assert selected(uow, facts("purchases").count() == 3 - calls) == [ana.id]

    def test_who_was_contacted_and_gave_no_response(self, crowd: Backend) -> None:
        """Two terms and a field of the profile, in pages in an order: all of them once."""
        calls, bought = facts("interactions"), facts("purchases")
        contacted = calls.where(field("direction") == "inbound").count() >= 1
        silent = calls.where(field("topic") == "billing").count() == 0
        with crowd.reading() as uow:
            for asked in (
                contacted & silent & (field("kind") == "person"),
                (contacted | (field("name") == "N3")) & ~(silent & (bought.count() < 2)),
            ):
                everybody = list(uow.profiles.where(asked).ids())
                assert everybody
                assert uow.profiles.where(asked).count() == len(everybody)
                assert sum(uow.profiles.where(asked).count_by("stage").values()) == len(everybody)
                for name in ("revenue", "last_purchase_at", "name"):
                    for descending in (False, True):
                        ordered = uow.profiles.where(asked).order_by(name, descending=descending)
                        found, cursor = list(page := ordered.page(limit=2)), page.next
                        while cursor is not None:
                            page = ordered.page(limit=2, after=cursor)
                            found, cursor = [*found, *page], page.next
                        assert sorted(p.customer_id for p in found) == everybody
                        values = [p[name] for p in found if p[name] is not None]
                        assert values == sorted(values, reverse=descending)
                pages, after = [], None
                for _ in everybody:
                    page = uow.profiles.where(asked).page(limit=2, after=after)
                    pages += [profile.customer_id for profile in page]
                    if (after := page.next) is None:
                        break
                assert pages == everybody

    def test_dates_within_a_condition_are_of_when_it_is_asked(self, backend: Backend) -> None:
        """`where` over facts may be relative, too; `at` says to what."""
        ana = a_customer()
        late = facts("interactions").where(field("at") >= ago(days=1)).count() >= 1
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            uow.interactions.add(an_interaction(ana, at=AT))
            day = timedelta(days=1)
            assert list(uow.profiles.where(late, at=AT + day).ids()) == [ana.id]
            assert list(uow.profiles.where(late, at=AT + day + MOMENT).ids()) == []

    def test_what_is_not_committed_is_seen_by_who_wrote_it_alone(self, backend: Backend) -> None:
        """A term counts the unit's own facts, and nothing of them once they are rolled back."""
        ana = a_customer()
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
        with backend.unit_of_work() as uow:
            uow.interactions.add(an_interaction(ana))
            assert selected(uow, facts("interactions").count() == 1) == [ana.id]
            uow.rollback()
        with backend.reading() as uow:
            assert selected(uow, facts("interactions").count() == 0) == [ana.id]

    def test_many_terms_stand_beside_many_values(self, backend: Backend) -> None:
        """Within the limits of a predicate no engine says that there are too many parameters."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer("Ana"))
            called = [facts("interactions").within(days=n).count() == 0 for n in range(1, 9)]
            named = field("name").is_in("Ana", *map(str, range(9_000)))
            assert selected(uow, And((named, *called))) == [ana.id]

    def test_a_measure_of_lines_merges_and_folds_alike(
        self, backends: Make, clock: FrozenClock
    ) -> None:
        """A condition on products or categories gives one profile, whether orders were merged one
        by one, or a return or a rebuild folded them anew.
        """
        flights, mugs = field("categories").has("flights"), field("products").has("mug")
        model = Model(measures=(
            Measure("flights", "purchases", Fold.COUNT, where=flights),
            Measure("mugs", "orders", Fold.SUM, "base_amount", where=mugs & ~flights),
            Measure("sorted", "orders", Fold.COUNT, where=field("categories").is_present()),
        ))  # fmt: skip
        backend = backends(tenant="lines", model=model, clock=clock)
        backend.migrate()
        ana = a_customer()
        bought = [
            an_order(ana, "25.00", nth=nth, lines=lines)
            for nth, lines in enumerate([
                [a_line("mug", category="flights"), a_line("mug")],
                [a_line("seat", category="flights"), a_line("cup", category="hotels")],
                [a_line("mug"), a_line("cup")],
                [],
            ])
        ]  # fmt: skip
        names = ("flights", "mugs", "sorted")
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            for order in bought:
                uow.orders.add(order)
            expected = (2, Money("25.00", "EUR"), 2)
            assert tuple(uow.profiles.get(ana.id)[name] for name in names) == expected
            uow.profiles.rebuild()
            assert tuple(uow.profiles.get(ana.id)[name] for name in names) == expected
            uow.returns.add(a_return(bought[0]))
            assert uow.profiles.get(ana.id)["flights"] == 1
