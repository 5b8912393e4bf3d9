"""What the domain decides alone, so that no store has to: each of these once differed by backend,
or ended in an error that was not ours.
"""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any

import attrs
import pytest

from crmcore import (
    AttributeType,
    Customer,
    Fold,
    Interaction,
    InvalidInput,
    Measure,
    Model,
    Money,
    Product,
    Score,
    UnknownField,
    field,
)
from crmcore.domain.instants import zone_named
from crmcore.domain.profile import check_limit
from crmcore.testing.builders import a_customer, a_score, an_interaction

AT = datetime(2024, 1, 1, tzinfo=UTC)


class Language(StrEnum):
    SPANISH = "es"


class Region(str, Enum):  # noqa: UP042  an older one, whose text is not its value
    NORTH = "north"


class Seconds(IntEnum):
    SHORT = 5


@pytest.mark.parametrize(
    ("value", "name", "plain"),
    [
        (Customer.person("Ana", at=AT, language=Language.SPANISH), "language", "es"),
        (Customer.person("Ana", at=AT, region=Region.NORTH), "region", "north"),
        (Customer.person(Region.NORTH, at=AT), "name", "north"),
        (attrs.evolve(a_customer(), stage=type("Stage", (str,), {})("active")), "stage", "active"),
        (Product(sku=Language.SPANISH, at=AT), "sku", "es"),
        (a_score(a_customer(), unit=Language.SPANISH), "unit", "es"),
        (an_interaction(a_customer(), topic=Region.NORTH), "topic", "north"),
    ],
)
def test_text_of_a_hosts_own_class_is_kept_as_plain_text(value: Any, name: str, plain: str):
    """PostgreSQL's driver would store a member's name, or refuse the class."""
    found = getattr(value, name)
    assert type(found) is str
    assert found == plain


def test_amounts_are_of_plain_values():
    money = Money.of_minor(Seconds.SHORT, type("Code", (str,), {})("EUR"))
    assert (type(money.minor), type(money.currency)) == (int, str)


@pytest.mark.parametrize("wrong", [True, Seconds.SHORT, 1.0, -1, 2**31, "5"])
def test_seconds_are_whole_numbers(wrong: Any):
    """A boolean is stored as a number by some, and refused by PostgreSQL."""
    with pytest.raises(InvalidInput, match="waited_seconds"):
        Interaction(customer_id=a_customer().id, at=AT, channel="phone", waited_seconds=wrong)


@pytest.mark.parametrize("wrong", [0, 10_001, 1.5, True, "5", None, float("nan")])
def test_a_page_has_a_whole_number_of_rows(wrong: Any):
    with pytest.raises(InvalidInput, match="limit"):
        check_limit(wrong)


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "1", 2**53])
def test_a_version_is_a_whole_number(wrong: Any):
    with pytest.raises(InvalidInput, match="version"):
        Product(sku="a", at=AT, version=wrong)
    with pytest.raises(InvalidInput, match="version"):
        attrs.evolve(a_customer(), version=wrong)


@pytest.mark.parametrize("wrong", [5, None, ["UTC"], "", "UTC\0", "\ud800", "x" * 300, "../UTC"])
def test_a_zone_that_is_none_is_refused_by_name(wrong: Any):
    with pytest.raises(InvalidInput, match="zone") as refused:
        zone_named(wrong)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("wrong", [5, None, ["EUR"], "eur", "", "€"])
def test_a_currency_that_is_none_is_refused_by_name(wrong: Any):
    with pytest.raises(InvalidInput, match="currency"):
        Money.of_minor(1, wrong)


@pytest.mark.parametrize("name", ["$where", "\ud800", 5, ["seat"], "x" * 10**6, "revenu"])
def test_a_field_of_any_name_is_unknown(name: Any):
    """And the error can be printed, pickled and read."""
    with pytest.raises(UnknownField) as refused:
        Model().checked(field(name) == 1)
    str(refused.value).encode()
    assert len(str(refused.value)) < 1000
    assert pickle.loads(pickle.dumps(refused.value)).name == refused.value.name


def test_minus_zero_is_zero():
    """SQLite and MariaDB do not keep its sign."""
    score = Score(customer_id=a_customer().id, at=AT, scorer="x", value=-0.0, unit="EUR")
    known = a_customer(attributes={"weight": -0.0}).attribute("weight")
    assert str(score.value) == str(known) == "0.0"


def test_an_index_holds_no_text_without_end():
    """PostgreSQL refuses the row, MariaDB the index, the others neither."""
    with pytest.raises(InvalidInput, match="indexed"):
        Measure("last_subject", "interactions", Fold.LATEST, "subject", indexed=True)
    assert Measure("last_topic", "interactions", Fold.LATEST, "topic", indexed=True).indexed
    model = Model(attributes=[AttributeType("tag", "text", indexed=True)])
    model.check(a_customer(attributes={"tag": "x" * 500}))
    with pytest.raises(InvalidInput, match=r"attributes\[0\]"):
        model.check(a_customer(attributes={"tag": "x" * 501}))


@pytest.mark.parametrize(
    "number", ["0E+999999", "0E-999999", "-0", "1E+3", "0." + "0" * 150, "9007199254.740991"]
)
def test_decimals_in_any_spelling_are_compared_as_numbers(number: str):
    model = Model(attributes=[AttributeType("height", "decimal")])
    model.checked(field("height") == Decimal(number))
    assert a_customer(attributes={"height": Decimal(number)}).attribute("height") == Decimal(number)
