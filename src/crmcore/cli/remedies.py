"""Remedies: how a command ends when it fails: exit code, one line, and what to do about it."""

from __future__ import annotations

import re

import attrs
from cyclopts import (
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnusedCliTokensError,
)

from crmcore.cli.faults import fault_text, option_remedy
from crmcore.cli.places import is_file, shown
from crmcore.domain.errors import (
    AlreadyExists,
    AmbiguousIdentifier,
    Busy,
    ConflictingFact,
    CrmError,
    IdentifierTaken,
    InvalidInput,
    MissingExtra,
    MissingRate,
    MixedCurrencies,
    MoveRefused,
    NotFound,
    NotMigrated,
    OutcomeUnknown,
    Refused,
    Stale,
    StorageError,
    UnknownBackend,
    UnknownField,
)

__all__ = ["DONE", "FAILED", "INTERRUPTED", "IN_PART", "REMEDIES", "WRONG", "Ending", "ending_of"]

URL = re.compile(r"[\w+.-]+://[^\s'\"]+")

LISTED = "`crmcore --help` lists the commands."
USAGE = "`crmcore COMMAND --help` shows how."
OPTIONS = ("KIND", "CUSTOMER", "NAME", "PROGRAMME", "where", "limit", "after", "source")
"""Paths of faults that speak of the command line itself; so does whatever begins with --."""

DONE, FAILED, WRONG, IN_PART, INTERRUPTED = 0, 1, 2, 3, 130
"""The exit codes."""

UNREACHED = (
    "Is the server up, and are URL, user and password right? --debug shows the driver's words."
)

UNREAD = (
    "Is it a SQLite database, and may it be read and written? --debug shows the driver's words."
)

REMEDIES: dict[type[CrmError], tuple[int, str]] = {
    UnknownField: (WRONG, "`crmcore doctor` lists the fields of this store."),
    MissingRate: (WRONG, "Give amounts in the model's currency, or import with dated rates."),
    MixedCurrencies: (WRONG, "Give all amounts in one currency."),
    InvalidInput: (WRONG, "Mend the input and run the command again."),
    MoveRefused: (FAILED, "Choose one of the stages that may follow."),
    Refused: (FAILED, "Nothing was changed; ask for what that rule allows."),
    NotFound: (FAILED, "`crmcore customers` lists whom there is; check --tenant and --url."),
    Stale: (FAILED, "Somebody was faster: run the command again."),
    IdentifierTaken: (FAILED, "Import that row under the customer who has the identifier."),
    AmbiguousIdentifier: (FAILED, "Ask again with one of these ids."),
    AlreadyExists: (FAILED, "It is stored already; there is nothing to do."),
    ConflictingFact: (FAILED, "Give the changed fact a key of its own, or leave it out."),
    Busy: (FAILED, "Nothing was kept of the last step: run the command again."),
    OutcomeUnknown: (FAILED, "Run the command again: what was kept is not kept twice."),
    NotMigrated: (FAILED, "Run `crmcore init` with the same --url and --tenant."),
    UnknownBackend: (WRONG, "Correct --url or CRMCORE_URL; a file is sqlite:///crm.db."),
    MissingExtra: (FAILED, "Install it, then run the command again."),
    StorageError: (FAILED, UNREACHED),
    CrmError: (FAILED, "Run it with --debug to see where it comes from."),
}
"""By family of error, the nearest first: the exit code, and what to do."""


def _one_line(text: str) -> str:
    """`text` without line breaks, and without what signs in to a store."""
    return URL.sub(lambda found: shown(found[0]), " ".join(text.split()))


@attrs.frozen
class Ending:
    """How a command failed."""

    code: int
    kind: str
    message: str = attrs.field(converter=_one_line)
    remedy: str

    @property
    def line(self) -> str:
        """For people, without a line break."""
        message = self.message if self.message.endswith((".", "?")) else f"{self.message}."
        return f"{message} {self.remedy}"

    @property
    def plain(self) -> dict[str, object]:
        """For programs."""
        return {"error": self.kind, "message": self.message, "remedy": self.remedy,
                "exit_code": self.code}  # fmt: skip


def ending_of(error: BaseException, *, place: str = "") -> Ending:
    """The exit code, message and remedy for whatever was raised at the store of that URL."""
    kind = type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        remedy = "What was finished is kept; run the command again to go on."
        return Ending(INTERRUPTED, "Interrupted", "interrupted", remedy)
    if isinstance(error, CycloptsError):
        told = _usage(error)
        remedy = LISTED if isinstance(error, UnknownCommandError) else USAGE
        return Ending(WRONG, "Usage", told, remedy)
    if isinstance(error, CrmError):
        code, remedy = next(REMEDIES[cls] for cls in type(error).__mro__ if cls in REMEDIES)
        if _is_option(error):
            remedy = USAGE
        elif isinstance(error, NotFound) and error.kind == "segments":
            remedy = "`crmcore segments` lists which there are."
        elif isinstance(error, NotFound) and error.kind == "memberships":
            remedy = "Check the number and --programme; check --tenant and --url."
        elif isinstance(error, InvalidInput):
            remedy = option_remedy(error) or remedy
        elif type(error) is StorageError and is_file(place):
            remedy = UNREAD
        return Ending(code, kind, _text(error), remedy)
    if isinstance(error, OSError):
        why = error.strerror or kind
        return Ending(WRONG, kind, f"{error.filename or 'a file'}: {why}", "Check the path.")
    message = f"this is a fault of crmcore itself ({kind})"
    return Ending(FAILED, kind, message, "Please report it with what --debug shows.")


def _usage(error: CycloptsError) -> str:
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        return f"{error.argument.name} is missing"
    if isinstance(error, UnusedCliTokensError):
        return _unused(error)
    return str(error).partition(" Available commands:")[0]


def _unused(error: UnusedCliTokensError) -> str:
    """What may follow the command, if anything; the words themselves may be a customer's."""
    command = " ".join(error.command_chain or ())
    actions = [name for name in error.app or () if not name.startswith("-")]
    if actions:
        return f"after {command} stands one of {', '.join(actions)}, or nothing but options"
    many = len(error.unused_tokens or ())
    return f"{command or 'crmcore'} does not take the last {many} of these words"


def _text(error: CrmError) -> str:
    if isinstance(error, AmbiguousIdentifier):
        return f"{error}: {', '.join(error.customer_ids)}"
    if type(error) is InvalidInput and error.faults:
        return fault_text(error)
    return str(error)


def _is_option(error: CrmError) -> bool:
    """Does it speak of the command line itself?"""
    if type(error) is not InvalidInput or not error.faults:
        return False
    path = error.faults[0].path
    return path.startswith("--") or path.partition(".")[0] in OPTIONS
