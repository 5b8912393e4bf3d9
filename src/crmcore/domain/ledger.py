"""The ledger of one membership: what each posting does to its lots, by the programme's rules.

Pure: a posting answers the next state of the membership and the entries that tell of it. Before
anything is posted at an instant, what fell due until then is: points are released and expire.
A debt is a lot below zero; the next points that become active settle it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from crmcore.domain.errors import InvalidInput, Refused
from crmcore.domain.ids import FactId, MembershipId, new_id
from crmcore.domain.instants import LATEST
from crmcore.domain.membership import Lot, Membership
from crmcore.domain.points import LotPart, Movement, PointsEntry, trusted_entry
from crmcore.domain.programme import PointsRelease, Programme, RedemptionOrder, ReturnPolicy
from crmcore.domain.standing import Sums
from crmcore.domain.trusted import built, changed

__all__ = [
    "SOURCE", "Posting", "above_zero", "dues", "earn_key", "fallen_due", "forfeited", "gain",
    "release", "reverse", "take", "transfer",
]  # fmt: skip

SOURCE = "crmcore"
"""The source of entries whose key the ledger itself makes."""

MOST = 2**53
NOTHING = Sums()


def earn_key(programme: str, order: FactId) -> str:
    """The key of the entry that a purchase earns in a programme."""
    return f"earn:{programme}:{order}"


@attrs.frozen
class Posting:
    """The membership behind it, and the entries it made."""

    membership: Membership
    entries: tuple[PointsEntry, ...]

    def then(self, other: Posting) -> Posting:
        """Another one behind this one."""
        return Posting(other.membership, (*self.entries, *other.entries))


def _entry(
    programme: Programme, member: Membership, movement: Movement, at: datetime, **more: Any
) -> PointsEntry:
    make = trusted_entry if more.get("source") == SOURCE else PointsEntry
    return make(
        customer_id=member.customer_id, membership_id=member.id, programme=member.programme,
        movement=movement, at=at, policy=programme.version_at(at), **more,
    )  # fmt: skip


def _with(member: Membership, lots: Iterable[Lot], entry: PointsEntry) -> Membership:
    """The membership with these lots, behind this entry; empty lots are closed."""
    left = tuple(lot for lot in lots if lot.points)
    counts = entry.qualifying or entry.spend or entry.purchases
    due = dues(left)
    # A tier may be due at any instant up to its end, and whatever was due stays so until `advance`.
    due += [member.tier_until, *([entry.at, entry.qualifies_at] if counts else ())]
    if member.due_at <= member.entered_at:
        due.append(member.due_at)
    return changed(member, lots=left, due_at=min(due), entered_at=max(member.entered_at, entry.at))


def dues(lots: Iterable[Lot]) -> list[datetime]:
    """When something falls due of these lots: their points end, or become active."""
    due = [lot.expires_at for lot in lots if lot.expires_at is not None and lot.points > 0]
    return due + [lot.available_at for lot in lots if lot.pending and lot.available_at is not None]


def _settled(lots: Sequence[Lot], id: FactId) -> tuple[list[Lot], list[LotPart]]:
    """The lots after the points of one of them have paid what is owed, and how they moved."""
    parts: list[LotPart] = []
    if all(lot.points >= 0 for lot in lots):  # as nearly always: nothing is owed
        return list(lots), parts
    of = {lot.id: lot for lot in lots}
    left = of[id].points
    for debt in lots:
        if debt.points < 0 and left > 0:
            paid = min(left, -debt.points)
            left -= paid
            of[debt.id] = changed(debt, points=debt.points + paid)
            parts.append(LotPart(debt.id, paid))
    of[id] = changed(of[id], points=left)
    return list(of.values()), parts


def fallen_due(programme: Programme, member: Membership, at: datetime) -> Posting:
    """What fell due until `at`: pending points are released, and lots expire, each at its time."""
    entries: list[PointsEntry] = []
    while True:
        due = [
            (lot.available_at, 0, lot) for lot in member.lots
            if lot.pending and lot.available_at is not None and lot.available_at <= at
        ]  # fmt: skip
        due += [
            (lot.expires_at, 1, lot) for lot in member.lots
            if lot.points > 0 and lot.expires_at is not None and lot.expires_at <= at
        ]  # fmt: skip
        if not due:
            return Posting(member, tuple(entries))
        when, kind, lot = min(due, key=lambda known: (known[0], known[1], known[2].id))
        if kind == 0:
            posting = _released(programme, member, lot, when, f"release:{lot.id}")
        else:
            posting = _expired(programme, member, lot, when)
        member = posting.membership
        entries += posting.entries


def _expired(programme: Programme, member: Membership, lot: Lot, at: datetime) -> Posting:
    # Of a base that is advanced most entries are these, made of nothing but what was checked.
    entry = built(
        PointsEntry, customer_id=member.customer_id, at=at, source=SOURCE,
        source_key=f"expire:{lot.id}", id=FactId(new_id(at)), recorded_at=None, actor=None,
        membership_id=member.id, programme=member.programme, movement=Movement.EXPIRE,
        active=0 if lot.pending else -lot.points, pending=-lot.points if lot.pending else 0,
        qualifying=0, spend=0, purchases=0, qualifies_at=at,
        lots=(built(LotPart, lot=lot.id, points=-lot.points),), expires_at=None, of_fact=None,
        policy=programme.version_at(at), other_membership_id=None, reason=None,
    )  # fmt: skip
    lots = [known for known in member.lots if known.id != lot.id]
    return Posting(_with(member, lots, entry), (entry,))


def forfeited(programme: Programme, member: Membership, at: datetime) -> Posting:
    """All that is open ends at `at`; a debt is written off by an adjustment."""
    found = _forward(programme, member, at)
    for lot in found.membership.lots:
        if lot.points > 0:
            found = found.then(_expired(programme, found.membership, lot, at))
            continue
        entry = _entry(
            programme, member, Movement.ADJUST, at, active=-lot.points,
            lots=(LotPart(lot.id, -lot.points),), source=SOURCE, source_key=f"write_off:{lot.id}",
        )  # fmt: skip
        left = [known for known in found.membership.lots if known.id != lot.id]
        found = found.then(Posting(_with(found.membership, left, entry), (entry,)))
    return found


def _released(
    programme: Programme, member: Membership, lot: Lot, at: datetime, key: str
) -> Posting:
    lots = [
        changed(k, pending=False, available_at=None) if k.id == lot.id else k for k in member.lots
    ]
    lots, parts = _settled(lots, lot.id)
    paid = sum(part.points for part in parts)
    if paid:
        parts = [LotPart(lot.id, -paid), *parts]
    entry = _entry(
        programme, member, Movement.RELEASE, at, active=lot.points, pending=-lot.points,
        lots=parts, source=SOURCE, source_key=key, of_fact=lot.id,
    )  # fmt: skip
    return Posting(_with(member, lots, entry), (entry,))


def above_zero(points: object) -> int:
    """So many points, as they are posted; anything else is `InvalidInput`."""
    if type(points) is not int or not 0 < points < MOST:
        raise InvalidInput.of("points", "must be a whole number above zero, below 2**53")
    return points


def _check_room(member: Membership, points: int) -> None:
    if member.points + points >= MOST or len(member.lots) >= MOST_LOTS:
        raise Refused("points.room", "holds no more points, or lots of them", str(member.id))


MOST_LOTS = 10_000
"""Lots that are open at once: what expires on one day after a posting a day is far fewer."""


def gain(
    programme: Programme,
    member: Membership,
    points: int,
    *,
    at: datetime,
    movement: Movement,
    counts: Sums = NOTHING,
    expires_at: datetime | None = None,
    **more: Any,
) -> Posting:
    """Points into the ledger: those of a purchase may be pending first, and none at all are there
    if it earns none but counts for a tier. Dated earlier than the latest entry, nothing falls due
    before them. `expires_at` stands for what the rules say.
    """
    rules = programme.rules_at(at)
    before = Posting(member, ())
    if at >= member.entered_at:
        before = fallen_due(programme, member, at)
        member = before.membership
    _check_room(member, points)
    end = expires_at or rules.expiry.end(
        at, window=rules.window, joined=member.at, zone=programme.zone
    )
    waits = movement is Movement.EARN and rules.pending.release is not PointsRelease.IMMEDIATELY
    until = None
    if waits and rules.pending.days is not None:
        until = min(at, LATEST - timedelta(days=rules.pending.days)) + timedelta(
            days=rules.pending.days
        )
    id = FactId(new_id(at))
    lot = built(
        Lot, id=id, points=points, earned_at=at, expires_at=None if end == LATEST else end,
        pending=waits, available_at=until,
    )  # fmt: skip
    lots, parts = [*member.lots, lot], list[LotPart]()
    if not waits:
        lots, parts = _settled(lots, id)
    paid = sum(part.points for part in parts)
    parts = [LotPart(id, points - paid), *parts]
    entry = _entry(
        programme, member, movement, at,
        id=id, active=0 if waits else points, pending=points if waits else 0,
        qualifying=counts.points, spend=counts.spend, purchases=counts.purchases,
        lots=[part for part in parts if part.points], expires_at=lot.expires_at, **more,
    )  # fmt: skip
    return before.then(Posting(_with(member, lots, entry), (entry,)))


def release(programme: Programme, member: Membership, lot: FactId, *, at: datetime) -> Posting:
    """Pending points become active by somebody's action; `Refused` if that lot is not pending."""
    before = _forward(programme, member, at)
    for known in before.membership.lots:
        if known.id == lot and known.pending:
            return before.then(_released(programme, before.membership, known, at, f"release:{lot}"))
    raise Refused("points.pending", "has no pending points of this entry", str(member.id))


