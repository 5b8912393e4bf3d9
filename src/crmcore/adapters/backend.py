"""What every backend shares: units of work, retries, and running in a worker thread."""

from __future__ import annotations

import json
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextvars import copy_context
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, TypeVar, TypeVarTuple

import attrs
from cattrs.errors import BaseValidationError

from crmcore.adapters.nested import converter
from crmcore.domain.errors import Busy, InvalidInput, NotMigrated
from crmcore.domain.instants import optional_instant, to_millis
from crmcore.domain.journal import Entry
from crmcore.domain.kinds import FACTS, PURCHASES
from crmcore.domain.model import Model
from crmcore.domain.money import DatedRates, Rates
from crmcore.domain.observing import Observer, Watch
from crmcore.domain.ports import Columns, Transaction
from crmcore.domain.profile import check_limit
from crmcore.domain.subscribing import Subscriber, Subscriptions
from crmcore.domain.text import checked_text
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = [
    "Backend",
    "check_place",
    "check_window",
    "streamed_kinds",
    "system_clock",
    "tenant_name",
    "window",
]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")

ATTEMPTS = 5
FIRST_PAUSE = 0.01
LONGEST_PAUSE = 1.0


def system_clock() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


def tenant_name(value: str) -> str:
    """A tenant's name: 1 to 63 characters of storable text."""
    if not checked_text(value, "tenant", 63):
        raise InvalidInput.of("tenant", "is empty")
    return value


def _watch_of(backend: Backend) -> Watch:
    return Watch(type(backend).__name__, backend.tenant)


