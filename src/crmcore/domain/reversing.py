"""Reversing: what a return takes back of what its order earned (O2), or a revocation of a bonus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from crmcore.domain.errors import Refused
from crmcore.domain.ids import FactId
from crmcore.domain.ledger import SOURCE, Posting, fallen_due, reverse
from crmcore.domain.membership import Membership
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Cancellation, Return
from crmcore.domain.points import Movement, PointsEntry
from crmcore.domain.programme import Programme
from crmcore.domain.standing import Sums

__all__ = ["reversal", "taken_back"]


def reversal(
    programme: Programme,
    member: Membership,
    order: Order,
    fact: Return | Cancellation,
    *,
    entries: Sequence[PointsEntry],
    returns: Iterable[Return],
) -> Posting | None:
    """The posting of a return or a cancellation, without entries if it was posted already; `None`
    if the order earned nothing in this membership. `entries` are the member's, `returns` the
    order's.

    Each takes its share of what is returned by then, so the shares of partial returns add up to
    the whole; a cancellation takes what is left, and whatever is posted behind it nothing. Points
    that have expired by then are not taken a second time, nor what a return took that was removed
    since. Dated before its points were released, it is posted as of their release.
    """
    earned = next(
        (e for e in entries if e.movement is Movement.EARN and e.of_fact == order.id), None
    )
    if earned is None:
        return None
    reversed_ = [e for e in entries if e.movement is Movement.REVERSE and e.of_fact == order.id]
    keys = {entry.source_key for entry in reversed_}
    key = f"reverse:{programme.name}:{fact.id}"
    if key in keys:
        return Posting(member, ())
    released = [e.at for e in entries if e.movement is Movement.RELEASE and e.of_fact == earned.id]
    at, due = max(fact.at, earned.at, *released), Posting(member, ())
    if at >= member.entered_at:
        due = fallen_due(programme, member, at)
    total, was_whole = order.total.minor, sum(entry.purchases for entry in reversed_) < 0
    before = sum(
        known.amount.minor for known in returns if f"reverse:{programme.name}:{known.id}" in keys
    )
    after = total if isinstance(fact, Cancellation) else min(total, before + fact.amount.minor)

    whole = not was_whole and after >= total

    def share(value: int, taken: int) -> int:
        if was_whole:
            return 0
        due_by_then = value if whole else _part(value, after, total)
        return max(0, due_by_then - max(taken, _part(value, before, total)))

    expired = _expired((*entries, *due.entries), earned)
    taken = -sum(entry.active + entry.pending for entry in reversed_)
    points = earned.active + earned.pending
    counts = Sums(
        share(earned.qualifying, -sum(entry.qualifying for entry in reversed_)),
        share(earned.spend, -sum(entry.spend for entry in reversed_)),
        earned.purchases if whole else 0,
    )
    made = reverse(
        programme, due.membership, earned.id,
        max(0, min(share(points, taken), points - expired - taken)), at=at,
        qualifies_at=earned.qualifies_at, counts=counts,
        of_fact=order.id, source=SOURCE, source_key=key,
    )  # fmt: skip
    return due.then(made)


def taken_back(
    programme: Programme,
    member: Membership,
    decision: FactId,
    *,
    at: datetime,
    entries: Sequence[PointsEntry],
) -> Posting | None:
    """The posting that takes back the bonus which rests on a decision, without entries if it was
    posted already; `None` if none does. What counted for a tier no longer does, and the points that
    have not expired come back as those of a return. `entries` are the member's.
    """
    bonus = next(
        (e for e in entries if e.movement is Movement.BONUS and e.of_fact == decision), None
    )
    if bonus is None:
        return None
    key = f"revoke:{bonus.id}"
    if any(entry.source_key == key and entry.source == SOURCE for entry in entries):
        return Posting(member, ())
    if at < bonus.at:
        raise Refused("points.time_runs_forward", "was given later", str(member.id))
    due = Posting(member, ())
    if at >= member.entered_at:
        due = fallen_due(programme, member, at)
    left = bonus.active + bonus.pending - _expired((*entries, *due.entries), bonus)
    made = reverse(
        programme, due.membership, bonus.id, max(0, left), at=at, qualifies_at=bonus.qualifies_at,
        counts=Sums(bonus.qualifying, bonus.spend, bonus.purchases), of_fact=bonus.of_fact,
        source=SOURCE, source_key=key,
    )  # fmt: skip
    return due.then(made)


def _expired(entries: Iterable[PointsEntry], gain: PointsEntry) -> int:
    """How many of the points of an entry have expired."""
    return -sum(
        part.points
        for entry in entries
        if entry.movement is Movement.EXPIRE
        for part in entry.lots
        if part.lot == gain.id
    )


def _part(value: int, part: int, whole: int) -> int:
    """`value` times part / whole, rounded half up; exact at both ends. Of nothing, nothing."""
    return (2 * value * part + whole) // (2 * whole) if whole else 0
