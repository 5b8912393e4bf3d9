"""Foresight: what is told of a member is what comes about, and is told again later (O4)."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.earning import EarningRule
from crmcore.domain.errors import InvalidInput, NotFound
from crmcore.domain.ids import MembershipId, new_id
from crmcore.domain.membership import Membership
from crmcore.domain.model import Model
from crmcore.domain.programme import Programme
from crmcore.testing.builders import an_order
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.loyalty import CLUB, DAY, JOINED, LoyaltySubject, bought, enrolled
from crmcore.testing.contract.segments import migrated
from crmcore.testing.contract.subject import Make

__all__ = ["ForesightContract"]


class ForesightContract(LoyaltySubject):
    """What is told of a member, of instants to come and of those that are past."""

    def test_a_projection_comes_about(self, club: Backend) -> None:
        """O4: what is told today is what `advance` makes of it; what is planned is reckoned in."""
        later = datetime(2026, 2, 1, tzinfo=UTC)
        with club.unit_of_work() as uow:
            member = bought(uow, enrolled(uow)[0], "250.00", at=JOINED + 10 * DAY)
            member = uow.memberships.advance(member, at=JOINED + 11 * DAY)
            customer = uow.customers.get(member.customer_id)
        with club.reading() as uow:
            now = uow.memberships.project(member, at=JOINED + 11 * DAY)
            assert (now.tier, now.points) == ("silver", 250)
            assert now.to_next is not None
            assert (now.to_next.tier, now.to_next.points) == ("gold", 50)
            assert (now.falls_at, now.falls_to) == (datetime(2026, 1, 1, tzinfo=UTC), "classic")
            planned = an_order(customer, "50.00", at=JOINED + 20 * DAY)
            assert uow.memberships.project(member, at=later, planned=[planned]).steps[0].tier == (
                "gold"
            )
            told = uow.memberships.project(member, at=later)
        with club.unit_of_work() as uow:
            member = uow.memberships.advance(member, at=later)
            assert (member.tier, member.tier_until, member.points) == (
                told.tier, told.until, told.points,
            )  # fmt: skip

    def test_what_was_told_is_told_again(self, club: Backend) -> None:
        """Of an instant that is past a projection is what it was then, whatever came since."""
        told = []
        with club.unit_of_work() as uow:

            def went_on(member: Membership, day: int, amount: str) -> Membership:
                member = bought(uow, member, amount, at=JOINED + day * DAY)
                return uow.memberships.advance(member, at=JOINED + (day + 1) * DAY)

            def tell(member: Membership, day: int) -> None:
                at = JOINED + day * DAY
                told.append((at, member, uow.memberships.project(member, at=at)))

            member = went_on(enrolled(uow)[0], 3, "120.00")
            tell(member, 13)
            member = went_on(member, 90, "250.00")
            decision = uow.points.of(member.customer_id)[0].id
            member = uow.memberships.promote(
                member, "platinum", at=JOINED + 95 * DAY, until=JOINED + 900 * DAY,
                decision_id=decision,
            )  # fmt: skip
            tell(member, 100)
            member = went_on(member, 400, "90.00")
            tell(member, 410)
            member = uow.memberships.revoke(member, decision, at=JOINED + 500 * DAY)
            tell(member, 501)
            member = uow.memberships.close(member, at=JOINED + 700 * DAY)
        assert [projected.tier for _, _, projected in told] == [
            "silver", "platinum", "platinum", "gold",
        ]  # fmt: skip
        with club.reading() as uow:
            for at, then, projected in told:
                assert uow.memberships.project(member, at=at) == projected
                known = uow.memberships.as_of(member, at=at)
                assert (known.tier, known.tier_since, known.points, known.is_open) == (
                    then.tier, then.tier_since, then.points, True,
                )  # fmt: skip

    def test_what_is_told_is_of_the_stored_member(self, club: Backend) -> None:
        """Also to who holds a record from before a purchase, a promotion or the end."""
        with club.unit_of_work() as uow:
            held = enrolled(uow)
            held.append(bought(uow, held[0], "150.00", at=JOINED + 10 * DAY))
            held.append(
                uow.memberships.promote(
                    held[0], "gold", at=JOINED + 20 * DAY, until=JOINED + 90 * DAY
                )
            )
            held.append(uow.memberships.close(held[0], at=JOINED + 40 * DAY))
        with club.reading() as uow:
            for day, tier, points in ((5, "classic", 0), (15, "silver", 150), (30, "gold", 150)):
                at = JOINED + day * DAY
                told = uow.memberships.project(held[-1], at=at)
                assert (told.tier, told.points) == (tier, points)
                for member in held:
                    assert uow.memberships.project(member, at=at) == told
                    assert uow.memberships.project_many([member], at=at) == {member.id: told}
                    assert uow.memberships.as_of(member, at=at) == (
                        uow.memberships.as_of(held[-1], at=at)
                    )
                (projected,), _ = uow.memberships.project_page("club", at=at)
                assert projected == (held[-1], told)
            assert uow.memberships.as_of(held[0], at=JOINED + 50 * DAY) == held[-1]
            assert uow.memberships.project_page("club", at=JOINED + 50 * DAY) == ([], None)
            unknown = attrs.evolve(held[0], id=MembershipId(new_id(JOINED)))
            for ask in (uow.memberships.project, uow.memberships.as_of):
                with pytest.raises(NotFound):
                    ask(unknown, at=JOINED)

    def test_what_is_planned_comes_about(self, club: Backend) -> None:
        """O4: reckoned in is what `earn` then posts until that instant, and nothing else."""
        at = JOINED + 30 * DAY
        with club.unit_of_work() as uow:
            member, other = enrolled(uow, 2)
            customer = uow.customers.get(member.customer_id)
            early = an_order(customer, "400.00", at=JOINED - DAY)
            posted = an_order(customer, "70.00", at=JOINED + 10 * DAY)
            coming = an_order(customer, "40.00", at=at)
            later = an_order(customer, "500.00", at=at + DAY)
            planned = [later, coming, posted, early, coming]
            uow.orders.add_many([early, posted])
            uow.memberships.earn_many([early, posted])
            told = uow.memberships.project(member, at=at, planned=planned)
            assert (told.tier, told.points, told.counts.points) == ("silver", 110, 110)
            with pytest.raises(InvalidInput, match=r"planned\[1\].customer_id"):
                uow.memberships.project(other, at=at, planned=[
                    an_order(uow.customers.get(other.customer_id), at=at), coming
                ])  # fmt: skip
            uow.orders.add_many([coming, later])
            uow.memberships.earn_many(planned)
            for more in ((), planned):
                assert uow.memberships.project(member, at=at, planned=more) == told

    def test_a_late_purchase_earns_as_in_its_time(self, backends: Make, clock: FrozenClock) -> None:
        """By the tier that the member was in when they bought, however late it is posted."""
        rules = attrs.evolve(
            CLUB.rules[0],
            earning=[
                EarningRule("spend", 1),
                EarningRule("silver", 2, multiplies=True, tiers=["silver"]),
            ],
        )
        with migrated(backends, clock, Model(programmes=[Programme("club", rules)])).unit_of_work(
            actor="clerk"
        ) as uow:
            member = bought(uow, enrolled(uow)[0], "100.00", at=JOINED + 10 * DAY)
            member = uow.memberships.advance(member, at=JOINED + 20 * DAY)
            assert (member.tier, member.tier_since) == ("silver", JOINED + 10 * DAY)
            assert bought(uow, member, "7.00", at=JOINED + 19 * DAY).active == 114
            member = bought(uow, member, "5.00", at=JOINED + 9 * DAY)
            assert member.active == 119
            late = an_order(uow.customers.get(member.customer_id), "3.00", at=JOINED + 8 * DAY)
            told = uow.memberships.project(member, at=JOINED + 30 * DAY, planned=[late])
            assert told.points == 119 + 3
