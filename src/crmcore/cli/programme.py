"""`crmcore loyalty show` and `card`: a programme as a whole, and one member of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from cyclopts import Parameter

from crmcore import services
from crmcore.adapters.backend import Backend
from crmcore.cli.advancing import moment
from crmcore.cli.loyalty import NO_PROGRAMME, programme_named
from crmcore.cli.near import missing_in_words, near
from crmcore.cli.places import opened
from crmcore.cli.showing import ABSENT, counted, day, plain, printable, shown_value, table
from crmcore.cli.terminal import Terminal
from crmcore.domain.errors import NotFound
from crmcore.domain.foresight import Missing
from crmcore.domain.instants import LATEST
from crmcore.domain.ledger import fallen_due
from crmcore.domain.programme import Programme, Tier
from crmcore.services import DeskCard, Liability, TierSpend

__all__ = ["card", "near", "show"]

Told = Annotated[Terminal, Parameter(parse=False)]
YEAR = timedelta(days=365)
MILLISECOND = timedelta(milliseconds=1)


def show(programme: str | None = None, /, *, at: str | None = None, terminal: Told) -> None:
    """Show a programme: its tiers, their members and spend, open points, liability.

    Members are counted in the tier that `crmcore advance` left them in; spend and
    purchases are those of 365 days.

        crmcore loyalty show
        crmcore loyalty show club --at 2026-03-01

    Parameters
    ----------
    programme
        The programme; all of them if not given.
    at
        The instant to look from: a day (its beginning) or an instant; now if not given.

    """
    with opened(terminal) as backend:
        model = backend.model
        wanted = model.programmes
        if programme is not None:
            wanted = (programme_named(model, programme, "PROGRAMME"),)
        when = backend.clock() if at is None else moment(at, model.zone, "--at")
        data = []
        for known in wanted:
            owed = services.liability(backend, known.name, at=when)
            until = when + MILLISECOND
            spend = services.tier_spend(backend, known.name, since=until - YEAR, until=until)
            data.append(_data(known, when, owed, spend))
            if not terminal.json:
                if len(data) > 1:
                    terminal.print("")
                for part in _parts(backend, known, when, owed, spend):
                    terminal.print(part)
        if terminal.json:
            terminal.document({"at": plain(when), "programmes": data})
        elif not wanted:
            terminal.say(NO_PROGRAMME)


def _asks(tier: Tier) -> list[str]:
    """By which ways a tier is reached; any of them is enough."""
    ways = []
    if tier.points is not None:
        ways.append(counted(tier.points, "point"))
    if tier.spend is not None:
        ways.append(f"{tier.spend.amount:,} {tier.spend.currency}")
    if tier.purchases is not None:
        ways.append(counted(tier.purchases, "purchase"))
    return ways


def _data(
    known: Programme, at: datetime, owed: Liability, spend: Mapping[str, TierSpend]
) -> dict[str, Any]:
    return {
        "programme": known.name,
        "members": sum(own.members for own in spend.values()),
        "points": owed.points,
        "redemption_rate": owed.redemption_rate,
        "liability": plain(owed.amount),
        "ending": dict(owed.ending),
        "tiers": [
            {"tier": tier.name, "asks_points": tier.points, "asks_spend": plain(tier.spend),
             "asks_purchases": tier.purchases, "members": spend[tier.name].members,
             "buyers": spend[tier.name].buyers, "purchases": spend[tier.name].purchases,
             "spend": plain(spend[tier.name].spend),
             "benefits": [benefit.name for benefit in tier.benefits]}
            for tier in known.rules_from(at).tiers
        ],
    }  # fmt: skip


def _parts(
    backend: Backend,
    known: Programme,
    at: datetime,
    owed: Liability,
    spend: Mapping[str, TierSpend],
) -> Iterator[Any]:
    rate = f"{owed.redemption_rate:.1%}".replace(".0%", "%")
    currency, total = backend.model.currency, sum(own.members for own in spend.values())
    yield (
        f"{known.name}: {counted(total, 'member')}, {counted(owed.points, 'open point')}\n"
        f"Liability {owed.amount.amount:,} {currency}, if {rate} of them are redeemed, as of those "
        "that came to an end so far.\n"
    )
    rows = [
        (tier.name, f"{spend[tier.name].members:,}",
         f"{spend[tier.name].members / total:.0%}" if total else "",
         " or ".join(_asks(tier)) or ABSENT,
         f"{spend[tier.name].spend_each.amount:,}", f"{spend[tier.name].purchases_each:,.1f}")
        for tier in known.rules_from(at).tiers
    ]  # fmt: skip
    heads = ("tier", "members", "share", "asks for", f"spend each {currency}", "purchases each")
    yield table(heads, rows, right=(*heads[1:3], *heads[4:]))
    if owed.ending:
        ending = [(month, f"{points:,}") for month, points in owed.ending.items()]
        yield table(("expire in", "points"), ending, right=("points",), title="Open points")


def card(
    number: str,
    /,
    *,
    programme: str | None = None,
    at: str | None = None,
    personal: bool = False,
    terminal: Told,
) -> None:
    """Show a member by the number on their card: tier, points, what is missing, when they fall.

        crmcore loyalty card 60001234
        crmcore loyalty card 60001234 --programme club --personal

    Parameters
    ----------
    number
        The number on the card.
    programme
        The programme, where there are several.
    at
        The instant to look from, and to foresee if it is to come: a day (its beginning) or an
        instant; now if not given.
    personal
        Show the number, name, e-mail and phone too.

    """
    with opened(terminal) as backend, backend.reading() as unit:
        model = backend.model
        known = programme_named(model, programme, "--programme")
        when = backend.clock() if at is None else moment(at, model.zone, "--at")
        try:
            found = services.desk_card(unit, number=number, programme=known.name, at=when)
        except NotFound:
            # The number is a personal value, so it is not told.
            raise NotFound("memberships", f"of {known.name}", "that number") from None
        data = _card_data(known, found, when, personal=personal)
        if terminal.json:
            terminal.document({name: _plain(value) for name, value in data.items()})
            return
        for part in _card_parts(backend, known, data):
            terminal.print(part)


def _plain(value: Any) -> Any:
    if isinstance(value, Missing):
        return {"tier": value.tier, "points": value.points, "spend": plain(value.spend),
                "purchases": value.purchases}  # fmt: skip
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return plain(value)


def _card_data(
    programme: Programme, found: DeskCard, at: datetime, *, personal: bool
) -> dict[str, Any]:
    member, told = found.membership, found.projection
    after = fallen_due(programme, member, at).membership
    since, tier = member.tier_since, member.tier
    for step in told.steps:
        since, tier = (since if step.tier == tier else step.at), step.tier
    who = {name: found.profile[name] for name in ("name", "email", "phone")} if personal else {}
    who |= {"number": member.number} if personal else {}
    return {
        "programme": programme.name,
        "customer": member.customer_id,
        "membership": member.id,
        **who,
        "is_open": member.is_open,
        "joined": member.at,
        "at": at,
        "tier": told.tier,
        "since": since,
        "until": None if told.until == LATEST else told.until,
        "points": after.active,
        "pending": after.pending,
        "period_ends": None if told.period_ends == LATEST else told.period_ends,
        "to_next": told.to_next,
        "to_stay": told.to_stay,
        "falls_at": told.falls_at,
        "falls_to": told.falls_to,
        "benefits": tuple(benefit.name for benefit in found.benefits),
    }


def _card_parts(backend: Backend, programme: Programme, data: dict[str, Any]) -> Iterator[Any]:
    zone = programme.zone
    left = "" if data["is_open"] else " (left)"
    yield (
        f"{data['tier'].upper()} of {programme.name}{left} since {day(data['since'], zone=zone)}, "
        f"member since {day(data['joined'], zone=zone)}"
    )
    yield f"customer {data['customer']}, as of {shown_value(data['at'], zone=zone)}"
    for name in ("number", "name", "email", "phone"):
        if data.get(name) is not None:
            yield f"{name}: {printable(data[name])}"
    yield ""
    rows = [("points", f"{data['points']:,}"), ("pending", f"{data['pending']:,}")]
    ends = data["period_ends"]
    until = "" if ends is None else f", until {day(ends - MILLISECOND, zone=zone)}"
    following, keeping = data["to_next"], data["to_stay"]
    if following is not None:
        rows.append((f"to {following.tier}", missing_in_words(following) + until))
    if data["falls_at"] is not None:
        fall = f"to {data['falls_to']} on {day(data['falls_at'], zone=zone)}, if nothing happens"
        rows.append(("falls", fall))
        rows.append((f"to stay {keeping.tier}", missing_in_words(keeping) + until))
    else:
        rows.append(("falls", "never, if nothing happens"))
    rows.append(("benefits", shown_value(data["benefits"], zone=backend.model.zone)))
    yield table(("field", "value"), rows)
