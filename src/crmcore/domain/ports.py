"""The ports: what a backend implements, and what batch jobs ask of one.

A backend is small. It opens a `Transaction` for one tenant; everything a caller touches
(`uow.customers`, `uow.orders`...) is written once on top of it. Each method's docstring is the
sentence that the contract suite proves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple
from uuid import UUID

import attrs

from crmcore.domain.customer import Customer
from crmcore.domain.facts import Fact, Recording
from crmcore.domain.folding import Deltas
from crmcore.domain.ids import CustomerId, FactId, MembershipId, OrderId
from crmcore.domain.journal import Entry
from crmcore.domain.kinds import A, AggregateKind, FactKind, Key
from crmcore.domain.membership import Membership
from crmcore.domain.model import Model
from crmcore.domain.predicates import Predicate
from crmcore.domain.profile import Profile
from crmcore.domain.segment import SegmentChange
from crmcore.domain.standing import Count

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = [
    "EVERYBODY", "Among", "Backend", "Batch", "Columns", "Query", "Recording", "Transaction",
    "Window",
]  # fmt: skip

F = TypeVar("F", bound=Fact)
R = TypeVar("R")
Ts = TypeVarTuple("Ts")


@attrs.frozen
class Query:
    """Which profiles, in which order, after which one: `after` is `(value, customer id)`."""

    where: Predicate | None = None
    order_by: str | None = None
    descending: bool = False
    after: tuple[Any, UUID] | None = attrs.field(default=None, repr=False)
    limit: int | None = None


@attrs.frozen(kw_only=True)
class Window:
    """Which facts of a customer: `since <= at < until`, behind the fact `(at, id)` if one is named,
    newest first or oldest first, at most `limit`.
    """

    since: datetime | None = None
    until: datetime | None = None
    after: tuple[datetime, FactId] | None = None
    oldest_first: bool = False
    limit: int


@attrs.frozen(kw_only=True)
class Among:
    """Which customers: those with these `ids`, or those behind the id `after`, at most `limit` of
    them; without a word all.
    """

    ids: Collection[CustomerId] | None = attrs.field(default=None, repr=False)
    after: CustomerId | None = None
    limit: int | None = None


EVERYBODY = Among()


class Transaction(Protocol):
    """One open transaction of one tenant: own writes are visible, nobody else's uncommitted are."""

    def insert(self, kind: AggregateKind[A], added: Sequence[tuple[A, Collection[Key]]]) -> None:
        """Store new aggregates under their keys, as they are. An id stored already is
        `AlreadyExists`; an exclusive key of another aggregate is `IdentifierTaken`.
        """
        ...

    def fetch(
        self, kind: AggregateKind[A], ids: Collection[UUID], *, lock: bool = False
    ) -> dict[UUID, A]:
        """The aggregates with these ids, without those that are not stored; `lock` holds them
        against other writers until the end.
        """
        ...

    def replace(
        self,
        kind: AggregateKind[A],
        saved: Sequence[tuple[A, Collection[Key] | None]],
        held: Mapping[UUID, A] | None = None,
    ) -> None:
        """Store the next states, each one version above the stored one, else `Stale`; under these
        keys, or where there is `None` under those that they have. `held` is, by id, what was
        stored of them before, if it is locked: what it shares with the next state stays.
        """
        ...

    def delete(self, kind: AggregateKind[A], aggregate: A) -> None:
        """Remove the aggregate, which is as it is stored, with its keys, its profile and what it
        is searched by; if another version is stored, `Stale`.
        A customer of whom there are facts, if only removed ones, is `Refused`.
        """
        ...

    def find(
        self, kind: AggregateKind[A], scope: str, values: Collection[str]
    ) -> dict[str, tuple[UUID, ...]]:
        """By value, the ids that have this key, in order; values nobody has are left out."""
        ...

    def after(self, kind: AggregateKind[A], id: UUID | None, limit: int) -> list[A]:
        """The next aggregates in the order of their ids."""
        ...

    def due(
        self, programme: str, until: datetime, limit: int
    ) -> list[tuple[MembershipId, CustomerId]]:
        """The memberships of the programme that are due at `until` or before, and whose each is, by
        `due_at` then id, at most `limit`, at the cost of those that it answers.
        """
        ...

    def memberships(self, customers: Collection[CustomerId]) -> dict[UUID, Membership]:
        """The memberships of these customers in the model's programmes, in the order of their ids,
        held against other writers until the end, and the profiles of those who have any.
        """
        ...

    def append(self, kind: FactKind[F], facts: Sequence[F], recording: Recording) -> bool:
        """Append all of `facts`, whose ids and keys differ. If any id or key is stored already,
        append none and answer false.
        """
        ...

    def recorded(self, kind: FactKind[F], facts: Sequence[F], source: str | None) -> dict[int, F]:
        """By index in `facts`, the stored fact (removed ones too) that has its id or its key."""
        ...

    def keyed(self, kind: FactKind[F], source: str, keys: Collection[str]) -> set[str]:
        """Those of these keys of a source that a stored fact has, if only a removed one."""
        ...

    def facts(
        self,
        kind: FactKind[F],
        *,
        ids: Collection[FactId] | None = None,
        customers: Collection[CustomerId] | None = None,
        orders: Collection[OrderId] | None = None,
    ) -> list[F]:
        """The facts with these ids, of these customers, or of these orders, by `at` then id."""
        ...

    def counts(self, customers: Collection[CustomerId]) -> dict[UUID, list[Count]]:
        """By membership, what counts for a tier in the ledgers of these customers, in no order. Who
        has nothing that counts is left out.
        """
        ...

    def facts_within(self, kind: FactKind[F], customer_id: CustomerId, window: Window) -> list[F]:
        """The facts of this customer in the window, in the window's order by `at` then id, at the
        cost of those that it answers.
        """
        ...

    def last_changes(
        self, segment: str, among: Among = EVERYBODY, *, at: datetime | None = None
    ) -> list[SegmentChange]:
        """By customer in the order of ids, of each the last change of this segment, not after `at`:
        the one with the greatest `at`, of equals the one recorded last, of equals an entry.
        """
        ...

    def has_facts(self, customer_id: CustomerId) -> bool:
        """Was anything ever recorded of this customer, removed facts included?"""
        ...

    def strike(self, kind: FactKind[F], id: FactId, at: datetime) -> None:
        """Take a fact out of every read and fold; its key stays taken."""
        ...

    def redact(self, customer_id: CustomerId, memberships: Collection[MembershipId] = ()) -> None:
        """Take the personal values out of this customer's facts, removed ones too, and out of the
        rows that the journal has of the customer and of these memberships; all else stays.
        """
        ...

    def lock_profiles(self, customers: Collection[CustomerId]) -> set[CustomerId]:
        """Hold these profiles against other writers, in the order of ids; say which exist."""
        ...

    def copy_to_profiles(
        self, customers: Sequence[Customer], *, held: Mapping[CustomerId, Customer]
    ) -> None:
        """Refresh what the profiles copy from the customers, and what they are searched by;
        `held` is, by id, what was stored of them before.
        """
        ...

    def merge(self, kind: FactKind[F], deltas: Deltas) -> None:
        """Merge what newly appended facts of this kind add into the profiles."""
        ...

    def refold(self, customers: Collection[CustomerId] | None) -> None:
        """Fold the profiles of these customers, or of all, anew from their facts."""
        ...

    def profiles(self, customers: Collection[CustomerId]) -> dict[CustomerId, Profile]:
        """The profiles of these customers, without those that do not exist."""
        ...

    def select(self, query: Query) -> list[Profile]:
        """The profiles asked for: absent values last, then by id, both ways of the order."""
        ...

    def select_ids(self, where: Predicate | None, among: Among = EVERYBODY) -> Iterator[CustomerId]:
        """The ids of the customers among these for whom the predicate holds, in order."""
        ...

    def count(self, where: Predicate | None) -> int:
        """How many customers the predicate holds for."""
        ...

    def count_by(self, where: Predicate | None, name: str) -> dict[Any, int]:
        """By value of a profile field, how many customers the predicate holds for; `None` for
        those without one. Of several texts, each counts.
        """
        ...

    def count_each(self, where: Predicate | None, asked: Sequence[Predicate]) -> list[int]:
        """How many of those for whom `where` holds each of these predicates holds for, in their
        order, as `count` says; in one pass over the profiles.
        """
        ...

    def first_of(
        self, where: Predicate | None, asked: Sequence[Predicate]
    ) -> Iterator[tuple[CustomerId, int | None]]:
        """Everybody for whom `where` holds, in the order of ids, with the place of the first of
        these predicates that holds for them; `None` where none does.
        """
        ...

    def write(self, entry: Entry) -> None:
        """Append one row to the journal."""
        ...

    def history(self, kind: AggregateKind[A], id: UUID) -> list[Entry]:
        """The journal rows that name this aggregate, oldest first."""
        ...

    def commit(self) -> None:
        """Keep everything, for good. A lost reply is `OutcomeUnknown`."""
        ...

    def rollback(self) -> None:
        """Keep nothing."""
        ...


