"""Local days: "today" is the same day for a customer on every engine (O6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.expressions import ago, facts, field, start_of
from crmcore.domain.predicates import And, Predicate
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import a_customer, an_interaction
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.draws import MODEL
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["LocalDaysContract"]

MS = timedelta(milliseconds=1)
DAYS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "2024-05-17T10:30": (
        ("Etc/GMT+12", "2024-05-16T12:00", "2024-05-17T12:00"),
        ("Etc/GMT-14", "2024-05-17T10:00", "2024-05-18T10:00"),
        ("Pacific/Kiritimati", "2024-05-17T10:00", "2024-05-18T10:00"),
        ("Pacific/Pago_Pago", "2024-05-16T11:00", "2024-05-17T11:00"),
        ("Asia/Kathmandu", "2024-05-16T18:15", "2024-05-17T18:15"),
        ("UTC", "2024-05-17T00:00", "2024-05-18T00:00"),
    ),
    "2018-11-04T12:00": (("America/Sao_Paulo", "2018-11-04T03:00", "2018-11-05T02:00"),),
    "2018-02-17T12:00": (("America/Sao_Paulo", "2018-02-17T02:00", "2018-02-18T03:00"),),
    "2024-04-26T12:00": (("Africa/Cairo", "2024-04-25T22:00", "2024-04-26T21:00"),),
    "2024-03-31T12:00": (
        ("Europe/Madrid", "2024-03-30T23:00", "2024-03-31T22:00"),
        ("Asia/Beirut", "2024-03-30T22:00", "2024-03-31T21:00"),
    ),
    "2024-04-07T00:00": (("Australia/Lord_Howe", "2024-04-06T13:00", "2024-04-07T13:30"),),
    "2011-12-30T12:00": (("Pacific/Apia", "2011-12-30T10:00", "2011-12-31T10:00"),),
    "2011-12-30T09:59": (("Pacific/Apia", "2011-12-29T10:00", "2011-12-30T10:00"),),
    "2024-02-29T12:00": (("America/New_York", "2024-02-29T05:00", "2024-03-01T05:00"),),
}
"""By when it is asked: zones, and where today begins and ends there, all in UTC."""


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class LocalDaysContract(Subject):
    """Days as they begin and end in each zone, on days when clocks are changed too."""

    @pytest.fixture
    def travellers(self, backends: Make, clock: FrozenClock) -> Backend:
        """For each zone and day, customers with an instant just before and at both its ends."""
        backend = backends(tenant="travellers", model=MODEL, clock=clock)
        backend.migrate()
        with backend.unit_of_work(source="shop") as uow:
            known = [
                a_customer(f"{asked} {zone} {place}", zone=zone, attributes={"renewed_at": at})
                for asked, days in DAYS.items()
                for zone, begins, ends in days
                for place, at in enumerate(_around(begins, ends))
            ]
            uow.customers.add_many(known)
            uow.interactions.add_many(
                an_interaction(one, at=a.value)  # type: ignore[arg-type]  # an instant
                for one in known
                for a in one.attributes
            )
        return backend

    def test_today_is_today_where_the_customer_lives(self, travellers: Backend) -> None:
        """From -12 to +14, to the millisecond, where midnight is passed over or comes twice, and
        around a day that never was; of a field and of facts.
        """
        today = field("renewed_at").during("today", zone="customer")
        with travellers.reading() as uow:
            for asked, days in DAYS.items():
                for zone, _, _ in days:
                    places = _places(uow, asked, zone, today)
                    assert places == ["1", "2"], (asked, zone)
                    others = _places(uow, asked, zone, ~today)
                    assert others == ["0", "3"], (asked, zone)

    def test_a_window_ends_where_the_customers_day_does(self, travellers: Backend) -> None:
        """`since` is in it and `until` is not."""
        start, end = (
            p.value
            for p in field("renewed_at").during("today", zone="customer").parts  # type: ignore[attr-defined]
        )
        asked = facts("interactions").between(start, end).count() == 1
        with travellers.reading() as uow:
            for at, days in DAYS.items():
                for zone, _, _ in days:
                    assert _places(uow, at, zone, asked) == ["1", "2"], (at, zone)

    def test_many_local_days_are_asked_at_once(self, travellers: Backend) -> None:
        """The names of the zones are not said for each: every engine takes only so many values."""
        known, at = field("renewed_at"), _utc("2024-05-17T10:30")
        began = [known >= start_of("day", shift=-n, zone="customer") for n in range(60)]
        with travellers.reading() as uow:
            one = list(uow.profiles.where(began[0], at=at).ids())
            assert one
            assert list(uow.profiles.where(And(tuple(began)), at=at).ids()) == one

    def test_the_models_day_is_the_same_for_everybody(self, travellers: Backend) -> None:
        """Whatever zone they live in."""
        at = _utc("2024-03-31T12:00")
        begins, ends = _utc("2024-03-30T23:00"), _utc("2024-03-31T22:00")
        with travellers.reading() as uow:
            today = uow.profiles.where(field("renewed_at").during("today"), at=at)
            between = field("renewed_at").between(begins, ends - MS)
            assert list(today.ids()) == list(uow.profiles.where(between).ids()) != []

    def test_months_end_where_they_do(self, travellers: Backend) -> None:
        """A month before 31 March is 29 February, in a leap year, to the millisecond."""
        at = _utc("2024-03-31T10:00")
        month_ago = _utc("2024-02-29T11:00")  # at noon in Madrid, on summer time only in March
        ana = a_customer("Ana", attributes={"renewed_at": month_ago})
        ben = a_customer("Ben", attributes={"renewed_at": month_ago - MS})
        with travellers.unit_of_work() as uow:
            uow.customers.add_many([ana, ben])
            since = (field("renewed_at") >= ago(months=1)) & field("name").is_in("Ana", "Ben")
            assert list(uow.profiles.where(since, at=at).ids()) == [ana.id]

    def test_birthdays_are_the_customers_own(self, travellers: Backend) -> None:
        """On 28 February of a common year those of the 29th have theirs, each in their zone."""
        born = {"born": _utc("2000-02-29T00:00").date()}
        east = a_customer("East", zone="Pacific/Kiritimati", attributes=born)
        west = a_customer("West", zone="Etc/GMT+12", attributes=born)
        asked = field("born").has_birthday(zone="customer")
        with travellers.unit_of_work() as uow:
            uow.customers.add_many([east, west])
            for at, expected in (
                ("2023-02-27T09:59", []),
                ("2023-02-27T10:00", [east.id]),
                ("2023-02-28T09:59", [east.id]),
                ("2023-02-28T10:00", []),
                ("2023-02-28T12:00", [west.id]),
                ("2024-02-28T12:00", [east.id]),
                ("2024-02-29T12:00", [west.id]),
            ):
                assert list(uow.profiles.where(asked, at=_utc(at)).ids()) == expected, at


def _around(begins: str, ends: str) -> tuple[datetime, ...]:
    first, last = _utc(begins), _utc(ends)
    return first - MS, first, last - MS, last


def _places(uow: UnitOfWork, asked: str, zone: str, predicate: Predicate) -> list[str]:
    """Which of those of one zone and day it holds for."""
    own = field("name").is_in(*(f"{asked} {zone} {place}" for place in range(4)))
    found = uow.profiles.where(own & predicate, at=_utc(asked)).page()
    return sorted(profile["name"][-1] for profile in found)