def _forward(programme: Programme, member: Membership, at: datetime) -> Posting:
    """What fell due until `at`, which is not before the latest entry."""
    if at < member.entered_at:
        raise Refused("points.time_runs_forward", "has later entries already", str(member.id))
    return fallen_due(programme, member, at)


def take(
    programme: Programme,
    member: Membership,
    points: int,
    *,
    at: datetime,
    movement: Movement,
    **more: Any,
) -> Posting:
    """Active points out of the ledger, out of the lots in the order of the rules; more than there
    are is `Refused`.
    """
    asked = above_zero(points)
    before = _forward(programme, member, at)
    member = before.membership
    if asked > member.active:
        raise Refused("points.enough", "has not so many active points", str(member.id))
    lots, parts = _taken(member.lots, asked, programme.rules_at(at).redeems)
    entry = _entry(programme, member, movement, at, active=-asked, lots=parts, **more)
    return before.then(Posting(_with(member, lots, entry), (entry,)))


def _taken(
    lots: Sequence[Lot], points: int, order: RedemptionOrder
) -> tuple[list[Lot], list[LotPart]]:
    def soonest(lot: Lot) -> tuple[datetime, datetime, FactId]:
        ends = lot.expires_at or LATEST
        by_end = order is RedemptionOrder.SOONEST_EXPIRING
        return (*((ends, lot.earned_at) if by_end else (lot.earned_at, ends)), lot.id)

    of, parts = {lot.id: lot for lot in lots}, list[LotPart]()
    for lot in sorted((lot for lot in lots if lot.points > 0 and not lot.pending), key=soonest):
        taken = min(points, lot.points)
        if taken:
            points -= taken
            of[lot.id] = changed(lot, points=lot.points - taken)
            parts.append(LotPart(lot.id, -taken))
    return list(of.values()), parts


