"""Rounds of a loyalty programme: a bad candidate loses no good one, and nothing is given twice."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.decisions import Verdict
from crmcore.domain.errors import NotFound, Refused
from crmcore.domain.ids import MembershipId, new_id
from crmcore.domain.instants import LATEST
from crmcore.domain.money import Money
from crmcore.services.early_promotion import (
    EarlyPromotion,
    RetentionBonus,
    give_retention_bonuses,
    promote_early,
    revoke_promotion,
)
from crmcore.services.loyalty import Candidate, advance_programmes, near_fall, near_promotion
from crmcore.services.tiers import members_by_tier
from crmcore.testing.contract.loyalty import (
    DAY,
    JOINED,
    LoyaltySubject,
    as_rebuilt,
    bought,
    enrolled,
)

__all__ = ["LoyaltyRoundsContract"]

MILLISECOND = timedelta(milliseconds=1)
MUCH = Money(200, "EUR")
NEXT_YEAR = JOINED + timedelta(days=500)
YEAR_AFTER = JOINED + timedelta(days=731)
"""The first of January 2026, when a tier of 2024 ends."""


class LoyaltyRoundsContract(LoyaltySubject):
    """Rounds and their revocations, and how many members each tier has."""

    def test_who_cannot_be_promoted_is_refused_alone(self, club: Backend) -> None:
        """One who left, one who has reached it, one who is none: the others are promoted."""
        with club.unit_of_work() as uow:
            for member in enrolled(uow, 6):
                bought(uow, member, "280.00", at=JOINED + DAY)
        advance_programmes(club, at=JOINED + 2 * DAY)
        near = list(near_promotion(club, "club", at=JOINED + 3 * DAY))
        with club.unit_of_work(actor="ana") as uow:
            members = [uow.memberships.get(candidate.membership_id) for candidate in near]
            uow.memberships.close(members[1], at=JOINED + 3 * DAY)
        near[3] = attrs.evolve(near[3], membership_id=MembershipId(new_id(JOINED)))
        policy = EarlyPromotion(gain=MUCH, limit=MUCH)
        done = promote_early(
            club, "club", [*near, near[0]], policy,
            at=JOINED + 4 * DAY, until=YEAR_AFTER, actor="ana",
        )  # fmt: skip
        assert (done.considered, done.allowed, done.refused) == (7, 4, 3)
        with club.reading() as uow:
            tiers = [uow.memberships.get(members[nth].id).tier for nth in (0, 1, 2, 4, 5)]
            assert tiers == ["gold", "silver", "gold", "gold", "gold"]
            (closed,) = uow.decisions.of(members[1].customer_id)
            assert (closed.verdict, closed.holds) == (Verdict.REFUSE, False)
            assert closed.reasons[-1].rule == "memberships.open"
            twice = uow.decisions.of(members[0].customer_id)
            assert sorted(fact.verdict for fact in twice) == [Verdict.ALLOW, Verdict.REFUSE]

    def test_a_bonus_is_given_once(self, club: Backend) -> None:
        """The same list again gives nothing: what keeps a member from a fall was given."""
        falling = self.near_a_fall(club)
        policy = RetentionBonus(gain=MUCH, limit=MUCH, most=200)
        counts = []
        for day in (0, 0, 1):
            done = give_retention_bonuses(
                club, "club", falling, policy, at=NEXT_YEAR + day * DAY, actor="ana"
            )
            counts.append((done.allowed, done.refused))
        assert counts == [(2, 0), (0, 2), (0, 2)]
        with club.reading() as uow:
            for candidate in falling:
                member = uow.memberships.get(candidate.membership_id)
                assert uow.memberships.balance(member).earned == 300 + 300
                assert [f.holds for f in uow.decisions.of(member.customer_id)].count(True) == 1
        advance_programmes(club, at=YEAR_AFTER)
        assert self.tiers(club) == ["gold", "gold"]

    def test_members_are_counted_at_the_instant_itself(self, club: Backend) -> None:
        """As `project` tells of each: joining, rising, falling and leaving count when they are."""
        with club.unit_of_work() as uow:
            first, second = enrolled(uow, 2)
            bought(uow, first, "120.00", at=JOINED + DAY)
        advance_programmes(club, at=YEAR_AFTER)
        with club.unit_of_work() as uow:
            uow.memberships.close(second, at=YEAR_AFTER + DAY)
        for at, classic, silver in (
            (JOINED, 2, 0), (JOINED + DAY, 1, 1), (YEAR_AFTER, 2, 0), (YEAR_AFTER + DAY, 1, 0),
        ):  # fmt: skip
            for when, told in ((at, (classic, silver)), (at - MILLISECOND, None)):
                counted = members_by_tier(club, "club", at=when)
                with club.reading() as uow:
                    known = [uow.memberships.get(member.id) for member in (first, second)]
                    tiers = [
                        uow.memberships.project(member, at=when).tier
                        for member in known
                        if member.at <= when and (not member.closed_at or when < member.closed_at)
                    ]
                assert counted == {name: tiers.count(name) for name in counted}
                assert told in {None, (counted["classic"], counted["silver"])}
        assert members_by_tier(club, "club", at=LATEST)["classic"] == 1

    def test_a_bonus_is_taken_back(self, club: Backend) -> None:
        """Its points and what counted for the tier, by another entry, once: the member falls."""
        falling = self.near_a_fall(club)
        policy = RetentionBonus(gain=MUCH, limit=MUCH, most=200)
        give_retention_bonuses(club, "club", falling, policy, at=NEXT_YEAR, actor="ana")
        later = NEXT_YEAR + DAY
        with club.unit_of_work(actor="ben") as uow:
            member = uow.memberships.get(falling[0].membership_id)
            (decision,) = uow.decisions.of(member.customer_id)
            with pytest.raises(Refused):
                revoke_promotion(uow, decision.id, at=NEXT_YEAR - DAY)
            uow.memberships.redeem(member, 250, at=later, reason="a voucher")
            first = revoke_promotion(uow, decision.id, at=later)
            again = revoke_promotion(uow, decision.id, at=later + DAY)
            assert (first.revokes, first.actor, again.id) == (decision.id, "ben", first.id)
            assert len(uow.decisions.of(member.customer_id)) == 2
            with pytest.raises(NotFound):
                revoke_promotion(uow, first.id, at=later)
        with club.reading() as uow:
            member = uow.memberships.get(member.id)
            balance = uow.memberships.balance(member)
            # Of 200 and 100 a voucher of 250 was paid: half of the bonus is owed.
            assert (balance.earned, balance.reversed, balance.active) == (600, 100, -50)
            assert uow.memberships.project(member, at=later).counts.points == 200
            assert as_rebuilt(uow, member) == attrs.evolve(
                member, lots=sorted(member.lots, key=lambda lot: lot.id)
            )
        advance_programmes(club, at=YEAR_AFTER)
        assert self.tiers(club) == ["silver", "gold"]

    # how

    def near_a_fall(self, club: Backend) -> list[Candidate]:
        """Two gold members of 2024 who lack 100 points in 2025."""
        with club.unit_of_work() as uow:
            for member in enrolled(uow, 2):
                bought(uow, member, "300.00", at=JOINED + DAY)
                bought(uow, member, "200.00", at=NEXT_YEAR - DAY)
        advance_programmes(club, at=NEXT_YEAR)
        return list(near_fall(club, "club", at=NEXT_YEAR, until=YEAR_AFTER))

    def tiers(self, club: Backend) -> list[str]:
        with club.reading() as uow:
            return [member.tier for member in uow.memberships.page("club")[0]]
