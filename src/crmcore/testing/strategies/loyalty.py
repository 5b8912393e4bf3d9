"""Strategies for loyalty: programmes with their rules, members, ledgers, tiers, decisions."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.domain.contact_points import Channel
from crmcore.domain.deciding import RecordedDecision
from crmcore.domain.decisions import Reason, Verdict
from crmcore.domain.earning import EarningRule, Per
from crmcore.domain.ids import CustomerId, FactId, MembershipId
from crmcore.domain.instants import EARLIEST, LATEST
from crmcore.domain.membership import Lot, Membership, TierChange, TierReason
from crmcore.domain.money import Money
from crmcore.domain.periods import Anniversary, Calendar, Expiry, Fixed, Qualifying, Rolling
from crmcore.domain.points import LotPart, Movement, PointsEntry
from crmcore.domain.programme import (
    Benefit,
    Downgrade,
    Pending,
    Programme,
    RedemptionOrder,
    ReturnPolicy,
    Rounding,
    Rules,
    Tier,
)
from crmcore.testing.strategies.facts import facts_of, told
from crmcore.testing.strategies.values import either, ids, instants, moneys, symbols, texts

__all__ = [
    "decisions", "earning_rules", "memberships", "periods", "points_entries", "programmes",
    "tier_changes",
]  # fmt: skip

MOST = 2**53 - 1
TIERS = ("blue", "silver", "gold")
PROGRAMMES = st.just("club")
MONTHS = st.sampled_from([1, 2, 3, 4, 6, 12, 24])


def periods(*, kinds: SearchStrategy[type[Qualifying]] | None = None) -> SearchStrategy[Qualifying]:
    """Of every kind, of a month to two years."""
    ends = st.timedeltas(timedelta(milliseconds=1), timedelta(days=800))
    begins = instants().filter(lambda at: at < LATEST - timedelta(days=800))
    fixed = st.builds(lambda since, lasts: Fixed(since, since + lasts), begins, ends)
    known: dict[type[Qualifying], SearchStrategy[Any]] = {
        Fixed: fixed,
        Calendar: st.builds(Calendar, MONTHS, month=st.integers(1, 12)),
        Anniversary: st.builds(Anniversary, MONTHS),
        Rolling: st.builds(Rolling, MONTHS),
    }
    return either(kinds, st.sampled_from(list(known))).flatmap(known.__getitem__)


def earning_rules(*, tiers: SearchStrategy[str] | None = None) -> SearchStrategy[EarningRule]:
    """Rules that add or multiply, for all purchases or some."""
    points = st.integers(0, 10**9).map(lambda n: Decimal(n) / 1000)
    some = st.lists(texts(max_size=5), max_size=2).map(tuple)
    whole: dict[str, SearchStrategy[Any]] = {
        "name": symbols(),
        "points": points,
        "channels": st.lists(st.sampled_from(Channel), max_size=2).map(tuple),
        "tiers": st.lists(either(tiers, st.sampled_from(TIERS)), max_size=2).map(tuple),
        "since": st.just(EARLIEST) | instants().filter(lambda at: at < LATEST),
        "cap": st.none() | st.integers(0, MOST),
        "qualifying": st.booleans(),
    }
    added = st.builds(
        EarningRule, per=st.sampled_from(Per), products=some, categories=some, **whole
    )
    return added | st.builds(EarningRule, multiplies=st.just(True), **whole)


@st.composite
def programmes(
    draw: st.DrawFn,
    *,
    names: SearchStrategy[str] | None = None,
    currencies: SearchStrategy[str] | None = None,
) -> Programme:
    """Programmes of one version or two, with one to three tiers."""
    known = TIERS[: draw(st.integers(1, len(TIERS)))]
    currency = draw(either(currencies, st.just("EUR")))
    own = st.from_regex(r"[a-z](_?[a-z0-9]){0,5}", fullmatch=True)
    name = draw(either(names, own))
    since = [EARLIEST, *draw(st.lists(instants(), max_size=1))]
    versions = [draw(_rules(known, currency, at)) for at in dict.fromkeys(since)]
    cost = st.integers(0, 10**6).map(lambda n: Decimal(n) / 1000)
    zone = st.sampled_from(["UTC", "Europe/Madrid", "Pacific/Kiritimati"])
    return Programme(name, tuple(versions), zone=draw(zone), point_cost=draw(cost))


@st.composite
def _rules(draw: st.DrawFn, tiers: tuple[str, ...], currency: str, since: datetime) -> Rules:
    costs = st.none() | moneys(currencies=st.just(currency), min_minor=0)
    benefits = st.lists(
        st.builds(Benefit, symbols(), costs, description=st.none() | texts()), max_size=1
    )
    asked = [
        Tier(
            name,
            rank * draw(st.just(1_000) | st.integers(1_000, 2_000)) ** rank or None,
            spend=Money.of_minor(rank, currency) if rank and draw(st.booleans()) else None,
            purchases=rank if rank and draw(st.booleans()) else None,
            benefits=tuple(draw(benefits)),
        )
        for rank, name in enumerate(tiers)
    ]
    window = draw(periods())
    rolling = isinstance(window, Rolling)
    lasting = st.sampled_from([Expiry("never"), Expiry("after", 18)])
    ending = st.sampled_from([Expiry("end_of_period"), Expiry("end_of_next_period")])
    return Rules(
        tiers=tuple(asked),
        earning=tuple(draw(st.lists(earning_rules(tiers=st.sampled_from(tiers)), max_size=2))),
        since=since,
        expiry=draw(lasting if rolling else lasting | ending),
        pending=draw(st.sampled_from([
            Pending("immediately"), Pending("on_action"), Pending("after", days=14),
        ])),
        returns=draw(st.sampled_from(ReturnPolicy)),
        rounding=draw(st.sampled_from(Rounding)),
        redeems=draw(st.sampled_from(RedemptionOrder)),
        window=window,
        tier_expiry=draw(st.none() | lasting if rolling else lasting | ending),
        downgrade=draw(st.sampled_from(Downgrade)),
        grace=draw(st.integers(0, 90)),
    )  # fmt: skip


def _points() -> SearchStrategy[int]:
    return st.integers(-MOST, MOST) | st.integers(-9, 9)


@st.composite
def memberships(
    draw: st.DrawFn,
    *,
    customer_ids: SearchStrategy[CustomerId] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    names: SearchStrategy[str] | None = None,
    numbers: SearchStrategy[str | None] | None = None,
) -> Membership:
    """New memberships, by the names of programmes, with lots of any points."""
    at = draw(either(ats, instants()))
    maybe = st.none() | instants()
    lots = st.builds(
        Lot, ids().map(FactId), _points(), instants(), expires_at=maybe, pending=st.booleans(),
        available_at=maybe,
    )  # fmt: skip
    return Membership(
        customer_id=draw(either(customer_ids, ids().map(CustomerId))),
        programme=draw(either(names, PROGRAMMES)),
        number=draw(either(numbers, st.none() | texts(max_size=10))),
        at=at,
        closed_at=draw(maybe),
        lots=tuple(draw(st.lists(lots, max_size=2))),
        tier=draw(st.sampled_from(TIERS)),
        tier_until=draw(st.just(LATEST) | instants()),
        entered_at=draw(st.just(EARLIEST) | instants()),
        due_at=draw(st.just(LATEST) | instants()),
        id=MembershipId(draw(ids(st.just(at)))),
    )


def points_entries(
    *,
    customer_ids: SearchStrategy[CustomerId] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    names: SearchStrategy[str] | None = None,
    points: SearchStrategy[int] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[PointsEntry]:
    """Entries of every movement, each in one lot, by the names of programmes."""

    def of(moved: int, pending: bool, lot: FactId) -> SearchStrategy[PointsEntry]:
        return facts_of(
            PointsEntry,
            membership_id=ids().map(MembershipId),
            programme=either(names, PROGRAMMES),
            movement=st.sampled_from(Movement),
            active=st.just(0 if pending else moved),
            pending=st.just(moved if pending else 0),
            qualifying=st.integers(-9, 9),
            spend=st.integers(-9, 9),
            purchases=st.integers(-1, 1),
            qualifies_at=instants(),
            lots=st.just((LotPart(lot, moved),)),
            expires_at=st.none() | instants(),
            of_fact=st.none() | ids().map(FactId),
            policy=st.none() | texts(max_size=10),
            other_membership_id=st.none() | ids().map(MembershipId),
            reason=st.none() | texts(),
            **told(customer_ids, ats, source_keys),
        )

    moved = either(points, _points())
    return st.tuples(moved, st.booleans(), ids().map(FactId)).flatmap(lambda drawn: of(*drawn))


def tier_changes(
    *,
    customer_ids: SearchStrategy[CustomerId] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    names: SearchStrategy[str] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[TierChange]:
    """Changes of tiers, by the names of programmes."""
    return facts_of(
        TierChange,
        membership_id=ids().map(MembershipId),
        programme=either(names, PROGRAMMES),
        tier=st.sampled_from(TIERS),
        previous=st.none() | st.sampled_from(TIERS),
        until=st.just(LATEST) | instants(),
        reason=st.sampled_from(TierReason),
        decision_id=st.none() | ids().map(FactId),
        **told(customer_ids, ats, source_keys),
    )


def decisions(
    *,
    customer_ids: SearchStrategy[CustomerId] | None = None,
    ats: SearchStrategy[datetime] | None = None,
    currencies: SearchStrategy[str] | None = None,
    source_keys: SearchStrategy[str | None] | None = None,
) -> SearchStrategy[RecordedDecision]:
    """Decisions of every verdict, with reasons or without."""
    words = texts(max_size=10)
    facts = st.lists(ids().map(FactId), max_size=2).map(tuple)
    money = st.none() | moneys(currencies=either(currencies, st.just("EUR")))
    return facts_of(
        RecordedDecision,
        subject=symbols(),
        verdict=st.sampled_from(Verdict),
        policy=words,
        membership_id=st.none() | ids().map(MembershipId),
        reasons=st.lists(st.builds(Reason, words, words, facts), max_size=2).map(tuple),
        authority=st.none() | words,
        approved_by=st.none() | words,
        cost=money,
        value=money,
        revokes=st.none() | ids().map(FactId),
        **told(customer_ids, ats, source_keys),
    )
