"""Answers as they were: predicates and scores asked again with what was known at an instant."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import Refused
from crmcore.domain.expressions import ago, facts, field
from crmcore.domain.ids import CustomerId
from crmcore.domain.predicates import Predicate
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.as_known import as_known
from crmcore.services.scoring import score
from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_customer,
    a_return,
    a_score,
    an_interaction,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.draws import MODEL, QUESTIONS
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["AsKnownContract"]

DEEDS = ("add", "rename", "call on", "tag", "attribute", "order", "return", "cancel", "score")
ASKED: tuple[Predicate, ...] = (
    field("name") == "Ana",
    field("email").is_present(),
    field("stage") == "active",
    field("tags").has("vip"),
    field("visits") >= 1,
    field("purchase_count") >= 1,
    field("revenue") > field("web_revenue"),
    field("probability_alive") >= 0.5,
    field("probability_alive_at").is_present(),
    facts("purchases").within(days=30).count() >= 2,
    facts("orders").between(ago(days=400), None).max("at").is_present(),
    facts("interactions").latest("channel") == "web",
)


class AsKnownContract(Subject):
    """`crmcore.services.as_known(backend, predicate, at=…)`."""

    def test_an_answer_is_repeated(self, backends: Make, clock: FrozenClock) -> None:
        """Whatever was recorded since, by the clock of the store, the answer is the one of then."""
        histories = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 9)), max_size=12)

        @settings(max_examples=self.examples, deadline=None)
        @given(histories, QUESTIONS)
        def check(deeds: list[tuple[str, int]], drawn: Predicate) -> None:
            store = backends(tenant="as-known", model=MODEL, clock=clock)
            store.migrate()
            with store.reading() as uow:
                before = set(uow.profiles.where().ids())
            answers: list[tuple[datetime, list[list[CustomerId]]]] = []
            asked = (*ASKED, drawn, ~drawn)
            for deed, draw in deeds:
                clock.advance(timedelta(hours=7))
                with store.unit_of_work() as uow:
                    mine = sorted(set(uow.profiles.where().ids()) - before)
                    _do(uow, deed, draw, mine)
                clock.advance()
                with store.reading() as uow:
                    now = [sorted(set(uow.profiles.where(p).ids()) - before) for p in asked]
                answers.append((clock.now, now))
            for then, expected in (*answers[:1], *answers[-2:-1]):
                found = [
                    [id for id in as_known(store, p, at=then) if id not in before] for p in asked
                ]
                assert found == expected

        check()

    def test_what_came_later_is_not_known(self, backend: Backend, clock: FrozenClock) -> None:
        """A late order, a rename, a customer: each counts from the instant it was recorded at."""
        began = clock.now
        ana, ben = a_customer("Ana"), a_customer("Ben")
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
        clock.advance()
        with backend.unit_of_work() as uow:
            uow.customers.add(ben)
            uow.customers.save(uow.customers.get(ana.id).renamed("Anna"))
            uow.orders.add(an_order(ana, at=AT - timedelta(days=9)))

        def known(predicate: Predicate, at: datetime) -> list[CustomerId]:
            return list(as_known(backend, predicate, at=at))

        assert known(field("kind").is_present(), began) == [ana.id]
        assert known(field("kind").is_present(), clock.now) == sorted([ana.id, ben.id])
        assert known(field("name") == "Ana", began) == [ana.id]
        assert known(field("name") == "Ana", clock.now) == []
        assert known(field("purchase_count") == 1, began) == []
        assert known(field("purchase_count") == 1, clock.now) == [ana.id]

    def test_scores_are_those_of_then(self, backend: Backend, clock: FrozenClock) -> None:
        """Whatever came in since, `known_at` gives the scores of then to the last digit, with their
        intervals; since they are stored already, nothing is added. Needs the extra `analytics`.
        """
        pytest.importorskip("scipy")
        people = [a_customer(f"Buyer {n}") for n in range(12)]
        sold = [
            an_order(
                who, f"{10 + (n * 7 + again) % 9}.25", at=AT - timedelta(days=9 * n + 4 * again)
            )
            for n, who in enumerate(people)
            for again in range(1 + n % 5)
        ]
        as_of = clock.now.date()
        with backend.unit_of_work() as uow:
            uow.customers.add_many(people)
            uow.orders.add_many(sold)
            uow.returns.add(a_return(sold[1], "4.00"))
            uow.cancellations.add(a_cancellation(sold[3]))
        then, first = clock.now, score(backend, as_of=as_of, level=0.9)
        clock.advance(timedelta(days=3))
        with backend.unit_of_work() as uow:
            uow.customers.add(late := a_customer("Late"))
            uow.orders.add(an_order(late, at=AT - timedelta(days=40)))
            uow.orders.add(an_order(people[0], "99.00", at=AT - timedelta(days=30), nth=2))
            uow.returns.add(a_return(sold[2]))
            uow.returns.add(a_return(sold[1], "1.00", nth=2))
            uow.cancellations.add(a_cancellation(sold[5]))
        again = score(backend, as_of=as_of, level=0.9, known_at=then)

        assert first.added == 3 * first.customers > 0
        assert again.added == 0
        assert again.customer_ids == first.customer_ids
        assert (again.purchases.params, again.spend.params) == (
            first.purchases.params, first.spend.params,
        )  # fmt: skip
        with backend.reading() as uow:
            kept = {id: {s.scorer: s for s in uow.scores.of(id)} for id in first.customer_ids}
        for name, found in again.values.items():
            assert found.low is not None
            assert found.high is not None
            columns = (found.value.tolist(), found.low.tolist(), found.high.tolist())
            for id, value, *ends in zip(again.customer_ids, *columns, strict=True):
                told = kept[id][name]
                assert (told.value, told.scorer_version) == (value, "1")
                assert [told.low, told.high] == ([None, None] if isnan(ends[0]) else ends)
        assert any(told.low is not None for own in kept.values() for told in own.values())
        now = score(backend, as_of=as_of, record=False)
        assert now.purchases.params != first.purchases.params


def _do(uow: UnitOfWork, deed: str, draw: int, mine: list[CustomerId]) -> None:
    if deed == "add" or not mine:
        emails = [["x@x.org"], []][draw % 2]
        visits = {"visits": draw % 3}
        uow.customers.add(a_customer("Ana", emails=emails, attributes=visits, at=uow.recorded_at))
        return
    who = mine[draw % len(mine)]
    customer, at = uow.customers.get(who), uow.recorded_at - timedelta(days=draw)
    match deed:
        case "rename":
            uow.customers.save(customer.renamed(["Ana", "Ben"][draw % 2]))
        case "call on":
            uow.interactions.add(an_interaction(who, ["web", "phone"][draw % 2], at=at))
        case "tag":
            change = customer.tagged if draw % 2 else customer.untagged
            uow.customers.save(change("vip"))
        case "attribute":
            uow.customers.save(customer.with_attribute("visits", draw % 3, at=uow.recorded_at))
        case "order":
            uow.orders.add(an_order(who, "10.00", channel=["web", None][draw % 2], at=at))
        case "score":
            uow.scores.add(a_score(who, draw / 9, at=at))
        case _:
            orders = uow.orders.of(who)
            if orders:
                order = orders[draw % len(orders)]
                with suppress(Refused):
                    if deed == "cancel":
                        uow.cancellations.add(a_cancellation(order, at=uow.recorded_at))
                    else:
                        uow.returns.add(a_return(order, "4.00", at=uow.recorded_at))
