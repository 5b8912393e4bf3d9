"""Adding and updating aggregates by rows: known by id or by an exclusive key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import attrs

from crmcore.domain.customer import Customer
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.kinds import MEMBERSHIPS, AggregateKind
from crmcore.domain.membership import member_value, number_value
from crmcore.domain.ports import Backend
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.kind_rows import KindReader, KindRow
from crmcore.services.recording import REFUSALS, customers_named, made, reasons_of
from crmcore.services.rehearsed_kinds import StateRehearsal
from crmcore.services.rejects import Rejects

__all__ = ["Upserted", "Upserter"]


@attrs.define
class Upserted:
    """What became of some rows; `refused` are those that cannot be, with their faults."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[tuple[KindRow, list[Fault]]] = attrs.field(
        factory=list[tuple[KindRow, list[Fault]]]
    )

    def and_(self, other: Upserted) -> Upserted:
        """Both together."""
        return Upserted(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.refused + other.refused,
        )


@attrs.frozen
class Upserter:
    """Turns rows into aggregates, and stores what changed, a batch in a unit of work."""

    backend: Backend
    kind: AggregateKind[Any]
    read: KindReader
    actor: str
    dry_run: bool
    restore: bool
    rehearsal: StateRehearsal = attrs.field(factory=StateRehearsal, init=False)

    def upserted(self, rows: list[KindRow], rejected: Rejects) -> Upserted:
        """Store the rows."""
        done = self._sifted(rows)
        for row, faults in sorted(done.refused, key=lambda refused: refused[0].index):
            rejected.add(row.index, faults, row.row)
        return done

    def _sifted(self, rows: list[KindRow]) -> Upserted:
        """Of rows that the store refuses, each half is tried alone, down to the row."""
        if not rows:
            return Upserted()
        try:
            source = self.read.source
            done, changed = self.backend.run(self._store, rows, actor=self.actor, source=source)
        except REFUSALS as error:
            if len(rows) == 1:
                return Upserted(refused=[(rows[0], reasons_of(error, self.read, rows[0]))])
        else:
            for state in changed if self.dry_run else ():
                keys = self.backend.model.keys_of(state)
                self.rehearsal.add(state, ((k.scope, k.value) for k in keys if k.exclusive))
            return done
        middle = len(rows) // 2
        return self._sifted(rows[:middle]).and_(self._sifted(rows[middle:]))

    def _store(self, unit: UnitOfWork, rows: list[KindRow]) -> tuple[Upserted, list[Any]]:
        """What became of the rows, and the states that are new by them."""
        collection, done = getattr(unit, self.kind.name), Upserted()
        rows = self._known(unit, rows, done)
        if self.dry_run:
            self._replay(unit, rows)
        states = _States.known(unit, self.kind, [row.values for row in rows])
        for row in rows:
            try:
                self._lay(unit, row, states, done)
            except InvalidInput as error:
                done.refused.append((row, self.read.told(error, row.row)))
        put = collection.restore_many if self.restore else collection.add_many
        save = collection.restore_states if self.restore else collection.save_many
        new = [state for id, state in states.latest.items() if id not in states.stored]
        changed = [s for id, s in states.latest.items() if states.stored.get(id, s) != s]
        put(new)
        save(changed)
        if self.dry_run:
            unit.rollback()
        return done, new + changed

    def _known(self, unit: UnitOfWork, rows: list[KindRow], done: Upserted) -> list[KindRow]:
        """The rows with the ids of customers whom they name by a key."""
        named = {row.named["customer_id"] for row in rows if "customer_id" in row.named}
        if not named:
            return rows
        ids, known = customers_named(unit, list(named)), list[KindRow]()
        for row in rows:
            by = row.named.get("customer_id")
            if by is not None and by not in ids:
                column, _ = self.read.place("customer_id", row.row)
                done.refused.append((row, [Fault(column, "is not known")]))
                continue
            known.append(row if by is None else attrs.evolve(row, values=row.values | ids[by]))
        return known

    def _replay(self, unit: UnitOfWork, rows: list[KindRow]) -> None:
        """Store what a dry run would have stored of those whom these rows can meet."""
        rehearsed = self.rehearsal
        if not rehearsed.latest:
            return
        told = [row.values for row in rows]
        keys = {key for values in told for key in _exclusive(unit, self.kind, values)}
        ids = {values["id"] for values in told if "id" in values}
        ids |= {rehearsed.by_key[key] for key in keys & rehearsed.by_key.keys()}
        ids |= set(_States.known(unit, self.kind, told).stored)
        collection = getattr(unit, self.kind.name)
        met = {id: rehearsed.latest[id] for id in ids & rehearsed.latest.keys()}
        while more := self._in_the_way(unit, met.values()) & (rehearsed.latest.keys() - met.keys()):
            met |= {id: rehearsed.latest[id] for id in more}
        stored = collection.get_many(met)
        save = collection.restore_states if self.restore else collection.save_many
        save(attrs.evolve(met[id], version=before.version) for id, before in stored.items())
        put = collection.restore_many if self.restore else collection.add_many
        new = [state for id, state in met.items() if id not in stored]
        put(new if self.restore else [attrs.evolve(state, version=0) for state in new])

    def _in_the_way(self, unit: UnitOfWork, states: Iterable[Any]) -> set[UUID]:
        """Who is stored under the exclusive keys of these."""
        wanted: dict[str, set[str]] = {}
        for state in states:
            for key in unit.model.keys_of(state):
                if key.exclusive:
                    wanted.setdefault(key.scope, set()).add(key.value)
        return {
            id
            for scope, values in wanted.items()
            for ids in unit.reads.find(self.kind, scope, values).values()
            for id in ids
        }

    def _lay(self, unit: UnitOfWork, row: KindRow, states: _States, done: Upserted) -> None:
        """Lay what a row says on top of what is known."""
        values = row.values
        known = states.of(values)
        if known is None:
            if "id" not in values and not any(_exclusive(unit, self.kind, values)):
                raise InvalidInput.of("id", "is missing, and no exclusive key tells who is meant")
            now = {"at": unit.recorded_at}
            state = made(self.kind.cls, _adopting(unit, self.kind) | now | values)
        elif self.restore:
            whole = _adopting(unit, self.kind) | values | {"id": known.id}
            state = made(self.kind.cls, whole | {"version": known.version})
        else:
            state = attrs.evolve(known, **values)
        if state == known:
            done.unchanged += 1
            return
        if isinstance(state, Customer):
            unit.model.check(state, held=states.stored.get(state.id))
        states.now(unit, state)
        done.added += known is None
        done.updated += known is not None


