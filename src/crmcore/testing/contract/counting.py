"""Many predicates at once: counted in one pass, and everybody's first of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import InvalidInput, UnknownField
from crmcore.domain.expressions import ago, field
from crmcore.domain.partition import partition
from crmcore.domain.predicates import And, Predicate
from crmcore.services.partitions import check_partition
from crmcore.testing.builders import AT
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.draws import QUESTIONS
from crmcore.testing.contract.predicates import people
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["CountingContract"]

SEVERAL = st.lists(QUESTIONS, min_size=1, max_size=6).map(
    lambda found: {f"cell {place}": one for place, one in enumerate(found)}
)


class CountingContract(Subject):
    """`count_each`, `classify`, and partitions."""

    @pytest.fixture
    def people(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant of its own with everybody of `PEOPLE`."""
        return people(backends, clock)

    def test_each_is_counted_as_if_it_were_alone(self, people: Backend) -> None:
        """`count_each` says what `count` says of each, also within a question."""
        with people.reading() as uow:

            @settings(max_examples=self.examples, deadline=None)
            @given(SEVERAL, QUESTIONS)
            def check(asked: dict[str, Predicate], within: Predicate) -> None:
                alone = {name: uow.profiles.where(one).count() for name, one in asked.items()}
                both = {n: uow.profiles.where(one & within).count() for n, one in asked.items()}
                assert uow.profiles.count_each(asked) == alone
                assert uow.profiles.where(within).count_each(asked) == both

            check()

    def test_everybody_is_classified_by_the_first_that_holds(self, people: Backend) -> None:
        """In the order of ids, and `None` where none of them holds."""
        with people.reading() as uow:

            @settings(max_examples=self.examples, deadline=None)
            @given(SEVERAL)
            def check(asked: dict[str, Predicate]) -> None:
                first: dict[object, str | None] = dict.fromkeys(uow.profiles.where().ids())
                for name, one in reversed(asked.items()):
                    first.update(dict.fromkeys(uow.profiles.where(one).ids(), name))
                assert list(uow.profiles.classify(asked)) == list(first.items())

            check()

    def test_a_partition_has_everybody_exactly_once(self, people: Backend) -> None:
        """Whatever the cells were, those of `partition` are exact; each has whom `classify` gives
        it.
        """
        with people.reading() as uow:

            @settings(max_examples=self.examples, deadline=None)
            @given(SEVERAL)
            def check(cells: dict[str, Predicate]) -> None:
                exact = partition(cells)
                found = check_partition(people, exact)
                assert found.is_exact
                assert found.total == sum(found.counts.values()) == uow.profiles.where().count()
                names = [name or "others" for _, name in uow.profiles.classify(cells)]
                assert found.counts == {name: names.count(name) for name in exact}

            check()

    def test_who_is_in_none_and_who_in_several_is_found(self, people: Backend) -> None:
        """With how many, an example, and the first and last cell that they are in."""
        visits = field("visits")
        cells = {"some": visits >= 0, "many": visits > 100, "none yet": visits == 0}
        with people.reading() as uow:
            found = check_partition(people, cells)
            zero, large = (list(uow.profiles.where(cells[n]).ids()) for n in ("none yet", "many"))
            unknown = list(uow.profiles.where(visits.is_absent()).ids())
            counts = {name: uow.profiles.where(one).count() for name, one in cells.items()}

        assert not found.is_exact
        assert zero
        assert large
        assert unknown
        assert found.counts == counts
        assert found.overlaps == {("some", "none yet"): len(zero), ("some", "many"): len(large)}
        assert found.in_none >= len(unknown)
        assert set(unknown[:1]) <= set(found.examples_in_none)
        assert found.in_several == len(zero) + len(large)
        assert set(found.examples_in_several) == {*zero, *large}

    def test_as_many_in_none_as_twice_in_several_is_not_exact(self, people: Backend) -> None:
        """The numbers of the cells add up, and yet it is no partition."""
        visits = field("visits")
        with people.reading() as uow:
            few = list(uow.profiles.where(visits.is_present()).ids())
            lost = uow.profiles.where(visits.is_absent()).count()
        cells = {f"again {n}": visits.is_present() for n in range(1 + lost // len(few))}
        found = check_partition(people, cells)

        assert not found.is_exact
        assert found.in_none == lost

    def test_a_thousand_are_counted_at_once(self, people: Backend) -> None:
        """Beyond what one statement takes, several are asked; the answers stay in their order."""
        asked = {str(n): field("visits") == n % 2 for n in range(1000)}
        with people.reading() as uow:
            zero, one = (uow.profiles.where(field("visits") == n).count() for n in (0, 1))
            found = uow.profiles.count_each(asked)
            classes = {name for _, name in uow.profiles.classify(asked)}

        assert list(found.values()) == [zero, one] * 500
        assert zero
        assert classes <= {"0", "1", None}

    def test_all_are_asked_at_one_instant(self, people: Backend) -> None:
        """`at` is that of every relative value."""
        recent = field("last_purchase_at") >= ago(days=1)
        asked = {"recent": recent, "not": ~recent}
        with people.reading() as uow:
            day = timedelta(days=1)
            buyers = uow.profiles.where(field("last_purchase_at") >= AT - day).count()
            total = uow.profiles.where().count()
            then = uow.profiles.count_each(asked, at=AT)
            later = uow.profiles.count_each(asked, at=AT + timedelta(days=400))

        assert buyers
        assert then == {"recent": buyers, "not": total - buyers}
        assert later == {"recent": 0, "not": total}

    def test_nothing_asked_is_nothing_counted(self, people: Backend) -> None:
        """And nobody has a class; a partition of no cells is refused."""
        with people.reading() as uow:
            assert uow.profiles.count_each({}) == {}
            assert {name for _, name in uow.profiles.classify({})} == {None}
            nobody = uow.profiles.where(field("visits") < -1)
            assert nobody.count_each({"all": And(())}) == {"all": 0}
            assert list(nobody.classify({"all": And(())})) == []
        with pytest.raises(InvalidInput):
            check_partition(people, {})

    def test_what_is_wrong_with_one_is_told_under_its_name(self, people: Backend) -> None:
        """`UnknownField`, and the path begins with the name."""
        cells = {"fine": field("visits") > 0, "wrong": field("visit") > 0}
        with people.reading() as uow:
            for ask in (uow.profiles.count_each, uow.profiles.classify):
                with pytest.raises(UnknownField) as caught:
                    ask(cells)
                assert caught.value.faults[0].path.startswith("['wrong']")
                assert caught.value.suggestion == "visits"
