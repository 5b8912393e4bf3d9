"""Profiles as dictionaries: the customer's id and every field, flat; the model says their types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from crmcore.adapters.dicts.values import PLAIN, Plain, an_object, each, read_into, unknown_keys
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.fields import SCALARS, Field, FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.model import Model
from crmcore.domain.profile import Profile

__all__ = ["profile_dict", "profile_schema", "read_profile"]

WHO = "customer_id"
TEXTS = Plain(
    list,
    lambda values: each(values, PLAIN[str].read),
    {"type": "array", "items": PLAIN[str].schema},
)
BY_TYPE = {kind: PLAIN[cls] for cls, kind in SCALARS.items()} | {FieldType.TEXT_SET: TEXTS}
WRITE: Mapping[type[Any], Callable[[Any], Any]] = {
    **{cls: plain.write for cls, plain in PLAIN.items() if plain.write is not None},
    tuple: list,
}


@lru_cache(maxsize=1)
def _default_model() -> Model:
    """The model of a host that configures nothing."""
    return Model()


def profile_dict(profile: Profile, model: Model | None, *, personal: bool) -> dict[str, Any]:
    """The profile as plain data; without personal fields, by its own marks and the model's."""
    plain: dict[str, Any] = {WHO: str(profile.customer_id)}
    shown = None if personal else _open_fields(profile, model)
    for name, value in profile.entries.items():
        if shown is None or name in shown:
            write = WRITE.get(type(value))
            plain[name] = value if write is None else write(value)
    return plain


def _open_fields(profile: Profile, model: Model | None) -> set[str]:
    """What neither the profile nor the model marks. A profile that a store answered knows its
    marks; in another, a field that the model does not know has none, so it is refused.
    """
    known = (model or _default_model()).profile_fields
    if profile.personal is None:
        faults = [
            Fault(name, "is not of this model, so who may see it is not known: pass model=")
            for name in profile.entries
            if name not in known
        ]
        if faults:
            raise InvalidInput(tuple(faults))
    hidden = {field.name for field in known.values() if field.personal}
    return set(profile.entries) - hidden - (profile.personal or set())


def read_profile(value: Any, model: Model | None) -> Profile:
    """The profile that `profile_dict` wrote; a field left out is absent where it may be."""
    data, fields = an_object(value), (model or _default_model()).profile_fields
    faults = unknown_keys(data, (WHO, *fields))
    found: dict[str, Any] = {}
    for known in (Field(WHO, FieldType.ID, optional=False), *fields.values()):
        name = known.name
        if data.get(name) is not None:
            read_into(found, faults, name, BY_TYPE[known.type].read, data[name])
        elif known.optional:
            found[name] = () if known.type is FieldType.TEXT_SET else None
        else:
            faults.append(Fault(name, "is absent" if name in data else "is missing"))
    if faults:
        raise InvalidInput(tuple(faults))
    return Profile(CustomerId(found.pop(WHO)), found)


def profile_schema(model: Model | None, *, personal: bool) -> dict[str, Any]:
    """The JSON Schema of a profile under the model."""
    fields = (model or _default_model()).profile_fields
    shown = [known for known in fields.values() if personal or not known.personal]
    properties: dict[str, Any] = {WHO: {"type": "string", "format": "uuid"}}
    for known in shown:
        schema = dict(BY_TYPE[known.type].schema)
        properties[known.name] = {"anyOf": [schema, {"type": "null"}]} if known.optional else schema
    required = [known.name for known in shown if not known.optional]
    return {"properties": properties, "required": [WHO, *required]}
