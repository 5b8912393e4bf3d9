"""Rebuilding: a membership's open lots and tier, anew from the facts that they are made of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import attrs

from crmcore.domain.ids import FactId
from crmcore.domain.instants import LATEST
from crmcore.domain.membership import Lot, Membership, TierChange
from crmcore.domain.points import Movement, PointsEntry
from crmcore.domain.programme import Programme

__all__ = ["rebuilt"]

OPENING = (
    Movement.EARN, Movement.BONUS, Movement.ADJUST, Movement.TRANSFER, Movement.REVERSE,
)  # fmt: skip


def rebuilt(
    programme: Programme,
    member: Membership,
    entries: Iterable[PointsEntry],
    changes: Iterable[TierChange],
) -> Membership:
    """`member` with the lots that these entries leave, by their ids, and the tier of the last of
    these changes, in the order in which they were recorded.
    """
    lots: dict[FactId, Lot] = {}
    left: dict[FactId, int] = {}
    released = set[FactId]()
    for entry in entries:
        if entry.movement is Movement.RELEASE and entry.of_fact is not None:
            released.add(entry.of_fact)
        if entry.movement in OPENING:
            days = programme.rules_from(entry.at).pending.days if entry.pending > 0 else None
            waits = timedelta(days=days or 0)
            until = None if days is None else min(entry.at, LATEST - waits) + waits
            lots[entry.id] = Lot(entry.id, 0, entry.at, entry.expires_at, entry.pending > 0, until)
        for part in entry.lots:
            left[part.lot] = left.get(part.lot, 0) + part.points
    found = []
    for id, points in left.items():
        if points:
            # As of an instant that is past, what came in late may speak of a lot opened later.
            lot = attrs.evolve(lots.get(id) or Lot(id, 0, member.at), points=points)
            if id in released:
                lot = attrs.evolve(lot, pending=False, available_at=None)
            found.append(lot)
    member = attrs.evolve(member, lots=found)
    tier, since, until = programme.tiers[0], member.at, LATEST
    for change in changes:
        since = change.at if change.tier != tier else since
        tier, until = change.tier, change.until
    return attrs.evolve(member, tier=tier, tier_since=since, tier_until=until)