Batch = Mapping[str, Sequence[Any]]
"""Some rows, by column: plain values, ids as 16 bytes, instants as UTC milliseconds, money as
`<name>_minor` and `<name>_currency`."""


class Columns(Protocol):
    """A stream of batches of rows, by column; never everything at once."""

    def __iter__(self) -> Iterator[Batch]:
        """The batches, read as they are asked for."""
        ...

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The same as an Arrow stream, for data frames; needs the `frames` extra."""
        ...


class Backend(Protocol):
    """What a batch job is given: a store bound to one tenant and one model."""

    @property
    def model(self) -> Model:
        """The model this backend was connected with."""
        ...

    def unit_of_work(
        self, *, actor: str | None = None, source: str | None = None
    ) -> AbstractContextManager[UnitOfWork]:
        """A transaction that commits on a clean exit and rolls back on an exception."""
        ...

    def run(
        self,
        use_case: Callable[[UnitOfWork, *Ts], R],
        *arguments: *Ts,
        actor: str | None = None,
        source: str | None = None,
    ) -> R:
        """`use_case(uow, *arguments)` in a unit of work of its own, retried while `Busy`."""
        ...

    def reading(self) -> AbstractContextManager[UnitOfWork]:
        """The same collections for reading alone; a write is refused."""
        ...

    def columns(
        self,
        kind: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        personal: bool = False,
        in_order: bool = False,
    ) -> Columns:
        """The facts of a kind, `purchases`, or `profiles`, with `since <= at < until`; personal
        fields only when asked for. `in_order`: by their ids, profiles by the customer's.
        """
        ...

    def journal(self, *, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Journal rows behind a position, in their order; nothing is ever skipped."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """What tells the store's time."""
        ...
