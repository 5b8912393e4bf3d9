"""The Iberia Plus scenario, large: two years of a programme, and what the business asks of it.

The members and rules are those of docs/scenarios/iberia_plus.md; `CRMCORE_BENCH_MEMBERS` says how
many (20,000 unless told; the page has 2,000), `CRMCORE_BENCH_ON` on which databases
(`sqlite,postgres`). It has no rival: the figures of each step are printed, the seconds are kept.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import crmcore
from benchmarks.harness import Comparison, Side
from crmcore import Customer, Model, Money, Order, OrderLine
from crmcore.adapters.backend import Backend
from crmcore.domain.earning import EarningRule
from crmcore.domain.ids import CustomerId
from crmcore.domain.periods import Calendar, Expiry
from crmcore.domain.programme import Benefit, Pending, Programme, Rules, Tier
from crmcore.services import (
    Authority,
    Candidate,
    EarlyPromotion,
    RetentionBonus,
    advance,
    desk_card,
    give_retention_bonuses,
    liability,
    near_fall,
    near_promotion,
    promote_early,
    tier_flow,
)
from tests import servers

MEMBERS = int(os.environ.get("CRMCORE_BENCH_MEMBERS", "20000"))
ON = os.environ.get("CRMCORE_BENCH_ON", "sqlite,postgres").split(",")
START, NOW = datetime(2023, 4, 1, tzinfo=UTC), datetime(2024, 12, 15, tzinfo=UTC)
YEAR_ENDS = datetime(2025, 4, 1, tzinfo=UTC)
NAME = "iberia_plus"
AT_ONCE = 10_000

T = TypeVar("T")


def euros(amount: int) -> Money:
    """So many euros."""
    return Money(amount, "EUR")


def programme() -> Programme:
    """The programme of the page."""
    priority, lounge = Benefit("priority", euros(15)), Benefit("lounge", euros(90))
    rules = Rules(
        tiers=[
            Tier("classic"),
            Tier("silver", 1100, purchases=25, benefits=[priority]),
            Tier("gold", 2250, purchases=50, benefits=[priority, lounge]),
            Tier("platinum", 6000, benefits=[priority, lounge, Benefit("upgrades", euros(160))]),
        ],
        earning=[
            EarningRule("fare", 1),
            EarningRule("business", "0.5", categories=["business"]),
            EarningRule(
                "bonus", "1.25", multiplies=True, tiers=["gold", "platinum"], qualifying=False
            ),
        ],
        pending=Pending("after", days=3),
        expiry=Expiry("after", 18),
        window=Calendar(month=4),
        tier_expiry=Expiry("end_of_next_period"),
        downgrade="one_down",
    )
    return Programme(NAME, rules, zone="Europe/Madrid", point_cost="0.008")


def flights_of(member: Customer, draw: random.Random) -> Iterator[Order]:
    """Two years of a member's flights: so often and about so dear, drawn once."""
    between = 365 / max(draw.expovariate(1 / 4), 0.2)
    fare = draw.choice([140, 220, 380, 700])
    cabin = draw.choice(["economy"] * 6 + ["business"])
    at = START + timedelta(days=draw.expovariate(1 / between))
    while at < YEAR_ENDS:
        price = round(fare * draw.uniform(0.6, 1.6))
        line = OrderLine.of("FLIGHT", 1, price, "EUR", category=cabin)
        yield Order.of_lines(CustomerId(member.id), [line], at=at)
        at += timedelta(days=draw.expovariate(1 / between))


