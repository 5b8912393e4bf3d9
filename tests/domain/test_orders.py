"""Orders, their lines, and what follows from their later facts."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore import (
    Cancellation,
    Channel,
    Fulfilment,
    Interaction,
    InvalidInput,
    Money,
    Order,
    OrderHistory,
    OrderLine,
    OrderStatus,
    Payment,
    Product,
    Refused,
    Return,
    Score,
    new_id,
)
from crmcore.domain.facts import differences
from crmcore.domain.ids import CustomerId, FactId
from crmcore.testing import a_score
from crmcore.testing.strategies import order_lines, orders

AT = datetime(2024, 1, 1, tzinfo=UTC)
ANA = CustomerId(new_id(AT))


def an_order(total: str = "100.00", base: str | None = None, currency: str = "EUR") -> Order:
    amount = None if base is None else Money(base, "EUR")
    return Order(customer_id=ANA, at=AT, total=Money(total, currency), base_amount=amount)


def a_return(order: Order, minor: int) -> Return:
    amount = Money.of_minor(minor, order.total.currency)
    return Return(customer_id=ANA, at=AT, order_id=order.id, amount=amount)


@pytest.mark.parametrize(
    ("quantity", "price", "minor"),
    [
        (3, "9.99", 2997), ("0.5", "0.01", 0), ("1.5", "0.01", 2), ("2.5", "0.01", 2),
        ("0.333333", "3.00", 100), ("0.000001", "0.000001", 0), (1, "0", 0),
        ("1000000000", "90071.992547", 9007199254700000),
        ("123456789.123457", "0.000001", 12346), ("9007199254.740991", "0.005", 4503599627),
    ],
)  # fmt: skip
def test_a_line_is_quantity_times_price_rounded_once_half_to_even(
    quantity: Any, price: str, minor: int
):
    """Up to 32 digits meet in the product; none is lost before the one rounding."""
    assert OrderLine.of("SKU", quantity, price, "EUR").amount.minor == minor


@given(st.integers(1, 10**12), st.integers(0, 10**12))
def test_a_line_equals_exact_arithmetic(quantity: int, price: int):
    """Half to even of the exact product of millionths."""
    from fractions import Fraction

    exact = Fraction(quantity * price, 10**12) * 100
    if exact >= 2**53 - 1:
        return
    line = OrderLine.of("SKU", Decimal(quantity) / 10**6, Decimal(price) / 10**6, "EUR")
    assert line.amount.minor == round(exact)


@given(st.lists(order_lines(), min_size=1, max_size=8))
def test_the_total_is_the_sum_of_the_lines(lines: list[OrderLine]):
    order = Order.of_lines(ANA, lines, at=AT)
    assert order.total.minor == sum(line.amount.minor for line in lines)
    assert order.lines == tuple(lines)


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda: OrderLine.of("", 1, "1", "EUR"), "product"),
        (lambda: OrderLine.of("SKU", 0, "1", "EUR"), "quantity"),
        (lambda: OrderLine.of("SKU", -1, "1", "EUR"), "quantity"),
        (lambda: OrderLine.of("SKU", "1.0000001", "1", "EUR"), "quantity"),
        (lambda: OrderLine.of("SKU", "lots", "1", "EUR"), "quantity"),
        (lambda: OrderLine.of("SKU", 0.5, "1", "EUR"), "quantity"),  # type: ignore[arg-type]
        (lambda: OrderLine.of("SKU", Decimal("NaN"), "1", "EUR"), "quantity"),
        (lambda: OrderLine.of("SKU", Decimal("1e999999"), "1", "EUR"), "quantity"),
        (lambda: OrderLine.of("SKU", 1, "-1", "EUR"), "unit_price"),
        (lambda: OrderLine.of("SKU", 1, "1e-7", "EUR"), "unit_price"),
        (lambda: OrderLine.of("SKU", 10**9, "9007199254", "EUR"), "amount"),
        (lambda: OrderLine.of("SKU", 1, "1", "EURO"), "currency"),
        (
            lambda: OrderLine("SKU", quantity=Decimal(1), unit_price=Decimal(1), amount=1),  # type: ignore[arg-type]
            "amount",
        ),
        (
            lambda: OrderLine(
                "SKU",
                quantity=1,  # type: ignore[arg-type]
                unit_price=Decimal(1),
                amount=Money("1", "EUR"),
            ),
            "quantity",
        ),
        (lambda: Order.of_lines(ANA, [], at=AT), "lines"),
        (lambda: an_order("-1.00"), "total"),
        (lambda: Order(customer_id=ANA, at=AT, total=100), "total"),  # type: ignore[arg-type]
        (lambda: Order(customer_id="ana", at=AT, total=Money("1", "EUR")), "customer_id"),  # type: ignore[arg-type]
        (lambda: attrs.evolve(cast(Any, an_order()), lines=["SKU"]), "lines[0]"),
        (lambda: attrs.evolve(cast(Any, an_order()), id="17"), "id"),
        (lambda: attrs.evolve(an_order(), source_key="k" * 201), "source_key"),
        (lambda: attrs.evolve(an_order(), source=""), "source"),
        (lambda: attrs.evolve(an_order(), recorded_at=datetime(2024, 1, 1)), "recorded_at"),  # noqa: DTZ001
        (lambda: attrs.evolve(an_order(), channel="pigeon"), "channel"),
        (lambda: a_return(an_order(), 0), "amount"),
        (lambda: a_return(an_order(), -1), "amount"),
        (
            lambda: Payment(customer_id=ANA, at=AT, order_id="x", amount=Money("1", "EUR")),  # type: ignore[arg-type]
            "order_id",
        ),
        (lambda: Interaction(customer_id=ANA, at=AT, channel="fog"), "channel"),
        (
            lambda: Interaction(customer_id=ANA, at=AT, channel="web", waited_seconds=-1),
            "waited_seconds",
        ),
        (
            lambda: Interaction(customer_id=ANA, at=AT, channel="web", lasted_seconds=1.5),  # type: ignore[arg-type]
            "lasted_seconds",
        ),
        (lambda: Score(customer_id=ANA, at=AT, scorer="a", value=float("nan"), unit="1"), "value"),
        (lambda: Score(customer_id=ANA, at=AT, scorer="a", value="high", unit="1"), "value"),  # type: ignore[arg-type]
        (lambda: Score(customer_id=ANA, at=AT, scorer="A b", value=1, unit="1"), "scorer"),
        (lambda: a_score(ANA, 0.5, low=0.1), "high"),
        (lambda: a_score(ANA, 0.5, high=0.9), "low"),
        (lambda: a_score(ANA, 0.5, low=0.6, high=0.9), "low"),
        (lambda: a_score(ANA, 0.5, low=0.1, high=0.4), "high"),
        (lambda: a_score(ANA, 0.5, low=0.1, high=float("inf")), "high"),
        (lambda: a_score(ANA, 0.5, low=float("nan"), high=0.9), "low"),
        (lambda: a_score(ANA, 0.5, scorer_version="1" * 41), "scorer_version"),
        (lambda: Product(sku="", at=AT), "sku"),
        (lambda: Product(sku="1", at=AT, price=5), "price"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_a_fact_is_refused_with_its_place(make: Any, path: str):
    """Valid by construction: no such fact, line or product exists for an adapter to meet."""
    with pytest.raises(InvalidInput) as refused:
        make()
    assert [fault.path for fault in refused.value.faults] == [path]


def test_lines_are_in_the_currency_of_the_total():
    line = OrderLine.of("SKU", 1, "5.00", "USD")
    with pytest.raises(InvalidInput) as refused:
        Order(customer_id=ANA, at=AT, total=Money("5.00", "EUR"), lines=[line])
    assert refused.value.faults[0].path == "lines[0]"


splits = st.lists(st.integers(1, 5_000), min_size=1, max_size=12)


@given(splits, st.integers(0, 10**7), st.data())
def test_shares_of_returns_add_up_to_the_order(parts: list[int], base: int, data: st.DataObject):
    """O2, O12: whatever the parts and their order, what was credited in the model's currency is
    the order's own share at every step, never negative, and all of it in the end."""
    order = attrs.evolve(
        an_order("1.00", currency="USD"),
        total=Money.of_minor(sum(parts), "USD"),
        base_amount=Money.of_minor(base, "EUR"),
    )
    history = OrderHistory(order=order)
    for part in data.draw(st.permutations(parts)):
        accepted = history.accepting(a_return(order, part))
        assert accepted.base_amount is not None
        assert 0 <= accepted.base_amount.minor <= base
        history = attrs.evolve(history, returns=(*history.returns, accepted))
    assert sum(r.base_amount.minor for r in history.returns if r.base_amount) == base
    assert history.status is OrderStatus.RETURNED
    assert history.purchase is None


