"""Chances: how likely members near a tier reach it in time, by a model of purchases (S41, S43)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.foresight import Missing, missing
from crmcore.domain.ids import MembershipId
from crmcore.domain.instants import LATEST, instant, zone_named
from crmcore.domain.kinds import TIER_CHANGES
from crmcore.domain.membership import Membership, TierChange
from crmcore.domain.periods import Rolling
from crmcore.domain.points import Movement, PointsEntry
from crmcore.domain.ports import Backend
from crmcore.domain.programme import Programme
from crmcore.domain.rebuilding import rebuilt
from crmcore.domain.standing import Count, counts_of, period_sums, standing
from crmcore.services.loyalty import Candidate, checked_candidates

if TYPE_CHECKING:
    from crmcore.analytics.counts_ahead import Counted
    from crmcore.analytics.summary import Unit

__all__ = ["tier_chances"]

DAYS = {"day": 1, "week": 7}
TOUCHING = 1e-6
MILLISECOND = timedelta(milliseconds=1)
LATER = "is not decided by what is missing in the present period, but by a later one"


def tier_chances(
    backend: Backend,
    programme: str,
    candidates: Iterable[Candidate],
    purchases: Counted,
    *,
    at: datetime,
    until: datetime | None = None,
    unit: Unit = "week",
) -> Mapping[MembershipId, float]:
    """By membership, the probability that what is missing to a candidate is there in time: to the
    next tier (`near_promotion`), or to stay (`near_fall`; to fall is what is left to 1). In time
    is before the present period ends, before they fall, and before `until`, which a rolling window
    needs: there it is that of having the tier at the end, when some of what counts has left. Who
    falls later than `until` stays.

    `purchases` is a fitted NBD, BG/NBD, MBG/NBD or Pareto/NBD model in this `unit`, `day` or
    `week`; a purchase is a local day with entries in the ledger. How many points a purchase counts
    is the member's own mean, with the variation that all candidates share. Where a tier is reached
    in several ways, the likeliest is told; of who never bought the model knows nothing, and 0 is
    told. What it does not know (seasons, a campaign, the tier being near) is not in it;
    `analytics.calibration` says how far it can be trusted. Needs the extra `analytics`.

    `InvalidInput` names the candidates of whom it cannot be told: one member twice, rising and
    falling; or what is missing now does not decide, as where nothing is, and a later period does.
    """
    if not isinstance(unit, str) or unit not in DAYS:
        raise InvalidInput.of("unit", "must be day or week")
    at, until = instant(at), LATEST if until is None else instant(until, "until")
    if until <= at:
        raise InvalidInput.of("until", "must be behind at")
    known, asked = list(checked_candidates(candidates)), backend.model.programme(programme)
    window = asked.rules_from(at).window
    if isinstance(window, Rolling):
        leaves = window.leaves(at, asked.zone)
        if any(min(candidate.by, until) > leaves for candidate in known):
            raise InvalidInput.of("until", "must be given, within the months of a rolling window")
    with backend.reading() as uow:
        members = uow.memberships.get_many(candidate.membership_id for candidate in known)
        ledgers = uow.memberships.entries_of(members.values())
        changes = uow.reads.facts(
            TIER_CHANGES, customers={member.customer_id for member in members.values()}
        )
    posted = {id: [e for e in entries if e.at <= at] for id, entries in ledgers.items()}
    made: dict[Any, list[TierChange]] = {id: [] for id in members}
    for change in changes:
        if change.membership_id in made and change.at <= at:
            made[change.membership_id].append(change)
    questions, faults, seen = list[_Question](), list[Fault](), set[MembershipId]()
    for nth, candidate in enumerate(known):
        try:
            id = candidate.membership_id
            if id in seen:
                raise InvalidInput.of("", "is of a member who is among them already")
            stored = members.get(id)
            if stored is None or stored.programme != programme or not stored.is_member_at(at):
                raise InvalidInput.of("", "is of no member of the programme")
            seen.add(id)
            member = rebuilt(asked, stored, (), made[id])
            counts = counts_of(posted[id]).get(id, [])
            questions.append(
                _asked(candidate, asked, member, counts, made[id], at=at, until=until,
                       currency=backend.model.currency)
            )  # fmt: skip
        except InvalidInput as error:
            faults += error.under(f"candidates[{nth}]").faults
    if faults:
        raise InvalidInput(tuple(faults))
    rows = [
        (nth, entry)
        for nth, candidate in enumerate(known)
        for entry in posted[candidate.membership_id]
        if entry.movement is Movement.EARN
    ]
    found = _chances(questions, rows, purchases, at=at, unit=unit, zone=asked.zone)
    return {c.membership_id: chance for c, chance in zip(known, found, strict=True)}


@attrs.frozen
class _Question:
    """What will be missing to a candidate when the time `ends`, without more; `None` if they stay
    anyhow.
    """

    missing: Missing | None
    ends: datetime


def _asked(
    candidate: Candidate,
    programme: Programme,
    member: Membership,
    counts: Sequence[Count],
    changes: Sequence[TierChange],
    *,
    at: datetime,
    until: datetime,
    currency: str,
) -> _Question:
    """What is asked of a candidate: refused where the answer would not be about their tier."""
    rank = programme.rank_of(candidate.missing.tier)
    rising, rules = rank > programme.rank_of(candidate.tier), programme.rules_from(at)
    if not rising and until < candidate.by:
        return _Question(None, until)
    last = ends = min(candidate.by, until)
    if not isinstance(rules.window, Rolling):
        begin, end = rules.window.period(at, member.at, programme.zone)
        if begin == end:
            raise InvalidInput.of("", "is outside the period in which anything counts")
        # A day more than the grace, for clocks that change within it.
        if not rising and candidate.by - end > timedelta(days=rules.grace + 1):
            raise InvalidInput.of("", LATER)
        ends = min(ends, end)
        last = ends - MILLISECOND
    sums, _ = period_sums(programme, member, counts, last)
    wanted = missing(programme.rules_from(last), rank, sums, currency)
    if wanted is None:
        raise InvalidInput.of("missing", "is of the lowest tier")
    given = (wanted.points or 0, 0 if wanted.spend is None else wanted.spend.minor,
             wanted.purchases or 0)  # fmt: skip
    for when in (at + MILLISECOND, ends - MILLISECOND):
        then = when if rising else candidate.by
        own = [*counts, (when, *given)]
        if programme.rank_of(standing(programme, member, own, changes, at=then).tier) < rank:
            raise InvalidInput.of("", LATER)
    return _Question(wanted, ends)


def _chances(
    asked: Sequence[_Question],
    rows: Sequence[tuple[int, PointsEntry]],
    purchases: Counted,
    *,
    at: datetime,
    unit: Unit,
    zone: str,
) -> list[float]:
    """The probability of each; 0 of who never bought."""
    found = [float(question.missing is None) for question in asked]
    if not rows:
        return found
    import numpy as np

    from crmcore.analytics import PurchaseAmounts, probability_of_reaching, summarize

    days = [entry.at for _, entry in rows]
    earned: dict[str, Any] = {
        "points": np.array([entry.qualifying for _, entry in rows], float),
        "spend": np.array([entry.spend for _, entry in rows], float),
    }
    who: Any = np.array([nth for nth, _ in rows])
    summary = summarize(
        customer=who, at=days, as_of=at.astimezone(zone_named(zone)).date(), unit=unit, zone=zone
    )
    of: Any = np.asarray(summary.customer, int)
    count = np.maximum(np.bincount(who, minlength=len(asked)), 1)

    def amounts(of_rows: Any, some: Any) -> PurchaseAmounts:
        total = np.bincount(who, of_rows, len(asked))
        spread = float(np.sqrt(np.mean((of_rows - (total / count)[who]) ** 2)))
        variation = min(spread / float(of_rows.mean()), 10.0) if of_rows.mean() > 0 else 0.0
        per_day = total[of] / (summary.frequency + 1)
        return PurchaseAmounts(
            mean=per_day[some],
            variation=np.full(len(some), variation if variation > TOUCHING else 0.0),
        )

    history = {"frequency": summary.frequency, "recency": summary.recency, "T": summary.T}
    length = timedelta(days=DAYS[unit])
    left = np.array([max((asked[nth].ends - at) / length, 0.0) for nth in of])
    for name in ("points", "spend", "purchases"):
        gaps: list[Any] = [getattr(asked[nth].missing, name, None) for nth in of]
        some = np.flatnonzero([gap is not None for gap in gaps])
        if not len(some):
            continue
        gap = np.array([float(getattr(gaps[place], "minor", gaps[place])) for place in some])
        value = amounts(earned[name], some) if name in earned else None
        own = {key: column[some] for key, column in history.items()}
        reached = probability_of_reaching(
            purchases=purchases, t=left[some], gap=gap, value=value, **own
        )
        for nth, chance in zip(of[some], reached.probability, strict=True):
            found[nth] = max(found[nth], float(chance))
    return found
