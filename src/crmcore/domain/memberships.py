"""The memberships of a unit of work: enrolled, posted to, advanced, foreseen.

What is posted changes a membership as it is stored now, under a lock: two redemptions at once do
not overspend. A posting with a source key is made once, however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from crmcore.domain import ledger
from crmcore.domain.collecting import uncollected
from crmcore.domain.earning import earned
from crmcore.domain.errors import ConflictingFact, InvalidInput, NotFound, Refused
from crmcore.domain.foresight import Projection, projection
from crmcore.domain.ids import CustomerId, FactId, MembershipId, as_id, new_id
from crmcore.domain.instants import LATEST, instant
from crmcore.domain.kinds import MEMBERSHIPS, POINTS, TIER_CHANGES, Key
from crmcore.domain.ledger import SOURCE, Posting
from crmcore.domain.membership import Membership, TierChange, TierReason, member_value, number_value
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Cancellation, Return
from crmcore.domain.points import Movement, PointsBalance, PointsEntry
from crmcore.domain.programme import Programme
from crmcore.domain.repositories import Aggregates
from crmcore.domain.reversing import reversal
from crmcore.domain.standing import Step, Sums, behind, entitled, standing, standing_by
from crmcore.domain.text import checked_text
from crmcore.domain.trusted import built, changed

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["LoyaltyAdvance", "Memberships"]

PAGE = 2_000
NOTHING = Sums()


Held = Mapping[Any, Membership]
"""By id, memberships as they are stored, held against others."""


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


class Memberships(Aggregates[Membership]):
    """`uow.memberships`. A programme that the model does not declare is `InvalidInput`; too few
    points, time that runs backwards or a membership that is closed is `Refused`.
    """

    def __init__(self, unit: UnitOfWork) -> None:
        super().__init__(unit, MEMBERSHIPS)

    def enrol(
        self, customer_id: CustomerId, programme: str, *, at: datetime, number: str | None = None
    ) -> Membership:
        """Make a customer a member, in the lowest tier. `IdentifierTaken` if they are one already,
        or the number is another's.
        """
        known, at = self._programme(programme), instant(at)
        known.rules_at(at)
        who = CustomerId(as_id(customer_id, "customer_id"))
        member = self.add(
            Membership(
                customer_id=who, programme=programme, number=number, at=at, tier=known.tiers[0]
            )
        )
        self._unit.tier_changes.add(
            _change(member, member.tier, at, LATEST, TierReason.ENROLLED, previous=None)
        )
        return member

    def of(self, customer_id: CustomerId, programme: str) -> Membership | None:
        """The membership of a customer in a programme, or `None`."""
        self._programme(programme)
        who = CustomerId(as_id(customer_id, "customer_id"))
        return self._by_key("member", member_value(who, programme))

    def find_by_number(self, number: str, programme: str) -> Membership | None:
        """The membership with this number in a programme, or `None`."""
        self._programme(programme)
        checked_text(number, "number", 64)
        return self._by_key("number", number_value(number, programme))

    def earn(self, order: Order) -> list[Membership]:
        """Post a purchase to every programme that its customer was a member of then, and still is;
        once. The order is a stored one. Who was no member earns nothing.
        """
        return self._earn([order])

    def earn_many(self, orders: Iterable[Order]) -> int:
        """Post purchases in bulk; answer how many memberships they changed."""
        count, batch = 0, list[Order]()
        for order in orders:
            batch.append(order)
            if len(batch) == PAGE:
                count += len(self._earn(batch))
                batch = []
        return count + len(self._earn(batch))

    def reverse(self, fact: Return | Cancellation) -> list[Membership]:
        """Take back what an order earned, in proportion to what came back of it; once. What is left
        to take is for the programme's policy. `NotFound` if the order earned nothing anywhere.
        """
        unit, found = self._unit, list[Posting]()
        order = unit.orders.get(fact.order_id)
        held = self._held(self._of_customers([order.customer_id]))
        entries = unit.points.of(order.customer_id)
        returns = unit.returns.of_order(order.id)
        known = False
        for member in held.values():
            own = [entry for entry in entries if entry.membership_id == member.id]
            programme = self._programme(member.programme)
            made = reversal(programme, member, order, fact, entries=own, returns=returns)
            known = known or made is not None
            found += [made] if made is not None and made.entries and member.is_open else []
        if not known:
            raise NotFound("points", str(order.id))
        return self._post(found, held)

    def bonus(
        self,
        membership: Membership,
        points: int,
        *,
        at: datetime,
        source_key: str | None = None,
        reason: str | None = None,
        qualifying: bool = False,
        of_fact: FactId | None = None,
    ) -> Membership:
        """Give points that no purchase earned; they count for a tier where `qualifying`."""
        some = _above_zero(points)
        more: dict[str, Any] = {
            "source_key": source_key, "reason": reason, "of_fact": of_fact,
        }  # fmt: skip
        if qualifying:
            more["counts"] = Sums(points=some)
        return self._once(membership, Movement.BONUS, some, instant(at), more)

    def redeem(
        self,
        membership: Membership,
        points: int,
        *,
        at: datetime,
        source_key: str | None = None,
        reason: str | None = None,
        of_fact: FactId | None = None,
    ) -> Membership:
        """Spend active points; more than there are is `Refused`."""
        more = {"source_key": source_key, "reason": reason, "of_fact": of_fact}
        return self._once(membership, Movement.REDEEM, -_above_zero(points), instant(at), more)

    def adjust(
        self,
        membership: Membership,
        points: int,
        *,
        at: datetime,
        reason: str,
        source_key: str | None = None,
    ) -> Membership:
        """Correct the ledger by so many active points, up or down; why is asked for, and who: the
        unit of work's actor.
        """
        if self._unit.actor is None:
            raise InvalidInput.of("actor", "unit_of_work(actor=...) says who adjusts")
        checked_text(reason, "reason", 500)
        if type(points) is not int or not points:
            raise InvalidInput.of("points", "must be a whole number, not zero")
        _above_zero(abs(points))
        more = {"source_key": source_key, "reason": reason}
        return self._once(membership, Movement.ADJUST, points, instant(at), more)

    def transfer(
        self,
        giver: Membership,
        taker: Membership,
        points: int,
        *,
        at: datetime,
        source_key: str | None = None,
        reason: str | None = None,
    ) -> tuple[Membership, Membership]:
        """Give active points to another member of the programme; they expire when they would have.
        None of them counts for a tier.
        """
        some = _above_zero(points)
        if giver.programme != taker.programme or giver.id == taker.id:
            raise InvalidInput.of("taker", "must be another member of the same programme")
        held = self._held([giver.id, taker.id])
        more: dict[str, Any] = {"source_key": source_key, "reason": reason}
        told = more | {"other_membership_id": taker.id}
        if self._again(held[giver.id], Movement.TRANSFER, -some, instant(at), told) is not None:
            return held[giver.id], held[taker.id]
        self._open(held[giver.id]), self._open(held[taker.id])
        given, taken = ledger.transfer(
            self._programme(giver.programme), held[giver.id], held[taker.id], some,
            at=instant(at), source=None, source_key=source_key, reason=reason,
        )  # fmt: skip
        first, second = self._post([given, taken], held)
        return first, second

    def release(self, membership: Membership, entry: FactId, *, at: datetime) -> Membership:
        """Make the pending points of one entry active, by somebody's action."""
        member = self._one(membership)
        programme, lot = self._programme(member.programme), FactId(as_id(entry, "entry"))
        posting = ledger.release(programme, member, lot, at=instant(at))
        return self._post([posting], {member.id: member})[0]

    def close(self, membership: Membership, *, at: datetime) -> Membership:
        """End a membership: what is open of its points ends with it, and nothing more is posted.
        Its number stays taken, and the customer cannot join again.
        """
        member, at = self._one(membership), instant(at)
        if at < member.at:
            raise Refused("memberships.time_runs_forward", "joined later", str(member.id))
        posting = ledger.forfeited(self._programme(member.programme), member, at)
        closed = attrs.evolve(posting.membership, closed_at=at, due_at=LATEST)
        return self._post([attrs.evolve(posting, membership=closed)], {member.id: member})[0]

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
        entries, changes = self._entries([member]), self._changes([member])
        held = {member.id: member}
        made = _changes_in(member, standing(programme, member, entries, changes, at=at).steps)
        member = _behind(member, made)
        if programme.rank_of(tier) <= programme.rank_of(member.tier):
            raise Refused("tiers.higher", f"is in {member.tier} already", str(member.id))
        when = _next_change(member, [*changes, *made], at)
        if until <= when:
            raise Refused("tiers.time_runs_forward", "would end before it begins", str(member.id))
        change = _change(member, tier, when, until, TierReason.PROMOTED, decision_id=decision_id)
        return self._changed([(_behind(member, [change]), (), [*made, change])], held)[0]

    def revoke(self, membership: Membership, decision_id: FactId, *, at: datetime) -> Membership:
        """Take back a promotion, once: the member is in the tier that they are entitled to without
        it. `NotFound` if nothing rests on that decision.
        """
        member, at = self._one(membership), instant(at)
        decision = FactId(as_id(decision_id, "decision_id"))
        changes, entries = self._changes([member]), self._entries([member])
        resting = [change for change in changes if change.decision_id == decision]
        if not resting:
            raise NotFound("tier_changes", str(decision), "decision_id")
        if any(change.reason is TierReason.REVOKED for change in resting):
            return member
        programme = self._programme(member.programme)
        held = {member.id: member}
        made = _changes_in(member, standing(programme, member, entries, changes, at=at).steps)
        member, known = _behind(member, made), [*changes, *made]
        when = _next_change(member, known, at)
        left = [change for change in known if change.decision_id != decision]
        tier, until = entitled(programme, member, entries, left, at=when)
        change = _change(member, tier, when, until, TierReason.REVOKED, decision_id=decision)
        return self._changed([(_behind(member, [change]), (), [*made, change])], held)[0]

    def balance(self, membership: Membership, *, at: datetime | None = None) -> PointsBalance:
        """The accounts of a member's ledger by what was posted, as of an instant."""
        return PointsBalance.of(self._entries([membership]), at=None if at is None else instant(at))

    def project(
        self, membership: Membership, *, at: datetime, planned: Iterable[Order] = ()
    ) -> Projection:
        """What a member's tier and points will be at an instant, without further activity or with
        these planned purchases; what is missing to the next tier and to keep this one. Nothing is
        written, and without more activity it is what then comes about (O4).
        """
        bought = [(order, self._unit.in_base(order.total, order.at)) for order in planned]
        return self._projected([membership], instant(at), bought)[membership.id]

    def project_many(
        self, memberships: Iterable[Membership], *, at: datetime
    ) -> dict[MembershipId, Projection]:
        """By membership, what `project` says of each, without planned purchases."""
        return self._projected(list(memberships), instant(at), ())

    def entries_of(self, memberships: Iterable[Membership]) -> dict[UUID, list[PointsEntry]]:
        """By membership, the entries of its ledger, by `at`."""
        return self._by_member(list(memberships))[0]

    def page(
        self, programme: str, *, after: MembershipId | None = None, limit: int = PAGE
    ) -> tuple[list[Membership], MembershipId | None]:
        """Members of a programme in the order of their ids, behind one of them, found among the
        next `limit` memberships; and behind whom to go on, `None` at the end.
        """
        self._programme(programme)
        found = self._unit.reads.after(MEMBERSHIPS, after, limit)
        last = MembershipId(found[-1].id) if len(found) == limit else None
        return [member for member in found if member.programme == programme], last

    def advance(self, membership: Membership, *, at: datetime) -> Membership:
        """Post what fell due for one member until `at`: points released and expired, tiers reached,
        renewed and lowered, each dated when it was.
        """
        held = self._held([membership.id])
        stored, *_ = self._advanced(held, instant(at))
        return stored[0] if stored else held[membership.id]

    def advance_page(self, programme: str, *, at: datetime, limit: int = PAGE) -> LoyaltyAdvance:
        """`advance` for the next members of a programme that something fell due for, at most
        `limit` of them: `services.advance_programmes` goes on until there is none.
        """
        self._programme(programme)
        due = self._unit.reads.due(programme, instant(at), limit)
        if not due:
            return LoyaltyAdvance()
        with uncollected:
            held = self._held_of(dict(due))
            stored, entries, changes = self._advanced(held, instant(at))
        return LoyaltyAdvance(len(stored), entries, changes, more=len(due) == limit)

    # how

    def _keys(self, aggregate: Membership, held: Membership) -> Collection[Key] | None:
        return None if aggregate.number == held.number else super()._keys(aggregate, held)

    def _check(self, aggregate: Membership, held: Membership | None) -> None:
        self._unit.model.check_tier(aggregate.programme, aggregate.tier)
        for name in ("customer_id", "programme"):
            if held is not None and getattr(held, name) != getattr(aggregate, name):
                raise InvalidInput.of(name, "stays as it was: the ledger is theirs")

    def _restore(self, aggregates: list[Membership]) -> list[Membership]:
        self._hold({membership.customer_id for membership in aggregates})
        return super()._restore(aggregates)

    def _hold(self, customers: Collection[CustomerId]) -> None:
        """Hold the customers, so that none is removed meanwhile."""
        known = self._unit.writes.lock_profiles(customers)
        for customer_id in sorted(customers):
            if customer_id not in known:
                raise NotFound("customers", str(customer_id))

    def _programme(self, name: str) -> Programme:
        return self._unit.model.programme(name)

    def _by_key(self, scope: str, value: str) -> Membership | None:
        ids = self._unit.reads.find(MEMBERSHIPS, scope, [value]).get(value)
        return self.get(MembershipId(ids[0])) if ids else None

    def _of_customers(self, customers: Collection[CustomerId]) -> list[UUID]:
        keys = [member_value(id, p.name) for p in self._unit.model.programmes for id in customers]
        found = self._unit.reads.find(MEMBERSHIPS, "member", keys) if keys else {}
        return [id for ids in found.values() for id in ids]

    def _held(self, ids: Iterable[UUID]) -> dict[UUID, Membership]:
        """These memberships, held against others: profiles first, as appending facts does."""
        wanted = sorted(set(ids))
        known = self._unit.writes.fetch(MEMBERSHIPS, wanted)
        for id in wanted:
            if id not in known:
                raise NotFound("memberships", str(id))
        return self._held_of({id: member.customer_id for id, member in known.items()})

    def _held_of(self, known: Mapping[UUID, CustomerId]) -> dict[UUID, Membership]:
        """These memberships of these customers, held against others, by their ids in order."""
        self._unit.writes.lock_profiles(set(known.values()))
        return self._unit.writes.fetch(MEMBERSHIPS, sorted(known), lock=True)

    def _one(self, membership: Membership) -> Membership:
        return self._open(self._held([membership.id])[membership.id])

    def _open(self, member: Membership) -> Membership:
        if not member.is_open:
            raise Refused("memberships.open", "is closed", str(member.id))
        return member

    def _entries(self, members: Collection[Membership]) -> list[PointsEntry]:
        customers = {member.customer_id for member in members}
        ids = {member.id for member in members}
        found = self._unit.reads.facts(POINTS, customers=customers)
        return [entry for entry in found if entry.membership_id in ids]

    def _changes(self, members: Collection[Membership]) -> list[TierChange]:
        customers = {member.customer_id for member in members}
        ids = {member.id for member in members}
        found = self._unit.reads.facts(TIER_CHANGES, customers=customers)
        return [change for change in found if change.membership_id in ids]

    def _by_member(
        self, members: Collection[Membership]
    ) -> tuple[dict[UUID, list[PointsEntry]], dict[UUID, list[TierChange]]]:
        """The ledger entries of each of these members, and their tier changes."""
        entries: dict[UUID, list[PointsEntry]] = {member.id: [] for member in members}
        for entry in self._entries(members):
            entries[entry.membership_id].append(entry)
        return entries, self._changes_by_member(members)

    def _changes_by_member(self, members: Collection[Membership]) -> dict[UUID, list[TierChange]]:
        """The tier changes of each of these members that hold still."""
        changes: dict[UUID, list[TierChange]] = {member.id: [] for member in members}
        for change in self._changes(members):
            changes[change.membership_id].append(change)
        return changes

    def _projected(
        self,
        members: Sequence[Membership],
        at: datetime,
        planned: Sequence[tuple[Order, Money]],
    ) -> dict[MembershipId, Projection]:
        entries, changes = self._by_member(members)
        return {
            member.id: projection(
                self._programme(member.programme), member, entries[member.id],
                changes[member.id], at=at, currency=self._unit.model.currency, planned=planned,
            )
            for member in members
        }  # fmt: skip

    def _again(
        self,
        member: Membership,
        movement: Movement,
        points: int,
        at: datetime,
        more: Mapping[str, Any],
    ) -> PointsEntry | None:
        """The entry that was made for this source key already; `ConflictingFact` if it differs."""
        key, source = more.get("source_key"), self._unit.source
        if key is None:
            return None
        if source is None:
            raise InvalidInput.of("source_key", "needs a source: unit_of_work(source=...)")
        probe = PointsEntry(
            customer_id=member.customer_id, membership_id=member.id, programme=member.programme,
            movement=movement, at=at, source=source, source_key=key,
        )  # fmt: skip
        stored = self._unit.reads.recorded(POINTS, [probe], source).get(0)
        if stored is None:
            return None
        asked = {
            "membership_id": member.id, "movement": movement, "at": at,
            "of_fact": more.get("of_fact"), "qualifying": more.get("counts", NOTHING).points,
            "other_membership_id": more.get("other_membership_id"),
        }  # fmt: skip
        if stored.reason is not None:  # else it was redacted, or none was given
            asked["reason"] = more.get("reason")
        differ = [name for name, value in asked.items() if getattr(stored, name) != value]
        if stored.active + stored.pending != points:
            differ.append("points")
        if differ:
            raise ConflictingFact(POINTS.name, source, key, tuple(differ))
        return stored

    def _once(
        self,
        membership: Membership,
        movement: Movement,
        points: int,
        at: datetime,
        more: Mapping[str, Any],
    ) -> Membership:
        held = self._held([membership.id])[membership.id]
        if self._again(held, movement, points, at, more) is not None:
            return held
        member, programme = self._open(held), self._programme(held.programme)
        if points > 0:
            posting = ledger.gain(programme, member, points, at=at, movement=movement, **more)
        else:
            posting = ledger.take(programme, member, -points, at=at, movement=movement, **more)
        return self._post([posting], {member.id: member})[0]

    def _earn(self, orders: Sequence[Order]) -> list[Membership]:
        unit, programmes = self._unit, {p.name: p for p in self._unit.model.programmes}
        if not orders:
            return []
        held = self._held(self._of_customers({order.customer_id for order in orders}))
        by_customer: dict[CustomerId, list[UUID]] = {}
        for id, member in held.items():
            by_customer.setdefault(member.customer_id, []).append(id)
        wanted = [
            (order, id)
            for order in sorted(orders, key=attrgetter("at", "id"))
            for id in by_customer.get(order.customer_id, ())
        ]
        probes = [
            PointsEntry(
                customer_id=order.customer_id, membership_id=held[id].id, movement=Movement.EARN,
                programme=held[id].programme, at=order.at, source=SOURCE,
                source_key=f"earn:{held[id].programme}:{order.id}",
            )
            for order, id in wanted
        ]  # fmt: skip
        made = unit.reads.recorded(POINTS, probes, SOURCE) if probes else {}
        postings: dict[UUID, Posting] = {}
        posted = set[str | None]()
        known: tuple[dict[UUID, list[PointsEntry]], dict[UUID, list[TierChange]]] | None = None
        for place, (order, id) in enumerate(wanted):
            before = postings.get(id, Posting(held[id], ()))
            member, programme = before.membership, programmes[held[id].programme]
            key = probes[place].source_key
            if place in made or key in posted or order.at < member.at or not member.is_open:
                continue
            posted.add(key)
            worth = order.base_amount or unit.in_base(order.total, order.at)
            rules = programme.rules_from(order.at)
            tier = member.tier
            if member.due_at <= order.at and any(rule.tiers for rule in rules.earning):
                if known is None:
                    known = self._by_member(list(held.values()))
                entries = [*known[0][id], *before.entries]
                tier = standing(programme, member, entries, known[1][id], at=order.at).tier
            given = earned(order, worth, tier, rules.earning, rules.rounding)
            posting = ledger.gain(
                programme, member, given.points, at=order.at, movement=Movement.EARN,
                counts=Sums(given.qualifying, worth.minor, 1), of_fact=order.id, source=SOURCE,
                source_key=key,
            )  # fmt: skip
            postings[id] = before.then(posting)
        return self._post(list(postings.values()), held)

    def _post(self, postings: Sequence[Posting], held: Held) -> list[Membership]:
        return self._changed([(p.membership, p.entries, ()) for p in postings], held)

    def _changed(
        self,
        moved: Sequence[tuple[Membership, Sequence[PointsEntry], Sequence[TierChange]]],
        held: Held,
    ) -> list[Membership]:
        """Store the next states of those held, with the entries and tier changes that tell of
        them.
        """
        if not moved:
            return []
        unit = self._unit
        with unit.writing():
            if entries := [entry for _, some, _ in moved for entry in some]:
                unit.points.add_many(entries)
            if changes := [change for _, _, some in moved for change in some]:
                unit.tier_changes.add_many(changes)
            return self._replace([member for member, _, _ in moved], held)

    def _advanced(
        self, held: Mapping[UUID, Membership], at: datetime
    ) -> tuple[list[Membership], int, int]:
        open_ = {id: member for id, member in held.items() if member.is_open}
        moving = [member for member in open_.values() if _may_move(member, at)]
        customers = {member.customer_id for member in moving}
        counts = self._unit.reads.counts(customers)
        changes = self._changes_by_member(moving)
        found: list[tuple[Membership, Sequence[PointsEntry], Sequence[TierChange]]] = [
            (changed(member, due_at=LATEST), (), ())
            for member in held.values()
            if not member.is_open and member.due_at < LATEST
        ]
        for id, member in open_.items():
            programme = self._programme(member.programme)
            due = ledger.fallen_due(programme, member, at)
            moved, made, next_due = due.membership, list[TierChange](), member.tier_until
            if id in changes:
                after = standing_by(programme, member, counts.get(id, ()), changes[id], at=at)
                made, next_due = _changes_in(member, after.steps), after.due_at
                moved = _behind(moved, made)
            moved = changed(moved, due_at=min([next_due, *ledger.dues(moved.lots)]))
            if member.due_at <= at or changed(moved, due_at=member.due_at) != member:
                found.append((moved, due.entries, made))
        stored = self._changed(found, held)
        return stored, sum(len(e) for _, e, _ in found), sum(len(c) for _, _, c in found)


