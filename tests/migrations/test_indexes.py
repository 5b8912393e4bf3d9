"""An index that a model asks for is there, and the database's own plan uses it, on each dialect.

The control: the same questions about fields that are declared without an index scan the table.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmcore import (
    AttributeType,
    Customer,
    Fold,
    Interaction,
    Measure,
    Model,
    Money,
    Predicate,
    field,
)
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.domain.matching import matcher
from crmcore.testing.strategies import predicates, scalars

AT = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = ("text", "integer", "float", "decimal", "boolean", "date", "instant", "money")
INDEXED = Model(
    attributes=[
        AttributeType(f"{side}_{name}", name, indexed=side == "a")
        for name in NAMES
        for side in "ab"
    ],
    measures=[
        Measure("topic", "interactions", Fold.LATEST, "topic", indexed=True),
        Measure("subject", "interactions", Fold.LATEST, "subject"),
        Measure("waited", "interactions", Fold.MAX, "waited_seconds", indexed=True),
        Measure("lasted", "interactions", Fold.MAX, "lasted_seconds"),
    ],
)
VALUES: dict[str, Any] = {
    "text": "row 17", "integer": 17, "float": 17.5, "decimal": Decimal("0.17"),
    "date": date(2024, 1, 18), "instant": datetime(2024, 1, 18, tzinfo=UTC),
    "money": Money("17.00", "EUR"),
}  # fmt: skip
SHIFTED: dict[str, Any] = {
    "text": lambda n: f"row {n}", "integer": lambda n: n, "float": lambda n: n + 0.5,
    "decimal": lambda n: Decimal(n) / 100, "date": lambda n: date.fromordinal(738885 + n),
    "instant": lambda n: datetime.fromtimestamp(1704067200 + 86400 * n, UTC),
    "money": lambda n: Money(f"{n}.00", "EUR"),
}  # fmt: skip
QUESTIONS = [
    *((f"a_{name}", f"b_{name}", value) for name, value in VALUES.items()),
    ("topic", "subject", "topic 17"),
    ("waited", "lasted", 17),
]


@pytest.fixture(scope="module")
def backend(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlBackend]:
    from tests.migrations.databases import empty_database

    with empty_database(server, tmp_path_factory.mktemp("indexes")) as url:
        engine = engine_for(url)
        made = SqlBackend(engine, model=INDEXED)
        made.migrate()
        _populate(made)
        yield made
        engine.dispose()


def _populate(backend: SqlBackend) -> None:
    people = []
    for n in range(1500):
        person = Customer.person(at=AT)
        for name, shift in SHIFTED.items():
            for side in "ab":
                person = person.with_attribute(f"{side}_{name}", shift(n), at=AT)
        people.append(person)
    with backend.unit_of_work() as uow:
        uow.customers.add_many(people)
        uow.interactions.add_many(
            Interaction(customer_id=person.id, at=AT, channel="web", topic=f"topic {n}",
                        subject=f"topic {n}", waited_seconds=n, lasted_seconds=n)
            for n, person in enumerate(people)
        )  # fmt: skip
    with backend.engine.connect() as connection:
        analyze = "ANALYZE TABLE crm_profiles" if _dialect(backend) == "mariadb" else "ANALYZE"
        connection.exec_driver_sql(analyze)
        connection.commit()


def _dialect(backend: SqlBackend) -> str:
    return backend.engine.dialect.name


def plan_of(backend: SqlBackend, where: Predicate) -> str:
    """What the database says of how it finds the ids."""
    seen: list[tuple[str, Any]] = []

    @sa.event.listens_for(backend.engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "crm_profiles" in statement:
            seen.append((statement, parameters))

    with backend.reading() as uow:
        assert len(list(uow.profiles.where(where).ids())) == 1
    sa.event.remove(backend.engine, "before_cursor_execute", note)
    statement, parameters = seen[-1]
    explain = "EXPLAIN QUERY PLAN" if _dialect(backend) == "sqlite" else "EXPLAIN"
    with backend.engine.connect() as connection:
        rows = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
        return "\n".join(" ".join(map(str, row)) for row in rows)


@pytest.mark.parametrize(("indexed", "plain", "value"), QUESTIONS, ids=lambda v: str(v)[:12])
def test_the_plan_uses_the_index(backend: SqlBackend, indexed: str, plain: str, value: Any):
    """Equality and a range; and the control, the same value in a field without an index."""
    for where in (field(indexed) == value, (field(indexed) >= value) & (field(indexed) <= value)):
        used = plan_of(backend, where)
        assert any(f"{form}_crm_profiles_{indexed}" in used for form in FORMS), used
    scanned = plan_of(backend, field(plain) == value)
    assert not any(f"{form}_crm_profiles_{plain}" in scanned for form in FORMS), scanned


FORMS = ("iat", "ian", "iaf", "iab", "ib", "ix")
KEPT = {known.name: st.none() | scalars(known.type) for known in INDEXED.attributes}
rows = st.lists(st.fixed_dictionaries(KEPT), min_size=4, max_size=4)
asked = predicates(INDEXED, fields={n: INDEXED.profile_fields[n] for n in KEPT}, absolute=True)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=rows, questions=st.lists(asked, min_size=8, max_size=8))
def test_indexed_or_not_the_answers_are_those_of_python(
    backend: SqlBackend, told: list[dict[str, Any]], questions: list[Predicate]
):
    """O5 on each dialect: absent, empty, 0 and False values, each question and its opposite."""
    people = []
    for values in told:
        person = Customer.person(at=AT)
        for name, value in values.items():
            if value is not None:
                person = person.with_attribute(name, value, at=AT)
        people.append(person)
    mine = {person.id for person in people}
    with backend.unit_of_work() as uow:
        uow.customers.add_many(people)
        profiles = uow.profiles.get_many(list(mine))
        for question in questions:
            for one in (question, ~question):
                holds = matcher(INDEXED.checked(one))
                expected = sorted(id for id, p in profiles.items() if holds(p.__getitem__))
                assert [id for id in uow.profiles.where(one).ids() if id in mine] == expected
        uow.rollback()


def test_text_that_was_told_before_its_index_may_be_longer(backend: SqlBackend):
    """10,000 characters that no compression shortens, and two that differ at the end alone: when
    the attribute gets an index, they are found apart and kept in order, as before. (PostgreSQL's
    keys end at 2,700 bytes, MariaDB's at 3,072.)
    """
    some = random.Random(7)  # no secret
    long = "".join(chr(some.randrange(0x4E00, 0x9FFF)) for _ in range(9_999))
    plain, indexed = (
        SqlBackend(
            backend.engine,
            tenant="long",
            model=Model(attributes=[AttributeType("note", "text", indexed=indexed)]),
        )
        for indexed in (False, True)
    )
    people = [Customer.person(at=AT).with_attribute("note", long + e, at=AT) for e in ("a", "b")]
    plain.migrate()
    with plain.unit_of_work() as uow:
        uow.customers.add_many(people)
    for each in (plain, indexed):
        each.migrate()
        with each.reading() as uow:
            for person, end in zip(people, "ab", strict=True):
                assert list(uow.profiles.where(field("note") == long + end).ids()) == [person.id]
            among = field("note").is_in(long + "a", long + "c")
            assert list(uow.profiles.where(among).ids()) == [people[0].id]
            assert uow.profiles.where(field("note") > long + "a").count() == 1
            assert uow.profiles.where(field("note") >= long + "a").count() == 2
            assert uow.profiles.where(field("note") < long + "b").count() == 1
            assert uow.profiles.where(~(field("note") == long + "a")).count() == 1


def test_the_same_name_may_be_a_number_to_one_tenant_and_text_to_another(backend: SqlBackend):
    """O13: neither tenant's index stands in the other's way, whatever values it holds."""
    types: dict[str, Any] = {
        "text": "7A", "integer": 7, "float": 1e300, "boolean": True, "instant": AT,
        "money": Money("7.00", "EUR"), "date": AT.date(), "decimal": Decimal("0.7"),
    }  # fmt: skip
    backends = {
        name: SqlBackend(
            backend.engine,
            tenant=f"of {name}",
            model=Model(attributes=[AttributeType("seat", name, indexed=True)]),
        )
        for name in types
    }
    for each in backends.values():
        each.migrate()
    for name, each in backends.items():
        with each.unit_of_work() as uow:
            who = uow.customers.add(
                Customer.person(at=AT).with_attribute("seat", types[name], at=AT)
            )
        with each.reading() as uow:
            assert list(uow.profiles.where(field("seat") == types[name]).ids()) == [who.id]
            assert uow.profiles.get(who.id)["seat"] == types[name]


def test_names_too_long_for_a_database_are_shortened(server: str | None, tmp_path: Any):
    """The longest prefix, attribute and measure that are allowed."""
    from tests.migrations.databases import empty_database

    name = "a" * 39
    model = Model(
        attributes=[AttributeType(f"{name}b", "money", indexed=True)],
        measures=[Measure(f"{name}c", "orders", Fold.MAX, "base_amount", indexed=True)],
    )
    with empty_database(server, tmp_path) as url:
        engine = engine_for(url)
        backend = SqlBackend(engine, model=model, prefix="a_shop_with_a_name_")
        backend.migrate()
        with backend.unit_of_work() as uow:
            uow.customers.add(
                Customer.person(at=AT).with_attribute(f"{name}b", Money("1", "EUR"), at=AT)
            )
        with backend.reading() as uow:
            assert uow.profiles.where(field(f"{name}b") == Money("1", "EUR")).count() == 1
        engine.dispose()
