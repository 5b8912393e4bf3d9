"""Money is exact: integer minor units of one currency, whatever is done to it."""

from __future__ import annotations

import decimal
import pickle
import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore import DatedRates, InvalidInput, MissingRate, MixedCurrencies, Money
from crmcore.domain.money import LIMIT, convert
from crmcore.testing.strategies import moneys

DAY = date(2024, 2, 29)
small = st.builds(Money.of_minor, st.integers(-(10**12), 10**12), st.just("EUR"))
any_weight = st.integers(0, 10**20) | st.decimals(0, 10**9, places=9)
weights = st.lists(any_weight, min_size=1, max_size=12).filter(any)


@given(moneys(), weights)
def test_shares_add_up_to_the_amount_whatever_the_weights(amount: Money, weights: list[Decimal]):
    """O12: shares of an allocation add up, to the minor unit; none changes sign."""
    shares = amount.allocate(weights)

    assert sum(share.minor for share in shares) == amount.minor
    assert {share.currency for share in shares} == {amount.currency}
    assert all(share.minor * amount.minor >= 0 for share in shares)


@given(moneys(), weights)
def test_a_share_is_less_than_one_unit_from_its_exact_part(amount: Money, weights: list[Decimal]):
    """Nobody gets more than a minor unit beyond the exact proportion, zero weight gets nothing."""
    from fractions import Fraction

    whole = sum(map(Fraction, weights))
    for share, weight in zip(amount.allocate(weights), weights, strict=True):
        assert abs(share.minor - amount.minor * Fraction(weight) / whole) < 1
        assert weight or share.minor == 0


@given(small, weights)
def test_allocating_a_debt_mirrors_allocating_its_credit(amount: Money, weights: list[Decimal]):
    """A refund is shared exactly as the purchase was."""
    assert (-amount).allocate(weights) == tuple(-share for share in amount.allocate(weights))


def test_what_is_left_over_goes_to_the_largest_remainder_the_first_of_equals():
    """The order of shares is that of the weights, and ties are decided by it."""
    assert [s.minor for s in Money("1.00", "EUR").allocate([1, 1, 1])] == [34, 33, 33]
    assert [s.minor for s in Money("-1.00", "EUR").allocate([1, 1, 1])] == [-34, -33, -33]
    assert [s.minor for s in Money("0.05", "EUR").allocate([3, 7])] == [2, 3]
    assert [s.minor for s in Money("0.05", "EUR").allocate([Decimal("0.7"), Decimal("0.3")])] == [
        4,
        1,
    ]
    assert [s.minor for s in Money("0.01", "EUR").allocate([0, 1, 0])] == [0, 1, 0]


@pytest.mark.parametrize(
    ("weights", "path"),
    [
        ([], "weights"),
        ([0, 0], "weights"),
        ([1, -1], "weights[1]"),
        ([Decimal("NaN")], "weights[0]"),
        ([Decimal("Infinity")], "weights[0]"),
        ([1, 0.5], "weights[1]"),
        ([True], "weights[0]"),
        ([Decimal("1e-40")], "weights[0]"),
        ([10**40], "weights[0]"),
    ],
)
def test_weights_that_share_nothing_are_refused(weights: list[object], path: str):
    """Weights are non-negative numbers, not all zero; what is wrong is told with its place."""
    with pytest.raises(InvalidInput) as refused:
        Money("1.00", "EUR").allocate(weights)  # type: ignore[arg-type]
    assert [fault.path for fault in refused.value.faults] == [path]


@given(small, small, small)
def test_amounts_of_one_currency_are_a_group(a: Money, b: Money, c: Money):
    """Adding associates and commutes; subtracting undoes it; order follows the minor units."""
    zero = Money.of_minor(0, "EUR")
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + zero == a
    assert a - b == a + -b
    assert (a + b) - b == a
    assert (a < b, a <= b, a > b, a >= b) == (
        a.minor < b.minor, a.minor <= b.minor, a.minor > b.minor, a.minor >= b.minor,
    )  # fmt: skip


@given(small, st.integers(-1000, 1000))
def test_multiplying_is_repeated_adding(amount: Money, times: int):
    """`3 * price` is `price + price + price`."""
    assert amount * times == times * amount
    assert (amount * times).minor == amount.minor * times


@given(moneys())
def test_text_and_minor_units_give_the_amount_back(amount: Money):
    """What is written can be read: `amount`, `str` and `repr` lose nothing."""
    assert Money(amount.amount, amount.currency) == amount
    assert Money(str(amount.amount), amount.currency) == amount
    assert eval(repr(amount)) == amount
    assert Money.of_minor(amount.minor, amount.currency) == amount
    assert hash(Money(amount.amount, amount.currency)) == hash(amount)
    assert pickle.loads(pickle.dumps(amount)) == amount


@given(moneys())
def test_the_decimal_context_of_the_caller_changes_nothing(amount: Money):
    """A host that computes with few digits, or traps inexact results, gets the same amounts."""
    with decimal.localcontext(prec=3, rounding=decimal.ROUND_UP) as context:
        context.traps[decimal.Inexact] = True
        context.traps[decimal.Rounded] = True
        text = str(amount)
        same = Money(text.split(maxsplit=1)[0], amount.currency)
    assert same == amount
    assert text == str(amount)