@given(splits, st.integers(0, 10**7), st.data())
def test_shares_add_up_also_after_a_return_was_removed(
    parts: list[int], base: int, data: st.DataObject
):
    """O2: a wrongly recorded return, taken out and replaced, leaves no cent behind."""
    order = attrs.evolve(
        an_order("1.00", currency="USD"),
        total=Money.of_minor(sum(parts), "USD"),
        base_amount=Money.of_minor(base, "EUR"),
    )
    history = OrderHistory(order=order)
    for part in parts:
        accepted = history.accepting(a_return(order, part))
        history = attrs.evolve(history, returns=(*history.returns, accepted))
    gone = data.draw(st.sampled_from(history.returns))
    history = attrs.evolve(history, returns=tuple(r for r in history.returns if r is not gone))
    again = history.accepting(a_return(order, gone.amount.minor))
    history = attrs.evolve(history, returns=(*history.returns, again))

    shares = [r.base_amount.minor for r in history.returns if r.base_amount]
    assert sum(shares) == base
    assert min(shares) >= 0


@given(st.integers(1, 10_000), st.data())
def test_a_partial_return_leaves_the_rest_as_the_purchase(total: int, data: st.DataObject):
    part = data.draw(st.integers(1, total))
    order = attrs.evolve(an_order(), total=Money.of_minor(total, "EUR"))
    history = OrderHistory(order=order)
    history = attrs.evolve(history, returns=(history.accepting(a_return(order, part)),))

    left = 0 if history.purchase is None else history.purchase.amount.minor
    assert left == total - part
    assert (history.purchase is None) == (part == total)


