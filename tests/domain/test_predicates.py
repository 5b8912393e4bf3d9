"""Predicates are two-valued data: each row has one answer, and `~` always turns it."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore import (
    AttributeType,
    Channel,
    InvalidInput,
    MixedCurrencies,
    Model,
    Money,
    Predicate,
    UnknownField,
    ago,
    facts,
    field,
    in_segment,
    to_json,
)
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.matching import matcher
from crmcore.domain.ports import Query
from crmcore.domain.predicate_checks import checked
from crmcore.domain.predicates import And, Birthday, Not, Or, terms
from crmcore.domain.profiles import ProfileQuery
from crmcore.testing import a_programme
from crmcore.testing.strategies import predicates, scalars

TYPES = [
    type for type in FieldType if type not in (FieldType.NESTED, FieldType.TEXT_SET, FieldType.ID)
]
FIELDS = {
    name: Field(name, type) for type in TYPES for name in (f"{type.value}_a", f"{type.value}_b")
}
rows = st.fixed_dictionaries({
    name: st.none() | scalars(known.type) for name, known in FIELDS.items()
})  # fmt: skip
asked = predicates(fields=FIELDS, absolute=True)


def holds(predicate: Predicate, row: dict[str, Any]) -> bool:
    return matcher(checked(predicate, FIELDS, "EUR"))(row.__getitem__)


@given(asked, rows)
def test_a_row_is_in_a_set_or_in_its_complement(p: Predicate, row: dict[str, Any]):
    """O5: p and not p are everybody, once, with absent, empty, 0 and False values."""
    assert holds(p, row) is not holds(~p, row)
    assert holds(p | ~p, row)
    assert not holds(p & ~p, row)
    assert holds(~~p, row) is holds(p, row)


@given(asked, asked, rows)
def test_de_morgan(p: Predicate, q: Predicate, row: dict[str, Any]):
    """O5: not (p and q) is not p or not q; and and or are Python's."""
    assert holds(~(p & q), row) is holds(~p | ~q, row)
    assert holds(~(p | q), row) is holds(~p & ~q, row)
    assert holds(p & q, row) is (holds(p, row) and holds(q, row))
    assert holds(p | q, row) is (holds(p, row) or holds(q, row))


@given(asked, asked, asked)
def test_joining_is_flat_whatever_the_parentheses(p: Predicate, q: Predicate, r: Predicate):
    assert (p & q) & r == p & (q & r)
    assert (p | q) | r == p | (q | r)


@given(asked)
def test_a_predicate_is_data(p: Predicate):
    """It pickles, compares, hashes, and checking it again changes nothing."""
    assert pickle.loads(pickle.dumps(p)) == p
    assert hash(pickle.loads(pickle.dumps(p))) == hash(p)
    once = checked(p, FIELDS, "EUR")
    assert checked(once, FIELDS, "EUR") == once
    assert set(terms(once)) <= FIELDS.keys()


