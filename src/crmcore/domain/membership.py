"""Membership: a customer in a loyalty programme, with the open lots of their points and their tier.

Lots and tier are projections of the ledger's entries and of the tier changes, which are facts;
they are kept here so that what is redeemed goes through the membership's version.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.fields import PERSONAL
from crmcore.domain.ids import (
    CustomerId,
    FactId,
    MembershipId,
    a_version,
    an_id,
    new_id,
    optional_id,
)
from crmcore.domain.instants import EARLIEST, LATEST, instant, optional_instant
from crmcore.domain.points import some_points
from crmcore.domain.text import Words, optional_symbol, optional_text, symbol

__all__ = ["Lot", "Membership", "TierChange", "TierReason", "member_value", "number_value"]


@attrs.frozen
class Lot:
    """Points of one origin that are left: below zero a debt. Pending ones become active at
    `available_at`, or when somebody releases them.
    """

    id: FactId = attrs.field(validator=an_id)
    points: int = attrs.field(validator=some_points)
    earned_at: datetime = attrs.field(converter=instant)
    expires_at: datetime | None = attrs.field(default=None, converter=optional_instant)
    pending: bool = False
    available_at: datetime | None = attrs.field(default=None, converter=optional_instant)


def _lots(value: Any) -> tuple[Lot, ...]:
    found = tuple(value)
    if not all(isinstance(lot, Lot) for lot in found):
        raise InvalidInput.of("lots", "must be lots")
    return found


@attrs.frozen(kw_only=True)
class Membership:
    """One membership: at most one for a customer in a programme, its number exclusive there.

    - `customer_id`: the customer who is a member
    - `programme`: the programme
    - `number`: the number on the card
    - `at`: when they joined
    - `closed_at`: when they left, where they did
    - `lots`: the points that are open, by the entry that opened them
    - `tier`: the tier they are in
    - `tier_since`: since when
    - `tier_until`: until when at least; the last instant there is, where it has no end
    - `entered_at`: the instant of the latest entry of the ledger
    - `due_at`: from when on `advance` has something to do; the last instant there is, if nothing
    - `id`: the membership's own id
    - `version`: how often this record was stored
    """

    customer_id: CustomerId = attrs.field(validator=an_id)
    programme: str = attrs.field(validator=symbol)
    number: str | None = attrs.field(
        default=None, repr=False, validator=optional_text(64), metadata=PERSONAL
    )
    at: datetime = attrs.field(converter=instant)
    closed_at: datetime | None = attrs.field(default=None, converter=optional_instant)
    lots: tuple[Lot, ...] = attrs.field(default=(), converter=_lots, metadata={"told": False})
    tier: str = attrs.field(validator=symbol)
    tier_since: datetime = attrs.field(
        default=attrs.Factory(lambda self: self.at, takes_self=True), converter=instant
    )
    tier_until: datetime = attrs.field(default=LATEST, converter=instant)
    entered_at: datetime = attrs.field(default=EARLIEST, converter=instant)
    due_at: datetime = attrs.field(default=LATEST, converter=instant)
    id: MembershipId = attrs.field(
        default=attrs.Factory(lambda self: MembershipId(new_id(self.at)), takes_self=True),
        validator=an_id,
    )
    version: int = attrs.field(default=0, validator=a_version)

    @property
    def active(self) -> int:
        """The points that can be redeemed; below zero a debt."""
        return sum(lot.points for lot in self.lots if not lot.pending)

    @property
    def pending(self) -> int:
        """The points that are pending."""
        return sum(lot.points for lot in self.lots if lot.pending)

    @property
    def points(self) -> int:
        """All open points."""
        return sum(lot.points for lot in self.lots)

    @property
    def is_open(self) -> bool:
        """Are they a member still?"""
        return self.closed_at is None

    def is_member_at(self, at: datetime) -> bool:
        """Had they joined at an instant, and not left?"""
        return self.at <= at and (self.closed_at is None or at < self.closed_at)


def member_value(customer_id: CustomerId, programme: str) -> str:
    """The value of the key under which the customer's membership of the programme is found."""
    return f"{programme}:{customer_id.hex}"


def number_value(number: str, programme: str) -> str:
    """The value of the key under which the number is found in the programme."""
    return f"{programme}:{number}"


class TierReason(Words):
    """Why a tier changed, or was kept."""

    ENROLLED = "enrolled"
    QUALIFIED = "qualified"
    RENEWED = "renewed"
    LOWERED = "lowered"
    PROMOTED = "promoted"
    REVOKED = "revoked"


@attrs.frozen(kw_only=True)
class TierChange(Fact):
    """A member entered a tier, or keeps it for longer.

    - `membership_id`: the membership
    - `programme`: its programme
    - `tier`: the tier that holds from then on
    - `previous`: the tier before, where there was one
    - `until`: until when at least; the last instant there is, where it has no end
    - `reason`: why: qualified, renewed, lowered and so on
    - `decision_id`: the decision that it rests on, where somebody or a policy decided
    """

    membership_id: MembershipId = attrs.field(validator=an_id)
    programme: str = attrs.field(validator=symbol)
    tier: str = attrs.field(validator=symbol)
    previous: str | None = attrs.field(default=None, validator=optional_symbol)
    until: datetime = attrs.field(default=LATEST, converter=instant)
    reason: TierReason = attrs.field(converter=TierReason)
    decision_id: FactId | None = attrs.field(default=None, validator=optional_id)
