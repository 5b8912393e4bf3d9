"""The strategy of predicates draws the whole language, only what a model accepts, and shrinks."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, find, given, settings

from crmcore.domain.measures import Measure
from crmcore.domain.predicates import FactTerm, Predicate, terms
from crmcore.domain.relative import Relative
from crmcore.testing.contract.draws import MODEL
from crmcore.testing.strategies import predicates

ANY = settings(max_examples=5000, database=None, suppress_health_check=list(HealthCheck))
PARTS = (
    "And", "Birthday", "Comparison", "Contains", "FactTerm", "Has", "HasWord", "Not", "OnDays",
    "OneOf", "Or", "OtherField", "Present", "Relative", "StartsWith",
)  # fmt: skip


def parts(node: Any) -> list[Any]:
    """Everything within a predicate, itself included."""
    found = [node]
    if attrs.has(type(node)):
        for attribute in attrs.fields(type(node)):
            value = getattr(node, attribute.name)
            for one in value if isinstance(value, tuple) else (value,):
                found += parts(one)
    return found


@settings(max_examples=200, deadline=None)
@given(predicates(MODEL))
def test_a_model_accepts_what_is_drawn(p: Predicate):
    once = MODEL.checked(p)

    assert MODEL.checked(once) == once


@settings(max_examples=200, deadline=None)
@given(predicates(MODEL, absolute=True))
def test_what_is_absolute_depends_on_no_instant_and_on_no_facts(p: Predicate):
    assert not any(isinstance(part, Relative | FactTerm) for part in parts(p))
    assert all(isinstance(term, str) for term in terms(p))


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_the_language_is_drawn_and_shrinks(part: str):
    """To hardly more than itself. Words are asked of one field alone, so it is drawn by itself."""
    alone = {"name": MODEL.profile_fields["name"]} if part == "HasWord" else None
    drawn = predicates(MODEL, fields=alone)
    found = find(drawn, lambda p: any(type(o).__name__ == part for o in parts(p)), settings=ANY)
    nodes = [one for one in parts(found) if isinstance(one, Predicate)]

    assert len(nodes) <= 3


def test_a_measure_takes_what_is_absolute():
    """The condition of a measure, over the fields of its facts."""
    from crmcore.domain.kinds import MEASURABLE

    asked = predicates(fields=MEASURABLE["orders"].comparable, absolute=True)
    where = find(asked, lambda p: bool(list(terms(p))), settings=ANY)

    assert Measure("some", "orders", "count", where=where).checked("EUR").where is not None
