"""Memberships against what may be asked of them at the wrong time, twice, or in the wrong order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.domain.earning import EarningRule
from crmcore.domain.errors import ConflictingFact, InvalidInput, Refused
from crmcore.domain.ids import FactId, new_id
from crmcore.domain.instants import LATEST
from crmcore.domain.membership import Membership, TierReason
from crmcore.domain.model import Model
from crmcore.domain.order import Order
from crmcore.domain.periods import Anniversary, Calendar, Expiry, Fixed, Rolling
from crmcore.domain.programme import Pending, Programme, Rules, Tier
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.services.loyalty import advance_programmes
from crmcore.testing.builders import a_cancellation, a_customer, a_return, an_order

DAY = timedelta(days=1)
JOINED = datetime(2024, 2, 29, 10, tzinfo=UTC)
DECISION, OTHER = FactId(new_id(JOINED)), FactId(new_id(JOINED))


def a_club(zone: str = "UTC", **rules: Any) -> MemoryBackend:
    known: dict[str, Any] = {
        "tiers": [Tier("member"), Tier("gold", 100), Tier("black", 300)],
        "earning": [EarningRule("spend", 1)],
    }  # fmt: skip
    club = Programme("club", Rules(**(known | rules)), zone=zone)
    backend = MemoryBackend(MemoryStore(), tenant="a", model=Model(programmes=[club]))
    backend.migrate()
    return backend


def joined(uow: UnitOfWork, name: str = "Ana", at: datetime = JOINED) -> Membership:
    return uow.memberships.enrol(uow.customers.add(a_customer(name)).id, "club", at=at)


def an_order_of(uow: UnitOfWork, member: Membership, amount: str, at: datetime) -> Order:
    return uow.orders.add(an_order(member.customer_id, amount, at=at, id=FactId(new_id(at))))


def bought(uow: UnitOfWork, member: Membership, amount: str, at: datetime) -> Membership:
    return uow.memberships.earn(an_order_of(uow, member, amount, at))[0]


def test_an_advance_as_of_an_earlier_instant_forgets_nothing():
    club = a_club()
    with club.unit_of_work() as uow:
        member = bought(uow, joined(uow), "100.00", JOINED + 10 * DAY)
        uow.memberships.advance(member, at=JOINED + 5 * DAY)

    assert advance_programmes(club, at=JOINED + 20 * DAY)["club"].tier_changes == 1


def test_what_a_late_purchase_brings_is_not_forgotten_when_its_points_end():
    """Of a purchase dated before the fall points end there, and a tier lasts beyond it."""
    club = a_club(window=Rolling(6), tier_expiry=Expiry("after", 4), expiry=Expiry("after", 1))
    with club.unit_of_work() as uow:
        member = bought(uow, joined(uow), "100.00", JOINED)
        member = uow.memberships.advance(member, at=JOINED + 200 * DAY)
        assert (member.tier, member.tier_since) == ("member", datetime(2024, 6, 30, tzinfo=UTC))
        member = bought(uow, member, "300.00", JOINED + 60 * DAY)
        member = uow.memberships.advance(member, at=JOINED + 60 * DAY)

        member = uow.memberships.advance(member, at=JOINED + 130 * DAY)

    assert (member.tier, member.active) == ("black", 0)


def test_who_nothing_fell_due_for_is_not_stored_again():
    with a_club().unit_of_work() as uow:
        member = joined(uow)

        assert uow.memberships.advance(member, at=JOINED + DAY).version == member.version


def test_a_purchase_named_twice_in_one_bulk_earns_once():
    with a_club().unit_of_work() as uow:
        order = an_order_of(uow, member := joined(uow), "70.00", JOINED + DAY)

        assert uow.memberships.earn_many([order, order]) == 1
        assert uow.memberships.get(member.id).active == 70


def test_a_purchase_is_multiplied_in_the_tier_of_its_instant():
    earning = [EarningRule("spend", 1), EarningRule("more", 2, tiers=["gold"], multiplies=True)]
    with a_club(earning=earning).unit_of_work() as uow:
        member = bought(uow, joined(uow), "100.00", JOINED + DAY)
        planned = an_order(member.customer_id, "10.00", at=JOINED + 2 * DAY)
        told = uow.memberships.project(member, at=JOINED + 3 * DAY, planned=[planned])

        assert bought(uow, member, "10.00", JOINED + 2 * DAY).points == told.points == 120


def test_nothing_more_is_taken_behind_a_cancellation():
    with a_club().unit_of_work() as uow:
        member = joined(uow)
        order = an_order_of(uow, member, "100.00", JOINED + DAY)
        uow.memberships.earn(order)
        part = uow.returns.add(a_return(order, "40.00", at=JOINED + 2 * DAY))
        uow.memberships.reverse(uow.cancellations.add(a_cancellation(order, at=JOINED + 3 * DAY)))
        uow.memberships.reverse(part)

        entries = uow.points.of(member.customer_id)
        assert [sum(getattr(e, n) for e in entries) for n in ("qualifying", "spend", "active")] == [
            0, 0, 0,
        ]  # fmt: skip


def test_what_a_removed_return_took_is_not_taken_again():
    with a_club().unit_of_work() as uow:
        order = an_order_of(uow, joined(uow), "100.00", JOINED + DAY)
        uow.memberships.earn(order)
        wrong = uow.returns.add(a_return(order, "60.00", at=JOINED + 2 * DAY))
        uow.memberships.reverse(wrong)
        uow.returns.remove(wrong.id)
        after = []
        for nth, amount in enumerate(("50.00", "20.00", "30.00")):
            fact = a_return(order, amount, at=JOINED + 3 * DAY, nth=nth)
            member = uow.memberships.reverse(uow.returns.add(fact))[0]
            entries = uow.points.of(member.customer_id)
            sums = [sum(getattr(e, n) for e in entries) for n in ("qualifying", "spend")]
            after.append((member.points, *sums, sum(e.purchases for e in entries)))

        assert after == [(40, 40, 4000, 1), (30, 30, 3000, 1), (0, 0, 0, 0)]


def test_a_return_posted_late_takes_points_that_were_released():
    with a_club(pending=Pending("after", days=10)).unit_of_work() as uow:
        order = an_order_of(uow, joined(uow), "100.00", JOINED + DAY)
        member = uow.memberships.advance(uow.memberships.earn(order)[0], at=JOINED + 20 * DAY)
        late = uow.returns.add(a_return(order, "40.00", at=JOINED + 5 * DAY))
        member = uow.memberships.reverse(late)[0]

        for days in range(1, 21):
            at = JOINED + days * DAY
            known, told = (
                uow.memberships.as_of(member, at=at),
                uow.memberships.balance(member, at=at),
            )
            assert (known.active, known.pending) == (told.active, told.pending)
        assert (member.active, member.pending) == (60, 0)


def test_a_free_purchase_that_is_called_off_leaves_nothing():
    with a_club(earning=[EarningRule("visit", 5, "purchase")]).unit_of_work() as uow:
        order = an_order_of(uow, joined(uow), "0.00", JOINED + DAY)
        uow.memberships.earn(order)

        cancelled = uow.cancellations.add(a_cancellation(order, at=JOINED + 2 * DAY))
        assert uow.memberships.reverse(cancelled)[0].points == 0


def test_what_expired_before_it_came_back_is_not_owed():
    with a_club(expiry=Expiry("after", 1)).unit_of_work() as uow:
        order = an_order_of(uow, joined(uow), "50.00", JOINED + DAY)
        uow.memberships.earn(order)
        fact = uow.returns.add(a_return(order, at=JOINED + 90 * DAY))

        assert uow.memberships.reverse(fact)[0].points == 0


def test_what_came_back_whole_keeps_no_tier():
    rules: dict[str, Any] = {"window": Calendar(), "tier_expiry": Expiry("after", 2)}
    with a_club(**rules).unit_of_work() as uow:
        member = bought(uow, joined(uow), "100.00", JOINED + DAY)
        order = an_order_of(uow, member, "1.00", JOINED + 50 * DAY)
        uow.memberships.earn(order)
        uow.memberships.reverse(uow.returns.add(a_return(order, at=JOINED + 51 * DAY)))

        member = uow.memberships.advance(uow.memberships.get(member.id), at=JOINED + 80 * DAY)
        assert member.tier == "member"


@pytest.mark.parametrize("other", [{"qualifying": True}, {"of_fact": OTHER}, {"reason": "b"}])
def test_a_key_with_other_content_conflicts(other: dict[str, Any]):
    with pytest.raises(ConflictingFact), a_club().unit_of_work(source="desk") as uow:
        first: dict[str, Any] = {"at": JOINED + DAY, "source_key": "k", "reason": "a"}
        member = uow.memberships.bonus(joined(uow), 5, **first)
        uow.memberships.bonus(member, 5, **(first | other))


def test_a_key_for_another_taker_conflicts():
    with pytest.raises(ConflictingFact), a_club().unit_of_work(source="desk") as uow:
        giver = bought(uow, joined(uow), "100.00", JOINED + DAY)
        for name in ("Berta", "Carla"):
            uow.memberships.transfer(
                giver, joined(uow, name), 30, at=JOINED + 2 * DAY, source_key="gift"
            )


def promoted(uow: UnitOfWork, member: Membership, day: int, **more: Any) -> Membership:
    given = {"at": JOINED + day * DAY, "until": JOINED + 900 * DAY} | more
    return uow.memberships.promote(member, given.pop("tier", "gold"), **given)


def test_a_revoked_decision_does_not_hold_through_another():
    with a_club().unit_of_work() as uow:
        member = joined(uow)
        for day, decision in ((1, DECISION), (3, OTHER)):
            member = promoted(uow, member, day, decision_id=decision)
            member = uow.memberships.revoke(member, decision, at=JOINED + (day + 1) * DAY)

        assert member.tier == "member"


def test_a_decision_is_revoked_by_its_id_and_once():
    with a_club().unit_of_work() as uow:
        member = promoted(uow, joined(uow), 1, decision_id=DECISION)
        with pytest.raises(InvalidInput):
            uow.memberships.revoke(member, None, at=JOINED + 2 * DAY)  # type: ignore[arg-type]
        member = uow.memberships.revoke(member, DECISION, at=JOINED + 2 * DAY)

        assert uow.memberships.revoke(member, DECISION, at=JOINED + 3 * DAY) == member


def test_nothing_is_given_or_revoked_before_the_last_change():
    with a_club().unit_of_work() as uow:
        member = promoted(uow, joined(uow), 9, decision_id=DECISION)
        with pytest.raises(Refused, match="time_runs_forward"):
            promoted(uow, member, 8, tier="black")
        with pytest.raises(Refused, match="time_runs_forward"):
            uow.memberships.revoke(member, DECISION, at=JOINED + 8 * DAY)


def test_a_tier_that_ended_meanwhile_is_given_again():
    with a_club(expiry=Expiry("never")).unit_of_work() as uow:
        member = promoted(uow, joined(uow), 1, until=JOINED + 5 * DAY)

        member = promoted(uow, member, 9)
        reasons = [change.reason for change in uow.tier_changes.of(member.customer_id)]
        assert reasons == [
            TierReason.ENROLLED, TierReason.PROMOTED, TierReason.LOWERED, TierReason.PROMOTED,
        ]  # fmt: skip


def test_two_changes_of_a_tier_are_never_of_one_instant():
    with a_club().unit_of_work() as uow:
        member = promoted(uow, joined(uow), 0)

        assert member.tier_since > JOINED
        assert uow.profiles.get(member.customer_id)["club_tier"] == member.tier == "gold"


def test_nothing_is_posted_before_somebody_joined():
    with a_club().unit_of_work(actor="ines") as uow:
        ana, ben = joined(uow), joined(uow, "Ben")
        uow.memberships.bonus(ana, 50, at=JOINED)
        members, early = uow.memberships, JOINED - DAY
        for post in (
            lambda: members.bonus(ana, 5, at=early),
            lambda: members.adjust(ana, 5, at=early, reason="sorry"),
            lambda: members.transfer(ana, ben, 5, at=early),
            lambda: members.close(ana, at=early),
        ):
            with pytest.raises(Refused, match="joined later"):
                post()
        assert len(uow.points.of(ana.customer_id)) == 1


def test_a_closed_membership_is_left_alone():
    club = a_club()
    with club.unit_of_work() as uow:
        member = joined(uow)
        order = an_order_of(uow, member, "100.00", JOINED + DAY)
        uow.memberships.earn(order)
        late = an_order_of(uow, member, "20.00", JOINED + 2 * DAY)
        with pytest.raises(Refused, match="time_runs_forward"):
            uow.memberships.close(member, at=JOINED - DAY)
        member = uow.memberships.close(uow.memberships.get(member.id), at=JOINED + 3 * DAY)
        fact = uow.returns.add(a_return(order, at=JOINED + 4 * DAY))

        assert uow.memberships.earn(late) == uow.memberships.reverse(fact) == []
        assert uow.memberships.advance(member, at=JOINED + 9 * DAY) == member
    assert advance_programmes(club, at=LATEST)["club"].members == 0


ENDS = (datetime(9998, 6, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), LATEST)
RULES: dict[str, dict[str, Any]] = {
    "next period": {"expiry": Expiry("end_of_next_period")},
    "long": {"expiry": Expiry("after", 1200), "tier_expiry": Expiry("after", 1200)},
    "anniversary": {"window": Anniversary(1200)},
    "rolling": {"window": Rolling(1200), "tier_expiry": None},
    "pending": {"pending": Pending("after", days=3660)},
    "grace": {"grace": 3660, "downgrade": "one_down"},
    "kept": {"downgrade": "none"},
    "fixed": {
        "window": Fixed(datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
        "tier_expiry": Expiry("end_of_next_period"),
        "expiry": Expiry("end_of_next_period"),
    },
}


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("at", ENDS)
def test_the_range_of_instants_ends_without_an_accident(at: datetime, rules: str, zone: str):
    with a_club(zone, **RULES[rules]).unit_of_work() as uow:
        member = bought(uow, joined(uow, at=at), "500.00", at)
        told = uow.memberships.project(member, at=LATEST)
        member = uow.memberships.advance(member, at=LATEST)

        assert (member.tier, member.points) == (told.tier, told.points)
        assert uow.memberships.as_of(member, at=at - DAY).points == 0
