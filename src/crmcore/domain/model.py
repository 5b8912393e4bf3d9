"""The model: a host's configuration of crmcore. Frozen, given to `connect`, stored with the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import attrs

from crmcore.domain.attributes import AttributeType, scalar_type
from crmcore.domain.currencies import minor_digits
from crmcore.domain.customer import Customer
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.fields import Field
from crmcore.domain.folding import FoldPlan
from crmcore.domain.identifiers import IDENTIFIER_TYPES, IdentifierType
from crmcore.domain.instants import LATEST, zone_named
from crmcore.domain.kinds import Key
from crmcore.domain.life_cycle import DEFAULT_LIFE_CYCLE, LifeCycle
from crmcore.domain.measures import BUILT_IN_MEASURES, Measure
from crmcore.domain.predicates import Predicate, checked
from crmcore.domain.product import Product
from crmcore.domain.profile import COPIED_FIELDS
from crmcore.domain.text import optional_text

__all__ = ["Model"]

T = TypeVar("T")


def _tuple(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(values)


def _currency(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    minor_digits(value)


def _zone(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    zone_named(value)


@attrs.frozen(kw_only=True, slots=False)
class Model:
    """What a host decides once: its life cycle, attributes, identifiers, measures, currency, zone.

    `measures` and `identifier_types` come on top of the built-in ones. Every sum of money is in
    `currency`; local days are days in `zone`. A name used twice, or a measure or life-cycle move
    over a field that does not exist, is `InvalidInput`.
    """

    life_cycle: LifeCycle = DEFAULT_LIFE_CYCLE
    attributes: tuple[AttributeType, ...] = attrs.field(default=(), converter=_tuple)
    identifier_types: tuple[IdentifierType, ...] = attrs.field(default=(), converter=_tuple)
    measures: tuple[Measure, ...] = attrs.field(default=(), converter=_tuple)
    currency: str = attrs.field(default="EUR", validator=_currency)
    zone: str = attrs.field(default="UTC", validator=_zone)
    region: str | None = attrs.field(default=None, validator=optional_text(80))

    def __attrs_post_init__(self) -> None:
        names = [f.name for f in COPIED_FIELDS] + [a.name for a in self.attributes]
        names += [f.name for m in self.all_measures for f in m.fields]
        twice = sorted({name for name in names if names.count(name) > 1} | ({"id"} & set(names)))
        if twice:
            raise InvalidInput(tuple(Fault(name, "is declared twice") for name in twice))
        for move in self.life_cycle.moves:
            if move.falls_due:
                self.checked(move.due(at=LATEST))

    @cached_property
    def all_measures(self) -> tuple[Measure, ...]:
        """The built-in measures, then the host's."""
        return tuple(m.checked(self.currency) for m in (*BUILT_IN_MEASURES, *self.measures))

    @cached_property
    def profile_fields(self) -> Mapping[str, Field]:
        """Every field of a profile, by name: copies, attributes, measures."""
        attributes = (
            Field(a.name, a.type, personal=a.personal, indexed=a.indexed) for a in self.attributes
        )
        measures = (f for m in self.all_measures for f in m.fields)
        return {f.name: f for f in (*COPIED_FIELDS, *attributes, *measures)}

    @cached_property
    def plan(self) -> FoldPlan:
        """The measures by the kind of fact they fold."""
        return FoldPlan.of(self.all_measures)

    def checked(self, predicate: Predicate) -> Predicate:
        """`predicate` over profile fields, its values in the fields' own form, or `InvalidInput`."""
        return checked(predicate, self.profile_fields, self.currency)

    def identifier_type(self, name: str) -> IdentifierType:
        """The declared type of that name; `InvalidInput` if there is none."""
        for known in (*IDENTIFIER_TYPES, *self.identifier_types):
            if known.name == name:
                return known
        raise InvalidInput.of("type", "is no identifier type of this model")

    def check(self, customer: Customer) -> None:
        """Refuse a customer whose stage, identifiers or attributes this model does not know."""
        faults: list[Fault] = []
        try:
            self.life_cycle.standing(customer.stage)
        except InvalidInput as error:
            faults += error.faults
        declared = {a.name: a.type for a in self.attributes}
        for index, known in enumerate(customer.attributes):
            if declared.get(known.name) is not scalar_type(known.value):
                reason = "is not declared by the model, or with another type"
                faults.append(Fault(f"attributes[{index}]", reason))
        for index, identifier in enumerate(customer.identifiers):
            try:
                self.identifier_type(identifier.type)
            except InvalidInput as error:
                faults += error.under(f"identifiers[{index}]").faults
        if faults:
            raise InvalidInput(tuple(faults))

    def keys_of(self, aggregate: Customer | Product) -> tuple[Key, ...]:
        """The keys under which an aggregate is found."""
        if isinstance(aggregate, Product):
            return (Key("sku", aggregate.sku),)
        return tuple(
            Key(i.scope, i.value, exclusive=self.identifier_type(i.type).exclusive)
            for i in aggregate.keys
        )
