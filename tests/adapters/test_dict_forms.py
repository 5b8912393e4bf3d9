"""Forms of dictionaries: versions old and new, what a fault says, and what it never says."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

import crmcore
from crmcore import (
    AttributeType,
    AttributeValue,
    Channel,
    Customer,
    CustomerId,
    InvalidInput,
    LifeCycle,
    Model,
    Money,
    Order,
    OrderLine,
    Predicate,
    Profile,
    Stage,
    Standing,
    field,
    from_dict,
    from_json,
    json_schema,
    new_id,
    to_dict,
    to_json,
)
from crmcore.adapters.dicts import forms
from crmcore.adapters.dicts.forms import DECLARED, UPCASTERS, form_of
from crmcore.domain.facts import Fact
from crmcore.domain.predicates import And, Comparison, Not, Or
from crmcore.testing import a_return
from tests.adapters.json_schema_check import breaks

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANA = CustomerId(new_id(AT))
FIRST: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "dicts_first.json").read_text("utf-8")
)
"""One dictionary of each form, as the first release wrote it. Lines are added, never changed."""

CANARY = "canary-7731@example.com"


def order_dict() -> dict[str, Any]:
    line = OrderLine.of("SKU", 2, "6.25", "EUR")
    return to_dict(Order.of_lines(ANA, [line, line, line], at=AT))


def faults(cls: type[Any], data: Any, **more: Any) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        from_dict(cls, data, **more)
    return [str(fault) for fault in refused.value.faults]


@pytest.mark.parametrize("data", FIRST, ids=lambda data: data["schema"])
def test_what_the_first_release_wrote_is_read_by_every_later_one(data: dict[str, Any]):
    """A form that changed reads it through its upcasters; what it held is held still."""
    (cls,) = [cls for cls in DECLARED if form_of(cls).name == data["schema"].split("/")[0]]
    back = to_dict(from_dict(cls, data))
    assert form_of(cls).version > 1 or holds(back, data)


def holds(whole: Any, part: Any) -> bool:
    """Whether all of `part` is in `whole`; later releases may add fields with a default."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], inner) for name, inner in part.items())
    if isinstance(part, list):
        return len(part) == len(whole) and all(map(holds, whole, part))
    return bool(whole == part)


