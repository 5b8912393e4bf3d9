"""Loyalty for a whole base: what falls due, who is near a tier, how members moved (S41, S43)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.foresight import Missing, Projection
from crmcore.domain.ids import CustomerId, MembershipId
from crmcore.domain.instants import instant
from crmcore.domain.member_tiers import LoyaltyAdvance
from crmcore.domain.membership import Membership, TierReason
from crmcore.domain.ports import Backend
from crmcore.domain.programme import Programme
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = [
    "WITHIN", "Candidate", "advance_programmes", "near_either", "near_fall", "near_promotion",
    "tier_flow",
]  # fmt: skip

PAGE = 2_000
WITHIN = 0.25
"""The share of what a tier asks for within which somebody is near it."""


@attrs.frozen
class Candidate:
    """A member near another tier: `tier` is theirs, `towards` the one they are near, `missing` what
    is missing to the next tier or to stay, `share` that in parts of what the tier asks for (the
    smallest of its ways), `by` when the period ends or when they fall.
    """

    membership_id: MembershipId
    customer_id: CustomerId
    tier: str
    towards: str
    missing: Missing
    share: float
    by: datetime


def advance_programmes(
    backend: Backend, *, at: datetime, actor: str = "advance"
) -> Mapping[str, LoyaltyAdvance]:
    """Post what fell due in every programme until `at`: points released and expired, tiers reached,
    renewed and lowered; answer what was done, by programme. Again for the same instant, nothing.

    The work follows those for whom something is due, a page of them at a time, each page a unit of
    work. Everybody ends as `uow.memberships.advance` would leave them one by one.
    """
    found = {}
    for programme in backend.model.programmes:
        done = LoyaltyAdvance(more=True)
        while done.more:
            page = backend.run(_page, programme.name, instant(at), actor=actor, source="advance")
            done = done.and_(page)
        found[programme.name] = done
    return found


def _page(unit: UnitOfWork, programme: str, at: datetime) -> LoyaltyAdvance:
    return unit.memberships.advance_page(programme, at=at)


def near_promotion(
    backend: Backend, programme: str, *, at: datetime, within: float = WITHIN
) -> Iterator[Candidate]:
    """Members to whom at most this share of what the next tier asks for is missing at `at`, in the
    order of memberships; by whichever way of reaching it they are nearest. Asked for an instant
    that is past, it is as it was then.
    """
    _check_share(within)
    known = backend.model.programme(programme)
    for member, projected in _projected(backend, programme, at):
        if (found := _rising(known, member, projected, within)) is not None:
            yield found


def near_fall(
    backend: Backend, programme: str, *, at: datetime, until: datetime
) -> Iterator[Candidate]:
    """Members who fall behind `at` and not later than `until` if nothing more happens, in the order
    of memberships: `towards` is where they fall to, `missing` what keeps them. Asked for an instant
    that is past, it is as it was then.
    """
    until = instant(until, "until")
    known = backend.model.programme(programme)
    for member, projected in _projected(backend, programme, at):
        if (found := _falling(known, member, projected, until)) is not None:
            yield found


def near_either(
    backend: Backend, programme: str, *, at: datetime, until: datetime, within: float = WITHIN
) -> Iterator[tuple[Candidate | None, Candidate | None]]:
    """Of each member who is near a tier, what `near_promotion` says and what `near_fall` says, in
    one pass over the members.
    """
    _check_share(within)
    until, known = instant(until, "until"), backend.model.programme(programme)
    for member, projected in _projected(backend, programme, at):
        rising = _rising(known, member, projected, within)
        falling = _falling(known, member, projected, until)
        if rising is not None or falling is not None:
            yield rising, falling


def _check_share(within: object) -> None:
    if not isinstance(within, int | float) or not 0 < within <= 1:
        raise InvalidInput.of("within", "must be above 0 and at most 1")


def _rising(
    programme: Programme, member: Membership, projected: Projection, within: float
) -> Candidate | None:
    wanted = projected.to_next
    share = 0.0 if wanted is None else _share(programme, projected, wanted)
    if wanted is None or not 0 < share <= within:
        return None
    return Candidate(
        member.id, member.customer_id, projected.tier, wanted.tier, wanted, share,
        projected.period_ends,
    )  # fmt: skip


def _falling(
    programme: Programme, member: Membership, projected: Projection, until: datetime
) -> Candidate | None:
    falls_at, falls_to, wanted = projected.falls_at, projected.falls_to, projected.to_stay
    if falls_at is None or falls_to is None or wanted is None or falls_at > until:
        return None
    return Candidate(
        member.id, member.customer_id, projected.tier, falls_to, wanted,
        _share(programme, projected, wanted), falls_at,
    )  # fmt: skip


def _projected(
    backend: Backend, programme: str, at: datetime
) -> Iterator[tuple[Membership, Projection]]:
    after, more = None, True
    while more:
        with backend.reading() as uow:
            found, after = uow.memberships.project_page(programme, at=at, after=after, limit=PAGE)
        yield from found
        more = after is not None


def _share(programme: Programme, projected: Projection, wanted: Missing) -> float:
    """What is missing, in parts of what the tier asks for, by the nearest way."""
    tier = programme.rules_from(projected.at).tiers[programme.rank_of(wanted.tier)]
    asked = ((tier.points, wanted.points), (tier.purchases, wanted.purchases))
    shares = [missing / whole for whole, missing in asked if whole and missing is not None]
    if tier.spend is not None and wanted.spend is not None:
        shares.append(wanted.spend.minor / tier.spend.minor)
    return min(shares)


def tier_flow(
    backend: Backend, programme: str, *, since: datetime, until: datetime
) -> Mapping[tuple[str | None, str], int]:
    """How many changes there were between tiers, `since <= at < until`, by the tier before (`None`
    for who joined) and the tier behind; who was renewed stays in theirs.
    """
    backend.model.programme(programme)
    found: Counter[tuple[str | None, str]] = Counter()
    for batch in backend.columns("tier_changes", since=since, until=until):
        rows = zip(
            batch["programme"], batch["previous"], batch["tier"], batch["reason"], strict=True
        )
        found.update(
            (previous, tier)
            for name, previous, tier, reason in rows
            if name == programme and (previous != tier or reason == TierReason.RENEWED)
        )
    return dict(found)
