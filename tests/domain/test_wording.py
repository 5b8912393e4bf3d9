"""Predicates in words: they read well, say each thing that is asked, and nothing personal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore import (
    AttributeType,
    InvalidInput,
    Model,
    Money,
    Predicate,
    ago,
    facts,
    field,
    from_now,
    in_segment,
    in_words,
    start_of,
)
from crmcore.domain.predicates import And, Comparison, Not, OneOf, Or
from crmcore.domain.relative import Period, Relative, Unit, Zone
from crmcore.testing.strategies import predicates

MODEL = Model(
    zone="Europe/Madrid",
    attributes=[
        AttributeType("born", "date", personal=True),
        AttributeType("vip", "boolean"),
        AttributeType("height", "decimal"),
    ],
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LAST = field("last_purchase_at")
BORN = field("born")
FLIGHTS = facts("purchases").where(field("categories").has("flights"))
WEB = field("channel") == "web"

READS: list[tuple[Predicate, str]] = [
    (field("stage") == "active", "stage is active"),
    (field("stage") != "active", "stage is not active"),
    (field("stage") == "won back", 'stage is "won back"'),
    (field("stage") == "known", 'stage is "known"'),
    (field("stage") == 'a" or "b', 'stage is "a\\" or \\"b"'),
    (field("stage") < "m", "stage is before m"),
    (field("stage") >= "m", "stage is after or equal to m"),
    (field("name").contains("garcía"), "name contains garcía"),
    (~field("name").contains("garcía"), "name does not contain garcía"),
    (field("name").starts_with("ana m"), 'name starts with "ana m"'),
    (field("name").has_word("gar"), "a word of name begins with gar"),
    (~field("name").has_word("gar"), "no word of name begins with gar"),
    (field("language").is_in("es", "ca"), "language is one of es, ca"),
    (~field("language").is_in("es"), "language is none of es"),
    (field("language").is_in(), "language is one of nothing"),
    (field("language").is_present(), "language is known"),
    (field("language").is_absent(), "language is not known"),
    (field("language") == field("region"), "language is their region"),
    (field("tags").has("vip"), "tags include vip"),
    (~field("tags").has("vip"), "tags do not include vip"),
    (field("tags").is_present(), "tags are known"),
    (field("revenue") >= Money("1500", "EUR"), "revenue is at least 1,500.00 EUR"),
    (field("revenue") < Money("1", "EUR"), "revenue is less than 1.00 EUR"),
    (field("paid") < field("revenue"), "paid is less than their revenue"),
    (field("probability_alive") > 0.5, "probability alive is more than 0.5"),
    (field("purchase_count") <= 3, "purchase count is at most 3"),
    (field("height") == Decimal("1.75"), "height is 1.75"),
    (field("vip") == True, "vip is true"),  # noqa: E712
    (ago(days=90) > LAST, "the last purchase was more than 90 days ago"),
    (~(ago(days=90) > LAST), "the last purchase was not more than 90 days ago"),
    (ago(days=1) >= LAST, "the last purchase was 1 day ago or earlier"),
    (ago(hours=2) < LAST, "the last purchase was after 2 hours ago"),
    (from_now(days=0) > LAST, "the last purchase was before now"),
    (from_now(weeks=2) <= LAST, "the last purchase was 2 weeks from now or later"),
    (start_of("month") <= LAST, "the last purchase was the start of this month or later"),
    (
        start_of("day", shift=-3) > LAST,
        "the last purchase was before 3 days before the start of today",
    ),
    (LAST.during("last_month"), "the last purchase was during last month"),
    (LAST.during("today"), "the last purchase was today"),
    (
        LAST.during("today", zone="customer"),
        "the last purchase was today in the customer's zone",
    ),
    (~LAST.during("today"), "not (the last purchase was today)"),
    (LAST >= NOON, "the last purchase was 2026-03-01 13:00+01:00 or later"),
    (field("known_since") > LAST, "known since is after their last purchase at"),
    (field("stage_since") < LAST, "stage since is before their last purchase at"),
    (date(1990, 1, 31) > BORN, "born is before 1990-01-31"),
    (BORN.falls_on("12-24", "12-25"), "born falls on one of 12-24, 12-25"),
    (BORN.has_birthday(), "the birthday of born is today"),
    (BORN.has_birthday(within=7), "the birthday of born is today or in the next 7 days"),
    (
        BORN.has_birthday(after=3, within=5, zone="customer"),
        "the birthday of born is from 3 to 5 days from today in the customer's zone",
    ),
    (in_segment("vip"), "is in segment vip"),
    (~in_segment("vip"), "is not in segment vip"),
    (
        FLIGHTS.within(months=6).count() >= 3,
        (
            "the number of purchases where (categories include flights) in the last 6 months is at "
            "least 3"
        ),
    ),
    (
        facts("purchases").between(NOON, start_of("year")).sum("amount") == Money("0", "EUR"),
        (
            "the sum of amount of purchases since 2026-03-01 13:00+01:00 until the start of this "
            "year is 0.00 EUR"
        ),
    ),
    (
        facts("interactions").where(WEB & (field("at") < ago(days=1))).latest("channel") == "web",
        (
            "the latest channel of interactions where (channel is web, and at is more than 1 day "
            "ago) is web"
        ),
    ),
    (facts("orders").max("at").is_absent(), "the greatest at of orders is not known"),
    (And(()), "everybody"),
    (Or(()), "nobody"),
    (
        ((field("stage") == "a") | (field("stage") == "b")) & ~in_segment("vip"),
        "(stage is a, or stage is b), and is not in segment vip",
    ),
    (
        ~((field("stage") == "a") & (field("vip") == False)),  # noqa: E712
        "not (stage is a, and vip is false)",
    ),
    (
        (field("stage") == "a") & LAST.during("this_week") & field("tags").has("vip"),
        "stage is a, and the last purchase was during this week, and tags include vip",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("predicate", "words"), READS, ids=[words for _, words in READS])
def test_it_reads_as_it_is_asked(predicate: Predicate, words: str):
    assert in_words(predicate, MODEL, personal=True) == words
    assert in_words(MODEL.checked(predicate), MODEL, personal=True).replace("garcia", "garcía") == (
        words
    )


def test_the_words_of_the_guide():
    asked = (field("revenue") >= Money("500", "EUR")) & (ago(days=90) > LAST)
    assert in_words(asked & field("tags").has("vip")) == (
        "revenue is at least 500.00 EUR, and the last purchase was more than 90 days ago, and tags "
        "include vip"
    )


@pytest.mark.parametrize(
    "ask",
    [
        lambda ref: ref == "Ana-Canary",
        lambda ref: ref.is_in("Ana-Canary", "b"),
        lambda ref: ref.contains("Ana-Canary"),
        lambda ref: ref.starts_with("Ana-Canary"),
        lambda ref: ref.has_word("canary"),
    ],
)
def test_what_a_personal_field_is_compared_with_is_told_only_when_asked_for(
    ask: Callable[..., Predicate],
):
    for model in (MODEL, None):
        asked = ask(field("name")) & (field("stage") == "active")
        assert "canary" not in in_words(asked, model).lower()
        assert "•••" in in_words(asked, model)
        assert "stage is active" in in_words(asked, model)
        assert "canary" in in_words(asked, model, personal=True).lower()
    assert in_words(BORN.has_birthday(within=2), MODEL) == "the birthday of born is •••"
    assert in_words(BORN.falls_on("12-24"), MODEL) == "born falls on one of •••"


def test_a_field_that_no_model_knows_is_taken_for_personal():
    assert in_words(field("shoe_size") == 44) == "shoe size is •••"
    assert in_words(field("vip") == True, MODEL) == "vip is true"  # noqa: E712
    assert in_words(facts("letters").where(field("text") == "x").max("text") > "y") == (
        "the greatest text of letters where (text is •••) is after •••"
    )


def test_hostile_names_and_texts_cannot_steer_what_reads_them():
    text = in_words(Comparison("a\x1b[31m is b\n", "==", "x\x1b]0;\u202e\n"), MODEL, personal=True)
    assert text.isprintable()
    assert in_words(in_segment("vip, or is in segment staff")) == (
        'is in segment "vip, or is in segment staff"'
    )


def test_what_is_larger_than_a_predicate_may_be_is_refused():
    deep = field("stage") == "x"
    for _ in range(100_000):
        deep = Not(deep)
    with pytest.raises(InvalidInput, match="more than 50 levels"):
        in_words(deep)


LEAVES = st.sampled_from([p for p, _ in READS if not isinstance(p, And | Or)])
RELATIVES = st.builds(
    lambda shift, unit, period, zone: Relative(
        shift, Unit.DAYS if period is not None and unit is Unit.HOURS else unit, period, zone
    ),
    st.integers(-4, 4), st.sampled_from(Unit), st.none() | st.sampled_from(Period),
    st.sampled_from(Zone),
)  # fmt: skip
COMPARED = st.builds(
    Comparison,
    st.just("last_purchase_at"),
    st.sampled_from(["==", "<", "<=", ">", ">="]),
    RELATIVES,
)
WINDOWS = st.builds(
    lambda since, until, count: facts("orders").between(since, until).count() >= count,
    st.none() | RELATIVES, st.none() | RELATIVES, st.integers(0, 1),
)  # fmt: skip
PIECES = LEAVES | COMPARED | WINDOWS | predicates(MODEL)
ALL = st.recursive(
    PIECES,
    lambda parts: (
        st.lists(parts, max_size=3).map(tuple).map(And)
        | st.lists(parts, max_size=3).map(tuple).map(Or)
        | parts.map(Not)
    ),
    max_leaves=6,
)


def flat(node: Predicate) -> Predicate:
    """Without groups within groups of their kind, of one part, and with values as they are kept."""
    match node:
        case And(parts) | Or(parts):
            inner: list[Predicate] = []
            for part in map(flat, parts):
                inner += part.parts if isinstance(part, type(node)) else (part,)
            return inner[0] if len(inner) == 1 else type(node)(tuple(inner))
        case Not(part):
            return Not(flat(part))
    return node


@settings(max_examples=150, deadline=None)
@given(st.lists(ALL, min_size=2, max_size=12))
def test_different_questions_read_differently(questions: list[Predicate]):
    """But for how what all or any of which holds is grouped."""
    read: dict[str, Predicate] = {}
    for one in map(MODEL.checked, questions):
        words = in_words(one, MODEL, personal=True)
        assert words.isprintable()
        assert flat(read.setdefault(words, one)) == flat(one), words


def test_every_pair_of_different_small_questions_reads_differently():
    """All relative values within a few units, under every operator."""
    seen: dict[str, Predicate] = {}
    periods: list[Period | None] = [None, *Period]
    for op in ("==", "<", "<=", ">", ">="):
        for shift in range(-13, 14):
            for unit in Unit:
                for period in periods:
                    if period is not None and unit is Unit.HOURS:
                        continue
                    for zone in Zone:
                        one = Comparison("at", op, Relative(shift, unit, period, zone))
                        for asked in (one, Not(one), OneOf("at", (one.value,))):  # type: ignore[arg-type]
                            words = in_words(asked, personal=True)
                            assert seen.setdefault(words, asked) == asked, words
