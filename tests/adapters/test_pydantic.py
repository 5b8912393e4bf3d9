"""The bridge to pydantic and FastAPI: what comes in, what goes out, and what it says of itself."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Body, FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from crmcore import (
    AttributeType,
    Backend,
    Customer,
    InvalidInput,
    Model,
    Money,
    Order,
    OrderLine,
    Page,
    Predicate,
    Profile,
    new_id,
    to_dict,
)
from crmcore.adapters.dicts.forms import DECLARED
from crmcore.adapters.pydantic import AsDict
from tests.adapters.dict_samples import MODEL, strategy_of
from tests.adapters.json_schema_check import breaks

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
CANARY = "canary-7731@example.com"
LINE = OrderLine.of("SKU", 2, "6.25", "EUR")
ORDER = Order.of_lines(new_id(AT), [LINE, LINE], at=AT)  # type: ignore[arg-type]
PLAIN = [cls for cls in DECLARED if not issubclass(cls, Exception)]


@pytest.mark.parametrize("cls", PLAIN, ids=lambda cls: cls.__name__)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_every_form_goes_through_pydantic_as_through_to_dict(cls: Any, data: st.DataObject):
    thing = data.draw(strategy_of(cls))
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[cls, AsDict(model=MODEL)])
    assert adapter.dump_python(thing) == to_dict(thing)
    assert adapter.validate_json(adapter.dump_json(thing)) == thing
    assert adapter.validate_python(thing) is thing


def test_faults_stand_at_their_places_among_pydantics_own():
    class Basket(BaseModel):
        note: int
        order: Annotated[Order, AsDict()]

    plain = to_dict(ORDER)
    plain["lines"][1]["quantity"] = 0.5
    del plain["at"]
    with pytest.raises(ValidationError) as refused:
        Basket.model_validate({"note": "x", "order": plain})
    told = [error["loc"] for error in refused.value.errors()]
    assert told == [("note",), ("order", "at"), ("order", "lines", 1, "quantity")]


def test_no_error_of_pydantics_holds_the_value():
    adapter = TypeAdapter(Annotated[Customer, AsDict()])
    wrong = {"kind": CANARY, CANARY: 1, "name": [CANARY], "at": CANARY}
    with pytest.raises(ValidationError) as refused:
        adapter.validate_python(wrong)
    assert len(refused.value.errors()) == 4
    assert "canary" not in str(refused.value) + repr(refused.value.errors())
    assert refused.value.__cause__ is None


def test_a_class_without_a_form_is_refused_at_once():
    with pytest.raises(InvalidInput, match="has no dictionary form"):
        TypeAdapter(Annotated[Backend, AsDict()])


GARDEN = Model(attributes=[AttributeType("beds", "integer")])


def app() -> FastAPI:
    made = FastAPI()

    @made.post("/orders")
    async def place(order: Annotated[Order, AsDict(), Body()]) -> Annotated[Order, AsDict()]:
        return order

    @made.post("/customers")
    async def shown(
        customer: Annotated[Customer, AsDict(), Body()],
    ) -> Annotated[Customer, AsDict(personal=False)]:
        return customer

    @made.post("/customers/all")
    async def several(
        customers: Annotated[list[Annotated[Customer, AsDict()]], Body()],
    ) -> list[Annotated[Customer, AsDict()]]:
        return customers

    @made.post("/segments")
    async def ask(
        where: Annotated[Predicate, AsDict(), Body()],
    ) -> Annotated[Page, AsDict(model=GARDEN, personal=False)]:
        return Page((), str(where))

    @made.get("/profile")
    async def profile() -> Annotated[Profile, AsDict(model=GARDEN)]:
        raise NotImplementedError

    return made


def asked(path: str, body: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app())
        async with httpx.AsyncClient(transport=transport, base_url="http://crm") as client:
            return await client.post(path, json=body)

    return asyncio.run(ask())


def test_a_request_and_its_response_are_dictionaries():
    answer = asked("/orders", to_dict(ORDER))
    assert (answer.status_code, answer.json()) == (200, to_dict(ORDER))


def test_personal_fields_are_left_out_of_a_response_that_says_so():
    ana = Customer.person(CANARY, at=AT, emails=[CANARY])
    assert asked("/customers", to_dict(ana)).json() == to_dict(ana, personal=False)
    assert asked("/customers/all", [to_dict(ana)]).json() == [to_dict(ana)]


def test_a_wrong_request_is_told_whole_and_quotes_nothing():
    wrong = to_dict(ORDER) | {"source": [CANARY], "channel": CANARY, "totl": 1}
    answer = asked("/orders", wrong)
    assert answer.status_code == 422
    places = [error["loc"] for error in answer.json()["detail"]]
    assert places == [["body", "source"], ["body", "channel"], ["body", "totl"]]
    assert "canary" not in answer.text


def test_the_openapi_document_names_each_form_once():
    document = app().openapi()
    schemas = document["components"]["schemas"]
    assert {"Order", "Customer", "CustomerOpen", "Predicate", "PageOpen", "Profile"} <= set(schemas)
    order, ana = schemas["Order"], Customer.person("Ana", at=AT)
    assert list(breaks(to_dict(ORDER), order)) == []
    assert list(breaks(to_dict(ana), schemas["Customer"])) == []
    assert list(breaks(to_dict(ana, personal=False), schemas["CustomerOpen"])) == []
    assert set(schemas["Customer"]["properties"]) > set(schemas["CustomerOpen"]["properties"])
    assert "beds" in schemas["Profile"]["properties"]
    body = document["paths"]["/orders"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Order"}
    assert json.dumps(document)


def test_the_schema_of_an_input_has_the_personal_fields_even_where_the_output_has_not():
    adapter = TypeAdapter(Annotated[Customer, AsDict(personal=False)])
    assert "name" in adapter.json_schema(mode="validation")["properties"]
    assert "name" not in adapter.json_schema(mode="serialization")["properties"]
    assert TypeAdapter(Annotated[Money, AsDict()]).json_schema()["required"] == [
        "amount", "currency",
    ]  # fmt: skip
