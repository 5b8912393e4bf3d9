"""`crmcore segments`: how many customers there are of which sort."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from crmcore.cli.places import opened
from crmcore.cli.showing import counted, table
from crmcore.cli.terminal import Terminal
from crmcore.cli.where import where as read_where
from crmcore.domain.customer import CustomerKind
from crmcore.domain.model import Model
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["segments"]

PURCHASES = (
    ("no purchase", "purchase_count = 0"),
    ("1 purchase", "purchase_count = 1"),
    ("2 to 4 purchases", "purchase_count > 1 and purchase_count < 5"),
    ("5 or more", "purchase_count >= 5"),
)


def segments(
    *, where: str | None = None, terminal: Annotated[Terminal, Parameter(parse=False)]
) -> None:
    """Count customers by stage, kind and purchases.

    Each segment is a condition on the profile, shown beside it: give it to
    --where of `crmcore customers` to see who is in it.

        crmcore segments
        crmcore segments --where "last_purchase_at >= 2026-01-01"

    Parameters
    ----------
    where
        Only among those for whom this holds, as for `crmcore customers`.

    """
    with opened(terminal) as backend, backend.reading() as unit:
        asked = f"{where} and " if where else ""
        if where is not None:
            read_where(where, backend.model)  # by itself, so that an error speaks of it alone
        everyone = _count(unit, where)
        found = [
            {"group": group, "segment": name, "where": condition,
             "customers": _count(unit, asked + condition)}
            for group, name, condition in _groups(backend.model)
        ]  # fmt: skip
        data = {"customers": everyone, "segments": found}
        terminal.answer(data, lambda: _listed(found, everyone))
        terminal.say(f"\n{counted(everyone, 'customer')} in all.")


def _groups(model: Model) -> list[tuple[str, str, str]]:
    """Group, name, and condition of each segment."""
    stages = [
        ("stage", f"{stage.name} ({stage.standing})", f"stage = {stage.name}")
        for stage in model.life_cycle.stages
    ]
    kinds = [("kind", kind.value, f"kind = {kind.value}") for kind in CustomerKind]
    return [*stages, *kinds, *(("purchases", name, text) for name, text in PURCHASES)]


def _count(unit: UnitOfWork, condition: str | None) -> int:
    predicate = None if condition is None else read_where(condition, unit.model)
    return unit.profiles.where(predicate).count()


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
