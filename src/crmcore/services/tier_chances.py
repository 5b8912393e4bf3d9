"""Chances: how likely members near a tier reach it in time, by a model of purchases (S41, S43)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from crmcore.domain.errors import InvalidInput
from crmcore.domain.ids import MembershipId
from crmcore.domain.instants import instant, zone_named
from crmcore.domain.points import Movement, PointsEntry
from crmcore.domain.ports import Backend
from crmcore.services.loyalty import Candidate

if TYPE_CHECKING:
    from crmcore.analytics import BetaGeoNBDProcess
    from crmcore.analytics.summary import Unit

__all__ = ["tier_chances"]

DAYS = {"day": 1, "week": 7}
TOUCHING = 1e-6


def tier_chances(
    backend: Backend,
    programme: str,
    candidates: Iterable[Candidate],
    purchases: BetaGeoNBDProcess,
    *,
    at: datetime,
    unit: Unit = "week",
) -> Mapping[MembershipId, float]:
    """By membership, the probability that what is `missing` to a candidate is there in time: to
    the next tier (`near_promotion`), or to stay (`near_fall`; to fall is what is left to 1).

    `purchases` is a fitted purchase model in this `unit`, `day` or `week`; a purchase is a local
    day with entries in the ledger. How many points a purchase counts is the member's own mean, with
    the variation that all candidates share. Where a tier is reached in several ways, the likeliest
    is told. What the model does not know (seasons, a campaign, the tier being near) is not in it;
    `analytics.calibration` says how far it can be trusted. Needs the extra `analytics`.
    """
    if unit not in DAYS:
        raise InvalidInput.of("unit", "must be day or week")
    at, known = instant(at), list(candidates)
    zone = backend.model.programme(programme).zone
    with backend.reading() as uow:
        members = uow.memberships.get_many(candidate.membership_id for candidate in known)
        ledgers = uow.memberships.entries_of(members.values())
    rows = [
        (nth, entry)
        for nth, candidate in enumerate(known)
        for entry in ledgers.get(candidate.membership_id, ())
        if entry.movement is Movement.EARN and entry.at <= at
    ]
    if not rows:
        return {candidate.membership_id: 0.0 for candidate in known}
    found = _chances(known, rows, purchases, at=at, unit=unit, zone=zone)
    return {c.membership_id: chance for c, chance in zip(known, found, strict=True)}


def _chances(
    known: Sequence[Candidate],
    rows: Sequence[tuple[int, PointsEntry]],
    purchases: BetaGeoNBDProcess,
    *,
    at: datetime,
    unit: Unit,
    zone: str,
) -> list[float]:
    """The probability of each; 0 of who never bought."""
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
    count = np.maximum(np.bincount(who, minlength=len(known)), 1)

    def amounts(of_rows: Any, asked: Any) -> PurchaseAmounts:
        total = np.bincount(who, of_rows, len(known))
        spread = float(np.sqrt(np.mean((of_rows - (total / count)[who]) ** 2)))
        variation = min(spread / float(of_rows.mean()), 10.0) if of_rows.mean() > 0 else 0.0
        per_day = total[of] / (summary.frequency + 1)
        return PurchaseAmounts(
            mean=per_day[asked],
            variation=np.full(len(asked), variation if variation > TOUCHING else 0.0),
        )

    history = {"frequency": summary.frequency, "recency": summary.recency, "T": summary.T}
    length = timedelta(days=DAYS[unit])
    left = np.array([max((known[nth].by - at) / length, 0.0) for nth in of])
    chances = np.zeros(len(of))
    for name in ("points", "spend", "purchases"):
        gaps = [getattr(known[nth].missing, name) for nth in of]
        asked = np.flatnonzero([gap is not None for gap in gaps])
        if not len(asked):
            continue
        gap = np.array([float(getattr(gaps[place], "minor", gaps[place])) for place in asked])
        value = amounts(earned[name], asked) if name in earned else None
        own = {key: column[asked] for key, column in history.items()}
        reached = probability_of_reaching(
            purchases=purchases, t=left[asked], gap=gap, value=value, **own
        )
        chances[asked] = np.maximum(chances[asked], reached.probability)
    found = np.zeros(len(known))
    found[of] = chances
    return [float(chance) for chance in found]
