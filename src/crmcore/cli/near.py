"""`crmcore loyalty near`: members near the next tier, and members near a fall."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from csv import writer
from datetime import datetime, timedelta
from heapq import nsmallest
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from crmcore.cli.advancing import moment
from crmcore.cli.loyalty import programme_named
from crmcore.cli.places import opened, within_folder
from crmcore.cli.showing import ABSENT, counted, day, fits, plain, records, table
from crmcore.cli.terminal import Terminal
from crmcore.domain.errors import InvalidInput
from crmcore.domain.foresight import Missing
from crmcore.domain.instants import LATEST
from crmcore.domain.programme import Programme
from crmcore.services.exporting import appearing
from crmcore.services.loyalty import WITHIN, Candidate, near_either

__all__ = ["missing_in_words", "near"]

SOON = timedelta(days=90)
MILLISECOND = timedelta(milliseconds=1)
LISTS = ("promotion", "fall")
TITLES = {"promotion": "Near the next tier", "fall": "Near a fall"}
COLUMNS = (
    "list", "customer", "membership", "tier", "towards", "share_missing", "points_missing",
    "spend_missing", "purchases_missing", "by",
)  # fmt: skip


def near(
    programme: str | None = None,
    /,
    *,
    to: str | None = None,
    within: float = WITHIN,
    until: str | None = None,
    at: str | None = None,
    limit: int = 20,
    csv: Path | None = None,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> None:
    """List members near the next tier or near a fall: what is missing, and by when.

    Of each list the nearest come first. What is missing to the next tier, or to
    stay in this one, may come in any one of the ways.

        crmcore loyalty near
        crmcore loyalty near --to gold --within 0.1
        crmcore loyalty near --until 2026-12-31 --csv near.csv

    Parameters
    ----------
    programme
        The programme, where there are several.
    to
        Only those who are near this tier: who rise to it or fall to it.
    within
        Near the next tier is who lacks at most this share of what it asks for; 0.25 if not given.
    until
        Near a fall is who falls until this day or instant; 90 days on if not given.
    at
        The instant to look from: a day (its beginning) or an instant; now if not given.
    limit
        How many of each list: 20 if not given.
    csv
        Write all of them to this file, in the order of memberships.

    """
    with opened(terminal) as backend:
        model = backend.model
        known = programme_named(model, programme, "PROGRAMME")
        if to is not None and to not in known.tiers:
            raise InvalidInput.of("--to", f"is none of {', '.join(known.tiers)}")
        if limit < 0:
            raise InvalidInput.of("--limit", "must not be negative")
        if not 0 < within <= 1:
            raise InvalidInput.of("--within", "must be above 0 and at most 1")
        when = backend.clock() if at is None else moment(at, model.zone, "--at")
        end = when + SOON if until is None else moment(until, model.zone, "--until")
        found = near_either(backend, known.name, at=when, until=end, within=within)
        rows: Iterator[tuple[str, Candidate]] = (
            (name, candidate)
            for pair in found
            for name, candidate in zip(LISTS, pair, strict=True)
            if candidate is not None and to in (None, candidate.towards)
        )
        with terminal.progress("Looking who is near"), ExitStack() as stack:
            if csv is not None:
                rows = stack.enter_context(_written(within_folder(csv), rows))
            lists = _nearest(rows, limit)
    if terminal.json:
        data = {"at": plain(when), "until": plain(end), "within": within, "programme": known.name}
        terminal.document({
            **data,
            **({} if csv is None else {"path": str(csv)}),
            **{name: {"count": one.count, "members": [_plain(c) for c in one.members]}
               for name, one in lists.items()},
        })  # fmt: skip
        return
    if csv is None:
        for name, one in lists.items():
            if one.members:
                terminal.print(_shown(known, name, one.members, width=terminal.out.width))
    told = (
        f"{counted(lists['promotion'].count, 'member')} within {within:.0%} of the next tier, "
        f"{counted(lists['fall'].count, 'member')} who would fall until "
        f"{day(end, zone=known.zone)}"
    )
    terminal.say(f"\n{told}." if csv is None else f"{told}: all in {csv}.")


@attrs.define
class _Nearest:
    """How many there are, and those who are shown."""

    count: int = 0
    members: list[Candidate] = attrs.field(factory=list)


def _nearest(rows: Iterator[tuple[str, Candidate]], limit: int) -> dict[str, _Nearest]:
    """Of each list so many, the nearest first, without holding all of them."""
    found = {name: _Nearest() for name in LISTS}
    for name, candidate in rows:
        own = found[name]
        own.count += 1
        own.members.append(candidate)
        if len(own.members) >= 2 * limit + 1_000:
            own.members = nsmallest(limit, own.members, key=_order)
    for own in found.values():
        own.members = nsmallest(limit, own.members, key=_order)
    return found


def _order(candidate: Candidate) -> tuple[float, datetime, str]:
    return candidate.share, candidate.by, str(candidate.membership_id)


def _row(name: str, candidate: Candidate) -> dict[str, Any]:
    missing = candidate.missing
    values = (
        name, candidate.customer_id, candidate.membership_id, candidate.tier, candidate.towards,
        candidate.share, missing.points, missing.spend, missing.purchases,
        None if candidate.by == LATEST else candidate.by,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _plain(candidate: Candidate) -> dict[str, Any]:
    return {name: plain(value) for name, value in _row("", candidate).items() if name != "list"}


@contextmanager
def _written(
    path: Path, rows: Iterator[tuple[str, Candidate]]
) -> Iterator[Iterator[tuple[str, Candidate]]]:
    """The same rows, each of which is written to the file as it goes by."""
    with appearing(path, private=False) as file:
        text = TextIOWrapper(file, "utf-8", newline="")
        out = writer(text)
        out.writerow(COLUMNS)

        def passing() -> Iterator[tuple[str, Candidate]]:
            for name, candidate in rows:
                row = _row(name, candidate)
                spend = candidate.missing.spend
                row["spend_missing"] = None if spend is None else str(spend.amount)
                out.writerow(map(plain, row.values()))
                yield name, candidate

        yield passing()
        text.flush()
        text.detach()


def missing_in_words(missing: Missing) -> str:
    """What is missing, by every way of which one is enough: `180 points or 3 purchases`."""
    if 0 in (missing.points, missing.purchases) or (missing.spend and not missing.spend.minor):
        return "nothing in this period"
    ways = []
    if missing.points is not None:
        ways.append(counted(missing.points, "point"))
    if missing.spend is not None:
        ways.append(f"{missing.spend.amount:,} {missing.spend.currency}")
    if missing.purchases is not None:
        ways.append(counted(missing.purchases, "purchase"))
    return " or ".join(ways)


def _shown(programme: Programme, name: str, members: list[Candidate], *, width: int) -> Any:
    """A table; where it does not fit, one field in a line."""
    rows = []
    for one in members:
        # A period ends with its last day; on the day of the fall the tier is another.
        by = one.by if name == "fall" or one.by == LATEST else one.by - MILLISECOND
        last = ABSENT if one.by == LATEST else day(by, zone=programme.zone)
        rows.append((
            str(one.customer_id), one.tier, one.towards, f"{one.share:.1%}",
            missing_in_words(one.missing), last,
        ))  # fmt: skip
    gone = "falls on" if name == "fall" else "until"
    heads = ("id", "tier", "towards", "share", "missing", gone)
    if fits(heads, rows, width=width):
        return table(heads, rows, right=("share",), title=TITLES[name])
    return f"\n{TITLES[name]}\n{records(heads, rows)}"