def _may_move(member: Membership, at: datetime) -> bool:
    """May the tier of a member change until `at`? Not where it does not end and a lot alone is due:
    whatever counts makes them due from when it is dated.
    """
    lots = min(ledger.dues(member.lots), default=LATEST)
    return member.tier_until <= at or member.due_at <= member.entered_at or member.due_at < lots


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


def _above_zero(points: object) -> int:
    if type(points) is not int or not 0 < points < 2**53:
        raise InvalidInput.of("points", "must be a whole number above zero, below 2**53")
    return points


def _change(
    member: Membership,
    tier: str,
    at: datetime,
    until: datetime,
    reason: TierReason,
    *,
    previous: str | None = "",
    decision_id: FactId | None = None,
) -> TierChange:
    return TierChange(
        customer_id=member.customer_id, membership_id=member.id, programme=member.programme,
        tier=tier, previous=member.tier if previous == "" else previous, at=at, until=until,
        reason=reason, decision_id=decision_id,
    )  # fmt: skip


def _behind(member: Membership, changes: Sequence[TierChange]) -> Membership:
    """The membership after these tier changes."""
    for change in changes:
        since = member.tier_since if change.tier == member.tier else change.at
        member = changed(member, tier=change.tier, tier_since=since, tier_until=change.until)
    return changed(member, due_at=min(member.due_at, member.tier_until))


def _next_change(member: Membership, changes: Iterable[TierChange], at: datetime) -> datetime:
    """When a tier change of `at` is dated; earlier than the last one it is `Refused`."""
    when = behind(changes, at)
    if when is None:
        raise Refused("tiers.time_runs_forward", "entered its tier later", str(member.id))
    return when
