"""Where the state machine does things: units of work of their own, and such as stand open.

Two units can be open at once, of one tenant or of two, each begun, gone on with and ended at
any step. What would have to wait for an open unit is left out, since the one thread of a history
would wait for itself; where one writer is alone, a second is told so.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from crmcore.adapters.backend import Backend
from crmcore.domain.customer import Customer
from crmcore.domain.errors import Busy
from crmcore.domain.ids import CustomerId
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.draws import FIRST, INDEX, TENANTS
from crmcore.testing.contract.plain import bare, plain, plain_fact
from crmcore.testing.contract.witness import Deed, OpenUnit, Witness

__all__ = ["Interleaving", "Undone", "touched"]

ENDS_A_UNIT = ("AlreadyExists", "IdentifierTaken", "Busy")
"""The errors that come out of a half-done write, so that nothing of the unit can be kept."""


class Undone(Exception):
    """Raised in a unit of work to have it rolled back."""


class Interleaving(RuleBasedStateMachine):
    """Units of work, one after another or side by side, and what is done in them."""

    one_writer = False
    reads_as_of_its_beginning = False

    def __init__(self) -> None:
        super().__init__()
        self.clock: FrozenClock = FrozenClock(FIRST)
        self.made: int = 0
        self.witnesses: dict[str, Witness] = {}
        self.open: dict[int, OpenUnit] = {}
        self.changed: set[str] = set()

    def opened(self, tenant: str) -> Backend:
        """A handle on a tenant of the store."""
        raise NotImplementedError

    def new_id(self) -> UUID:
        """An id like no other; ids do not follow the order in which they are made."""
        self.made += 1
        return UUID(int=(self.made * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128)

    # where a deed is done

    def do(self, tenant: str, place: int | None, deed: Deed) -> None:
        """Do it in the open unit of that place, or in a unit of its own, unless it would have to
        wait for a unit that only this thread could end.
        """
        held = self._unit(tenant, place)
        if self._has_to_wait(tenant, held, deed.touches):
            return
        if held is not None:
            self._go_on(held, deed)
            return
        witness = self.witnesses[tenant]
        expected = deed.foretell(witness.oracle, self.clock.now)
        raised = None
        with ExitStack() as ending:
            unit = ending.enter_context(witness.backend.unit_of_work(source="shop"))
            raised = deed.outcome(unit)
            if raised is not None:
                unit.rollback()
        assert raised == expected
        self.passed(tenant, deed)

    def passed(self, tenant: str, *deeds: Deed) -> None:
        """These are committed: readers must see them, and open units may meet them."""
        self.changed.add(tenant)
        for other in self.open.values():
            if other.witness is self.witnesses[tenant]:
                other.passed.update(*(deed.touches for deed in deeds))

    def _unit(self, tenant: str, place: int | None) -> OpenUnit | None:
        """The open unit of that place; where one writer is alone, the one that is open."""
        found = [self.open[n] for n in sorted(self.open) if self.one_writer or n == place]
        mine = [unit for unit in found if unit.witness is self.witnesses[tenant]]
        return mine[0] if mine else None

    def _has_to_wait(self, tenant: str, held: OpenUnit | None, touches: frozenset[object]) -> bool:
        others = [unit for unit in self.open.values() if unit is not held]
        if self.one_writer:
            return bool(others)
        witness = self.witnesses[tenant]
        return any(touches & unit.holds for unit in others if unit.witness is witness)

    def _go_on(self, held: OpenUnit, deed: Deed) -> None:
        at = held.unit.recorded_at
        allowed = {deed.foretell(held.draft(held.witness.oracle), at)}
        if self.reads_as_of_its_beginning and deed.touches & held.passed:
            allowed |= {"Busy", deed.foretell(held.draft(held.before), at)}
        raised = deed.outcome(held.unit)
        assert raised in allowed
        held.holds |= deed.touches
        if raised is None:
            held.deeds.append(deed)
        elif raised in ENDS_A_UNIT:
            self.end(held, "give up")

    def end(self, held: OpenUnit, how: str) -> None:
        """End an open unit; if it commits, the oracle does what was done in it."""
        self.open = {place: unit for place, unit in self.open.items() if unit is not held}
        if how == "give up":
            held.unit.rollback()
        try:
            with held.ending:
                if how == "raise":
                    raise Undone
        except Undone:
            pass
        except Busy:  # nothing was kept
            assert self.reads_as_of_its_beginning
            assert held.holds & held.passed
            return
        if how == "commit":
            for deed in held.deeds:
                assert deed.foretell(held.witness.oracle, held.unit.recorded_at) is None
            tenant = next(t for t, w in self.witnesses.items() if w is held.witness)
            self.passed(tenant, *held.deeds)

    @precondition(lambda self: len(self.open) < (1 if self.one_writer else 2))
    @rule(tenant=TENANTS, reading=INDEX)
    def begin_unit(self, tenant: str, reading: int) -> None:
        """A unit begins, reads a customer, and stays open."""
        witness = self.witnesses[tenant]
        witness.interleaved = True
        ending = ExitStack()
        unit = ending.enter_context(witness.backend.unit_of_work(source="shop"))
        place = 1 if 0 in self.open else 0
        self.open[place] = OpenUnit(witness, unit, ending, witness.oracle.copy())
        self.customer(tenant, place, reading)

    @precondition(lambda self: bool(self.open))
    @rule(place=INDEX, how=st.sampled_from(["commit", "commit", "give up", "raise"]))
    def end_unit(self, place: int, how: str) -> None:
        """An open unit ends, in whatever order they began."""
        held = self.open[sorted(self.open)[place % len(self.open)]]
        self.end(held, how)

    @precondition(lambda self: bool(self.open))
    @rule(place=INDEX)
    def look_inside(self, place: int) -> None:
        """An open unit sees what it did itself."""
        held = self.open[sorted(self.open)[place % len(self.open)]]
        draft = held.draft(held.witness.oracle)
        mine = [id for id in draft.customers if id in held.holds]
        found = held.unit.profiles.get_many(mine)
        for id in mine:
            assert {n: bare(v) for n, v in found[id].items()} == draft.profile(id)

    @precondition(lambda self: self.one_writer and bool(self.open))
    @rule(tenant=TENANTS)
    def knock(self, tenant: str) -> None:
        """Where one writer is alone, a second one is told."""
        raised = None
        try:
            with self.witnesses[tenant].backend.unit_of_work():
                pass
        except Busy as error:
            raised = error
        assert raised is not None

    # making and picking

    def adding(self, tenant: str, new: Customer) -> Deed:
        """That this customer is added."""
        self.witnesses[tenant].customers.append(new)
        return Deed(
            touched(new),
            lambda oracle, _: oracle.add(plain(new)),
            lambda uow: uow.customers.add(new),
        )

    def saving(self, state: Customer, held: Customer) -> Deed:
        """That a customer, read as `held`, is saved as `state`."""
        return Deed(
            touched(state) | touched(held),
            lambda oracle, _: oracle.save(plain(state)),
            lambda uow: uow.customers.save(state),
        )

    def appending(self, tenant: str, kind: str, facts: list[Any]) -> Deed:
        """That these facts are recorded together."""
        self.witnesses[tenant].facts += [(kind, fact) for fact in facts]
        keys = {(kind, fact.source_key) for fact in facts if fact.source_key is not None}
        return Deed(
            frozenset({fact.customer_id for fact in facts}) | keys,
            lambda oracle, at: oracle.append(kind, [plain_fact(fact, at) for fact in facts]),
            lambda uow: getattr(uow, kind).add_many(facts),
        )

    def somebody(self, tenant: str, which: int) -> CustomerId:
        """Whoever was ever tried as a customer of this tenant."""
        known = self.witnesses[tenant].customers
        return known[which % len(known)].id

    def customer(
        self, tenant: str, place: int | None, which: int, *, old: bool = False
    ) -> Customer | None:
        """A customer as stored, or as first read; `None` if they went, or never came."""
        witness, id = self.witnesses[tenant], self.somebody(tenant, which)
        if old:
            return next((copy for copy in witness.copies if copy.id == id), None)
        held = self._unit(tenant, place)
        if held is None:
            with witness.backend.reading() as uow:
                found = uow.customers.get_many([id]).get(id)
        else:
            found = held.unit.customers.get_many([id]).get(id)
        if found is not None and held is None:
            witness.copies.append(found)
        return found


def touched(customer: Customer) -> frozenset[object]:
    """What a deed on this customer touches."""
    cards: Iterable[object] = (("card", identifier.value) for identifier in customer.identifiers)
    return frozenset({customer.id, *cards})
