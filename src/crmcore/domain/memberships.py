"""The memberships of a unit of work: enrolled, posted to, advanced, foreseen.

What is posted changes a membership as it is stored now, under a lock: two redemptions at once do
not overspend. A posting with a source key is made once, however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import attrs

from crmcore.domain import ledger
from crmcore.domain.earning import earned
from crmcore.domain.errors import ConflictingFact, InvalidInput, NotFound, Refused
from crmcore.domain.foresight import tier_at
from crmcore.domain.ids import CustomerId, FactId, as_id
from crmcore.domain.instants import LATEST, instant
from crmcore.domain.kinds import CANCELLATIONS, POINTS, RETURNS
from crmcore.domain.ledger import SOURCE, Posting, above_zero, earn_key
from crmcore.domain.member_tiers import MemberTiers, change_of
from crmcore.domain.membership import Membership, TierChange, TierReason
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Cancellation, Return
from crmcore.domain.points import Movement, PointsEntry
from crmcore.domain.reversing import reversal
from crmcore.domain.standing import Count, Sums, counts_of
from crmcore.domain.text import checked_text

__all__ = ["Memberships"]

PAGE = 2_000
NOTHING = Sums()


class Memberships(MemberTiers):
    """`uow.memberships`. A programme that the model does not declare is `InvalidInput`; too few
    points, time that runs backwards or a membership that is closed is `Refused`.
    """

    def enrol(
        self, customer_id: CustomerId, programme: str, *, at: datetime, number: str | None = None
    ) -> Membership:
        """Make a customer a member, in the lowest tier. `IdentifierTaken` if they are one already,
        or the number is another's.
        """
        known, at = self._programme(programme), instant(at)
        known.rules_at(at)
        who = CustomerId(as_id(customer_id, "customer_id"))
        self._hold({who})
        member = self.add(
            Membership(
                customer_id=who, programme=programme, number=number, at=at, tier=known.tiers[0]
            )
        )
        self._unit.tier_changes.posted(
            [change_of(member, member.tier, at, LATEST, TierReason.ENROLLED, previous=None)]
        )
        return member

    def earn(self, order: Order) -> list[Membership]:
        """Post a purchase to every programme that its customer was a member of then, and still is;
        once. It earns by the rules and the tier of its time, however late it is posted. Who was no
        member earns nothing. The order may be kept elsewhere; `reverse` needs it stored.
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
        to take is for the programme's policy. `NotFound` if the order earned nothing anywhere, or
        the return or cancellation is not stored.
        """
        unit, found = self._unit, list[Posting]()
        order = unit.orders.get(fact.order_id)
        held = unit.writes.memberships([order.customer_id])
        entries = unit.points.of(order.customer_id)
        returns = unit.returns.of_order(order.id)
        stored = returns if isinstance(fact, Return) else unit.cancellations.of_order(order.id)
        if fact.id not in {other.id for other in stored}:
            kind = RETURNS if isinstance(fact, Return) else CANCELLATIONS
            raise NotFound(kind.name, str(fact.id))
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
        some = above_zero(points)
        if type(qualifying) is not bool:
            raise InvalidInput.of("qualifying", "must be True or False")
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
        return self._once(membership, Movement.REDEEM, -above_zero(points), instant(at), more)

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
        above_zero(abs(points))
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
        some = above_zero(points)
        if giver.programme != taker.programme or giver.id == taker.id:
            raise InvalidInput.of("taker", "must be another member of the same programme")
        held = self._held([giver.id, taker.id])
        more: dict[str, Any] = {"source_key": source_key, "reason": reason}
        told = more | {"other_membership_id": taker.id}
        if self._again(held[giver.id], Movement.TRANSFER, -some, instant(at), told) is not None:
            return held[giver.id], held[taker.id]
        self._joined(held[giver.id], instant(at))
        self._joined(held[taker.id], instant(at))
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
        posting = ledger.forfeited(self._programme(member.programme), self._joined(member, at), at)
        closed = attrs.evolve(posting.membership, closed_at=at, due_at=LATEST)
        return self._post([attrs.evolve(posting, membership=closed)], {member.id: member})[0]

    # how

    def _joined(self, member: Membership, at: datetime) -> Membership:
        """A member who is one still, and was one at `at`."""
        if at < self._open(member).at:
            raise Refused("memberships.time_runs_forward", "joined later", str(member.id))
        return member

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
        held = self.hold(membership)
        if self._again(held, movement, points, at, more) is not None:
            return held
        member, programme = self._joined(held, at), self._programme(held.programme)
        if points > 0:
            posting = ledger.gain(programme, member, points, at=at, movement=movement, **more)
        else:
            posting = ledger.take(programme, member, -points, at=at, movement=movement, **more)
        return self._post([posting], {member.id: member})[0]

    def _earn(self, orders: Sequence[Order]) -> list[Membership]:
        unit, programmes = self._unit, {p.name: p for p in self._unit.model.programmes}
        if not orders:
            return []
        held = unit.writes.memberships({order.customer_id for order in orders})
        by_customer: dict[CustomerId, list[UUID]] = {}
        for id, member in held.items():
            by_customer.setdefault(member.customer_id, []).append(id)
        wanted = [
            (order, id, earn_key(held[id].programme, order.id))
            for order in sorted(orders, key=attrgetter("at", "id"))
            for id in by_customer.get(order.customer_id, ())
        ]
        posted = unit.reads.keyed(POINTS, SOURCE, [key for *_, key in wanted]) if wanted else set()
        postings: dict[UUID, Posting] = {}
        known: tuple[dict[UUID, list[Count]], dict[UUID, list[TierChange]]] | None = None
        for order, id, key in wanted:
            before = postings.get(id) or Posting(held[id], ())
            member, programme = before.membership, programmes[held[id].programme]
            if key in posted or order.at < member.at or not member.is_open:
                continue
            posted.add(key)
            worth = order.base_amount or unit.in_base(order.total, order.at)
            rules = programme.rules_from(order.at)
            tier = member.tier
            known_tier = member.tier_since <= order.at < member.due_at
            if not known_tier and any(rule.tiers for rule in rules.earning):
                if known is None:
                    members = list(held.values())
                    known = self._counts(members), self._changes_by_member(members)
                counts = [*known[0][id], *counts_of(before.entries).get(id, ())]
                tier = tier_at(programme, member, counts, known[1][id], at=order.at)
            given = earned(order, worth, tier, rules.earning, rules.rounding)
            posting = ledger.gain(
                programme, member, given.points, at=order.at, movement=Movement.EARN,
                counts=Sums(given.qualifying, worth.minor, 1), of_fact=order.id, source=SOURCE,
                source_key=key,
            )  # fmt: skip
            postings[id] = before.then(posting)
        return self._post(list(postings.values()), held)
