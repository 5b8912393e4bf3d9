"""`crmcore doctor`: is everything there, and in order? One line each, with what to do."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from crmcore.cli.examining import Finding, State, store_findings
from crmcore.cli.remedies import DONE, FAILED
from crmcore.cli.showing import printable
from crmcore.cli.terminal import Terminal
from crmcore.domain.errors import InvalidInput
from crmcore.domain.instants import zone_named

__all__ = ["PARTS", "doctor"]

PARTS: dict[str, tuple[str, ...]] = {
    "sql": ("sqlalchemy", "alembic"),
    "postgres": ("psycopg",),
    "mariadb": ("pymysql",),
    "mongo": ("pymongo",),
    "analytics": ("numpy", "scipy"),
    "frames": ("narwhals", "pyarrow"),
    "report": ("jinja2", "numpy", "scipy"),
    "testing": ("pytest", "hypothesis"),
}
"""By extra: the modules that say it is installed."""
STYLES = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}
WRITTEN = datetime(2025, 1, 1, tzinfo=UTC)
"""Before this release: a clock that shows less is wrong."""


def doctor(*, terminal: Annotated[Terminal, Parameter(parse=False)]) -> int:
    """Check the installation and the store; say what to do.

    One line each: ok, warn or fail, and the remedy. The exit code is 1 if
    anything fails. It changes nothing.

        crmcore doctor
        crmcore doctor --url postgresql+psycopg://localhost/crm --json
    """
    found = [*_installation(), *store_findings(terminal)]
    failed = any(finding.state is State.FAIL for finding in found)
    if terminal.json:
        rows = [{**attrs.asdict(f), "state": f.state.value} for f in found]
        terminal.document({"ok": not failed, "findings": rows})
    else:
        terminal.print(_lines(found))
    return FAILED if failed else DONE


def _lines(found: list[Finding]) -> Any:
    from rich.table import Table
    from rich.text import Text

    made = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    for finding in found:
        told = Text(printable(finding.text))
        if finding.remedy:
            told.append(f" {finding.remedy}", style="italic")
        state = Text(finding.state.value, STYLES[finding.state])
        made.add_row(state, finding.name, told)
    return made


def _installation() -> Iterator[Finding]:
    try:
        yield Finding("crmcore", State.OK, f"{version('crmcore')}, Python {_python()}")
    except PackageNotFoundError:
        yield Finding("crmcore", State.WARN, f"run from its source, Python {_python()}")
    there = [extra for extra, modules in PARTS.items() if all(find_spec(name) for name in modules)]
    absent = [extra for extra in PARTS if extra not in there]
    yield Finding("extras", State.OK, f"{', '.join(there)}; not installed: {', '.join(absent)}"
                  if absent else ", ".join(there))  # fmt: skip
    try:
        zone_named("Europe/Madrid")
        yield Finding("time zones", State.OK, "known")
    except InvalidInput:
        remedy = "pip install tzdata"
        yield Finding("time zones", State.FAIL, "this machine has no time zone data.", remedy)
    now = datetime.now(UTC)
    if now < WRITTEN:
        remedy = "Set the clock of this machine."
        yield Finding("clock", State.FAIL, f"it shows {now:%Y-%m-%d}.", remedy)
    else:
        yield Finding("clock", State.OK, f"{now:%Y-%m-%d %H:%M} UTC")


def _python() -> str:
    return platform.python_version()
