"""As much of JSON Schema as crmcore writes, to hold its schemas against its dictionaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    "object": (dict,), "array": (list,), "null": (type(None),),
}  # fmt: skip
KNOWN = {
    "type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const",
    "format", "title", "description", "examples", "minimum",
}  # fmt: skip


def breaks(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Where `value` does not keep to the schema."""
    assert set(schema) <= KNOWN, f"the check does not know all of {sorted(schema)}"
    types = schema.get("type", [])
    allowed = [types] if isinstance(types, str) else types
    if allowed and not any(is_a(value, one) for one in allowed):
        yield f"{path}: is no {' or '.join(allowed)}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{path}: is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: is none of {schema['enum']}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{path}: is too low"
    options = schema.get("anyOf", [])
    if options and all(list(breaks(value, option)) for option in options):
        yield f"{path}: is none of several"
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from breaks(item, schema["items"], f"{path}[{index}]")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        yield from (f"{path}.{name}: is missing" for name in schema.get("required", [])
                    if name not in value)  # fmt: skip
        for name, inner in value.items():
            if name in properties:
                yield from breaks(inner, properties[name], f"{path}.{name}")
            elif schema.get("additionalProperties", True) is False:
                yield f"{path}.{name}: is not known"


def is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])
