"""How far `tier_chances` can be trusted: real purchases, the second half of which it has not seen.

The customers of CDNOW are members of two programmes with a period of the last 39 weeks. The model
is fitted on the first 39; who reached the tier is compared with what was told of them by then.
"""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import crmcore
from crmcore import EarningRule, Fixed, Model, Money, Order, Programme, Rules, Tier
from crmcore.analytics import BetaGeoNBD, Calibration, calibration
from crmcore.analytics.summary import Summary
from crmcore.domain.customer import Customer
from crmcore.services import advance, near_promotion, tier_chances

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "loyalty.md"
START = datetime(1997, 1, 1, tzinfo=UTC)
HALF, END = datetime(1997, 10, 1, tzinfo=UTC), datetime(1998, 7, 1, tzinfo=UTC)
TIERS = {"visits": Tier("silver", purchases=2), "dollars": Tier("silver", 100)}


@pytest.fixture(scope="module")
def seen(cdnow: Summary, cdnow_purchases: dict[str, Any]) -> dict[str, Calibration]:
    """By programme, what was told of the second half against what happened, by thirds."""
    programmes = [
        Programme(
            name,
            Rules(tiers=[Tier("classic"), tier],
                  earning=[EarningRule("dollar", 1)], window=Fixed(HALF, END)),
        )
        for name, tier in TIERS.items()
    ]  # fmt: skip
    backend = crmcore.connect("memory://", model=Model(programmes=programmes, currency="USD"))
    backend.migrate()
    spent: dict[tuple[Any, Any], int] = {}  # what is bought on one day is one purchase
    for who, day, amount in zip(*cdnow_purchases.values(), strict=True):
        spent[who, day] = spent.get((who, day), 0) + int(amount)
    members = {who: Customer.person(f"Customer {who}", at=START) for who, _ in spent}
    orders = [
        Order(customer_id=members[who].id, total=Money.of_minor(amount, "USD"),
              at=datetime.combine(day.item(), time(12), UTC))
        for (who, day), amount in spent.items()
    ]  # fmt: skip
    with backend.unit_of_work() as uow:
        uow.customers.add_many(members.values())
        for member in members.values():
            for programme in programmes:
                uow.memberships.enrol(member.id, programme.name, at=START)
        uow.memberships.earn_many(order for order in orders if order.at < HALF)
    advance(backend, at=HALF)
    fitted = BetaGeoNBD().fit(frequency=cdnow.frequency, recency=cdnow.recency, T=cdnow.T)
    told = {}
    for name in TIERS:
        near = near_promotion(backend, name, at=HALF, within=1.0)
        told[name] = tier_chances(backend, name, near, fitted, at=HALF)
    with backend.unit_of_work() as uow:
        uow.memberships.earn_many(order for order in orders if order.at >= HALF)
    advance(backend, at=END - (END - HALF) / 10**6)
    found = {}
    for name, chances in told.items():
        with backend.reading() as uow:
            reached = [uow.memberships.get(id).tier == "silver" for id in chances]
        found[name] = calibration(
            predicted=list(chances.values()), happened=np.array(reached, float), groups=3
        )
    return found


@pytest.mark.parametrize(("name", "told", "did"), [("visits", 314, 382), ("dollars", 157, 204)])
def test_it_is_too_low_in_sum_and_tells_people_apart(
    name: str, told: int, did: int, seen: dict[str, Calibration]
) -> None:
    """By a fifth, as the model foresees fewer purchases than there were (`test_reaching_cdnow`)."""
    found = seen[name]
    assert (found.size * found.predicted).sum() == pytest.approx(told, abs=0.6)
    assert round((found.size * found.observed).sum()) == did
    off = (found.observed[-1] - found.predicted[-1]) / found.error[-1]
    assert off < (2 if name == "dollars" else 4)
    assert found.skill is not None
    assert found.skill > 0.24


def test_the_guide_has_the_table(seen: dict[str, Calibration]) -> None:
    text = PAGE.read_text("utf-8")
    for name, found in seen.items():
        for third, *row in zip(
            ("lowest", "middle", "highest"), found.size, found.predicted, found.observed,
            found.error, strict=True,
        ):  # fmt: skip
            size, said, happened, error = row
            shown = f"| {name} | {third} | {size:.0f} | {said:.3f} | {happened:.3f} | {error:.3f} |"
            assert shown in text, shown
