"""When the scores were made, and by which model: told wherever one is shown."""

from __future__ import annotations

import numpy as np

from crmcore.report.figures import counted, day_of
from crmcore.report.purchases import local_days_of
from crmcore.report.snapshot import Snapshot

__all__ = ["scored_when"]


def scored_when(seen: Snapshot, *, parameters: bool = False) -> str:
    """A sentence: how many were scored, by what, as of which day or days; empty without scores.
    The parameters of the model are told where asked for.
    """
    scored = seen.scored & seen.known
    if not scored.any():
        if not seen.outdated:
            return ""
        return f"All {counted(seen.outdated, 'customer')} with a score bought since: left out."
    at = seen.scores.at["probability_alive"][scored]
    days = local_days_of(np.array([at.min(), at.max()]), seen.model.zone)
    first, last = day_of(int(days[0])), day_of(int(days[1]))
    when = f"as of {last}" if first == last else f"as of days from {first} to {last}"
    basis = seen.bases.get("probability_alive")
    by = ""
    if basis is not None and basis.model:
        named = [word for word in basis.model.split() if parameters or "=" not in word]
        by = f" by {' '.join(named)}"
    told = f"{counted(int(scored.sum()), 'customer')} scored{by}, {when}."
    if old := seen.outdated:
        told += f" Left out: scores of {counted(old, 'customer')} who bought since."
    return told
