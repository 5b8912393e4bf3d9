"""The model: a host's configuration of crmcore, frozen, given to `connect`, and versioned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

import attrs

from crmcore.domain.attributes import AttributeType, scalar_type
from crmcore.domain.bounds import INDEXED_TEXT, check_bound, check_size
from crmcore.domain.consent import PURPOSES, Purpose
from crmcore.domain.currencies import minor_digits
from crmcore.domain.customer import Customer, CustomerKind
from crmcore.domain.errors import Fault, InvalidInput, Refused, UnknownField, suggested
from crmcore.domain.expressions import FactsRef, FieldRef
from crmcore.domain.fact_terms import checked_term
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.folding import FoldPlan
from crmcore.domain.identifiers import IDENTIFIER_TYPES, IdentifierType
from crmcore.domain.instants import LATEST, zone_named
from crmcore.domain.kinds import MEASURABLE, Key
from crmcore.domain.life_cycle import DEFAULT_LIFE_CYCLE, LifeCycle
from crmcore.domain.measures import BUILT_IN_MEASURES, Measure, programme_measures
from crmcore.domain.membership import Membership, member_value, number_value
from crmcore.domain.money import Money
from crmcore.domain.predicate_checks import checked
from crmcore.domain.predicates import Comparison, OneOf, Predicate
from crmcore.domain.product import Product
from crmcore.domain.profile import COPIED_FIELDS
from crmcore.domain.programme import Programme
from crmcore.domain.resolving import Definition, inlined, resolved
from crmcore.domain.segment import Segment
from crmcore.domain.text import optional_text
from crmcore.domain.tier_terms import TierRef

__all__ = ["Model"]

RESERVED = frozenset({"id", "tenant", "customer_id", "attributes", "schema"})
"""`schema` says the form of a profile that is written as a dictionary."""


def _twice(names: Iterable[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _currency(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    minor_digits(value)


def _zone(_: Any, __: attrs.Attribute[Any], value: str) -> None:
    zone_named(value)


def _keys_of_membership(membership: Membership) -> tuple[Key, ...]:
    programme = membership.programme
    own = Key("member", member_value(membership.customer_id, programme))
    if membership.number is None:
        return (own,)
    return (own, Key("number", number_value(membership.number, programme)))


@attrs.frozen(kw_only=True, slots=False)
class Model:
    """What a host decides once: its life cycle, attributes, identifiers, measures, currency, zone.

    `measures` and `identifier_types` come on top of the built-in ones; `purposes`, what customers
    are contacted for, replace the default ones. Each of the loyalty `programmes` brings measures of
    its own: `<name>_tier`, `<name>_points`, `<name>_pending`. Every sum of money is in `currency`;
    local days are days in `zone`. A name used twice, or a measure or life-cycle move over a field
    that does not exist, is `InvalidInput`.
    """

    life_cycle: LifeCycle = DEFAULT_LIFE_CYCLE
    attributes: tuple[AttributeType, ...] = attrs.field(
        default=(), converter=tuple[AttributeType, ...]
    )
    identifier_types: tuple[IdentifierType, ...] = attrs.field(
        default=(), converter=tuple[IdentifierType, ...]
    )
    measures: tuple[Measure, ...] = attrs.field(default=(), converter=tuple[Measure, ...])
    purposes: tuple[Purpose, ...] = attrs.field(default=PURPOSES, converter=tuple[Purpose, ...])
    programmes: tuple[Programme, ...] = attrs.field(default=(), converter=tuple[Programme, ...])
    currency: str = attrs.field(default="EUR", validator=_currency)
    zone: str = attrs.field(default="UTC", validator=_zone)
    region: str | None = attrs.field(default=None, validator=optional_text(80))

    def __attrs_post_init__(self) -> None:
        names = [f.name for f in COPIED_FIELDS] + [a.name for a in self.attributes]
        names += [f.name for m in self.all_measures for f in m.fields]
        faults = [Fault(name, "is declared twice") for name in _twice(names)]
        faults += [
            Fault(name, "is a name that the library needs")
            for name in sorted(set(names))
            if name in RESERVED or name.endswith("_minor") or "__" in name
        ]
        types = [known.name for known in (*IDENTIFIER_TYPES, *self.identifier_types)]
        faults += [Fault(f"identifier_types.{n}", "is declared twice") for n in _twice(types)]
        told = _twice(purpose.name for purpose in self.purposes)
        faults += [Fault(f"purposes.{name}", "is declared twice") for name in told]
        named = _twice(programme.name for programme in self.programmes)
        faults += [Fault(f"programmes.{name}", "is declared twice") for name in named]
        faults += [
            Fault(
                f"programmes.{programme.name}", f"names {currency}, and is not in {self.currency}"
            )
            for programme in self.programmes
            for currency in sorted(programme.currencies - {self.currency})
        ]
        if faults:
            raise InvalidInput(tuple(faults))
        for move in self.life_cycle.moves:
            if move.falls_due:
                self.checked(move.due(at=LATEST))

    @cached_property
    def all_measures(self) -> tuple[Measure, ...]:
        """The built-in measures, those of the programmes, then the host's."""
        names = dict.fromkeys(programme.name for programme in self.programmes)
        own = [measure for name in names for measure in programme_measures(name)]
        return tuple(m.checked(self.currency) for m in (*BUILT_IN_MEASURES, *own, *self.measures))

    @cached_property
    def profile_fields(self) -> Mapping[str, Field]:
        """Every field of a profile, by name: copies, attributes, measures."""
        attributes = (
            Field(
                a.name,
                a.type,
                personal=a.personal,
                indexed=a.indexed,
                folds=a.type is FieldType.TEXT,
            )
            for a in self.attributes
        )
        measures = (f for m in self.all_measures for f in m.fields)
        return {f.name: f for f in (*COPIED_FIELDS, *attributes, *measures)}

    @cached_property
    def plan(self) -> FoldPlan:
        """The measures by the kind of fact they fold."""
        return FoldPlan.of(self.all_measures)

    @cached_property
    def _identifier_types(self) -> Mapping[str, IdentifierType]:
        return {known.name: known for known in (*IDENTIFIER_TYPES, *self.identifier_types)}

    def checked(self, predicate: Predicate) -> Predicate:
        """`predicate` over profiles and their facts, values in the fields' own form, or
        `InvalidInput`.
        """
        check_size(predicate)
        return checked(
            predicate, self.profile_fields, self.currency, fact_term=checked_term, relative=True
        )

    def resolved(self, predicate: Predicate, *, at: datetime, definition: Definition) -> Predicate:
        """`predicate`, checked, as it is asked at `at`: nothing of it is relative, and in the place
        of segments stand their definitions.
        """
        whole = inlined(predicate, lambda name: self.checked(definition(name)))
        if whole is not predicate:
            check_size(whole)
        found = resolved(whole, self.profile_fields, at=at, zone=self.zone)
        check_bound(found)
        return found

    def field(self, name: str) -> FieldRef:
        """The profile field called `name`, to be compared: what this model does not know, or could
        not compare so, is `InvalidInput` at once, an unknown field `UnknownField`. So is a stage,
        kind or tier of which there is none: nobody could be in it.
        """
        if not isinstance(name, str) or name not in self.profile_fields:
            raise UnknownField.named(name, known=tuple(self.profile_fields))
        return FieldRef(name, self._written)

    @cached_property
    def _words(self) -> Mapping[str, tuple[str, ...]]:
        """By field, the texts that it can have, where they are declared."""
        stages = tuple(stage.name for stage in self.life_cycle.stages)
        tiers = {f"{known.name}_tier": known.tiers for known in self.programmes}
        return {"kind": tuple(map(str, CustomerKind)), "stage": stages, **tiers}

    def _written(self, predicate: Predicate) -> Predicate:
        """`predicate` checked as `field` says."""
        found = self.checked(predicate)
        match found:
            case Comparison(str() as name, "==", str() as word):
                asked: tuple[Any, ...] = (word,)
            case OneOf(str() as name, asked):
                pass
            case _:
                return found
        known = self._words.get(name, asked)
        for word in asked:
            if word not in known:
                what = f"is none of {', '.join(known)}{suggested(word, known)}"
                raise InvalidInput.of(name, what)
        return found

    def facts(self, of: str) -> FactsRef:
        """The facts `of` a kind, to be folded and compared, checked as `field` does."""
        if of not in MEASURABLE:
            raise UnknownField.named(of, known=tuple(MEASURABLE))
        return FactsRef(of, check=self.checked)

    def tier(self, programme: str) -> TierRef:
        """The tier in a programme, to be compared, by rank too, checked as `field` does."""
        return TierRef(programme, self.programme(programme).tiers, self.checked)

    def identifier_type(self, name: str) -> IdentifierType:
        """The declared type of that name; `InvalidInput` if there is none."""
        known = self._identifier_types.get(name)
        if known is None:
            raise InvalidInput.of("type", "is no identifier type of this model")
        return known

    def check_purpose(self, name: str) -> None:
        """Refuse a purpose that is not declared: an opt-out of a misspelt one would go unheard."""
        if name not in (purpose.name for purpose in self.purposes):
            raise InvalidInput.of("purpose", "is no purpose of this model")

    def programme(self, name: str) -> Programme:
        """The declared programme of that name; `InvalidInput` if there is none."""
        for known in self.programmes:
            if known.name == name:
                return known
        if not isinstance(name, str):
            raise InvalidInput.of("programme", "must be text")
        hint = suggested(name, tuple(known.name for known in self.programmes))
        raise InvalidInput.of("programme", f"is no programme of this model{hint}")

    def check_tier(self, programme: str, tier: str, *, path: str = "tier") -> None:
        """Refuse a programme that is not declared, and a tier that it does not have."""
        known = self.programme(programme).tiers
        if not isinstance(tier, str):
            raise InvalidInput.of(path, "must be text")
        if tier not in known:
            raise InvalidInput.of(path, f"is no tier of {programme}{suggested(tier, known)}")

    def check(self, customer: Customer, *, held: Customer | None = None) -> None:
        """Refuse a customer whose stage, identifiers or attributes this model does not know.

        An attribute that is stored so already (`held`) stays, though a newer model dropped it.
        """
        kept = () if held is None else held.attributes
        faults: list[Fault] = []
        try:
            self.life_cycle.standing(customer.stage)
        except InvalidInput as error:
            faults += error.faults
        declared = {a.name: a.type for a in self.attributes} if customer.attributes else {}
        for index, known in enumerate(customer.attributes):
            if known in kept and known.name not in declared:
                continue
            if declared.get(known.name) is not scalar_type(known.value):
                reason = "is not declared by the model, or with another type"
                faults.append(Fault(f"attributes[{index}]", reason))
            elif isinstance(known.value, Money) and known.value.currency != self.currency:
                faults.append(Fault(f"attributes[{index}]", f"is not in {self.currency}"))
            elif (
                isinstance(known.value, str)
                and len(known.value) > INDEXED_TEXT
                and self.profile_fields[known.name].indexed
            ):
                reason = f"is indexed, and longer than {INDEXED_TEXT} characters"
                faults.append(Fault(f"attributes[{index}]", reason))
        for index, identifier in enumerate(customer.identifiers):
            try:
                self.identifier_type(identifier.type)
            except InvalidInput as error:
                faults += error.under(f"identifiers[{index}]").faults
        if faults:
            raise InvalidInput(tuple(faults))

    def keys_of(self, aggregate: Customer | Product | Segment | Membership) -> tuple[Key, ...]:
        """The keys under which an aggregate is found."""
        if isinstance(aggregate, Membership):
            return _keys_of_membership(aggregate)
        if isinstance(aggregate, Product):
            return (Key("sku", aggregate.sku),)
        if isinstance(aggregate, Segment):
            return (Key("name", aggregate.name),)
        found = {
            (known.scope, known.value): self.identifier_type(known.type).exclusive
            for known in aggregate.identifiers
        }
        for point in aggregate.contact_points:
            if point.identifies:  # its value is normalised as the identifier's is
                type = point.kind.value
                found.setdefault((type, point.value), self.identifier_type(type).exclusive)
        return tuple([Key(scope, value, known) for (scope, value), known in found.items()])

    def check_follows(self, before: Model) -> None:
        """Refuse to take over a store that was kept under `before`, where that cannot be right.

        Recorded amounts stay in their currency, and known attributes keep their type. Stages,
        identifier types, purposes, and programmes with their tiers stay.
        """
        if before.currency != self.currency:
            reason = f"amounts are recorded in {before.currency}, not in {self.currency}"
            raise Refused("model.one_currency", reason)
        stages = {stage.name for stage in self.life_cycle.stages}
        for stage in before.life_cycle.stages:
            if stage.name not in stages:
                reason = f"customers may be in {stage.name}; keep the stage, without moves into it"
                raise Refused("model.stages_stay", reason)
        types = {known.name: known for known in self.identifier_types}
        for identifier in before.identifier_types:
            if types.get(identifier.name) != identifier:
                reason = f"customers may have a {identifier.name}; keep it as it was declared"
                raise Refused("model.identifiers_stay", reason)
        purposes = {purpose.name for purpose in self.purposes}
        for purpose in before.purposes:
            if purpose.name not in purposes:
                reason = f"customers may have opted out of {purpose.name}; keep the purpose"
                raise Refused("model.purposes_stay", reason)
        programmes = {known.name: known.tiers for known in self.programmes}
        for programme in before.programmes:
            kept = [t for t in programmes.get(programme.name, ()) if t in programme.tiers]
            if kept != list(programme.tiers):
                reason = f"members may be in {programme.name}; keep it, its tiers and their order"
                raise Refused("model.programmes_stay", reason)
        held = {known.name: known.type for known in before.attributes}
        for known in self.attributes:
            if held.get(known.name, known.type) is not known.type:
                reason = f"{known.name} is recorded as {held[known.name]}, not as {known.type}"
                raise Refused("model.attributes_keep_type", reason)
