"""A state machine that lives a random history on a backend, and on an oracle beside it.

Two tenants, the same ids, identifiers and source keys in both. After every step the journal is
the oracle's; after most steps so is every profile, and every answer to a random question.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import count
from typing import Any
from uuid import UUID

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from crmcore.adapters.backend import Backend
from crmcore.domain.contact_points import ContactKind, ContactPoint
from crmcore.domain.customer import Customer
from crmcore.domain.errors import AmbiguousIdentifier, CrmError
from crmcore.domain.facts import Fact
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.predicates import Predicate
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import (
    a_cancellation,
    a_customer,
    a_fulfilment,
    a_payment,
    a_return,
    a_score,
    an_interaction,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.draws import (
    AMOUNTS,
    AT,
    CARDS,
    CONTACT,
    EMAILS,
    FIRST,
    INDEX,
    KEYS,
    KINDS,
    MODEL,
    NEW,
    QUESTIONS,
    RATE,
    SCORED,
    TENANTS,
)
from crmcore.testing.contract.plain import bare, plain, plain_fact
from crmcore.testing.contract.rates import OneRate
from crmcore.testing.contract.subject import Make
from crmcore.testing.oracle import Oracle

__all__ = ["machine_of"]


class _Undone(Exception):
    """Raised in a unit of work to have it rolled back."""


@attrs.define
class _Tenant:
    """A tenant's backend, its oracle, and all that was ever made for it."""

    backend: Backend
    oracle: Oracle
    customers: list[Customer] = attrs.field(factory=list[Customer])
    facts: list[tuple[str, Fact]] = attrs.field(factory=list[tuple[str, Fact]])

    def orders(self) -> list[Order]:
        """Every order that was tried."""
        return [fact for _, fact in self.facts if isinstance(fact, Order)]


def machine_of(make: Make) -> type[RuleBasedStateMachine]:
    """The machine over the store that `make` opens, each example on two tenants of its own."""
    numbers = count()

    class Histories(_Histories):
        def opened(self, tenant: str) -> Backend:
            backend = make(tenant=tenant, model=MODEL, clock=self.clock, rates=OneRate(RATE))
            backend.migrate()
            return backend

        def number(self) -> int:
            return next(numbers)

    return Histories


