"""Every error crmcore raises, grouped by what the caller can do about it.

    CrmError
    ├── InvalidInput            mend the input: all its faults together, each with its path
    │   ├── UnknownField        a field the model does not declare (with a suggestion)
    │   ├── MissingRate         no exchange rate is known for that currency and day
    │   └── MixedCurrencies     two currencies where one is needed
    ├── Refused                 a business rule said no, and names itself
    │   └── MoveRefused         a life-cycle move that the transition table does not allow
    ├── NotFound                nothing has that id
    ├── Conflict                somebody or something else got there first
    │   ├── Stale               the aggregate was saved by another since it was read
    │   ├── IdentifierTaken     an exclusive identifier belongs to another customer
    │   ├── AmbiguousIdentifier a shared identifier belongs to several customers
    │   ├── AlreadyExists       an aggregate with that id is stored already
    │   └── ConflictingFact     the same source key came with other content
    ├── StorageError            the store failed; nothing of the unit of work was kept
    │   ├── Busy                another writer holds what is needed: try again (`run` does)
    │   ├── OutcomeUnknown      the reply to the commit was lost: ask before repeating
    │   ├── NotMigrated         call `backend.migrate()` first
    │   └── UnknownBackend      no installed backend serves that URL
    └── MissingExtra            install the extra it names

Messages carry ids, field names and rules, never a personal value. Fields survive pickling.
"""

from __future__ import annotations

from datetime import date

import attrs

__all__ = [
    "AlreadyExists",
    "AmbiguousIdentifier",
    "Busy",
    "Conflict",
    "ConflictingFact",
    "CrmError",
    "Fault",
    "IdentifierTaken",
    "InvalidInput",
    "MissingExtra",
    "MissingRate",
    "MixedCurrencies",
    "MoveRefused",
    "NotFound",
    "NotMigrated",
    "OutcomeUnknown",
    "Refused",
    "Stale",
    "StorageError",
    "UnknownBackend",
    "UnknownField",
    "suggested",
]


class CrmError(Exception):
    """Root of every error that crmcore raises."""