@attrs.define(kw_only=True, slots=False, eq=False)
class Backend(ABC):
    """A store bound to one tenant and one model. Get one from `crmcore.connect(url)`.

    `clock` tells when things are recorded; `rates` turns amounts into the model's currency. A
    unit of work of `slow_after` seconds or more is logged as a warning.
    """

    tenant: str = attrs.field(default="main", validator=lambda _, __, value: tenant_name(value))
    model: Model = attrs.field(factory=Model, repr=False)
    clock: Callable[[], datetime] = attrs.field(default=system_clock, repr=False)
    rates: Rates = attrs.field(factory=DatedRates, repr=False)
    slow_after: float = attrs.field(default=5.0, repr=False)
    _subscriptions: Subscriptions = attrs.field(factory=Subscriptions, init=False, repr=False)
    _watch: Watch = attrs.field(
        default=attrs.Factory(_watch_of, takes_self=True), init=False, repr=False
    )

    @cached_property
    def definition(self) -> str:
        """The model as canonical JSON: equal text, equal model."""
        return json.dumps(converter().unstructure(self.model, Model), sort_keys=True)

    def check_follows(self, stored: str | None) -> None:
        """Refuse this model where it cannot follow the one the store was kept under."""
        if stored is not None:
            self.model.check_follows(converter().structure(json.loads(stored), Model))

    def stored_model(self) -> Model | None:
        """The model that this tenant's data is kept under; `None` before the first `migrate()`.

        A program that has no model of its own asks for it, and connects again with it.
        """
        stored = self.stored_definition()
        if stored is None:
            return None
        try:
            return converter().structure(json.loads(stored), Model)
        except (BaseValidationError, ValueError):
            reason = "a newer crmcore stored this model: upgrade the program's crmcore"
            raise NotMigrated(reason) from None

    def stored_definition(self) -> str | None:
        """The stored model as `definition` wrote it, whatever this backend's own model is.

        A backend that does not say it better knows its own model, or that it is not migrated.
        """
        try:
            with self.reading():
                return self.definition
        except NotMigrated:
            return None

    @abstractmethod
    def migrate(self) -> None:
        """Create or upgrade the store for this tenant and model; again, it changes nothing."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""

    @abstractmethod
    def columns(
        self,
        kind: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        personal: bool = False,
        in_order: bool = False,
    ) -> Columns:
        """A stream of batches of facts of one kind, `purchases`, or `profiles`.

        `since <= at < until`, except for profiles, which have no `at`; personal fields only when
        asked for. In the order of ids where asked `in_order`, else as the store finds them.
        """

    @abstractmethod
    def journal(self, *, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Journal rows behind a position, in order; nothing is skipped, positions are stable.

        `after` is not negative, `limit` from 1 to 10,000; else `InvalidInput`.
        """

    @abstractmethod
    def _begin(self, *, write: bool) -> Transaction:
        """Open a transaction."""

    def unit_of_work(self, *, actor: str | None = None, source: str | None = None) -> UnitOfWork:
        """A transaction to enter with `with`: commits on a clean exit, else rolls back.

        It never retries. `Busy` when another writer does not make room in time.
        """
        return self._unit(partial(self._begin, write=True), actor, source)

    def reading(self) -> UnitOfWork:
        """The same collections, for reading alone; a write is `Refused`."""
        return self._unit(partial(self._begin, write=False), None, None, read_only=True)

    def run(
        self,
        use_case: Callable[[UnitOfWork, *Ts], R],
        *arguments: *Ts,
        actor: str | None = None,
        source: str | None = None,
    ) -> R:
        """`use_case(uow, *arguments)` in a unit of work of its own; `Busy` is retried, five
        attempts in all, so the use case must be fit to run again from the start.
        """
        attempt = 1
        while True:
            unit = self.unit_of_work(actor=actor, source=source)
            unit.attempt = attempt
            try:
                with unit:
                    return use_case(unit, *arguments)
            except Busy:
                longest = min(LONGEST_PAUSE, FIRST_PAUSE * 4 ** (attempt - 1))
                pause = random.uniform(0, longest)  # noqa: S311  not a secret
                self._watch.retrying(attempt, pause, again=attempt < ATTEMPTS)
                if attempt == ATTEMPTS:
                    raise
            attempt += 1
            time.sleep(pause)

    def subscribe(self, kinds: str | Iterable[str], function: Subscriber) -> Callable[[], None]:
        """Tell `function(uow, entry)` of every journal entry of these kinds, in the unit of work
        that writes it and before its commit: what it writes is kept with it, or neither is.

        `kinds` is one name as in `uow.<name>` (`"orders"`), several, or `"*"`. It is told what
        units of this handle write, `run` and the services among them; a bulk call is one entry
        per batch. Those who subscribed first are told first, and each in the order of the journal:
        what a subscriber writes is told after what it was told of. An exception in it comes
        through to the writer and dooms the unit. Where subscribers lead to each other more than
        ten times, the unit is `Refused`. Call what this answers to unsubscribe.
        """
        return self._subscriptions.add(kinds, function)

    def observe(self, function: Observer) -> Callable[[], None]:
        """Tell `function(event)` of each unit of this handle that ended, reading included: see
        `UnitEnded`. It runs in the thread of the unit, after the end, so it should be quick; an
        exception in it is logged, and changes nothing. Call what this answers to stop.
        """
        return self._watch.add(function)

    async def run_async(
        self,
        use_case: Callable[[UnitOfWork, *Ts], R],
        *arguments: *Ts,
        actor: str | None = None,
        source: str | None = None,
    ) -> R:
        """`run` in a worker thread, with the caller's context variables. Cancelling waits for its
        commit or rollback, then cancels.
        """
        import asyncio  # a quarter of the time of importing crmcore, and few programs need it

        call = partial(self.run, use_case, *arguments, actor=actor, source=source)
        context = copy_context()
        future = asyncio.get_running_loop().run_in_executor(None, context.run, call)
        cancelled: asyncio.CancelledError | None = None
        while not future.done():
            try:
                await asyncio.shield(asyncio.wait([future]))
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            if not future.cancelled():
                future.exception()  # asked for, so that asyncio does not log it as forgotten
            raise cancelled
        return future.result()

    def _unit(
        self,
        begin: Callable[[], Transaction],
        actor: str | None,
        source: str | None,
        *,
        read_only: bool = False,
    ) -> UnitOfWork:
        return UnitOfWork(
            begin=begin, model=self.model, rates=self.rates, clock=self.clock, actor=actor,
            source=source, read_only=read_only, subscriptions=self._subscriptions,
            watch=self._watch, slow_after=self.slow_after,
        )  # fmt: skip


def streamed_kinds() -> tuple[str, ...]:
    """What `columns` can stream."""
    return (*(kind.name for kind in FACTS), PURCHASES.name, "profiles")


def check_place(after: int, limit: int) -> None:
    """Refuse a position or a limit that the journal does not have."""
    for path, value in (("after", after), ("limit", limit)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInput.of(path, "must be a whole number")
    if not 0 <= after < 2**63:
        raise InvalidInput.of("after", "must be from 0 to 2**63 - 1")
    check_limit(limit)


def check_window(kind: str, since: datetime | None, until: datetime | None) -> None:
    """Refuse bounds for what has no `at`."""
    if kind == "profiles" and (since is not None or until is not None):
        path = "until" if since is None else "since"
        raise InvalidInput.of(path, "does not go with profiles: they have no instant of their own")


def window(since: datetime | None, until: datetime | None) -> tuple[int | None, int | None]:
    """The bounds in UTC milliseconds."""
    given = map(optional_instant, (since, until))
    bounds: list[Any] = [None if at is None else to_millis(at) for at in given]
    return bounds[0], bounds[1]