# What happened, in the words of the facts, and the status that follows.
STATUSES = {
    (): OrderStatus.PLACED,
    ("part_payment",): OrderStatus.PLACED,
    ("payment",): OrderStatus.PAID,
    ("part_payment", "part_payment"): OrderStatus.PAID,
    ("other_currency",): OrderStatus.PLACED,
    ("part_delivery",): OrderStatus.PLACED,
    ("part_delivery", "payment"): OrderStatus.PAID,
    ("delivery",): OrderStatus.FULFILLED,
    ("delivery", "payment"): OrderStatus.FULFILLED,
    ("delivery", "payment", "part_return"): OrderStatus.PARTLY_RETURNED,
    ("part_return", "part_return"): OrderStatus.RETURNED,
    ("return",): OrderStatus.RETURNED,
    ("cancellation",): OrderStatus.CANCELLED,
    ("payment", "cancellation"): OrderStatus.CANCELLED,
    ("delivery", "part_return", "cancellation"): OrderStatus.CANCELLED,
}


@pytest.mark.parametrize(("happened", "status"), STATUSES.items())
def test_the_status_follows_from_the_facts_in_any_order(
    happened: tuple[str, ...], status: OrderStatus
):
    """S16: cancelled, else returned, else fulfilled, else paid, else placed."""
    order = an_order("10.00")
    told: dict[str, Any] = {"customer_id": ANA, "at": AT, "order_id": order.id}

    for sequence in itertools.permutations(happened):
        history = OrderHistory(order=order)
        for word in sequence:
            more: dict[str, Any]
            fact: Any
            match word:
                case "payment" | "part_payment":
                    amount = Money("10.00" if word == "payment" else "5.00", "EUR")
                    more = {"payments": (*history.payments, Payment(amount=amount, **told))}
                case "other_currency":
                    payment = Payment(amount=Money("10.00", "USD"), **told)
                    more = {"payments": (*history.payments, payment)}
                case "delivery" | "part_delivery":
                    fact = Fulfilment(complete=word == "delivery", **told)
                    more = {"fulfilments": (*history.fulfilments, fact)}
                case "return" | "part_return":
                    fact = a_return(order, 1000 if word == "return" else 500)
                    more = {"returns": (*history.returns, fact)}
                case _:
                    more = {"cancellations": (Cancellation(**told),)}
            history = attrs.evolve(history, **more)
        assert history.status is status
        counts = status not in (OrderStatus.RETURNED, OrderStatus.CANCELLED)
        assert (history.purchase is not None) == counts


@pytest.mark.parametrize(
    ("given", "returned", "rule"),
    [
        ({}, (10_001, "EUR"), "orders.return_within_order"),
        ({"returned": 9_999}, (2, "EUR"), "orders.return_within_order"),
        ({}, (1, "USD"), "orders.return_in_order_currency"),
        ({"cancelled": True}, (1, "EUR"), "orders.no_return_after_cancellation"),
    ],
)
def test_a_return_beyond_the_order_is_refused_by_name(
    given: dict[str, Any], returned: tuple[int, str], rule: str
):
    order = an_order()
    told: dict[str, Any] = {"customer_id": ANA, "at": AT, "order_id": order.id}
    history = OrderHistory(
        order=order,
        returns=(a_return(order, given["returned"]),) if "returned" in given else (),
        cancellations=(Cancellation(**told),) if "cancelled" in given else (),
    )
    with pytest.raises(Refused) as refused:
        history.accepting(Return(amount=Money.of_minor(*returned), **told))
    assert (refused.value.rule, refused.value.subject) == (rule, str(order.id))


def test_an_order_is_cancelled_once():
    order = an_order()
    fact = Cancellation(customer_id=ANA, at=AT, order_id=order.id)
    OrderHistory(order=order).check_cancellation()
    with pytest.raises(Refused) as refused:
        OrderHistory(order=order, cancellations=(fact,)).check_cancellation()
    assert refused.value.rule == "orders.cancelled_once"


@given(orders())
def test_two_tellings_of_one_order_differ_in_content_alone(order: Order):
    """Idempotency compares what was agreed, not who recorded it, when, or under which id."""
    again = attrs.evolve(
        order, id=FactId(new_id(AT)), recorded_at=AT, actor="import", source="erp", source_key="x",
        base_amount=Money("1", "EUR"),
    )  # fmt: skip
    assert differences(order, again) == ()
    channel = Channel.FAX if order.channel is not Channel.FAX else Channel.WEB
    later = attrs.evolve(order, at=AT + timedelta(days=4000), channel=channel)
    assert differences(order, later) == (
        ("at", "channel") if later.at != order.at else ("channel",)
    )
