"""How likely members near a tier reach it in time: by the purchase model, and calibrated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import numpy as np
import pytest

import crmcore
from crmcore import EarningRule, Model, Money, Programme, Rolling, Rules, Tier
from crmcore.analytics import BetaGeoNBDProcess, calibration
from crmcore.domain.errors import InvalidInput
from crmcore.domain.ids import MembershipId, new_id
from crmcore.domain.instants import LATEST
from crmcore.services import advance, near_fall, near_promotion, tier_chances
from crmcore.testing.builders import a_customer, an_order

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PROCESS = BetaGeoNBDProcess(r=0.9, alpha=6.0, a=0.4, b=3.0)
CLUB = Programme("club", Rules(tiers=[Tier("classic"), Tier("silver", 500)],
                               earning=[EarningRule("euro", 1)]))  # fmt: skip


def store(purchases, programme=CLUB, until=180):
    """Members who bought on these days for a hundred points each, posted until that day."""
    backend = crmcore.connect("memory://", model=Model(programmes=[programme]))
    backend.migrate()
    with backend.unit_of_work(source="shop") as uow:
        for nth in range(len(purchases)):
            customer = uow.customers.add(a_customer(f"Member {nth}"))
            uow.memberships.enrol(customer.id, "club", at=START, number=f"C{nth}")
    bought(backend, purchases, until=until)
    advance(backend, at=START + until * DAY)
    return backend


def bought(backend, purchases, *, since=0, until=10**6):
    with backend.unit_of_work(source="shop") as uow:
        for nth, days in enumerate(purchases):
            member = uow.memberships.find_by_number(f"C{nth}", "club")
            customer = uow.customers.get(member.customer_id)
            orders = [
                an_order(customer, "100.00", at=START + float(day) * DAY, nth=place)
                for place, day in enumerate(days)
                if since <= day < until
            ]
            uow.orders.add_many(orders)
            uow.memberships.earn_many(orders)


def test_who_lacks_less_and_bought_lately_is_likelier():
    backend = store([[10, 60, 120, 170], [10, 60, 120], [1, 2, 3, 4], []])
    at = START + 180 * DAY
    found = list(near_promotion(backend, "club", at=at, within=0.5))
    chances = tier_chances(backend, "club", found, PROCESS, at=at)
    with backend.reading() as uow:
        number = {c.membership_id: uow.memberships.get(c.membership_id).number for c in found}
    told = {number[id]: chance for id, chance in chances.items()}
    assert sorted(told) == ["C0", "C1", "C2"]
    assert 0.5 < told["C0"] < 1
    assert told["C2"] < 0.2
    assert told["C1"] < told["C0"]
    # By hand: one purchase is enough for C0, so it is the chance of at least one more.
    left = (found[0].by - at) / (7 * DAY)
    by_hand = PROCESS.probability_of_at_least(n=1, t=left, frequency=3, recency=160 / 7, T=170 / 7)
    assert told["C0"] == pytest.approx(float(by_hand), abs=1e-9)
    assert tier_chances(backend, "club", [], PROCESS, at=at) == {}


def test_a_tier_by_spend_is_as_likely_as_the_same_by_points():
    histories, at = [[10, 60, 120, 170], [10, 60, 120], [1, 2, 3, 4]], START + 180 * DAY
    told = []
    for asked in ({"points": 500}, {"spend": Money(500, "EUR")}, {"purchases": 5}):
        club = Programme("club", Rules(tiers=[Tier("classic"), Tier("silver", **asked)],
                                       earning=[EarningRule("euro", 1)]))  # fmt: skip
        backend = store(histories, club)
        found = near_promotion(backend, "club", at=at, within=0.5)
        told.append(sorted(tier_chances(backend, "club", found, PROCESS, at=at).values()))
    assert told[1] == pytest.approx(told[0], rel=1e-9)
    assert told[2] == pytest.approx(told[0], rel=1e-9)
    assert 0.5 < told[0][-1] < 1


def club(**rules):
    tiers = [Tier("classic"), Tier("silver", 500)]
    return Programme("club", Rules(tiers=tiers, earning=[EarningRule("euro", 1)], **rules))


HALF_YEAR = Rolling(6)
AT = START + 180 * DAY


@pytest.mark.parametrize(
    ("programme", "rises", "at", "until"),
    [
        # Of a tier of 2024, points count to the end of 2025, and not to that of the grace.
        (club(grace=60), False, 690, 800),
        # What counts of the last half year leaves it: who lacks nothing now falls all the same.
        (club(window=HALF_YEAR, tier_expiry=None), False, 180, 300),
        (club(window=HALF_YEAR, tier_expiry=None), True, 180, 210),
    ],
)
def test_only_what_comes_in_time_counts(programme, rises, at, until):
    """By purchases of the model itself: as many as are told reach the tier, or stay."""
    regular = BetaGeoNBDProcess(r=3.0, alpha=9.0, a=0.1, b=6.0)
    year = regular.simulate(n_customers=250, T=130, seed=5)
    days = [[0.5] for _ in range(250)]
    for who, week in zip(year.customer, year.time, strict=True):
        days[who].append(int(7 * week) + 0.5)
    days = [sorted(set(own)) for own in days]
    backend = store(days, programme, until=at)
    asked, end = START + at * DAY, START + until * DAY
    if rises:
        found = list(near_promotion(backend, "club", at=asked, within=1.0))
    else:
        found = list(near_fall(backend, "club", at=asked, until=end))
    told = tier_chances(backend, "club", found, regular, at=asked, until=end)
    bought(backend, days, since=at)
    with backend.unit_of_work() as uow:
        there = 0
        for candidate in found:
            member = uow.memberships.get(candidate.membership_id)
            there += uow.memberships.advance(member, at=min(candidate.by, end)).tier == "silver"
        uow.rollback()
    sure = np.array(list(told.values()))
    assert len(found) > 30
    assert abs(sure.sum() - there) < 2.5 * np.sqrt((sure * (1 - sure)).sum())


def test_what_cannot_be_told_is_refused_by_name():
    backend = store([[10, 60, 120, 170], [5, 10, 60, 120, 150], [10, 60, 120]])
    rising = list(near_promotion(backend, "club", at=AT, within=0.5))
    told = tier_chances(backend, "club", rising, PROCESS, at=AT)
    week = tier_chances(backend, "club", rising, PROCESS, at=AT, until=AT + 7 * DAY)
    assert all(week[id] < told[id] for id in told)
    falling = list(near_fall(backend, "club", at=AT, until=START + 800 * DAY))
    stays = tier_chances(backend, "club", falling, PROCESS, at=AT, until=AT + 7 * DAY)
    assert list(stays.values()) == [1.0]
    lacking = attrs.evolve(falling[0], membership_id=rising[0].membership_id)
    wrong: list[tuple[Any, datetime | None, str]] = [
        (falling, None, "candidates[0]"),  # gained this year: the next one decides
        ([*rising, rising[0]], None, "candidates[2]"),
        ([*rising, lacking], None, "candidates[2]"),
        (rising, AT, "until"),
        ([attrs.evolve(rising[0], membership_id=MembershipId(new_id(AT)))], None, "candidates[0]"),
        ([rising[0], "Ana"], None, "candidates[1]"),
        (5, None, "candidates"),
    ]
    for candidates, until, path in wrong:
        with pytest.raises(InvalidInput) as error:
            tier_chances(backend, "club", candidates, PROCESS, at=AT, until=until)
        assert [fault.path for fault in error.value.faults] == [path]
    backend = store([[10, 60, 120, 170]], club(window=HALF_YEAR, tier_expiry=None))
    rolling = list(near_promotion(backend, "club", at=AT, within=0.5))
    assert [candidate.by for candidate in rolling] == [LATEST]
    for until in (None, AT + 190 * DAY):
        with pytest.raises(InvalidInput, match="until"):
            tier_chances(backend, "club", rolling, PROCESS, at=AT, until=until)
    units: list[Any] = ["month", [], None]
    for unit in units:
        with pytest.raises(InvalidInput, match="unit"):
            tier_chances(backend, "club", rising, PROCESS, at=AT, unit=unit)


def test_an_instant_that_is_past_is_told_as_it_was_then():
    days = [[10, 60, 120, 170, 175], [10, 60, 120]]
    at = START + 172 * DAY
    later, then = store(days), store([[d for d in own if d < 172] for own in days])
    told = [
        sorted(
            tier_chances(
                backend, "club", near_promotion(backend, "club", at=at, within=0.5), PROCESS, at=at
            ).values()
        )
        for backend in (later, then)
    ]
    assert len(told[0]) == 2
    assert told[0] == told[1]


def test_the_chances_are_calibrated_on_what_happened_then():
    """Purchases drawn from the model itself: told half-way, compared with the rest of the year."""
    draw = np.random.default_rng(3)
    rates, drops = draw.gamma(0.9, 1 / 6.0, 600), draw.beta(0.4, 3.0, 600)
    purchases = []
    for rate, drop in zip(rates, drops, strict=True):
        days, time = [0.5], 0.5
        while (time := time + draw.exponential(7 / rate)) < 366:
            days.append(time)
            if draw.random() < drop:
                break
        purchases.append(sorted({int(day) + 0.5 for day in days}))
    backend = store(purchases)
    at = START + 180 * DAY
    found = list(near_promotion(backend, "club", at=at, within=1.0))
    chances = tier_chances(backend, "club", found, PROCESS, at=at)
    with backend.reading() as uow:
        numbers = {c.membership_id: uow.memberships.get(c.membership_id).number for c in found}
    predicted = np.array([chances[c.membership_id] for c in found])
    happened = np.array(
        [len(purchases[int((numbers[c.membership_id] or "")[1:])]) >= 5 for c in found]
    )
    told = calibration(predicted=predicted, happened=happened, groups=5)
    assert len(found) > 300
    assert abs(predicted.sum() - happened.sum()) < 4 * np.sqrt((predicted * (1 - predicted)).sum())
    assert told.skill is not None
    assert told.skill > 0.2
