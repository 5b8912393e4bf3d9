"""`crmcore report`: the store as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from crmcore.cli.advancing import moment
from crmcore.cli.places import opened, within_folder
from crmcore.cli.terminal import Terminal

__all__ = ["report"]


def report(
    file: Path = Path("crm-report.html"),
    /,
    *,
    at: str | None = None,
    title: str | None = None,
    personal: bool = False,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> None:
    """Write the report: one HTML file that needs no network.

    Who the customers are, growth, value, retention, who is at risk. Customers
    are named by id without --personal. Needs: pip install 'crmcore[report]'

        crmcore report
        crmcore report march.html --at 2026-04-01 --title "March"

    Parameters
    ----------
    file
        Where to write it, crm-report.html if not given; what is there is replaced.
    at
        The instant to look from: a day (its beginning) or an instant; now if not given.
    title
        The title of the page.
    personal
        Name the customers.

    """
    from crmcore.report import write_report  # its extra is asked for only here

    with opened(terminal) as backend:
        instant = None if at is None else moment(at, backend.model.zone, "--at")
        with terminal.progress("Writing the report"):
            path = write_report(
                backend, within_folder(file), at=instant, title=title, personal=personal
            )
    if terminal.json:
        terminal.document({"path": str(path)})
    terminal.say(f"The report is in {path}: open it in a browser.")
