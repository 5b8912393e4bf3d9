"""Tiers of a programme: how many members each has, and what they buy (S47)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from uuid import UUID

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import LATEST, instant
from crmcore.domain.membership import Membership
from crmcore.domain.money import Money
from crmcore.domain.ports import Backend

__all__ = ["TierSpend", "members_by_tier", "tier_spend"]

PAGE = 2_000
MILLISECOND = timedelta(milliseconds=1)


@attrs.frozen
class TierSpend:
    """What the members of a tier bought in a period: of `members`, `buyers` bought at all, together
    so many `purchases` for `spend`, in the model's currency and net of what came back.
    """

    tier: str
    members: int
    buyers: int
    purchases: int
    spend: Money

    @property
    def spend_each(self) -> Money:
        """The mean spend of a member, whether they bought or not; nothing where there is none."""
        each = Fraction(self.spend.minor, max(self.members, 1))
        return Money.of_minor(round(each), self.spend.currency)

    @property
    def purchases_each(self) -> float:
        """The mean number of purchases of a member."""
        return self.purchases / max(self.members, 1)


def members_by_tier(backend: Backend, programme: str, *, at: datetime) -> Mapping[str, int]:
    """How many members each tier has at an instant, from low to high, by the tier changes until
    then, those of that instant included: as `advance` left them. Who had not joined yet, or had
    left, is not counted.
    """
    behind = min(instant(at), LATEST - MILLISECOND) + MILLISECOND
    found = Counter(tier for _, tier in _members_before(backend, programme, behind))
    return {tier: found[tier] for tier in backend.model.programme(programme).tiers}


def tier_spend(
    backend: Backend, programme: str, *, since: datetime, until: datetime
) -> Mapping[str, TierSpend]:
    """The spend pattern of each tier, from low to high: what those who are in it right before
    `until` bought, `since <= at < until`, before they reached it included. One pass over the
    memberships and one over the purchases of the period.
    """
    since, until = instant(since, "since"), instant(until, "until")
    if since >= until:
        raise InvalidInput.of("until", "must be behind since")
    tiers = backend.model.programme(programme).tiers
    tier_of = {
        member.customer_id.bytes: tier
        for member, tier in _members_before(backend, programme, until)
    }
    members = Counter(tier_of.values())
    purchases, spend = Counter[str](), Counter[str]()
    buyers = set[bytes]()
    for batch in backend.columns("purchases", since=since, until=until):
        for who, amount in zip(batch["customer_id"], batch["amount_minor"], strict=True):
            if (tier := tier_of.get(who)) is not None:
                buyers.add(who)
                purchases[tier] += 1
                spend[tier] += amount
    bought = Counter(tier_of[who] for who in buyers)
    currency = backend.model.currency
    return {
        tier: TierSpend(
            tier, members[tier], bought[tier], purchases[tier],
            Money.of_minor(spend[tier], currency),
        )
        for tier in tiers
    }  # fmt: skip


def _members_before(
    backend: Backend, programme: str, at: datetime
) -> Iterator[tuple[Membership, str]]:
    """The members before an instant, each with their tier: the stored one, or that before the first
    change which came later.
    """
    backend.model.programme(programme)
    before = _tiers_before(backend, programme, at)
    after, more = None, True
    while more:
        with backend.reading() as uow:
            members, after = uow.memberships.page(programme, after=after, limit=PAGE)
        for member in members:
            left = member.closed_at is not None and member.closed_at < at
            tier = before.get(member.id, member.tier)
            if member.at < at and not left and tier is not None:
                yield member, tier
        more = after is not None


def _tiers_before(backend: Backend, programme: str, at: datetime) -> dict[UUID, str | None]:
    """By membership that changed its tier later, the tier before the first of these changes."""
    later: dict[bytes, tuple[tuple[int, int], list[tuple[str | None, str]]]] = {}
    for batch in backend.columns("tier_changes", since=at):
        columns = ("programme", "membership_id", "at", "recorded_at", "previous", "tier")
        for name, id, *when, previous, tier in zip(*(batch[n] for n in columns), strict=True):
            if name != programme:
                continue
            rank = (when[0], when[1])
            first, steps = later.get(id, (rank, []))
            if rank < first:
                later[id] = (rank, [(previous, tier)])
            elif rank == first:
                later[id] = (rank, [*steps, (previous, tier)])
    # Several at one instant lead from one to the next: the first is the one that none leads to.
    return {
        UUID(bytes=id): min(
            (p for p, _ in steps if p not in {t for q, t in steps if q != t}),
            default=steps[0][0], key=str,
        )
        for id, (_, steps) in later.items()
    }  # fmt: skip
