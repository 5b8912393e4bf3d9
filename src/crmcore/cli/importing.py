"""`crmcore import`: rows of a file become customers or facts; bad rows are set aside and told."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from errno import EISDIR, ENOENT
from pathlib import Path
from typing import Annotated, Any

import attrs
from cyclopts import Parameter

from crmcore.cli.faults import spoken
from crmcore.cli.places import opened
from crmcore.cli.progress import lines_of, watched
from crmcore.cli.remedies import DONE, IN_PART
from crmcore.cli.showing import counted, plain, printable, table
from crmcore.cli.terminal import Terminal
from crmcore.domain.errors import InvalidInput
from crmcore.domain.kinds import AGGREGATES, FACTS
from crmcore.domain.money import Rates
from crmcore.services import (
    CustomerColumns,
    ImportReport,
    OrderLineColumns,
    PurchaseColumns,
    import_aggregates,
    import_customers,
    import_facts,
    import_order_lines,
    import_purchases,
    read_rates,
)

__all__ = ["IMPORTED", "import_file"]

SHOWN = 10
PARTS: dict[str, tuple[Callable[..., ImportReport], type[Any]]] = {
    "customers": (import_customers, CustomerColumns),
    "purchases": (import_purchases, PurchaseColumns),
    "order-lines": (import_order_lines, OrderLineColumns),
}
"""Where rows are not simply the fields of a kind: the service, and its columns."""
STILL = ("scores", "consents", "segment_changes", "points", "tier_changes", "decisions")
IMPORTED = (*PARTS, "products", "segments", "memberships", *(kind.name for kind in FACTS))
"""What can be imported."""
MOVING = ("purchases", "order-lines", *(kind.name for kind in FACTS if kind.name not in STILL))
"""What may make a move of the life cycle due."""


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
    encoding: str | None = None,
    decimal: str | None = None,
    day_first: Annotated[bool | None, Parameter(negative="--month-first")] = None,
    phone_region: str | None = None,
    anonymous: str | None = None,
    repeated: str | None = None,
    rates: Path | None = None,
    restore: bool = False,
    terminal: Annotated[Terminal, Parameter(parse=False)],
) -> int:
    """Read customers, purchases or other facts from a file.

    KIND is customers, purchases, order-lines (of invoices), products, segments,
    memberships, or a kind of fact: orders, payments, fulfilments,
    cancellations, returns, interactions, scores, consents, segment_changes,
    points, tier_changes, decisions. The same file twice changes nothing. A row
    that cannot be read takes no good row with it; if there are any, the exit
    code is 3. Then run `crmcore advance`: it brings the stages up to date.

        crmcore import customers people.csv --source shop
        crmcore import purchases orders.csv --source shop --rejects bad.csv
        crmcore import purchases till.csv --source till --zone Europe/Madrid
        crmcore import purchases x.csv --source x --column at=day
        crmcore import order-lines invoices.csv --source erp --dry-run

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
        A file for the rows that were rejected, to be mended and imported.
    dry_run
        Say what would happen, and change nothing.
    encoding
        How the text of the file is encoded, such as cp1252.
    decimal
        The mark before decimals: a point or a comma.
    day_first
        Is 03/04/2026 in April or in March?
    phone_region
        The country, as ES, whose telephone numbers need no +34.
    anonymous
        Of order lines without a customer: skip them, or give all to one.
    repeated
        Of the same order line twice: count it once, or each time.
    rates
        A file of exchange rates: date, currency, and rate into the store's.
    restore
        The file was written by `crmcore export`: take it back as it was.

    """
    if file.is_dir():
        raise IsADirectoryError(EISDIR, "is a folder, not a file", str(file))
    if not file.is_file():
        raise FileNotFoundError(ENOENT, "there is no such file", str(file))
    if kind not in IMPORTED:
        raise InvalidInput.of("KIND", f"is none of {', '.join(IMPORTED)}")
    given = {
        "zone": zone, "currency": currency, "rejects": rejects, "dry_run": dry_run or None,
        "encoding": encoding, "decimal": decimal, "day_first": day_first,
        "phone_region": phone_region, "anonymous": anonymous, "repeated": repeated,
        "restore": restore or None,
    }  # fmt: skip
    options = {name: value for name, value in given.items() if value is not None}
    use = _service_for(kind, options)
    options["columns"] = _columns(kind, column or (), restore=restore)
    with opened(terminal, rates=None if rates is None else _rates(rates)) as backend:
        lines = lines_of(file)
        total = None if lines is None else max(lines - 1, 0)
        with terminal.progress(f"Importing {kind}", total=total) as progress:
            report: ImportReport = use(watched(backend, progress), file, source=source, **options)
    if terminal.json:
        terminal.document(_data(report, kind, dry_run=dry_run))
    _tell(terminal, report, kind, rejects, dry_run=dry_run)
    return IN_PART if report.rejected else DONE


def _service_for(kind: str, options: Mapping[str, Any]) -> Any:
    """What imports this kind with these options, given a backend and a file."""
    if kind in PARTS and "restore" not in options:
        return _taking(options, PARTS[kind][0])
    aggregates = [known.name for known in AGGREGATES]
    use = _taking(options, import_aggregates if kind in aggregates else import_facts)
    return lambda backend, rows, **rest: use(backend, kind, rows, **rest)


def _taking(options: Mapping[str, Any], use: Callable[..., ImportReport]) -> Any:
    """`use`, if it knows all of these options."""
    known = inspect.signature(use).parameters
    if lacking := [option for option in options if option not in known]:
        reason = "does not go with what is imported here"
        raise InvalidInput.of(f"--{lacking[0].replace('_', '-')}", reason)
    return use


def _columns(kind: str, given: Sequence[str], *, restore: bool) -> Any:
    """What `--column` says, as the columns of that import; `None` where it says nothing."""
    named = {}
    for text in given:
        name, mark, header = text.partition("=")
        if not mark or not header:
            raise InvalidInput.of("--column", "is NAME=HEADER, such as amount=paid")
        named[name] = header
    if not named or restore or kind not in PARTS:
        return named or None
    cls = PARTS[kind][1]
    known = tuple(attribute.name for attribute in attrs.fields(cls))
    if unknown := named.keys() - set(known):
        reason = f"{', '.join(sorted(unknown))}: NAME is one of {', '.join(known)}"
        raise InvalidInput.of("--column", reason)
    return cls(**named)


def _rates(file: Path) -> Callable[[str], Rates]:
    """What reads the rates once the store's currency is known."""
    return lambda currency: read_rates(file, into=currency)


