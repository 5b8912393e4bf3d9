"""Points of a purchase: by amount, piece, product, channel and tier, in the stated order."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmcore.domain.earning import Earned, EarningRule, earned
from crmcore.domain.errors import InvalidInput
from crmcore.domain.money import Money
from crmcore.domain.order import Order, OrderLine
from tests.domain.loyalty import WHO, day

LINES = [
    OrderLine.of("FLIGHT", 2, "100.00", "EUR", category="travel"),
    OrderLine.of("MEAL", 1, "50.50", "EUR"),
]
ORDER = Order.of_lines(WHO, LINES, at=day(10), channel="web")  # type: ignore[arg-type]
BASE = EarningRule("base", 1)


def points(*rules: EarningRule, tier: str = "classic", rounding: str = "down") -> tuple[int, int]:
    found = earned(ORDER, ORDER.total, tier, rules, rounding)
    return found.points, found.qualifying


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([BASE], (250, 250)),
        ([EarningRule("half", "0.5")], (125, 125)),
        ([EarningRule("each", 10, "unit")], (30, 30)),
        ([EarningRule("visit", 7, "purchase")], (7, 7)),
        ([EarningRule("travel", 2, categories=["travel"])], (400, 400)),
        ([EarningRule("meal", 3, products=["MEAL"])], (151, 151)),
        ([EarningRule("other", 3, products=["OTHER"])], (0, 0)),
        ([EarningRule("web", 5, "purchase", channels=["web"])], (5, 5)),
        ([EarningRule("phone", 5, "purchase", channels=["phone"])], (0, 0)),
        ([BASE, EarningRule("gold", 2, multiplies=True, tiers=["gold"])], (250, 250)),
        ([BASE, EarningRule("twice", 2, multiplies=True, qualifying=False)], (501, 250)),
        ([BASE, EarningRule("twice", 2, multiplies=True)], (501, 501)),
        ([EarningRule("twice", 2, multiplies=True), BASE], (250, 250)),
        ([EarningRule("base", 1, cap=100)], (100, 100)),
        ([BASE, EarningRule("twice", 2, multiplies=True, cap=30)], (280, 280)),
        ([EarningRule("early", 1, until=day(10))], (0, 0)),
        ([EarningRule("now", 1, since=day(10))], (250, 250)),
        ([], (0, 0)),
    ],
)
def test_what_the_rules_give(rules: list[EarningRule], expected: tuple[int, int]) -> None:
    assert points(*rules) == expected


def test_a_tier_earns_more() -> None:
    gold = EarningRule("gold", "1.5", multiplies=True, tiers=["gold"])
    assert points(BASE, gold, tier="gold") == (375, 375)


@pytest.mark.parametrize(("rounding", "expected"), [("down", 250), ("half_up", 251), ("up", 251)])
def test_fractions_are_rounded_once(rounding: str, expected: int) -> None:
    assert points(BASE, rounding=rounding)[0] == expected
    halves = [EarningRule("a", "0.5"), EarningRule("b", "0.5")]
    assert points(*halves, rounding=rounding)[0] == expected


def test_points_are_of_the_models_currency() -> None:
    assert earned(ORDER, Money("40.00", "USD"), "classic", [BASE], "down") == Earned(40, 40)
    travel = EarningRule("travel", 1, categories=["travel"])
    assert earned(ORDER, Money("501.00", "USD"), "classic", [travel], "down").points == 400


@given(
    paid=st.integers(0, 10_000),
    prices=st.lists(st.integers(0, 5_000), min_size=1, max_size=4),
    each=st.integers(0, 20),
    rounding=st.sampled_from(["down", "half_up", "up"]),
)
@example(paid=1000, prices=[500, 1000], each=3, rounding="down")  # 10 points, not 9.99...
@example(paid=1800, prices=[200, 100, 30], each=1, rounding="up")
def test_a_share_of_the_lines_is_rounded_once_too(
    paid: int, prices: list[int], each: int, rounding: str
) -> None:
    lines = [OrderLine.of(f"P{n}", 1, price, "EUR") for n, price in enumerate(prices)]
    order = Order(
        customer_id=WHO, at=day(10), total=Money.of_minor(paid, "EUR"), lines=lines
    )  # fmt: skip
    above, below = each * paid * prices[0], 100 * (sum(prices) or 1)
    expected = {
        "down": above // below, "half_up": (2 * above + below) // (2 * below),
        "up": -(-above // below),
    }  # fmt: skip
    rules = [EarningRule("first", each, products=["P0"])]

    assert earned(order, order.total, "classic", rules, rounding).points == expected[rounding]


@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.booleans(), st.none() | st.integers(0, 300)), max_size=6
    )
)
def test_what_qualifies_is_never_more_than_what_is_given(
    drawn: list[tuple[int, bool, int | None]],
) -> None:
    rules = [
        EarningRule(f"rule{nth}", Decimal(value) / 100, cap=cap, qualifying=counts)
        for nth, (value, counts, cap) in enumerate(drawn)
    ]
    given_, counting = points(*rules)
    assert 0 <= counting <= given_


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: EarningRule("x", -1), lambda: EarningRule("x", 1, "mile"),
        lambda: EarningRule("x", 1, cap=-1), lambda: EarningRule("x", 1.5),
        lambda: EarningRule("x", 1, since=day(3), until=day(3)),
        lambda: EarningRule("X", 1), lambda: EarningRule("x", 2, multiplies=True, products=["A"]),
        lambda: EarningRule("x", 1, channels=["pigeon"]),
        lambda: EarningRule("x", 1, products="COFFEE"), lambda: EarningRule("x", 1, tiers="gold"),
        lambda: EarningRule("x", 1, channels="web"), lambda: EarningRule("x", 1, categories=""),
        lambda: EarningRule("x", 1, multiplies="no"),  # type: ignore[arg-type]
        lambda: EarningRule("x", 1, qualifying=1),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_wrong_rules_are_refused(wrong: object) -> None:
    with pytest.raises(InvalidInput):
        wrong()  # type: ignore[operator]


def test_more_points_than_a_ledger_holds_are_refused() -> None:
    with pytest.raises(InvalidInput, match="more than a ledger holds"):
        points(EarningRule("x", 10**9), EarningRule("y", 10**9, multiplies=True))
