"""`--where`: what it says is the predicate that Python would say, and nothing else is read."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from crmcore import AttributeType, InvalidInput, Model, Money, UnknownField, field
from crmcore.cli.where import where

MODEL = Model(
    zone="Europe/Madrid",
    attributes=[
        AttributeType("vip", "boolean"),
        AttributeType("born", "date"),
        AttributeType("height", "decimal"),
    ],
)
FIRST = datetime(2026, 2, 28, 23, tzinfo=UTC)
"""1 March begins in Madrid."""
SECOND = datetime(2026, 3, 1, 23, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
LAST = field("last_purchase_at")


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("stage = active", field("stage") == "active"),
        ("stage == 'won_back'", field("stage") == "won_back"),
        ('name = "Ana O\'Hara"', field("name") == "Ana O'Hara"),
        ("name = 'and'", field("name") == "and"),
        ("stage != active", field("stage") != "active"),
        ("purchase_count>=2", field("purchase_count") >= 2),
        ("purchase_count < -2", field("purchase_count") < -2),
        ("probability_alive > .5", field("probability_alive") > 0.5),
        ("height <= 1.75", field("height") <= Decimal("1.75")),
        ("vip = true", field("vip") == True),  # noqa: E712
        ("born > 1990-01-31", field("born") > date(1990, 1, 31)),
        ("revenue > 100", field("revenue") > Money("100", "EUR")),
        ("revenue > 100.50 EUR", field("revenue") > Money("100.50", "EUR")),
        ("language is absent", field("language").is_absent()),
        ("language is not absent", field("language").is_present()),
        ("language IS PRESENT", field("language").is_present()),
        ("last_purchase_at = 2026-03-01", (LAST >= FIRST) & (LAST < SECOND)),
        ("last_purchase_at < 2026-03-01", LAST < FIRST),
        ("last_purchase_at <= 2026-03-01", LAST < SECOND),
        ("last_purchase_at > 2026-03-01", LAST >= SECOND),
        ("last_purchase_at >= 2026-03-01", LAST >= FIRST),
        ("last_purchase_at != 2026-03-01", ~((LAST >= FIRST) & (LAST < SECOND))),
        ("last_purchase_at > 2026-03-01T00:00", LAST > FIRST),
        ("last_purchase_at > 2026-03-01T00:00Z", LAST > MIDNIGHT),
        (
            "revenue > 5 EUR and stage = active AND vip = no",
            (field("revenue") > Money("5", "EUR"))
            & (field("stage") == "active")
            & (field("vip") == False),  # noqa: E712
        ),
    ],
)
def test_it_reads_as_it_is_said(text, predicate):
    assert where(text, MODEL) == MODEL.checked(predicate)


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "revenue", "revenue >", "revenue > x", "> 5", "revenue > > 5", "stage = a or b",
        "stage = active stage = loyal", "stage = active and", "and", "stage = 'active",
        "revenue > 5 USD", "purchase_count = 1.5", "purchase_count = 9" + "9" * 30,
        "probability_alive > nan", "vip = perhaps", "born = 1990-02-30", "born = 31/01/1990",
        "language is", "language is missing", "last_purchase_at = 9999-12-31", "stage ! active",
        "stage = " + "x" * 5_000, "__class__.__mro__ = 1", "stage < true < 3",
    ],
)  # fmt: skip
def test_what_it_cannot_read_is_refused(text: str):
    with pytest.raises(InvalidInput):
        where(text, MODEL)


def test_an_unknown_field_is_told_with_the_nearest_known_one():
    with pytest.raises(UnknownField) as raised:
        where("last_purchas_at is absent", MODEL)

    assert raised.value.suggestion == "last_purchase_at"


@given(st.text(alphabet="abcrevnu_stage= <>!'\"and1.2-is\t\0é", max_size=60))
def test_whatever_is_typed_is_read_or_refused(text: str):
    try:
        found = where(text, MODEL)
    except InvalidInput:
        event("refused")
    else:
        assert found == MODEL.checked(found)
