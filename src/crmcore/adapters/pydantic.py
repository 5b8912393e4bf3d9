"""pydantic: crmcore's classes as request and response models of FastAPI, and fields of models.

    Annotated[Customer, AsDict()]

Read as `crmcore.from_dict` reads and written as `crmcore.to_dict` writes. crmcore does not need
pydantic; only pydantic itself calls what is here.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from crmcore.adapters.dicts import from_dict, json_schema, to_dict
from crmcore.domain.errors import InvalidInput
from crmcore.domain.model import Model

__all__ = ["AsDict"]

STEP = re.compile(r"[^.\[\]]+")


@attrs.frozen(kw_only=True)
class AsDict:
    """Marks a class of crmcore for pydantic: `Annotated[Order, AsDict()]`.

    Each fault of the input is an error of pydantic's own, at its place (`["lines", 2,
    "quantity"]`) and without the value. `personal=False` leaves the personal fields out of what
    is written; a profile's fields and a customer's stages are those of the `model`.

    FastAPI takes a parameter of a class that it does not know for a query parameter, so a request
    body says so: `Annotated[Order, AsDict(), Body()]`.
    """

    personal: bool = True
    model: Model | None = attrs.field(default=None, repr=False)

    def __get_pydantic_core_schema__(self, source: type[Any], handler: Any) -> Any:
        from pydantic_core import PydanticCustomError, ValidationError, core_schema

        def read(value: Any) -> Any:
            if isinstance(value, source):
                return value
            try:
                return from_dict(source, value, model=self.model)
            except InvalidInput as error:
                faults = [(_steps(fault.path), fault.reason) for fault in error.faults]
            raise ValidationError.from_exception_data(
                source.__name__,
                [
                    {
                        "type": PydanticCustomError("invalid_input", "{why}", {"why": reason}),
                        "loc": steps,
                        "input": None,
                    }
                    for steps, reason in faults
                ],
            )

        def write(value: Any) -> dict[str, Any]:
            return to_dict(value, personal=self.personal, model=self.model)

        def described(_: Any, handler: Any) -> dict[str, Any]:
            personal = self.personal or handler.mode == "validation"
            return json_schema(source, personal=personal, model=self.model)

        json_schema(source)  # says at once where there is no dictionary form
        name = source.__name__ if self.personal else f"{source.__name__}Open"
        return core_schema.no_info_plain_validator_function(
            read,
            ref=f"crmcore.{name}:{id(self.model)}",
            serialization=core_schema.plain_serializer_function_ser_schema(write),
            metadata={"pydantic_js_functions": [described]},
        )


def _steps(path: str) -> tuple[str | int, ...]:
    """`lines[2].quantity` as `("lines", 2, "quantity")`."""
    return tuple(int(step) if step.isdigit() else step for step in STEP.findall(path))
