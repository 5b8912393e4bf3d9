"""The unit of work: one transaction and the collections to work on in it.

It commits on a clean exit and rolls back on an exception. `rollback()` gives up on purpose. When
a write fails half-way (`IdentifierTaken`, say), the unit is doomed: nothing of it is kept,
and using it further is refused, on every backend alike.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from time import perf_counter
from types import TracebackType
from typing import Self

import attrs

from crmcore.domain.consents import Consents
from crmcore.domain.contact_points import Channel
from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.decisions import Decision
from crmcore.domain.errors import CrmError, InvalidInput, NotFound, OutcomeUnknown, Refused
from crmcore.domain.fact_repositories import Facts, OrderFacts, Orders
from crmcore.domain.ids import CustomerId, as_id
from crmcore.domain.instants import instant, zone_named
from crmcore.domain.interaction import Interaction
from crmcore.domain.journal import Entry, Operation
from crmcore.domain.kinds import (
    CANCELLATIONS,
    FULFILMENTS,
    INTERACTIONS,
    PAYMENTS,
    POINTS,
    RETURNS,
    SCORES,
    SEGMENT_CHANGES,
    TIER_CHANGES,
)
from crmcore.domain.membership import TierChange
from crmcore.domain.memberships import Memberships
from crmcore.domain.model import Model
from crmcore.domain.money import Money, Rates, convert
from crmcore.domain.observing import UNITS, Outcome, Watch
from crmcore.domain.order_facts import Cancellation, Fulfilment, Payment, Return
from crmcore.domain.points import PointsEntry
from crmcore.domain.ports import Recording, Transaction
from crmcore.domain.predicates import Predicate
from crmcore.domain.profiles import Profiles
from crmcore.domain.programme_facts import ProgrammeFacts
from crmcore.domain.recorded_decisions import Decisions
from crmcore.domain.repositories import Customers, Products
from crmcore.domain.score import Score
from crmcore.domain.segment import SegmentChange
from crmcore.domain.segments import Segments
from crmcore.domain.subscribing import DEEPEST, Subscriptions
from crmcore.domain.text import optional_text
from crmcore.domain.timeline import Timeline

__all__ = ["UnitOfWork"]


@attrs.define(slots=False, eq=False, on_setattr=attrs.setters.NO_OP)
class UnitOfWork:
    """What `backend.unit_of_work()` and `backend.reading()` give; use it in a `with` block."""

    begin: Callable[[], Transaction] = attrs.field(repr=False)
    model: Model = attrs.field(repr=False)
    rates: Rates = attrs.field(repr=False)
    clock: Callable[[], datetime] = attrs.field(repr=False)
    actor: str | None = attrs.field(default=None, validator=optional_text(200))
    source: str | None = attrs.field(default=None, validator=optional_text(80))
    read_only: bool = False
    subscriptions: Subscriptions = attrs.field(factory=Subscriptions, repr=False)
    watch: Watch = attrs.field(factory=lambda: Watch("", ""), repr=False)
    slow_after: float = attrs.field(default=5.0, repr=False)
    state: str = attrs.field(default="new", init=False)
    attempt: int = attrs.field(default=1, init=False)
    facts: int = attrs.field(default=0, init=False, repr=False)
    entries: int = attrs.field(default=0, init=False, repr=False)
    telling: deque[tuple[Entry, int]] | None = attrs.field(default=None, init=False, repr=False)
    depth: int = attrs.field(default=0, init=False, repr=False)

    def __enter__(self) -> Self:
        if self.state != "new":
            raise Refused("unit_of_work.once", "a unit of work is entered once")
        self.began: float = perf_counter()
        try:
            self.recorded_at: datetime = instant(self.clock(), "clock")
            self.transaction: Transaction = self.begin()
        except BaseException as error:
            self._tell_end(Outcome.READ if self.read_only else Outcome.ROLLED_BACK, type(error))
            raise
        self.state = "open"
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        state, self.state = self.state, "ended"
        outcome = Outcome.READ if self.read_only else Outcome.ROLLED_BACK
        try:
            if state == "ended":
                return
            if error_type is not None or state == "doomed" or self.read_only:
                self.transaction.rollback()
                if error_type is None and state == "doomed":
                    raise _doomed()
            else:
                outcome = Outcome.UNKNOWN
                self.transaction.commit()
                outcome = Outcome.COMMITTED
        except BaseException as failure:
            error_type = type(failure)
            if isinstance(failure, CrmError) and not isinstance(failure, OutcomeUnknown):
                outcome = Outcome.READ if self.read_only else Outcome.ROLLED_BACK
            raise
        finally:
            self._tell_end(outcome, error_type)

    @cached_property
    def customers(self) -> Customers:
        """The customers."""
        return Customers(self)

    @cached_property
    def products(self) -> Products:
        """The products."""
        return Products(self)

    @cached_property
    def orders(self) -> Orders:
        """The orders, as they were placed."""
        return Orders(self)

    @cached_property
    def payments(self) -> OrderFacts[Payment]:
        """What was paid for orders."""
        return OrderFacts(self, PAYMENTS)

    @cached_property
    def fulfilments(self) -> OrderFacts[Fulfilment]:
        """What was delivered of orders."""
        return OrderFacts(self, FULFILMENTS)

    @cached_property
    def cancellations(self) -> OrderFacts[Cancellation]:
        """Which orders were called off."""
        return OrderFacts(self, CANCELLATIONS)

    @cached_property
    def returns(self) -> OrderFacts[Return]:
        """What came back of orders."""
        return OrderFacts(self, RETURNS)

    @cached_property
    def interactions(self) -> Facts[Interaction]:
        """Calls, visits, messages."""
        return Facts(self, INTERACTIONS)

    @cached_property
    def scores(self) -> Facts[Score]:
        """What models and rules said of customers."""
        return Facts(self, SCORES)

    @cached_property
    def consents(self) -> Consents:
        """What customers said about being contacted."""
        return Consents(self)

    @cached_property
    def segments(self) -> Segments:
        """The segments, and who is in them."""
        return Segments(self)

    @cached_property
    def segment_changes(self) -> Facts[SegmentChange]:
        """Who entered which segment, and who left it."""
        return Facts(self, SEGMENT_CHANGES)

    @cached_property
    def memberships(self) -> Memberships:
        """Who is in which loyalty programme."""
        return Memberships(self)

    @cached_property
    def points(self) -> ProgrammeFacts[PointsEntry]:
        """The ledgers of the loyalty programmes."""
        return ProgrammeFacts(self, POINTS)

    @cached_property
    def tier_changes(self) -> ProgrammeFacts[TierChange]:
        """Who entered which tier, or keeps it for longer."""
        return ProgrammeFacts(self, TIER_CHANGES)

    @cached_property
    def decisions(self) -> Facts[RecordedDecision]:
        """What was decided of customers, and why."""
        return Decisions(self)

    @cached_property
    def profiles(self) -> Profiles:
        """The single view of each customer."""
        return Profiles(self)

    def timeline(
        self,
        customer_id: CustomerId,
        *,
        kinds: Iterable[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        oldest_first: bool = False,
    ) -> Timeline:
        """All facts of one customer in one order, newest first unless told otherwise: of these
        `kinds` (`orders`, `returns`...), with `since <= at < until`. Read it with `page`.
        """
        return Timeline(
            self, CustomerId(as_id(customer_id, "customer_id")), kinds=kinds, since=since,
            until=until, oldest_first=oldest_first,
        )  # fmt: skip

    def may_contact(
        self, customer_id: CustomerId, *, purpose: str, channel: Channel | str, at: datetime
    ) -> Decision:
        """May this customer be contacted for `purpose` over `channel` then, and why? `NotFound` if
        nobody has that id; a purpose that the model does not declare is `InvalidInput`.
        """
        who = CustomerId(as_id(customer_id, "customer_id"))
        found = self.consents.decisions([who], purpose=purpose, channel=channel, at=at)
        if who not in found:
            raise NotFound("customers", str(who))
        return found[who]

    def rollback(self) -> None:
        """Give up on purpose: nothing is kept, and the unit takes no further call."""
        if self.state != "ended":
            self.state = "ended"
            self.transaction.rollback()

    def segment_definition(self, name: str, *, at: datetime | None = None) -> Predicate:
        """What the segment of that name is defined by, as `Segments.definition` says; `NotFound` if
        there is none.
        """
        return self.segments.definition(name, at=at)

    @property
    def recording(self) -> Recording:
        """Who records, when, and from which source."""
        return Recording(self.recorded_at, self.actor, self.source)

    @property
    def reads(self) -> Transaction:
        """The open transaction, for reading."""
        if self.state == "doomed":
            raise _doomed()
        if self.state != "open":
            raise Refused("unit_of_work.open", "this unit of work is not open")
        return self.transaction

    @property
    def writes(self) -> Transaction:
        """The open transaction, for checks and locks before a write."""
        if self.read_only:
            raise Refused("reading.no_writes", "reading() does not write; use unit_of_work()")
        return self.reads

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """The open transaction, for writing; an error inside dooms the unit."""
        transaction = self.writes
        try:
            yield transaction
        except BaseException:
            if self.state == "open":
                self.state = "doomed"
            raise

    def record(self, entry: Entry) -> None:
        """Append one row to the journal, and tell the subscribers."""
        self.transaction.write(entry)
        self.entries += 1
        if entry.operation is Operation.APPENDED:
            self.facts += len(entry.ids)
        if self.subscriptions.told:
            self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        """Tell the subscribers of an entry. What they write themselves waits its turn, so that
        each of them is told in the order of the journal.
        """
        if self.telling is not None:
            self.telling.append((entry, self.depth + 1))
            return
        self.telling = deque([(entry, 1)])
        try:
            while self.telling and self.state == "open":
                entry, self.depth = self.telling.popleft()
                for function in self.subscriptions.told.get(entry.kind, ()):
                    if self.depth > DEEPEST:
                        reason = f"subscribers led to each other more than {DEEPEST} times"
                        raise Refused("subscribers.depth", reason)
                    if self.state == "open":
                        function(self, entry)
        finally:
            self.telling, self.depth = None, 0

    def _tell_end(self, outcome: Outcome, error: type[BaseException] | None) -> None:
        """Tell whoever watches how the unit ended; nothing is made where nobody does."""
        watch, seconds = self.watch, perf_counter() - self.began
        slow = seconds >= self.slow_after
        unknown = outcome is Outcome.UNKNOWN
        if watch.observers or slow or unknown or UNITS.isEnabledFor(logging.DEBUG):
            counts = (self.facts, self.entries, self.attempt)
            name = None if error is None else error.__name__
            watch.ended(outcome, seconds, counts, name, slow=slow)

    def in_base(self, money: Money, at: datetime) -> Money:
        """`money` in the model's currency at the rate of the local day of `at`."""
        zone = zone_named(self.model.zone)

        def day() -> date:
            try:
                return at.astimezone(zone).date()
            except OverflowError:
                raise InvalidInput.of("at", "is beyond the last day of the model's zone") from None

        return convert(money, into=self.model.currency, on=day, rates=self.rates)


def _doomed() -> Refused:
    return Refused("unit_of_work.doomed", "an earlier write failed, so nothing of it is kept")