@pytest.mark.parametrize(
    "amount",
    [
        1.5, 0.0, float("nan"), True, None, b"1", "", "abc", "1,5", "1_000", "١٢", "NaN",
        "Infinity", "-inf", "sNaN", Decimal("NaN"), Decimal("Infinity"), "0.001", "1e-3",
        Decimal("1.005"), "90071992547409.92", "-90071992547409.92", 2**53, 10**400, "1e400",
        "1e999999999", "1e-999999999", Decimal("1e-999999"), Decimal("1e999999"), "9" * 1_000_000,
    ],
)  # fmt: skip
def test_what_is_no_exact_amount_is_refused_at_once(amount: object):
    """Floats, NaN, too many digits and amounts beyond 2**53 minor units are `InvalidInput`."""
    began = time.perf_counter()
    with pytest.raises(InvalidInput) as refused:
        Money(amount, "EUR")  # type: ignore[arg-type]
    assert time.perf_counter() - began < 0.5
    assert [fault.path for fault in refused.value.faults] == ["amount"]
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize(
    ("amount", "minor"),
    [
        ("90071992547409.91", LIMIT - 1), (" 1.50 ", 150), ("1.5000000000", 150), ("-0.00", 0),
        ("1e2", 10000), ("0e9", 0), (Decimal("0E+50"), 0), (3, 300), ("1." + "0" * 90, 100),
    ],
)  # fmt: skip
def test_the_same_amount_may_be_written_in_several_ways(amount: str, minor: int):
    """Trailing zeros and exponents are no digits of the amount."""
    assert Money(amount, "EUR").minor == minor


@pytest.mark.parametrize("minor", [1.0, True, "1", None, LIMIT, -LIMIT, Decimal(1)])
def test_minor_units_are_integers_below_the_limit(minor: object):
    with pytest.raises(InvalidInput):
        Money.of_minor(minor, "EUR")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["EURO", "eur", "", "XXX", "XAU", None, 978, "DEM"])
def test_an_unknown_currency_is_refused(currency: object):
    """Codes are those of ISO 4217 today; withdrawn ones and metals are none."""
    with pytest.raises(InvalidInput) as refused:
        Money("1", currency)  # type: ignore[arg-type]
    assert refused.value.faults[0].path == "currency"


def test_arithmetic_beyond_the_limit_is_refused_rather_than_wrapped():
    most = Money.of_minor(LIMIT - 1, "EUR")
    for compute in (lambda: most + most, lambda: most * 2, lambda: -most - most):
        with pytest.raises(InvalidInput):
            compute()


def test_two_currencies_never_meet():
    """O12: no sum, difference or order across currencies; equality is simply false."""
    euros, dollars = Money("1.00", "EUR"), Money("1.00", "USD")
    for meet in (
        lambda: euros + dollars,
        lambda: euros - dollars,
        lambda: euros < dollars,
        lambda: euros <= dollars,
        lambda: euros > dollars,
        lambda: euros >= dollars,
    ):
        with pytest.raises(MixedCurrencies) as refused:
            meet()
        assert (refused.value.left, refused.value.right) == ("EUR", "USD")
    assert euros != dollars


@pytest.mark.parametrize("other", [1, 1.0, "1.00 EUR", None])
def test_money_goes_with_money_alone(other: object):
    """Adding or comparing with a bare number is a `TypeError`, as for any two types."""
    with pytest.raises(TypeError):
        Money("1.00", "EUR") + other  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money("1.00", "EUR") < other  # type: ignore[operator]  # noqa: B015
    assert Money("1.00", "EUR") != other


def test_an_amount_is_rounded_half_to_even_when_asked():
    amounts = {"0.005": 0, "0.015": 2, "0.025": 2, "-0.005": 0, "-0.015": -2, "1.2349": 123}
    for amount, minor in amounts.items():
        assert Money.rounded(Decimal(amount), "EUR").minor == minor
    for bad in ("NaN", "1e30", "-1e999"):
        with pytest.raises(InvalidInput):
            Money.rounded(Decimal(bad), "EUR")


def test_a_rate_of_the_day_converts_and_any_other_day_is_missing():
    """O12: a missing rate is an error that says which, never zero and never a neighbour's."""
    rates = DatedRates({("USD", "EUR", DAY): Decimal("0.925"), ("JPY", "EUR", DAY): Decimal(0)})

    assert convert(Money("10.01", "USD"), into="EUR", on=lambda: DAY, rates=rates) == Money(
        "9.26", "EUR"
    )
    with pytest.raises(MissingRate) as missing:
        convert(Money("1", "USD"), into="EUR", on=lambda: date(2024, 3, 1), rates=rates)
    assert (missing.value.currency, missing.value.into) == ("USD", "EUR")
    assert missing.value.on == date(2024, 3, 1)
    with pytest.raises(InvalidInput, match="rate: must be a Decimal above zero"):
        convert(Money("1", "JPY"), into="EUR", on=lambda: DAY, rates=rates)


def test_the_own_currency_needs_no_rate_and_no_day():
    def never() -> date:
        raise AssertionError("asked for the day")

    euros = Money("1.00", "EUR")
    assert convert(euros, into="EUR", on=never, rates=DatedRates()) is euros


def test_money_cannot_be_changed():
    with pytest.raises(AttributeError):
        Money("1.00", "EUR").minor = 5  # type: ignore[misc]
