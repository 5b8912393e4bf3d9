"""Measures: each declares one field of the profile, once, as data. Every backend compiles it.

    Measure("calls", of="interactions", fold="count", where=field("channel") == "phone")

A profile field is a function of facts only, never of now. Counts and sums begin at zero; `min`,
`max` and `latest` are absent until there is a fact. `latest` is the value of the fact with the
greatest `at`, of equals the one recorded last, of equals the greatest value, so the order of
arrival does not matter; it brings a second field, `<name>_at`, saying since when it is so.
"""

from __future__ import annotations

from typing import Any

import attrs

from crmcore.domain.bounds import INDEXED_TEXT, check_size
from crmcore.domain.errors import InvalidInput, UnknownField
from crmcore.domain.expressions import field
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.kinds import FACTS, MEASURABLE
from crmcore.domain.predicate_checks import checked
from crmcore.domain.predicates import Predicate
from crmcore.domain.text import Words, symbol

__all__ = ["BUILT_IN_MEASURES", "Fold", "Measure", "programme_measures"]


class Fold(Words):
    """How many facts become one value."""

    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    LATEST = "latest"


SUMMABLE = (FieldType.INTEGER, FieldType.MONEY)
ORDERED = (*SUMMABLE, FieldType.INSTANT, FieldType.FLOAT)
LATEST = (*ORDERED, FieldType.TEXT, FieldType.BOOLEAN)
DERIVED = "take max of at, or the latest of orders"
_RECORDED = {kind.name for kind in FACTS}


def _kind(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value not in MEASURABLE:
        from difflib import get_close_matches

        near = get_close_matches(str(value)[:80], MEASURABLE, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InvalidInput.of(attribute.name, f"is none of {', '.join(MEASURABLE)}{hint}")


@attrs.frozen(cache_hash=True)
class Measure:
    """One profile field: the `fold` of `value` over the facts `of` a kind for which `where` holds.

    `of` is a kind of fact (`orders`, `interactions`, `scores`...) or `purchases`, which are
    orders net of cancellations and returns. `value` names a field of it; a count needs none.
    Only integers and money in the model's currency (`base_amount`; `amount` of purchases) are
    summed, so that a rebuild gives the same number to the last digit. Facts whose value is
    absent do not take part. A measure over a personal field is personal itself. An impossible
    combination is `InvalidInput`.
    """

    name: str = attrs.field(validator=symbol)
    of: str = attrs.field(validator=_kind)
    fold: Fold = attrs.field(converter=Fold)
    value: str | None = attrs.field(default=None)
    where: Predicate | None = attrs.field(default=None, kw_only=True)
    personal: bool = attrs.field(default=False, kw_only=True)
    indexed: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.fold is Fold.COUNT:
            if self.value is not None:
                raise InvalidInput.of("value", "a count takes none")
            return
        known = MEASURABLE[self.of].comparable
        if self.value is None or self.value not in known:
            raise UnknownField.named(self.value or "value", known=tuple(known))
        allowed = {Fold.SUM: SUMMABLE, Fold.LATEST: LATEST}.get(self.fold, ORDERED)
        if known[self.value].type not in allowed:
            raise InvalidInput.of("value", f"{self.fold} does not take {known[self.value].type}")
        if self.fold is Fold.LATEST and self.of not in _RECORDED:
            raise InvalidInput.of(
                "fold", f"{self.of} are derived, so none was recorded last: {DERIVED}"
            )
        if self.indexed and (known[self.value].limit or 0) > INDEXED_TEXT:
            raise InvalidInput.of("indexed", f"{self.value} is longer than an index holds")

    @property
    def type(self) -> FieldType:
        """The type of the profile field: integer for a count, else that of `value`."""
        if self.value is None:
            return FieldType.INTEGER
        return MEASURABLE[self.of].comparable[self.value].type

    @property
    def is_personal(self) -> bool:
        """Is it marked so, or folded from a personal field?"""
        known = MEASURABLE[self.of].comparable
        return self.personal or (self.value is not None and known[self.value].personal)

    @property
    def starts_at_zero(self) -> bool:
        """Is the field zero, rather than absent, without facts?"""
        return self.fold in (Fold.COUNT, Fold.SUM)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The profile fields this measure brings."""
        marks = (self.is_personal, None, self.indexed)
        own = Field(self.name, self.type, not self.starts_at_zero, *marks)
        if self.fold is not Fold.LATEST:
            return (own,)
        return (own, Field(f"{self.name}_at", FieldType.INSTANT, True, self.is_personal))

    def checked(self, currency: str) -> Measure:
        """This measure with its predicate checked against the kind's fields."""
        if self.where is None:
            return self
        check_size(self.where)
        where = checked(self.where, MEASURABLE[self.of].comparable, currency)
        return attrs.evolve(self, where=where)


def _score(scorer: str) -> Measure:
    return Measure(scorer, "scores", Fold.LATEST, "value", where=field("scorer") == scorer)


BUILT_IN_MEASURES = (
    Measure("order_count", "orders", Fold.COUNT),
    Measure("purchase_count", "purchases", Fold.COUNT),
    Measure("revenue", "purchases", Fold.SUM, "amount", indexed=True),
    Measure("first_purchase_at", "purchases", Fold.MIN, "at"),
    Measure("last_purchase_at", "purchases", Fold.MAX, "at", indexed=True),
    Measure("returned", "returns", Fold.SUM, "base_amount"),
    Measure("paid", "payments", Fold.SUM, "base_amount"),
    Measure("interaction_count", "interactions", Fold.COUNT),
    Measure("last_interaction_at", "interactions", Fold.MAX, "at"),
    Measure("last_channel", "interactions", Fold.LATEST, "channel"),
    _score("probability_alive"),
    _score("expected_purchases"),
    _score("lifetime_value"),
)
"""What every profile has; a model adds its own."""


def programme_measures(programme: str) -> tuple[Measure, ...]:
    """What every profile has of a loyalty programme: the tier, and the points of its ledger."""
    own = field("programme") == programme
    return (
        Measure(f"{programme}_tier", "tier_changes", Fold.LATEST, "tier", where=own, indexed=True),
        Measure(f"{programme}_points", "points", Fold.SUM, "active", where=own),
        Measure(f"{programme}_pending", "points", Fold.SUM, "pending", where=own),
    )
