"""The memberships of a unit of work as they are kept: found, held against others, stored again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from crmcore.domain.errors import InvalidInput, NotFound, Refused
from crmcore.domain.ids import CustomerId, MembershipId, as_id
from crmcore.domain.instants import instant
from crmcore.domain.kinds import MEMBERSHIPS, POINTS, TIER_CHANGES, Key
from crmcore.domain.ledger import Posting
from crmcore.domain.membership import Membership, TierChange, member_value, number_value
from crmcore.domain.points import PointsBalance, PointsEntry
from crmcore.domain.profile import check_limit
from crmcore.domain.programme import Programme
from crmcore.domain.rebuilding import rebuilt
from crmcore.domain.repositories import Aggregates
from crmcore.domain.standing import Count
from crmcore.domain.text import checked_text
from crmcore.domain.trusted import changed

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["MemberRecords"]

PAGE = 2_000
TOLD = ("lots", "tier", "tier_since", "tier_until", "entered_at", "closed_at")


class MemberRecords(Aggregates[Membership]):
    """What is stored of members, and their ledgers."""

    def __init__(self, unit: UnitOfWork) -> None:
        super().__init__(unit, MEMBERSHIPS)

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

    def hold(self, membership: Membership) -> Membership:
        """A membership as it is stored now, held against other writers until the end of the unit of
        work: what is decided of it by what was given before is decided one after another.
        """
        (member,) = _members([membership])
        return self._held([member.id])[member.id]

    def balance(self, membership: Membership, *, at: datetime | None = None) -> PointsBalance:
        """The accounts of a member's ledger by what was posted, as of an instant."""
        entries = self._entries(_members([membership]))
        return PointsBalance.of(entries, at=None if at is None else instant(at))

    def entries_of(self, memberships: Iterable[Membership]) -> dict[UUID, list[PointsEntry]]:
        """By membership, the entries of its ledger, by `at`."""
        return self._entries_by_member(_members(memberships))

    def page(
        self, programme: str, *, after: MembershipId | None = None, limit: int = PAGE
    ) -> tuple[list[Membership], MembershipId | None]:
        """Members of a programme in the order of their ids, behind one of them, found among the
        next `limit` memberships, 1 to 10,000; and behind whom to go on, `None` at the end.
        """
        self._programme(programme)
        check_limit(limit)
        after = None if after is None else MembershipId(as_id(after, "after"))
        found = self._unit.reads.after(MEMBERSHIPS, after, limit)
        last = MembershipId(found[-1].id) if len(found) == limit else None
        return [member for member in found if member.programme == programme], last

    def follow(self, facts: Iterable[PointsEntry | TierChange]) -> None:
        """Make the memberships that facts were added to, or taken from, what all their facts tell:
        the lots by entries, the tier by tier changes. `advance` then reckons all of them anew.
        """
        known = list(facts)
        by_entries = any(isinstance(fact, PointsEntry) for fact in known)
        stored = self._unit.writes.fetch(MEMBERSHIPS, sorted({f.membership_id for f in known}))
        held = self._held_of({id: member.customer_id for id, member in stored.items()})
        members = list(held.values())
        entries = self._entries_by_member(members) if by_entries else {}
        changes = {} if by_entries else self._changes_by_member(members)
        moved = list[Membership]()
        for id, before in held.items():
            own, programme = entries.get(id, []), self._programme(before.programme)
            after = rebuilt(programme, before, own, changes.get(id, []))
            if by_entries:
                entered_at = max([before.entered_at, *(entry.at for entry in own)])
                after = changed(before, lots=after.lots, entered_at=entered_at)
            else:
                after = changed(after, lots=before.lots)
            if after != before:
                due_at = min(before.due_at, before.at) if before.is_open else before.due_at
                moved.append(changed(after, due_at=due_at))
        if moved:
            self._replace(moved, held)

    # how

    def _keys(self, aggregate: Membership, held: Membership) -> Collection[Key] | None:
        return None if aggregate.number == held.number else super()._keys(aggregate, held)

    def _save(self, aggregates: list[Membership]) -> list[Membership]:
        ids = sorted({member.id for member in aggregates})
        held = self._unit.writes.fetch(MEMBERSHIPS, ids, lock=True)
        for member in aggregates:
            before = held.get(member.id, member)
            for name in TOLD if before.version == member.version else ():
                if getattr(member, name) != getattr(before, name):
                    raise InvalidInput.of(name, "is what its facts tell: post them")
        return self._replace(aggregates, held)

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

    def _stored(self, memberships: Iterable[Membership]) -> list[Membership]:
        """These memberships as they are stored now."""
        members = _members(memberships)
        known = self._fetched(member.id for member in members)
        return [known[member.id] for member in members]

    def _fetched(self, ids: Iterable[UUID]) -> dict[UUID, Membership]:
        wanted = sorted(set(ids))
        known = self._unit.reads.fetch(MEMBERSHIPS, wanted)
        for id in wanted:
            if id not in known:
                raise NotFound("memberships", str(id))
        return known

    def _held(self, ids: Iterable[UUID]) -> dict[UUID, Membership]:
        """These memberships, held against others: profiles first, as appending facts does."""
        known = self._fetched(ids)
        return self._held_of({id: member.customer_id for id, member in known.items()})

    def _held_of(self, known: Mapping[UUID, CustomerId]) -> dict[UUID, Membership]:
        """These memberships of these customers, held against others, by their ids in order."""
        self._unit.writes.lock_profiles(set(known.values()))
        return self._unit.writes.fetch(MEMBERSHIPS, sorted(known), lock=True)

    def _one(self, membership: Membership) -> Membership:
        return self._open(self.hold(membership))

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

    def _entries_by_member(self, members: Collection[Membership]) -> dict[UUID, list[PointsEntry]]:
        """The ledger entries of each of these members."""
        entries: dict[UUID, list[PointsEntry]] = {member.id: [] for member in members}
        for entry in self._entries(members) if members else ():
            entries[entry.membership_id].append(entry)
        return entries

    def _counts(self, members: Collection[Membership]) -> dict[UUID, list[Count]]:
        """What each of these members earned that counts for a tier."""
        known = self._unit.reads.counts({member.customer_id for member in members})
        return {member.id: known.get(member.id, []) for member in members}

    def _changes_by_member(self, members: Collection[Membership]) -> dict[UUID, list[TierChange]]:
        """The tier changes of each of these members."""
        changes: dict[UUID, list[TierChange]] = {member.id: [] for member in members}
        for change in self._changes(members):
            changes[change.membership_id].append(change)
        return changes

    def _post(
        self, postings: Sequence[Posting], held: Mapping[UUID, Membership]
    ) -> list[Membership]:
        return self._changed([(p.membership, p.entries, ()) for p in postings], held)

    def _changed(
        self,
        moved: Sequence[tuple[Membership, Sequence[PointsEntry], Sequence[TierChange]]],
        held: Mapping[UUID, Membership],
    ) -> list[Membership]:
        """Store the next states of those held, with the entries and tier changes that tell of
        them.
        """
        if not moved:
            return []
        unit = self._unit
        with unit.writing():
            if entries := [entry for _, some, _ in moved for entry in some]:
                unit.points.posted(entries)
            if changes := [change for _, _, some in moved for change in some]:
                unit.tier_changes.posted(changes)
            return self._replace([member for member, _, _ in moved], held)


def _members(memberships: Iterable[Membership]) -> list[Membership]:
    """These; `InvalidInput` for what is no membership."""
    given = list(memberships) if isinstance(memberships, Iterable) else [None]
    found = [member for member in given if isinstance(member, Membership)]
    if len(found) < len(given):
        raise InvalidInput.of("membership", "must be a Membership")
    return found
