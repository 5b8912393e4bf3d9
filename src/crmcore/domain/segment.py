"""Segment: a named group of customers, told by a predicate or put together by hand; and its
changes, which are facts: who entered it, who left it, and when.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from crmcore.domain.errors import InvalidInput, Refused
from crmcore.domain.facts import Fact
from crmcore.domain.fields import PERSONAL
from crmcore.domain.ids import SegmentId, a_version, an_id, new_id
from crmcore.domain.instants import instant
from crmcore.domain.predicates import Predicate
from crmcore.domain.text import optional_text, symbol

__all__ = ["Segment", "SegmentChange"]


def _optional_predicate(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Predicate):
        raise InvalidInput.of(attribute.name, "must be a predicate over profile fields, or absent")


def _entered(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidInput.of(attribute.name, "must be True (entered) or False (left)")


def _stored_version(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None:
        a_version(instance, attribute, value)


@attrs.frozen(kw_only=True)
class Segment:
    """A dynamic segment has a predicate, and its members are those for whom it holds. A static one
    has none: its members are put in and taken out by name. Neither becomes the other.

    The name is exclusive within the tenant and stays, for measures and other segments name it.

    - `name`: what it is called by: lower-case letters, digits and _
    - `at`: since when it is known
    - `predicate`: who is in it, asked of profiles; absent for a static one
    - `owner`: who answers for it
    - `description`: what it is for
    - `id`: the segment's own id
    - `version`: how often this record was stored
    """

    name: str = attrs.field(validator=symbol)
    at: datetime = attrs.field(converter=instant)
    predicate: Predicate | None = attrs.field(
        default=None, validator=_optional_predicate, repr=False, metadata=PERSONAL
    )
    owner: str | None = attrs.field(default=None, validator=optional_text(200))
    description: str | None = attrs.field(default=None, validator=optional_text(500))
    id: SegmentId = attrs.field(
        default=attrs.Factory(lambda self: SegmentId(new_id(self.at)), takes_self=True),
        validator=an_id,
    )
    version: int = attrs.field(default=0, validator=a_version)

    @property
    def is_dynamic(self) -> bool:
        """Is it a predicate that says who its members are?"""
        return self.predicate is not None

    def redefined(self, predicate: Predicate) -> Segment:
        """With another predicate. Of a static segment it is `Refused`."""
        if not self.is_dynamic:
            raise Refused("segments.static", "is put together by hand", self.name)
        if not isinstance(predicate, Predicate):
            raise InvalidInput.of("predicate", "must be a predicate: it stays a dynamic segment")
        return attrs.evolve(self, predicate=predicate)

    def owned_by(self, owner: str | None) -> Segment:
        """With another owner, or with none."""
        return attrs.evolve(self, owner=owner)

    def described(self, description: str | None) -> Segment:
        """With another description, or with none."""
        return attrs.evolve(self, description=description)


@attrs.frozen(kw_only=True)
class SegmentChange(Fact):
    """A customer entered a segment, or left it. Who did neither is not in it.

    - `segment`: the name of the segment
    - `entered`: whether they came in (or went out)
    - `segment_version`: the version of the segment by which it was so, where one is known
    """

    segment: str = attrs.field(validator=symbol)
    entered: bool = attrs.field(validator=_entered)
    segment_version: int | None = attrs.field(default=None, validator=_stored_version)
