"""The aggregates of a unit of work: customers and products, written once for every backend."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import nullcontext
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic
from uuid import UUID

import attrs

from crmcore.domain.collecting import uncollected
from crmcore.domain.customer import Customer
from crmcore.domain.errors import AmbiguousIdentifier, InvalidInput, NotFound, Refused, Stale
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, ProductId, as_id
from crmcore.domain.journal import Entry, Operation, changes_between
from crmcore.domain.kinds import CUSTOMERS, MEMBERSHIPS, PRODUCTS, A, AggregateKind, Key
from crmcore.domain.membership import Membership, member_value
from crmcore.domain.ports import Transaction
from crmcore.domain.product import Product
from crmcore.domain.redaction import blanked, without_personal_values
from crmcore.domain.text import checked_text
from crmcore.domain.trusted import changed

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["Aggregates", "Customers", "Products"]

BATCH = 10_000


class Aggregates(Generic[A]):
    """What every collection of aggregates does."""

    def __init__(self, unit: UnitOfWork, kind: AggregateKind[A]) -> None:
        self._unit = unit
        self._kind: AggregateKind[A] = kind

    def add(self, aggregate: A) -> A:
        """Store a new one and return it at version 1. `AlreadyExists`, `IdentifierTaken`."""
        return self._insert([aggregate])[0]

    def add_many(self, aggregates: Iterable[A]) -> int:
        """Store new ones in bulk, with one journal row per batch; answer how many."""
        return self._in_batches(aggregates, self._insert)

    def restore_many(self, aggregates: Iterable[A]) -> int:
        """`add_many` for what another store held: each keeps the version that it had there."""
        return self._in_batches(aggregates, self._restore)

    def get(self, id: UUID) -> A:
        """The aggregate with this id; `NotFound` if there is none."""
        id = as_id(id, "id")
        found = self._unit.reads.fetch(self._kind, [id])
        if id not in found:
            raise NotFound(self._kind.name, str(id))
        return self._loaded(found[id])

    def get_many(self, ids: Iterable[UUID]) -> dict[UUID, A]:
        """Those of these ids that are stored."""
        found = self._unit.reads.fetch(self._kind, [as_id(id, "ids") for id in ids])
        return {id: self._loaded(aggregate) for id, aggregate in found.items()}

    def save(self, aggregate: A) -> A:
        """Store the next state and return it, one version on. `Stale` if another was first."""
        return self._save([aggregate])[0]

    def save_many(self, aggregates: Iterable[A]) -> int:
        """Store next states in bulk, with one journal row per batch; one stale, none kept."""
        return self._in_batches(aggregates, self._save)

    def restore_states(self, aggregates: Iterable[A]) -> int:
        """`save_many` for next states that another store told, as they were there."""
        return self._in_batches(aggregates, self._replace)

    def stream(self) -> Iterator[A]:
        """All of them in the order of their ids, a page at a time."""
        last: UUID | None = None
        while True:
            with uncollected:
                page = self._unit.reads.after(self._kind, last, BATCH)
            if not page:
                return
            yield from map(self._loaded, page)
            last = page[-1].id

    def history(self, id: UUID) -> list[Entry]:
        """The journal of this aggregate, oldest first."""
        return self._unit.reads.history(self._kind, as_id(id, "id"))

    def _in_batches(self, aggregates: Iterable[A], store: Callable[[list[A]], list[A]]) -> int:
        """All of them or none: once one batch is written, whatever fails dooms the unit."""
        remaining = iter(aggregates)
        count = 0
        while True:
            with self._unit.writing() if count else nullcontext():
                if not (batch := list(islice(remaining, BATCH))):
                    return count
                with uncollected:
                    count += len(store(batch))
                if self._unit.state == "ended":  # a subscriber gave up, so nothing is kept
                    return count

    def _loaded(self, aggregate: A) -> A:
        return aggregate

    def _adopted(self, aggregate: A) -> A:
        """A new aggregate under the model."""
        return aggregate

    def _check(self, aggregate: A, held: A | None) -> None:
        """Refuse what the model does not know, unless it was held so before."""

    def _profiled(
        self, transaction: Transaction, aggregates: list[A], held: Mapping[UUID, A]
    ) -> None:
        """Refresh the profiles that copy from these."""

    def _insert(self, aggregates: list[A]) -> list[A]:
        for aggregate in aggregates:
            if aggregate.version != 0:
                raise Refused("aggregates.new", "is stored already: save it", str(aggregate.id))
        return self._restore(aggregates)

    def _restore(self, aggregates: list[A]) -> list[A]:
        unit = self._unit
        stored = [self._adopted(changed(a, version=max(a.version, 1))) for a in aggregates]
        for aggregate in stored:
            self._check(aggregate, None)
        with unit.writing() as transaction:
            transaction.insert(self._kind, [(a, unit.model.keys_of(a)) for a in stored])
            unit.record(self._entry(Operation.ADDED, stored, [a.at for a in stored]))
        return stored

    def _save(self, aggregates: list[A]) -> list[A]:
        return self._replace(aggregates)

    def _keys(self, aggregate: A, held: A) -> Collection[Key] | None:
        """The keys of the next state; `None` where they are those of the one held."""
        return self._unit.model.keys_of(aggregate)

    def _replace(self, aggregates: list[A], held: Mapping[UUID, A] | None = None) -> list[A]:
        """Store the next states of what is stored; `held` is that, where it is locked already."""
        unit = self._unit
        by_id = {aggregate.id: aggregate for aggregate in aggregates}
        if len(by_id) < len(aggregates):
            raise InvalidInput.of("aggregates", "name one aggregate twice")
        if held is None:
            held = unit.writes.fetch(self._kind, sorted(by_id), lock=True)
        for id, aggregate in by_id.items():
            if (before := held.get(id)) is None:
                raise NotFound(self._kind.name, str(id))
            if before.version != aggregate.version:
                raise Stale(self._kind.name, str(id), aggregate.version)
            self._check(aggregate, before)
        stored = [self._loaded(changed(a, version=a.version + 1)) for a in aggregates]
        with unit.writing() as transaction:
            states = [(a, self._keys(a, held[a.id])) for a in stored]
            transaction.replace(self._kind, states, held)
            self._profiled(transaction, stored, held)
            differences = [changes_between(held[a.id], a) for a in stored]
            changes, personal = zip(*differences, strict=True) if differences else ((), ())
            told = {"changes": changes, "personal": personal}
            unit.record(self._entry(Operation.SAVED, stored, [unit.recorded_at], **told))
        return stored

    def _entry(
        self, operation: Operation, aggregates: list[A], at: list[datetime], **told: Any
    ) -> Entry:
        unit = self._unit
        return Entry(
            kind=self._kind.name,
            operation=operation,
            ids=tuple(aggregate.id for aggregate in aggregates),
            version=aggregates[0].version if len(aggregates) == 1 else None,
            at=max(at),
            recorded_at=unit.recorded_at,
            actor=unit.actor,
            source=unit.source,
            **told,
        )


class Customers(Aggregates[Customer]):
    """`uow.customers`."""

    def __init__(self, unit: UnitOfWork) -> None:
        super().__init__(unit, CUSTOMERS)

    def find_by_identifier(
        self, type: str, value: str, *, source: str | None = None
    ) -> Customer | None:
        """The customer known by this identifier, or `None`; shared by several:
        `AmbiguousIdentifier`. The value is normalised first.
        """
        identifier = Identifier(type, value, source=source)
        self._unit.model.identifier_type(type)
        ids = self._ids(identifier)
        if len(ids) > 1:
            raise AmbiguousIdentifier(type, tuple(map(str, ids)))
        return self.get(ids[0]) if ids else None

    def find_all_by_identifier(
        self, type: str, value: str, *, source: str | None = None
    ) -> list[Customer]:
        """Everybody who shares this identifier, in the order of ids."""
        identifier = Identifier(type, value, source=source)
        self._unit.model.identifier_type(type)
        found = self._ids(identifier)
        stored = self.get_many(found)
        return [stored[id] for id in found]

    def ids_by_identifier(
        self, type: str, values: Iterable[str], *, source: str | None = None
    ) -> dict[str, tuple[CustomerId, ...]]:
        """In bulk: by value as given, the ids of those who have it; unknown ones are left out."""
        wanted = {value: Identifier(type, value, source=source) for value in values}
        self._unit.model.identifier_type(type)
        if not wanted:
            return {}
        scope = next(iter(wanted.values())).scope
        held = self._unit.reads.find(CUSTOMERS, scope, {i.value for i in wanted.values()})
        return {
            value: tuple(map(CustomerId, held[identifier.value]))
            for value, identifier in wanted.items()
            if identifier.value in held
        }

    def _ids(self, identifier: Identifier) -> tuple[UUID, ...]:
        found = self._unit.reads.find(CUSTOMERS, identifier.scope, [identifier.value])
        return found.get(identifier.value, ())

    def remove(self, customer: Customer) -> None:
        """Remove a customer without facts; their identifiers are free again. `Stale` if changed.

        With facts it is `Refused`: what happened is not forgotten with the record.
        """
        unit = self._unit
        id = CustomerId(customer.id)
        transaction = unit.writes
        if id not in transaction.lock_profiles([id]):
            raise NotFound("customers", str(id))
        held = transaction.fetch(CUSTOMERS, [id], lock=True).get(id)
        if held is None or held.version != customer.version:
            raise Stale("customers", str(id), customer.version)
        if transaction.has_facts(id):
            raise Refused("customers.has_facts", "has facts and cannot be removed", str(id))
        if self._memberships(id):
            raise Refused("customers.is_member", "is a member and cannot be removed", str(id))
        with unit.writing():
            transaction.delete(CUSTOMERS, held)
            unit.record(self._entry(Operation.REMOVED, [customer], [unit.recorded_at]))

    def redact(self, id: CustomerId) -> Customer | None:
        """Take every personal value of a customer out of the store, for good: of the record, its
        keys and profile, of facts, memberships, and the journal, which says that it was done, and
        by whom.

        The next state is answered; `None` for one removed before, of whom the journal alone told.
        Facts stay, and with them every count and sum. `NotFound` if nobody ever had that id.
        """
        unit = self._unit
        who = CustomerId(as_id(id, "id"))
        transaction = unit.writes
        transaction.lock_profiles([who])
        held = transaction.fetch(CUSTOMERS, [who], lock=True).get(who)
        if held is None and not transaction.history(CUSTOMERS, who):
            raise NotFound("customers", str(who))
        kept = {known.name for known in unit.model.attributes if not known.personal}
        stored: Customer | None = None
        memberships = transaction.fetch(MEMBERSHIPS, self._memberships(who), lock=True)
        with unit.writing():
            self._redact_memberships(list(memberships.values()))
            if held is not None:
                bare = without_personal_values(held, keeping=kept)
                stored = self._loaded(changed(bare, version=held.version + 1))
                transaction.replace(CUSTOMERS, [(stored, unit.model.keys_of(stored))])
                self._profiled(transaction, [stored], {held.id: held})
            transaction.redact(who, [m.id for m in memberships.values()])
            if stored is not None:
                transaction.refold([who])
            version = None if stored is None else stored.version
            entry = self._entry(Operation.REDACTED, [], [unit.recorded_at])
            unit.record(attrs.evolve(entry, ids=(who,), version=version))
        return stored

    def _memberships(self, id: CustomerId) -> list[UUID]:
        """The ids of the customer's memberships, in order."""
        values = [member_value(id, programme.name) for programme in self._unit.model.programmes]
        found = self._unit.reads.find(MEMBERSHIPS, "member", values) if values else {}
        return sorted(id for ids in found.values() for id in ids)

    def _redact_memberships(self, memberships: list[Membership]) -> None:
        """Store them without what is personal, where they have any of it."""
        unit = self._unit
        bare = [(m, blanked(m)) for m in memberships if blanked(m) != m]
        if not bare:
            return
        stored = [changed(after, version=before.version + 1) for before, after in bare]
        unit.writes.replace(MEMBERSHIPS, [(m, unit.model.keys_of(m)) for m in stored])
        entry = self._entry(Operation.REDACTED, [], [unit.recorded_at])
        version = stored[0].version if len(stored) == 1 else None
        ids = tuple(membership.id for membership in stored)
        unit.record(attrs.evolve(entry, kind=MEMBERSHIPS.name, ids=ids, version=version))

    def _loaded(self, aggregate: Customer) -> Customer:
        life_cycle = self._unit.model.life_cycle
        if aggregate.life_cycle is life_cycle:
            return aggregate
        return changed(aggregate, life_cycle=life_cycle)

    def _adopted(self, aggregate: Customer) -> Customer:
        """Under the model's life cycle; who is still in the first stage of their own begins it."""
        life_cycle = self._unit.model.life_cycle
        if aggregate.life_cycle is life_cycle or aggregate.life_cycle == life_cycle:
            return aggregate
        begins = aggregate.stage == aggregate.life_cycle.first
        stage = life_cycle.first if begins else aggregate.stage
        return changed(aggregate, life_cycle=life_cycle, stage=stage)

    def _check(self, aggregate: Customer, held: Customer | None) -> None:
        self._unit.model.check(aggregate, held=held)

    def _profiled(
        self, transaction: Transaction, aggregates: list[Customer], held: Mapping[UUID, Customer]
    ) -> None:
        before = {CustomerId(id): customer for id, customer in held.items()}
        transaction.copy_to_profiles(aggregates, held=before)


class Products(Aggregates[Product]):
    """`uow.products`."""

    def __init__(self, unit: UnitOfWork) -> None:
        super().__init__(unit, PRODUCTS)

    def find_by_sku(self, sku: str) -> Product | None:
        """The product with this SKU, or `None`."""
        checked_text(sku, "sku", 100)
        ids = self._unit.reads.find(PRODUCTS, "sku", [sku]).get(sku)
        return self.get(ProductId(ids[0])) if ids else None
