"""Predicates as dictionaries: each says its `op`, and what that is about.

{"field": "revenue", "op": ">=", "value": {"amount": "500.00", "currency": "EUR"}}
{"field": "language", "op": "in", "values": ["es", "ca"]}
{"field": "last_purchase_at", "op": "<", "value": {"ago": {"days": 90}}}
{"facts": {"of": "purchases", "fold": "count", "since": {"ago": {"months": 6}}}, "op": ">=",
 "value": 3}
{"op": "not", "part": {"field": "last_purchase_at", "op": "present"}}
{"field": "stage_since", "op": "<", "value": {"field": "last_purchase_at"}}
{"op": "in_segment", "segment": "vip"}

New kinds of question leave the version as it is: what an older release wrote reads as before, and
a question that a release does not know is refused by it, whatever the version says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from crmcore.adapters.dicts.forms import form_of
from crmcore.adapters.dicts.terms import (
    FACTS,
    RELATIVE,
    fact_term,
    fact_term_dict,
    is_relative,
    read_zone,
    relative,
    relative_dict,
)
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
from crmcore.domain.bounds import DEPTH, check_size
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.predicates import (
    And,
    Birthday,
    Comparison,
    Contains,
    FactTerm,
    Has,
    HasWord,
    InSegment,
    Not,
    OnDays,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
    StartsWith,
    Term,
)
from crmcore.domain.relative import Relative, Zone

__all__ = ["PREDICATE", "check_whole"]

COMPARISONS = ("==", "<", "<=", ">", ">=")
TEXTS: Mapping[str, Callable[[str, str], Predicate]] = {
    "has": Has, "has_word": HasWord, "contains": Contains, "starts_with": StartsWith,
}  # fmt: skip
KEYS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(COMPARISONS, ("field", "value")),
    "in": ("field", "values"),
    **dict.fromkeys(TEXTS, ("field", "value")),
    "falls_on": ("field", "values"),
    "has_birthday": ("field",),
    "present": ("field",),
    "in_segment": ("segment",),
    "and": ("parts",),
    "or": ("parts",),
    "not": ("part",),
}
"""By `op`, the keys that must be there."""
FOLDED = (*COMPARISONS, "in", "present")
"""What may be asked of `facts` in the place of a `field`."""
MAY: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(FOLDED, ("facts",)),
    "has_birthday": ("after", "within", "zone"),
}
"""By `op`, the keys that may be there."""


def check_whole(cls: type[Any], *, personal: bool) -> None:
    """Refuse to write a predicate without personal values: what it asks for may be one."""
    if not personal and issubclass(cls, Predicate):
        reason = "must be true for a predicate: the values that it compares with may be personal"
        raise InvalidInput.of("personal", reason)


def _operand_dict(value: Any) -> Any:
    if isinstance(value, OtherField):
        return {"field": value.name}
    return relative_dict(value) if isinstance(value, Relative) else plain_scalar(value)


def _term(name: Term) -> dict[str, Any]:
    return {"facts": fact_term_dict(name, _dict)} if isinstance(name, FactTerm) else {"field": name}


def _written(predicate: Predicate) -> dict[str, Any]:
    check_size(predicate)
    return _dict(predicate)


def _dict(predicate: Predicate) -> dict[str, Any]:
    match predicate:
        case Comparison(name, op, value):
            return {**_term(name), "op": op, "value": _operand_dict(value)}
        case OneOf(name, values):
            return {**_term(name), "op": "in", "values": [_operand_dict(v) for v in values]}
        case Has(name, text) | HasWord(name, text) | Contains(name, text) | StartsWith(name, text):
            op = next(op for op, cls in TEXTS.items() if cls is type(predicate))
            return {"field": name, "op": op, "value": text}
        case OnDays(name, days):
            return {"field": name, "op": "falls_on", "values": list(days)}
        case Birthday(name, first, last, zone):
            found = {"field": name, "op": "has_birthday", "after": first, "within": last}
            return found if zone is Zone.MODEL else {**found, "zone": zone.value}
        case InSegment(segment):
            return {"op": "in_segment", "segment": segment}
        case Present(name):
            return {**_term(name), "op": "present"}
        case And(parts):
            return {"op": "and", "parts": [_dict(part) for part in parts]}
        case Or(parts):
            return {"op": "or", "parts": [_dict(part) for part in parts]}
        case Not(part):
            return {"op": "not", "part": _dict(part)}
    raise InvalidInput.of("", f"{type(predicate).__name__} is no predicate")


def _operand(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"field"}:
        try:
            return OtherField(PLAIN[str].read(value["field"]))
        except InvalidInput as error:
            raise error.under("field") from None
    return relative(value) if is_relative(value) else SCALAR.read(value)


def _texts(values: Any) -> tuple[str, ...]:
    return each(values, PLAIN[str].read)


def _read(value: Any) -> Predicate:
    """The predicate, within the limits: so nothing here goes as deep as data may be."""
    found = _predicate(value, 0)
    check_size(found)
    return found


def _predicate(value: Any, level: int) -> Predicate:
    if level > DEPTH:
        raise InvalidInput.of("", f"is a predicate of more than {DEPTH} levels")
    data = form_of(Predicate).current(an_object(value))
    op = data.get("op")
    if not isinstance(op, str) or op not in KEYS:
        raise InvalidInput.of("op", f"must be one of {' '.join(KEYS)}")
    inner = partial(_predicate, level=level + 1)
    text = op in TEXTS or op == "falls_on"
    reads: dict[str, Callable[[Any], Any]] = {
        "value": PLAIN[str].read if text else _operand,
        "values": _texts if text else lambda values: each(values, _operand),
        "facts": lambda facts: fact_term(facts, inner),
        "parts": lambda parts: each(parts, inner),
        "part": inner,
        "after": PLAIN[int].read,
        "within": PLAIN[int].read,
        "zone": read_zone,
    }
    needed, found = KEYS[op], dict[str, Any]()
    if "facts" in data and op in FOLDED and "field" not in data:
        needed = ("facts", *needed[1:])
    faults = unknown_keys(data, (*needed, *MAY.get(op, ()), "op"))
    for name in dict.fromkeys((*needed, *MAY.get(op, ()))):
        if name in data:
            read_into(found, faults, name, reads.get(name, PLAIN[str].read), data[name])
        elif name in needed:
            also = ", and so is facts" if name == "field" and op in FOLDED else ""
            faults.append(Fault(name, f"is missing{also}"))
    if "facts" in data and needed[0] == "field" and op in FOLDED:
        faults.append(Fault("facts", "stands beside field: one of them is asked about"))
    if faults:
        raise InvalidInput(tuple(faults))
    return _made(op, found)


def _made(op: str, found: Mapping[str, Any]) -> Predicate:
    about = found.get("field", found.get("facts"))
    if op in TEXTS:
        return TEXTS[op](found["field"], found["value"])
    match op:
        case "in":
            return OneOf(about, found["values"])
        case "falls_on":
            return OnDays(found["field"], found["values"])
        case "has_birthday":
            first = found.get("after", 0)
            last = found.get("within", max(first, 0))
            return Birthday(found["field"], first, last, found.get("zone", Zone.MODEL))
        case "in_segment":
            return InSegment(found["segment"])
        case "present":
            return Present(about)
        case "and":
            return And(found["parts"])
        case "or":
            return Or(found["parts"])
        case "not":
            return Not(found["part"])
    return Comparison(about, op, found["value"])


TEXT: dict[str, Any] = {"type": "string"}
PART: dict[str, Any] = {"type": "object", "description": "A predicate.", "required": ["op"]}
OPERAND: dict[str, Any] = {
    "description": "A value, one relative to the instant of asking, or another field of the row.",
    "anyOf": [
        *SCALAR.schema["anyOf"],
        *RELATIVE["anyOf"],
        {
            "type": "object",
            "properties": {"field": TEXT},
            "required": ["field"],
            "additionalProperties": False,
        },
    ],
}
HELD: Mapping[str, Any] = {
    "field": TEXT,
    "facts": FACTS,
    "value": OPERAND,
    "values": {"type": "array", "items": OPERAND},
    "after": {"type": "integer"},
    "within": {"type": "integer"},
    "zone": {"enum": [zone.value for zone in Zone]},
    "segment": TEXT,
    "part": PART,
    "parts": {"type": "array", "items": PART},
}


def _branches() -> list[dict[str, Any]]:
    """By the keys that are needed, the questions that need them."""
    groups: dict[tuple[bool, tuple[str, ...]], list[str]] = {}
    for op, needed in KEYS.items():
        groups.setdefault((op in TEXTS, needed), []).append(op)
        if op in FOLDED:
            groups.setdefault((False, ("facts", *needed[1:])), []).append(op)
    return [
        {
            "properties": {"op": {"enum": ops}, **({"value": TEXT} if of_text else {})},
            "required": ["op", *needed],
        }
        for (of_text, needed), ops in groups.items()
    ]


PREDICATE: Plain = Plain(
    _written,
    _read,
    {
        "title": "Predicate",
        "type": "object",
        "description": "A question to a profile or a fact: what it asks follows from its op.",
        "properties": {"op": {"enum": list(KEYS)}, **HELD},
        "required": ["op"],
        "additionalProperties": False,
        "anyOf": _branches(),
    },
)
