"""JSON Schema (2020-12) of the dictionaries, with everything in place: no references.

It says keys, types and which must be there. Ranges and rules over several fields are the
domain's: data may keep to the schema and still be `InvalidInput`.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from crmcore.adapters.dicts.forms import SCHEMA, form_of
from crmcore.adapters.dicts.predicates import PREDICATE, check_whole
from crmcore.adapters.dicts.profiles import profile_schema
from crmcore.adapters.dicts.shapes import AnyKind, Optional, Several, Shape, parts_of
from crmcore.adapters.dicts.values import PLAIN, Plain
from crmcore.domain.model import Model
from crmcore.domain.predicates import Predicate
from crmcore.domain.profile import Profile

__all__ = ["schema_of"]


def schema_of(cls: Any, model: Model | None, *, personal: bool) -> dict[str, Any]:
    """The schema of one class, with the key that says its form."""
    form = form_of(cls)
    check_whole(cls, personal=personal)
    found = _object(cls, model, personal)
    said = {SCHEMA: {"type": "string", "const": form.schema}}
    return found | {"properties": said | found["properties"]}


def _object(cls: Any, model: Model | None, personal: bool) -> dict[str, Any]:
    plain = PREDICATE if issubclass(cls, Predicate) else PLAIN.get(cls)
    if plain is not None:
        return dict(plain.schema)
    described = {
        "title": cls.__name__,
        "type": "object",
        "description": " ".join((cls.__doc__ or "").split("\n\n")[0].split()),
    }
    closed = {"additionalProperties": False}
    if cls is Profile:
        return described | profile_schema(model, personal=personal) | closed
    parts = [part for part in parts_of(cls) if personal or not part.personal]
    properties = {part.name: _schema(part.shape, model, personal) for part in parts}
    required = [part.name for part in parts if part.required]
    return described | {"properties": properties, "required": required} | closed


def _schema(shape: Shape, model: Model | None, personal: bool) -> dict[str, Any]:
    match shape:
        case Optional(inner):
            return {"anyOf": [_schema(inner, model, personal), {"type": "null"}]}
        case Several(inner):
            return {"type": "array", "items": _schema(inner, model, personal)}
        case Plain():
            return dict(shape.schema)
        case AnyKind(classes):
            return {"anyOf": [schema_of(cls, model, personal=personal) for cls in classes]}
        case _ if issubclass(shape, Enum):
            return {"type": "string", "enum": [word.value for word in shape]}
    return _object(shape, model, personal)
