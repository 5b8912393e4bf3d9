"""`crmcore advance`: what time has made due in the life cycle and in loyalty programmes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from crmcore import services
from crmcore.cli.places import opened
from crmcore.cli.progress import watched
from crmcore.cli.showing import counted, plain, shown_value
from crmcore.cli.terminal import Terminal
from crmcore.cli.where import day_or_instant
from crmcore.domain.instants import start_of

__all__ = ["advance", "moment"]


def advance(
    *, at: str | None = None, terminal: Annotated[Terminal, Parameter(parse=False)]
) -> None:
    """Post and move what time has made due.

    Who bought for the first time becomes a customer, who has long been idle
    lapses: as the store's life cycle says. In loyalty programmes points are
    released and expire, tiers are reached, renewed and lowered. Run it every
    night; run again, it does nothing twice.

        crmcore advance
        crmcore advance --at 2026-06-01

    Parameters
    ----------
    at
        The instant to look from: a day (its beginning) or an instant; now if not given.

    """
    with opened(terminal) as backend:
        zone = backend.model.zone
        instant = backend.clock() if at is None else moment(at, zone, "--at")
        with terminal.progress("Advancing customers") as progress:
            done = services.advance(watched(backend, progress), at=instant)
    if terminal.json:
        programmes = {
            name: {"members": one.members, "entries": one.entries, "tier_changes": one.tier_changes}
            for name, one in done.programmes.items()
        }
        terminal.document({
            "at": plain(instant), "total": done.total, "moves": dict(done.moves),
            "programmes": programmes,
        })  # fmt: skip
    terminal.say(f"{counted(done.total, 'move')} due at {shown_value(instant, zone=zone)}.")
    for rule, number in done.moves.items():
        terminal.say(f"  {rule}: {number:,}")
    for name, one in done.programmes.items():
        terminal.say(
            f"{name}: {counted(one.members, 'member')} due, "
            f"{counted(one.entries, 'entry', 'entries')} of points, "
            f"{counted(one.tier_changes, 'tier change')}."
        )


def moment(text: str, zone: str, path: str) -> datetime:
    """An instant, or the beginning of a local day."""
    found = day_or_instant(text, zone=zone, path=path)
    return found if isinstance(found, datetime) else start_of(found, zone=zone)
