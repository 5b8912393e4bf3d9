"""A state machine that lives a random history on a backend, and on an oracle beside it.

Two tenants, the same ids, identifiers and source keys in both. After every step the journal is
the oracle's; after most steps so is every profile, and every answer to a random question.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from itertools import count
from typing import Any
from uuid import UUID

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crmcore.adapters.backend import Backend
from crmcore.domain.attributes import AttributeType
from crmcore.domain.contact_points import Channel, ContactKind, ContactPoint
from crmcore.domain.customer import Customer
from crmcore.domain.errors import AmbiguousIdentifier, CrmError
from crmcore.domain.facts import Fact
from crmcore.domain.identifiers import Identifier
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.predicates import Predicate, field
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
from crmcore.testing.contract.rates import OneRate
from crmcore.testing.contract.subject import Make
from crmcore.testing.oracle import Oracle
from crmcore.testing.strategies import predicates

__all__ = ["MODEL", "QUESTIONS", "bare", "machine_of"]

MODEL = Model(
    attributes=(
        AttributeType("seat", "text"),
        AttributeType("visits", "integer"),
        AttributeType("weight", "float"),
        AttributeType("height", "decimal"),
        AttributeType("vip", "boolean", indexed=True),
        AttributeType("born", "date"),
        AttributeType("renewed_at", "instant"),
        AttributeType("budget", "money"),
    ),
    measures=(
        Measure("phone_calls", "interactions", Fold.COUNT, where=field("channel") == "phone"),
        Measure("web_revenue", "purchases", Fold.SUM, "amount", where=field("channel") == "web"),
        Measure("largest_purchase", "purchases", Fold.MAX, "amount"),
        Measure("smallest_payment", "payments", Fold.MIN, "base_amount"),
        Measure("shortest_wait", "interactions", Fold.MIN, "waited_seconds"),
        Measure("waited", "interactions", Fold.SUM, "waited_seconds"),
        Measure("cancellations", "cancellations", Fold.COUNT),
        Measure("last_topic", "interactions", Fold.LATEST, "topic"),
        Measure("delivered_whole", "fulfilments", Fold.LATEST, "complete"),
    ),
)
"""A model with an attribute of every type and a measure of every fold."""

DAY = timedelta(days=1)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
RATE = Decimal("0.9173")
TENANTS = st.sampled_from(["a", "b"])
INDEX = st.integers(0, 7)
AT = st.sampled_from([FIRST + n * DAY for n in range(4)])
NAMES = st.sampled_from([None, "Ana", "Ben"])
EMAILS = st.lists(st.sampled_from(["x@x.org", "Y@x.org"]), max_size=2, unique=True)
CARDS = st.lists(st.sampled_from(["1", "2"]), max_size=1)
AMOUNTS = st.builds(
    Money.of_minor, st.sampled_from([0, 1, 3, 100, 101]), st.sampled_from(["EUR", "USD"])
)
KEYS = st.sampled_from([None, None, None, "k1", "k2"])
TOPICS = st.sampled_from([None, "billing", "delivery"])
WAITS = st.sampled_from([None, 0, 1, 90])
ATTRIBUTES: dict[str, st.SearchStrategy[Any]] = {
    "seat": st.sampled_from(["", "a", "A", "é"]),
    "visits": st.sampled_from([0, 1, -1, 2**53 - 1]),
    "weight": st.sampled_from([0.0, 0.1, 1.0, -2.5]),
    "height": st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("1.000001")]),
    "vip": st.booleans(),
    "born": st.sampled_from([date(1990, 12, 31), date(2024, 1, 1)]),
    "renewed_at": AT,
    "budget": st.sampled_from([Money("0", "EUR"), Money("1.01", "EUR")]),
}
KNOWN = st.fixed_dictionaries({}, optional=ATTRIBUTES)
VALUES = ATTRIBUTES | {
    "name": st.sampled_from(["Ana", "Ben", "Cid"]),
    "kind": st.sampled_from(["person", "organisation"]),
    "stage": st.sampled_from(["prospect", "active", "closed"]),
    "email": st.sampled_from(["x@x.org", "y@x.org"]),
    "last_channel": st.sampled_from(Channel),
    "last_topic": st.sampled_from(["billing", "delivery"]),
    "revenue": st.sampled_from([0, 1, 100, 101]).map(lambda n: Money.of_minor(n, "EUR")),
}
QUESTIONS = predicates(MODEL, values=VALUES)
KINDS = ("orders", "payments", "fulfilments", "cancellations", "returns", "interactions", "scores")


class _Undone(Exception):
    """Raised in a unit of work to have it rolled back."""


@attrs.define
class Tenant:
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
        self.tenants: dict[str, Tenant] = {}

    def opened(self, tenant: str) -> Backend:
        raise NotImplementedError

    def number(self) -> int:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        number = self.number()
        for name in ("a", "b"):
            oracle = Oracle(currency=MODEL.currency, rate=Fraction(RATE))
            self.tenants[name] = Tenant(self.opened(f"{name}{number}"), oracle)

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

    @rule(tenant=TENANTS, name=NAMES, emails=EMAILS, cards=CARDS, known=KNOWN, twin=st.booleans())
    def add(
        self,
        tenant: str,
        name: str | None,
        emails: list[str],
        cards: list[str],
        known: dict[str, Any],
        twin: bool,
    ) -> None:
        """A new customer, perhaps under an id that the other tenant has."""
        other = self.tenants["b" if tenant == "a" else "a"].customers
        id = other[-1].id if twin and other else CustomerId(self.new_id())
        cards_held = [Identifier("card", card) for card in cards]
        new = a_customer(
            name, emails=emails, identifiers=cards_held, attributes=known, at=FIRST, id=id
        )
        self.agree(tenant, self._of(tenant).add(plain(new)), lambda uow: uow.customers.add(new))
        self.tenants[tenant].customers.append(new)

    @precondition(lambda self: any(t.customers for t in self.tenants.values()))
    @rule(tenant=TENANTS, which=INDEX, name=NAMES, emails=EMAILS, stale=st.booleans())
    def save(
        self, tenant: str, which: int, name: str | None, emails: list[str], stale: bool
    ) -> None:
        """A customer's next state, perhaps from an old copy."""
        held = self._customer(tenant, which)
        if held is None:
            return
        points = tuple(ContactPoint(ContactKind.EMAIL, email) for email in emails)
        version = held.version - 1 if stale else held.version
        state = attrs.evolve(held.renamed(name), contact_points=points, version=version)
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

    @rule(tenant=TENANTS, key=st.sampled_from([("email", "X@x.org"), ("card", "1"), ("card", "2")]))
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
        if order is not None and order.total.minor >= share:
            part = Money.of_minor(order.total.minor // share, order.total.currency)
            back = a_return(order, part, at=at, source_key=key, id=FactId(self.new_id()))
            self._append(tenant, "returns", [back])

    @rule(tenant=TENANTS, which=INDEX, at=AT)
    def cancel(self, tenant: str, which: int, at: datetime) -> None:
        """An order called off, perhaps for the second time."""
        order = self._order(tenant, which)
        if order is not None:
            id = FactId(self.new_id())
            self._append(tenant, "cancellations", [a_cancellation(order, at=at, id=id)])

    @rule(tenant=TENANTS, which=INDEX, at=AT, amount=AMOUNTS, complete=st.booleans())
    def settle(self, tenant: str, which: int, at: datetime, amount: Money, complete: bool) -> None:
        """A payment and a delivery."""
        order = self._order(tenant, which)
        if order is not None:
            if amount.minor:
                paid = a_payment(order, amount, at=at, id=FactId(self.new_id()))
                self._append(tenant, "payments", [paid])
            id = FactId(self.new_id())
            delivered = a_fulfilment(order, complete=complete, at=at, id=id)
            self._append(tenant, "fulfilments", [delivered])

    @rule(
        tenant=TENANTS, which=INDEX, at=AT, topic=TOPICS, waited=WAITS,
        channel=st.sampled_from(["phone", "web", "chat"]), key=KEYS,
    )  # fmt: skip
    def interact(
        self,
        tenant: str,
        which: int,
        at: datetime,
        topic: str | None,
        waited: int | None,
        channel: str,
        key: str | None,
    ) -> None:
        """An interaction."""
        who, id = self._somebody(tenant, which), FactId(self.new_id())
        fact = an_interaction(
            who, channel, at=at, topic=topic, waited_seconds=waited, source_key=key, id=id
        )
        self._append(tenant, "interactions", [fact])

    @rule(
        tenant=TENANTS, which=INDEX, at=AT, value=st.sampled_from([0.0, 0.5, 1.0]),
        scorer=st.sampled_from(["probability_alive", "lifetime_value"]),
    )  # fmt: skip
    def score(self, tenant: str, which: int, at: datetime, value: float, scorer: str) -> None:
        """A score, often of the same instant as another."""
        who, id = self._somebody(tenant, which), FactId(self.new_id())
        fact = a_score(who, value, scorer=scorer, at=at, id=id)
        self._append(tenant, "scores", [fact])

    @rule(tenant=TENANTS, which=INDEX)
    def repeat(self, tenant: str, which: int) -> None:
        """A fact that came before, once more."""
        facts = self.tenants[tenant].facts
        if facts:
            kind, fact = facts[-1 - which % len(facts)]
            self._append(tenant, kind, [fact])

    @rule(tenant=TENANTS, which=INDEX)
    def take_out(self, tenant: str, which: int) -> None:
        """A fact that was recorded by mistake, perhaps removed already."""
        facts = self.tenants[tenant].facts
        if facts:
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

    def _append(self, tenant: str, kind: str, facts: list[Any]) -> None:
        recorded = [plain_fact(fact, self.clock.now) for fact in facts]
        expected = self._of(tenant).append(kind, recorded)
        self.agree(tenant, expected, lambda uow: getattr(uow, kind).add_many(facts))
        self.tenants[tenant].facts += [(kind, fact) for fact in facts]

    def _somebody(self, tenant: str, which: int) -> CustomerId:
        """A customer of this tenant, or rarely of the other alone."""
        own = self.tenants[tenant].customers or self.tenants["a"].customers
        return own[which % len(own)].id if own else CustomerId(UUID(int=which))

    def _customer(self, tenant: str, which: int) -> Customer | None:
        """A customer as stored."""
        known = self.tenants[tenant].customers
        if not known:
            return None
        with self.tenants[tenant].backend.reading() as uow:
            id = known[which % len(known)].id
            return uow.customers.get_many([id]).get(id)

    def _order(self, tenant: str, which: int) -> Order | None:
        orders = self.tenants[tenant].orders()
        return orders[-1 - which % len(orders)] if orders else None


def bare(value: Any) -> Any:
    """A value as the oracle writes it."""
    if isinstance(value, Enum):
        return value.value
    return value.minor if isinstance(value, Money) else value


def plain(customer: Customer) -> dict[str, Any]:
    """A customer as the oracle writes it."""
    addresses = [point.value for point in customer.contact_points]
    cards = [identifier.value for identifier in customer.identifiers]
    keys = {("email", value): False for value in addresses}
    known = {a.name: None for a in MODEL.attributes}
    return {
        "id": customer.id,
        "version": customer.version,
        "kind": customer.kind.value,
        "name": customer.name,
        "stage": customer.stage,
        "stage_since": customer.stage_since,
        "known_since": customer.at,
        "language": customer.language,
        "zone": customer.zone,
        "region": customer.region,
        "email": next(iter(addresses), None),
        "phone": None,
        "keys": keys | {("card", value): True for value in cards},
        "attributes": known | {a.name: bare(a.value) for a in customer.attributes},
    }


def plain_fact(fact: Fact, recorded_at: datetime) -> dict[str, Any]:
    """A fact as the oracle writes it."""
    found = {a.name: bare(getattr(fact, a.name)) for a in attrs.fields(type(fact))}
    del found["actor"], found["recorded_at"]
    found.pop("base_amount", None)
    if fact.money is not None:
        found.pop("total", None)
        found |= {"amount": fact.money.minor, "currency": fact.money.currency}
    source = fact.source if fact.source is not None else "shop"
    return found | {"source": source, "recorded_at": recorded_at}
