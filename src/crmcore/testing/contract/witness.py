"""What the state machine knows of a tenant: its backend, its oracle, and who reads its journal."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import attrs

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import CrmError
from crmcore.domain.facts import Fact
from crmcore.domain.order import Order
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.contract.draws import IDENTIFIERS, KINDS
from crmcore.testing.contract.plain import bare
from crmcore.testing.oracle import Oracle

__all__ = ["Deed", "OpenUnit", "Witness"]


@attrs.frozen
class Deed:
    """One thing done in a unit of work, and what the oracle says of it.

    `touches` are the customers, exclusive identifiers and source keys for which two units have to
    wait for each other. `foretell` does it on an oracle, as recorded at an instant, and answers
    the name of the error it should end in.
    """

    touches: frozenset[object]
    foretell: Callable[[Oracle, datetime], str | None]
    act: Callable[[UnitOfWork], object]

    def outcome(self, uow: UnitOfWork) -> str | None:
        """Do it; answer the name of the error it ended in."""
        try:
            self.act(uow)
        except CrmError as error:
            return type(error).__name__
        return None


@attrs.define
class OpenUnit:
    """A unit of work that is open while others go on, with what was done in it so far.

    `holds` is all that it ever touched, `passed` what others committed meanwhile, and `before`
    the oracle as the unit began.
    """

    witness: Witness
    unit: UnitOfWork
    ending: ExitStack
    before: Oracle
    deeds: list[Deed] = attrs.field(factory=list[Deed])
    holds: set[object] = attrs.field(factory=set[object])
    passed: set[object] = attrs.field(factory=set[object])

    def draft(self, oracle: Oracle) -> Oracle:
        """The oracle as it will be if the unit commits now."""
        draft = oracle.copy()
        for deed in self.deeds:
            assert deed.foretell(draft, self.unit.recorded_at) is None
        return draft


@attrs.define
class Witness:
    """A tenant's backend, its oracle, and all that was ever tried on it.

    `rows` is the journal by position, as whoever read it first saw it; `cursors` is how far each
    consumer has read.
    """

    name: str
    backend: Backend
    oracle: Oracle
    customers: list[Customer] = attrs.field(factory=list[Customer])
    copies: list[Customer] = attrs.field(factory=list[Customer])
    facts: list[tuple[str, Fact]] = attrs.field(factory=list[tuple[str, Fact]])
    rows: list[tuple[Any, ...]] = attrs.field(factory=list[tuple[Any, ...]])
    cursors: dict[str, int] = attrs.field(factory=dict[str, int])
    interleaved: bool = False

    def orders(self) -> list[Order]:
        """Every order that was tried."""
        return [fact for _, fact in self.facts if isinstance(fact, Order)]

    def see_profiles(self) -> None:
        """Every profile is what the oracle makes of all facts, and every identifier leads to
        those who have it.
        """
        with self.backend.reading() as uow:
            page = uow.profiles.where().page(limit=1000)
            found = {p.customer_id: {n: bare(v) for n, v in p.items()} for p in page}
            assert found == {id: self.oracle.profile(id) for id in self.oracle.customers}
            for type, values in IDENTIFIERS.items():
                expected = {v: tuple(self.oracle.holders((type, v))) for v in values}
                held = uow.customers.ids_by_identifier(type, values)
                assert held == {value: ids for value, ids in expected.items() if ids}

    def see_facts(self) -> None:
        """The facts that count are the oracle's."""
        with self.backend.reading() as uow:
            for kind in KINDS:
                ids = {fact["id"] for fact in self.oracle.of(kind)}
                stored = (getattr(uow, kind).of(id) for id in self.oracle.customers)
                assert {fact.id for facts in stored for fact in facts} == ids

    def consume(self, consumer: str, limit: int, *, whole: bool = True) -> None:
        """A consumer reads on behind its cursor, and finds what the others found there; at the
        end it has `whole` all that was committed.
        """
        after = self.cursors.get(consumer, 0)
        entries = self.backend.journal(after=after, limit=limit)
        assert [e.position for e in entries] == [after + n for n in range(1, len(entries) + 1)]
        rows = [(e.kind, e.operation.value, e.ids, e.version) for e in entries]
        known = self.rows[after:][: len(rows)]
        assert rows[: len(known)] == known
        self.rows += rows[len(known) :]
        self.cursors[consumer] = after + len(rows)
        if whole and len(rows) < limit:
            self._see_journal()

    def _see_journal(self) -> None:
        committed = self.oracle.journal
        if not self.interleaved:
            assert self.rows == committed
            return
        assert len(self.rows) == len(committed)
        assert set(self.rows) == set(committed)
        assert self._by_customer(self.rows) == self._by_customer(committed)

    def _by_customer(self, rows: list[tuple[Any, ...]]) -> dict[Any, list[tuple[Any, ...]]]:
        found: dict[Any, list[tuple[Any, ...]]] = {}
        for row in rows:
            for id in dict.fromkeys(self.oracle.about(row)):
                found.setdefault(id, []).append(row)
        return found
