"""`crmcore segments show`, `evaluate`, `explain`, `define`, `refresh`: one segment at a time."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter

from crmcore import services
from crmcore.adapters.backend import Backend
from crmcore.adapters.dicts import to_dict
from crmcore.cli.advancing import moment
from crmcore.cli.places import opened
from crmcore.cli.profile import named_customer
from crmcore.cli.segments import told_in_words
from crmcore.cli.showing import counted, plain, printable, shown_value, table
from crmcore.cli.terminal import Terminal
from crmcore.cli.where import where as read_where
from crmcore.domain.errors import InvalidInput, NotFound
from crmcore.domain.explaining import Explanation
from crmcore.domain.expressions import in_segment
from crmcore.domain.ids import CustomerId
from crmcore.domain.journal import Entry
from crmcore.domain.predicates import Predicate
from crmcore.domain.segment import Segment
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["define", "evaluate", "explain", "refresh", "show"]

Told = Annotated[Terminal, Parameter(parse=False)]


def show(name: str, /, *, personal: bool = False, terminal: Told) -> None:
    """Show one segment: its definition in words and as JSON, and what became of it.

    The JSON is what `--where @FILE` reads. What personal fields are compared
    with is shown only with --personal, and so is the JSON where there is any.

        crmcore segments show asleep

    Parameters
    ----------
    name
        The segment.
    personal
        Show what personal fields are compared with, too.

    """
    with opened(terminal) as backend, backend.reading() as unit:
        known = unit.segments.named(name)
        words = told_in_words(unit, known, personal=personal)
        open_to_all = personal or words == told_in_words(unit, known, personal=True)
        predicate = known.predicate if open_to_all else None
        definition = None if predicate is None else to_dict(predicate)
        count, told = _members(unit, known), unit.segments.history(known.id)
        data = {
            "segment": known.name, "kind": _kind(known), "owner": known.owner,
            "description": known.description, "at": plain(known.at), "version": known.version,
            "customers": count, "in_words": words, "definition": definition,
            "history": [_entry(entry) for entry in told],
        }  # fmt: skip
        if terminal.json:
            terminal.document(data)
            return
        zone = backend.model.zone
        owner = f", of {printable(known.owner)}" if known.owner else ""
        terminal.print(f"{known.name}: a {_kind(known)} segment{owner}")
        if known.description:
            terminal.print(printable(known.description))
        terminal.print("")
        terminal.print(f"in words  {words}")
        terminal.print(f"members   {'cannot be asked' if count is None else f'{count:,}'}")
        if definition is not None:
            terminal.print(f"as JSON   {json.dumps(definition, ensure_ascii=True)}")
        elif known.predicate is not None:
            terminal.print("as JSON   with --personal")
        rows = [
            (shown_value(e.at, zone=zone), str(e.operation), shown_value(e.version, zone=zone),
             ", ".join(_changed(e)), printable(e.actor or ""))
            for e in told
        ]  # fmt: skip
        terminal.print(table(("at", "what", "version", "changed", "by"), rows, title="History"))


def evaluate(
    name: str | None = None,
    /,
    *,
    where: str | None = None,
    at: str | None = None,
    ids: bool = False,
    terminal: Told,
) -> None:
    """Count who is in a segment, or for whom a condition holds; or list them.

        crmcore segments evaluate asleep
        crmcore segments evaluate asleep --ids
        crmcore segments evaluate --where "born has birthday today" --at 2026-03-01

    Parameters
    ----------
    name
        The segment.
    where
        A condition in the place of a segment, as for `crmcore customers`.
    at
        The instant to ask at: a day (its beginning) or an instant; now if not given.
    ids
        List the ids of the customers.

    """
    if (name is None) is (where is None):
        raise InvalidInput.of("NAME", "is given, or else --where")
    with opened(terminal) as backend, backend.reading() as unit:
        asked = in_segment(str(name)) if where is None else read_where(where, backend.model)
        query = unit.profiles.where(asked, at=_instant(backend, at))
        if not ids:
            total = query.count()
            terminal.answer({"count": total}, lambda: f"{total:,}")
            return
        found = [str(id) for id in query.ids()]
        terminal.answer({"count": len(found), "ids": found}, lambda: "\n".join(found))
        terminal.say(f"\n{counted(len(found), 'customer')}.")


def explain(
    name: str,
    customer: str,
    /,
    *,
    source: str | None = None,
    at: str | None = None,
    personal: bool = False,
    terminal: Told,
) -> None:
    """Say whether a customer is in a segment, and why, term by term.

    CUSTOMER is an id, or an identifier as TYPE:VALUE, as for `crmcore profile`.

        crmcore segments explain asleep external:C-1 --source shop

    Parameters
    ----------
    name
        The segment.
    customer
        Whom to explain.
    source
        The system that an external id is from.
    at
        The instant to ask at: a day (its beginning) or an instant; now if not given.
    personal
        Show personal values too.

    """
    with opened(terminal) as backend, backend.reading() as unit:
        who = CustomerId(named_customer(unit, customer, source).id)
        told = unit.profiles.explain(in_segment(name), who, at=_instant(backend, at))
        terminal.answer(
            _explained(told, personal=personal), lambda: "\n".join(told.lines(personal=personal))
        )


def define(
    name: str,
    /,
    *,
    where: str | None = None,
    owner: str | None = None,
    description: str | None = None,
    terminal: Told,
) -> None:
    """Define a segment, or change one: its condition, its owner, its description.

    A new one without --where is static: its members are put in by hand, from
    Python. A segment's former definitions stay in its history.

        crmcore segments define asleep --where "last_purchase_at < 90 days ago" --owner ines
        crmcore segments define asleep --where @asleep.json

    Parameters
    ----------
    name
        Lower-case letters, digits and _.
    where
        Who is in it: a condition as for `crmcore customers`.
    owner
        Who answers for it.
    description
        What it is for.

    """
    with opened(terminal) as backend:
        predicate = None if where is None else read_where(where, backend.model)
        known = backend.run(_defined, name, predicate, owner, description, actor="command line")
        with backend.reading() as unit:
            count = _members(unit, known)
    if terminal.json:
        terminal.document({"segment": known.name, "version": known.version, "customers": count})
    done = "defined" if known.version == 1 else f"at version {known.version}"
    found = "cannot be asked yet" if count is None else counted(count, "customer")
    terminal.say(f"{known.name} {done}: {found}.")


def refresh(name: str | None = None, /, *, at: str | None = None, terminal: Told) -> None:
    """Record who entered and who left, of one dynamic segment or of all.

    Run it every night; run again, there is nothing to record.

        crmcore segments refresh
        crmcore segments refresh asleep

    Parameters
    ----------
    name
        The segment; all of them if not given.
    at
        The instant to ask at: a day (its beginning) or an instant; now if not given.

    """
    with opened(terminal) as backend:
        names = None if name is None else [name]
        done = services.refresh_segments(backend, at=_instant(backend, at), names=names)
    data = {known: {"entered": one.entered, "left": one.left} for known, one in done.items()}
    if terminal.json:
        terminal.document(data)
    for known, one in done.items():
        terminal.say(f"{known}: {one.entered:,} entered, {one.left:,} left.")
    if not done:
        terminal.say("There is no dynamic segment.")


def _defined(
    unit: UnitOfWork,
    name: str,
    predicate: Predicate | None,
    owner: str | None,
    description: str | None,
) -> Segment:
    known = unit.segments.find(name)
    if known is None:
        made = Segment(
            name=name, predicate=predicate, owner=owner, description=description,
            at=unit.recorded_at,
        )  # fmt: skip
        return unit.segments.add(made)
    changed = known if predicate is None else known.redefined(predicate)
    changed = changed if owner is None else changed.owned_by(owner)
    changed = changed if description is None else changed.described(description)
    return known if changed == known else unit.segments.save(changed)


def _members(unit: UnitOfWork, known: Segment) -> int | None:
    """How many there are; `None` where that cannot be asked: a field or another segment is gone."""
    try:
        return unit.profiles.where(in_segment(known.name)).count()
    except (InvalidInput, NotFound):
        return None


def _kind(known: Segment) -> str:
    return "dynamic" if known.is_dynamic else "static"


def _instant(backend: Backend, at: str | None) -> datetime | None:
    return None if at is None else moment(at, backend.model.zone, "--at")


def _changed(entry: Entry) -> list[str]:
    """The names of what was changed, personal or not; never the values."""
    both = (*entry.changes, *entry.personal)
    return list(dict.fromkeys(name for changes in both for name in changes))


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "at": plain(entry.at), "operation": str(entry.operation), "version": entry.version,
        "changed": _changed(entry), "actor": entry.actor,
    }  # fmt: skip


def _explained(told: Explanation, *, personal: bool) -> dict[str, Any]:
    return {
        "asked": told.asked(personal=personal),
        "holds": told.holds,
        "found": list(told.values(personal=personal)),
        "meant": list(told.meanings(personal=personal)),
        "parts": [_explained(part, personal=personal) for part in told.parts],
    }
