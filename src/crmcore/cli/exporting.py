"""`crmcore export`: customers or facts to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from crmcore.cli.advancing import moment
from crmcore.cli.places import opened, within_folder
from crmcore.cli.showing import counted
from crmcore.cli.terminal import Terminal
from crmcore.services import export

__all__ = ["export_file"]


def export_file(
    kind: str,
    file: Path,
    /,
    *,
    since: str | None = None,
    until: str | None = None,
    personal: bool = False,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> None:
    """Write customers or facts to a file.

    KIND is customers, products, segments, memberships, profiles, purchases, or
    a kind of fact. The format follows the file's suffix: .csv, .jsonl or .parquet.
    Personal values are left out without --personal.

        crmcore export purchases purchases.csv --since 2026-01-01
        crmcore export customers customers.jsonl --personal

    Parameters
    ----------
    kind
        What to write.
    file
        Where to; a file that is there is replaced.
    since
        Only what happened at or after this day or instant.
    until
        Only what happened before this day or instant.
    personal
        Names, e-mail, phone and free text too.

    """
    with opened(terminal) as backend:
        bounds: dict[str, Any] = {
            "since": None if since is None else moment(since, backend.model.zone, "--since"),
            "until": None if until is None else moment(until, backend.model.zone, "--until"),
        }
        with terminal.progress(f"Exporting {kind}"):
            report = export(backend, kind, within_folder(file), personal=personal, **bounds)
    if terminal.json:
        terminal.document({"kind": kind, "rows": report.rows, "path": str(report.path)})
    terminal.say(f"{counted(report.rows, 'row')} of {kind} in {report.path}.")
