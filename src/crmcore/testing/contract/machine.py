"""A state machine that lives a random history on a backend, and on an oracle beside it.

Two tenants, the same ids, identifiers and source keys in both. Units of work come one after
another or stand open side by side; others run in another thread and have to wait; some are tried
again; the store is closed and opened; consumers read the journal when they like. After every
step the profiles and identifiers that a reader sees are the oracle's, whatever stands open, and
at the end so are all facts, and the journal for everybody who reads it.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count
from threading import Thread
from time import sleep
from typing import Any
from uuid import UUID

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import AmbiguousIdentifier, Busy
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.money import Money
from crmcore.domain.predicates import Predicate
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import a_customer, an_interaction, an_order
from crmcore.testing.contract.deeds import Deeds
from crmcore.testing.contract.draws import (
    ASKED,
    CONSUMERS,
    FIRST,
    INDEX,
    MODEL,
    QUESTIONS,
    RATE,
    TENANTS,
)
from crmcore.testing.contract.interleaving import Undone
from crmcore.testing.contract.rates import OneRate
from crmcore.testing.contract.subject import Make, Subject
from crmcore.testing.contract.witness import Deed, Witness
from crmcore.testing.oracle import Oracle

__all__ = ["machine_of"]

PATIENCE = 20.0
"""Seconds until a second writer must have ended, once the first has."""


def machine_of(make: Make, subject: type[Subject] = Subject) -> type[RuleBasedStateMachine]:
    """The machine over the store that `make` opens, with the capabilities that `subject` declares;
    each example on two tenants of its own.
    """
    numbers = count()

    class Histories(_Histories):
        def opened(self, tenant: str) -> Backend:
            backend = make(tenant=tenant, model=MODEL, clock=self.clock, rates=OneRate(RATE))
            backend.migrate()
            return backend

        def number(self) -> int:
            return next(numbers)

    Histories.one_writer = subject.one_writer
    Histories.reopens = subject.keeps_data_after_close
    Histories.reads_as_of_its_beginning = subject.reads_as_of_its_beginning
    return Histories


@attrs.define
class _Second:
    """A second unit of work, in a thread of its own, tried again while `Busy`."""

    backend: Backend
    deed: Deed
    raised: str | None = None
    done: bool = False

    def run(self) -> None:
        for _ in range(100):
            try:
                with self.backend.unit_of_work(source="shop") as uow:
                    self.raised = self.deed.outcome(uow)
                    if self.raised is not None:
                        uow.rollback()
            except Busy:
                self.raised = "Busy"
            if self.raised != "Busy":
                self.done = True
                return
            sleep(0.005)


class _Histories(Deeds):
    reopens = True

    def number(self) -> int:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        """Two tenants with the same three customers, of whom two bought something."""
        number = self.number()
        ids = [CustomerId(self.new_id()) for _ in range(3)]
        for tenant in ("a", "b"):
            name = f"{tenant}{number}"
            oracle = Oracle(currency=MODEL.currency, rate=Fraction(RATE))
            self.witnesses[tenant] = Witness(name, self.opened(name), oracle)
            for place, id in enumerate(ids):
                card = Identifier("card", str(place))
                new = a_customer(f"{tenant}{place}", id=id, at=FIRST, identifiers=[card])
                self.do(tenant, None, self.adding(tenant, new))
            total = Money("1.01", "USD" if tenant == "a" else "EUR")
            bought = [
                an_order(id, total, at=FIRST, id=FactId(self.new_id()), lines=()) for id in ids[1:]
            ]
            self.do(tenant, None, self.appending(tenant, "orders", bought))

    # units of work

    @precondition(lambda self: not self.open)
    @rule(tenant=TENANTS, which=INDEX, raising=st.booleans())
    def give_up(self, tenant: str, which: int, raising: bool) -> None:
        """Much is done in a unit of work, and none of it kept."""
        new = a_customer("Nobody", emails=["x@x.org"], id=CustomerId(self.new_id()))
        held = self.customer(tenant, None, which)
        self.changed.add(tenant)
        with suppress(Undone), self.witnesses[tenant].backend.unit_of_work() as uow:
            uow.customers.add(new)
            uow.orders.add(an_order(new, at=FIRST, id=FactId(self.new_id())))
            if held is not None:
                uow.customers.save(held.renamed("Somebody else"))
                uow.interactions.add(an_interaction(held, at=FIRST, id=FactId(self.new_id())))
            if raising:
                raise Undone
            uow.rollback()

    @precondition(lambda self: not self.open)
    @rule(
        tenant=TENANTS,
        which=INDEX,
        saving=st.tuples(st.booleans(), st.booleans()),
        commit=st.booleans(),
    )
    def collide(self, tenant: str, which: int, saving: tuple[bool, bool], commit: bool) -> None:
        """Two units change one customer at once: the second waits, or is told to try again, and
        then meets what the first left.
        """
        witness, at = self.witnesses[tenant], self.clock.now
        who = self.customer(tenant, None, which)
        if who is None:
            return
        first, second = (
            self.saving(who.renamed("Dora"), who)
            if saves
            else self.appending(
                tenant,
                "interactions",
                [an_interaction(who, at=FIRST, id=FactId(self.new_id()))],
            )
            for saves in saving
        )
        witness.interleaved = True
        other = _Second(witness.backend, second)
        thread = Thread(target=other.run, daemon=True)
        with witness.backend.unit_of_work(source="shop") as uow:
            assert first.outcome(uow) is None
            thread.start()
            thread.join(0.02)
            assert not other.done  # else it passed over what the first holds
            if not commit:
                uow.rollback()
        if commit:
            assert first.foretell(witness.oracle, at) is None
        thread.join(PATIENCE)
        assert other.done
        assert other.raised == second.foretell(witness.oracle, at)
        self.passed(tenant, first, second)

    @precondition(lambda self: not self.open)
    @rule(tenant=TENANTS, which=INDEX, failures=st.sampled_from([0, 1, 2]))
    def run(self, tenant: str, which: int, failures: int) -> None:
        """A use case that is `Busy` at first; only what its last attempt did is kept."""
        witness, who = self.witnesses[tenant], self.somebody(tenant, which)
        attempts: list[Deed] = []

        def use_case(uow: UnitOfWork) -> str | None:
            fact = an_interaction(who, at=FIRST, id=FactId(self.new_id()), source="shop")
            attempts.append(self.appending(tenant, "interactions", [fact]))
            raised = attempts[-1].outcome(uow)
            if len(attempts) <= failures:
                raise Busy("not yet")
            if raised is not None:
                uow.rollback()
            return raised

        raised = witness.backend.run(use_case)
        assert len(attempts) == failures + 1
        assert raised == attempts[-1].foretell(witness.oracle, self.clock.now)
        self.passed(tenant, attempts[-1])

    @precondition(lambda self: not self.open)
    @rule(tenant=TENANTS)
    def rebuild(self, tenant: str) -> None:
        """Every profile folded anew; the invariants see that none of them changed."""
        self.changed.add(tenant)
        with self.witnesses[tenant].backend.unit_of_work() as uow:
            uow.profiles.rebuild()

    @precondition(lambda self: self.reopens and not self.open)
    @rule(tenant=TENANTS)
    def restart(self, tenant: str) -> None:
        """The store is closed and opened again."""
        self.changed.add(tenant)
        self.witnesses[tenant].backend.close()
        self.witnesses[tenant].backend = self.opened(self.witnesses[tenant].name)

    @rule(by=st.sampled_from([1, 1000]))
    def wait(self, by: int) -> None:
        """Time passes: units that begin from now on record later."""
        self.clock.advance(timedelta(milliseconds=by))

    # questions

    @rule(tenant=TENANTS, key=st.sampled_from([("email", "X@x.org"), ("card", "1"), ("card", "9")]))
    def find(self, tenant: str, key: tuple[str, str]) -> None:
        """Who has this e-mail or card: nobody, one, or several."""
        type, value = key
        witness = self.witnesses[tenant]
        expected = witness.oracle.holders((type, value.lower()))
        with witness.backend.reading() as uow:
            try:
                one = uow.customers.find_by_identifier(type, value)
                found = [] if one is None else [one.id]
            except AmbiguousIdentifier as error:
                found = [CustomerId(UUID(id)) for id in error.customer_ids]
            everybody = [c.id for c in uow.customers.find_all_by_identifier(type, value)]
        assert found == everybody == expected

    @rule(tenant=TENANTS, question=QUESTIONS, at=st.none() | ASKED)
    def ask(self, tenant: str, question: Predicate, at: datetime | None) -> None:
        """A random predicate selects whom it should, asked by default at the clock's instant."""
        witness = self.witnesses[tenant]
        expected = witness.oracle.ids(question, at=at or self.clock.now, zone=MODEL.zone)
        with witness.backend.reading() as uow:
            asked = uow.profiles.where(question, at=at)
            assert list(asked.ids()) == expected
            assert asked.count() == len(expected)

    @rule(tenant=TENANTS, consumer=CONSUMERS, limit=st.sampled_from([1, 3, 1000]))
    def consume(self, tenant: str, consumer: str, limit: int) -> None:
        """A consumer of the journal reads on. Beside an only writer it may have to wait for the
        newest rows.
        """
        waits = self.one_writer and bool(self.open)
        busy: Any = Busy if waits else ()
        with suppress(busy):
            self.witnesses[tenant].consume(consumer, limit, whole=not waits)

    @invariant()
    def readers_see_what_is_committed(self) -> None:
        """Every profile and identifier is the oracle's, whatever units stand open."""
        for tenant in sorted(self.changed):
            self.witnesses[tenant].see_profiles()
        self.changed.clear()

    def teardown(self) -> None:
        """At the end everything is the oracle's, and so it is after a last rebuild; whoever reads
        the journal has read all of it, in the same order.
        """
        if sys.exc_info()[0] is not None:  # a step failed: let it tell, and free what is held
            for held in self.open.values():
                held.unit.rollback()
            return
        for held in list(self.open.values()):
            self.end(held, "commit")
        for tenant, witness in self.witnesses.items():
            witness.see_facts()
            for consumer in ("mail", "audit", "late"):
                witness.consume(consumer, 10_000)
            self.rebuild(tenant)
            witness.see_profiles()