def _data(report: ImportReport, kind: str, *, dry_run: bool) -> dict[str, Any]:
    counts = ("rows", "added", "updated", "unchanged", "set_aside", "rejected",
              "customers_added", "products_added")  # fmt: skip
    return {
        "kind": kind,
        "dry_run": dry_run,
        **{name: getattr(report, name) for name in counts},
        "found_out": list(report.guessed),
        "decisions": [
            {"name": made.name, "count": made.count, "sentence": made.sentence,
             "amounts": [plain(amount) for amount in made.amounts]}
            for made in report.decisions
        ],
        "rejects": [attrs.asdict(reject) for reject in report.rejects],
    }  # fmt: skip


def _tell(
    terminal: Terminal, report: ImportReport, kind: str, rejects: Path | None, *, dry_run: bool
) -> None:
    for sentence in report.guessed:
        terminal.say(printable(sentence))
    counts = [
        (report.added, "new"), (report.updated, "updated"), (report.unchanged, "known already"),
        (report.set_aside, "set aside"), (report.rejected, "rejected"),
    ]  # fmt: skip
    told = ", ".join(f"{number:,} {what}" for number, what in counts if number) or "none"
    would = "Nothing was kept. It would be " if dry_run else ""
    terminal.say(f"{would}{counted(report.rows, 'row')} of {kind}: {told}.")
    made = [counted(report.customers_added, "new customer")] if report.customers_added else []
    if products := report.products_added:
        made.append(counted(products, "new product"))
    if made and kind != "customers":
        terminal.say(f"{', '.join(made)}.")
    if decisions := report.decisions:
        listed = [(f"{made.count:,}", printable(made.sentence)) for made in decisions]
        terminal.say()
        terminal.say(table(("rows", "decision"), listed, right=("rows",)))
    if report.added and kind in MOVING and not dry_run:
        terminal.say("Run `crmcore advance` to bring the stages up to date.")
    if not report.rejects:
        return
    shown = report.rejects[:SHOWN]
    rows = [(f"{r.row:,}", printable(r.column), printable(spoken(r.reason))) for r in shown]
    terminal.say()
    terminal.say(table(("row", "column", "why"), rows, right=("row",)))
    if len(report.rejects) > len(shown):
        terminal.say(f"\n{len(shown)} of {len(report.rejects):,} reasons shown.")
    if report.rejected and rejects is not None:
        terminal.say(f"\nAll rejected rows are in {rejects}: mend them there and import that file.")
    elif report.rejected:
        terminal.say("\nWith --rejects FILE the rejected rows are written to a file.")
