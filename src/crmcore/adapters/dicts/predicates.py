"""Predicates as dictionaries: each says its `op`, and what that is about.

{"field": "revenue", "op": ">=", "value": {"amount": "500.00", "currency": "EUR"}}
{"field": "language", "op": "in", "values": ["es", "ca"]}
{"op": "not", "part": {"field": "last_purchase_at", "op": "present"}}
{"field": "stage_since", "op": "<", "value": {"field": "last_purchase_at"}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crmcore.adapters.dicts.forms import form_of
from crmcore.adapters.dicts.values import (
    PLAIN,
    SCALAR,
    Plain,
    an_object,
    each,
    plain_scalar,
    read_into,
    unknown_keys,
)
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.predicates import (
    And,
    Comparison,
    Has,
    HasWord,
    Not,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
)

__all__ = ["PREDICATE", "check_whole"]

COMPARED = ("field", "op", "value")
KEYS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("==", "<", "<=", ">", ">="), COMPARED),
    "in": ("field", "op", "values"),
    "has": COMPARED,
    "has_word": COMPARED,
    "present": ("field", "op"),
    "and": ("op", "parts"),
    "or": ("op", "parts"),
    "not": ("op", "part"),
}


def check_whole(cls: type[Any], *, personal: bool) -> None:
    """Refuse to write a predicate without personal values: what it asks for may be one."""
    if not personal and issubclass(cls, Predicate):
        reason = "must be true for a predicate: the values that it compares with may be personal"
        raise InvalidInput.of("personal", reason)


def _operand_dict(value: Any) -> Any:
    if isinstance(value, OtherField):
        return {"field": value.name}
    return plain_scalar(value)


def _dict(predicate: Predicate) -> dict[str, Any]:
    match predicate:
        case Comparison(name, op, value):
            return {"field": name, "op": op, "value": _operand_dict(value)}
        case OneOf(name, values):
            return {"field": name, "op": "in", "values": [_operand_dict(v) for v in values]}
        case Has(name, value):
            return {"field": name, "op": "has", "value": value}
        case HasWord(name, beginning):
            return {"field": name, "op": "has_word", "value": beginning}
        case Present(name):
            return {"field": name, "op": "present"}
        case And(parts):
            return {"op": "and", "parts": [_dict(part) for part in parts]}
        case Or(parts):
            return {"op": "or", "parts": [_dict(part) for part in parts]}
        case Not(part):
            return {"op": "not", "part": _dict(part)}
    raise InvalidInput.of("", f"{type(predicate).__name__} is no predicate")


def _operand(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"field"}:
        return OtherField(PLAIN[str].read(value["field"]))
    return SCALAR.read(value)


READ: dict[str, Callable[[Any], Any]] = {
    "field": PLAIN[str].read,
    "value": _operand,
    "values": lambda values: each(values, _operand),
    "parts": lambda parts: each(parts, _predicate),
}


def _predicate(value: Any) -> Predicate:
    data = form_of(Predicate).current(an_object(value))
    op = data.get("op")
    if not isinstance(op, str) or op not in KEYS:
        raise InvalidInput.of("op", f"must be one of {' '.join(KEYS)}")
    found: dict[str, Any] = {}
    faults = unknown_keys(data, KEYS[op])
    for name in KEYS[op]:
        if name not in data:
            faults.append(Fault(name, "is missing"))
        elif name != "op":
            read_into(found, faults, name, READ.get(name, _predicate), data[name])
    if faults:
        raise InvalidInput(tuple(faults))
    match op:
        case "in":
            return OneOf(found["field"], found["values"])
        case "has" | "has_word":
            try:
                text = PLAIN[str].read(found["value"])
            except InvalidInput as error:
                raise error.under("value") from None
            return Has(found["field"], text) if op == "has" else HasWord(found["field"], text)
        case "present":
            return Present(found["field"])
        case "and":
            return And(found["parts"])
        case "or":
            return Or(found["parts"])
        case "not":
            return Not(found["part"])
    return Comparison(found["field"], op, found["value"])


OPERAND: dict[str, Any] = {
    "description": "A value, or another field of the same row.",
    "anyOf": [
        *SCALAR.schema["anyOf"],
        {
            "type": "object",
            "properties": {"field": {"type": "string"}},
            "required": ["field"],
            "additionalProperties": False,
        },
    ],
}

PREDICATE: Plain = Plain(
    _dict,
    _predicate,
    {
        "title": "Predicate",
        "type": "object",
        "description": "A question to a profile or a fact: what it asks follows from its op.",
        "properties": {
            "op": {"enum": list(KEYS)},
            "field": {"type": "string"},
            "value": OPERAND,
            "values": {"type": "array", "items": OPERAND},
            "part": {"type": "object"},
            "parts": {"type": "array", "items": {"type": "object"}},
        },
        "required": ["op"],
        "additionalProperties": False,
    },
)
