"""Explanation: why a predicate holds for a customer, term by term, and never another answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmcore import (
    AttributeType,
    Backend,
    Customer,
    CustomerId,
    InvalidInput,
    Model,
    Money,
    NotFound,
    Order,
    OrderLine,
    Predicate,
    UnknownField,
    ago,
    connect,
    facts,
    field,
    from_now,
    new_id,
    start_of,
)
from crmcore.domain.predicates import And, Not, Or

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MODEL = Model(
    zone="Europe/Madrid",
    attributes=[AttributeType("born", "date", personal=True), AttributeType("visits", "integer")],
)
LAST = field("last_purchase_at")
LINE = facts("purchases").where(field("products").has("SKU-1"))


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """Three people with little in common."""
    folder: Path = tmp_path_factory.mktemp("explained")
    url = "memory://" if request.param == "memory" else f"sqlite:///{folder}/crm.db"
    made = connect(url, model=MODEL, clock=lambda: AT)
    made.migrate()
    with made.unit_of_work(source="shop") as uow:
        ana = Customer.person("Ana Ruiz", language="es", zone="Asia/Tokyo", at=AT - 400 * DAY)
        ana = ana.tagged("vip", "new").with_attribute("born", date(1990, 3, 2), at=AT)
        ben = Customer.person("Ben", at=AT - DAY)
        ben = ben.with_attribute("born", date(2000, 2, 29), at=AT)
        for who in (ana, ben, Customer.person(None, emails=["x@example.com"], at=AT)):
            uow.customers.add(who)
        for days, price in ((20, "500.00"), (0, "120.00"), (500, "1.00")):
            lines = [OrderLine.of(f"SKU-{days}", 1, price, "EUR")]
            uow.orders.add(Order.of_lines(ana.id, lines, at=AT - days * DAY))
    yield made
    made.close()


def everybody(backend: Backend) -> list[CustomerId]:
    with backend.reading() as uow:
        return list(uow.profiles.where().ids())


def ana(backend: Backend) -> CustomerId:
    with backend.reading() as uow:
        return next(uow.profiles.where(field("language") == "es").ids())


def lines(backend: Backend, asked: Predicate, *, personal: bool = False) -> list[str]:
    with backend.reading() as uow:
        return list(uow.profiles.explain(asked, ana(backend)).lines(personal=personal))


def test_each_term_tells_what_was_asked_what_was_found_and_whether_it_holds(backend: Backend):
    asked = (
        (field("revenue") >= Money("500", "EUR"))
        & (ago(days=90) > LAST)
        & ~(field("tags").has("staff") | field("region").is_present())
        & (facts("purchases").within(months=6).count() >= 3)
    )
    assert lines(backend, asked) == [
        "no   all of these",
        "  yes  revenue is at least 500.00 EUR: 621.00 EUR",
        "  no   the last purchase was more than 90 days ago: 2026-03-01 13:00+01:00",
        "         90 days ago is 2025-12-01 13:00+01:00",
        "  yes  not this",
        "    no   any of these",
        "      no   tags include staff: new, vip",
        "      no   region is known: not known",
        "  no   the number of purchases in the last 6 months is at least 3: 1",
        "         6 months ago is 2025-09-01 13:00+02:00",
        "         now is 2026-03-01 13:00+01:00",
    ]
    with backend.reading() as uow:
        told = uow.profiles.explain(asked, ana(backend))
        assert str(told) == "\n".join(told.lines())
        assert [part.holds for part in told.parts] == [True, False, True, False]
        assert dict(told.parts[0].found) == {"revenue": Money("621.00", "EUR")}
        assert told.parts[1].meant == {ago(days=90): AT - 90 * DAY}


def test_a_negated_term_is_one_line_and_a_period_is_one(backend: Backend):
    assert lines(backend, field("language") != "ca") == ["yes  language is not ca: es"]
    assert lines(backend, LAST.during("this_month")) == [
        "yes  the last purchase was during this month: 2026-03-01 13:00+01:00",
        "       the start of this month is 2026-03-01 00:00+01:00",
        "       the start of next month is 2026-04-01 00:00+02:00",
    ]


def test_local_days_are_those_of_the_zone_that_was_asked_for(backend: Backend):
    """Of a customer whose zone is not known, the model's."""
    asked = start_of("day", zone="customer") <= LAST
    assert lines(backend, asked)[1].endswith("is 2026-02-28 16:00+01:00")
    with backend.reading() as uow:
        (ben,) = uow.profiles.where(field("name") == "Ben").ids()
        (told,) = uow.profiles.explain(asked, ben).meanings()
        assert told.endswith("is 2026-03-01 00:00+01:00")


