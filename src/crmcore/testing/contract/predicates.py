"""Predicates: one question, one answer, on every engine (O5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings

from crmcore.adapters.backend import Backend
from crmcore.domain.attributes import Scalar
from crmcore.domain.expressions import field
from crmcore.domain.ids import CustomerId
from crmcore.domain.predicates import And, Or, Predicate
from crmcore.domain.profile import Profile
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_customer, a_score, an_interaction, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.draws import MODEL, QUESTIONS
from crmcore.testing.contract.plain import bare
from crmcore.testing.contract.subject import Make, Subject
from crmcore.testing.oracle import holds

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


class PredicatesContract(Subject):
    """`where(predicate)` over absent, empty, zero and false values of every type."""

    @pytest.fixture
    def people(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant of its own with everybody of `PEOPLE`."""
        return people(backends, clock)

    def test_every_answer_is_the_definitions(self, people: Backend) -> None:
        """A random predicate selects exactly those for whom its definition holds."""
        with people.reading() as uow:
            rows = {p.customer_id: {n: bare(v) for n, v in p.items()} for p in everybody(uow)}

            @settings(max_examples=10 * self.examples, deadline=None)
            @given(QUESTIONS)
            def check(question: Predicate) -> None:
                expected = sorted(id for id, row in rows.items() if holds(question, row))
                assert selected(uow, question) == expected
                assert uow.profiles.where(question).count() == len(expected)

            check()

    def test_the_laws_of_logic_hold(self, people: Backend) -> None:
        """Complement, partition, double negation and De Morgan, whatever is absent."""
        with people.reading() as uow:
            whole = {profile.customer_id for profile in everybody(uow)}

            @settings(max_examples=5 * self.examples, deadline=None)
            @given(QUESTIONS, QUESTIONS)
            def check(p: Predicate, q: Predicate) -> None:
                yes, no = set(selected(uow, p)), set(selected(uow, ~p))
                assert yes | no == whole
                assert not yes & no
                assert selected(uow, ~~p) == selected(uow, p)
                assert selected(uow, ~(p & q)) == selected(uow, ~p | ~q)
                assert selected(uow, ~(p | q)) == selected(uow, ~p & ~q)
                assert set(selected(uow, p & q)) == yes & set(selected(uow, q))

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
            assert uow.profiles.where(~field("seat").is_in()).count() == len(PEOPLE)
            assert uow.profiles.where(And(())).count() == len(PEOPLE)
            assert uow.profiles.where(Or(())).count() == 0

    def test_dates_and_instants_are_compared_as_such(self, people: Backend) -> None:
        """A host's date and instant, each with its own order."""
        born, renewed = field("born"), field("renewed_at")
        day = AT.date().replace(year=1990, month=12, day=31)
        with people.reading() as uow:
            one = _called(uow, "dated")
            assert selected(uow, born == day) == selected(uow, born >= day) == one
            assert selected(uow, born < day) == []
            assert selected(uow, born.is_in(day, day + timedelta(days=1))) == one
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
    return backend


def everybody(uow: UnitOfWork) -> list[Profile]:
    """All profiles."""
    return list(uow.profiles.where().page(limit=1000))


def selected(uow: UnitOfWork, predicate: Predicate) -> list[CustomerId]:
    """Whom the predicate holds for."""
    return list(uow.profiles.where(predicate).ids())


def _called(uow: UnitOfWork, name: str) -> list[CustomerId]:
    return [p.customer_id for p in uow.profiles.where().page(limit=1000) if p["name"] == name]
