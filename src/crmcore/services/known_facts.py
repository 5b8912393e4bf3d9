"""What the store knew of customers at an instant: facts recorded by then, and fields with what was
changed since put back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import attrs

from crmcore.domain.contact_points import ContactKind
from crmcore.domain.customer import Customer
from crmcore.domain.fact_repositories import histories
from crmcore.domain.fact_terms import fact_values, term_field, unfolded
from crmcore.domain.facts import Fact
from crmcore.domain.fields import FieldType
from crmcore.domain.folding import fold
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import EARLIEST
from crmcore.domain.journal import Entry, Operation
from crmcore.domain.kinds import CUSTOMERS, FACTS, ORDERS, PURCHASES
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.order_facts import Purchase
from crmcore.domain.ports import Backend, Transaction
from crmcore.domain.predicates import FactTerm, Term
from crmcore.domain.profile import copied

__all__ = ["KnownFacts", "changed_since"]

Undo = Mapping[str, Any]


def changed_since(backend: Backend, at: datetime) -> tuple[dict[Any, dict[str, Any]], set[Any]]:
    """By customer, what the fields changed since were before; and who was added since: by the
    journal, which is read whole.
    """
    undo: dict[Any, dict[str, Any]] = {}
    added: set[Any] = set()
    position = 0
    while page := backend.journal(after=position):
        position = page[-1].position or position
        for entry in page:
            if entry.kind != CUSTOMERS.name or entry.recorded_at <= at:
                continue
            if entry.operation is Operation.ADDED:
                added.update(entry.ids)
            for id, before in _before(entry):
                # The first change since says what was there before all of them.
                undo[id] = before | undo.get(id, {})
    return undo, added


def _before(entry: Entry) -> Iterator[tuple[Any, dict[str, Any]]]:
    told: list[Iterable[Mapping[str, Any]]] = [entry.changes, entry.personal]
    for rows in told:
        for id, row in zip(entry.ids, rows, strict=False):
            yield id, {name: change[0] for name, change in row.items()}


@attrs.frozen
class KnownFacts:
    """What the facts of some customers say of them: those that happened before an instant, as far
    as they were recorded by another; without an instant all.
    """

    reads: Transaction
    model: Model
    ids: Sequence[CustomerId]
    recorded_by: datetime | None = attrs.field(default=None, kw_only=True)
    before: datetime | None = attrs.field(default=None, kw_only=True)
    kept: dict[str, list[Any]] = attrs.field(factory=dict, kw_only=True, repr=False)

    def copies(
        self, customers: Iterable[Customer], undo: Mapping[Any, Undo]
    ) -> dict[CustomerId, dict[str, Any]]:
        """By customer, the fields that a profile copies, with what was changed since put back."""
        return {CustomerId(c.id): _copied(c, undo.get(c.id, {}), self.model) for c in customers}

    def values(
        self, wanted: Iterable[Term], copies: Mapping[CustomerId, Mapping[str, Any]]
    ) -> dict[Term, Callable[[CustomerId], Any]]:
        """For each term, from a customer to its value as it was known."""
        found: dict[Term, Callable[[CustomerId], Any]] = {}
        for term in wanted:
            if isinstance(term, FactTerm):
                known = term_field(term)
                none = None if known.optional else 0
                found[term] = self._unfolded(
                    known.type, fact_values(term, self.facts(term.of)), none
                )
            elif (measure := self._measure(term)) is not None:
                found[term] = self._measured(measure, term)
            else:
                found[term] = partial(_copy, copies, term)
        return found

    def facts(self, of: str) -> list[Any]:
        """The facts of a kind; orders net of what had come back."""
        if of not in self.kept:
            self.kept[of] = list(self._told(of))
        return self.kept[of]

    def _told(self, of: str) -> Iterable[Fact | Purchase]:
        if of != PURCHASES.name:
            kind = next(kind for kind in FACTS if kind.name == of)
            yield from self._by_then(self.reads.facts(kind, customers=self.ids))
            return
        orders = self._by_then(self.reads.facts(ORDERS, customers=self.ids))
        for history in histories(self.reads, orders):
            then = attrs.evolve(
                history,
                cancellations=self._by_then(history.cancellations),
                returns=self._by_then(history.returns),
            )
            if then.purchase is not None:
                yield then.purchase

    def _by_then(self, facts: Iterable[Any]) -> tuple[Any, ...]:
        by, before = self.recorded_by, self.before
        return tuple(
            fact
            for fact in facts
            if (by is None or (fact.recorded_at is not None and fact.recorded_at <= by))
            and (before is None or fact.at < before)
        )

    def _measure(self, name: str) -> Measure | None:
        for measure in self.model.all_measures:
            if any(field.name == name for field in measure.fields):
                return measure
        return None

    def _measured(self, measure: Measure, name: str) -> Callable[[CustomerId], Any]:
        states = fold([measure], self.facts(measure.of), recorded_at=EARLIEST)
        type = next(field.type for field in measure.fields if field.name == name)
        found = {id: state[measure.name] for id, state in states.items() if state}
        if measure.fold is Fold.LATEST:
            place = 2 if name == measure.name else 0
            found = {id: state[place] for id, state in found.items()}
        return self._unfolded(type, found, 0 if measure.starts_at_zero else None)

    def _unfolded(
        self, type: FieldType, found: Mapping[CustomerId, Any], none: Any
    ) -> Callable[[CustomerId], Any]:
        return lambda id: unfolded(type, found.get(id, none), self.model.currency)


def _copy(copies: Mapping[CustomerId, Mapping[str, Any]], name: str, id: CustomerId) -> Any:
    return copies[id].get(name)


def _copied(customer: Customer, before: Undo, model: Model) -> dict[str, Any]:
    """The fields that a profile copies, with what was changed since put back."""
    found = copied(customer) | {a.name: a.value for a in customer.attributes}
    for name, value in before.items():
        if name == "contact_points":
            for kind in ContactKind:
                points = [p["value"] for p in value if p["kind"] == kind.value]
                found[kind.value] = points[0] if points else None
        elif name == "attributes":
            types = {a.name: a.type for a in model.attributes}
            found |= dict.fromkeys(types)
            found |= {a["name"]: _typed(types.get(a["name"]), a["value"]) for a in value}
        elif name == "stage_since":
            found[name] = datetime.fromisoformat(value)
        elif name == "at":
            found["known_since"] = datetime.fromisoformat(value)
        elif name == "tags":
            found[name] = tuple(value)
        elif name in found:
            found[name] = value
    return found


def _typed(type: FieldType | None, value: Any) -> Any:
    """A value of the journal, which is plain data, in its type."""
    match type:
        case FieldType.DECIMAL:
            return Decimal(value)
        case FieldType.DATE:
            return date.fromisoformat(value)
        case FieldType.INSTANT:
            return datetime.fromisoformat(value)
        case FieldType.MONEY:
            return Money.of_minor(value["minor"], value["currency"])
    return value
