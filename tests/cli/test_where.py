"""`--where`: what it says is the predicate that Python would say, and nothing else is read."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from crmcore import (
    AttributeType,
    InvalidInput,
    Model,
    Money,
    UnknownField,
    ago,
    facts,
    field,
    from_now,
    in_segment,
    start_of,
    to_json,
)
from crmcore.cli.where import where
from crmcore.domain.predicates import FactTerm, terms
from tests.repository.sources import ROOT

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
last = field("last_purchase_at")


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
        ("last_purchase_at = 2026-03-01", (last >= FIRST) & (last < SECOND)),
        ("last_purchase_at < 2026-03-01", last < FIRST),
        ("last_purchase_at <= 2026-03-01", last < SECOND),
        ("last_purchase_at > 2026-03-01", last >= SECOND),
        ("last_purchase_at >= 2026-03-01", last >= FIRST),
        ("last_purchase_at != 2026-03-01", ~((last >= FIRST) & (last < SECOND))),
        ("last_purchase_at > 2026-03-01T00:00", last > FIRST),
        ("last_purchase_at > 2026-03-01T00:00Z", last > MIDNIGHT),
        (
            "revenue > 5 EUR and stage = active AND vip = no",
            (field("revenue") > Money("5", "EUR"))
            & (field("stage") == "active")
            & (field("vip") == False),  # noqa: E712
        ),
        ("stage = active or vip = no", (field("stage") == "active") | (field("vip") == False)),  # noqa: E712
        (
            "language = a or language = b and language = c",
            (field("language") == "a") | ((field("language") == "b") & (field("language") == "c")),
        ),
        (
            "(language = a or language = b) and not (language = c)",
            ((field("language") == "a") | (field("language") == "b")) & ~(field("language") == "c"),
        ),
        ("not not language = c", field("language") == "c"),
        ("language in (es, 'c a')", field("language").is_in("es", "c a")),
        ("language not in ()", ~field("language").is_in()),
        ("revenue in (5 EUR, 7)", field("revenue").is_in(Money("5", "EUR"), Money("7", "EUR"))),
        ("name contains García", field("name").contains("García")),
        ("name not contains 'a b'", ~field("name").contains("a b")),
        ("name starts with ana", field("name").starts_with("ana")),
        ("name has word gar", field("name").has_word("gar")),
        ("tags has vip", field("tags").has("vip")),
        ('tags has "word"', field("tags").has("word")),
        ("tags is known", field("tags").is_present()),
        ("language = field region", field("language") == field("region")),
        ("stage_since < field known_since", field("stage_since") < field("known_since")),
        ("last_purchase_at < 90 days ago", last < ago(days=90)),
        ("last_purchase_at > 1 month ago", last > ago(months=1)),
        ("last_purchase_at <= 2 hours from now", last <= from_now(hours=2)),
        ("last_purchase_at < now", last < from_now(days=0)),
        ("last_purchase_at < 3 days ago in customer zone", last < ago(days=3, zone="customer")),
        ("last_purchase_at during last_month", last.during("last_month")),
        ("last_purchase_at during last month", last.during("last_month")),
        ("last_purchase_at during today in customer zone", last.during("today", zone="customer")),
        ("last_purchase_at = today", last.during("today")),
        ("last_purchase_at != today", ~last.during("today")),
        ("last_purchase_at < this_year", last < start_of("year")),
        ("last_purchase_at > yesterday", last >= start_of("day")),
        ("born = today", field("born").during("today")),
        ("born < 30 years ago", field("born") < ago(years=30)),
        ("born has birthday today", field("born").has_birthday()),
        ("born has birthday in 7 days", field("born").has_birthday(within=7)),
        ("born falls on 12-24", field("born").falls_on("12-24")),
        ("in segment vip", in_segment("vip")),
        (
            "not in segment vip and stage = active",
            ~in_segment("vip") & (field("stage") == "active"),
        ),
        ("count of purchases >= 3", facts("purchases").count() >= 3),
        (
            "count of purchases in last 6 months >= 3",
            facts("purchases").within(months=6).count() >= 3,
        ),
        (
            "count of purchases where (categories has a and at < 1 week ago) in last 6 months > 1",
            facts("purchases")
            .where(field("categories").has("a") & (field("at") < ago(weeks=1)))
            .within(months=6)
            .count()
            > 1,
        ),
        (
            "sum amount of purchases since 2026-03-01 > 500 EUR",
            facts("purchases").between(FIRST, None).sum("amount") > Money("500", "EUR"),
        ),
        (
            "latest channel of interactions since last_month until 3 days ago = phone",
            facts("interactions")
            .between(start_of("month", shift=-1), ago(days=3))
            .latest("channel")
            == "phone",
        ),
        (
            "count of orders in the last 2 days not in (1)",
            ~facts("orders").within(days=2).count().is_in(1),
        ),
        ("greatest at of orders is absent", facts("orders").max("at").is_absent()),
        ("greatest at of orders during today", facts("orders").max("at").during("today")),
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
        "stage = and", "(stage = active", "stage = active)", "()", "not", "not ()",
        "stage not = active", "language in es", "language in (es ca)", "language in (es,",
        "language in (es,,ca)", "name contains", "name starts ana", "tags has",
        "revenue contains 5", "revenue has vip", "last_purchase_at < 90 days",
        "last_purchase_at < 9000000 days ago", "language < 3 days ago",
        "last_purchase_at during 2026", "last_purchase_at during last_decade",
        "born has birthday in 2", "born has birthday in 7 weeks", "in segment",
        "in segment Not-A-Name", "in segment (vip)", "count of", "count of visits > 1",
        "count of purchases", "count of purchases >= 1.5", "sum of purchases > 1",
        "sum channel of purchases > 1", "count of purchases where at = 1 > 2",
        "count of purchases where (in segment vip) > 2", "count of purchases in last month > 1",
        "count of purchases where (count of orders > 1) > 2", "stage = field regio",
        "(" * 60 + "stage = active" + ")" * 60, "not " * 60 + "stage = active",
        "name has word '!!'", "born falls on 13-01", "last_purchase_at in (2026-03-01)",
    ],
)  # fmt: skip
def test_what_it_cannot_read_is_refused(text: str):
    with pytest.raises(InvalidInput):
        where(text, MODEL)


def test_an_unknown_field_is_told_with_the_nearest_known_one():
    with pytest.raises(UnknownField) as raised:
        where("last_purchas_at is absent", MODEL)

    assert raised.value.suggestion == "last_purchase_at"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("revenue > 5 and stage ! active", "at character 23"),
        ("revenue > 5 and (stage = active", "at the end"),
        ("revenue > 5 stage = active", "at character 11"),
        ("revenue > 5 and reveneu > 6", "at character 17"),
        ("revenue > 5 and revenue > ten", "at character 27"),
        ("revenue > 5 and tags = vip", "at character 17"),
        ("language in (es ca)", "at character 17"),
        ("count of purchases where (chanel = web) > 2", "at character 27"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, place: str):
    with pytest.raises(InvalidInput) as refused:
        where(text, MODEL)
    assert place in str(refused.value)
    assert "ten" not in str(refused.value)


def test_a_file_may_hold_the_predicate_as_json(tmp_path: Path):
    asked = (last < ago(days=90)) & field("tags").has("vip")
    file = tmp_path / "audience.json"
    file.write_text(to_json(asked), "utf-8")
    assert where(f"@{file}", MODEL) == MODEL.checked(asked)

    file.write_text('{"op": "not", "part": {"op": "?"}}')
    with pytest.raises(InvalidInput) as refused:
        where(f"@{file}", MODEL)
    assert refused.value.faults[0].path == "where.part.op"
    file.write_text("[" * 100_000)
    with pytest.raises(InvalidInput):
        where(f"@{file}", MODEL)
    with pytest.raises(FileNotFoundError):
        where("@nowhere.json", MODEL)


@given(
    st.lists(
        st.sampled_from(
            [*"()=<,'", "and", "or", "not", "in", "is", "absent", "has", "contains", "revenue", "5",
             "stage", "active", "last_purchase_at", "90", "days", "ago", "count", "of", "purchases",
             "where", "last", "during", "today", "tags", "vip", "born", "birthday", "segment"]
        ),
        max_size=25,
    ).map(" ".join)
)  # fmt: skip
def test_whatever_is_made_of_its_words_is_read_or_refused(text: str):
    try:
        found = where(text, MODEL)
    except InvalidInput:
        event("refused")
    else:
        assert found == MODEL.checked(found)


@given(st.text(alphabet="abcrevnu_stage= <>!'\"and1.2-is\t\0é", max_size=60))
def test_whatever_is_typed_is_read_or_refused(text: str):
    try:
        found = where(text, MODEL)
    except InvalidInput:
        event("refused")
    else:
        assert found == MODEL.checked(found)


RECIPES = (ROOT / "docs/guides/segment_recipes.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", re.findall(r"^\| [^|`]+ \| `(.+)` \|$", RECIPES, re.MULTILINE))
def test_each_recipe_of_the_guide_is_read(text: str):
    attributes = [AttributeType("level", "text"), AttributeType("born", "date")]
    asked = where(text, Model(currency="EUR", attributes=attributes))
    assert set(re.findall(r'facts\("(\w+)"\)', RECIPES)) >= {
        term.of for term in terms(asked) if isinstance(term, FactTerm)
    }


def test_the_guide_has_recipes():
    assert len(re.findall(r"^\| [^|`]+ \| `", RECIPES, re.MULTILINE)) == 8
