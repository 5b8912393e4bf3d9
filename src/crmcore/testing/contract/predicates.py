"""Predicates: one question, one answer, on every engine (O5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.attributes import Scalar
from crmcore.domain.expressions import ago, facts, field, from_now, start_of
from crmcore.domain.ids import CustomerId
from crmcore.domain.predicates import And, Not, Or, Predicate
from crmcore.domain.profile import Profile
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    AT,
    a_cancellation,
    a_consent,
    a_customer,
    a_fulfilment,
    a_line,
    a_payment,
    a_return,
    a_score,
    an_interaction,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.draws import ASKED, MODEL, QUESTIONS
from crmcore.testing.contract.plain import facts_told, plain_profile
from crmcore.testing.contract.subject import Make, Subject
from crmcore.testing.local_days import moment_meant, zone_of
from crmcore.testing.meanings import meaning

__all__ = ["PredicatesContract", "everybody", "people", "selected"]

PEOPLE: Mapping[str, Mapping[str, Scalar]] = {
    "nothing known": {},
    "empty text": {"seat": ""},
    "zero": {"visits": 0, "weight": 0.0, "height": Decimal(0)},
    "false": {"vip": False},
    "true": {"vip": True, "seat": "a", "visits": 1, "weight": 0.1, "height": Decimal("0.1")},
    "negative": {"visits": -1, "weight": -2.5, "seat": "A"},
    "large": {"visits": 2**53 - 1, "weight": 1e300, "height": Decimal("1.000001"), "seat": "é"},
    "dated": {"born": AT.date().replace(year=1990, month=12, day=31), "renewed_at": AT},
}


TRAVELLERS: Mapping[str, tuple[str | None, date | None]] = {
    "José Núñez": ("Pacific/Kiritimati", date(2000, 2, 29)),
    "ÅSA O'Brien": ("Etc/GMT+12", date(1990, 1, 1)),
    "Łukasz Straße": ("America/Sao_Paulo", date(1985, 3, 5)),
    "Zoë": ("Australia/Lord_Howe", date(1970, 12, 31)),
    "Ana": (None, date(2024, 2, 28)),
}
"""Names in several scripts, with the zones they live in and the days they were born on."""
BOUNDS = (
    start_of("day", zone="customer"), start_of("day"), start_of("week"), start_of("month"),
    start_of("quarter", zone="customer"), ago(days=1), ago(hours=24), ago(days=1, zone="customer"),
    ago(months=1),
)  # fmt: skip


class PredicatesContract(Subject):
    """`where(predicate)` over absent, empty, zero and false values of every type, over facts around
    the bounds that are asked for, and in the zones of the customers.
    """

    @pytest.fixture
    def people(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant of its own with everybody of `PEOPLE`."""
        return people(backends, clock)

    def test_every_answer_is_the_definitions(self, people: Backend) -> None:
        """A random predicate selects exactly those for whom its definition holds."""
        with people.reading() as uow:
            rows = {p.customer_id: plain_profile(p) for p in everybody(uow)}
            told, zone = facts_told(uow), uow.model.zone
            own = {id: zone_of(row["zone"], zone) for id, row in rows.items()}

            @settings(max_examples=4 * self.examples, deadline=None)
            @given(QUESTIONS, ASKED)
            def check(question: Predicate, at: datetime) -> None:
                holds = meaning(question, at=at, zone=zone)
                expected = sorted(id for id, row in rows.items() if holds(row, told[id], own[id]))
                asked = uow.profiles.where(question, at=at)
                assert list(asked.ids()) == expected
                assert asked.count() == len(expected)

            check()

    def test_the_laws_of_logic_hold(self, people: Backend) -> None:
        """Complement, partition, double negation and De Morgan, whatever is absent."""
        with people.reading() as uow:
            whole = {profile.customer_id for profile in everybody(uow)}

            @settings(max_examples=2 * self.examples, deadline=None)
            @given(QUESTIONS, QUESTIONS, ASKED)
            def check(p: Predicate, q: Predicate, at: datetime) -> None:
                def ids(predicate: Predicate) -> list[CustomerId]:
                    return list(uow.profiles.where(predicate, at=at).ids())

                yes, no = set(ids(p)), set(ids(~p))
                assert yes | no == whole
                assert not yes & no
                assert ids(~~p) == ids(Not(Not(p))) == ids(p)
                assert ids(~(p & q)) == ids(~p | ~q)
                assert ids(~(p | q)) == ids(~p & ~q)
                assert set(ids(p & q)) == yes & set(ids(q))

            check()

    def test_an_explanation_is_the_answer(self, people: Backend) -> None:
        """`explain` holds for exactly those that `where` selects, whatever is asked."""
        moving = [
            field("renewed_at") < ago(days=1),
            field("renewed_at").during("today", zone="customer"),
            field("born") >= start_of("year", shift=-40),
            ~(field("renewed_at") >= from_now(hours=2)),
        ]
        with people.reading() as uow:
            ids = [profile.customer_id for profile in everybody(uow)]

            @settings(max_examples=self.examples, deadline=None)
            @given(QUESTIONS, st.sampled_from(moving))
            def check(question: Predicate, relative: Predicate) -> None:
                asked = question | relative
                told = {id: uow.profiles.explain(asked, id) for id in ids}
                assert sorted(id for id in ids if told[id].holds) == selected(uow, asked)
                assert all(str(one) for one in told.values())

            check()

    def test_a_comparison_with_an_absent_value_is_false(self, people: Backend) -> None:
        """Whatever the operator; `!=` is `~(==)` and therefore true."""
        visits, unknown = field("visits"), field("visits").is_absent()
        with people.reading() as uow:
            absent = set(selected(uow, unknown))
            false = (visits == 0, visits < 1, visits <= 0, visits > -1, visits >= 0)

            assert absent
            assert all(not set(selected(uow, p)) & absent for p in (*false, visits.is_in(0, 1)))
            assert absent <= set(selected(uow, visits != 0))
            alike = _called(uow, "zero") + _called(uow, "true")
            assert selected(uow, visits == field("order_count")) == sorted(alike)

    def test_falsy_values_are_values(self, people: Backend) -> None:
        """Empty text, zero and False are known, and equal to nothing but themselves."""
        with people.reading() as uow:
            assert selected(uow, field("seat") == "") == _called(uow, "empty text")
            assert selected(uow, field("visits") == 0) == _called(uow, "zero")
            assert selected(uow, field("weight") == 0.0) == _called(uow, "zero")
            assert selected(uow, field("height") == Decimal(0)) == _called(uow, "zero")
            assert selected(uow, field("vip") == False) == _called(uow, "false")  # noqa: E712
            assert selected(uow, field("vip").is_in(True)) == _called(uow, "true")

    def test_nothing_given_is_in_nothing(self, people: Backend) -> None:
        """`is_in()` holds for nobody, an empty `all` for everybody, an empty `any` for nobody."""
        with people.reading() as uow:
            assert selected(uow, field("seat").is_in()) == []
            assert uow.profiles.where(~field("seat").is_in()).count() == len(PEOPLE) + len(
                TRAVELLERS
            )
            assert uow.profiles.where(And(())).count() == len(PEOPLE) + len(TRAVELLERS)
            assert uow.profiles.where(Or(())).count() == 0

    def test_a_sum_or_count_of_facts_is_there_for_everybody(self, people: Backend) -> None:
        """Zero without facts, or where no fact has a value; the other folds are absent then."""
        calls = facts("interactions")
        with people.reading() as uow:
            whole = list(uow.profiles.where().ids())
            for there in (calls.count(), calls.sum("waited_seconds")):
                assert selected(uow, there.is_present()) == whole
                assert selected(uow, there.is_absent()) == []
                assert selected(uow, there >= 0) == whole
            waited = selected(uow, calls.min("waited_seconds").is_present())
            called = selected(uow, calls.count() > 0)
            assert waited == called != whole

    def test_dates_and_instants_are_compared_as_such(self, people: Backend) -> None:
        """A host's date and instant, each with its own order."""
        born, renewed = field("born"), field("renewed_at")
        day = AT.date().replace(year=1990, month=12, day=31)
        with people.reading() as uow:
            one = _called(uow, "dated")
            assert selected(uow, born == day) == one
            assert selected(uow, born.is_in(day, day + timedelta(days=1))) == one
            assert set(one) <= set(selected(uow, born >= day)) & set(selected(uow, born <= day))
            assert not set(one) & {*selected(uow, born < day), *selected(uow, born > day)}
            assert selected(uow, renewed <= AT) == one
            assert selected(uow, renewed > AT - timedelta(milliseconds=1)) == one
            assert selected(uow, renewed < AT) == []

    def test_a_decimal_and_a_money_are_exact(self, people: Backend) -> None:
        """One tenth is one tenth, and large numbers are told from their neighbours."""
        with people.reading() as uow:
            assert selected(uow, field("height") == Decimal("0.1")) == _called(uow, "true")
            assert selected(uow, field("height") > Decimal(1)) == _called(uow, "large")
            assert selected(uow, field("visits") == 2**53 - 1) == _called(uow, "large")
            assert selected(uow, field("visits") == 2**53 - 2) == []


