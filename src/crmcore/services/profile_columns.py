"""Profile fields as arrays of numbers, and numbers as values of a field again.

Money is its minor units, an instant its milliseconds, a date its day number, a decimal its
millionths, truth 0 or 1; what is absent is NaN. All of these are exact in a float.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import attrs

from crmcore.domain.errors import InvalidInput, UnknownField
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import from_millis
from crmcore.domain.model import Model
from crmcore.domain.money import EXACT, Money
from crmcore.domain.ports import Backend
from crmcore.domain.predicates import Predicate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["NUMBERS", "TEXTS", "ProfileColumns", "ids_where", "value_of"]

NUMBERS = frozenset(
    {
        FieldType.INTEGER, FieldType.FLOAT, FieldType.DECIMAL, FieldType.BOOLEAN, FieldType.DATE,
        FieldType.INSTANT, FieldType.MONEY,
    }
)  # fmt: skip
TEXTS = frozenset({FieldType.TEXT, FieldType.TEXT_SET})


@attrs.frozen(kw_only=True, eq=False)
class ProfileColumns:
    """Some fields of some profiles, by name, in the order of `ids`."""

    ids: Sequence[bytes] = attrs.field(repr=False)
    fields: Mapping[str, Field]
    stored: Mapping[str, list[Any]] = attrs.field(repr=False)

    @classmethod
    def read(
        cls, backend: Backend, names: Iterable[str], *, among: Collection[bytes] | None = None
    ) -> Self:
        """The fields of everybody, or of those `among` these ids, in the order of ids."""
        model = backend.model
        fields = {name: _field(model, name) for name in names}
        attributes = {known.name for known in model.attributes} & fields.keys()
        personal = bool(attributes) or any(field.personal for field in fields.values())
        ids: list[bytes] = []
        stored: dict[str, list[Any]] = {name: [] for name in fields}
        for batch in backend.columns("profiles", personal=personal, in_order=True):
            who = batch["customer_id"]
            kept = [i for i, id in enumerate(who) if among is None or id in among]
            ids += (bytes(who[i]) for i in kept)
            held = [json.loads(batch["attributes"][i]) for i in kept] if attributes else []
            for name, field in fields.items():
                if name in attributes:
                    stored[name] += (values.get(name) for values in held)
                else:
                    money = field.type is FieldType.MONEY
                    column = batch[f"{name}_minor" if money else name]
                    stored[name] += (column[i] for i in kept)
        return cls(ids=ids, fields=fields, stored=stored)

    def numbers(self, name: str) -> npt.NDArray[np.float64]:
        """A field that is a number, or like one; NaN where absent."""
        import numpy as np

        values: Iterable[Any] = self.stored[name]
        if self.fields[name].type is FieldType.DATE:
            values = (None if v is None else date.fromisoformat(v).toordinal() for v in values)
        return np.array([np.nan if v is None else v for v in values], np.float64)

    def texts(self, name: str) -> list[tuple[str, ...]]:
        """The texts of a field: none, one, or those of a set."""
        if self.fields[name].type is FieldType.TEXT_SET:
            return [tuple(json.loads(v)) if v else () for v in self.stored[name]]
        return [() if v is None else (v,) for v in self.stored[name]]

    @property
    def customer_ids(self) -> tuple[CustomerId, ...]:
        """Whose rows they are."""
        return tuple(CustomerId(UUID(bytes=id)) for id in self.ids)


def _field(model: Model, name: str) -> Field:
    fields = model.profile_fields
    if not isinstance(name, str) or name not in fields:
        raise UnknownField.named(name, known=tuple(fields))
    if fields[name].type not in NUMBERS | TEXTS:
        raise InvalidInput.of(name, "is structured, and nobody can be told apart by it")
    return fields[name]


def ids_where(backend: Backend, predicate: Predicate) -> set[bytes]:
    """The ids of those for whom it holds, as the columns have them."""
    with backend.reading() as unit:
        return {id.bytes for id in unit.profiles.where(predicate).ids()}


def value_of(field: Field, number: float, currency: str) -> Any:
    """The field's value for this number, to the nearest where it must be whole; of integers and
    truth the number itself, which may be a mean.
    """
    match field.type:
        case FieldType.MONEY:
            return Money.of_minor(round(number), currency)
        case FieldType.INSTANT:
            return from_millis(round(number))
        case FieldType.DATE:
            return date.fromordinal(round(number))
        case FieldType.DECIMAL:
            return EXACT.scaleb(Decimal(round(number)), -6)
    return float(number)