class _Histories(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FrozenClock(FIRST)
        self.made = 0
        self.tenants: dict[str, _Tenant] = {}

    def opened(self, tenant: str) -> Backend:
        raise NotImplementedError

    def number(self) -> int:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        """Two tenants with the same three customers, of whom two bought something."""
        number = self.number()
        ids = [CustomerId(self.new_id()) for _ in range(3)]
        for name in ("a", "b"):
            oracle = Oracle(currency=MODEL.currency, rate=Fraction(RATE))
            self.tenants[name] = _Tenant(self.opened(f"{name}{number}"), oracle)
            for place, id in enumerate(ids):
                card = Identifier("card", str(place))
                self._add(name, a_customer(f"{name}{place}", id=id, at=FIRST, identifiers=[card]))
            total = Money("1.01", "USD" if name == "a" else "EUR")
            bought = [
                an_order(id, total, at=FIRST, id=FactId(self.new_id()), lines=()) for id in ids[1:]
            ]
            self._append(name, "orders", bought)

    def new_id(self) -> UUID:
        """An id like no other; ids do not follow the order in which they are made."""
        self.made += 1
        return UUID(int=(self.made * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128)

    def agree(self, tenant: str, expected: str | None, act: Callable[[UnitOfWork], object]) -> None:
        """Do it on the backend, in a unit of its own, and see that it ends as the oracle's did."""
        raised = None
        try:
            with self.tenants[tenant].backend.unit_of_work(source="shop") as uow:
                act(uow)
        except CrmError as error:
            raised = type(error).__name__
        assert raised == expected

    # customers

    @rule(tenant=TENANTS, told=NEW, cards=CARDS, twin=st.booleans())
    def add(self, tenant: str, told: dict[str, Any], cards: list[str], twin: bool) -> None:
        """A new customer, perhaps under an id that the other tenant has, or this one too."""
        other = self.tenants["b" if tenant == "a" else "a"].customers
        id = other[-1].id if twin else CustomerId(self.new_id())
        held = [Identifier("card", card) for card in cards]
        self._add(tenant, a_customer(**told, identifiers=held, at=FIRST, id=id))

    @rule(tenant=TENANTS, which=INDEX, emails=EMAILS, cards=CARDS, stale=st.booleans())
    def save(
        self, tenant: str, which: int, emails: list[str], cards: list[str], stale: bool
    ) -> None:
        """A customer's next state, perhaps from an old copy."""
        held = self._customer(tenant, which)
        if held is None:
            return
        points = tuple(ContactPoint(ContactKind.EMAIL, email) for email in emails)
        version = held.version - 1 if stale else held.version
        state = attrs.evolve(
            held.renamed("Cid" if cards else held.name),
            identifiers=tuple(Identifier("card", card) for card in cards),
            contact_points=points,
            version=version,
        )
        expected = self._of(tenant).save(plain(state))
        self.agree(tenant, expected, lambda uow: uow.customers.save(state))

    @rule(tenant=TENANTS, which=INDEX, stale=st.booleans())
    def remove(self, tenant: str, which: int, stale: bool) -> None:
        """A customer who goes; those with facts stay."""
        held = self._customer(tenant, which)
        if held is None:
            return
        state = attrs.evolve(held, version=held.version - 1 if stale else held.version)
        expected = self._of(tenant).remove(plain(state))
        self.agree(tenant, expected, lambda uow: uow.customers.remove(state))

    @rule(tenant=TENANTS, key=st.sampled_from([("email", "X@x.org"), ("card", "1"), ("card", "9")]))
    def find(self, tenant: str, key: tuple[str, str]) -> None:
        """Who has this e-mail or card: nobody, one, or several."""
        type, value = key
        expected = self._of(tenant).holders((type, value.lower()))
        with self.tenants[tenant].backend.reading() as uow:
            try:
                one = uow.customers.find_by_identifier(type, value)
                found = [] if one is None else [one.id]
            except AmbiguousIdentifier as error:
                found = [CustomerId(UUID(id)) for id in error.customer_ids]
            everybody = [c.id for c in uow.customers.find_all_by_identifier(type, value)]
        assert found == everybody == expected

    # facts

    @rule(
        tenant=TENANTS,
        parts=st.lists(
            st.tuples(INDEX, AMOUNTS, AT, st.sampled_from([None, "web", "shop"]), KEYS),
            min_size=1,
            max_size=3,
        ),
    )
    def order(self, tenant: str, parts: list[tuple[int, Money, datetime, str | None, Any]]) -> None:
        """Orders in one batch, some under a source key that is used again."""
        orders = []
        for which, total, at, channel, key in parts:
            who = self._somebody(tenant, which)
            id = FactId(self.new_id())
            orders.append(
                an_order(who, total, at=at, channel=channel, source_key=key, id=id, lines=())
            )
        self._append(tenant, "orders", orders)

    @rule(tenant=TENANTS, which=INDEX, share=st.sampled_from([1, 2, 3]), at=AT, key=KEYS)
    def give_back(self, tenant: str, which: int, share: int, at: datetime, key: str | None) -> None:
        """A return of the whole order, or of a part."""
        order = self._order(tenant, which)
        if order.total.minor >= share:
            part = Money.of_minor(order.total.minor // share, order.total.currency)
            back = a_return(order, part, at=at, source_key=key, id=FactId(self.new_id()))
            self._append(tenant, "returns", [back])

    @rule(tenant=TENANTS, which=INDEX, at=AT)
    def cancel(self, tenant: str, which: int, at: datetime) -> None:
        """An order called off, perhaps for the second time."""
        order, id = self._order(tenant, which), FactId(self.new_id())
        self._append(tenant, "cancellations", [a_cancellation(order, at=at, id=id)])

    @rule(tenant=TENANTS, which=INDEX, at=AT, amount=AMOUNTS, complete=st.booleans())
    def settle(self, tenant: str, which: int, at: datetime, amount: Money, complete: bool) -> None:
        """A payment and a delivery."""
        order = self._order(tenant, which)
        if amount.minor:
            paid = a_payment(order, amount, at=at, id=FactId(self.new_id()))
            self._append(tenant, "payments", [paid])
        delivered = a_fulfilment(order, complete=complete, at=at, id=FactId(self.new_id()))
        self._append(tenant, "fulfilments", [delivered])

    @rule(tenant=TENANTS, which=INDEX, several=st.lists(CONTACT, min_size=1, max_size=3))
    def interact(self, tenant: str, which: int, several: list[dict[str, Any]]) -> None:
        """Interactions of one customer, one unit of work each, in any order of time."""
        who = self._somebody(tenant, which)
        for told in several:
            fact = an_interaction(who, **told, id=FactId(self.new_id()))
            self._append(tenant, "interactions", [fact])

    @rule(tenant=TENANTS, which=INDEX, several=st.lists(SCORED, min_size=1, max_size=3))
    def score(self, tenant: str, which: int, several: list[dict[str, Any]]) -> None:
        """Scores of one customer, often of one instant, the clock at times standing still."""
        who = self._somebody(tenant, which)
        for told in several:
            self._append(tenant, "scores", [a_score(who, **told, id=FactId(self.new_id()))])

    @rule(tenant=TENANTS, which=INDEX)
    def repeat(self, tenant: str, which: int) -> None:
        """A fact that came before, once more."""
        facts = self.tenants[tenant].facts
        kind, fact = facts[-1 - which % len(facts)]
        self._append(tenant, kind, [fact])

    @rule(tenant=TENANTS, which=INDEX)
    def take_out(self, tenant: str, which: int) -> None:
        """A fact that was recorded by mistake, perhaps removed already."""
        facts = self.tenants[tenant].facts
        kind, fact = facts[-1 - which % len(facts)]
        expected = self._of(tenant).strike(kind, fact.id)
        self.agree(tenant, expected, lambda uow: getattr(uow, kind).remove(fact.id))

    # units of work, time, questions

    @rule(tenant=TENANTS, which=INDEX, raising=st.booleans())
    def give_up(self, tenant: str, which: int, raising: bool) -> None:
        """Much is done in a unit of work, and none of it kept."""
        new = a_customer("Nobody", emails=["x@x.org"], id=CustomerId(self.new_id()))
        held = self._customer(tenant, which)
        try:
            with self.tenants[tenant].backend.unit_of_work() as uow:
                uow.customers.add(new)
                uow.orders.add(an_order(new, at=FIRST, id=FactId(self.new_id())))
                if held is not None:
                    uow.customers.save(held.renamed("Somebody else"))
                    uow.interactions.add(an_interaction(held, at=FIRST, id=FactId(self.new_id())))
                if raising:
                    raise _Undone
                uow.rollback()
        except _Undone:
            pass

    @rule(by=st.sampled_from([1, 1000]))
    def wait(self, by: int) -> None:
        """Time passes: what is recorded from now on is recorded later."""
        self.clock.advance(timedelta(milliseconds=by))

    @rule(tenant=TENANTS)
    def rebuild(self, tenant: str) -> None:
        """Every profile folded anew; the invariants see that none of them changed."""
        with self.tenants[tenant].backend.unit_of_work() as uow:
            uow.profiles.rebuild()

    @rule(tenant=TENANTS, question=QUESTIONS)
    def ask(self, tenant: str, question: Predicate) -> None:
        """A random predicate selects whom it should."""
        expected = self._of(tenant).ids(question)
        with self.tenants[tenant].backend.reading() as uow:
            asked = uow.profiles.where(question)
            assert list(asked.ids()) == expected
            assert asked.count() == len(expected)

    @invariant()
    def profiles_are_the_oracles(self) -> None:
        """Every profile is what the oracle makes of all facts."""
        for tenant in self.tenants.values():
            with tenant.backend.reading() as uow:
                page = uow.profiles.where().page(limit=1000)
            found = {p.customer_id: {n: bare(v) for n, v in p.items()} for p in page}
            assert found == {id: tenant.oracle.profile(id) for id in tenant.oracle.customers}

    @invariant()
    def identifiers_are_the_oracles(self) -> None:
        """Every card and e-mail leads to those who have it, and to nobody else."""
        for tenant in self.tenants.values():
            with tenant.backend.reading() as uow:
                for type, values in (("card", ["0", "1", "9"]), ("email", ["x@x.org", "y@x.org"])):
                    expected = {v: tuple(tenant.oracle.holders((type, v))) for v in values}
                    found = uow.customers.ids_by_identifier(type, values)
                    assert found == {value: ids for value, ids in expected.items() if ids}

    @invariant()
    def the_journal_is_the_oracles(self) -> None:
        """Positions have no gap, and rows stand in the order in which things were done."""
        for tenant in self.tenants.values():
            entries = tenant.backend.journal(limit=10_000)
            assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))
            rows = [(e.kind, e.operation.value, e.ids, e.version) for e in entries]
            assert rows == tenant.oracle.journal

    def teardown(self) -> None:
        """At the end the facts are the oracle's, and so they are after a last rebuild."""
        for name, tenant in self.tenants.items():
            with tenant.backend.reading() as uow:
                for kind in KINDS:
                    ids = [fact["id"] for fact in tenant.oracle.of(kind)]
                    stored = {
                        f.id for id in tenant.oracle.customers for f in getattr(uow, kind).of(id)
                    }
                    assert stored == set(ids)
            self.rebuild(name)
        self.profiles_are_the_oracles()

    # picking

    def _of(self, tenant: str) -> Oracle:
        return self.tenants[tenant].oracle

    def _add(self, tenant: str, new: Customer) -> None:
        self.agree(tenant, self._of(tenant).add(plain(new)), lambda uow: uow.customers.add(new))
        self.tenants[tenant].customers.append(new)

    def _append(self, tenant: str, kind: str, facts: list[Any]) -> None:
        recorded = [plain_fact(fact, self.clock.now) for fact in facts]
        expected = self._of(tenant).append(kind, recorded)
        self.agree(tenant, expected, lambda uow: getattr(uow, kind).add_many(facts))
        self.tenants[tenant].facts += [(kind, fact) for fact in facts]

    def _somebody(self, tenant: str, which: int) -> CustomerId:
        """Whoever was ever tried as a customer of this tenant."""
        known = self.tenants[tenant].customers
        return known[which % len(known)].id

    def _customer(self, tenant: str, which: int) -> Customer | None:
        """A customer as stored; `None` if they went, or never came."""
        with self.tenants[tenant].backend.reading() as uow:
            id = self._somebody(tenant, which)
            return uow.customers.get_many([id]).get(id)

    def _order(self, tenant: str, which: int) -> Order:
        orders = self.tenants[tenant].orders()
        return orders[-1 - which % len(orders)]
