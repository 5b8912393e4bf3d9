"""How likely members near a tier reach it in time: by the purchase model, and calibrated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import crmcore
from crmcore import EarningRule, Model, Money, Programme, Rules, Tier
from crmcore.analytics import BetaGeoNBDProcess, calibration
from crmcore.domain.errors import InvalidInput
from crmcore.services import advance, near_promotion, tier_chances
from crmcore.testing.builders import a_customer, an_order

START = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PROCESS = BetaGeoNBDProcess(r=0.9, alpha=6.0, a=0.4, b=3.0)
CLUB = Programme("club", Rules(tiers=[Tier("classic"), Tier("silver", 500)],
                               earning=[EarningRule("euro", 1)]))  # fmt: skip


def store(purchases, programme=CLUB):
    """Members who bought on these days for a hundred points each, posted until day 180."""
    backend = crmcore.connect("memory://", model=Model(programmes=[programme]))
    backend.migrate()
    with backend.unit_of_work(source="shop") as uow:
        for nth, days in enumerate(purchases):
            customer = uow.customers.add(a_customer(f"Member {nth}"))
            uow.memberships.enrol(customer.id, "club", at=START, number=f"C{nth}")
            orders = [
                an_order(customer, "100.00", at=START + float(day) * DAY, nth=place)
                for place, day in enumerate(days)
                if day < 180
            ]
            uow.orders.add_many(orders)
            uow.memberships.earn_many(orders)
    advance(backend, at=START + 180 * DAY)
    return backend


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
    with pytest.raises(InvalidInput):
        tier_chances(backend, "club", found, PROCESS, at=at, unit="month")  # type: ignore[arg-type]
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
