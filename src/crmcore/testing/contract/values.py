"""Values at the ends of their ranges: kept to the last digit, told from their neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import (
    AlreadyExists,
    ConflictingFact,
    CrmError,
    IdentifierTaken,
    InvalidInput,
)
from crmcore.domain.expressions import field
from crmcore.domain.identifiers import Identifier
from crmcore.domain.instants import EARLIEST, LATEST
from crmcore.domain.money import Money
from crmcore.domain.predicates import And, Or, Predicate
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import AT, a_customer, a_score, an_interaction, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.hostile import (
    MODEL,
)
from crmcore.testing.contract.subject import Make, Subject
from crmcore.testing.contract.texts import another_id, paged, selected

__all__ = ["ValuesContract"]

MOST = 2**53 - 1
WHOLE = (-MOST, 1 - MOST, -1, 0, 1, MOST - 1, MOST)
LARGEST, SMALLEST = 1.7976931348623157e308, 5e-324
FLOATS = (-LARGEST, -SMALLEST, 0.0, SMALLEST, 0.1, 0.1 + 2**-56, 1 / 3, 2.0**53 + 2, LARGEST)


class ValuesContract(Subject):
    """Instants, numbers, absence, and predicates as large as they may be."""

    @pytest.fixture
    def store(self, backends: Make, clock: FrozenClock) -> Backend:
        """A tenant of its own, with attributes of every type."""
        backend = backends(tenant="values", model=MODEL, clock=clock)
        backend.migrate()
        return backend

    def test_instants_at_the_ends_of_their_range(self, store: Backend) -> None:
        """Years 1000 to 9999, before 1970, both sides of a clock turned back, one millisecond
        apart; microseconds are cut off.
        """
        madrid, blink = ZoneInfo("Europe/Madrid"), timedelta(milliseconds=1)
        folds = [datetime(2023, 10, 29, 2, 30, tzinfo=madrid, fold=n) for n in (0, 1)]
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        near = [EARLIEST, epoch - blink, epoch, *folds, AT, LATEST - blink, LATEST]
        with store.unit_of_work() as uow:
            some = [
                a_customer("Dated", nth=nth, attributes={"renewed_at": at}, at=at)
                for nth, at in enumerate(near)
            ]
            uow.customers.add_many(some)
            contacts = [an_interaction(c, at=c.at, nth=n) for n, c in enumerate(some)]
            uow.interactions.add_many(contacts)
            for nth, (at, one, contact) in enumerate(zip(near, some, contacts, strict=True)):
                assert uow.customers.get(one.id).at == at.astimezone(UTC)
                assert uow.interactions.get(contact.id) == contact
                for name in ("known_since", "last_interaction_at", "renewed_at"):
                    assert uow.profiles.get(one.id)[name] == at.astimezone(UTC)
                    assert selected(uow, field(name) == at) == [one.id]
                    assert uow.profiles.where(field(name) < at).count() == nth
            ordered = uow.profiles.where().order_by("renewed_at").page()
            cut = a_customer(at=AT.replace(microsecond=123_999))
            assert uow.customers.add(cut).at == AT.replace(microsecond=123_000)
        assert [p.customer_id for p in ordered] == [c.id for c in some]
        assert folds[0].astimezone(UTC) + timedelta(hours=1) == folds[1].astimezone(UTC)
        assert len(_rows(store, "interactions", since=near[3], until=near[4])) == 1
        for wrong in (EARLIEST - blink, AT.replace(tzinfo=None)):
            with pytest.raises(InvalidInput):
                a_customer(at=wrong)

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("visits", WHOLE),
            ("budget", tuple(Money.of_minor(n, "EUR") for n in WHOLE)),
            ("height", tuple(Decimal(n).scaleb(-6) for n in WHOLE)),
            ("weight", FLOATS),
            ("born", (date.min, date(1970, 1, 1), date(2024, 2, 29), date.max)),
        ],
    )
    def test_numbers_keep_their_last_digit(
        self, store: Backend, name: str, values: tuple[Any, ...]
    ) -> None:
        """Neighbours are told apart, compared and ordered, up to the ends of the range."""
        with store.unit_of_work() as uow:
            some = [a_customer("N", nth=n, attributes={name: v}) for n, v in enumerate(values)]
            uow.customers.add_many(reversed(some))
            for nth, (value, one) in enumerate(zip(values, some, strict=True)):
                assert uow.customers.get(one.id).attribute(name) == value
                assert uow.profiles.get(one.id)[name] == value
                assert selected(uow, field(name) == value) == [one.id]
                assert uow.profiles.where(field(name) < value).count() == nth
            pages = paged(uow, name, limit=1)
        assert pages == [c.id for c in some]

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("seat", ("", "A", "a", "é")),
            ("tag", ("", "A", "a", "é")),
            ("visits", WHOLE),
            ("weight", FLOATS),
            ("height", tuple(Decimal(n).scaleb(-6) for n in WHOLE)),
            ("vip", (False, True)),
            ("born", (date.min, date(2024, 2, 29), date.max)),
            ("renewed_at", (EARLIEST, AT, AT + timedelta(milliseconds=1), LATEST)),
            ("budget", tuple(Money.of_minor(n, "EUR") for n in WHOLE)),
        ],
    )
    def test_attributes_of_every_type_are_counted_by(
        self, store: Backend, name: str, values: tuple[Any, ...]
    ) -> None:
        """Each value as it was told, in its type, with how many have it; neighbours apart."""
        told = [*values, values[-1], *[None] * 3]
        with store.unit_of_work() as uow:
            uow.customers.add_many(
                a_customer("N", nth=n, attributes={} if value is None else {name: value})
                for n, value in enumerate(told)
            )
            found = uow.profiles.where().count_by(name)

        assert list(found.items()) == [
            (None, 3), (values[-1], 2), *((value, 1) for value in values[:-1]),
        ]  # fmt: skip
        assert {type(value) for value in found} == {type(values[0]), type(None)}

    def test_numbers_of_every_size_are_asked_for_together(self, store: Backend) -> None:
        """A small and a large one among the same values: no driver takes one's type for all."""
        large = 2**53 - 1
        ana = a_customer(emails=()).with_attribute("visits", large, at=AT)
        with store.unit_of_work() as uow:
            uow.customers.add(ana)
        with store.reading() as uow:
            for name in ("visits", "order_count"):
                found = list(uow.profiles.where(field(name).is_in(1, large)).ids())
                assert found == ([ana.id] if name == "visits" else [])

    def test_amounts_and_scores_keep_their_last_digit(self, store: Backend) -> None:
        """In facts and in what is folded from them; a step beyond the range is refused."""
        with store.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
            order = uow.orders.add(an_order(ana, Money.of_minor(MOST, "EUR"), lines=()))
            assert uow.orders.get(order.id).total.minor == MOST
            assert uow.profiles.get(ana.id)["revenue"].minor == MOST
            assert selected(uow, field("revenue") > Money.of_minor(MOST - 1, "EUR")) == [ana.id]
            for nth, value in enumerate(FLOATS):
                score = uow.scores.add(a_score(ana, value, at=AT + timedelta(days=nth)))
                assert uow.scores.get(score.id).value == value
                assert uow.profiles.get(ana.id)["probability_alive"] == value
                assert selected(uow, field("probability_alive") == value) == [ana.id]
            zero = uow.scores.add(a_score(ana, -0.0, at=AT + timedelta(days=99)))
            assert math.copysign(1, uow.scores.get(zero.id).value) == 1
        for wrong in (math.nan, math.inf, -math.inf):
            with pytest.raises(InvalidInput, match="value"):
                a_score(ana, wrong)
            with pytest.raises(InvalidInput, match="value"):
                a_customer(attributes={"weight": wrong})
            with store.reading() as uow, pytest.raises(InvalidInput, match="weight"):
                uow.profiles.where(field("weight") < wrong)
        with pytest.raises(InvalidInput), store.unit_of_work() as uow:
            uow.orders.add(an_order(ana, "0.01"))
        for step in (MOST + 1, -MOST - 1):
            with pytest.raises(InvalidInput):
                Money.of_minor(step, "EUR")
            with pytest.raises(InvalidInput, match="value"):
                a_customer(attributes={"visits": step})

    def test_absent_empty_zero_and_false_are_four_things(self, store: Backend) -> None:
        """In the record, in the profile, in a filter, and in the order of pages."""
        empty: dict[str, Any] = {
            "seat": "", "tag": "", "visits": 0, "weight": 0.0, "height": Decimal(0), "vip": False,
            "budget": Money("0", "EUR"),
        }  # fmt: skip
        with store.unit_of_work() as uow:
            nobody = uow.customers.add(a_customer("Absent"))
            for nth, (name, value) in enumerate(empty.items()):
                one = uow.customers.add(a_customer("Empty", nth=nth, attributes={name: value}))
                assert uow.customers.get(one.id).attribute(name) == value
                found = uow.profiles.get(one.id)
                assert {n: v for n, v in found.items() if n in empty and v is not None} == {
                    name: value
                }
                assert type(found[name]) is type(value)
                assert selected(uow, field(name) == value) == [one.id]
                assert selected(uow, field(name).is_present()) == [one.id]
                assert nobody.id in selected(uow, field(name).is_absent())
                assert nobody.id in selected(uow, field(name) != value)
                assert paged(uow, name, limit=1)[0] == one.id
                assert paged(uow, name, limit=1, descending=True)[0] == one.id
            assert all(uow.profiles.get(nobody.id)[name] is None for name in empty)

    def test_a_predicate_at_its_bounds_is_answered(self, store: Backend) -> None:
        """As many terms, values, characters and levels as the domain lets through."""
        seat, long = field("seat"), ("é" * 10_000,)
        deep: Predicate = seat == "x"
        for nth in range(50):
            deep = And((deep, seat != "y")) if nth % 2 else Or((deep, seat == "z"))
        bounds: tuple[tuple[Predicate, Predicate], ...] = (
            (_any(seat == f"{n}" for n in range(1000)), _any(seat == f"{n}" for n in range(1001))),
            (seat.is_in(*map(str, range(10_000))), seat.is_in(*map(str, range(10_001)))),
            (seat.is_in(*("é" * 9_990 + f"{n}" for n in range(100))), seat.is_in(*long * 101)),
            (deep, Or((deep, seat == "z"))),
        )  # fmt: skip
        with store.unit_of_work() as uow:
            one = uow.customers.add(a_customer(attributes={"seat": "7"}))
            assert [selected(uow, within) for within, _ in bounds] == [[one.id], [one.id], [], []]
            assert selected(uow, ~bounds[0][0]) == []
            for _, beyond in bounds:
                with pytest.raises(InvalidInput, match="more than"):
                    uow.profiles.where(beyond)
            twice = seat == "7"
            for _ in range(500):
                twice = ~twice
            assert selected(uow, twice) == [one.id]

    def test_no_error_quotes_what_was_given(self, store: Backend) -> None:
        """Neither in its text nor in what it was caused by: ids, fields and rules, no values."""
        canary = "canary@example.com"
        ana = a_customer(canary, identifiers=[Identifier("card", canary)], emails=[canary])
        twin = attrs.evolve(ana, id=a_customer("Twin").id)
        third = attrs.evolve(twin, id=another_id(twin))
        contact = an_interaction(ana, subject=canary, source="shop", source_key="1")
        with store.unit_of_work() as uow:
            uow.customers.add(ana)
            uow.customers.add(attrs.evolve(twin, identifiers=()))
            uow.interactions.add(contact)
        failing: tuple[tuple[type[CrmError], Callable[[UnitOfWork], object]], ...] = (
            (AlreadyExists, lambda uow: uow.customers.add(ana)),
            (IdentifierTaken, lambda uow: uow.customers.add(third)),
            (ConflictingFact, lambda uow: uow.interactions.add(
                attrs.evolve(contact, id=another_id(contact), subject=canary * 2))),
            (CrmError, lambda uow: uow.customers.find_by_identifier("email", canary)),
            (InvalidInput, lambda uow: uow.profiles.where(field("visits") == canary)),
            (InvalidInput, lambda uow: uow.profiles.where(field("seat") == canary + "\ud800")),
        )  # fmt: skip
        for expected, fail in failing:
            with pytest.raises(expected) as raised, store.unit_of_work() as uow:
                fail(uow)
            seen: BaseException | None = raised.value
            while seen is not None:
                assert "canary" not in f"{seen} {seen!r} {seen.args!r}"
                assert seen.__cause__ is None or "canary" not in repr(seen.__cause__)
                seen = seen.__context__


def _any(parts: Iterator[Predicate]) -> Predicate:
    return Or(tuple(parts))


def _rows(backend: Backend, kind: str, **window: datetime) -> list[bytes]:
    return [id for batch in backend.columns(kind, **window) for id in batch["id"]]  # type: ignore[arg-type]