class Story:
    """The scenario on one backend, its steps timed."""

    def __init__(self, backend: Backend, name: str) -> None:
        self.backend, self.name = backend, name
        self.found: list[Comparison] = []

    def step(self, name: str, work: Callable[[], T], rows: int | None = None) -> T:
        """Do it, keep its time, and answer what it did."""
        began = time.perf_counter()
        answer = work()
        side = Side("crmcore", (time.perf_counter() - began,))
        self.found.append(Comparison(f"{NAME}, {self.name}: {name}", side, None, rows))
        return answer

    def tell(self, *words: object) -> None:
        """Say what came of a step."""
        print(f"  {self.name}:", *words, file=sys.stderr, flush=True)

    def play(self) -> None:
        """All of it."""
        draw = random.Random(11)  # no secret
        people = [Customer.person(f"Member {n}", at=START) for n in range(MEMBERS)]
        flights = sorted(
            (flight for one in people for flight in flights_of(one, draw)), key=lambda f: f.at
        )
        self.step("enrol", lambda: self.enrol(people), MEMBERS)
        month, place = START, 0
        began, posted, advanced = time.perf_counter(), 0.0, 0.0
        while month < NOW:
            until = min(month + timedelta(days=30), NOW)
            then = place
            while then < len(flights) and flights[then].at < until:
                then += 1
            began = time.perf_counter()
            self.fly(flights[place:then])
            posted += time.perf_counter() - began
            began = time.perf_counter()
            advance(self.backend, at=until)
            advanced += time.perf_counter() - began
            month, place = until, then
        for name, seconds in (("orders and points", posted), ("advance, monthly", advanced)):
            side = Side("crmcore", (seconds,))
            self.found.append(Comparison(f"{NAME}, {self.name}: {name}", side, None, place))
        self.ask()

    def enrol(self, people: list[Customer]) -> None:
        """Everybody joins."""
        for first in range(0, len(people), AT_ONCE):
            with self.backend.unit_of_work(source="simulation") as uow:
                uow.customers.add_many(people[first : first + AT_ONCE])
                for nth, one in enumerate(people[first : first + AT_ONCE], first):
                    uow.memberships.enrol(CustomerId(one.id), NAME, at=START, number=f"IB{nth:07}")

    def fly(self, flights: list[Order]) -> None:
        """Flights are recorded, and their points posted."""
        for first in range(0, len(flights), AT_ONCE):
            with self.backend.unit_of_work(source="simulation") as uow:
                uow.orders.add_many(flights[first : first + AT_ONCE])
                uow.memberships.earn_many(flights[first : first + AT_ONCE])

    def ask(self) -> None:
        """What the business asks."""
        backend = self.backend
        with backend.reading() as uow:
            self.tell(uow.profiles.where().count_by(f"{NAME}_tier"))
        self.tell(tier_flow(backend, NAME, since=START, until=NOW))
        near = self.step("near promotion", lambda: list(near_promotion(backend, NAME, at=NOW)))
        gold = sorted((c for c in near if c.towards == "platinum"), key=lambda c: c.share)
        falling = self.step(
            "near fall", lambda: list(near_fall(backend, NAME, at=NOW, until=YEAR_ENDS))
        )
        self.tell(len(near), "near promotion,", len(gold), "near platinum,", len(falling), "fall")
        done = self.step("early promotion", lambda: self.promote(gold), len(gold))
        self.tell(done)
        keep = [c for c in falling if c.tier == "gold"]
        policy = RetentionBonus(gain=euros(240), limit=euros(120), most=200)
        kept = self.step(
            "retention",
            lambda: give_retention_bonuses(backend, NAME, keep, policy, at=NOW, actor="manager"),
            len(keep),
        )
        self.tell(kept)
        self.step("liability", lambda: self.tell(liability(backend, NAME, at=NOW)))
        self.desk()

    def promote(self, gold: list[Candidate]) -> object:
        """An early-promotion round."""
        policy = EarlyPromotion(gain=euros(200), limit=euros(165))
        until = YEAR_ENDS + timedelta(days=365)
        return promote_early(self.backend, NAME, gold, policy, at=NOW, until=until, actor="manager")

    def desk(self) -> None:
        """A thousand cards at the desk, each with its decision; the median in milliseconds."""
        agent = Authority(name="agent", limit=euros(60), yearly=euros(120), from_tier="silver")
        upgrade, times = Benefit("upgrade_today", euros(55)), []
        draw = random.Random(5)  # no secret
        for _ in range(1000):
            number = f"IB{draw.randrange(MEMBERS):07}"
            began = time.perf_counter()
            with self.backend.reading() as uow:
                desk_card(
                    uow, number=number, programme=NAME, at=NOW, benefit=upgrade, authority=agent
                )
            times.append(time.perf_counter() - began)
        self.tell(f"desk card, median {statistics.median(times) * 1000:.2f} ms")
        side = Side("crmcore", tuple(times[:50]))
        self.found.append(Comparison(f"{NAME}, {self.name}: desk card", side, None, 1))


@contextmanager
def database(name: str) -> Iterator[str]:
    """An empty database."""
    if name == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'crm.db'}"
    else:
        with getattr(servers, name)() as url:
            yield url


def main() -> list[Comparison]:
    """The scenario on each database."""
    found: list[Comparison] = []
    for name in ON:
        with database(name) as url:
            model = Model(programmes=[programme()], zone="Europe/Madrid")
            backend = crmcore.connect(url, model=model)
            backend.migrate()
            story = Story(backend, f"{name}, {MEMBERS:,} members")
            story.play()
            backend.close()
            found += story.found
    return found
