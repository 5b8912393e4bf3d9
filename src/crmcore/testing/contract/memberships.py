"""Memberships: one for a customer in a programme, found by their keys and by when they are due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import IdentifierTaken, InvalidInput, NotFound, Refused, Stale
from crmcore.domain.ids import CustomerId, MembershipId
from crmcore.domain.instants import EARLIEST, LATEST
from crmcore.domain.journal import Operation
from crmcore.domain.membership import Membership
from crmcore.domain.money import Money
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_customer
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.subject import MODEL, Make, Subject
from crmcore.testing.members import (
    a_decision,
    a_membership,
    a_points_entry,
    a_programme,
    a_tier_change,
)
from crmcore.testing.strategies import memberships

__all__ = ["MembershipsContract"]

MOMENT, DAY = timedelta(milliseconds=1), timedelta(days=1)
TWO = attrs.evolve(MODEL, programmes=(*MODEL.programmes, a_programme("staff")))


def _some(uow: UnitOfWork, count: int) -> list[Customer]:
    some = [a_customer(f"Number {n}") for n in range(count)]
    uow.customers.add_many(some)
    return some


def _due(uow: UnitOfWork, until: Any, limit: int = 100, programme: str = "club") -> list[Any]:
    return [id for id, _ in uow.reads.due(programme, until, limit)]


class MembershipsContract(Subject):
    """`uow.memberships`, and the facts of programmes: `uow.points`, `uow.tier_changes`."""

    @pytest.fixture
    def two(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant with two programmes."""
        made = backends(tenant="two", model=TWO, clock=clock)
        made.migrate()
        return made

    def test_a_membership_comes_back_whole(self, backend: Backend) -> None:
        """`get` returns what was stored, to the last lot."""
        ana = a_customer()
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)

        @settings(max_examples=self.examples, deadline=None)
        @given(memberships(customer_ids=st.just(ana.id)))
        def check(member: Membership) -> None:
            with backend.unit_of_work() as uow:
                uow.memberships.restore_many([member])
                stored = uow.memberships.get(member.id)
                assert stored == attrs.evolve(member, version=max(member.version, 1))
                assert uow.memberships.of(ana.id, "club") == stored
                if member.number is not None:
                    assert uow.memberships.find_by_number(member.number, "club") == stored
                uow.rollback()

        check()

    def test_a_member_is_found_in_the_programme_that_was_asked_for(self, two: Backend) -> None:
        """By customer or number; with the next state, by that one's number."""
        with two.unit_of_work() as uow:
            ana, ben = _some(uow, 2)
            club = uow.memberships.add(a_membership(ana, number="7"))
            staff = uow.memberships.add(a_membership(ana, "staff", number="7"))

            assert uow.memberships.of(ana.id, "club") == club
            assert uow.memberships.of(ana.id, "staff") == staff
            assert uow.memberships.find_by_number("7", "club") == club
            assert uow.memberships.find_by_number("7", "staff") == staff
            assert uow.memberships.of(ben.id, "club") is None
            uow.memberships.save(attrs.evolve(staff, number=None))
            assert uow.memberships.find_by_number("7", "staff") is None
            assert uow.memberships.find_by_number("7", "club") == club

    def test_one_membership_for_a_customer_and_one_member_for_a_number(self, two: Backend) -> None:
        """The second in a programme is `IdentifierTaken`, which does not tell the number."""
        with two.unit_of_work() as uow:
            ana, ben = _some(uow, 2)
            uow.memberships.add(a_membership(ana, number="canary 7"))
            uow.memberships.add(a_membership(ben, "staff", number="canary 7"))
        for member, scope in (
            (a_membership(ana, nth=2), "member"),
            (a_membership(ben, number="canary 7", nth=3), "number"),
        ):
            with pytest.raises(IdentifierTaken) as raised, two.unit_of_work() as uow:
                uow.memberships.add(member)
            assert attrs.astuple(raised.value) == (scope, str(member.id), "memberships")
            assert "canary" not in f"{raised.value!r} {raised.value} {member!r}"

    def test_a_customer_who_is_not_stored_is_no_member(self, backend: Backend) -> None:
        """`NotFound`, also where others of the batch are stored, and nothing of it is kept."""
        with backend.unit_of_work() as uow:
            (ana,) = _some(uow, 1)
            with pytest.raises(NotFound) as raised:
                uow.memberships.add_many([a_membership(ana), a_membership(a_customer("Nobody"))])
            assert raised.value.kind == "customers"
            assert list(uow.memberships.stream()) == []

    def test_a_member_is_not_removed(self, backend: Backend) -> None:
        """Of whom there is a membership, closed ones too, the removal is `Refused`."""
        with backend.unit_of_work() as uow:
            (ana,) = _some(uow, 1)
            uow.memberships.add(a_membership(ana, closed_at=AT))
            with pytest.raises(Refused) as raised:
                uow.customers.remove(uow.customers.get(ana.id))
            assert raised.value.rule == "customers.is_member"

    def test_customer_and_programme_stay(self, two: Backend) -> None:
        """Another one is `InvalidInput`, as the ledger is of the one before."""
        with two.unit_of_work() as uow:
            ana, ben = _some(uow, 2)
            member = uow.memberships.add(a_membership(ana))
            for change in ({"customer_id": ben.id}, {"programme": "staff"}):
                with pytest.raises(InvalidInput, match=next(iter(change))):
                    uow.memberships.save(attrs.evolve(member, **change))

    def test_saving_is_told_by_version_and_journal(self, backend: Backend) -> None:
        """One version on, a stale one refused; the number stands among what is personal."""
        with backend.unit_of_work() as uow:
            (ana,) = _some(uow, 1)
            member = uow.memberships.add(a_membership(ana, number="1"))
        with backend.unit_of_work() as uow:
            due_at = AT + DAY
            uow.memberships.save(attrs.evolve(member, number="2", due_at=due_at))
            with pytest.raises(Stale):
                uow.memberships.save(attrs.evolve(member, number="3"))
            added, saved = uow.memberships.history(member.id)

        assert [added.operation, saved.operation] == [Operation.ADDED, Operation.SAVED]
        assert saved.changes == ({"due_at": [LATEST.isoformat(), due_at.isoformat()]},)
        assert saved.personal == ({"number": ["1", "2"]},)

    def test_a_programme_or_tier_that_is_not_declared_is_refused(self, backend: Backend) -> None:
        """`InvalidInput` at its path, with the nearest that is; before anything is written."""
        ana = a_customer()
        with backend.unit_of_work() as uow:
            uow.customers.add(ana)
            member = a_membership(ana)
            change = a_tier_change(member)
            refused: list[tuple[Callable[[Any], object], object, str]] = [
                (uow.memberships.add, a_membership(ana, "clubs"), "programme: .*'club'"),
                (uow.memberships.add, a_membership(ana, tier="golden"), "tier: .*club.*'gold'"),
                (
                    uow.points.add,
                    a_points_entry(attrs.evolve(member, programme="clab")),
                    "programme: .*'club'",
                ),
                (uow.tier_changes.add, attrs.evolve(change, programme="x"), "programme: is no"),
                (uow.tier_changes.add, attrs.evolve(change, tier="golden"), "tier: .*'gold'"),
                (uow.tier_changes.add, attrs.evolve(change, previous="blu"), "previous: .*'blue'"),
                (uow.points.restore_many, [a_points_entry(a_membership(ana, "x"))], "programme"),
            ]
            for add, wrong, told in refused:
                with pytest.raises(InvalidInput, match=told):
                    add(wrong)
            with pytest.raises(InvalidInput, match="programme"):
                uow.memberships.of(ana.id, "clubs")
            with pytest.raises(InvalidInput, match="programme"):
                uow.memberships.find_by_number("7", "clubs")
            assert (list(uow.memberships.stream()), uow.points.of(ana.id)) == ([], [])

    def test_members_are_paged(self, backend: Backend) -> None:
        """In the order of their ids; a limit or a place that is none is `InvalidInput`."""
        with backend.unit_of_work() as uow:
            members = [uow.memberships.enrol(who.id, "club", at=AT) for who in _some(uow, 3)]
            ids = sorted(member.id for member in members)
            first, place = uow.memberships.page("club", limit=2)
            assert ([member.id for member in first], place) == (ids[:2], ids[1])
            rest, end = uow.memberships.page("club", limit=2, after=place)
            assert ([member.id for member in rest], end) == (ids[2:], None)
            for wrong in (0, -1, 10_001, "2", 2.0, True, None):
                with pytest.raises(InvalidInput, match="limit"):
                    uow.memberships.page("club", limit=wrong)  # type: ignore[arg-type]
                with pytest.raises(InvalidInput, match="limit"):
                    uow.memberships.advance_page("club", at=AT, limit=wrong)  # type: ignore[arg-type]
            for other in (-1, "", "x", b"", [place]):
                with pytest.raises(InvalidInput, match="after"):
                    uow.memberships.page("club", after=other)  # type: ignore[arg-type]

    def test_what_is_due_comes_in_its_order(self, two: Backend) -> None:
        """At that instant or before, by `due_at` then id, so many, and of one programme."""
        with two.unit_of_work() as uow:
            some = _some(uow, 6)
            at = (AT, AT - DAY, AT + MOMENT, AT, EARLIEST, LATEST)
            members = [a_membership(who, due_at=due) for who, due in zip(some, at, strict=True)]
            uow.memberships.add_many(members)
            uow.memberships.add(a_membership(some[0], "staff", due_at=AT))
        order = sorted(members, key=lambda member: (member.due_at, member.id))
        ids = [member.id for member in order]
        with two.reading() as uow:
            assert _due(uow, AT) == ids[:4]
            assert _due(uow, AT + MOMENT) == ids[:5]
            assert _due(uow, AT - MOMENT) == ids[:2]
            assert _due(uow, LATEST) == ids
            assert [_due(uow, LATEST, limit) for limit in (1, 3)] == [ids[:1], ids[:3]]
            assert len(_due(uow, LATEST, programme="staff")) == 1
            assert uow.reads.due("club", EARLIEST, 9) == [(order[0].id, order[0].customer_id)]

    def test_what_is_due_follows_what_is_saved(self, backend: Backend) -> None:
        """Also by this unit of work, and what was rolled back never was."""
        with backend.unit_of_work() as uow:
            (ana,) = _some(uow, 1)
            member = uow.memberships.add(a_membership(ana, due_at=AT))
            assert _due(uow, AT) == [member.id]
            later = uow.memberships.save(attrs.evolve(member, due_at=AT + DAY))
            assert (_due(uow, AT), _due(uow, AT + DAY)) == ([], [member.id])
        with backend.unit_of_work() as uow:
            uow.memberships.save(attrs.evolve(later, due_at=AT))
            uow.rollback()
        with backend.reading() as uow:
            assert _due(uow, AT) == []

    def test_the_memberships_of_customers_are_found_at_once(self, two: Backend) -> None:
        """In every programme of the model, by id in order; who is none or unknown is left out."""
        with two.unit_of_work() as uow:
            ana, ben, eve = _some(uow, 3)
            made = [a_membership(ana), a_membership(ana, "staff"), a_membership(ben)]
            uow.memberships.add_many([*made, a_membership(eve)])
            stored = {member.id: uow.memberships.get(member.id) for member in made}
        with two.unit_of_work() as uow:
            found = uow.writes.memberships([ben.id, ana.id, CustomerId(UUID(int=7))])
            assert list(found.items()) == sorted(stored.items())
            assert uow.writes.memberships([]) == {}

    def test_a_neighbours_members_are_not_found(self, backend: Backend) -> None:
        """Neither by number, nor by what is due."""
        ana = CustomerId(a_customer().id)
        with backend.reading() as uow:
            assert uow.memberships.find_by_number("77", "club") is None
            assert uow.memberships.of(ana, "club") is None
            assert _due(uow, LATEST) == []
            with pytest.raises(NotFound):
                uow.memberships.get(MembershipId(a_membership(ana).id))

    def test_the_profile_has_tier_and_points_of_each_programme(self, two: Backend) -> None:
        """Folded from the facts of that programme; a rebuild finds the same."""
        with two.unit_of_work(source="club") as uow:
            ana, ben = _some(uow, 2)
            club, staff = a_membership(ana), a_membership(ana, "staff")
            uow.memberships.add_many([club, staff])
            uow.points.add(a_points_entry(club, 100))
            uow.points.add(a_points_entry(club, 40, pending=True))
            wrong = uow.points.add(a_points_entry(club, 7, nth=2))
            uow.points.add(a_points_entry(staff, -3, movement="adjust"))
            uow.tier_changes.add(a_tier_change(club, "silver"))
            uow.tier_changes.add(a_tier_change(club, "gold", at=AT + DAY))
            uow.points.remove(wrong.id)
            names = [f"{of}_{n}" for of in ("club", "staff") for n in ("tier", "points", "pending")]
            for _ in range(2):
                told = uow.profiles.get(ana.id)
                assert [told[name] for name in names] == ["gold", 100, 40, None, -3, 0]
                assert told["club_tier_at"] == AT + DAY
                assert [uow.profiles.get(ben.id)[name] for name in names[:3]] == [None, 0, 0]
                uow.profiles.rebuild()

    def test_a_decision_is_in_the_models_currency(self, backend: Backend) -> None:
        """What it costs in another one is `InvalidInput`."""
        with backend.unit_of_work() as uow:
            (ana,) = _some(uow, 1)
            decided = uow.decisions.add(a_decision(ana, "needs_approval", cost="5.00"))
            assert uow.decisions.of(ana.id) == [decided]
            assert not decided.holds
            with pytest.raises(InvalidInput, match="cost: is not in EUR"):
                uow.decisions.add(a_decision(ana, cost=Money("5.00", "USD"), nth=2))
