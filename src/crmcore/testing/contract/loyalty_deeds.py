"""What histories of members do with points and tiers."""

from __future__ import annotations

from datetime import datetime

from hypothesis import strategies as st
from hypothesis.stateful import (
    precondition,
    rule,
)

from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.contract.loyalty_accounts import Refusal
from crmcore.testing.contract.loyalty_calendar import LATE
from crmcore.testing.contract.loyalty_draws import GIVEN, JOINED
from crmcore.testing.contract.loyalty_purchases import (
    CENTS,
    DAY,
    DAYS,
    KEYS,
    PLACE,
    POINTS,
    SOMETIMES,
    WHICH,
    WHO,
    Purchases,
    latest,
)  # fmt: skip
from crmcore.testing.contract.loyalty_witness import (
    Key,
    Stored,
)

__all__ = ["LoyalDeeds"]


class LoyalDeeds(Purchases):
    """Points are given, spent, corrected, passed on, released; tiers given and taken back."""

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
            self.later(1)

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

    @rule(who=WHO, which=WHICH, rank=st.sampled_from([1, 2]), days=st.sampled_from([0, 1, 50]))
    def reconsider(self, who: int, which: int, rank: int, days: int) -> None:
        """A tier is given, and taken back some days later."""
        self.promote(who, which, rank, 400, True, 0, False)
        self.later(days)
        if self.decisions:
            self.revoke(0, 0, False, False)

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
