"""The facts of a unit of work: appended with idempotency, and folded into the profiles at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import attrs

from crmcore.domain.collecting import uncollected
from crmcore.domain.errors import ConflictingFact, InvalidInput, NotFound, StorageError
from crmcore.domain.facts import Fact, as_recorded, differences
from crmcore.domain.ids import CustomerId, FactId, OrderId, as_id
from crmcore.domain.journal import Entry, Operation
from crmcore.domain.kinds import (
    CANCELLATIONS,
    CUSTOMERS,
    FACTS,
    FULFILMENTS,
    ORDERS,
    PAYMENTS,
    PURCHASES,
    RETURNS,
    FactKind,
)
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Cancellation, OrderHistory, Purchase, Return
from crmcore.domain.ports import Recording, Transaction
from crmcore.domain.redaction import personal_fields, without_personal_values

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = [
    "BATCH",
    "Facts",
    "OrderFacts",
    "Orders",
    "counted",
    "histories",
]

F = TypeVar("F", bound=Fact)
BATCH = 10_000


class Facts(Generic[F]):
    """What every collection of facts does."""

    def __init__(self, unit: UnitOfWork, kind: FactKind[F]) -> None:
        self._unit = unit
        self._kind = kind

    def add(self, fact: F) -> F:
        """Record one fact and return it as stored; the one already stored if it is the same.

        An unknown customer is `NotFound`; the same source key with other content is
        `ConflictingFact`.
        """
        new = self._append([fact])
        if new:
            return as_recorded(new[0], self._unit.recording)
        return self._unit.reads.recorded(self._kind, [fact], self._unit.source)[0]

    def add_many(self, facts: Iterable[F]) -> int:
        """Record facts in bulk; answer how many were new."""
        return self._add_many(facts, restores=False)

    def _add_many(self, facts: Iterable[F], *, restores: bool) -> int:
        remaining = iter(facts)
        count = 0
        while True:
            with self._unit.writing() if count else nullcontext():
                if not (batch := list(islice(remaining, BATCH))):
                    return count
                with uncollected:
                    count += len(self._append(batch, restores=restores))
                if self._unit.state == "ended":  # a subscriber gave up, so nothing is kept
                    return count

    def restore_many(self, facts: Iterable[F]) -> int:
        """`add_many` for facts that another store recorded: their `recorded_at`, `actor`, `source`
        and base amounts stay as they are; answer how many were new. One that was recorded with a
        source key needs its own source.
        """
        return self._add_many(facts, restores=True)

    def get(self, id: FactId) -> F:
        """The fact with this id; `NotFound` if there is none or it was removed."""
        found = self._unit.reads.facts(self._kind, ids=[FactId(as_id(id, "id"))])
        if not found:
            raise NotFound(self._kind.name, str(id))
        return found[0]

    def of(self, customer_id: CustomerId) -> list[F]:
        """All of one customer, by `at`."""
        who = CustomerId(as_id(customer_id, "customer_id"))
        return self._unit.reads.facts(self._kind, customers=[who])

    def remove(self, id: FactId) -> None:
        """Take a wrongly recorded fact out of every read and fold; `NotFound` if there is none.

        Its source key stays taken, so importing the same fact again does not bring it back.
        """
        unit = self._unit
        fact = self.get(id)
        who = fact.customer_id
        with unit.writing() as transaction:
            transaction.lock_profiles([who])
            transaction.strike(self._kind, fact.id, unit.recorded_at)
            transaction.refold([who])
            self._journal(Operation.REMOVED, [fact], [{"customer_id": [str(who), None]}])

    def conflicts(self, facts: Sequence[F]) -> dict[int, tuple[str, ...]]:
        """By index, the fields in which these facts contradict the stored one of their key, or
        an earlier one among themselves. Nothing is written.
        """
        found: dict[int, tuple[str, ...]] = {}
        stored = self._unit.reads.recorded(self._kind, facts, self._unit.source)
        first: dict[object, F] = {}
        for index, fact in enumerate(facts):
            known = stored.get(index)
            if known is None:
                key = (fact.source or self._unit.source, fact.source_key or fact.id)
                known = first.setdefault(key, fact)
            if fields := self._differences(known, fact):
                found[index] = fields
        return found

    def _prepared(
        self, transaction: Transaction, facts: list[F], *, restores: bool = False
    ) -> list[F]:
        """The facts with what the store adds to them; refuse what contradicts earlier facts."""
        unit, base = self._unit, self._unit.model.currency
        prepared: list[F] = []
        for fact in facts:
            money = fact.money
            if money is not None and money.currency != base:
                if restores and (known := cast(Any, fact).base_amount) is not None:
                    if known.currency != base:
                        raise InvalidInput.of("base_amount", f"is not in {base}")
                    prepared.append(fact)
                    continue
                amount = unit.in_base(money, fact.at)
                prepared.append(attrs.evolve(cast(Any, fact), base_amount=amount))
                continue
            if money is not None and cast(Any, fact).base_amount not in (None, money):
                raise InvalidInput.of("base_amount", "is set by the store, from the dated rate")
            prepared.append(fact)
        return prepared

    def _append(self, facts: list[F], *, restores: bool = False) -> list[F]:
        """Record those that are new, and answer them."""
        unit, kind = self._unit, self._kind
        recording = attrs.evolve(unit.recording, restores=restores) if restores else unit.recording
        for index, fact in enumerate(facts):
            if fact.source_key is None or fact.source is not None:
                continue
            if restores and fact.recorded_at is not None:
                # It is kept as it was recorded, and no store recorded a key without its source.
                raise InvalidInput.of(f"[{index}].source_key", "needs the fact's own source")
            if unit.source is None:
                reason = "needs a source: the fact's own, or unit_of_work(source=...)"
                raise InvalidInput.of(f"[{index}].source_key", reason)
        facts = self._distinct(facts)
        customers = {fact.customer_id for fact in facts}
        transaction = unit.writes
        if unknown := customers - transaction.lock_profiles(customers):
            raise NotFound("customers", str(min(unknown)))
        if kind.of_order:
            facts = self._new(transaction, facts)
        return self._written(self._prepared(transaction, facts, restores=restores), recording)

    def _written(self, facts: list[F], recording: Recording) -> list[F]:
        """Record those that are new of facts that want no further check, and answer them."""
        unit, kind = self._unit, self._kind
        with unit.writing() as transaction:
            appended = transaction.append(kind, facts, recording)
        if not appended:
            facts = self._new(transaction, facts)
        with unit.writing():
            if not appended and not transaction.append(kind, facts, recording):
                raise StorageError(f"the store refuses these {kind.name}")
            if not facts:
                return []
            if kind.revises:
                transaction.refold({fact.customer_id for fact in facts})
            else:
                transaction.merge(kind, unit.model.plan.deltas(kind.name, facts, recording))
            self._journal(Operation.APPENDED, facts)
        return facts

    def _new(self, transaction: Transaction, facts: list[F]) -> list[F]:
        """Those of `facts` that are not stored yet; the same key with other content conflicts."""
        stored = transaction.recorded(self._kind, facts, self._unit.source)
        for index, known in stored.items():
            self._same(known, facts[index])
        return [fact for index, fact in enumerate(facts) if index not in stored]

    def _distinct(self, facts: list[F]) -> list[F]:
        """`facts` without repetitions of one id or source key."""
        source = self._unit.source
        keys = [(f.source or source, f.source_key) for f in facts if f.source_key is not None]
        if len({fact.id.int for fact in facts}) == len(facts) and len(set(keys)) == len(keys):
            return facts
        seen: dict[object, F] = {}
        kept = []
        for fact in facts:
            own: list[object] = [fact.id]
            if fact.source_key is not None:
                own.append((fact.source or source, fact.source_key))
            known = next((seen[key] for key in own if key in seen), None)
            if known is None:
                kept.append(fact)
                seen |= dict.fromkeys(own, fact)
            else:
                self._same(known, fact)
        return kept

    def _same(self, known: F, given: F) -> None:
        fields = self._differences(known, given)
        if fields:
            source = given.source or self._unit.source or ""
            key = given.source_key or str(given.id)
            raise ConflictingFact(self._kind.name, source, key, fields)

    def _differences(self, known: F, given: F) -> tuple[str, ...]:
        """In what `given` contradicts the known fact; a personal value that was taken out of it
        when its customer was redacted contradicts nothing, and is not put back.
        """
        fields = differences(known, given)
        blank = {n for n in personal_fields(type(known)) if getattr(known, n) is None}
        if not blank.intersection(fields):
            return fields
        if not self._was_redacted(known.customer_id):
            return fields
        return tuple(name for name in fields if name not in blank)

    def _was_redacted(self, customer_id: CustomerId) -> bool:
        """Says the journal so, or, since it does not go into another store with what is restored,
        does the customer hold nothing personal, at a version that redaction could have left?
        """
        unit = self._unit
        history = unit.reads.history(CUSTOMERS, customer_id)
        if any(entry.operation is Operation.REDACTED for entry in history):
            return True
        held = unit.reads.fetch(CUSTOMERS, [customer_id]).get(customer_id)
        if held is None or held.version == 1:
            return False
        kept = {known.name for known in unit.model.attributes if not known.personal}
        return without_personal_values(held, keeping=kept) == held

    def _journal(
        self,
        operation: Operation,
        facts: Sequence[F],
        changes: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        unit = self._unit
        unit.record(
            Entry(
                kind=self._kind.name,
                operation=operation,
                ids=tuple(fact.id for fact in facts),
                changes=tuple(changes),
                at=max(fact.at for fact in facts),
                recorded_at=unit.recorded_at,
                actor=unit.actor,
                source=unit.source,
            )
        )


class Orders(Facts[Order]):
    """`uow.orders`."""

    def __init__(self, unit: UnitOfWork) -> None:
        super().__init__(unit, ORDERS)

    def history(self, id: OrderId) -> OrderHistory:
        """The order with its payments, fulfilments, cancellation and returns, and its status."""
        order = self.get(id)
        return next(iter(histories(self._unit.reads, [order])))


class OrderFacts(Facts[F]):
    """`uow.payments`, `uow.fulfilments`, `uow.cancellations`, `uow.returns`.

    The order must be stored and of the same customer; a second cancellation, or more returned
    than was bought, is `Refused`.
    """

    def of_order(self, order_id: OrderId) -> list[F]:
        """All of one order, by `at`."""
        return self._unit.reads.facts(self._kind, orders=[FactId(as_id(order_id, "order_id"))])

    def _prepared(
        self, transaction: Transaction, facts: list[F], *, restores: bool = False
    ) -> list[F]:
        ids = [cast(Any, fact).order_id for fact in facts]
        orders = transaction.facts(ORDERS, ids=set(ids)) if ids else []
        found = {h.order.id: h for h in histories(transaction, orders)}
        prepared: list[F] = []
        for order_id, fact in zip(ids, facts, strict=True):
            if order_id not in found:
                raise NotFound("orders", str(order_id))
            history = found[order_id]
            if history.order.customer_id != fact.customer_id:
                raise InvalidInput.of("customer_id", "is not the customer of the order")
            if isinstance(fact, Cancellation):
                history.check_cancellation()
                cancelled: tuple[Cancellation, ...] = (*history.cancellations, fact)
                found[order_id] = attrs.evolve(history, cancellations=cancelled)
                prepared.append(fact)
            elif isinstance(fact, Return):
                accepted = history.accepting(fact)
                if restores and fact.base_amount is not None:
                    accepted = self._restored(accepted, fact.base_amount)
                returns = (*history.returns, accepted)
                found[order_id] = attrs.evolve(history, returns=returns)
                prepared.append(cast(F, accepted))
            else:
                prepared += super()._prepared(transaction, [fact], restores=restores)
        return prepared

    def _restored(self, accepted: Return, worth: Money) -> Return:
        """A return at the worth that its store gave it, as far as one could have."""
        base = cast(Money, accepted.base_amount).currency
        if worth.currency != base:
            raise InvalidInput.of("base_amount", f"is not in {base}")
        if accepted.amount.currency == base and worth != accepted.amount:
            raise InvalidInput.of("base_amount", "is set by the store, from the dated rate")
        return attrs.evolve(accepted, base_amount=worth)


def counted(
    transaction: Transaction, of: str, customers: Collection[CustomerId]
) -> list[Fact] | list[Purchase]:
    """What these customers have of a measurable kind: its facts, or their purchases."""
    if of != PURCHASES.name:
        kind = next(kind for kind in FACTS if kind.name == of)
        return transaction.facts(kind, customers=customers)
    orders = transaction.facts(ORDERS, customers=customers)
    bought = (history.purchase for history in histories(transaction, orders))
    return [purchase for purchase in bought if purchase is not None]


def histories(transaction: Transaction, orders: Sequence[Order]) -> Iterator[OrderHistory]:
    """The orders with all their later facts, four look-ups for all of them."""
    ids = {order.id for order in orders}

    def by_order(kind: FactKind[F]) -> dict[OrderId, list[F]]:
        found: dict[OrderId, list[F]] = {}
        for fact in transaction.facts(kind, orders=ids) if ids else ():
            found.setdefault(cast(Any, fact).order_id, []).append(fact)
        return found

    payments, fulfilments = by_order(PAYMENTS), by_order(FULFILMENTS)
    cancellations, returns = by_order(CANCELLATIONS), by_order(RETURNS)
    for order in orders:
        yield OrderHistory(
            order=order,
            payments=tuple(payments.get(order.id, ())),
            fulfilments=tuple(fulfilments.get(order.id, ())),
            cancellations=tuple(cancellations.get(order.id, ())),
            returns=tuple(returns.get(order.id, ())),
        )