@attrs.frozen
class Fault:
    """One thing wrong with an input: where (`lines[2].quantity`) and why, without the value."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


@attrs.define
class InvalidInput(CrmError):
    """The input cannot be what it claims to be; `faults` lists all that is wrong with it."""

    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, path: str, reason: str) -> InvalidInput:
        """One fault at one path."""
        return InvalidInput((Fault(path, reason),))

    def under(self, path: str) -> InvalidInput:
        """The same faults, seen from the value that holds this one at `path`."""

        def joined(inner: str) -> str:
            return path + inner if inner.startswith("[") or not inner else f"{path}.{inner}"

        faults = tuple(Fault(joined(f.path), f.reason) for f in self.faults)
        return attrs.evolve(self, faults=faults)

    def __str__(self) -> str:
        return "; ".join(str(fault) for fault in self.faults)


@attrs.define
class UnknownField(InvalidInput):
    """A field that the model does not declare; `suggestion` is the nearest that it does."""

    name: str
    suggestion: str | None = None

    @classmethod
    def named(cls, name: str, *, known: tuple[str, ...]) -> UnknownField:
        """The error for `name`, suggesting the nearest of the `known` fields."""
        # Of what could be no name at all, so much is told as can be printed and read.
        name = str(name)[:80].encode(errors="backslashreplace").decode()
        suggestion = _nearest(name, known)
        hint = suggested(name, known)
        return cls((Fault(name, f"the model declares no such field{hint}"),), name, suggestion)


def suggested(name: str, known: tuple[str, ...]) -> str:
    """What is put behind the reason why `name` is refused: the nearest of the `known` names."""
    suggestion = _nearest(name, known)
    return f"; did you mean {suggestion!r}?" if suggestion else ""


def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(name[:80], known, n=1)
    return near[0] if near else None


@attrs.define
class MissingRate(InvalidInput):
    """No dated rate turns `currency` into `into` on `on`; crmcore never assumes one."""

    currency: str
    into: str
    on: date

    @classmethod
    def between(cls, currency: str, into: str, *, on: date) -> MissingRate:
        """The error for that pair on that day."""
        reason = f"no exchange rate from {currency} to {into} on {on.isoformat()}"
        return cls((Fault("currency", reason),), currency, into, on)


@attrs.define
class MixedCurrencies(InvalidInput):
    """Two currencies met where amounts are added or compared."""

    left: str
    right: str

    @classmethod
    def between(cls, left: str, right: str) -> MixedCurrencies:
        """The error for that pair."""
        return cls((Fault("currency", f"{left} cannot meet {right} without a rate"),), left, right)


@attrs.define
class Refused(CrmError):
    """A rule said no. `rule` is its name, `subject` the id it was asked about."""

    rule: str
    reason: str
    subject: str | None = None

    def __str__(self) -> str:
        about = f" ({self.subject})" if self.subject else ""
        return f"refused by {self.rule}: {self.reason}{about}"


@attrs.define
class MoveRefused(Refused):
    """The life cycle does not allow this move; `allowed` lists the stages that it does."""

    before: str = ""
    after: str = ""
    allowed: tuple[str, ...] = ()


@attrs.define
class NotFound(CrmError):
    """No `kind` with that id, or what else it was asked `by`, is stored for this tenant."""

    kind: str
    id: str
    by: str = "id"

    def __str__(self) -> str:
        return f"no {self.kind} with {self.by} {self.id}"


class Conflict(CrmError):
    """Somebody or something else got there first."""


@attrs.define
class Stale(Conflict):
    """The aggregate was saved by another since it was read: read it again, then decide."""

    kind: str
    id: str
    version: int

    def __str__(self) -> str:
        return f"{self.kind} {self.id} is no longer at version {self.version}"


@attrs.define
class IdentifierTaken(Conflict):
    """An exclusive identifier of this type belongs to another customer already. Of another `kind`,
    it is the exclusive name or key of one of those, and `customer_id` whose it was to be.
    """

    type: str
    customer_id: str
    kind: str = "customers"

    def __str__(self) -> str:
        if self.kind != "customers":
            return f"another one of the {self.kind} has this {self.type} already"
        return f"the {self.type} of customer {self.customer_id} belongs to another customer"


@attrs.define
class AmbiguousIdentifier(Conflict):
    """A shared identifier belongs to several customers: `customer_ids` lists them."""

    type: str
    customer_ids: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.customer_ids)} customers share this {self.type}"


@attrs.define
class AlreadyExists(Conflict):
    """An aggregate or fact with that id is stored already."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind} {self.id} exists already"


@attrs.define
class ConflictingFact(Conflict):
    """The same source and key came again with other content: `fields` names what differs."""

    kind: str
    source: str
    source_key: str
    fields: tuple[str, ...]

    def __str__(self) -> str:
        what = ", ".join(self.fields)
        return f"{self.kind} {self.source}:{self.source_key} is recorded with another {what}"


@attrs.define
class StorageError(CrmError):
    """The store failed; nothing of the unit of work was kept."""

    what: str

    def __str__(self) -> str:
        return self.what


class Busy(StorageError):
    """Another writer holds what is needed. Nothing was kept; try again, or use `run`."""


class OutcomeUnknown(StorageError):
    """The reply to the commit was lost: the unit was kept whole or not at all, ask which."""


class NotMigrated(StorageError):
    """The store has no crmcore tables, older ones, or another model: call `migrate()`."""


class UnknownBackend(StorageError):
    """No installed backend serves that URL scheme."""


@attrs.define
class MissingExtra(CrmError, ImportError):
    """An optional part is used without its libraries: install `crmcore[extra]`."""

    extra: str

    def __str__(self) -> str:
        return f"this needs an optional part: pip install 'crmcore[{self.extra}]'"
