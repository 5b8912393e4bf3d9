"""Recording batches of facts: those that the store refuses are found, and lose no other (O17)."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs

from crmcore.domain.errors import Conflict, CrmError, Fault, InvalidInput, NotFound, Refused
from crmcore.domain.fact_repositories import Facts
from crmcore.domain.facts import Fact
from crmcore.domain.ids import CustomerId, new_id
from crmcore.domain.instants import EARLIEST
from crmcore.domain.kinds import ORDERS, FactKind
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.ports import Backend
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.kind_rows import KindReader, KindRow, Named
from crmcore.services.rehearsed_kinds import FactRehearsal
from crmcore.services.rejects import Rejects

__all__ = ["REFUSALS", "Recorder", "customers_named", "made", "reasons_of"]

REFUSALS = (InvalidInput, NotFound, Conflict, Refused)
"""What a store says of a row, rather than of itself."""

Built = tuple[KindRow, Fact]
T = TypeVar("T")


@attrs.frozen
class Recorder:
    """Turns rows into facts of one kind and records them, a batch in a unit of work."""

    backend: Backend
    kind: FactKind[Fact]
    read: KindReader
    actor: str
    dry_run: bool
    restore: bool
    rehearsal: FactRehearsal = attrs.field(factory=FactRehearsal, init=False)

    def recorded(self, rows: list[KindRow], rejected: Rejects) -> tuple[int, int]:
        """Record the rows: how many stand, and how many of them are new."""
        facts = self._built(rows, rejected)
        try:
            return len(facts), self._run(facts, whole=True)
        except REFUSALS:
            return self._sifted(self._without_strangers(facts, rejected), rejected)

    def _sifted(self, facts: list[Built], rejected: Rejects) -> tuple[int, int]:
        """Of facts that the store refuses, each half is tried alone, down to the row."""
        try:
            return len(facts), self._run(facts)
        except REFUSALS as error:
            if len(facts) == 1:
                self._refuse(facts[0][0], reasons_of(error, self.read, facts[0][0]), rejected)
                return 0, 0
        middle = len(facts) // 2
        first = self._sifted(facts[:middle], rejected)
        last = self._sifted(facts[middle:], rejected)
        return first[0] + last[0], first[1] + last[1]

    def _run(self, built: list[Built], *, whole: bool = False) -> int:
        if not built:
            return 0
        facts, source = [fact for _, fact in built], self.read.source
        if not self.dry_run:
            return self.backend.run(self._put, facts, actor=self.actor, source=source)
        met = self.rehearsal.met(facts, source, customers=not whole)
        new = self.backend.run(self._rehearse, met, facts, actor=self.actor, source=source)
        self.rehearsal.add(facts, source)
        return new

    def _put(self, unit: UnitOfWork, facts: list[Fact]) -> int:
        collection = _collection(unit, self.kind)
        return (collection.restore_many if self.restore else collection.add_many)(facts)

    def _rehearse(self, unit: UnitOfWork, met: list[Fact], facts: list[Fact]) -> int:
        self._put(unit, met)
        new = self._put(unit, facts)
        unit.rollback()
        return new

    def _built(self, rows: list[KindRow], rejected: Rejects) -> list[Built]:
        """The facts that the rows tell of; whom they name by a key is looked up."""
        found = list[Built]()
        ids = self._looked_up(rows)
        for row in rows:
            values, faults = dict(row.values), list[Fault]()
            for name, by in row.named.items():
                known = ids[name].get(by)
                if known is None:
                    faults.append(Fault(self.read.place(name, row.row)[0], "is not known"))
                else:  # an order tells its customer, unless the row does
                    values = known | values
            try:
                if faults:
                    raise InvalidInput(tuple(faults))
                found.append((row, made(self.kind.cls, values)))
            except InvalidInput as error:
                told = faults or self.read.told(error, row.row)
                self._refuse(row, told, rejected)
        return found

    def _looked_up(self, rows: list[KindRow]) -> dict[str, dict[Named, dict[str, Any]]]:
        """By field and by what is named, the ids that stand for it."""
        wanted: dict[str, dict[Named, KindRow]] = {}
        for row in rows:
            for name, by in row.named.items():
                wanted.setdefault(name, {})[by] = row
        found: dict[str, dict[Named, dict[str, Any]]] = {}
        if not wanted:
            return found
        with self.backend.reading() as unit:
            for name, named in wanted.items():
                known = customers_named if name == "customer_id" else _orders
                found[name] = known(unit, list(named))
        return found

    def _without_strangers(self, facts: list[Built], rejected: Rejects) -> list[Built]:
        """The facts without those that are refused for the usual reasons, looked up together."""
        if self.dry_run:
            source = self.read.source
            faults = self.backend.run(self._told_dry, facts, actor=self.actor, source=source)
        else:
            with self.backend.reading() as unit:
                faults = self._told(unit, facts)
        for row, _ in facts:
            if row.index in faults:
                self._refuse(row, [faults[row.index]], rejected)
        return [(row, fact) for row, fact in facts if row.index not in faults]

    def _told_dry(self, unit: UnitOfWork, facts: list[Built]) -> dict[int, Fault]:
        told = [fact for _, fact in facts]
        self._put(unit, self.rehearsal.met(told, self.read.source, customers=False))
        faults = self._told(unit, facts)
        unit.rollback()
        return faults

    def _told(self, unit: UnitOfWork, facts: list[Built]) -> dict[int, Fault]:
        """By row, what is wrong with its fact."""
        faults = self._strangers(unit, facts)
        rest = [(row, fact) for row, fact in facts if row.index not in faults]
        conflicts = _collection(unit, self.kind).conflicts([fact for _, fact in rest])
        for place, fields in conflicts.items():
            row = rest[place][0]
            column = self.read.column("source_key" if "source_key" in row.values else "id")
            reason = f"the same key is recorded with another {', '.join(fields)}"
            faults[row.index] = Fault(column, reason)
        return faults

    def _strangers(self, unit: UnitOfWork, facts: list[Built]) -> dict[int, Fault]:
        """By row, whose customer or order is not known, or whose currency has no rate."""
        customers = unit.customers.get_many({fact.customer_id for _, fact in facts})
        orders: set[Any] = set()
        if self.kind.of_order:
            asked = {fact.order_id for _, fact in facts}  # type: ignore[attr-defined]
            orders = {order.id for order in unit.reads.facts(ORDERS, ids=asked)}
        faults: dict[int, Fault] = {}
        for row, fact in facts:
            if fact.customer_id not in customers:
                column = self.read.place("customer_id", row.row)[0]
                faults[row.index] = Fault(column, "is no customer")
            elif self.kind.of_order and fact.order_id not in orders:  # type: ignore[attr-defined]
                column = self.read.place("order_id", row.row)[0]
                faults[row.index] = Fault(column, "is no order")
            elif fact.money is not None and not self.restore:
                try:
                    unit.in_base(fact.money, fact.at)
                except InvalidInput as error:
                    faults[row.index] = reasons_of(error, self.read, row)[0]
        return faults

    def _refuse(self, row: KindRow, faults: list[Fault], rejected: Rejects) -> None:
        rejected.add(row.index, faults, row.row)


def _collection(unit: UnitOfWork, kind: FactKind[Any]) -> Facts[Any]:
    found: Facts[Any] = getattr(unit, kind.name)
    return found


def made(cls: type[T], values: dict[str, Any]) -> T:
    """An instance of the class; what it needs and is not given is told by name."""
    attributes: Any = cls
    faults = [
        Fault(field.name, "is missing")
        for field in attrs.fields(attributes)
        if field.init and field.default is attrs.NOTHING and field.name not in values
    ]
    if faults:
        raise InvalidInput(tuple(faults))
    return cls(**values)


def reasons_of(error: CrmError, read: KindReader, row: KindRow) -> list[Fault]:
    """What the store says of one row, with its columns where it names fields."""
    if not isinstance(error, InvalidInput):
        return [Fault("", str(error))]
    known = {field.name for field in read.fields} | {"currency"}
    told = []
    for fault in read.told(error, row.row):
        where = fault.path if fault.path in row.row or fault.path in known else ""
        told.append(Fault(where, fault.reason if where else str(fault)))
    return told


def customers_named(unit: UnitOfWork, named: list[Named]) -> dict[Named, dict[str, Any]]:
    """The customers under these external ids, as what a row tells of them."""
    found = dict[Named, dict[str, Any]]()
    for source in {by.source for by in named}:
        keys = [by.key for by in named if by.source == source]
        held = unit.customers.ids_by_identifier("external", keys, source=source)
        for key, ids in held.items():
            found[Named(source, key)] = {"customer_id": ids[0]}
    return found


def _orders(unit: UnitOfWork, named: list[Named]) -> dict[Named, dict[str, Any]]:
    """The orders under these keys; asked for as a fact of each key would be."""
    asked = [
        Order(
            customer_id=CustomerId(new_id(EARLIEST)), at=EARLIEST, total=Money(0, "EUR"),
            source=by.source, source_key=by.key,
        )
        for by in named
    ]  # fmt: skip
    held = unit.reads.recorded(ORDERS, asked, None)
    return {
        named[index]: {"order_id": order.id, "customer_id": order.customer_id}
        for index, order in held.items()
    }
