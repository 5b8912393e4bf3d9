"""`crmcore segments`: which segments there are, and how many customers of which sort."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from crmcore.cli.places import opened
from crmcore.cli.showing import counted, printable, table
from crmcore.cli.terminal import Terminal
from crmcore.cli.where import where as read_where
from crmcore.domain.customer import CustomerKind
from crmcore.domain.errors import InvalidInput, NotFound
from crmcore.domain.expressions import in_segment
from crmcore.domain.model import Model
from crmcore.domain.predicates import Predicate
from crmcore.domain.segment import Segment
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.domain.wording import in_words

__all__ = ["segments", "told_in_words"]

PURCHASES = (
    ("no purchase", "purchase_count = 0"),
    ("1 purchase", "purchase_count = 1"),
    ("2 to 4 purchases", "purchase_count > 1 and purchase_count < 5"),
    ("5 or more", "purchase_count >= 5"),
)


def segments(
    *,
    where: str | None = None,
    personal: bool = False,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> None:
    """Segments: who is in them, and why.

    Without more, this lists the segments that were defined, and counts customers
    by stage, kind and purchases: each of these is a condition on the profile,
    shown beside it, for --where. `crmcore segments show --help` and so on tell of
    what may follow: show, evaluate, explain, define, refresh.

        crmcore segments
        crmcore segments --where "last_purchase_at >= 2026-01-01"
        crmcore segments define asleep --where "last_purchase_at < 90 days ago"
        crmcore segments show asleep
        crmcore segments evaluate asleep --ids
        crmcore segments explain asleep external:C-1 --source shop
        crmcore segments refresh

    Parameters
    ----------
    where
        Only among those for whom this holds, as for `crmcore customers`.
    personal
        Show what personal fields are compared with, too.

    """
    with opened(terminal) as backend, backend.reading() as unit:
        among = None if where is None else read_where(where, backend.model)
        everyone = unit.profiles.where(among).count()
        named = [_named(unit, known, among, personal=personal) for known in _sorted(unit)]
        found = [
            {"group": group, "segment": name, "where": condition,
             "customers": _count(unit, read_where(condition, backend.model), among)}
            for group, name, condition in _groups(backend.model)
        ]  # fmt: skip
        data = {"customers": everyone, "named": named, "segments": found}
        if named and not terminal.json:
            terminal.print(_names_listed(named, everyone))
            terminal.print("")
        terminal.answer(data, lambda: _listed(found, everyone))
        terminal.say(f"\n{counted(everyone, 'customer')} in all.")


def _sorted(unit: UnitOfWork) -> list[Segment]:
    return sorted(unit.segments.stream(), key=lambda known: known.name)


def _named(
    unit: UnitOfWork, known: Segment, among: Predicate | None, *, personal: bool
) -> dict[str, Any]:
    """A segment that was defined; one that cannot be asked, for a field or another segment of it is
    gone, is not counted.
    """
    try:
        customers = _count(unit, in_segment(known.name), among)
    except (InvalidInput, NotFound):
        customers = None
    return {
        "segment": known.name,
        "kind": "dynamic" if known.is_dynamic else "static",
        "owner": known.owner,
        "customers": customers,
        "in_words": told_in_words(unit, known, personal=personal),
    }


def told_in_words(unit: UnitOfWork, known: Segment, *, personal: bool) -> str:
    """Who is in a segment."""
    if known.predicate is None:
        return "put together by hand"
    return in_words(known.predicate, unit.model, personal=personal)


def _names_listed(named: list[dict[str, Any]], everyone: int) -> Any:
    rows = [
        (one["segment"], one["kind"], printable(one["owner"] or ""),
         "cannot be asked" if one["customers"] is None else f"{one['customers']:,}",
         "" if one["customers"] is None else _share(one["customers"], everyone),
         one["in_words"])
        for one in named
    ]  # fmt: skip
    columns = ("segment", "kind", "owner", "customers", "share", "in words")
    return table(columns, rows, right=("customers", "share"))


def _groups(model: Model) -> list[tuple[str, str, str]]:
    """Group, name, and condition of each segment."""
    stages = [
        ("stage", f"{stage.name} ({stage.standing})", f"stage = {stage.name}")
        for stage in model.life_cycle.stages
    ]
    kinds = [("kind", kind.value, f"kind = {kind.value}") for kind in CustomerKind]
    return [*stages, *kinds, *(("purchases", name, text) for name, text in PURCHASES)]


def _count(unit: UnitOfWork, asked: Predicate, among: Predicate | None) -> int:
    return unit.profiles.where(asked if among is None else among & asked).count()


def _listed(found: list[dict[str, Any]], everyone: int) -> Any:
    rows = [
        (f["segment"], f"{f['customers']:,}",
         _share(f["customers"], everyone), f["where"])
        for f in found
    ]  # fmt: skip
    return table(("segment", "customers", "share", "where"), rows, right=("customers", "share"))


def _share(part: int, whole: int) -> str:
    """Two digits at least: 0.4 %, 12 %."""
    if not whole:
        return ""
    share = part / whole
    return f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"
