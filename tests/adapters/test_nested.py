"""Nested values as JSON: predicates and models read back as they were written."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmcore import DEFAULT_LIFE_CYCLE, AttributeType, LifeCycle, Model, Move, Predicate, field
from crmcore.adapters.nested import converter, plain_predicate, predicate_of
from crmcore.adapters.nested_json import json_reader, json_text, json_writer
from crmcore.domain.membership import Lot, Membership
from crmcore.domain.predicate_checks import checked
from crmcore.domain.predicates import And, Or
from crmcore.domain.trusted import id_of, id_of_text
from crmcore.testing.strategies import memberships, models, predicates

MODEL = Model(
    attributes=[
        AttributeType(f"a_{type}", type)
        for type in ("text", "integer", "float", "decimal", "boolean", "date", "instant", "money")
    ]
)


@given(predicates(MODEL, absolute=True))
def test_a_predicate_survives_json(predicate: Predicate):
    """Written as text and read back it is the same predicate, checked or not."""
    for one in (predicate, checked(predicate, MODEL.profile_fields, MODEL.currency)):
        text = json.dumps(plain_predicate(one), allow_nan=False)
        assert predicate_of(json.loads(text)) == one
        assert converter().structure(json.loads(text), Predicate) == one


def test_the_plain_form_reads_like_the_question():
    asked = (field("stage") == "active") & ~field("language").is_in("es", "ca")
    assert plain_predicate(asked) == [
        "and",
        ["==", "stage", ["text", "active"]],
        ["not", ["in", "language", [["text", "es"], ["text", "ca"]]]],
    ]
    assert plain_predicate(field("stage_since") < field("last_purchase_at")) == [
        "<", "stage_since", ["field", "last_purchase_at"],
    ]  # fmt: skip
    assert predicate_of(["and"]) == And(())
    assert predicate_of(["or"]) == Or(())


@pytest.mark.parametrize("data", [["xor", "a"], [], ["and", ["?"]], ["not"], ["=="]])
def test_an_unknown_form_is_an_error_and_no_predicate(data: list[Any]):
    with pytest.raises(ValueError, match="no known form"):
        predicate_of(data)


@given(memberships())
def test_lots_are_written_as_the_converter_writes_them(member: Membership):
    """Their text is put together past the converter; a field of later is read by its default."""
    text = json_writer(tuple[Lot, ...])(member.lots)
    assert text == json_text(converter().unstructure(member.lots))
    read = json_reader(tuple[Lot, ...])
    assert read(text) == member.lots
    before = [{k: v for k, v in lot.items() if k != "pending"} for lot in json.loads(text)]
    assert read(json_text(before)) == tuple(attrs.evolve(m, pending=False) for m in member.lots)


@given(st.uuids())
def test_an_id_is_made_of_its_bytes_or_its_text(id: UUID):
    for made in (id_of(id.bytes), id_of_text(str(id))):
        assert made == id
        assert (hash(made), str(made), made.is_safe) == (hash(id), str(id), id.is_safe)
        assert pickle.loads(pickle.dumps(made)) == id


@settings(max_examples=30)
@given(models())
def test_a_model_survives_json(model: Model):
    """What is stored with the data says the whole model: life cycle, measures, attributes."""
    text = json.dumps(converter().unstructure(model, Model), sort_keys=True, allow_nan=False)
    back = converter().structure(json.loads(text), Model)

    assert back == model
    assert json.dumps(converter().unstructure(back, Model), sort_keys=True) == text


def test_a_model_without_programmes_is_stored_as_before():
    assert "programmes" not in converter().unstructure(Model(), Model)


def test_a_life_cycle_keeps_its_conditions_and_its_times():
    stages = DEFAULT_LIFE_CYCLE.stages
    idle = timedelta(days=36_524, microseconds=1)
    move = Move("active", "lapsed", "lapse", idle=idle, when=field("region").is_present())
    model = Model(life_cycle=LifeCycle(stages, [move]))
    back = converter().structure(converter().unstructure(model, Model), Model)

    assert back.life_cycle == model.life_cycle
    assert back.life_cycle.moves[0].idle == idle
