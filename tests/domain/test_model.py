"""Models and measures: an impossible declaration is refused when it is made, with its place."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from crmcore import (
    PURPOSES,
    AttributeType,
    Customer,
    Fold,
    IdentifierType,
    InvalidInput,
    Measure,
    MixedCurrencies,
    Model,
    Money,
    Programme,
    Refused,
    Rules,
    Tier,
    UnknownField,
    field,
)
from crmcore.domain.fields import FieldType
from crmcore.domain.kinds import MEASURABLE
from crmcore.testing import a_programme

CLUB = Programme(
    "club",
    Rules(tiers=(Tier("blue"), Tier("silver", spend=Money("500.00", "EUR")), Tier("gold", 9_000))),
)
COUNTED = Measure("club_points", "orders", Fold.COUNT)


def paths(error: InvalidInput) -> list[str]:
    return [fault.path for fault in error.faults]


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (("Calls", "interactions", "count"), "name"),
        (("calls", "phone_calls", "count"), "of"),
        (("calls", "interactions", "average"), "fold"),
        (("calls", "interactions", "count", "channel"), "value"),
        (("calls", "interactions", "sum"), "value"),
        (("calls", "interactions", "sum", "chanel"), "chanel"),
        (("calls", "interactions", "sum", "channel"), "value"),
        (("calls", "interactions", "min", "channel"), "value"),
        (("spent", "orders", "sum", "total"), "total"),
        (("spent", "orders", "sum", "lines"), "lines"),
        (("mean", "scores", "sum", "value"), "value"),
        (("who", "orders", "max", "id"), "value"),
        (("last", "purchases", "latest", "amount"), "fold"),
    ],
)
def test_an_impossible_measure_is_refused_with_its_place(given: tuple[Any, ...], path: str):
    """Sums are of integers and base money; a derived purchase has no `latest`."""
    with pytest.raises(InvalidInput) as refused:
        Measure(*given)
    assert paths(refused.value) == [path]


def test_money_is_folded_in_the_currency_of_the_model_alone():
    """O12: an order's own total may be in any currency, so it is no measure's value."""
    with pytest.raises(UnknownField) as refused:
        Measure("spent", "orders", "sum", "base_amont")
    assert refused.value.suggestion == "base_amount"
    for kind in MEASURABLE.values():
        money = [f.name for f in kind.comparable.values() if f.type is FieldType.MONEY]
        assert money in ([], ["base_amount"], ["amount"] if kind.name == "purchases" else [])


@pytest.mark.parametrize("fold", Fold)
def test_every_fold_has_a_measure_over_every_kind_that_it_can_take(fold: Fold):
    """Whatever is accepted compiles to a field with a type."""
    made = []
    for kind in MEASURABLE.values():
        for name in (None, *kind.comparable):
            try:
                made.append(Measure("m", kind.name, fold, name))
            except InvalidInput:
                continue
    assert made
    for measure in made:
        names = [f.name for f in Model(measures=[measure]).all_measures[-1].fields]
        assert names == (["m", "m_at"] if fold is Fold.LATEST else ["m"])


def test_a_measure_over_a_personal_field_is_personal():
    """The mark follows the value into the profile (promise 5)."""
    measure = Measure("last_subject", "interactions", "latest", "subject")

    assert measure.is_personal
    assert all(known.personal for known in measure.fields)
    assert Model(measures=[measure]).profile_fields["last_subject"].personal
    assert not Measure("calls", "interactions", "count").is_personal


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"measures": [Measure("revenue", "orders", Fold.COUNT)]}, "revenue"),
        ({"measures": [Measure("stage", "orders", Fold.COUNT)]}, "stage"),
        ({"measures": [Measure("last_channel_at", "orders", Fold.COUNT)]}, "last_channel_at"),
        ({"measures": [Measure("id", "orders", Fold.COUNT)]}, "id"),
        ({"measures": [Measure("tenant", "orders", Fold.COUNT)]}, "tenant"),
        ({"measures": [Measure("attributes", "orders", Fold.COUNT)]}, "attributes"),
        ({"measures": [Measure("customer_id", "orders", Fold.COUNT)]}, "customer_id"),
        ({"measures": [Measure("revenue_minor", "orders", Fold.COUNT)]}, "revenue_minor"),
        ({"measures": [Measure("a__recorded_at", "orders", Fold.COUNT)]}, "a__recorded_at"),
        ({"attributes": [AttributeType("seat", "text")] * 2}, "seat"),
        ({"attributes": [AttributeType("name", "text")]}, "name"),
        ({"identifier_types": [IdentifierType("email")]}, "identifier_types.email"),
        ({"identifier_types": [IdentifierType("dni")] * 2}, "identifier_types.dni"),
        ({"programmes": [a_programme("club")] * 2}, "programmes.club"),
        ({"programmes": [CLUB], "measures": [COUNTED]}, "club_points"),
        ({"programmes": [CLUB], "currency": "USD"}, "programmes.club"),
        ({"currency": "EURO"}, "currency"),
        ({"zone": "Mars"}, "zone"),
        ({"region": ""}, "region"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused_with_its_place(
    given: dict[str, Any], path: str
):
    """A name is used once, in the profile and in the store's columns; codes exist."""
    with pytest.raises(InvalidInput) as refused:
        Model(**given)
    assert paths(refused.value) == [path]