@pytest.fixture
def third_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines at version 3: `count` became `quantity`, then `price` became `unit_price`."""

    def counted(data: dict[str, Any]) -> dict[str, Any]:
        return {("quantity" if name == "count" else name): v for name, v in data.items()}

    def priced(data: dict[str, Any]) -> dict[str, Any]:
        price = data["price"]
        return {name: v for name, v in data.items() if name != "price"} | {"unit_price": price}

    monkeypatch.setitem(UPCASTERS, OrderLine, (counted, priced))


@pytest.mark.usefixtures("third_version")
def test_older_versions_are_brought_up_to_date_step_by_step():
    line = OrderLine.of("SKU", 2, "6.25", "EUR")
    amount = {"amount": "12.50", "currency": "EUR"}
    first = {"schema": "order_line/1", "product": "SKU", "count": "2", "price": "6.25"}
    second = {"schema": "order_line/2", "product": "SKU", "quantity": "2", "price": "6.25"}
    for old in (first, second):
        given = {**old, "amount": amount}
        assert from_dict(OrderLine, given) == line
        assert given == {**old, "amount": amount}  # what was given is as it was

    assert to_dict(line)["schema"] == "order_line/3"
    assert from_dict(OrderLine, to_dict(line)) == line


@pytest.mark.usefixtures("third_version")
def test_an_inner_value_may_say_an_older_version_of_its_own():
    order = order_dict()
    old = {"schema": "order_line/2", **order["lines"][1]}
    old["price"] = old.pop("unit_price")
    order["lines"][1] = old
    assert to_dict(from_dict(Order, order))["lines"][1] == order_dict()["lines"][1]


@pytest.mark.usefixtures("third_version")
def test_old_data_that_its_upcaster_cannot_take_is_a_fault():
    assert faults(OrderLine, {"schema": "order_line/2", "product": CANARY}) == [
        "is not what version 2 of order_line holds"
    ]


@attrs.frozen
class Diary:
    """Facts of any kind, as a page of a timeline has them."""

    facts: tuple[Fact, ...]


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> Diary:
    monkeypatch.setattr(forms, "DECLARED", (*DECLARED, Diary))
    order = from_dict(Order, order_dict())
    return Diary((order, a_return(order)))


def test_where_a_fact_may_be_of_any_kind_it_says_which(diary: Diary):
    plain = to_dict(diary)
    assert [fact["schema"] for fact in plain["facts"]] == ["order/1", "return/1"]
    assert from_dict(Diary, plain) == diary
    assert list(breaks(plain, json_schema(Diary))) == []
    assert "reason" not in to_dict(diary, personal=False)["facts"][1]

    del plain["facts"][0]["schema"]
    plain["facts"][1]["schema"] = "customer/1"
    told = [fault.partition(": must say which")[:2] for fault in faults(Diary, plain)]
    assert told == [(f"facts[{n}].schema", ": must say which") for n in (0, 1)]


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("order/2", "is version 2, newer than the 1 that is known here"),
        ("customer/1", "is of customer, where order is needed"),
        (f"{CANARY}/1", "must be a form and its version: order/1"),
        ("nonsense/1", "is of no form known here, where order is needed"),
        ("order", "must be a form and its version: order/1"),
        ("order/0", "must be a form and its version: order/1"),
        (1, "must be a form and its version: order/1"),
        (None, "must be a form and its version: order/1"),
    ],
)
def test_another_form_or_a_newer_version_is_refused(schema: Any, reason: str):
    assert faults(Order, order_dict() | {"schema": schema}) == [f"schema: {reason}"]


def test_what_says_no_form_is_of_the_present_version():
    order = order_dict()
    del order["schema"]
    assert to_dict(from_dict(Order, order)) == order_dict() | {"id": order["id"]}


def test_all_faults_are_told_together_with_their_paths():
    """Types, missing and unknown keys, and what each field's own rule refuses, in one error."""
    bad_lines: list[Any] = [
        {"product": "SKU", "quantity": 0.5, "unit_price": "1", "amount": {}},
        "a line",
        {
            "product": "",
            "quantity": "-1",
            "unit_price": "-1",
            "amount": {"amount": "1.005", "currency": "EUR"},
        },
        {
            "product": "x" * 101,
            "quantity": "1.0000001",
            "unit_price": "-1",
            "amount": {"amount": 1, "currency": "EUR"},
        },
    ]
    found = faults(
        Order,
        {
            "customer_id": "ana",
            "at": "2026-03-01",
            "source": "x" * 100,
            "totl": {"amount": "1.00", "currency": "EUR"},
            "channel": "pigeon",
            "lines": bad_lines,
        },
    )
    assert sorted(fault.partition(":")[0] for fault in found) == sorted([
        "customer_id", "at", "source", "total", "totl", "channel",
        "lines[0].quantity", "lines[0].amount.amount", "lines[0].amount.currency", "lines[1]",
        "lines[2].product", "lines[2].quantity", "lines[2].unit_price", "lines[2].amount.amount",
        "lines[3].product", "lines[3].quantity", "lines[3].unit_price",
    ])  # fmt: skip
    assert "totl: is not known; did you mean total?" in found
    assert "total: is missing" in found
    assert f"channel: is none of {', '.join(Channel)}" in found


def test_rules_over_several_fields_are_told_too():
    order = order_dict()
    order["lines"][2]["amount"]["currency"] = "USD"
    assert faults(Order, order) == ["lines[2]: is in another currency than the total"]


@pytest.mark.parametrize("amount", [12.5, True, None, "12.505", "12,50", "", {"minor": 1}, "1e40"])
def test_an_amount_is_text_or_a_whole_number(amount: Any):
    (fault,) = faults(Money, {"amount": amount, "currency": "EUR"})
    assert fault.startswith("amount")
    assert from_dict(Money, {"amount": 12, "currency": "EUR"}) == Money("12.00", "EUR")


@pytest.mark.parametrize(
    "at",
    ["2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00", "2026-03-01T12:00:00.000900+00:00"],
)
def test_an_instant_is_read_in_any_zone_and_written_in_utc(at: str):
    order = from_dict(Order, order_dict() | {"at": at})
    assert to_dict(order)["at"] == "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize(
    "at", ["2026-03-01T12:00:00", "2026-03-01", "yesterday", 1772366400, "0999-01-01T00:00:00Z", ""]
)
def test_what_names_no_instant_is_refused(at: Any):
    (fault,) = faults(Order, order_dict() | {"at": at})
    assert fault.startswith("at: must")