def test_what_it_was_at_another_instant_is_asked_with_at(backend: Backend):
    with backend.reading() as uow:
        asked, who = ago(days=90) > LAST, ana(backend)
        assert not uow.profiles.explain(asked, who).holds
        assert uow.profiles.explain(asked, who, at=AT + 91 * DAY).holds


def test_personal_values_are_told_only_when_asked_for(backend: Backend):
    asked = field("name").contains("ruiz") & field("born").has_birthday(within=2)
    told = lines(backend, asked)
    assert told == [
        "yes  all of these",
        "  yes  name contains •••: •••",
        "  yes  the birthday of born is •••: •••",
    ]
    assert lines(backend, asked, personal=True) == [
        "yes  all of these",
        '  yes  name contains ruiz: "Ana Ruiz"',
        "  yes  the birthday of born is today or in the next 2 days: 1990-03-02",
        "         the birthday of born is today or in the next 2 days: on 03-01, 03-02, 03-03",
    ]
    with backend.reading() as uow:
        shown = repr(uow.profiles.explain(asked, ana(backend)))
        assert "Ana" not in shown
        assert "1990" not in shown


def test_what_a_personal_field_is_compared_with_is_not_told_as_a_day_either(backend: Backend):
    asked = ~(field("born") < ago(years=18))
    assert len(lines(backend, asked)) == 1
    assert len(lines(backend, asked, personal=True)) == 2
    assert len(lines(backend, field("last_purchase_at") < ago(days=90))) == 2


def test_what_where_refuses_is_refused(backend: Backend):
    with backend.reading() as uow:
        with pytest.raises(UnknownField):
            uow.profiles.explain(field("revenu") > 1, ana(backend))
        with pytest.raises(InvalidInput, match=r"parts\[1\]"):
            uow.profiles.explain(And((field("stage") == "x", field("stage") == 5)), ana(backend))
        with pytest.raises(NotFound):
            uow.profiles.explain(field("stage") == "x", CustomerId(new_id(AT)))


LEAVES = [
    field("revenue") >= Money("500", "EUR"),
    field("paid") == field("returned"),
    field("language").is_in("es", "ca"),
    field("region").is_absent(),
    field("tags").has_all("vip", "new"),
    field("name").has_word("ru"),
    ago(days=10) > LAST,
    from_now(hours=1) < LAST,
    LAST.during("today", zone="customer"),
    field("known_since") < start_of("year", zone="customer"),
    field("stage_since") <= field("known_since"),
    field("born") < ago(years=30, zone="customer"),
    field("name").contains("UIZ"),
    field("language").starts_with("e"),
    field("born").has_birthday(),
    field("born").has_birthday(within=1, zone="customer"),
    field("born").falls_on("02-29", "12-24"),
]  # fmt: skip
FACTS = [
    LINE.count() == 0,
    facts("orders").within(days=1, zone="customer").sum("base_amount") > Money("100", "EUR"),
    facts("purchases").between(None, ago(months=1)).max("at").is_present(),
    facts("purchases").min("amount").is_in(Money("1", "EUR"), Money("2", "EUR")),
    facts("interactions").latest("channel") == "web",
]


def joined(leaves: list[Predicate]) -> st.SearchStrategy[Predicate]:
    return st.recursive(
        st.sampled_from(leaves),
        lambda parts: (
            st.lists(parts, max_size=3).map(tuple).map(And)
            | st.lists(parts, max_size=3).map(tuple).map(Or)
            | parts.map(Not)
        ),
        max_leaves=6,
    )


def same_as_where(backend: Backend, asked: Predicate, at: datetime | None) -> None:
    with backend.reading() as uow:
        ids = everybody(backend)
        told = {id: uow.profiles.explain(asked, id, at=at) for id in ids}
        assert {id for id in ids if told[id].holds} == set(uow.profiles.where(asked, at=at).ids())


INSTANTS = st.none() | st.integers(-60, 60).map(lambda hours: AT + timedelta(hours=hours))
SETTINGS = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SETTINGS
@given(asked=joined(LEAVES), at=INSTANTS)
def test_it_is_the_answer_of_where(backend: Backend, asked: Predicate, at: datetime | None):
    same_as_where(backend, asked, at)


@SETTINGS
@given(asked=joined([*LEAVES, *FACTS]), at=INSTANTS)
def test_it_is_the_answer_of_where_to_the_whole_language(
    backend: Backend, asked: Predicate, at: datetime | None
):
    same_as_where(backend, asked, at)
