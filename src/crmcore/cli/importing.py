"""`crmcore import`: rows of a file become customers or facts; bad rows are set aside and told."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from errno import ENOENT
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from crmcore import services
from crmcore.cli.places import opened
from crmcore.cli.progress import Watched, lines_of
from crmcore.cli.remedies import DONE, IN_PART
from crmcore.cli.showing import counted, printable, table
from crmcore.cli.terminal import Terminal
from crmcore.domain.errors import InvalidInput, Refused
from crmcore.domain.kinds import FACTS
from crmcore.services import CustomerColumns, ImportReport, PurchaseColumns

__all__ = ["IMPORTED", "import_file", "service"]

SHOWN = 10
IMPORTED = ("customers", "purchases", "order-lines", *(kind.name for kind in FACTS))
"""What can be imported."""


def import_file(
    kind: str,
    file: Path,
    /,
    *,
    source: str,
    zone: str | None = None,
    currency: str | None = None,
    column: Annotated[list[str] | None, Parameter(consume_multiple=False)] = None,
    rejects: Path | None = None,
    dry_run: bool = False,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> int:
    """Read customers, purchases or other facts from a file.

    KIND is customers, purchases, order-lines, or a kind of fact: orders,
    payments, fulfilments, cancellations, returns, interactions, scores. The same
    file twice changes nothing. A row that cannot be read takes no good row with
    it; if there are any, the exit code is 3.

        crmcore import customers people.csv --source shop
        crmcore import purchases orders.csv --source shop --rejects bad.csv
        crmcore import purchases till.csv --source till --zone Europe/Madrid
        crmcore import purchases x.csv --source x --column at=day

    Parameters
    ----------
    kind
        What the rows are.
    file
        The file, with a header line.
    source
        The system that the file is from; keys and customers' ids belong to it.
    zone
        The zone of days and times that name none; the store's if not given.
    currency
        The currency of amounts that name none; the store's if not given.
    column
        Where a value stands, as NAME=HEADER; may be given several times.
    rejects
        A file for the rows that were rejected, with the reasons, to be mended and imported.
    dry_run
        Say what would happen, and change nothing.

    """
    if not file.is_file():
        raise FileNotFoundError(ENOENT, "there is no such file", str(file))
    with opened(terminal) as backend:
        lines = lines_of(file)
        total = None if lines is None else max(lines - 1, 0)
        with terminal.progress(f"Importing {kind}", total=total) as progress:
            report = _imported(
                Watched(backend, progress), kind, file, column or (), source=source, zone=zone,
                currency=currency, rejects=rejects, dry_run=dry_run,
            )  # fmt: skip
    if terminal.json:
        terminal.document(_data(report, kind, dry_run=dry_run))
    _tell(terminal, report, kind, rejects, dry_run=dry_run)
    return IN_PART if report.rejected else DONE


def service(name: str, *options: str) -> Callable[..., Any]:
    """The function of `crmcore.services`, if this release has it, with these options."""
    found: Callable[..., Any] | None = getattr(services, name, None)
    lacking = [] if found is None else set(options) - inspect.signature(found).parameters.keys()
    if found is None or lacking:
        what = name.replace("_", " ") + "".join(f" with {option}" for option in lacking)
        raise Refused("command.in_this_release", f"this release of crmcore has no {what}")
    return found


def _imported(
    backend: Watched, kind: str, file: Path, columns: Sequence[str], **options: Any
) -> ImportReport:
    report: ImportReport
    given = {name: value for name, value in options.items() if value not in (None, False)}
    wanted = [name for name in ("dry_run", "currency") if name in given]
    match kind:
        case "customers":
            use = service("import_customers", *wanted)
            report = use(backend, file, columns=_columns(CustomerColumns, columns), **given)
        case "purchases":
            use = service("import_purchases", *wanted)
            report = use(backend, file, columns=_columns(PurchaseColumns, columns), **given)
        case "order-lines":
            use = service("import_order_lines", *wanted)
            made = getattr(services, "OrderLineColumns", None)
            report = use(backend, file, columns=_columns(made, columns), **given)
        case _ if kind in IMPORTED:
            if columns:
                raise InvalidInput.of("--column", f"does not go with {kind}: name the headers so")
            report = service("import_facts", *wanted)(backend, kind, file, **given)
        case _:
            raise InvalidInput.of("KIND", f"is none of {', '.join(IMPORTED)}")
    return report


def _columns(cls: type[Any] | None, given: Sequence[str]) -> Any:
    """What `--column` says, as the columns of that import; `None` where it says nothing."""
    if not given or cls is None:
        return None
    named: dict[str, str] = {}
    known = tuple(attribute.name for attribute in attrs.fields(cls))
    for text in given:
        name, mark, header = text.partition("=")
        if not mark or name not in known:
            raise InvalidInput.of("--column", f"is NAME=HEADER, with NAME of {', '.join(known)}")
        named[name] = header
    return cls(**named)


def _data(report: ImportReport, kind: str, *, dry_run: bool) -> dict[str, Any]:
    counts = ("rows", "added", "updated", "unchanged", "rejected", "customers_added")
    return {
        "kind": kind,
        "dry_run": dry_run,
        **{name: getattr(report, name) for name in counts},
        "decisions": [attrs.asdict(made) for made in getattr(report, "decisions", ())],
        "rejects": [attrs.asdict(reject) for reject in report.rejects],
    }


def _tell(
    terminal: Terminal, report: ImportReport, kind: str, rejects: Path | None, *, dry_run: bool
) -> None:
    would = "Nothing was kept; it would be:\n" if dry_run else ""
    counts = [
        (report.added, "new"), (report.updated, "updated"), (report.unchanged, "known already"),
        (report.rejected, "rejected"),
    ]  # fmt: skip
    told = ", ".join(f"{number:,} {what}" for number, what in counts if number) or "none"
    terminal.say(f"{would}{counted(report.rows, 'row')} of {kind}: {told}.")
    if kind != "customers" and report.customers_added:
        terminal.say(f"{counted(report.customers_added, 'new customer')}.")
    for made in getattr(report, "decisions", ()):
        terminal.say(f"{made.count:,} × {printable(made.sentence)}")
    if not report.rejects:
        return
    shown = report.rejects[:SHOWN]
    rows = [(f"{r.row:,}", printable(r.column), printable(r.reason)) for r in shown]
    terminal.say()
    terminal.say(table(("row", "column", "why"), rows, right=("row",)))
    if report.rejected and rejects is not None:
        terminal.say(f"\nAll rejected rows are in {rejects}: mend them there and import that file.")
    elif report.rejected:
        terminal.say("\nWith --rejects FILE the rejected rows are written to a file.")
