"""Forms: the name and version under which each public class is written as a dictionary.

The key `schema` says both, `"order/1"`. A form is at version 1 plus the number of its upcasters;
each turns a dictionary of one version into one of the next, and is a pure function on plain data.
A value within another is of the release that wrote the outer one, so whoever changes a form adds
an upcaster to every form that holds it. A new field with a default needs none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import attrs

from crmcore.domain import errors
from crmcore.domain.attributes import AttributeType, AttributeValue
from crmcore.domain.consent import Consent, Purpose
from crmcore.domain.contact_points import ContactPoint
from crmcore.domain.customer import Customer
from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.decisions import Decision, Reason
from crmcore.domain.earning import EarningRule
from crmcore.domain.errors import InvalidInput
from crmcore.domain.identifiers import Identifier, IdentifierType
from crmcore.domain.interaction import Interaction
from crmcore.domain.journal import Entry
from crmcore.domain.life_cycle import LifeCycle, Move, Stage
from crmcore.domain.measures import Measure
from crmcore.domain.membership import Lot, Membership, TierChange
from crmcore.domain.model import Model
from crmcore.domain.money import DatedRates, Money
from crmcore.domain.notes import Attachment, Note
from crmcore.domain.observing import UnitEnded
from crmcore.domain.order import Order, OrderLine
from crmcore.domain.order_facts import (
    Cancellation,
    Fulfilment,
    OrderHistory,
    Payment,
    Purchase,
    Return,
)
from crmcore.domain.periods import Anniversary, Calendar, Expiry, Fixed, Rolling
from crmcore.domain.points import LotPart, PointsBalance, PointsEntry
from crmcore.domain.predicates import Predicate
from crmcore.domain.product import Product
from crmcore.domain.profile import Page, Profile
from crmcore.domain.programme import Benefit, Pending, Programme, Rules, Tier
from crmcore.domain.relations import Relationship, Role
from crmcore.domain.score import Score
from crmcore.domain.segment import Segment, SegmentChange
from crmcore.domain.segments import SegmentRefresh
from crmcore.domain.timeline import TimelinePage

__all__ = ["DECLARED", "SCHEMA", "UPCASTERS", "Form", "form_of"]

SCHEMA: str = "schema"
"""The key that says the form. No class has a field of that name."""

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

ERRORS: tuple[type[Any], ...] = (
    errors.AlreadyExists, errors.AmbiguousIdentifier, errors.Busy, errors.ConflictingFact,
    errors.Fault, errors.IdentifierTaken, errors.InvalidInput, errors.MissingExtra,
    errors.MissingRate, errors.MixedCurrencies, errors.MoveRefused, errors.NotFound,
    errors.NotMigrated, errors.OutcomeUnknown, errors.Refused, errors.Stale, errors.StorageError,
    errors.UnknownBackend, errors.UnknownField,
)  # fmt: skip

DECLARED: tuple[type[Any], ...] = (
    Anniversary,
    Attachment,
    AttributeType,
    AttributeValue,
    Benefit,
    Calendar,
    Cancellation,
    Consent,
    ContactPoint,
    Customer,
    DatedRates,
    Decision,
    EarningRule,
    Entry,
    Expiry,
    Fixed,
    Fulfilment,
    Identifier,
    IdentifierType,
    Interaction,
    LifeCycle,
    Lot,
    LotPart,
    Measure,
    Membership,
    Model,
    Money,
    Move,
    Note,
    Order,
    OrderHistory,
    OrderLine,
    Page,
    Payment,
    Pending,
    PointsBalance,
    PointsEntry,
    Predicate,
    Product,
    Profile,
    Programme,
    Purchase,
    Purpose,
    Reason,
    RecordedDecision,
    Relationship,
    Return,
    Role,
    Rolling,
    Rules,
    Score,
    Segment,
    SegmentChange,
    SegmentRefresh,
    Stage,
    Tier,
    TierChange,
    TimelinePage,
    UnitEnded,
    *ERRORS,
)
"""Every class that has a form. A new public class is a line here, and no other code."""

UPCASTERS: dict[type[Any], tuple[Upcaster, ...]] = {}
"""By class: from version 1 to 2, from 2 to 3, and so on."""

WORD = re.compile(r"(?<!^)(?=[A-Z])")
SAID = re.compile(r"([a-z_]{1,40})/([1-9][0-9]{0,5})")
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


@attrs.frozen
class Form:
    """How one class is written: its name, and its version by the upcasters there are."""

    cls: type[Any]
    name: str

    @property
    def version(self) -> int:
        """The version that this release writes."""
        return 1 + len(UPCASTERS.get(self.cls, ()))

    @property
    def schema(self) -> str:
        """What stands under `schema`."""
        return f"{self.name}/{self.version}"

    def current(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """`data` as this release would have written it, without the key `schema`.

        Data that says no form is of the present version.
        """
        if SCHEMA not in data:
            return data
        said = data[SCHEMA]
        found = SAID.fullmatch(said) if isinstance(said, str) else None
        if found is None:
            raise InvalidInput.of(SCHEMA, f"must be a form and its version: {self.schema}")
        if found[1] != self.name:
            other = f"of {found[1]}" if found[1] in _names() else "of no form known here"
            raise InvalidInput.of(SCHEMA, f"is {other}, where {self.name} is needed")
        version = int(found[2])
        if version > self.version:
            reason = f"is version {version}, newer than the {self.version} that is known here"
            raise InvalidInput.of(SCHEMA, reason)
        plain = {name: value for name, value in data.items() if name != SCHEMA}
        for step in UPCASTERS.get(self.cls, ())[version - 1 :]:
            try:
                plain = step(plain)
            except MALFORMED:
                reason = f"is not what version {version} of {self.name} holds"
                raise InvalidInput.of("", reason) from None
        return plain


def form_of(cls: Any) -> Form:
    """The form of a class; a kind of predicate is written as a predicate."""
    found = _form_of(cls)
    if found is None:
        name = getattr(cls, "__name__", "this")
        raise InvalidInput.of("", f"{name} has no dictionary form")
    return found


@lru_cache(maxsize=256)
def _form_of(cls: Any) -> Form | None:
    if isinstance(cls, type) and issubclass(cls, Predicate):
        cls = Predicate
    return Form(cls, WORD.sub("_", cls.__name__).lower()) if cls in DECLARED else None


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(form_of(cls).name for cls in DECLARED)