def a_customer() -> dict[str, Any]:
    ana = Customer.person(CANARY, at=AT, emails=[CANARY]).with_attribute("nick", CANARY, at=AT)
    return to_dict(ana)


def wrong_customers() -> list[dict[str, Any]]:
    """Customers, each with a canary where it is refused."""
    plain = a_customer()
    wrong = [plain | {name: CANARY} for name in plain]
    wrong += [plain | {name: [CANARY, {CANARY: CANARY}]} for name in plain]
    wrong += [plain | {name: {CANARY: CANARY}} for name in plain]
    wrong += [plain | {CANARY: 1}, plain | {"schema": CANARY}, plain | {"name": CANARY * 100}]
    wrong.append(plain | {"contact_points": [{"kind": "phone", "value": CANARY}]})
    wrong.append(plain | {"attributes": [{"name": CANARY, "value": {CANARY: 1}, "at": CANARY}]})
    wrong.append(plain | {"at": "2026-03-01T12:00:00Z" + CANARY})
    return wrong


@pytest.mark.parametrize("data", wrong_customers())
def test_no_fault_and_no_traceback_quotes_a_value(data: dict[str, Any]):
    told: list[str] = []
    for read in (
        lambda: from_dict(Customer, data),
        lambda: from_json(Customer, json.dumps(data)),
        lambda: from_json(Customer, json.dumps(data) + CANARY),
        lambda: from_json(Customer, json.dumps(data).encode() + b"\xff"),
    ):
        try:
            read()
        except InvalidInput as error:
            told += [repr(error), str(error), *traceback.format_exception(error)]
    assert told
    assert "canary" not in "".join(told)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1", '{"amount": NaN}', b"\xff", '"text', "1" * 5000, None, 5],
)
def test_what_is_no_json_is_our_error(text: Any):
    with pytest.raises(InvalidInput, match="is no JSON"):
        from_json(Money, text)


@pytest.mark.parametrize("data", [[], "text", 1, None, [["amount", "1"]]])
def test_what_is_no_object_is_refused(data: Any):
    assert faults(Money, data) == ["must be an object with keys"]


def test_what_is_nested_too_deeply_is_our_error():
    deep: Any = {"op": "and", "parts": []}
    for _ in range(5000):
        deep = {"op": "not", "part": deep}
    assert faults(Predicate, deep) == ["is nested too deeply"]
    with pytest.raises(InvalidInput, match="is nested too deeply"):
        from_json(Predicate, '{"op": "not", "part": ' * 100_000 + "1" + "}" * 100_000)
    predicate = field("name") == "x"
    for _ in range(5000):
        predicate = Not(predicate)
    with pytest.raises(InvalidInput, match="is nested too deeply"):
        to_dict(predicate)


@pytest.mark.parametrize("thing", [1, "text", Channel.PHONE, object(), {"a": 1}, ANA])
def test_what_has_no_dictionary_form_is_refused(thing: Any):
    with pytest.raises(InvalidInput, match="has no dictionary form"):
        to_dict(thing)
    with pytest.raises(InvalidInput, match="has no dictionary form"):
        from_dict(type(thing), {})
    with pytest.raises(InvalidInput, match="has no dictionary form"):
        json_schema(type(thing))


def test_a_predicate_reads_like_the_question():
    asked = (field("revenue") >= Money("500", "EUR")) & ~field("language").is_in("es", "ca")
    assert to_dict(asked) == {
        "schema": "predicate/1",
        "op": "and",
        "parts": [
            {"field": "revenue", "op": ">=", "value": {"amount": "500.00", "currency": "EUR"}},
            {"op": "not", "part": {"field": "language", "op": "in", "values": ["es", "ca"]}},
        ],
    }
    since = field("stage_since") < field("last_purchase_at")
    assert to_dict(since)["value"] == {"field": "last_purchase_at"}
    assert to_dict(field("known_since") < AT)["value"] == {"instant": "2026-03-01T12:00:00+00:00"}


