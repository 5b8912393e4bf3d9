"""Faults of an input, told in the words of the command line: options where Python has arguments."""

from __future__ import annotations

import re

from crmcore.domain.errors import InvalidInput

__all__ = ["fault_text", "option_remedy", "spoken"]

COLUMNS = re.compile(r"(name it|say which) with \w+Columns\(\w+=\.\.\.\)")
DAYS = re.compile(r"\bsay day_first for days\b")
REMEDIES = {
    "day_first": "Say it with --day-first or --month-first.",
    "decimal": "Say it with --decimal . or --decimal ,",
    "encoding": "Name it with --encoding, such as --encoding cp1252.",
}
"""By path of a fault: the option that mends it."""


def spoken(reason: str) -> str:
    """`reason` with the options of the command line in place of Python's arguments."""
    reason = COLUMNS.sub(r"\1 with --column", reason)
    return DAYS.sub("say --day-first or --month-first for days", reason)


def fault_text(error: InvalidInput) -> str:
    """All faults of `error`; what is wrong with several for one reason is told once."""
    paths: dict[str, list[str]] = {}
    for fault in error.faults:
        reason = COLUMNS.sub("", fault.reason).rstrip(" :")
        paths.setdefault(spoken(reason), []).append(fault.path)
    return "; ".join(
        f"{', '.join(found)}: {reason}" if all(found) else reason for reason, found in paths.items()
    )


def option_remedy(error: InvalidInput) -> str | None:
    """The options that mend `error`, or `None` where they are not what it is about."""
    lacking = [fault.path for fault in error.faults if COLUMNS.search(fault.reason)]
    if lacking:
        return f"Name it: {' '.join(f'--column {name}=HEADER' for name in lacking)}."
    return next((REMEDIES[f.path] for f in error.faults if f.path in REMEDIES), None)
