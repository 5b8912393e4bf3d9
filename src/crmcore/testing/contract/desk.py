"""The desk: what an agent may give, by the tier of the instant and by what was given already."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from crmcore.adapters.backend import Backend
from crmcore.domain.membership import Membership
from crmcore.domain.money import Money
from crmcore.domain.programme import Benefit
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services import Authority, decide_benefit, desk_card, grant_benefit
from crmcore.testing.contract.concurrency import at_once
from crmcore.testing.contract.loyalty import DAY, JOINED, LoyaltySubject, bought, enrolled

__all__ = ["DeskContract"]

UPGRADE = Benefit("upgrade", Money("60.00", "EUR"))
AGENT = Authority(
    name="agent",
    limit=Money("60.00", "EUR"),
    yearly=Money("120.00", "EUR"),
    from_tier="silver",
)


class DeskContract(LoyaltySubject):
    """The card of a member, and what may be given to them."""

    def test_the_desk_goes_by_the_tier_of_the_instant(self, club: Backend) -> None:
        """Whether `advance` told of it yet or not, and whichever record the caller holds."""

        def told(uow: UnitOfWork, member: Membership, at: datetime) -> list[str]:
            card = desk_card(
                uow, number="C-1", programme="club", at=at, benefit=UPGRADE, authority=AGENT
            )
            assert card.decision is not None
            decided = decide_benefit(uow, member, UPGRADE, at=at, authority=AGENT)
            return [card.projection.tier, str(card.decision.verdict), str(decided.verdict)]

        with club.unit_of_work() as uow:
            first = enrolled(uow)[0]
            member = bought(uow, first, "100.00", at=JOINED + DAY)
            assert told(uow, member, JOINED + 2 * DAY) == ["silver", "allow", "allow"]
            member = uow.memberships.advance(member, at=JOINED + 2 * DAY)
            raised = attrs.evolve(first, tier="gold")
            for held in (first, member, raised):
                assert told(uow, held, JOINED) == ["classic", "refuse", "refuse"]
                assert told(uow, held, JOINED + 3 * DAY) == ["silver", "allow", "allow"]
                ended = datetime(2026, 1, 2, tzinfo=UTC)
                assert told(uow, held, ended) == ["classic", "refuse", "refuse"]

    def test_grants_at_once_keep_within_the_year(self, club: Backend) -> None:
        """Of four agents who would give 60 of 120 to one member, two do."""
        with club.unit_of_work() as uow:
            member = bought(uow, enrolled(uow)[0], "100.00", at=JOINED + DAY)

        def grant(uow: UnitOfWork) -> str:
            fact = grant_benefit(uow, member, UPGRADE, at=JOINED + 2 * DAY, authority=AGENT)
            return str(fact.verdict)

        assert sorted(at_once(club, *[grant] * 4)) == ["Refused", "Refused", "allow", "allow"]
        with club.reading() as uow:
            assert len(uow.decisions.of(member.customer_id)) == 2

    def test_grants_keep_within_the_year_in_any_order(self, club: Backend) -> None:
        """What was entered before and is dated later counts in every year that holds both."""
        agent = attrs.evolve(AGENT, from_tier="classic")
        with club.unit_of_work() as uow:
            member = enrolled(uow)[0]

            def verdict(day: int) -> str:
                at = JOINED + day * DAY
                decided = decide_benefit(uow, member, UPGRADE, at=at, authority=agent)
                if decided.verdict == "allow":
                    grant_benefit(uow, member, UPGRADE, at=at, authority=agent)
                return str(decided.verdict)

            assert verdict(-1) == "refuse"  # before they joined
            given = [verdict(day) for day in (800, 100, 450, 449, 451, 99, 84)]
            assert given == ["allow"] * 3 + ["needs_approval"] * 3 + ["allow"]
            assert len(uow.decisions.of(member.customer_id)) == 4