def test_a_kind_of_predicate_is_read_as_that_kind():
    plain = to_dict(field("stage") == "active")
    assert isinstance(from_dict(Comparison, plain), Comparison)
    for cls in (And, Or, Not):
        assert faults(cls, plain) == [f"op: is of another predicate than {cls.__name__}"]


def test_a_number_that_lost_its_point_on_the_way_says_its_type():
    """JavaScript writes 1.0 as 1; the type may stand beside it."""
    value = {"name": "weight", "value": {"float": 1}, "at": "2026-03-01T12:00:00Z"}
    assert type(from_dict(crmcore.AttributeValue, value).value) is float


NURSERY = Model(
    life_cycle=LifeCycle([Stage("seed", Standing.PROSPECT)], []),
    attributes=[AttributeType("nick", "text", personal=True), AttributeType("beds", "integer")],
)


def test_a_customer_begins_in_the_first_stage_of_the_hosts_model():
    data = {"kind": "person", "at": "2026-03-01T12:00:00Z"}
    assert from_dict(Customer, data).stage == "prospect"
    assert from_dict(Customer, data, model=NURSERY).stage == "seed"
    assert from_json(Customer, json.dumps(data), model=NURSERY).standing is Standing.PROSPECT


def nursery_profile() -> Profile:
    backend = crmcore.connect("memory://", model=NURSERY)
    backend.migrate()
    with backend.unit_of_work() as uow:
        ana = Customer.person(CANARY, at=AT, emails=[CANARY], life_cycle=NURSERY.life_cycle)
        ana = ana.with_attribute("nick", CANARY, at=AT).with_attribute("beds", 3, at=AT)
        uow.customers.add(ana)
        return uow.profiles.get(ana.id)


def test_the_marks_of_the_model_hide_personal_fields_of_a_profile():
    profile = nursery_profile()
    plain = to_dict(profile, personal=False, model=NURSERY)
    assert "canary" not in json.dumps(plain)
    assert plain["beds"] == 3
    assert {"name", "email", "phone", "nick"} & set(plain) == set()
    assert {"name", "email", "phone", "nick"} <= set(to_dict(profile))


def test_a_field_without_a_known_mark_is_not_guessed_to_be_open():
    """Forgetting the model must not let a personal attribute out."""
    with pytest.raises(InvalidInput) as refused:
        to_dict(attrs.evolve(nursery_profile(), personal=None), personal=False)
    assert [fault.path for fault in refused.value.faults] == ["nick", "beds"]


def test_a_profile_from_a_store_needs_no_model_to_hide_its_personal_fields():
    """Its own marks hide, those of a model besides, and neither shows what the other hides."""
    profile = nursery_profile()
    for model in (None, NURSERY, Model(attributes=[AttributeType("nick", "text")])):
        plain = to_dict(profile, personal=False, model=model)
        assert "canary" not in json.dumps(plain)
        assert plain["beds"] == 3
    bare = attrs.evolve(profile, personal=frozenset())
    assert "canary" not in json.dumps(to_dict(bare, personal=False, model=NURSERY))


def test_the_value_of_an_attribute_by_itself_may_be_personal():
    value = AttributeValue("nick", CANARY, at=AT)
    assert to_dict(value, personal=False) == {
        "schema": "attribute_value/1", "name": "nick", "source": None, "at": AT.isoformat(),
    }  # fmt: skip
    assert from_dict(AttributeValue, to_dict(value)) == value


def test_a_predicate_is_not_written_without_personal_values():
    for write in (
        lambda: to_dict(field("email") == CANARY, personal=False),
        lambda: to_json(~field("email").is_in(CANARY), personal=False),
        lambda: json_schema(Predicate, personal=False),
    ):
        with pytest.raises(InvalidInput) as refused:
            write()
        assert [fault.path for fault in refused.value.faults] == ["personal"]
        assert "canary" not in str(refused.value)
    assert to_dict(NURSERY, personal=False)["schema"] == "model/1"


def test_a_profile_is_read_by_the_fields_of_its_model():
    profile = nursery_profile()
    assert from_json(Profile, to_json(profile), model=NURSERY) == profile
    assert faults(Profile, to_dict(profile)) == ["nick: is not known", "beds: is not known"]
    assert faults(Profile, to_dict(profile) | {"beds": "3", "kind": None}, model=NURSERY) == [
        "kind: is absent",
        "beds: must be a whole number",
    ]