@pytest.mark.parametrize("op", ["==", "<", "<=", ">", ">="])
@given(row=rows, data=st.data())
def test_a_comparison_is_pythons_and_false_where_a_value_is_absent(
    op: str, row: dict[str, Any], data: st.DataObject
):
    """Each type compares as its values do; a field may be compared with another one."""
    import operator

    type = data.draw(st.sampled_from(TYPES))
    compare = {
        "==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    }[op]  # fmt: skip
    left, right = row[f"{type.value}_a"], row[f"{type.value}_b"]
    value = data.draw(scalars(type))

    between = compare(field(f"{type.value}_a"), field(f"{type.value}_b"))
    against = compare(field(f"{type.value}_a"), value)
    assert holds(between, row) is (left is not None and right is not None and compare(left, right))
    assert holds(against, row) is (left is not None and compare(left, value))


def test_what_an_absent_value_gives():
    """Every operator says it: false, but `!=` and is_absent, which are the negations."""
    p, absent = field("text_a"), dict.fromkeys(FIELDS)
    false = [
        p == "a",
        p < "a",
        p >= "a",
        p.is_in("a"),
        p.is_in(),
        p.is_present(),
        p == field("text_b"),
    ]
    true = [p != "a", p.is_absent(), ~p.is_in("a"), ~(p < "a"), p != field("text_b")]

    assert not any(holds(one, absent) for one in false)
    assert all(holds(one, absent) for one in true)
    assert holds(And(()), absent)
    assert not holds(Or(()), absent)


def test_a_predicate_has_no_truth_value():
    """`if p`, `p and q`, `not p` and chained comparisons would be wrong in silence."""
    p = field("integer_a") > 1
    for use in (
        lambda: bool(p),
        lambda: p and p,
        lambda: not p,
        lambda: 1 < field("integer_a") < 5,
        lambda: field("text_a") in ["a", "b"],
    ):
        with pytest.raises(TypeError, match="no truth value"):
            use()


@pytest.mark.parametrize("other", ["x", True, None, 1])
def test_only_predicates_are_joined(other: object):
    """`p & field("x") == 1` without parentheses is told, not misread."""
    with pytest.raises(TypeError):
        (field("integer_a") > 1) & other  # type: ignore[operator]
    with pytest.raises(TypeError):
        (field("integer_a") > 1) | other  # type: ignore[operator]


@pytest.mark.parametrize("compare", ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"])
def test_comparing_with_none_is_refused(compare: str):
    """Absence is asked with is_absent(), so that nobody wonders what `< None` means."""
    with pytest.raises(InvalidInput, match="is_absent"):
        getattr(field("text_a"), compare)(None)
    with pytest.raises(InvalidInput, match="is_absent"):
        field("text_a").is_in("a", None)  # type: ignore[arg-type]


NAN = float("nan")
WRONG: list[tuple[Any, str]] = [
    (field("text_a") == 1, "text_a"),
    (field("integer_a") == "1", "integer_a"),
    (field("integer_a") == 1.5, "integer_a"),
    (field("integer_a") == True, "integer_a"),  # noqa: E712
    (field("integer_a") < 2**53, "integer_a"),
    (field("integer_a") < 10**400, "integer_a"),
    (field("float_a") < 10**400, "float_a"),
    (field("float_a") < NAN, "float_a"),
    (field("float_a") < float("inf"), "float_a"),
    (field("decimal_a") < 0.5, "decimal_a"),
    (field("decimal_a") < Decimal("0.0000001"), "decimal_a"),
    (field("decimal_a") == Decimal("NaN"), "decimal_a"),
    (field("decimal_a") < Decimal("Infinity"), "decimal_a"),
    (field("decimal_a") < Decimal("1e999999"), "decimal_a"),
    (field("boolean_a") == 1, "boolean_a"),
    (field("date_a") == datetime(2024, 1, 1, tzinfo=UTC), "date_a"),
    (field("instant_a") > date(2024, 1, 1), "instant_a"),
    (field("instant_a") > datetime(2024, 1, 1), "instant_a"),  # noqa: DTZ001
    (field("money_a") > 5, "money_a"),
    (field("text_a") == "\0", "text_a"),
    (field("text_a") == "\ud800", "text_a"),
    (field("text_a") == "a" * 10_001, "text_a"),
    (field("text_a") == b"a", "text_a"),
    (field("text_a") == ["a"], "text_a"),
    (field("text_a") == UUID(int=1), "text_a"),
    (field("text_a").is_in("a", 1), "text_a"),
    (field("text_a").is_in(field("text_b")), "text_a"),  # type: ignore[arg-type]
    (field("integer_a") < field("float_a"), "integer_a"),
]


@pytest.mark.parametrize(("p", "path"), WRONG, ids=[str(n) for n in range(len(WRONG))])
def test_a_value_of_another_type_is_refused_at_its_field(p: Predicate, path: str):
    """Nothing is coerced, but an integer where a float or a decimal is; never the value told."""
    several = field("boolean_b") == True  # noqa: E712
    for nested, places in (
        (p, [""]), (~p, ["part."] if not isinstance(p, Not) else [""]),
        (p & several, ["parts[0]."]), (~(several | p | p), ["part.parts[1].", "part.parts[2]."]),
    ):  # fmt: skip
        with pytest.raises(InvalidInput) as refused:
            checked(nested, FIELDS, "EUR")
        assert [fault.path for fault in refused.value.faults] == [at + path for at in places]
        assert len(str(refused.value)) < 150 * len(places)


def test_an_integer_stands_for_a_float_or_a_decimal():
    assert holds(field("float_a") < 2, {"float_a": 1.5})
    assert holds(field("decimal_a") == 2, {"decimal_a": Decimal("2.000000")})


def test_minus_zero_is_zero():
    """As it is stored; not every engine finds the one in a set with the other."""
    for p in (field("float_a") == -0.0, field("float_a").is_in(-0.0)):
        assert "-0.0" not in to_json(checked(p, FIELDS, "EUR"))


def test_birthdays_are_asked_from_the_first_day_to_the_last():
    """A stretch that ends before it begins is a mistake, not today."""
    born, model = field("born"), Model(attributes=[AttributeType("born", "date")])
    for asked, days in (
        (born.has_birthday(), (0, 0)),
        (born.has_birthday(after=5), (5, 5)),
        (born.has_birthday(after=-7), (-7, 0)),
        (born.has_birthday(after=-7, within=-3), (-7, -3)),
    ):
        found = model.checked(asked)
        assert isinstance(found, Birthday)
        assert (found.first, found.last) == days
    for wrong in (born.has_birthday(within=-1), born.has_birthday(after=5, within=2)):
        with pytest.raises(InvalidInput, match=r"born: .*the first one first"):
            model.checked(wrong)


def test_an_enumerated_word_is_its_text():
    assert holds(field("text_a") == Channel.PHONE, {"text_a": "phone"})
    assert holds(field("text_a").is_in(Channel.PHONE, "web"), {"text_a": "phone"})


def test_money_is_compared_in_the_currency_of_the_model():
    """O12: no amount of another currency sneaks into a comparison."""
    with pytest.raises(MixedCurrencies):
        checked(field("money_a") > Money("1", "USD"), FIELDS, "EUR")
    assert holds(field("money_a") > Money("1", "EUR"), {"money_a": Money("1.01", "EUR")})


def test_an_unknown_field_comes_with_a_suggestion():
    for p in (
        field("langauge") == "es",
        field("langauge").is_present(),
        field("langauge").is_in("es"),
        field("stage") == field("langauge"),
        ~(field("langauge") != "es"),
    ):
        with pytest.raises(UnknownField) as refused:
            Model().checked(p)
        assert (refused.value.name, refused.value.suggestion) == ("langauge", "language")


def test_a_stage_kind_or_tier_that_there_is_none_of_is_told_when_it_is_written():
    """By `model.field`: nobody could be in it, and most likely it is misspelt."""
    model = Model(programmes=[a_programme("club")])
    for name, word, near in (
        ("stage", "lapse", "lapsed"), ("kind", "persn", "person"), ("club_tier", "gld", "gold"),
    ):  # fmt: skip
        known = model.field(name)
        for write in (
            lambda word, known=known: known == word,
            lambda word, known=known: known != word,
            lambda word, known=known, near=near: known.is_in(near, word),
        ):
            with pytest.raises(InvalidInput, match=f"{name}: is none of .*did you mean '{near}'"):
                write(word)
            assert model.checked(write(near)) == write(near)
        assert model.field("language").is_in(word) == field("language").is_in(word)
    assert model.checked(field("stage") == "lapse") == (field("stage") == "lapse")


def test_what_is_no_predicate_is_refused():
    for wrong in ("stage", None, And(("x",)), Not(None)):  # type: ignore[arg-type]
        with pytest.raises(InvalidInput):
            checked(wrong, FIELDS, "EUR")  # type: ignore[arg-type]


def test_no_repr_shows_what_a_field_is_compared_with():
    """It may be an e-mail; the field and the operator are shown."""
    asked = (field("email") == "canary") | ~field("name").is_in("canary", "x")
    query = ProfileQuery(None, Query(where=asked, after=("canary", UUID(int=1))))  # type: ignore[arg-type]

    assert "canary" not in repr(asked) + repr(query)
    assert "email" in repr(asked)
    assert "==" in repr(asked)


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (lambda: "gold" & field("tags").has("vip"), "parentheses around each comparison"),
        (lambda: "gold" | field("tags").has("vip"), "parentheses around each comparison"),
        (lambda: field("visits") == 1 & field("paid"), "parentheses around each comparison"),
        (lambda: field("visits") == 1 | field("paid"), "parentheses around each comparison"),
        (lambda: "vip" in field("tags"), r"\.has\(value\)"),
        (lambda: field("tags") and field("tags").has("vip"), r"join with & \| ~"),
    ],
)
def test_pythons_own_words_are_refused_with_what_to_write(mistake: Any, hint: str):
    """As by who leaves out parentheses, which would join a text, or writes `and` behind a field."""
    with pytest.raises(TypeError, match=hint):
        mistake()


@pytest.mark.parametrize(
    ("mistake", "hint"),
    [
        (field("language").is_in(["es", "ca"]), r"is_in\(\*values\)"),  # type: ignore[arg-type]
        (field("revenue") > 500, r'Money\("12.50", "EUR"\)'),
        (field("last_purchase_at") < date(2026, 1, 1), "a datetime with a time zone"),
        (facts("purchase").count() > 1, "did you mean purchases"),
        (facts("purchases").latest("at") > ago(days=9), "take max of at"),
        (in_segment(field("vip")), "by its name, not by FieldRef"),  # type: ignore[arg-type]
        (field("vip"), "one is a comparison"),
    ],
)
def test_a_fault_says_what_was_meant(mistake: Any, hint: str):
    with pytest.raises(InvalidInput, match=hint):
        Model(currency="EUR").checked(mistake)
