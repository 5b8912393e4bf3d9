"""A state machine that lives random histories of members, with an oracle beside it (O1 to O4).

Purchases, late ones too, come in and go back, whole or in part; points are given, spent, corrected,
passed on and released; tiers are given and taken back; everything is tried again, with the same
content and with other; units are rolled back; time passes, often to just before, at and just behind
the instant at which something falls due. The same happens on two tenants.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from crmcore.adapters.backend import Backend
from crmcore.domain.money import Money
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.loyalty import advance_programmes
from crmcore.testing.builders import an_order
from crmcore.testing.contract.loyalty_calendar import LATE
from crmcore.testing.contract.loyalty_deeds import LoyalDeeds
from crmcore.testing.contract.loyalty_draws import LOYAL
from crmcore.testing.contract.loyalty_purchases import (
    CENTS,
    DAY,
    DAYS,
    PLACE,
    WHICH,
    WHO,
)  # fmt: skip
from crmcore.testing.contract.loyalty_tiers import TICK
from crmcore.testing.contract.loyalty_witness import (
    Stored,
    given_away,
)
from crmcore.testing.contract.subject import Make, Subject

__all__ = [
    "LoyaltyHistoriesContract",
    "loyalty_machine_of",
]


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


class _LoyalHistories(LoyalDeeds):
    # time

    @rule(days=st.sampled_from([0, 1, 13, 31, 184, 366]))
    def wait(self, days: int) -> None:
        """Time passes."""
        self.later(days)

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

    @rule(who=WHO, which=WHICH, days=st.sampled_from([1, 13, 31]))
    def fall(self, who: int, which: int, days: int) -> None:
        """Somebody buys twice, and what they reached by both ends before what the latter did."""
        self.buy(who, 25_000, 0, True, False)
        self.later(days)
        self.buy(who, 20_001, 0, True, False)
        self.advance(0)
        held = self.loyal.members[self.key(who, which)]
        if self.now < held.fall < LATE:
            self.now = held.fall
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
