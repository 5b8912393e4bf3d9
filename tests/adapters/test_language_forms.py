"""The language of segments as data: every node comes back, and what is wrong is told in place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmcore import (
    DEFAULT_LIFE_CYCLE,
    InvalidInput,
    LifeCycle,
    Model,
    Money,
    Move,
    Predicate,
    ago,
    facts,
    field,
    from_dict,
    from_json,
    from_now,
    in_segment,
    json_schema,
    start_of,
    to_dict,
    to_json,
)
from crmcore.adapters.nested import converter, plain_predicate, predicate_of
from crmcore.domain.predicates import (
    And,
    Birthday,
    Comparison,
    Contains,
    FactTerm,
    InSegment,
    Not,
    OnDays,
    OneOf,
    Or,
    Present,
    StartsWith,
)
from crmcore.domain.relative import Period, Relative, Unit, Zone
from crmcore.testing.strategies import predicates
from tests.adapters.json_schema_check import breaks

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL = Model()
SLOW = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


def relatives() -> st.SearchStrategy[Relative]:
    """Every kind of them."""
    shifts, zones = st.integers(-100_000, 100_000), st.sampled_from(Zone)
    periods = st.builds(
        Relative,
        shifts,
        st.sampled_from([unit for unit in Unit if unit is not Unit.HOURS]),
        st.sampled_from(Period),
        zones,
    )
    return st.builds(Relative, shifts, st.sampled_from(Unit), st.none(), zones) | periods


def fact_terms(inner: st.SearchStrategy[Predicate]) -> st.SearchStrategy[FactTerm]:
    """Facts folded, whether or not the kind has such a field."""
    bounds = st.none() | relatives() | st.just(AT)
    return st.builds(
        FactTerm,
        st.sampled_from(["purchases", "orders", "scores"]),
        st.sampled_from(["count", "sum", "min", "max", "latest"]),
        st.none() | st.sampled_from(["amount", "at"]),
        st.none() | inner,
        bounds,
        bounds,
    )


def _leaves(inner: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
    name, text = st.sampled_from(["name", "stage", "born"]), st.text(max_size=5)
    term = fact_terms(inner)
    days = st.lists(st.sampled_from(["01-01", "02-29", "12-24"]), max_size=3).map(tuple)
    shifts = st.integers(-400, 400)
    ops = st.sampled_from(["==", "<", "<=", ">", ">="])
    values = relatives() | st.integers(-5, 5) | st.just(AT) | st.just(Money("1", "EUR"))
    return st.one_of(
        st.builds(Contains, name, text),
        st.builds(StartsWith, name, text),
        st.builds(OnDays, name, days),
        st.builds(Birthday, name, shifts, shifts, st.sampled_from(Zone)),
        st.builds(InSegment, st.sampled_from(["vip", "staff"])),
        st.builds(Comparison, name | term, ops, values),
        st.builds(OneOf, name | term, st.lists(values, max_size=3).map(tuple)),
        st.builds(Present, name | term),
    )


def language() -> st.SearchStrategy[Predicate]:
    """Predicates of every kind, as data: a model need not know what they ask about."""
    leaf = predicates(MODEL)
    for _ in range(2):
        leaf = predicates(MODEL) | _leaves(leaf)
    several = st.lists(leaf, max_size=3).map(tuple)
    return leaf | several.map(And) | several.map(Or) | leaf.map(Not)


@SLOW
@given(language())
def test_every_question_is_published_and_stored_and_comes_back(predicate: Predicate):
    """As dictionary and JSON text within its schema, and as a store keeps it."""
    plain = to_dict(predicate)
    assert from_dict(Predicate, plain) == predicate
    assert from_json(Predicate, to_json(predicate)) == predicate
    assert to_dict(from_dict(Predicate, plain)) == plain
    assert list(breaks(plain, json_schema(Predicate))) == []

    text = json.dumps(plain_predicate(predicate), allow_nan=False)
    assert predicate_of(json.loads(text)) == predicate
    assert converter().structure(json.loads(text), Predicate) == predicate
    assert converter().unstructure(predicate) == plain_predicate(predicate)


@pytest.mark.parametrize(
    ("predicate", "plain"),
    [
        (field("name").contains("gar"), {"field": "name", "op": "contains", "value": "gar"}),
        (field("name").starts_with("A"), {"field": "name", "op": "starts_with", "value": "A"}),
        (field("born").falls_on("12-24"), {"field": "born", "op": "falls_on", "values": ["12-24"]}),
        (
            field("born").has_birthday(within=7, zone="customer"),
            {"field": "born", "op": "has_birthday", "after": 0, "within": 7, "zone": "customer"},
        ),
        (in_segment("vip"), {"op": "in_segment", "segment": "vip"}),
        (
            field("last_purchase_at") < ago(days=90),
            {"field": "last_purchase_at", "op": "<", "value": {"ago": {"days": 90}}},
        ),
        (
            field("last_purchase_at") >= start_of("month", shift=-1, zone="customer"),
            {
                "field": "last_purchase_at",
                "op": ">=",
                "value": {"start_of": "month", "shift": {"months": -1}, "zone": "customer"},
            },
        ),
        (
            field("next_visit") < from_now(hours=2),
            {"field": "next_visit", "op": "<", "value": {"from_now": {"hours": 2}}},
        ),
        (
            facts("purchases").where(field("categories").has("bags")).within(months=6).count() >= 3,
            {
                "facts": {
                    "of": "purchases",
                    "fold": "count",
                    "where": {"field": "categories", "op": "has", "value": "bags"},
                    "since": {"ago": {"months": 6}},
                    "until": {"from_now": {"days": 0}},
                },
                "op": ">=",
                "value": 3,
            },
        ),
        (
            facts("orders").between(AT, None).latest("channel").is_present(),
            {
                "facts": {
                    "of": "orders",
                    "fold": "latest",
                    "value": "channel",
                    "since": "2026-03-01T12:00:00+00:00",
                },
                "op": "present",
            },
        ),
    ],
)
def test_the_form_is_the_one_that_a_newcomer_guesses(predicate: Predicate, plain: dict[str, Any]):
    assert to_dict(predicate) == {"schema": "predicate/1", **plain}
    assert from_dict(Predicate, plain) == predicate


def test_what_may_be_left_out_means_what_python_means():
    plain: dict[str, Any] = {"field": "born", "op": "has_birthday"}
    assert from_dict(Predicate, plain) == field("born").has_birthday()
    assert from_dict(Predicate, plain | {"after": 3}) == field("born").has_birthday(after=3)
    assert from_dict(Predicate, plain | {"within": 3}) == field("born").has_birthday(within=3)
    this = {"field": "known_since", "op": ">=", "value": {"start_of": "quarter"}}
    assert from_dict(Predicate, this) == (field("known_since") >= start_of("quarter"))


def test_only_what_the_first_release_could_not_ask_is_stored_in_the_published_form():
    asked = (field("stage") == "active") & ~field("name").contains("x")
    assert plain_predicate(asked) == [
        "and",
        ["==", "stage", ["text", "active"]],
        ["not", {"field": "name", "op": "contains", "value": "x"}],
    ]


def faults(data: Any) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        from_dict(Predicate, data)
    return [str(fault) for fault in refused.value.faults]


PURCHASES = {"of": "purchases", "fold": "count"}
UNITS = "hours, days, weeks, months, years"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"op": "in_segment"}, ["segment: is missing"]),
        ({"op": "in_segment", "segment": 5}, ["segment: must be text"]),
        ({"op": "==", "value": 1}, ["field: is missing, and so is facts"]),
        (
            {"op": ">", "field": "x", "facts": PURCHASES, "value": 1},
            ["facts: stands beside field: one of them is asked about"],
        ),
        (
            {"op": "contains", "facts": PURCHASES, "value": "x"},
            ["facts: is not known", "field: is missing"],
        ),
        (
            {"op": ">", "facts": {"off": "purchases", "where": {"op": "?"}}, "value": []},
            [
                "facts.off: is not known; did you mean of?",
                "facts.of: is missing",
                "facts.fold: is missing",
                "facts.where.op: must be one of",
                "value: must be text, a number",
            ],
        ),
        (
            {"op": "present", "facts": {**PURCHASES, "fold": "median", "since": "yesterday"}},
            ["facts.fold: is none of count", "facts.since: must be an instant"],
        ),
        (
            {"op": "present", "facts": {**PURCHASES, "until": {"ago": {"days": -1}}}},
            ["facts.until.ago.days: must be a whole number from 0 to 100,000"],
        ),
        (
            {"op": "present", "facts": {**PURCHASES, "until": {"days": 1}}},
            ["facts.until: must be an instant, or have one of ago, from_now, start_of"],
        ),
        (
            {"op": "<", "field": "x", "value": {"ago": {"days": 1, "weeks": 1}, "zone": "mine"}},
            [f"value.ago: must have one of {UNITS}", "value.zone: is none of model, customer"],
        ),
        (
            {"op": "<", "field": "x", "value": {"ago": {"day": 1}}},
            ["value.ago.day: is not known; did you mean days?"],
        ),
        (
            {"op": "<", "field": "x", "value": {"start_of": "month", "shift": {"hours": 1}}},
            ["value.shift: a period is shifted by days, weeks, months or years"],
        ),
        (
            {"op": "<", "field": "x", "value": {"start_of": "decade", "shft": {}}},
            ["value.shft: is not known", "value.start_of: is none of day"],
        ),
        (
            {"op": "has_birthday", "field": "born", "within": "7", "zone": []},
            ["within: must be a whole number", "zone: is none of"],
        ),
        ({"op": "falls_on", "field": "born", "values": [5]}, ["values[0]: must be text"]),
        (
            {"op": "and", "parts": [{"op": "not", "part": {"op": "<", "field": 1, "value": None}}]},
            ["parts[0].part.field: must be text", "parts[0].part.value: must be text, a number"],
        ),
        (
            {"op": "and", "parts": [{"schema": "predicate/2", "op": "or", "parts": []}]},
            ["parts[0].schema: is version 2, newer than the 1 that is known here"],
        ),
        ({"op": "matches", "field": "name", "value": ".*"}, ["op: must be one of == < <= > >= in"]),
    ],
)
def test_all_that_is_wrong_is_told_with_its_place_in_the_tree(data: Any, told: list[str]):
    found = faults(data)
    assert len(found) == len(told)
    assert all(any(one.startswith(text) for one in found) for text in told), found


def test_what_is_larger_than_a_predicate_may_be_is_refused_as_it_is_read():
    one = {"field": "stage", "op": "==", "value": "x"}
    assert faults({"op": "or", "parts": [one] * 1001}) == [
        "is a predicate of more than 1,000 terms"
    ]
    assert faults({"field": "x", "op": "in", "values": ["a"] * 10_001}) == [
        "is a predicate of more than 10,000 values"
    ]
    deep: Any = {"field": "at", "op": "present"}
    for _ in range(100_000):
        deep = {"facts": {"of": "orders", "fold": "count", "where": deep}, "op": ">", "value": 1}
    (told,) = faults(deep)
    assert told == "facts.where." * 50 + "facts.where: is a predicate of more than 50 levels"


def test_the_conditions_of_a_model_are_published_and_stored_alike():
    """They are over fields that are fixed, so they ask nothing of what is relative."""
    move = Move("active", "lapsed", "lapse", when=field("region").starts_with("cat"))
    plain = {"field": "region", "op": "starts_with", "value": "cat"}
    assert to_dict(move)["when"] == plain
    assert from_dict(Move, to_dict(move)) == move
    model = Model(life_cycle=LifeCycle(DEFAULT_LIFE_CYCLE.stages, [move]))
    stored = json.dumps(converter().unstructure(model, Model))
    assert json.dumps(plain) in stored
    assert converter().structure(json.loads(stored), Model) == model
    with pytest.raises(InvalidInput) as refused:
        from_dict(Move, {"before": "a", "after": "b", "rule": "r", "when": {"op": "nand"}})
    assert refused.value.faults[0].path == "when.op"
