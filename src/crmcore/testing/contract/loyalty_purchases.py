"""Where histories of members do things, and how purchases come in and go back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
)

from crmcore.adapters.backend import Backend
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Cancellation, Return
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.builders import a_cancellation, a_return, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.loyalty_accounts import Refusal
from crmcore.testing.contract.loyalty_draws import GIVEN, JOINED
from crmcore.testing.contract.loyalty_tiers import TICK
from crmcore.testing.contract.loyalty_witness import (
    Key,
    Loyal,
    Stored,
    an_id,
    began,
    copied,
)

__all__ = [
    "CENTS",
    "DAY",
    "DAYS",
    "KEYS",
    "PLACE",
    "POINTS",
    "SOMETIMES",
    "WHICH",
    "WHO",
    "Purchases",
    "latest",
]  # fmt: skip

T = TypeVar("T")
DAY = timedelta(days=1)
WHO = st.sampled_from([0, 0, 0, 1])
WHICH = st.sampled_from([0, 0, 0, 1])
CENTS = st.sampled_from([10_000, 9_999, 10_001, 30_000, 20_001, 5_050, 3_333, 25_000, 1, 0])
POINTS = st.sampled_from([1, 50, 99, 100, 101, 200, 300])
KEYS = st.sampled_from([None, None, "k1", "k2", "k3"])
DAYS = st.sampled_from([0, 0, 0, 1, 20, 100])
SOMETIMES = st.sampled_from([False] * 7 + [True])
MOSTLY = st.sampled_from([True, True, True, False])
PLACE = st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3, 7])


def _nothing() -> None:
    """What comes of what is not posted."""


def latest(some: Sequence[T], place: int) -> T:
    """One of them, counted from the end."""
    return some[-1 - place % len(some)]


class Purchases(RuleBasedStateMachine):
    """Two tenants and the oracle; purchases and what comes back of them."""

    number = 0

    def __init__(self) -> None:
        super().__init__()
        self.clock: FrozenClock = FrozenClock(JOINED)
        self.now: datetime = JOINED
        self.used: set[datetime] = {JOINED}
        self.made: int = 0
        self.programmes: list[str] = []
        self.loyal: Loyal = Loyal({})
        self.stores: list[Stored] = []
        self.orders: list[Order] = []
        self.back: list[Return | Cancellation] = []
        self.decisions: list[tuple[Key, FactId]] = []
        self.asked: list[datetime] = []
        self.seen: bool = False

    def opened(self, tenant: str) -> Backend:
        raise NotImplementedError

    def begins(self) -> None:
        raise NotImplementedError

    def new_id(self) -> FactId:
        self.made += 1
        return an_id(self.made)

    @initialize(
        names=st.lists(st.sampled_from(sorted(GIVEN)), min_size=2, max_size=2, unique=True),
        first=st.lists(CENTS, max_size=3),
    )
    def begin(self, names: list[str], first: list[int]) -> None:
        """Two customers, both in two programmes; one of them bought something."""
        self.begins()
        self.programmes = names
        ids = [CustomerId(self.new_id()) for _ in range(2)]
        self.loyal = began(names, len(ids))
        for tenant, in_sets in (("each", False), ("sets", True)):
            stored = Stored(self.opened(tenant), in_sets, ids)
            stored.enrol(names)
            self.stores.append(stored)
        for cents in first:
            self.buy(0, cents, 0, True, False)
            self.now += DAY

    # how a deed is done

    def later(self, days: int) -> None:
        """So many days pass."""
        self.now += days * DAY

    def moment(self, earlier: int = 0) -> datetime:
        """Now, or so many days ago: an instant at which nothing else happened."""
        at = self.now - earlier * DAY
        while at in self.used:
            at += TICK
        self.used.add(at)
        self.now = max(self.now, at)
        return at

    def do(
        self,
        told: Callable[[], object],
        deed: Callable[[Stored, UnitOfWork], object],
        *,
        undone: bool = False,
        again: bool = False,
    ) -> bool:
        """Foretell it, then do it on both tenants; with `again`, twice. Was it kept?"""
        before, expected = copied(self.loyal), None
        try:
            told()
            if again and not undone:
                told()
        except Refusal as refusal:
            expected = str(refusal)
        if expected is not None or undone:
            self.loyal = before
        self.clock.set(max(self.clock.now, self.now))
        for stored in self.stores:
            raised = stored.do(deed, undone=undone)
            if raised is None and again and not undone:
                raised = stored.do(deed, undone=False)
            assert raised == expected
        self.seen = False
        return expected is None and not undone

    def key(self, who: int, which: int) -> Key:
        return who, self.programmes[which]

    # purchases

    @rule(who=WHO, cents=CENTS, earlier=DAYS, posted=MOSTLY, undone=SOMETIMES)
    def buy(self, who: int, cents: int, earlier: int, posted: bool, undone: bool) -> None:
        """A purchase, dated earlier at times, and posted at once or later."""
        customer = self.stores[0].customers[who]
        at, total = self.moment(earlier), Money.of_minor(cents, "EUR")
        order = an_order(customer, total, at=at, id=self.new_id(), lines=())

        def deed(_: Stored, uow: UnitOfWork) -> None:
            uow.orders.add(order)
            if posted:
                uow.memberships.earn(order)

        if self.do(partial(self.earned, order) if posted else _nothing, deed, undone=undone):
            self.orders.append(order)

    @precondition(lambda self: self.orders)
    @rule(places=st.lists(PLACE, min_size=1, max_size=3), undone=SOMETIMES, again=SOMETIMES)
    def post(self, places: list[int], undone: bool, again: bool) -> None:
        """Purchases are posted in bulk, whatever was posted before."""
        some = [latest(self.orders, place) for place in places]

        def told() -> None:
            for order in sorted(some, key=lambda order: order.at):
                self.earned(order)

        self.do(
            told, lambda _, uow: uow.memberships.earn_many(some), undone=undone, again=again
        )  # fmt: skip

    def earned(self, order: Order) -> None:
        """What a purchase earns in every programme."""
        place = self.stores[0].customers.index(order.customer_id)
        for (who, name), held in self.loyal.members.items():
            if who == place:
                tiers = GIVEN[name].versions[0].tiers
                tier = tiers[held.as_of(order.at)][0]
                held.account.earn(order.id, order.total.minor, order.at, tier)

    @precondition(lambda self: self.orders)
    @rule(
        place=PLACE, parts=st.lists(st.sampled_from([1, 2, 3, 7]), min_size=1, max_size=3),
        posted=MOSTLY, undone=SOMETIMES,
    )  # fmt: skip
    def give_back(self, place: int, parts: list[int], posted: bool, undone: bool) -> None:
        """Parts of a purchase come back, or all that is left; posted at once or later."""
        for part in parts:
            self.give_back_one(place, part, posted, undone)

    def give_back_one(self, place: int, part: int, posted: bool, undone: bool) -> None:
        order = latest(self.orders, place)
        known = [fact for fact in self.back if fact.order_id == order.id]
        left = order.total.minor - sum(f.amount.minor for f in known if isinstance(f, Return))
        if left <= 0 or any(isinstance(fact, Cancellation) for fact in known):
            return
        amount = Money.of_minor(max(1, left // part), "EUR")
        fact = a_return(order, amount, at=self.moment(), id=self.new_id())
        self.return_(fact, posted, undone)

    @precondition(lambda self: self.orders)
    @rule(place=PLACE, posted=MOSTLY, undone=SOMETIMES)
    def cancel(self, place: int, posted: bool, undone: bool) -> None:
        """A purchase is called off."""
        order = latest(self.orders, place)
        if any(isinstance(f, Cancellation) for f in self.back if f.order_id == order.id):
            return
        fact = a_cancellation(order, at=self.moment(), id=self.new_id())
        self.return_(fact, posted, undone)

    def return_(self, fact: Return | Cancellation, posted: bool, undone: bool) -> None:
        def deed(_: Stored, uow: UnitOfWork) -> None:
            to: Any = uow.returns if isinstance(fact, Return) else uow.cancellations
            to.add(fact)
            if posted:
                uow.memberships.reverse(fact)

        if self.do(partial(self.reversed, fact) if posted else _nothing, deed, undone=undone):
            self.back.append(fact)

    @precondition(lambda self: self.back)
    @rule(place=PLACE, undone=SOMETIMES, again=SOMETIMES)
    def reverse(self, place: int, undone: bool, again: bool) -> None:
        """What came back is posted, whatever was posted before."""
        fact = latest(self.back, place)
        self.do(
            lambda: self.reversed(fact),
            lambda _, uow: uow.memberships.reverse(fact),
            undone=undone,
            again=again,
        )

    def reversed(self, fact: Return | Cancellation) -> None:
        """What a return takes back in every programme."""
        amount = fact.amount.minor if isinstance(fact, Return) else None
        accounts = [held.account for held in self.loyal.members.values()]
        bought = [account for account in accounts if fact.order_id in account.bought]
        for account in bought:
            account.give_back(fact.order_id, fact.id, amount, fact.at)
        if not bought:
            raise Refusal("NotFound")
