"""Days of the year, whatever the year: asked alike everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.attributes import AttributeType
from crmcore.domain.expressions import field
from crmcore.domain.ids import CustomerId
from crmcore.domain.model import Model
from crmcore.domain.predicates import Predicate
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import a_customer
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["BirthdaysContract"]

DATED = Model(
    attributes=(
        AttributeType("born", "date"),
        AttributeType("since", "date", indexed=True),
    )
)
DAYS: Mapping[str, date] = {
    "end of February": date(1990, 2, 28),
    "leap day": date(1992, 2, 29),
    "last of March": date(1971, 3, 31),
    "last day": date(1899, 12, 31),
    "first day": date(2001, 1, 1),
}


class BirthdaysContract(Subject):
    """`falls_on` and `has_birthday`."""

    @pytest.fixture
    def dated(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant of its own, with an indexed date and another."""
        backend = backends(tenant="dated", model=DATED, clock=clock)
        backend.migrate()
        return backend

    def test_days_of_the_year_are_asked_whatever_the_year(self, dated: Backend) -> None:
        """Of a host's dates, indexed or not; absent: false, and `~` is the exact complement."""
        with dated.unit_of_work() as uow:
            called = _dated(uow)
            for name in ("born", "since"):
                for days, expected in (
                    (("02-28",), {"end of February"}),
                    (("02-29",), {"leap day"}),
                    (("12-31", "01-01", "07-07"), {"last day", "first day"}),
                    (("03-31", "03-31"), {"last of March"}),
                    (("03-30",), set[str]()),
                    ((), set[str]()),
                ):
                    asked = field(name).falls_on(*days)
                    assert _labels(uow, asked, called) == expected
                    assert _labels(uow, ~asked, called) == set(called.values()) - expected
            uow.rollback()

    def test_birthdays_go_round_the_end_of_the_year(self, dated: Backend) -> None:
        """And who was born on 29 February has it on the 28th in a common year."""
        february = {"end of February", "leap day"}
        days: list[tuple[datetime, int, set[str]]] = [
            (datetime(2025, 2, 28, 12, tzinfo=UTC), 0, february),
            (datetime(2024, 2, 28, 12, tzinfo=UTC), 0, {"end of February"}),
            (datetime(2024, 2, 29, 12, tzinfo=UTC), 0, {"leap day"}),
            (datetime(2024, 2, 27, 12, tzinfo=UTC), 2, february),
            (datetime(2025, 3, 1, 12, tzinfo=UTC), 0, set()),
            (datetime(2025, 12, 31, 23, 59, tzinfo=UTC), 0, {"last day"}),
            (datetime(2025, 12, 30, tzinfo=UTC), 7, {"last day", "first day"}),
            (datetime(2025, 3, 30, tzinfo=UTC), 366, set(DAYS)),
        ]
        with dated.unit_of_work() as uow:
            called = _dated(uow)
            for at, within, expected in days:
                for name in ("born", "since"):
                    asked = field(name).has_birthday(within=within)
                    found = uow.profiles.where(asked, at=at)
                    assert {called[id] for id in found.ids()} == expected, (at, within)
                    others = uow.profiles.where(~asked, at=at)
                    assert {called[id] for id in others.ids()} == set(called.values()) - expected
            uow.rollback()


def _dated(uow: UnitOfWork) -> dict[CustomerId, str]:
    """Customers by their dates, and one without any."""
    people = {
        label: a_customer(label, attributes={"born": day, "since": day})
        for label, day in DAYS.items()
    }
    people["no date"] = a_customer("no date")
    uow.customers.add_many(list(people.values()))
    return {CustomerId(person.id): label for label, person in people.items()}


def _labels(uow: UnitOfWork, predicate: Predicate, called: Mapping[CustomerId, str]) -> set[str]:
    return {called[id] for id in uow.profiles.where(predicate).ids()}
