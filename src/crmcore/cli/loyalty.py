"""`crmcore loyalty`: the programmes of the store, their members, and what they owe."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from crmcore import services
from crmcore.adapters.backend import Backend
from crmcore.cli.places import opened
from crmcore.cli.showing import plain, table
from crmcore.cli.terminal import Terminal
from crmcore.domain.errors import InvalidInput
from crmcore.domain.model import Model
from crmcore.domain.programme import Programme

__all__ = ["NO_PROGRAMME", "loyalty", "programme_named"]

NO_PROGRAMME = "The store's model has no loyalty programme: `crmcore init --model` takes one."


def loyalty(*, terminal: Annotated[Terminal, Parameter(parse=False)]) -> None:
    """Loyalty programmes: their members, points and liability; who is near a tier.

    Without more, this lists the programmes. `crmcore loyalty show --help` and so
    on tell of what may follow: show, card, near. What falls due is posted by
    `crmcore advance`, every night.

        crmcore loyalty
        crmcore loyalty show
        crmcore loyalty card 60001234
        crmcore loyalty near --to gold --csv near.csv
    """
    with opened(terminal) as backend:
        found = [_listed(backend, programme) for programme in backend.model.programmes]
        if not found and not terminal.json:
            terminal.say(NO_PROGRAMME)
            return
        rows = [
            (one["programme"], " < ".join(one["tiers"]), f"{one['members']:,}",
             f"{one['points']:,}", f"{one['liability'].amount:,}")
            for one in found
        ]  # fmt: skip
        currency = backend.model.currency
        heads = ("programme", "tiers", "members", "open points", f"liability {currency}")
        data = {"programmes": [{**one, "liability": plain(one["liability"])} for one in found]}
        terminal.answer(data, lambda: table(heads, rows, right=heads[2:]))


def _listed(backend: Backend, programme: Programme) -> dict[str, Any]:
    now = backend.clock()
    owed = services.liability(backend, programme.name, at=now)
    members = services.members_by_tier(backend, programme.name, at=now)
    return {
        "programme": programme.name, "tiers": list(programme.tiers),
        "members": sum(members.values()), "points": owed.points, "liability": owed.amount,
    }  # fmt: skip


def programme_named(model: Model, name: str | None, path: str) -> Programme:
    """The programme of that name, or the only one there is."""
    known = {programme.name: programme for programme in model.programmes}
    if not known:
        raise InvalidInput.of(path, NO_PROGRAMME.partition(":")[0])
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise InvalidInput.of(path, f"says which: {', '.join(known)}")
    if name not in known:
        raise InvalidInput.of(path, f"is none of {', '.join(known)}")
    return known[name]