def reverse(
    programme: Programme,
    member: Membership,
    lot: FactId,
    points: int,
    *,
    at: datetime,
    qualifies_at: datetime,
    counts: Sums,
    **more: Any,
) -> Posting:
    """`points` of what one entry earned come back, as far as the policy at that instant says: out
    of its own lot, then out of the others, then as a debt. What counted for a tier no longer does.
    """
    before = Posting(member, ())
    if at >= member.entered_at:
        before = fallen_due(programme, member, at)
        member = before.membership
    policy = programme.rules_at(at).returns
    own = next((known for known in member.lots if known.id == lot), None)
    from_own = min(points, max(own.points, 0)) if own is not None else 0
    if own is not None and not own.pending and policy is ReturnPolicy.ONLY_PENDING:
        from_own = 0
    lots = list(member.lots)
    parts = [LotPart(lot, -from_own)] if from_own else []
    if own is not None and from_own:
        lots = [changed(k, points=k.points - from_own) if k.id == lot else k for k in lots]
    pending = from_own if own is not None and own.pending else 0
    rest = 0 if policy is ReturnPolicy.ONLY_PENDING else points - from_own
    active = max(0, sum(known.points for known in lots if not known.pending))
    if policy is ReturnPolicy.WITHIN_BALANCE:
        rest = min(rest, active)
    lots, others = _taken(lots, min(rest, active), programme.rules_at(at).redeems)
    parts += others
    id, owed = FactId(new_id(at)), rest - sum(-part.points for part in others)
    if owed:
        lots.append(Lot(id, -owed, at))
        parts.append(LotPart(id, -owed))
    entry = _entry(
        programme, member, Movement.REVERSE, at,
        id=id, active=-(from_own - pending + rest), pending=-pending, qualifying=-counts.points,
        spend=-counts.spend, purchases=-counts.purchases, qualifies_at=qualifies_at, lots=parts,
        **more,
    )  # fmt: skip
    return before.then(Posting(_with(member, lots, entry), (entry,)))


def transfer(
    programme: Programme,
    giver: Membership,
    taker: Membership,
    points: int,
    *,
    at: datetime,
    source: str | None,
    source_key: str | None,
    reason: str | None,
) -> tuple[Posting, Posting]:
    """Active points of one member to another, who has them as long as the giver would have had."""
    before = _forward(programme, giver, at)
    ends = {lot.id: lot.expires_at for lot in before.membership.lots}
    given = before.then(
        take(
            programme, before.membership, points, at=at, movement=Movement.TRANSFER,
            other_membership_id=taker.id, source=source, source_key=source_key, reason=reason,
        )
    )  # fmt: skip
    by_end: dict[datetime | None, int] = {}
    for part in given.entries[-1].lots:
        by_end[ends[part.lot]] = by_end.get(ends[part.lot], 0) - part.points
    taken = _forward(programme, taker, at)
    for end, some in by_end.items():
        out = given.entries[-1]
        key = f"transfer:{out.id}:{len(taken.entries)}"
        taken = taken.then(
            gain(
                programme,
                taken.membership,
                some,
                at=at,
                movement=Movement.TRANSFER,
                expires_at=end or LATEST,
                other_membership_id=MembershipId(giver.id),
                source=SOURCE,
                source_key=key,
                of_fact=out.id,
                reason=reason,
            )
        )
    return given, taken
