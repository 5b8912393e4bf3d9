"""One history, one set of profiles; one question, one answer: on memory and on SQLite."""

from __future__ import annotations

from itertools import count

from hypothesis import given, settings

from crmcore.domain.fields import FieldType
from crmcore.testing import FrozenClock
from crmcore.testing.contract.arrivals import arrivals, profiles_after
from crmcore.testing.contract.predicates import people
from crmcore.testing.contract.subject import opened
from crmcore.testing.strategies import predicates


def test_one_history_gives_the_same_profiles_everywhere(memory, sqlite):
    clock, numbers = FrozenClock(), count()

    @settings(max_examples=25, deadline=None)
    @given(arrivals())
    def check(history):
        tenant = f"t{next(numbers)}"
        here, there = (opened(make, clock, tenant) for make in (memory, sqlite))
        assert profiles_after(here, history, batch=3) == profiles_after(there, history, batch=3)
        taken_out = [arrival for arrival in history if not arrival.depends][:2]
        for backend in (here, there):
            with backend.unit_of_work() as uow:
                for arrival in taken_out:
                    getattr(uow, arrival.kind).remove(arrival.fact.id)
        assert profiles_after(here, [], batch=1) == profiles_after(there, [], batch=1)

    check()


def test_one_question_has_the_same_answer_everywhere(memory, sqlite):
    clock = FrozenClock()
    here, there = people(memory, clock), people(sqlite, clock)

    with here.reading() as one, there.reading() as other:

        @settings(max_examples=200, deadline=None)
        @given(predicates(here.model))
        def check(question):
            asked = [uow.profiles.where(question) for uow in (one, other)]
            assert list(asked[0].ids()) == list(asked[1].ids())
            assert asked[0].count() == asked[1].count()

        check()


def test_every_order_is_the_same_everywhere(memory, sqlite):
    clock = FrozenClock()
    here, there = people(memory, clock), people(sqlite, clock)

    with here.reading() as one, there.reading() as other:
        for name, known in here.model.profile_fields.items():
            if known.type is FieldType.TEXT_SET:
                continue  # several texts are no order
            for descending in (False, True):
                pages = [walk(uow, name, descending=descending) for uow in (one, other)]
                assert pages[0] == pages[1], name


def walk(uow, name, *, descending):
    asked = uow.profiles.where().order_by(name, descending=descending)
    page = asked.page(limit=3)
    seen = [page]
    while page.next is not None:
        page = asked.page(limit=3, after=page.next)
        seen.append(page)
    return [[profile.customer_id for profile in page] for page in seen]
