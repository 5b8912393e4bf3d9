"""What sets a segment apart: shares by lift, numbers by mean, with intervals."""

from __future__ import annotations

from typing import Any

import pytest

import crmcore
from crmcore import InvalidInput, Money, UnknownField, field
from crmcore.adapters.backend import Backend
from crmcore.analytics import lift
from crmcore.services import SegmentComparison, compare_segment
from crmcore.testing import a_customer, an_order
from tests.services.buyers import BEGIN, MODEL, filled
from tests.services.conftest import Open


def shares(found: SegmentComparison) -> dict[tuple[str, Any], Any]:
    return {(share.field, share.value): share for share in found.shares}


@pytest.fixture
def known() -> Backend:
    """40 members of whom 36 speak Catalan, 80 others of whom 16 do; members spend 100, others
    20."""
    backend = crmcore.connect("memory://")
    backend.migrate()
    with backend.unit_of_work() as unit:
        for number in range(120):
            member = number < 40
            speaks = number % 40 < 36 if member else number < 56
            customer = a_customer(
                f"C{number}", language="ca" if speaks else None, nth=number + 1,
                tags=["club", *(["vip"] if number < 3 else [])] if member else [],
            )  # fmt: skip
            unit.customers.add(customer)
            unit.orders.add(an_order(customer, "100.00" if member else "20.00", at=BEGIN))
    return backend


def test_the_published_lift_comes_out_of_the_store(known: Backend) -> None:
    """Koopman (1984): 36 of 40 against 16 of 80 are 4.5 times as many, from 2.94 to 7.15."""
    found = compare_segment(known, field("tags").has("club"))
    catalan = shares(found)["language", "ca"]

    assert (found.inside, found.outside) == (40, 80)
    assert (catalan.inside, catalan.outside) == (36, 16)
    assert (catalan.share_inside, catalan.share_outside) == (0.9, 0.2)
    assert (catalan.lift, catalan.low, catalan.high) == pytest.approx((4.5, 2.94, 7.15), abs=0.005)
    assert catalan.enough


def test_the_strongest_come_first_and_few_are_told(known: Backend) -> None:
    found = compare_segment(known, field("tags").has("club"))

    assert {s.value for s in found.shares[:2] if s.field == "tags"} == {"club", None}
    assert found.shares[-1].value == "vip"
    assert not found.shares[-1].enough
    trusted = [share.strength for share in found.shares if share.enough]
    assert trusted == sorted(trusted, reverse=True)
    assert found.numbers[0].field == "revenue"


def test_absence_is_compared_like_a_value(known: Backend) -> None:
    """4 of 40 against 64 of 80 do not say which language they speak."""
    silent = shares(compare_segment(known, field("tags").has("club")))["language", None]

    assert (silent.share_inside, silent.share_outside) == (0.1, 0.8)
    expected = lift(inside=[4], of_inside=40, outside=[64], of_outside=80)
    assert (silent.low, silent.high) == pytest.approx(
        (float(expected.low[0]), float(expected.high[0]))
    )


def test_numbers_are_in_their_own_units(known: Backend) -> None:
    found = {n.field: n for n in compare_segment(known, field("tags").has("club")).numbers}
    revenue = found["revenue"]

    assert (revenue.mean_inside, revenue.mean_outside) == (Money("100", "EUR"), Money("20", "EUR"))
    assert (revenue.difference, revenue.low, revenue.high, revenue.unit) == (80, 80, 80, "EUR")
    assert revenue.superiority == 1


def test_what_is_the_same_for_everyone_is_passed_over(known: Backend) -> None:
    found = compare_segment(known, field("tags").has("club"))

    assert found.passed_over["kind"] == "everyone is alike"
    assert found.passed_over["purchase_count"] == "everyone is alike"
    assert found.passed_over["last_interaction_at"] == "nobody on one side has one"


def test_others_than_all_others_can_be_compared_with(known: Backend) -> None:
    found = compare_segment(
        known, field("tags").has("vip"), against=field("tags").has("club"), fields=["language"]
    )
    assert (found.inside, found.outside) == (3, 37)
    assert {share.field for share in found.shares} == {"language"}
    assert not any(share.enough for share in found.shares)


def test_every_type_of_field_the_same_on_every_backend(open_store: Open) -> None:
    segment = field("member") == True  # noqa: E712 - a comparison of the field
    backend = filled(open_store(model=MODEL), 200)
    found = compare_segment(backend, segment)
    elsewhere = filled(crmcore.connect("memory://", model=MODEL), 200)

    assert found == compare_segment(elsewhere, segment)
    assert shares(found)["member", True].share_inside == 1
    assert shares(found)["member", True].lift == float("inf")
    assert {"seat", "tags", "stage", "language", "bags"} <= {s.field for s in found.shares}
    numbers = {number.field: number for number in found.numbers}
    assert {"bags", "ratio", "share", "born", "seen_at", "budget", "revenue"} <= numbers.keys()
    assert numbers["born"].unit == numbers["seen_at"].unit == "days"
    with backend.reading() as unit:
        inside = unit.profiles.where(segment & (field("seat") == "window")).count()
        bags = [p["bags"] for p in unit.profiles.where(segment).page(limit=1000)]
    assert shares(found)["seat", "window"].inside == inside
    known = [value for value in bags if value is not None]
    assert numbers["bags"].mean_inside == pytest.approx(sum(known) / len(known))
    assert numbers["bags"].inside == len(known)


def test_personal_fields_are_compared_when_asked_for_only() -> None:
    backend = filled(crmcore.connect("memory://", model=MODEL), 60)
    segment = field("bags") > 1

    assert "diet" not in {s.field for s in compare_segment(backend, segment).shares}
    asked = compare_segment(backend, segment, personal=True)
    assert "diet" in {s.field for s in asked.shares}
    assert asked.passed_over["name"] == "has more than 50 different texts"
    with pytest.raises(InvalidInput, match="diet: is personal"):
        compare_segment(backend, segment, fields=["diet"])


@pytest.mark.parametrize(
    ("predicate", "options", "error", "message"),
    [
        (field("language") == "xx", {}, InvalidInput, "predicate: selects nobody"),
        (field("kind") == "person", {}, InvalidInput, "against: selects nobody"),
        (field("tags").has("vip"), {"against": field("tags").has("vip")}, InvalidInput, "against"),
        (field("tags").has("vip"), {"level": 95}, InvalidInput, "level"),
        (field("tags").has("vip"), {"fields": ["nope"]}, UnknownField, "nope"),
        (field("nope") == 1, {}, UnknownField, "nope"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    known: Backend, predicate: Any, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        compare_segment(known, predicate, **options)
