"""`crmcore profile`: the single view of one customer (S6), and at once what they are (S10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID

from cyclopts import Parameter

from crmcore.cli.places import opened
from crmcore.cli.showing import day, plain, printable, shown_value, table
from crmcore.cli.terminal import Terminal
from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput, NotFound
from crmcore.domain.ids import CustomerId
from crmcore.domain.profile import Profile
from crmcore.domain.score import Score
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["named_customer", "profile"]

RECENT = 5
STANDINGS = {"prospect": "PROSPECT", "customer": "CUSTOMER", "former": "FORMER CUSTOMER"}
HEAD = {"kind", "stage", "stage_since", "known_since", "name", "email", "phone"}


def profile(
    customer: str,
    /,
    *,
    source: str | None = None,
    personal: bool = False,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> None:
    """Show one customer: what they are, did, and are worth.

    CUSTOMER is an id, or an identifier as TYPE:VALUE, such as
    email:ana@example.com or card:60001234; an external id needs the --source
    that it is from. Personal values are shown only with --personal.

        crmcore profile 0195a1c2-3f00-7000-8000-000000000001
        crmcore profile external:C-1 --source shop
        crmcore profile email:ana@example.com --personal

    Parameters
    ----------
    customer
        Whom to show.
    source
        The system that an external id is from.
    personal
        Show personal values too.

    """
    with opened(terminal) as backend, backend.reading() as unit:
        known = named_customer(unit, customer, source)
        data = _data(unit, known, personal=personal)
        if terminal.json:
            terminal.document(_plain_of(data))
            return
        for part in _parts(unit, known, data, personal=personal):
            terminal.print(part)


def named_customer(unit: UnitOfWork, text: str, source: str | None) -> Customer:
    """The customer of that id, or of that identifier as TYPE:VALUE."""
    try:
        return unit.customers.get(CustomerId(UUID(text)))
    except ValueError:
        type, mark, value = text.partition(":")
    if not mark:
        reason = "is an id, or TYPE:VALUE such as email:ana@example.com"
        raise InvalidInput.of("CUSTOMER", reason)
    if type == "external" and source is None:
        raise InvalidInput.of("--source", "says which system an external id is from")
    try:
        found = unit.customers.find_by_identifier(type, value, source=source)
    except InvalidInput as error:
        raise error.under("CUSTOMER") from None
    if found is None:
        raise NotFound("customers", f"{type}:…")
    return found


def _data(unit: UnitOfWork, known: Customer, *, personal: bool) -> dict[str, Any]:
    """All that is shown, as values."""
    who = CustomerId(known.id)
    row: Profile = unit.profiles.get(who)
    fields = unit.model.profile_fields
    orders = unit.orders.of(who)[: -RECENT - 1 : -1]
    interactions = unit.interactions.of(who)[: -RECENT - 1 : -1]
    return {
        "id": known.id,
        **({"external": _external(known)} if personal else {}),
        "standing": unit.model.life_cycle.standing(known.stage).value,
        "profile": {
            name: row[name] for name in row if personal or not fields[name].personal
        },
        "scores": [
            {"scorer": s.scorer, "value": s.value, "low": s.low, "high": s.high, "unit": s.unit,
             "at": s.at, "model": s.model, "scorer_version": s.scorer_version, "why": s.why}
            for s in _newest(unit.scores.of(who))
        ],
        "orders": [
            {"id": order.id, "at": order.at, "total": order.total,
             "status": unit.orders.history(order.id).status, "source": order.source,
             "source_key": order.source_key}
            for order in orders
        ],
        "interactions": [
            {"id": fact.id, "at": fact.at, "channel": fact.channel, "direction": fact.direction,
             "topic": fact.topic, "outcome": fact.outcome,
             **({"subject": fact.subject} if personal else {})}
            for fact in interactions
        ],
    }  # fmt: skip


def _external(known: Customer) -> list[dict[str, str | None]]:
    """The ids that other systems know the customer by."""
    return [
        {"value": identifier.value, "source": identifier.source}
        for identifier in known.identifiers
        if identifier.type == "external"
    ]


def _newest(scores: list[Score]) -> list[Score]:
    """The newest of each scorer; they come in the order of their instants."""
    newest = {score.scorer: score for score in scores}
    return [newest[scorer] for scorer in sorted(newest)]


def _plain_of(data: Any) -> Any:
    """Values, lists and mappings of values, for a JSON document."""
    if isinstance(data, dict):
        return {name: _plain_of(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_plain_of(value) for value in data]
    return plain(data)


def _parts(
    unit: UnitOfWork, known: Customer, data: dict[str, Any], *, personal: bool
) -> Iterator[Any]:
    """What people see, from the top."""
    zone, row = unit.model.zone, data["profile"]
    yield (
        f"{STANDINGS[data['standing']]}: {known.stage} since {day(known.stage_since, zone=zone)}, "
        f"known since {day(known.at, zone=zone)}"
    )
    yield f"{known.kind} {known.id}"
    if personal:
        for own in data["external"]:
            of = f" of {printable(own['source'])}" if own["source"] else ""
            yield f"external: {printable(own['value'])}{of}"
        for name in ("name", "email", "phone"):
            if row[name] is not None:
                yield f"{name}: {printable(row[name])}"
    yield ""
    elsewhere = HEAD | {f"{s['scorer']}{end}" for s in data["scores"] for end in ("", "_at")}
    shown = [
        (name, shown_value(value, zone=zone))
        for name, value in row.items()
        if name not in elsewhere and value is not None
    ]
    yield table(("field", "value"), shown)
    if data["scores"]:
        dates = {s["scorer"]: day(s["at"], zone=zone) for s in data["scores"]}
        one = len(set(dates.values())) == 1
        scores = [
            (s["scorer"], f"{s['value']:,.2f}", printable(s["unit"]),
             *(() if one else (dates[s["scorer"]],)), printable(s["why"] or ""))
            for s in data["scores"]
        ]  # fmt: skip
        heads = ("score", "value", "of", *(() if one else ("as of",)), "why")
        title = f"Scores as of {dates[data['scores'][0]['scorer']]}" if one else "Scores"
        yield table(heads, scores, right=("value",), title=title)
    if data["orders"]:
        orders = [
            (day(o["at"], zone=zone), shown_value(o["total"], zone=zone), o["status"].value,
             printable(f"{o['source'] or ''} {o['source_key'] or ''}".strip()))
            for o in data["orders"]
        ]  # fmt: skip
        yield table(("placed", "total", "status", "key"), orders, right=("total",),
                    title="Last orders")  # fmt: skip
    if data["interactions"]:
        contacts = [
            (shown_value(i["at"], zone=zone), i["channel"].value, i["direction"].value,
             *(printable(i[name] or "") for name in ("topic", "outcome")))
            for i in data["interactions"]
        ]  # fmt: skip
        yield table(("at", "channel", "direction", "topic", "outcome"), contacts,
                    title="Last interactions")  # fmt: skip
