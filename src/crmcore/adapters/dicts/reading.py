"""Reading: from a dictionary to an object, or to all that is wrong with it and where.

Each field is read by the shape it is declared with; what reads is then checked by the field's own
rules, so that a wrong type in one place does not hide a value out of range in another. Nothing is
built while a fault is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache, partial
from typing import Any, cast

from crmcore.adapters.dicts.forms import SCHEMA, form_of
from crmcore.adapters.dicts.predicates import PREDICATE
from crmcore.adapters.dicts.profiles import read_profile
from crmcore.adapters.dicts.shapes import AnyKind, Optional, Part, Several, Shape, parts_of
from crmcore.adapters.dicts.values import PLAIN, Plain, an_object, each, unknown_keys
from crmcore.domain.customer import Customer
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.model import Model
from crmcore.domain.predicates import Predicate
from crmcore.domain.profile import Profile

__all__ = ["reader"]

Read = Callable[[Any, Model | None], Any]


@lru_cache(maxsize=256)
def reader(cls: Any) -> Read:
    """From plain data and the host's model to an object of the class."""
    form = form_of(cls)
    read = _content(cls)

    def read_current(data: Any, model: Model | None) -> Any:
        return read(form.current(an_object(data)), model)

    return read_current


def _content(cls: Any) -> Read:
    if cls is Profile:
        return read_profile
    if issubclass(cls, Predicate):
        return partial(_predicate, cls)
    if cls in PLAIN:
        return _without_model(PLAIN[cls].read)
    return partial(_fields, cls, tuple((part, _reader(part.shape)) for part in parts_of(cls)))


def _predicate(cls: type[Predicate], data: Any, _: Model | None) -> Predicate:
    found: Predicate = PREDICATE.read(data)
    if not isinstance(found, cls):
        raise InvalidInput.of("op", f"is of another predicate than {cls.__name__}")
    return found


def _reader(shape: Shape) -> Read:
    match shape:
        case Optional(inner):
            read = _reader(inner)
            return lambda value, model: None if value is None else read(value, model)
        case Several(inner):
            read = _reader(inner)
            return lambda values, model: each(values, lambda value: read(value, model))
        case Plain():
            return _without_model(shape.read)
        case AnyKind(classes):
            return partial(_any_kind, {form_of(cls).name: cls for cls in classes})
        case _ if issubclass(shape, Enum):
            return partial(_word, {word.value: word for word in shape})
    return reader(cast(Any, shape))


def _without_model(read: Callable[[Any], Any]) -> Read:
    return lambda value, _: read(value)


def _any_kind(classes: Mapping[str, Any], value: Any, model: Model | None) -> Any:
    said = an_object(value).get(SCHEMA)
    cls = classes.get(said.partition("/")[0]) if isinstance(said, str) else None
    if cls is None:
        reason = f"must say which it is, and its version: {', '.join(classes)}"
        raise InvalidInput.of(SCHEMA, reason)
    return reader(cls)(value, model)


def _word(words: Mapping[str, Any], value: Any, _: Model | None) -> Any:
    found = words.get(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidInput.of("", f"is none of {', '.join(words)}")
    return found


def _fields(
    cls: Any,
    parts: tuple[tuple[Part, Read], ...],
    data: Mapping[str, Any],
    model: Model | None,
) -> Any:
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    known = 0
    for part, read in parts:
        name = part.name
        if name in data:
            known += 1
            try:
                found[name] = read(data[name], model)
            except InvalidInput as error:
                faults += error.under(name).faults
        elif part.required:
            faults.append(Fault(name, "is missing"))
    if known < len(data):
        faults += unknown_keys(data, (part.name for part, _ in parts))
    if not faults:
        if cls is Customer and model is not None:
            found["life_cycle"] = model.life_cycle
        try:
            return cls(**found)
        except InvalidInput as error:
            first = error.faults
    else:
        first = ()
    more = _broken_rules(cls, parts, found)
    raise InvalidInput(tuple(dict.fromkeys((*faults, *more, *(first if not more else ())))))


def _broken_rules(
    cls: Any, parts: tuple[tuple[Part, Read], ...], found: Mapping[str, Any]
) -> list[Fault]:
    """What the rules of each single field say, where the constructor tells the first alone."""
    blank = cls.__new__(cls)
    faults: list[Fault] = []
    for part, _ in parts:
        if part.name not in found:
            continue
        attribute, value = part.attribute, found[part.name]
        try:
            if callable(attribute.converter):
                value = attribute.converter(value)
            if attribute.validator is not None:
                attribute.validator(blank, attribute, value)
        except InvalidInput as error:
            faults += error.faults
    return faults
