"""Bounds of what is asked in the customers' own zones: the same however it is put together."""

from __future__ import annotations

import pytest

from crmcore import InvalidInput, Model, field, start_of
from crmcore.adapters.memory import MemoryBackend
from crmcore.domain.predicates import And, Predicate
from crmcore.testing.builders import AT, a_customer


def local_day(n: int) -> Predicate:
    return field("stage_since") >= start_of("day", shift=-n, zone="customer")


def test_a_question_narrowed_step_by_step_has_the_bounds_of_one():
    """What counts are the terms and values asked, not those that the zones come to."""
    backend = MemoryBackend()
    backend.migrate()
    with backend.unit_of_work() as uow:
        uow.customers.add(a_customer())
        query = uow.profiles.where()
        for n in range(12):
            query = query.where(local_day(n), at=AT)
        assert (
            query.count()
            == uow.profiles.where(And(tuple(map(local_day, range(12)))), at=AT).count()
        )


def test_more_values_than_a_statement_takes_are_refused():
    apart = And(tuple(~local_day(n) for n in range(100)))
    with pytest.raises(InvalidInput, match="more than 30,000 values"):
        Model().resolved(apart, at=AT, definition=lambda _: apart)
