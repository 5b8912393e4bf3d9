"""RFM cells and named groups: exactly one each, equal values in equal bins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import InvalidInput, Money, field
from crmcore.adapters.backend import Backend
from crmcore.services import NAMED_GROUPS, RfmCells, RfmGroup, rfm_cells
from crmcore.testing import a_customer, an_order
from tests.services.buyers import BEGIN, MODEL, check_split, filled
from tests.services.conftest import Open


def shop(*histories: tuple[int, int, str] | None) -> Backend:
    """Per customer: day of the last purchase, number of purchases, total of each; None: never."""
    backend = crmcore.connect("memory://")
    backend.migrate()
    with backend.unit_of_work() as unit:
        for number, history in enumerate(histories):
            customer = a_customer(f"C{number}", nth=number + 1)
            unit.customers.add(customer)
            if history is not None:
                last, times, total = history
                for nth in range(times):
                    at = BEGIN + timedelta(days=last, seconds=-nth)
                    unit.orders.add(an_order(customer, total, at=at, nth=nth + 1))
    return backend


def check(backend: Backend, found: RfmCells) -> None:
    """Groups and cells select whom they say, one each, with their revenue."""
    for parts in (found.groups, found.cells):
        with backend.reading() as unit:
            for part in parts:
                query = unit.profiles.where(part.predicate)
                held = query.page(limit=10_000)
                assert len(held) == part.customers
                assert sum(p["revenue"].minor for p in held) == part.revenue.minor
    check_split(backend, found.predicates)
    cells = {str(n): cell.predicate for n, cell in enumerate(found.cells)}
    check_split(backend, {**cells, "never": field("last_purchase_at").is_absent()})


def group_of(found: RfmCells, backend: Backend) -> dict[str, str]:
    """By name of the customer, the group."""
    with backend.reading() as unit:
        return {
            profile["name"]: group.name
            for group in found.groups
            for profile in unit.profiles.where(group.predicate).page()
        }


histories = st.lists(
    st.one_of(
        st.none(),
        st.tuples(st.integers(1, 4), st.integers(1, 3), st.sampled_from(["0.00", "5.00", "70.00"])),
    ),
    max_size=15,
)


@given(histories=histories)
@settings(max_examples=40)
def test_everyone_is_in_exactly_one_group_and_one_cell(histories: list[Any]) -> None:
    backend = shop(*histories)
    check(backend, rfm_cells(backend))


def test_the_groups_of_today_split_the_customers_of_tomorrow() -> None:
    """Customers who come later, with values that nobody had, fall into one group each too."""
    found = rfm_cells(shop((1, 1, "5.00"), (9, 4, "70.00"), (5, 2, "20.00"), None))
    later = filled(crmcore.connect("memory://", model=MODEL), 80)
    check_split(later, found.predicates)
    cells = {str(n): cell.predicate for n, cell in enumerate(found.cells)}
    check_split(later, {**cells, "never": field("last_purchase_at").is_absent()})


def test_the_same_groups_on_every_backend(open_store: Open) -> None:
    backend = filled(open_store(model=MODEL), 200)
    found = rfm_cells(backend)

    check(backend, found)
    assert sum(group.share for group in found.groups) == pytest.approx(1)
    assert sum(group.revenue_share or 0 for group in found.groups) == pytest.approx(1)


def test_five_customers_by_hand() -> None:
    """Days 1 to 5, 1 to 5 purchases, ever dearer: scores 1 to 5, and the means of the last two."""
    backend = shop(*((n, n, f"{n}.00") for n in range(1, 6)))
    found = rfm_cells(backend)

    scores = [(c.recency, c.frequency, c.money) for c in found.cells if c.customers]
    assert scores == [(n, n, n) for n in range(1, 6)]
    assert group_of(found, backend) == {
        "C0": "lost", "C1": "hibernating", "C2": "needs_attention", "C3": "loyal",
        "C4": "champions",
    }  # fmt: skip
    champions = found.groups[0]
    assert champions.revenue == Money("25.00", "EUR")
    assert champions.revenue_share == pytest.approx(25 / 55)
    assert champions.share == pytest.approx(1 / 5)


def test_the_mean_of_frequency_and_money_is_rounded_half_up() -> None:
    """Somebody with frequency 5 and money 2 scores 4, as of 3.5: loyal or a champion."""
    backend = shop(
        (1, 1, "60.00"), (2, 2, "5.00"), (3, 3, "25.00"), (4, 4, "20.00"), (5, 5, "3.00")
    )
    found = rfm_cells(backend)
    scores = [(c.recency, c.frequency, c.money) for c in found.cells if c.customers]
    assert scores == [(1, 1, 3), (2, 2, 1), (3, 3, 4), (4, 4, 5), (5, 5, 2)]
    assert group_of(found, backend)["C4"] == "champions"


def test_equal_values_have_equal_scores() -> None:
    """Nine who bought once and one who bought twice: the nine score 1 for frequency, not 1 to 5;
    of recency, where all are as recent as can be, 5."""
    backend = shop(*[(3, 1, "5.00")] * 9, (3, 2, "5.00"))
    found = rfm_cells(backend)
    taken = {(c.recency, c.frequency, c.money): c.customers for c in found.cells if c.customers}
    assert taken == {(5, 1, 1): 9, (5, 5, 5): 1}


@pytest.mark.parametrize(
    ("histories", "groups"),
    [
        ([], {}),
        ([None, None], {"never_bought": 2}),
        ([(1, 1, "5.00")], {"new": 1}),
        ([(1, 1, "0.00")] * 4, {"new": 4}),
    ],
    ids=["nobody", "nobody bought", "one customer", "all alike, for nothing"],
)
def test_almost_nobody_is_grouped(histories: list[Any], groups: dict[str, int]) -> None:
    backend = shop(*histories)
    found = rfm_cells(backend)
    check(backend, found)
    assert {g.name: g.customers for g in found.groups if g.customers} == groups
    assert [g.name for g in found.groups] == [*(g.name for g in NAMED_GROUPS), "never_bought"]
    nothing_paid = all(group.revenue.minor == 0 for group in found.groups)
    assert all((group.revenue_share is None) == nothing_paid for group in found.groups)


def test_only_those_asked_for_are_scored() -> None:
    backend = filled(crmcore.connect("memory://", model=MODEL), 100)
    where = field("language") == "es"
    found = rfm_cells(backend, where=where)
    check_split(backend, {**found.predicates, "others": ~where})


def test_other_bins_and_other_groups() -> None:
    groups = (RfmGroup("good", (((3, 3), (1, 3)),)), RfmGroup("rest", (((1, 2), (1, 3)),)))
    backend = filled(crmcore.connect("memory://", model=MODEL), 90)
    found = rfm_cells(backend, bins=3, groups=groups)
    check(backend, found)
    assert {cell.recency for cell in found.cells} == {1, 2, 3}


@pytest.mark.parametrize(
    ("bins", "groups", "message"),
    [
        (1, NAMED_GROUPS, "bins"),
        (11, NAMED_GROUPS, "bins"),
        (4, NAMED_GROUPS, "beyond 1 to 4"),
        (6, NAMED_GROUPS, "recency 6, value 6 is of no group"),
        (5, NAMED_GROUPS[1:], "recency 5, value 4 is of no group"),
        (5, (*NAMED_GROUPS, RfmGroup("mine", (((1, 1), (1, 1)),))), "lost and mine"),
        (5, (*NAMED_GROUPS, RfmGroup("lost", ())), "lost is there twice"),
    ],
)
def test_groups_that_are_no_partition_are_refused(bins: int, groups: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        rfm_cells(shop(), bins=bins, groups=groups)


def test_the_named_groups_hold_every_pair_of_scores_once() -> None:
    """Martin's map: the rows are recency 5 to 1, the columns value 1 to 5."""
    names = {
        (r, v): group.name
        for group in NAMED_GROUPS
        for (oldest, latest), (least, most) in group.cells
        for r in range(oldest, latest + 1)
        for v in range(least, most + 1)
    }
    short = [[names[r, v][:5] for v in range(1, 6)] for r in range(5, 0, -1)]
    assert short == [
        ["new", "poten", "poten", "champ", "champ"],
        ["promi", "poten", "poten", "loyal", "loyal"],
        ["about", "about", "needs", "loyal", "loyal"],
        ["hiber", "hiber", "at_ri", "at_ri", "canno"],
        ["lost", "hiber", "at_ri", "at_ri", "canno"],
    ]