def test_each_programme_brings_its_tier_and_points():
    """As measures of its own ledger, between the built-in ones and the host's."""
    calls = Measure("calls", "interactions", Fold.COUNT)
    model = Model(programmes=[CLUB, a_programme("staff")], measures=[calls])
    names = [measure.name for measure in model.all_measures]

    assert names[-7:] == [
        *(f"{of}_{name}" for of in ("club", "staff") for name in ("tier", "points", "pending")),
        "calls",
    ]
    assert model.profile_fields["club_tier"].indexed
    assert model.all_measures[-2].where == (field("programme") == "staff")


def test_a_programmes_name_leaves_room_for_the_fields_that_begin_with_it():
    assert "a" * 32 + "_pending" in Model(programmes=[a_programme("a" * 32)]).profile_fields
    for name in ("a" * 33, "a__b", "a_"):
        with pytest.raises(InvalidInput, match=r"name: .*profile"):
            a_programme(name)


def test_a_programme_that_is_not_declared_is_refused_with_a_suggestion():
    model = Model(programmes=[CLUB])
    assert model.programme("club") is CLUB
    with pytest.raises(InvalidInput, match=r"programme: .* did you mean 'club'\?"):
        model.programme("clubb")
    with pytest.raises(InvalidInput, match=r"^programme: is no programme of this model$"):
        Model().programme("club")
    with pytest.raises(InvalidInput, match=r"tier: is no tier of club; did you mean 'gold'\?"):
        model.check_tier("club", "goldd")
    others: tuple[Any, ...] = (None, 7, b"club", ["club"])
    for other in others:
        with pytest.raises(InvalidInput, match=r"^programme: must be text$"):
            model.programme(other)
        with pytest.raises(InvalidInput, match=r"^tier: must be text$"):
            model.check_tier("club", other)


def test_programmes_stay_with_their_tiers_in_their_order():
    """Members may be in them; a tier may be added, and the rules may change."""
    before = Model(programmes=[CLUB])
    dearer = a_programme("club", ["blue", "silver", "gold", "platinum"])
    for after in (before, Model(programmes=[a_programme("staff"), dearer])):
        after.check_follows(before)
    for after in (
        Model(),
        Model(programmes=[a_programme("staff")]),
        Model(programmes=[a_programme("club", ["blue", "gold"])]),
        Model(programmes=[a_programme("club", ["blue", "gold", "silver"])]),
    ):
        with pytest.raises(Refused) as refused:
            after.check_follows(before)
        assert refused.value.rule == "model.programmes_stay"


@pytest.mark.parametrize("type", ["nested", "id", "txt", "", None])
def test_an_attribute_has_one_of_the_eight_scalar_types(type: object):
    with pytest.raises(InvalidInput) as refused:
        AttributeType("seat", type)  # type: ignore[arg-type]
    assert paths(refused.value) == ["type"]


def test_a_measure_that_asks_for_an_unknown_field_is_refused_with_a_suggestion():
    measure = Measure("calls", "interactions", Fold.COUNT, where=field("chanel") == "phone")
    with pytest.raises(UnknownField) as refused:
        Model(measures=[measure])
    assert (refused.value.name, refused.value.suggestion) == ("chanel", "channel")


def test_a_measure_over_money_of_another_currency_is_refused():
    measure = Measure("large", "orders", Fold.COUNT, where=field("base_amount") > Money("1", "USD"))
    with pytest.raises(MixedCurrencies):
        Model(measures=[measure])
    assert Model(measures=[measure], currency="USD").all_measures


def test_a_customer_is_checked_against_the_model_with_all_its_faults():
    """Undeclared attributes, other types, undeclared identifier types: together, by place."""
    from datetime import UTC, datetime

    from crmcore import Identifier

    at = datetime(2024, 1, 1, tzinfo=UTC)
    model = Model(attributes=[AttributeType("seat", "text")])
    customer = (
        Customer.person(at=at, identifiers=[Identifier("passport", "X1")])
        .with_attribute("seat", 12, at=at)
        .with_attribute("shoe", "left", at=at)
    )
    with pytest.raises(InvalidInput) as refused:
        model.check(customer)
    assert paths(refused.value) == ["attributes[0]", "attributes[1]", "identifiers[0].type"]


def test_a_model_survives_pickling():
    model = Model(measures=[Measure("calls", "interactions", Fold.COUNT)], zone="Europe/Madrid")
    assert model.plan.by_kind
    assert pickle.loads(pickle.dumps(model)) == model


def test_what_was_recorded_binds_the_next_model():
    """Amounts stay in their currency, attributes their type, purposes stay; a zone may change."""
    before = Model(attributes=[AttributeType("seat", "text")])
    Model(zone="Europe/Madrid").check_follows(before)
    for after, rule in (
        (Model(currency="USD"), "model.one_currency"),
        (Model(purposes=PURPOSES[:1]), "model.purposes_stay"),
        (Model(attributes=[AttributeType("seat", "integer")]), "model.attributes_keep_type"),
    ):
        with pytest.raises(Refused) as refused:
            after.check_follows(before)
        assert refused.value.rule == rule
