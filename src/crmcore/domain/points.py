"""Points entries: the ledger of a loyalty programme, as facts (S39).

Each entry moves points between what is pending and what is active, or takes them out of both: its
`movement` says where they go. So at every instant what was earned (bonus, adjustment and transfer
included) equals active + pending + spent + expired + reversed (O1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.facts import Fact
from crmcore.domain.fields import PERSONAL
from crmcore.domain.ids import FactId, MembershipId, an_id, new_id, optional_id
from crmcore.domain.instants import instant, optional_instant
from crmcore.domain.text import Words, optional_text, symbol
from crmcore.domain.trusted import built

__all__ = [
    "GAINS", "TAKEN", "LotPart", "Movement", "PointsBalance", "PointsEntry", "some_points",
    "trusted_entry",
]  # fmt: skip

MOST = 2**53


class Movement(Words):
    """What an entry of the ledger is."""

    EARN = "earn"
    BONUS = "bonus"
    ADJUST = "adjust"
    TRANSFER = "transfer"
    RELEASE = "release"
    REDEEM = "redeem"
    EXPIRE = "expire"
    REVERSE = "reverse"


GAINS = (Movement.EARN, Movement.BONUS, Movement.ADJUST, Movement.TRANSFER)
"""What counts as earned: into the ledger, or out of it below zero."""


def some_points(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """An attrs validator: a number of points, below zero too."""
    if type(value) is not int or not -MOST < value < MOST:
        raise InvalidInput.of(attribute.name, "must be a whole number, within 2**53")


@attrs.frozen
class LotPart:
    """What an entry did to one lot: so many points more in it, or fewer."""

    lot: FactId = attrs.field(validator=an_id)
    points: int = attrs.field(validator=some_points)


@attrs.frozen(kw_only=True)
class PointsEntry(Fact):
    """One entry of a member's ledger. `active` and `pending` say how it changes either, below zero
    where it takes away; a lot is called by the id of the entry that opened it.

    - `membership_id`: the membership whose ledger it is in
    - `programme`: the programme of the membership
    - `movement`: what it is: earned, redeemed, expired and so on
    - `active`: how it changes the points that can be redeemed
    - `pending`: how it changes the points that are pending
    - `qualifying`: how it changes the points that count for a tier
    - `spend`: how it changes the spend that counts for a tier, in minor units
    - `purchases`: how it changes the number of purchases that counts for a tier
    - `qualifies_at`: in which period that counts: when it was earned
    - `lots`: what it did to each lot
    - `expires_at`: when the lot that it opened ends, where it does
    - `of_fact`: the order, return or other fact that it is for
    - `policy`: the version of the programme's rules that it follows
    - `other_membership_id`: to whom, or from whom, points were transferred
    - `reason`: why, in free text
    """

    membership_id: MembershipId = attrs.field(validator=an_id)
    programme: str = attrs.field(validator=symbol)
    movement: Movement = attrs.field(converter=Movement)
    active: int = attrs.field(default=0, validator=some_points)
    pending: int = attrs.field(default=0, validator=some_points)
    qualifying: int = attrs.field(default=0, validator=some_points)
    spend: int = attrs.field(default=0, validator=some_points)
    purchases: int = attrs.field(default=0, validator=some_points)
    qualifies_at: datetime = attrs.field(
        default=attrs.Factory(lambda self: self.at, takes_self=True), converter=instant
    )
    lots: tuple[LotPart, ...] = attrs.field(default=(), converter=tuple[LotPart, ...])
    expires_at: datetime | None = attrs.field(default=None, converter=optional_instant)
    of_fact: FactId | None = attrs.field(default=None, validator=optional_id)
    policy: str | None = attrs.field(default=None, validator=optional_text(80))
    other_membership_id: MembershipId | None = attrs.field(default=None, validator=optional_id)
    reason: str | None = attrs.field(
        default=None, repr=False, validator=optional_text(500), metadata=PERSONAL
    )

    def __attrs_post_init__(self) -> None:
        if not all(isinstance(part, LotPart) for part in self.lots):
            raise InvalidInput.of("lots", "must be parts of lots")
        if sum(part.points for part in self.lots) != self.active + self.pending:
            raise InvalidInput.of("lots", "must add up to what is active and pending")

    @property
    def points(self) -> int:
        """How many points it is about, without a sign."""
        return abs(self.active + self.pending) or abs(self.active)


BLANK: Mapping[str, Any] = {
    field.name: field.default
    for field in attrs.fields(PointsEntry)
    if field.default is None or type(field.default) in (int, tuple)
}


def trusted_entry(*, at: datetime, **told: Any) -> PointsEntry:
    """An entry that the ledger itself keys, made of nothing but what was checked before."""
    fields = {**BLANK, "at": at, "qualifies_at": at, **told, "lots": tuple(told.get("lots", ()))}
    if "id" not in fields:
        fields["id"] = FactId(new_id(at))
    return built(PointsEntry, **fields)


ACCOUNTS: tuple[str, ...] = ("earned", "active", "pending", "spent", "expired", "reversed")


@attrs.frozen
class PointsBalance:
    """The accounts of a ledger: all that was `earned` is in one of the other five (O1)."""

    earned: int = 0
    active: int = 0
    pending: int = 0
    spent: int = 0
    expired: int = 0
    reversed: int = 0

    @classmethod
    def of(cls, entries: Iterable[PointsEntry], *, at: datetime | None = None) -> PointsBalance:
        """The accounts by these entries, as of an instant where one is given."""
        sums: dict[str, int] = dict.fromkeys(ACCOUNTS, 0)
        for entry in entries:
            if at is not None and entry.at > at:
                continue
            total = entry.active + entry.pending
            sums["active"] += entry.active
            sums["pending"] += entry.pending
            if entry.movement in GAINS:
                sums["earned"] += total
            elif entry.movement is not Movement.RELEASE:
                sums[TAKEN[entry.movement]] -= total
        return cls(**sums)

    @property
    def points(self) -> int:
        """Active and pending: what the open lots hold."""
        return self.active + self.pending


TAKEN = {Movement.REDEEM: "spent", Movement.EXPIRE: "expired", Movement.REVERSE: "reversed"}
