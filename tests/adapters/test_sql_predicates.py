"""Predicates in SQL select the rows that Python selects, for every type of host attribute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore import AttributeType, Customer, Model, Predicate, connect, field
from crmcore.adapters.backend import Backend
from crmcore.domain.matching import matcher
from crmcore.testing.strategies import predicates, scalars

AT = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = ("text", "integer", "float", "decimal", "boolean", "date", "instant", "money")
MODEL = Model(
    attributes=[
        AttributeType(f"{side}_{name}", name, indexed=side == "a")
        for name in NAMES
        for side in "ab"
    ]
)
VALUES = {known.name: st.none() | scalars(known.type) for known in MODEL.attributes}
rows = st.lists(st.fixed_dictionaries(VALUES), min_size=6, max_size=6)
asked = predicates(MODEL, fields={n: MODEL.profile_fields[n] for n in VALUES}, absolute=True)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    made = connect(f"sqlite:///{tmp_path_factory.mktemp('predicates')}/crm.db", model=MODEL)
    made.migrate()
    yield made
    made.close()


@settings(max_examples=20)
@given(told=rows, questions=st.lists(asked, min_size=8, max_size=8))
def test_sql_and_python_select_the_same(
    backend: Backend, told: list[dict[str, object]], questions: list[Predicate]
):
    """O5: with absent, empty, 0 and False values, and for `~` of each question too; the order of
    an indexed attribute is that of its values, absent ones last."""
    people = []
    for values in told:
        person = Customer.person(at=AT)
        for name, value in values.items():
            if value is not None:
                person = person.with_attribute(name, value, at=AT)  # type: ignore[arg-type]
        people.append(person)
    with backend.unit_of_work() as uow:
        uow.customers.add_many(people)
        profiles = uow.profiles.get_many([person.id for person in people])
        assert {id: {n: p[n] for n in VALUES} for id, p in profiles.items()} == {
            person.id: values for person, values in zip(people, told, strict=True)
        }
        for question in questions:
            for one in (question, ~question):
                holds = matcher(MODEL.checked(one))
                mine = sorted(id for id, p in profiles.items() if holds(p.__getitem__))
                assert list(uow.profiles.where(one).ids()) == mine
                assert uow.profiles.where(one).count() == len(mine)
        for name in VALUES:
            query = uow.profiles.where(field(name).is_present()).order_by(name)
            found = [p[name] for p in query.page(limit=10)]
            assert found == sorted(found)
        uow.rollback()