@attrs.define
class _States:
    """What is stored, and what it is by the rows read so far; both by id, and found by key."""

    kind: AggregateKind[Any]
    stored: dict[UUID, Any]
    latest: dict[UUID, Any]
    by_key: dict[tuple[str, str], UUID]

    @classmethod
    def known(
        cls, unit: UnitOfWork, kind: AggregateKind[Any], told: list[dict[str, Any]]
    ) -> _States:
        """Those that rows name."""
        wanted: dict[str, set[str]] = {}
        for values in told:
            for scope, value in _exclusive(unit, kind, values):
                wanted.setdefault(scope, set()).add(value)
        by_key = {
            (scope, value): ids[0]
            for scope, values in wanted.items()
            for value, ids in unit.reads.find(kind, scope, values).items()
        }
        ids = {values["id"] for values in told if "id" in values} | set(by_key.values())
        stored = getattr(unit, kind.name).get_many(ids)
        return cls(kind, stored, dict(stored), by_key)

    def of(self, values: dict[str, Any]) -> Any:
        """The one that a row means, by its id or else its exclusive keys; `None` if it is new."""
        if "id" in values:
            return self.latest.get(values["id"])
        found = (self.by_key.get(key) for key in _told_keys(self.kind, values))
        return next((self.latest[id] for id in found if id is not None), None)

    def now(self, unit: UnitOfWork, state: Any) -> None:
        """The state of one, by now."""
        self.latest[state.id] = state
        for key in unit.model.keys_of(state):
            if key.exclusive:
                self.by_key.setdefault((key.scope, key.value), state.id)


def _told_keys(kind: AggregateKind[Any], values: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """The keys that a row tells, shared ones among them."""
    if kind.key is not None and kind.key in values:
        yield kind.key, values[kind.key]
    yield from _member_keys(kind, values)
    for identifier in values.get("identifiers", ()):
        yield identifier.scope, identifier.value


def _member_keys(kind: AggregateKind[Any], values: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Under what a membership is found: its member in the programme, and its number there."""
    if kind.name == MEMBERSHIPS.name and "programme" in values:
        programme = values["programme"]
        if "customer_id" in values:
            yield "member", member_value(values["customer_id"], programme)
        if "number" in values:
            yield "number", number_value(values["number"], programme)


def _exclusive(
    unit: UnitOfWork, kind: AggregateKind[Any], values: dict[str, Any]
) -> Iterable[tuple[str, str]]:
    """Of the keys that a row tells, those that one alone may have."""
    if kind.key is not None and kind.key in values:
        yield kind.key, values[kind.key]
    yield from _member_keys(kind, values)
    for identifier in values.get("identifiers", ()):
        if unit.model.identifier_type(identifier.type).exclusive:
            yield identifier.scope, identifier.value


def _adopting(unit: UnitOfWork, kind: AggregateKind[Any]) -> dict[str, Any]:
    """What an aggregate takes from the model: a customer the life cycle."""
    fields = attrs.fields(kind.cls)
    return {
        f.name: getattr(unit.model, f.name) for f in fields if not f.metadata.get("stored", True)
    }
