"""The tiers of members: reached, renewed and lowered as time passes, foreseen, given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import attrs

from crmcore.domain import ledger
from crmcore.domain.collecting import uncollected
from crmcore.domain.errors import InvalidInput, NotFound, Refused
from crmcore.domain.foresight import Projection, projection
from crmcore.domain.ids import FactId, MembershipId, as_id, new_id
from crmcore.domain.instants import LATEST, instant
from crmcore.domain.kinds import POINTS
from crmcore.domain.member_records import MemberRecords
from crmcore.domain.membership import Membership, TierChange, TierReason
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.points import PointsEntry
from crmcore.domain.profile import check_limit
from crmcore.domain.rebuilding import rebuilt
from crmcore.domain.reversing import taken_back
from crmcore.domain.standing import Count, Step, behind, counts_of, entitled, standing
from crmcore.domain.trusted import built, changed

__all__ = ["LoyaltyAdvance", "MemberTiers", "change_of"]

PAGE = 4_000


@attrs.frozen
class LoyaltyAdvance:
    """How many members something fell due for, how many entries and tier changes that made; were
    there more than one page of them?
    """

    members: int = 0
    entries: int = 0
    tier_changes: int = 0
    more: bool = False

    def and_(self, other: LoyaltyAdvance) -> LoyaltyAdvance:
        """Both together."""
        return LoyaltyAdvance(
            self.members + other.members,
            self.entries + other.entries,
            self.tier_changes + other.tier_changes,
            other.more,
        )


class MemberTiers(MemberRecords):
    """What time makes of members, and what is decided of their tiers."""

    def promote(
        self,
        membership: Membership,
        tier: str,
        *,
        at: datetime,
        until: datetime,
        decision_id: FactId | None = None,
    ) -> Membership:
        """Put a member into a higher tier than they qualified for, until then at least; a decision
        that it rests on can be revoked. A tier that is not higher, or an instant before the last
        change of the tier, is `Refused`.
        """
        member, at, until = self._one(membership), instant(at), instant(until, "until")
        programme = self._programme(member.programme)
        counts, changes = self._counts([member])[member.id], self._changes([member])
        held: dict[UUID, Membership] = {member.id: member}
        made = _changes_in(member, standing(programme, member, counts, changes, at=at).steps)
        member = _behind(member, made)
        if programme.rank_of(tier) <= programme.rank_of(member.tier):
            raise Refused("tiers.higher", f"is in {member.tier} already", str(member.id))
        when = _next_change(member, [*changes, *made], at)
        if until <= when:
            raise Refused("tiers.time_runs_forward", "would end before it begins", str(member.id))
        change = change_of(member, tier, when, until, TierReason.PROMOTED, decision_id=decision_id)
        return self._changed([(_behind(member, [change]), (), [*made, change])], held)[0]

    def revoke(self, membership: Membership, decision_id: FactId, *, at: datetime) -> Membership:
        """Take back what rests on a decision, once: without a promotion the member is in the tier
        that they are entitled to; a bonus no longer counts for one from the time when it was given,
        and its points come back as those of a return. A tier that was kept by it stays to its end.
        `NotFound` if nothing rests on that decision.
        """
        member, at = self._one(membership), instant(at)
        decision = FactId(as_id(decision_id, "decision_id"))
        counts, changes = self._counts([member])[member.id], self._changes([member])
        resting = [change for change in changes if change.decision_id == decision]
        if not resting:
            return self._bonus_taken_back(member, decision, at)
        if any(change.reason is TierReason.REVOKED for change in resting):
            return member
        programme = self._programme(member.programme)
        held: dict[UUID, Membership] = {member.id: member}
        made = _changes_in(member, standing(programme, member, counts, changes, at=at).steps)
        member, known = _behind(member, made), [*changes, *made]
        when = _next_change(member, known, at)
        left = [change for change in known if change.decision_id != decision]
        tier, until = entitled(programme, member, counts, left, at=when)
        change = change_of(member, tier, when, until, TierReason.REVOKED, decision_id=decision)
        return self._changed([(_behind(member, [change]), (), [*made, change])], held)[0]

    def project(
        self, membership: Membership, *, at: datetime, planned: Iterable[Order] = ()
    ) -> Projection:
        """What a member's tier and points will be at an instant, without further activity or with
        these planned purchases; what is missing to the next tier and to keep this one. Nothing is
        written, and without more activity it is what then comes about (O4). Asked for an instant
        that is past, it is told from what was dated by then; always of the membership as it is
        stored, whatever the record given says.

        Of the planned purchases what `earn` would post until then is reckoned in: none from before
        joining, and none again. Another customer's is `InvalidInput`.
        """
        (member,) = self._stored([membership])
        bought = self._to_come(member, planned, instant(at))
        return self._projected([member], instant(at), bought)[member.id]

    def project_many(
        self, memberships: Iterable[Membership], *, at: datetime
    ) -> dict[MembershipId, Projection]:
        """By membership, what `project` says of each, without planned purchases."""
        return self._projected(self._stored(memberships), instant(at), ())

    def project_page(
        self, programme: str, *, at: datetime, after: MembershipId | None = None, limit: int = PAGE
    ) -> tuple[list[tuple[Membership, Projection]], MembershipId | None]:
        """`page`, of it who is a member at `at`, each with what `project` says of them."""
        members, last = self.page(programme, after=after, limit=limit)
        there = [member for member in members if member.is_member_at(instant(at))]
        projected = self._projected(there, instant(at), ())
        return [(member, projected[member.id]) for member in there], last

    def as_of(self, membership: Membership, *, at: datetime) -> Membership:
        """A member with the tier and the open lots of an instant, from what was dated by then; as
        they are stored, where nothing later is known.
        """
        (member,), at = self._stored([membership]), instant(at)
        return member if _is_known(member, at) else self._known_by([member], at)[member.id][0]

    def advance(self, membership: Membership, *, at: datetime) -> Membership:
        """Post what fell due for one member until `at`: points released and expired, tiers reached,
        renewed and lowered, each dated when it was.
        """
        member = self.hold(membership)
        stored, *_ = self._advanced({member.id: member}, instant(at))
        return stored[0] if stored else member

    def advance_page(self, programme: str, *, at: datetime, limit: int = PAGE) -> LoyaltyAdvance:
        """`advance` for the next members of a programme that something fell due for, at most
        `limit` of them, 1 to 10,000: `services.advance_programmes` goes on until there is none.
        """
        self._programme(programme)
        check_limit(limit)
        due = self._unit.reads.due(programme, instant(at), limit)
        if not due:
            return LoyaltyAdvance()
        with uncollected:
            held = self._held_of(dict(due))
            stored, entries, changes = self._advanced(held, instant(at))
        return LoyaltyAdvance(len(stored), entries, changes, more=len(due) == limit)

    # how

    def _to_come(
        self, member: Membership, planned: Iterable[Order], at: datetime
    ) -> list[tuple[Order, Money]]:
        """Those of these purchases that `earn` would post to the member until `at`, each once, with
        what it is worth in the model's currency.
        """
        unit, known = self._unit, dict[str, Order]()
        if not isinstance(planned, Iterable):
            raise InvalidInput.of("planned", "must be orders")
        for nth, order in enumerate(planned):
            if not isinstance(order, Order):
                raise InvalidInput.of(f"planned[{nth}]", "must be an order")
            if order.customer_id != member.customer_id:
                raise InvalidInput.of(f"planned[{nth}].customer_id", "is another customer")
            if member.at <= order.at <= at:
                known[ledger.earn_key(member.programme, order.id)] = order
        posted = unit.reads.keyed(POINTS, ledger.SOURCE, list(known)) if known else set()
        return [
            (order, order.base_amount or unit.in_base(order.total, order.at))
            for key, order in known.items()
            if key not in posted
        ]

    def _projected(
        self,
        members: Sequence[Membership],
        at: datetime,
        planned: Sequence[tuple[Order, Money]],
    ) -> dict[MembershipId, Projection]:
        currency = self._unit.model.currency
        return {
            id: projection(
                self._programme(member.programme), member, counts, changes,
                at=at, currency=currency, planned=planned,
            )
            for id, (member, counts, changes) in self._known_by(members, at).items()
        }  # fmt: skip

    def _bonus_taken_back(self, member: Membership, decision: FactId, at: datetime) -> Membership:
        programme, entries = self._programme(member.programme), self._entries([member])
        made = taken_back(programme, member, decision, at=at, entries=entries)
        if made is None:
            raise NotFound("tier_changes", str(decision), "decision_id")
        return self._post([made], {member.id: member})[0] if made.entries else member

    def _known_by(
        self, members: Sequence[Membership], at: datetime
    ) -> dict[MembershipId, tuple[Membership, list[Count], list[TierChange]]]:
        """Members with what counts for their tiers and their tier changes; of whom something later
        than `at` is dated, all three are as they were then, without the promotions that were
        revoked by then.
        """
        entries = self._entries_by_member([m for m in members if not _is_known(m, at)])
        counts = self._counts([member for member in members if member.id not in entries])
        changes, found = self._changes_by_member(members), {}
        for now in members:
            member, own, made = now, counts.get(now.id, []), changes[now.id]
            if now.id in entries:
                posted = [entry for entry in entries[now.id] if entry.at <= at]
                own = counts_of(posted).get(now.id, [])
                made = [change for change in made if change.at <= at]
                member = rebuilt(self._programme(now.programme), now, posted, made)
                closed = (
                    now.closed_at if now.closed_at is not None and now.closed_at <= at else None
                )
                member = changed(member, closed_at=closed)
                revoked = {c.decision_id for c in made if c.reason is TierReason.REVOKED}
                made = [c for c in made if c.decision_id is None or c.decision_id not in revoked]
            found[now.id] = member, own, made
        return found

    def _advanced(
        self, held: Mapping[UUID, Membership], at: datetime
    ) -> tuple[list[Membership], int, int]:
        open_ = {id: member for id, member in held.items() if member.is_open}
        first = {id: min(ledger.dues(m.lots), default=LATEST) for id, m in open_.items()}
        moving = [member for id, member in open_.items() if _may_move(member, first[id], at)]
        counts = self._counts(moving)
        changes = self._changes_by_member([member for member in moving if _was_moved(member)])
        found: list[tuple[Membership, Sequence[PointsEntry], Sequence[TierChange]]] = [
            (changed(member, due_at=LATEST), (), ())
            for member in held.values()
            if not member.is_open and member.due_at < LATEST
        ]
        for id, member in open_.items():
            programme, lots_due = self._programme(member.programme), first[id]
            moved, made, entries = member, list[TierChange](), tuple[PointsEntry, ...]()
            if lots_due <= at:
                due = ledger.fallen_due(programme, member, at)
                moved, entries = due.membership, due.entries
                lots_due = min(ledger.dues(moved.lots), default=LATEST)
            next_due = member.tier_until
            if id in counts:
                after = standing(programme, member, counts[id], changes.get(id, ()), at=at)
                made, next_due = _changes_in(member, after.steps), after.due_at
                moved = _behind(moved, made)
            moved = changed(moved, due_at=min(next_due, lots_due))
            if member.due_at <= at or changed(moved, due_at=member.due_at) != member:
                found.append((moved, entries, made))
        stored = self._changed(found, held)
        return stored, sum(len(e) for _, e, _ in found), sum(len(c) for _, _, c in found)


def _is_known(member: Membership, at: datetime) -> bool:
    """Is nothing dated later than `at` in what is stored of a member?"""
    return at >= max(member.entered_at, member.tier_since, member.closed_at or member.at)


def _may_move(member: Membership, lots: datetime, at: datetime) -> bool:
    """May the tier of a member change until `at`? Not where it does not end and a lot alone is due,
    the first at `lots`: whatever counts makes them due from when it is dated. A lot that is due
    before the tier was entered was dated back, and may have brought more than it.
    """
    if member.tier_until <= at or lots <= member.tier_since:
        return True
    return member.due_at <= member.entered_at or member.due_at < lots


def _was_moved(member: Membership) -> bool:
    """Has any tier change followed the one that enrolled them? It is dated behind joining."""
    return member.tier_since > member.at


def _changes_in(member: Membership, steps: Iterable[Step]) -> list[TierChange]:
    """The tier changes of these steps; of nothing but what was checked."""
    made, previous = list[TierChange](), member.tier
    for step in steps:
        made.append(
            built(
                TierChange, customer_id=member.customer_id, at=step.at, source=None,
                source_key=None, id=FactId(new_id(step.at)), recorded_at=None, actor=None,
                membership_id=member.id, programme=member.programme, tier=step.tier,
                previous=previous, until=step.until, reason=step.reason, decision_id=None,
            )
        )  # fmt: skip
        previous = step.tier
    return made


def change_of(
    member: Membership,
    tier: str,
    at: datetime,
    until: datetime,
    reason: TierReason,
    *,
    previous: str | None = "",
    decision_id: FactId | None = None,
) -> TierChange:
    """The fact that a member is in this tier from then on, or keeps it."""
    return TierChange(
        customer_id=member.customer_id, membership_id=member.id, programme=member.programme,
        tier=tier, previous=member.tier if previous == "" else previous, at=at, until=until,
        reason=reason, decision_id=decision_id,
    )  # fmt: skip


def _behind(member: Membership, changes: Sequence[TierChange]) -> Membership:
    """The membership after these tier changes."""
    tier, since, until = member.tier, member.tier_since, member.tier_until
    for change in changes:
        since = since if change.tier == tier else change.at
        tier, until = change.tier, change.until
    due_at = min(member.due_at, until)
    return changed(member, tier=tier, tier_since=since, tier_until=until, due_at=due_at)


def _next_change(member: Membership, changes: Iterable[TierChange], at: datetime) -> datetime:
    """When a tier change of `at` is dated; earlier than the last one it is `Refused`."""
    when = behind(changes, at)
    if when is None:
        raise Refused("tiers.time_runs_forward", "entered its tier later", str(member.id))
    return when