def people(backends: Make, clock: FrozenClock) -> Backend:
    """Tenant `people` with everybody of `PEOPLE`; some of them bought, called, or were scored."""
    backend = backends(tenant="people", model=MODEL, clock=clock)
    backend.migrate()
    with backend.unit_of_work() as uow:
        if not uow.profiles.where().count():
            some = [a_customer(name, attributes=known) for name, known in PEOPLE.items()]
            uow.customers.add_many(some)
            uow.orders.add_many([an_order(some[1], "0.01"), an_order(some[4], "1.00")])
            uow.orders.add(an_order(some[3], "0.00", channel="web"))
            uow.interactions.add(an_interaction(some[4], "web", topic="billing", waited_seconds=0))
            uow.scores.add_many([a_score(some[2], 0.0), a_score(some[4], 1.0)])
            uow.customers.save(uow.customers.get(some[5].id).moved_to("active", at=AT))
            for name, (zone, born) in TRAVELLERS.items():
                _travel(uow, name, zone, born)
    return backend


def _travel(uow: UnitOfWork, name: str, zone: str | None, born: date | None) -> None:
    """Somebody with facts of every kind, one millisecond before and at bounds of their days."""
    known: dict[str, Scalar] = {} if born is None else {"born": born}
    who = a_customer(name, zone=zone, attributes=known, tags=["vip", "new"][: len(name) % 3])
    uow.customers.add(who)
    asked = datetime(2024, 2, 29, 10, 30, tzinfo=UTC)
    there = zone or uow.model.zone
    bounds = [moment_meant(b, asked, there if b.zone == "customer" else MODEL.zone) for b in BOUNDS]
    ats = [bound - ms for bound in bounds for ms in (timedelta(milliseconds=1), timedelta())]
    uow.interactions.add_many(
        an_interaction(who, ("phone", "web", "email")[n % 3], at=at, nth=n, source="shop",
            topic=(None, "billing", "delivery")[n % 3], waited_seconds=(None, 0, 1, 90)[n % 4])
        for n, at in enumerate(ats)
    )  # fmt: skip
    bought = [
        an_order(who, ("0.00", "1.00", "1.01")[n % 3], at=at, channel=(None, "web")[n % 2], nth=n,
            lines=[a_line("SKU-1", unit_price="0.01", category=(None, "flights")[n // 4 % 2])]
            if n % 4 else [])
        for n, at in enumerate(ats)
    ]  # fmt: skip
    uow.orders.add_many(bought)
    uow.payments.add_many(a_payment(one, at=one.at) for one in bought if one.total.minor)
    uow.fulfilments.add_many(a_fulfilment(bought[n], complete=n % 4 > 0) for n in (1, 2, 4))
    uow.cancellations.add(a_cancellation(bought[3]))
    uow.returns.add_many([a_return(bought[1], "0.01"), a_return(bought[4])])
    uow.consents.add_many(
        a_consent(who, given=n % 2 == 0, at=at, channel=("email", None)[n % 2], nth=n)
        for n, at in enumerate(ats[:4])
    )
    uow.scores.add_many(a_score(who, (0.0, 0.5)[n % 2], at=at, nth=n) for n, at in enumerate(ats))


def everybody(uow: UnitOfWork) -> list[Profile]:
    """All profiles."""
    return list(uow.profiles.where().page(limit=1000))


def selected(uow: UnitOfWork, predicate: Predicate) -> list[CustomerId]:
    """Whom the predicate holds for."""
    return list(uow.profiles.where(predicate).ids())


def _called(uow: UnitOfWork, name: str) -> list[CustomerId]:
    return [p.customer_id for p in uow.profiles.where().page(limit=1000) if p["name"] == name]
