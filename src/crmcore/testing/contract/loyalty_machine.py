"""A state machine that lives random histories of members, with an oracle beside it (O1 to O4).

Purchases, late ones too, come in and go back, whole or in part; points are given, spent, corrected,
passed on and released; tiers are given and taken back; everything is tried again, with the same
content and with other; units are rolled back; time passes, often to just before, at and just behind
the instant at which something falls due. The same happens on two tenants.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crmcore.adapters.backend import Backend
from crmcore.domain.ids import CustomerId, FactId
from crmcore.domain.money import Money
from crmcore.domain.order import Order
from crmcore.domain.order_facts import Cancellation, Return
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.loyalty import advance_programmes
from crmcore.testing.builders import a_cancellation, a_return, an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.loyalty_accounts import Refusal
from crmcore.testing.contract.loyalty_calendar import LATE
from crmcore.testing.contract.loyalty_draws import GIVEN, JOINED, LOYAL
from crmcore.testing.contract.loyalty_tiers import TICK
from crmcore.testing.contract.loyalty_witness import (
    Key,
    Loyal,
    Stored,
    an_id,
    began,
    copied,
    given_away,
)
from crmcore.testing.contract.subject import Make, Subject

__all__ = ["LoyaltyHistoriesContract", "loyalty_machine_of"]

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


def loyalty_machine_of(make: Make) -> type[RuleBasedStateMachine]:
    """The machine over the store that `make` opens, each example on two tenants of its own."""
    numbers = count()

    class LoyalHistories(_LoyalHistories):
        def opened(self, tenant: str) -> Backend:
            backend = make(tenant=f"{tenant}{self.number}", model=LOYAL, clock=self.clock)
            backend.migrate()
            return backend

        def begins(self) -> None:
            self.number = next(numbers)

    return LoyalHistories


class _LoyalHistories(RuleBasedStateMachine):
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

    # points

    @rule(
        who=WHO, which=WHICH, points=POINTS, key=KEYS, qualifying=st.booleans(), earlier=DAYS,
        undone=SOMETIMES, again=SOMETIMES,
    )  # fmt: skip
    def bonus(  # noqa: PLR0917  as the rule draws them
        self, who: int, which: int, points: int, key: str | None, qualifying: bool, earlier: int,
        undone: bool, again: bool,
    ) -> None:  # fmt: skip
        """Points without a purchase."""
        of = self.key(who, which)
        at = self.moment(earlier if self.now - earlier * DAY > JOINED else 0)

        def told() -> None:
            if not self.loyal.known(key, (of, "bonus", points, at, qualifying)):
                counts = (points if qualifying else 0, 0, 0)
                self.loyal.open(of).gain(points, at, counts=counts)

        self.do(
            told,
            lambda stored, uow: uow.memberships.bonus(
                stored.member(uow, of), points, at=at, source_key=key, qualifying=qualifying
            ),
            undone=undone,
            again=again and key is not None,
        )

    @rule(
        who=WHO, which=WHICH, points=POINTS, key=KEYS, all=st.booleans(), earlier=DAYS,
        undone=SOMETIMES, again=SOMETIMES,
    )  # fmt: skip
    def redeem(  # noqa: PLR0917  as the rule draws them
        self, who: int, which: int, points: int, key: str | None, all: bool, earlier: int,
        undone: bool, again: bool,
    ) -> None:  # fmt: skip
        """Some points are spent, or all there are."""
        self.have(who, which)
        of, at = self.key(who, which), self.moment(earlier)
        self.redeem_one(of, None if all else points, key, at, undone, again)

    def have(self, who: int, which: int) -> None:
        """Who has no active point buys first."""
        active = self.loyal.members[self.key(who, which)].account.sums()["active"]
        if active <= 0:
            self.buy(who, 20_001, 0, True, False)
            self.now += DAY

    def redeem_one(  # noqa: PLR0917  as the rule draws them
        self, of: Key, points: int | None, key: str | None, at: datetime, undone: bool, again: bool
    ) -> None:
        active = self.loyal.members[of].account.sums()["active"]
        some = points or max(active, 1)

        def told() -> None:
            if not self.loyal.known(key, (of, "redeem", some, at, None)):
                self.loyal.open(of).take(some, at, "spent")

        self.do(
            told,
            lambda stored, uow: uow.memberships.redeem(
                stored.member(uow, of), some, at=at, source_key=key
            ),
            undone=undone,
            again=again and key is not None,
        )

    @precondition(lambda self: self.orders)
    @rule(place=PLACE, parts=st.lists(st.sampled_from([1, 2]), min_size=1, max_size=2), more=CENTS)
    def owe(self, place: int, parts: list[int], more: int) -> None:
        """What a purchase earned is spent before it comes back; the next one pays."""
        who = self.stores[0].customers.index(latest(self.orders, place).customer_id)
        for which in (0, 1):
            self.redeem_one(self.key(who, which), None, None, self.moment(), False, False)
        self.give_back(place, parts, True, False)
        self.buy(who, more, 0, True, False)

    @rule(who=WHO, which=WHICH, points=POINTS, down=st.booleans(), undone=SOMETIMES)
    def adjust(self, who: int, which: int, points: int, down: bool, undone: bool) -> None:
        """Somebody corrects the ledger."""
        of, at = self.key(who, which), self.moment()

        def told() -> None:
            account = self.loyal.open(of)
            if down:
                account.take(points, at, "earned")
            else:
                account.gain(points, at)

        self.do(
            told,
            lambda stored, uow: uow.memberships.adjust(
                stored.member(uow, of), -points if down else points, at=at, reason="a complaint"
            ),
            undone=undone,
        )

    @rule(
        who=WHO, which=WHICH, some=st.none() | POINTS, key=KEYS, undone=SOMETIMES, again=SOMETIMES
    )  # fmt: skip
    def transfer(  # noqa: PLR0917  as the rule draws them
        self, who: int, which: int, some: int | None, key: str | None, undone: bool, again: bool
    ) -> None:
        """One member gives another points, all there are or some: they end when they would have."""
        self.have(who, which)
        giver, taker, at = self.key(who, which), self.key(1 - who, which), self.moment()
        points = some or max(1, self.loyal.members[giver].account.sums()["active"])

        def told() -> None:
            if self.loyal.known(key, (giver, "transfer", points, at, taker)):
                return
            of, to = self.loyal.open(giver), self.loyal.open(taker)
            ends = [pile.expires_at or LATE for pile in of.take(points, at, "earned")]
            to.forward(at)
            for end in dict.fromkeys(ends):
                to.gain(ends.count(end), at, expires_at=end)

        self.do(
            told,
            lambda stored, uow: uow.memberships.transfer(
                stored.member(uow, giver), stored.member(uow, taker), points, at=at, source_key=key
            ),
            undone=undone,
            again=again and key is not None,
        )

    def waiting(self) -> list[tuple[Key, datetime]]:
        """Of what pending points there are, whose they are and when they were earned."""
        return [
            (key, pile.earned_at)
            for key, held in self.loyal.members.items()
            for pile in held.account.piles
            if pile.pending and pile.points > 0
        ]

    @precondition(lambda self: self.waiting())
    @rule(place=PLACE, undone=SOMETIMES)
    def release(self, place: int, undone: bool) -> None:
        """Somebody releases pending points."""
        (of, origin), at = latest(self.waiting(), place), self.moment()

        def told() -> None:
            account = self.loyal.open(of)
            account.forward(at)
            found = [p for p in account.piles if p.earned_at == origin and p.pending and p.points]
            if not found:
                raise Refusal("Refused")
            account.release(found[0], at)

        def deed(stored: Stored, uow: UnitOfWork) -> None:
            member = stored.member(uow, of)
            (lot,) = [lot for lot in member.lots if lot.pending and lot.earned_at == origin]
            uow.memberships.release(member, lot.id, at=at)

        self.do(told, deed, undone=undone)

    # tiers

    @rule(
        who=WHO, which=WHICH, rank=st.sampled_from([1, 2]), days=st.sampled_from([1, 40, 400]),
        decided=st.booleans(), earlier=DAYS, undone=SOMETIMES,
    )  # fmt: skip
    def promote(  # noqa: PLR0917  as the rule draws them
        self, who: int, which: int, rank: int, days: int, decided: bool, earlier: int, undone: bool
    ) -> None:
        """Somebody puts a member higher."""
        of, at = self.key(who, which), self.moment(earlier)
        decision = self.new_id() if decided else None
        tier, until = GIVEN[of[1]].versions[0].tiers[rank][0], at + days * DAY

        def told() -> None:
            self.loyal.open(of)
            self.loyal.members[of].promote(rank, at, until, decision)

        kept = self.do(
            told,
            lambda stored, uow: uow.memberships.promote(
                stored.member(uow, of), tier, at=at, until=until, decision_id=decision
            ),
            undone=undone,
        )
        if kept and decision is not None:
            self.decisions.append((of, decision))

    @precondition(lambda self: self.decisions)
    @rule(place=PLACE, earlier=DAYS, undone=SOMETIMES, again=SOMETIMES)
    def revoke(self, place: int, earlier: int, undone: bool, again: bool) -> None:
        """A decision is taken back."""
        of, decision = latest(self.decisions, place)
        at = self.moment(earlier)

        def told() -> None:
            self.loyal.open(of)
            self.loyal.members[of].revoke(decision, at)

        self.do(
            told,
            lambda stored, uow: uow.memberships.revoke(stored.member(uow, of), decision, at=at),
            undone=undone,
            again=again,
        )

    @rule(who=WHO, which=WHICH, really=st.sampled_from([1] * 19 + [0]), undone=SOMETIMES)
    def close(self, who: int, which: int, really: int, undone: bool) -> None:
        """A member leaves, now and then."""
        if really:
            return
        of, at = self.key(who, which), self.moment()
        self.do(
            lambda: self.loyal.open(of).close(at),
            lambda stored, uow: uow.memberships.close(stored.member(uow, of), at=at),
            undone=undone,
        )

    # time

    @rule(days=st.sampled_from([0, 1, 13, 31, 184, 366]))
    def wait(self, days: int) -> None:
        """Time passes."""
        self.now += days * DAY

    @rule(place=PLACE, by=st.sampled_from([-TICK, timedelta(), timedelta(), TICK]))
    def wait_for(self, place: int, by: timedelta) -> None:
        """Time passes until something is about to fall due, is due, or was just now."""
        moments = set[datetime]()
        for held in self.loyal.members.values():
            moments |= {held.until, held.fall}
            for pile in held.account.piles:
                moments |= {pile.expires_at or LATE, pile.available_at or LATE}
        coming = sorted(at for at in moments if at < LATE and self.now < at + by)
        if coming:
            self.now = coming[min(place, len(coming) - 1)] + by

    @rule(who=WHO, which=WHICH, cents=CENTS, late=st.sampled_from([-1, 0, 3, 15]))
    def keep_up(self, who: int, which: int, cents: int, late: int) -> None:
        """Somebody buys again before their tier ends, or when it just did."""
        self.advance(0)
        held = self.loyal.members[self.key(who, which)]
        if self.now < held.until < LATE:
            if late < 0:
                self.buy(who, cents, 0, True, False)
            self.now = max(self.now, held.until + max(late, 0) * DAY)
            if late >= 0:
                self.buy(who, cents, 0, True, False)
        self.advance(0)

    @rule(earlier=DAYS)
    def advance(self, earlier: int) -> None:
        """What fell due is posted, at times as of an earlier instant: member by member on the one
        tenant, all at once on the other.
        """
        at = self.now - earlier * DAY
        for held in self.loyal.members.values():
            if held.account.closed_at is None:
                held.account.fall_due(at)
                held.advance(at)
        self.clock.set(max(self.clock.now, self.now))
        for stored in self.stores:
            if stored.in_sets:
                advance_programmes(stored.backend, at=at)
                again = advance_programmes(stored.backend, at=at)
                assert not any(done.members for done in again.values())
                continue
            with stored.backend.unit_of_work() as uow:
                for key in stored.ids:
                    uow.memberships.advance(stored.member(uow, key), at=at)
        self.seen = False

    # questions

    @rule(days=st.sampled_from([1, 30, 90, 365]))
    def look_back(self, days: int) -> None:
        """From now on the accounts as of that instant are compared, too."""
        self.asked = [*self.asked[-2:], self.now - days * DAY]
        self.seen = False

    @rule(
        who=WHO, which=WHICH, days=st.sampled_from([0, 1, 31, 200, 400, 900]),
        cents=st.none() | CENTS,
    )  # fmt: skip
    def foresee(self, who: int, which: int, days: int, cents: int | None) -> None:
        """O4: what is told of a later instant is what then comes about, with a planned purchase
        and without.
        """
        of, at, later = self.key(who, which), self.moment(), self.now + days * DAY
        if self.loyal.members[of].account.closed_at is not None:
            return
        planned = []
        if cents is not None:
            customer, total = self.stores[0].customers[who], Money.of_minor(cents, "EUR")
            planned = [an_order(customer, total, at=at, id=self.new_id(), lines=())]

        def deed(stored: Stored, uow: UnitOfWork) -> None:
            member, known = stored.member(uow, of), len(uow.tier_changes.of(stored.customers[who]))
            told = uow.memberships.project(member, at=later, planned=planned)
            uow.orders.add_many(planned)
            uow.memberships.earn_many(planned)
            if told.falls_at is not None:
                before = uow.memberships.project(member, at=told.falls_at - TICK)
                assert before.tier == told.tier
            member = uow.memberships.advance(member, at=later)
            assert (member.tier, member.tier_until, member.points) == (
                told.tier, told.until, told.points,
            )  # fmt: skip
            changes = [c for c in uow.tier_changes.of(member.customer_id) if c.programme == of[1]]
            steps = [(s.tier, s.at, s.until, s.reason) for s in told.steps]
            assert steps == [
                (c.tier, c.at, c.until, c.reason) for c in changes[len(changes) - len(steps) :]
            ]
            made = len(uow.tier_changes.of(member.customer_id)) - known
            assert made == len(steps)
            if told.falls_at is not None:
                member = uow.memberships.advance(member, at=told.falls_at)
                assert member.tier == told.falls_to

        self.do(lambda: None, deed, undone=True)

    @invariant()
    def every_member_is_as_the_oracle_says(self) -> None:
        """Both tenants hold what they must, and the same."""
        if self.seen:
            return
        for stored in self.stores:
            stored.see(self.loyal, self.asked)
        versions = [stored.versions() for stored in self.stores]
        assert all(known == versions[0] for known in versions)
        self.seen = True

    def teardown(self) -> None:
        """Transfers lost nothing; and profiles folded anew are the same."""
        if sys.exc_info()[0] is not None:
            return
        assert given_away(self.stores) == 0
        for stored in self.stores:
            with stored.backend.unit_of_work() as uow:
                uow.profiles.rebuild()
            stored.see(self.loyal, self.asked)


class LoyaltyHistoriesContract(Subject):
    """Random histories of members, on the backend and on the oracle."""

    def test_any_members_end_as_the_oracle_says(self, backends: Make) -> None:
        """Every balance, lot, tier and projection is the oracle's, after every step."""
        effort = settings(
            max_examples=self.examples,
            stateful_step_count=self.steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )

        run_state_machine_as_test(loyalty_machine_of(backends), settings=effort)
