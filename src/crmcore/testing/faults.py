"""Injected faults: the errors that a host seldom sees before production, on any backend.

    broken = faults(backend)
    broken.busy(times=2)                # the next two commits are Busy; `run` tries again
    broken.fail_next_commit()           # StorageError; nothing is kept
    broken.outcome_unknown(kept=True)   # the unit is kept, and the reply is lost

The errors are crmcore's own and what they say is so: the transaction really was committed, or
rolled back. They strike units of work in the order in which they were asked for, one each, as the
unit commits; reading, migrating and units that fail by themselves use none up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, cast

import attrs

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import Busy, InvalidInput, OutcomeUnknown, StorageError
from crmcore.domain.ports import Transaction
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["Faults", "faults"]


@attrs.frozen
class _Fault:
    """How one commit ends: `kept` or not, then the error."""

    error: type[StorageError]
    what: str
    kept: bool = False


class Faults:
    """The faults that wait for the next commits of one backend; get it from `faults(backend)`."""

    def __init__(self, unit: Callable[..., UnitOfWork]) -> None:
        self._unit = unit
        self._waiting: deque[_Fault] = deque()

    def __call__(self, begin: Callable[[], Transaction], *given: Any, **named: Any) -> UnitOfWork:
        """A unit of work of the backend, whose commit meets the faults."""

        def opened() -> Transaction:
            return cast(Transaction, _Struck(begin(), self._waiting))

        read_only = named.get("read_only", False)
        return self._unit(begin if read_only else opened, *given, **named)

    @property
    def waiting(self) -> int:
        """How many faults have not struck yet."""
        return len(self._waiting)

    def fail_next_commit(self) -> None:
        """The next commit is a `StorageError`, as when the disk is full: nothing is kept."""
        self._waiting.append(_Fault(StorageError, "injected: the commit failed"))

    def busy(self, *, times: int = 1) -> None:
        """The next `times` commits are `Busy`; `run` makes five attempts in all."""
        if not isinstance(times, int) or isinstance(times, bool) or times < 1:
            raise InvalidInput.of("times", "must be a whole number from 1")
        self._waiting += [_Fault(Busy, "injected: another writer holds what is needed")] * times

    def outcome_unknown(self, *, kept: bool) -> None:
        """The next commit is `OutcomeUnknown`; the unit is `kept` whole, or not at all."""
        what = "injected: the connection was lost while committing"
        self._waiting.append(_Fault(OutcomeUnknown, what, kept))

    def clear(self) -> None:
        """Forget the faults that have not struck yet."""
        self._waiting.clear()


class _Struck:
    """A transaction whose commit meets the first fault that waits."""

    def __init__(self, transaction: Transaction, waiting: deque[_Fault]) -> None:
        self._transaction = transaction
        self._waiting = waiting

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    def commit(self) -> None:
        """Commit, unless a fault says otherwise."""
        fault = self._waiting.popleft() if self._waiting else None
        if fault is None or fault.kept:
            self._transaction.commit()
        else:
            self._transaction.rollback()
        if fault is not None:
            raise fault.error(fault.what)


def faults(backend: Backend) -> Faults:
    """The faults of this handle; asked again, the same ones. Other handles on the store, and
    crmcore outside of tests, are not touched.
    """
    held = vars(backend).get("_unit")
    if not isinstance(held, Faults):
        # In place of the method, on this one handle: every unit of work is made by it.
        held = vars(backend)["_unit"] = Faults(backend._unit)  # noqa: SLF001
    return held
