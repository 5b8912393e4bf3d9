"""What a store knew of its loyalty programmes at an instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import attrs
import numpy as np

from crmcore.analytics.checks import IntArray
from crmcore.domain.decisions import Verdict
from crmcore.domain.ids import MembershipId
from crmcore.domain.instants import start_of, to_millis, zone_named
from crmcore.domain.membership import TierReason
from crmcore.domain.model import Model
from crmcore.domain.periods import months_later
from crmcore.domain.ports import Backend
from crmcore.domain.programme import Programme
from crmcore.report.ledgers import Ledgers
from crmcore.report.periods import months_of
from crmcore.report.purchases import local_days_of
from crmcore.services.loyalty import Candidate, near_either
from crmcore.services.tiers import TierSpend, tier_spend

__all__ = ["Decided", "Loyalty", "Near"]

MILLISECOND = timedelta(milliseconds=1)
PAGE = 1_000


@attrs.frozen(kw_only=True)
class Near:
    """Members near another tier: how many go from `tier` to `towards`; of what is missing to each,
    the middle one in parts of what the tier asks for, and by way; the first and last day on which
    the period ends or they fall.
    """

    tier: str
    towards: str
    count: int
    share: float
    points: int | None
    spend: int | None
    purchases: int | None
    first: datetime
    last: datetime


@attrs.define
class Decided:
    """Decisions of one subject: how many were `taken`, hold, were refused, wait for approval or
    were taken back, and what those that hold cost and are expected to gain, in minor units.
    """

    taken: int = 0
    hold: int = 0
    refused: int = 0
    waiting: int = 0
    taken_back: int = 0
    cost: int = 0
    value: int = 0


@attrs.frozen(kw_only=True, eq=False)
class Loyalty:
    """One programme at an instant.

    `since` begins the year before it, `until` ends the three months behind it. `changes` counts
    tier changes by month (since January 1970, in the programme's zone), the tier before and the
    tier behind; `flow` those of the year. `rising` and `falling` are near a tier, `spend` and
    `decisions` are of the year.
    """

    programme: Programme
    since: datetime
    until: datetime
    changes: Mapping[tuple[int, str | None, str], int]
    flow: Mapping[tuple[str | None, str], int]
    rising: tuple[Near, ...]
    falling: tuple[Near, ...]
    ledgers: Ledgers
    spend: Mapping[str, TierSpend]
    decisions: Mapping[str, Decided]

    @classmethod
    def read(cls, backend: Backend, *, before: datetime) -> tuple[Loyalty, ...]:
        """Of each programme of the model, in its order."""
        if not backend.model.programmes:
            return ()
        ledgers = Ledgers.read(backend, before=before)
        changes = _changes(backend, before)
        decisions = _decisions(backend, before)
        found = []
        for programme in backend.model.programmes:
            name, (since, until) = programme.name, _bounds(programme, before)
            rising, falling = _near(backend, name, before, until)
            found.append(
                cls(
                    programme=programme, since=since, until=until, rising=rising, falling=falling,
                    ledgers=ledgers[name], changes=changes[name][0], flow=changes[name][1],
                    spend=tier_spend(backend, name, since=since, until=before),
                    decisions=decisions[name],
                )
            )  # fmt: skip
        return tuple(found)

    @property
    def members(self) -> int:
        """How many members there were."""
        return sum(tier.members for tier in self.spend.values())

    def kind(self, previous: str | None, tier: str) -> str:
        """What a change is: `joined`, `risen`, `renewed` or `fallen`."""
        if previous is None:
            return "joined"
        ranks = self.programme.rank_of(previous), self.programme.rank_of(tier)
        return "renewed" if ranks[0] == ranks[1] else "risen" if ranks[0] < ranks[1] else "fallen"


def _bounds(programme: Programme, before: datetime) -> tuple[datetime, datetime]:
    """Where the year before an instant begins, and the three months behind it end."""
    local = (before - MILLISECOND).astimezone(zone_named(programme.zone)).date()
    since, until = (
        start_of(months_later(local, months) + timedelta(days=1), zone=programme.zone)
        for months in (-12, 3)
    )
    return since, until


Changes = tuple[Counter[tuple[int, str | None, str]], Counter[tuple[str | None, str]]]


def _changes(backend: Backend, before: datetime) -> dict[str, Changes]:
    """Of each programme its changes by month, and those of the year."""
    model = backend.model
    found: dict[str, Changes] = {p.name: (Counter(), Counter()) for p in model.programmes}
    begins = {p.name: to_millis(_bounds(p, before)[0]) for p in model.programmes}
    for batch in backend.columns("tier_changes", until=before):
        months = _months(model, np.array(batch["at"], np.int64))
        columns = (batch[n] for n in ("programme", "previous", "tier", "reason", "at"))
        for row, (name, previous, tier, reason, at) in enumerate(zip(*columns, strict=True)):
            if previous == tier and reason != TierReason.RENEWED:
                continue
            by_month, of_year = found[name]
            by_month[int(months[name][row]), previous, tier] += 1
            of_year[previous, tier] += at >= begins[name]
    return {name: (by_month, +of_year) for name, (by_month, of_year) in found.items()}


def _months(model: Model, at: IntArray) -> dict[str, IntArray]:
    """The months of instants, by programme."""
    zones = {programme.zone for programme in model.programmes}
    months = {zone: months_of(local_days_of(at, zone)) for zone in zones}
    return {programme.name: months[programme.zone] for programme in model.programmes}


def _near(
    backend: Backend, programme: str, before: datetime, until: datetime
) -> tuple[tuple[Near, ...], tuple[Near, ...]]:
    rising: dict[tuple[str, str], list[Candidate]] = {}
    falling: dict[tuple[str, str], list[Candidate]] = {}
    at = before - MILLISECOND
    for pair in near_either(backend, programme, at=at, until=until - MILLISECOND):
        for candidate, found in zip(pair, (rising, falling), strict=True):
            if candidate is not None:
                found.setdefault((candidate.tier, candidate.towards), []).append(candidate)
    rank = backend.model.programme(programme).rank_of
    first, second = (
        tuple(_summed(found[key]) for key in sorted(found, key=lambda k: (rank(k[0]), rank(k[1]))))
        for found in (rising, falling)
    )
    return first, second


def _summed(candidates: list[Candidate]) -> Near:
    missing = [candidate.missing for candidate in candidates]
    return Near(
        tier=candidates[0].tier, towards=candidates[0].towards, count=len(candidates),
        share=sorted(c.share for c in candidates)[(len(candidates) - 1) // 2],
        points=_middle([m.points for m in missing]),
        spend=_middle([None if m.spend is None else m.spend.minor for m in missing]),
        purchases=_middle([m.purchases for m in missing]),
        first=min(c.by for c in candidates), last=max(c.by for c in candidates),
    )  # fmt: skip


def _middle(values: list[int | None]) -> int | None:
    known = sorted(value for value in values if value is not None)
    return known[(len(known) - 1) // 2] if known else None


@attrs.frozen
class _Taken:
    """A decision as it is in the columns."""

    id: bytes
    membership: bytes
    subject: str
    verdict: str
    approved: bool
    cost: int
    value: int
    revokes: bytes | None


def _decisions(backend: Backend, before: datetime) -> dict[str, dict[str, Decided]]:
    """By programme and subject, those of the year that are about a membership."""
    model = backend.model
    since = {p.name: _bounds(p, before)[0] for p in model.programmes}
    taken = list(_taken(backend, min(since.values()), before))
    revoked = {one.revokes for one, _ in taken if one.revokes is not None}
    programmes = _programmes(backend, {one.membership for one, _ in taken})
    found: dict[str, dict[str, Decided]] = {name: {} for name in since}
    for one, at in sorted(taken, key=lambda pair: pair[0].subject):
        name = programmes.get(one.membership)
        if name is None or one.revokes is not None or at < to_millis(since[name]):
            continue
        row = found[name].setdefault(one.subject, Decided())
        row.taken += 1
        if one.id in revoked:
            row.taken_back += 1
        elif one.verdict == Verdict.REFUSE:
            row.refused += 1
        elif one.verdict == Verdict.NEEDS_APPROVAL and not one.approved:
            row.waiting += 1
        else:
            row.hold += 1
            row.cost += one.cost
            row.value += one.value
    return found


def _taken(backend: Backend, since: datetime, before: datetime) -> Iterator[tuple[_Taken, int]]:
    names = (
        "id", "membership_id", "subject", "verdict", "approved_by", "cost_minor", "value_minor",
        "revokes", "at",
    )  # fmt: skip
    for batch in backend.columns("decisions", since=since, until=before):
        rows = zip(*(batch[name] for name in names), strict=True)
        for id, member, subject, verdict, approver, cost, value, revokes, at in rows:
            if member is not None:
                approved = approver is not None
                one = _Taken(id, member, subject, verdict, approved, cost or 0, value or 0, revokes)
                yield one, at


def _programmes(backend: Backend, memberships: set[bytes]) -> dict[bytes, str]:
    """The programme of each of these memberships, as far as they are stored."""
    ids, found = sorted(memberships), dict[bytes, str]()
    for first in range(0, len(ids), PAGE):
        wanted = [MembershipId(UUID(bytes=id)) for id in ids[first : first + PAGE]]
        with backend.reading() as unit:
            known = unit.memberships.get_many(wanted)
        found |= {id.bytes: member.programme for id, member in known.items()}
    return found
