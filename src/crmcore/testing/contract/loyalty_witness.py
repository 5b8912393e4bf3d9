"""Two stores with the same members, and an oracle beside them that is asked what each must hold.

One store is advanced member by member, the other in sets: they end alike (O4).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import attrs

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import CrmError
from crmcore.domain.ids import CustomerId, FactId, MembershipId
from crmcore.domain.membership import Membership
from crmcore.domain.points import Movement, PointsBalance, PointsEntry
from crmcore.domain.rebuilding import rebuilt
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import a_customer
from crmcore.testing.contract.interleaving import Undone
from crmcore.testing.contract.loyalty_accounts import Account, Refusal
from crmcore.testing.contract.loyalty_calendar import LATE
from crmcore.testing.contract.loyalty_draws import JOINED
from crmcore.testing.contract.loyalty_tiers import Held

__all__ = [
    "Key",
    "Loyal",
    "Stored",
    "Told",
    "an_id",
    "began",
    "copied",
    "given_away",
    "see_account",
    "see_tier",
]

Key = tuple[int, str]
"""Whose membership, and in which programme."""

Told = tuple[Key, str, int, datetime, object]
"""What a source key was used for."""


@attrs.define(eq=False)
class Loyal:
    """What the oracle knows: every member's account and tier, and which keys were used."""

    members: dict[Key, Held]
    keys: dict[str, Told] = attrs.field(factory=dict)

    def known(self, key: str | None, told: Told) -> bool:
        """Was this posted already? With other content it conflicts."""
        if key is None or key not in self.keys:
            if key is not None:
                self.keys[key] = told
            return False
        if self.keys[key] != told:
            raise Refusal("ConflictingFact")
        return True

    def open(self, key: Key) -> Account:
        """The account of a member who did not leave."""
        account = self.members[key].account
        if account.closed_at is not None:
            raise Refusal("Refused")
        return account


@attrs.define(eq=False)
class Stored:
    """One tenant of the store, with the ids of its memberships."""

    backend: Backend
    in_sets: bool
    customers: list[CustomerId]
    ids: dict[Key, MembershipId] = attrs.field(factory=dict)

    def enrol(self, programmes: list[str]) -> None:
        """Everybody becomes a member of these programmes."""
        with self.backend.unit_of_work() as uow:
            for place, id in enumerate(self.customers):
                uow.customers.add(a_customer(f"Member {place}", id=id, at=JOINED))
                for name in programmes:
                    number = f"{name}-{place}"
                    member = uow.memberships.enrol(id, name, at=JOINED, number=number)
                    self.ids[place, name] = member.id

    def member(self, uow: UnitOfWork, key: Key) -> Membership:
        """The membership as it is stored."""
        return uow.memberships.get(self.ids[key])

    def do(self, deed: Callable[[Stored, UnitOfWork], object], *, undone: bool) -> str | None:
        """Do it in a unit of its own, and say which error it raised; then, or if it is to be
        undone, nothing is kept.
        """
        with suppress(Undone), self.backend.unit_of_work(source="shop", actor="desk") as uow:
            try:
                deed(self, uow)
            except CrmError as error:
                uow.rollback()
                return type(error).__name__
            if undone:
                raise Undone
        return None

    def versions(self) -> dict[Key, int]:
        """How often each membership was stored."""
        with self.backend.reading() as uow:
            return {key: self.member(uow, key).version for key in self.ids}

    def see(self, loyal: Loyal, asked: list[datetime]) -> None:
        """Everything that the store answers of every member is what the oracle says."""
        with self.backend.reading() as uow:
            for place, id in enumerate(self.customers):
                entries, changes = uow.points.of(id), uow.tier_changes.of(id)
                profile = uow.profiles.get(id)
                for (who, name), held in loyal.members.items():
                    if who != place:
                        continue
                    member = self.member(uow, (who, name))
                    own = [entry for entry in entries if entry.programme == name]
                    of_tier = [change for change in changes if change.programme == name]
                    see_account(held.account, member, own, asked)
                    see_tier(held, member, of_tier)
                    fresh = rebuilt(uow.model.programme(name), member, own, of_tier)
                    assert _by_id(fresh) == _by_id(member)
                    assert uow.memberships.balance(member) == PointsBalance.of(own)
                    fields = {n: profile[f"{name}_{n}"] for n in ("tier", "points", "pending")}
                    assert fields == {
                        "tier": member.tier, "points": member.active, "pending": member.pending,
                    }  # fmt: skip


def see_account(
    account: Account, member: Membership, entries: list[PointsEntry], asked: list[datetime]
) -> None:
    """The ledger of one member, now and as of earlier instants (O1)."""
    last = max((entry.at for entry in entries), default=JOINED)
    for at in (LATE, last, last - timedelta(milliseconds=1), *asked):
        balance = attrs.asdict(PointsBalance.of(entries, at=at))
        assert balance == account.sums(at)
        taken = sum(balance[name] for name in ("spent", "expired", "reversed"))
        assert balance["earned"] == balance["active"] + balance["pending"] + taken
    left: dict[UUID, int] = {}
    for entry in entries:
        for part in entry.lots:
            left[part.lot] = left.get(part.lot, 0) + part.points
    assert {lot.id: lot.points for lot in member.lots} == {id: p for id, p in left.items() if p}
    found = sorted(
        (lot.earned_at, lot.points, lot.expires_at or LATE, lot.pending, lot.available_at or LATE)
        for lot in member.lots
    )
    assert found == account.told()
    assert member.closed_at == account.closed_at


def see_tier(held: Held, member: Membership, changes: list[Any]) -> None:
    """The tier of one member, and the changes that led there (O3)."""
    names = [tier[0] for tier in held.account.given.versions[0].tiers]
    assert (member.tier, member.tier_since, member.tier_until) == (
        names[held.rank], held.since, held.until,
    )  # fmt: skip
    told = [(c.at, c.tier, c.until, c.reason.value, c.decision_id) for c in changes]
    assert told == [
        (c.at, names[c.rank], c.until, c.reason, c.decision)
        for c in sorted(held.changes, key=lambda change: change.at)
    ]


def given_away(backends: list[Stored]) -> int:
    """All transfers together: nothing is lost on the way, and nothing made."""
    total = 0
    for stored in backends:
        with stored.backend.reading() as uow:
            for id in stored.customers:
                moved = [e for e in uow.points.of(id) if e.movement is Movement.TRANSFER]
                total += sum(entry.active + entry.pending for entry in moved)
    return total


def _by_id(member: Membership) -> Membership:
    return attrs.evolve(member, lots=sorted(member.lots, key=lambda lot: lot.id))


def began(programmes: list[str], count: int) -> Loyal:
    """Members of these programmes to whom nothing happened yet."""
    return Loyal(
        {
            (place, name): Held.enrolled(Account(name, JOINED))
            for place in range(count)
            for name in programmes
        }
    )


def copied(loyal: Loyal) -> Loyal:
    """The same, to go back to."""
    return deepcopy(loyal)


def an_id(number: int) -> FactId:
    """An id like no other."""
    return FactId(UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128))
