"""Liability: what the points that members hold will cost, by expected redemption (S39)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import LATEST, instant, zone_named
from crmcore.domain.money import Money
from crmcore.domain.points import PointsBalance
from crmcore.domain.ports import Backend
from crmcore.domain.rebuilding import rebuilt

__all__ = ["Liability", "liability"]

PAGE = 2_000


@attrs.frozen
class Liability:
    """What a programme owes at an instant.

    `points` are those that members hold, pending ones included and debts taken off, `ending` by the
    month in which they expire (`2026-03`; `never`). `redemption_rate` is the share of them that is
    expected to be redeemed; `amount` is that share at what a point costs.
    """

    programme: str
    at: datetime
    points: int
    ending: Mapping[str, int]
    redemption_rate: float
    amount: Money


def liability(
    backend: Backend, programme: str, *, at: datetime, redemption_rate: float | None = None
) -> Liability:
    """What the points of a programme will cost, as of an instant, by the ledger until then.

    Without a `redemption_rate` it is that of the points that came to an end so far: those spent, of
    those spent or expired; all of them where none did.
    """
    if redemption_rate is not None and not 0 <= redemption_rate <= 1:
        raise InvalidInput.of("redemption_rate", "must be from 0 to 1")
    known, at = backend.model.programme(programme), instant(at)
    zone = zone_named(known.zone)
    total, ending, spent, expired = 0, dict[str, int](), 0, 0
    after, more = None, True
    while more:
        with backend.reading() as uow:
            members, after = uow.memberships.page(programme, after=after, limit=PAGE)
            ledgers = uow.memberships.entries_of(members)
        for member in members:
            entries = [entry for entry in ledgers[member.id] if entry.at <= at]
            sums = PointsBalance.of(entries)
            spent, expired = spent + sums.spent, expired + sums.expired
            for lot in rebuilt(known, member, entries, ()).lots:
                if lot.expires_at is not None and lot.points > 0 and lot.expires_at <= at:
                    continue  # it has ended, and nobody has advanced since
                end = lot.expires_at or LATEST
                month = "never" if end == LATEST else f"{end.astimezone(zone):%Y-%m}"
                ending[month] = ending.get(month, 0) + lot.points
                total += lot.points
        more = after is not None
    rate = redemption_rate
    if rate is None:
        rate = spent / (spent + expired) if spent + expired else 1.0
    owed = known.point_cost * total * Decimal(repr(float(rate)))
    return Liability(
        programme, at, total, dict(sorted(ending.items())), rate,
        Money.rounded(max(owed, Decimal(0)), backend.model.currency),
    )  # fmt: skip
