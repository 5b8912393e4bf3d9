"""Observing: what every unit of work tells as it ends, to functions of the host and to logging.

Events and log records say how long, how much and how it ended. They never hold a value of a
customer, an id, an actor, or the message of an exception.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock, local
from typing import TypeAlias

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.text import Words

__all__ = ["UNITS", "Observer", "Outcome", "UnitEnded", "Watch"]

UNITS: logging.Logger = logging.getLogger("crmcore.unit_of_work")
RUNS: logging.Logger = logging.getLogger("crmcore.run")
OBSERVERS: logging.Logger = logging.getLogger("crmcore.observers")


class Outcome(Words):
    """How a unit of work ended."""

    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    UNKNOWN = "unknown"
    """The reply to the commit was lost: kept whole, or not at all."""
    READ = "read"
    """It was for reading alone."""


@attrs.frozen(kw_only=True)
class UnitEnded:
    """A unit of work that ended.

    `seconds` are from before it began to after it ended, waiting for other writers included.
    `facts` were appended and `entries` journal rows written, kept or not. `attempt` counts from 1
    within `run`. `error` is the class of the exception that ended it, if one did.
    """

    backend: str
    tenant: str
    outcome: Outcome
    seconds: float
    facts: int = 0
    entries: int = 0
    attempt: int = 1
    error: str | None = None


Observer: TypeAlias = Callable[[UnitEnded], object]
"""Is told of a unit by `function(event)`, in the thread of the unit, after its end."""


class Watch:
    """Who is told of the units of one backend."""

    def __init__(self, backend: str, tenant: str) -> None:
        self.backend: str = backend
        self.tenant: str = tenant
        self.observers: tuple[tuple[Observer], ...] = ()
        self._lock = Lock()
        self._here = local()

    def add(self, function: Observer) -> Callable[[], None]:
        """Tell `function` of every unit, until what this answers is called."""
        if not callable(function):
            raise InvalidInput.of("function", "must be callable: function(event)")
        held = (function,)
        with self._lock:
            self.observers = (*self.observers, held)

        def stop() -> None:
            with self._lock:
                self.observers = tuple(other for other in self.observers if other is not held)

        return stop

    def ended(
        self, outcome: Outcome, seconds: float, counts: tuple[int, int, int], error: str | None,
        *, slow: bool,
    ) -> None:  # fmt: skip
        """Tell observers and the log; `counts` are facts, entries and the attempt."""
        facts, entries, attempt = counts
        event = UnitEnded(
            backend=self.backend, tenant=self.tenant, outcome=outcome, seconds=seconds,
            facts=facts, entries=entries, attempt=attempt, error=error,
        )  # fmt: skip
        level = logging.WARNING if slow else logging.DEBUG
        if outcome is Outcome.UNKNOWN:
            level = logging.ERROR
        if UNITS.isEnabledFor(level):
            _quiet()
            UNITS.log(
                level, "unit of work %s in %.1f ms%s, %d facts, %d journal rows%s",
                outcome.value, seconds * 1000, " (slow)" if slow else "", facts, entries,
                f", {error}" if error else "", extra=_fields(event),
            )  # fmt: skip
        self._tell(event)

    def _tell(self, event: UnitEnded) -> None:
        """Tell the observers, but not of the units that they open themselves: that has no end."""
        if getattr(self._here, "telling", False):
            return
        self._here.telling = True
        try:
            for (function,) in self.observers:
                try:
                    function(event)
                except Exception as error:  # noqa: BLE001  the unit has ended as it has ended
                    _quiet()
                    name = getattr(function, "__qualname__", type(function).__qualname__)
                    # No traceback: its messages, and those of the unit's own exception, may
                    # hold personal values.
                    OBSERVERS.error(
                        "observer %s failed: %s", name, type(error).__name__, extra=_fields(event)
                    )
        finally:
            self._here.telling = False

    def retrying(self, attempt: int, pause: float, *, again: bool) -> None:
        """`run` met `Busy`, and tries `again` after a pause in seconds, or gives up."""
        level = logging.INFO if again else logging.WARNING
        if RUNS.isEnabledFor(level):
            _quiet()
            told = {"crm_backend": self.backend, "crm_tenant": self.tenant, "crm_attempt": attempt}
            if again:
                RUNS.log(
                    level, "busy at attempt %d, again in %.0f ms", attempt, pause * 1000,
                    extra=told,
                )  # fmt: skip
            else:
                RUNS.log(level, "busy at attempt %d, given up", attempt, extra=told)


def _fields(event: UnitEnded) -> dict[str, object]:
    """The event's fields, for the attributes of a log record."""
    return {f"crm_{name}": value for name, value in attrs.asdict(event).items()}


def _quiet() -> None:
    """Where the host has set up no logging, Python would print warnings; a library keeps silent.
    Done at the first record, as nothing is done by an import.
    """
    root = logging.getLogger("crmcore")
    if not root.handlers:
        root.addHandler(logging.NullHandler())
