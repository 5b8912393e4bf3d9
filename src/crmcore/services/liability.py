"""Liability: what the points that members hold will cost, by expected redemption (S39)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import LATEST, MILLISECOND, instant, zone_named
from crmcore.domain.membership import Lot
from crmcore.domain.money import Money
from crmcore.domain.points import Movement
from crmcore.domain.ports import Backend
from crmcore.domain.programme import Programme
from crmcore.domain.rebuilding import rebuilt

__all__ = ["Liability", "liability"]

PAGE = 2_000
ENDS = (Movement.REDEEM, Movement.EXPIRE)


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
    is_rate = isinstance(redemption_rate, float | int) and 0 <= redemption_rate <= 1
    if redemption_rate is not None and not is_rate:
        raise InvalidInput.of("redemption_rate", "must be from 0 to 1")
    known, at = backend.model.programme(programme), instant(at)
    zone = zone_named(known.zone)
    held: Counter[datetime] = Counter()
    for lot in _open_lots(backend, known, at):
        if lot.expires_at is None or lot.points < 0 or lot.expires_at > at:
            held[lot.expires_at or LATEST] += lot.points  # else nobody has advanced since it ended
    ending: Counter[str] = Counter()
    for end, points in held.items():
        ending["never" if end == LATEST else f"{end.astimezone(zone):%Y-%m}"] += points
    total = held.total()
    rate = _redeemed(backend, programme, at) if redemption_rate is None else redemption_rate
    owed = known.point_cost * total * Decimal(repr(float(rate)))
    return Liability(
        programme, at, total, dict(sorted(ending.items())), rate,
        Money.rounded(max(owed, Decimal(0)), backend.model.currency),
    )  # fmt: skip


def _open_lots(backend: Backend, programme: Programme, at: datetime) -> Iterator[Lot]:
    """What was open at an instant: as memberships tell, or by the ledger of whom it goes on."""
    after, more = None, True
    while more:
        with backend.reading() as uow:
            members, after = uow.memberships.page(programme.name, after=after, limit=PAGE)
            later = [member for member in members if member.entered_at > at]
            ledgers = uow.memberships.entries_of(later)
        for member in members:
            if member.id not in ledgers:
                yield from member.lots
                continue
            entries = [entry for entry in ledgers[member.id] if entry.at <= at]
            yield from rebuilt(programme, member, entries, ()).lots
        more = after is not None


def _redeemed(backend: Backend, programme: str, at: datetime) -> float:
    """The share that was spent of the points that were spent or expired until then."""
    ends: Counter[str] = Counter()
    until = at + MILLISECOND if at < LATEST else None
    for batch in backend.columns("points", until=until):
        names = ("programme", "movement", "active", "pending")
        for name, movement, active, pending in zip(*(batch[n] for n in names), strict=True):
            if name == programme and movement in ENDS:
                ends[movement] -= active + pending
    return ends[Movement.REDEEM] / ends.total() if ends.total() else 1.0
