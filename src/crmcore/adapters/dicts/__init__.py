"""Dictionaries and JSON: every public class as plain data, and back.

    to_dict(Money("12.50", "EUR"))   {"schema": "money/1", "amount": "12.50", "currency": "EUR"}

The keys are the fields. `schema` says the form and its version, on the outermost dictionary; it
may be left out of what is written by hand. Older versions are brought up to date as they are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar, cast

from crmcore.adapters.dicts.reading import reader
from crmcore.adapters.dicts.schemas import schema_of
from crmcore.adapters.dicts.writing import write_with_schema
from crmcore.domain.errors import InvalidInput
from crmcore.domain.model import Model

__all__ = ["from_dict", "from_json", "json_schema", "to_dict", "to_json"]

T = TypeVar("T")

TOO_DEEP = "is nested too deeply"


def to_dict(obj: object, *, personal: bool = True, model: Model | None = None) -> dict[str, Any]:
    """`obj` as plain data: dictionaries, lists, text, numbers, `true`, `false` and `None`.

    Without `personal`, every field that is marked personal is left out, so what is read back from
    it lacks them: never save that. A profile hides what it is marked with by the store that
    answered it, and what the `model` marks. The value of a host attribute is left out always. A
    predicate is `InvalidInput` then, as the values in it may be personal; those within a model, a
    measure or a move are its configuration, and stay. `InvalidInput` where the class has no
    dictionary form.

    ```python
    >>> from crmcore import Money, to_dict
    >>> to_dict(Money("12.50", "EUR"))
    {'schema': 'money/1', 'amount': '12.50', 'currency': 'EUR'}

    ```
    """
    try:
        return write_with_schema(obj, model, personal=personal)
    except RecursionError:
        raise InvalidInput.of("", TOO_DEEP) from None


def from_dict(cls: type[T], data: Mapping[str, Any], *, model: Model | None = None) -> T:
    """The object of `cls` that `data` describes, checked as its constructor checks.

    `InvalidInput` lists all that is wrong, each with its path (`lines[2].quantity`) and without
    the value: keys that are missing or not known, other types, values out of range, a `schema`
    newer than this release. What has a default may be missing. A customer's stages and a
    profile's fields are the `model`'s.

    ```python
    >>> from crmcore import Money, from_dict
    >>> from_dict(Money, {"amount": "12.50", "currency": "EUR"})
    Money('12.50', 'EUR')

    ```
    """
    try:
        found: T = reader(cast(Any, cls))(data, model)
    except RecursionError:
        raise InvalidInput.of("", TOO_DEEP) from None
    return found


def to_json(obj: object, *, personal: bool = True, model: Model | None = None) -> str:
    """`to_dict` as JSON text."""
    return json.dumps(to_dict(obj, personal=personal, model=model), ensure_ascii=False)


def from_json(cls: type[T], text: str | bytes, *, model: Model | None = None) -> T:
    """`from_dict` of JSON text; what is no JSON is `InvalidInput` as well."""
    try:
        data = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise InvalidInput.of("", TOO_DEEP) from None
    except (ValueError, TypeError):  # they quote the text, so none of them is chained
        raise InvalidInput.of("", "is no JSON") from None
    return from_dict(cls, data, model=model)


def json_schema(
    cls: type[Any], *, personal: bool = True, model: Model | None = None
) -> dict[str, Any]:
    """The JSON Schema of what `to_dict` writes and `from_dict` reads for this class."""
    return schema_of(cls, model, personal=personal)


def _no_number(_: str) -> NoReturn:
    raise ValueError
