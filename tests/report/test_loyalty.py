"""The loyalty sections agree with counts made without them, member by member, in plain Python."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import mean
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

import crmcore
from crmcore import Backend, Model
from crmcore.domain.membership import Membership
from crmcore.domain.periods import Expiry
from crmcore.domain.points import PointsBalance, PointsEntry
from crmcore.domain.programme import Programme, Rules, Tier
from crmcore.report import write_report
from crmcore.services import liability, near_fall, near_promotion, tier_flow, tier_spend
from crmcore.testing import FrozenClock, a_customer, an_order
from tests.report.club import AT, CLUB, MODEL, fill_club
from tests.report.pages import Page

MADRID = ZoneInfo("Europe/Madrid")
MS = timedelta(milliseconds=1)
EARLIER = datetime(2025, 6, 14, 22, tzinfo=UTC)
"""Midnight of another day: all that came later is unknown."""


@pytest.fixture(scope="module")
def club() -> Backend:
    backend = crmcore.connect("memory://", model=MODEL, clock=FrozenClock())
    backend.migrate()
    fill_club(backend)
    return backend


@pytest.fixture(scope="module", params=[AT, EARLIER], ids=["now", "earlier"])
def at(request: pytest.FixtureRequest) -> datetime:
    found: datetime = request.param
    return found


@pytest.fixture(scope="module")
def page(club: Backend, at: datetime, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(write_report(club, tmp_path_factory.mktemp("club") / "report.html", at=at))


def number(cell: str) -> int:
    return int(cell.replace(",", ""))


def members_then(club: Backend, at: datetime) -> dict[UUID, tuple[Membership, str]]:
    """The members of that time, each with the last tier that a fact gave them."""
    with club.reading() as uow:
        found = {member.id: member for member in uow.memberships.stream() if member.at < at}
        tiers = {}
        for id, member in found.items():
            changes = [c for c in uow.tier_changes.of(member.customer_id) if c.at < at]
            held = {c.previous for c in changes if c.at == changes[-1].at}
            last = [c for c in changes if c.at == changes[-1].at]
            (tiers[id],) = {c.tier for c in last} - (held if len(last) > 1 else set())
    return {id: (member, tiers[id]) for id, member in found.items()}


def entries_then(club: Backend, at: datetime) -> list[PointsEntry]:
    with club.reading() as uow:
        everybody = uow.memberships.stream()
        return [e for m in everybody for e in uow.points.of(m.customer_id) if e.at < at]


def test_members_by_tier(club, page, at):
    held = Counter(tier for _, tier in members_then(club, at).values())

    assert page.tables["Members of club by tier"][1:] == [
        [tier, str(held[tier]), row[2]]
        for tier, row in zip(CLUB.tiers, page.tables["Members of club by tier"][1:], strict=True)
    ]
    assert f"{sum(held.values())} members" in page.text


def test_tier_changes_by_month_and_from_tier_to_tier(club, page, at):
    ranks = {tier: rank for rank, tier in enumerate(CLUB.tiers)}
    by_month: Counter[tuple[str, str]] = Counter()
    with club.reading() as uow:
        for member in uow.memberships.stream():
            for c in uow.tier_changes.of(member.customer_id):
                if c.at < at:
                    before = ranks.get(c.previous, -1)
                    step = (ranks[c.tier] > before) - (ranks[c.tier] < before)
                    kind = ("renewed", "risen", "fallen")[step]
                    kind = "joined" if c.previous is None else kind
                    by_month[f"{c.at.astimezone(MADRID):%b %Y}", kind] += 1
    header, *rows = page.tables["Tier changes in club by month"]
    shown = {
        (row[0], kind.lower()): number(cell)
        for row in rows for kind, cell in zip(header[1:], row[1:], strict=True) if cell != "0"
    }  # fmt: skip

    assert shown == dict(by_month)
    since = at.astimezone(MADRID).replace(year=at.year - 1)
    flow = tier_flow(club, "club", since=since, until=at)
    shown = {
        (None if row[0] == "not a member" else row[0], tier): number(cell)
        for row in page.tables["From tier to tier in club, in a year"][1:]
        for tier, cell in zip(CLUB.tiers, row[1:], strict=True) if cell != "0"
    }  # fmt: skip
    assert shown == flow
    assert len(flow) > 6


def test_points_by_month_and_where_they_went(club, page, at):
    entries = entries_then(club, at)
    months: dict[str, list[PointsEntry]] = {}
    for entry in entries:
        months.setdefault(f"{entry.at.astimezone(MADRID):%b %Y}", []).append(entry)
    sums = {month: PointsBalance.of(some) for month, some in months.items()}
    earned = {r[0]: number(r[1]) for r in page.tables["Points earned in club by month"][1:]}
    title = "Points spent, expired and reversed in club by month"
    gone = {r[0]: tuple(map(number, r[1:])) for r in page.tables[title][1:]}

    assert {month: n for month, n in earned.items() if n} == {
        month: own.earned for month, own in sums.items() if own.earned
    }
    assert {m: n for m, n in gone.items() if any(n)} == {
        m: found for m, s in sums.items() if any(found := (s.spent, s.expired, s.reversed))
    }
    total = PointsBalance.of(entries)
    assert f"{total.earned:,} points earned" in page.text


def test_open_points_and_their_liability(club, page, at):
    owed = liability(club, "club", at=at - MS)
    rows = page.tables["Open points in club by month of expiry"][1:]
    shown = {f"{datetime.strptime(r[0], '%b %Y'):%Y-%m}": number(r[1]) for r in rows}  # noqa: DTZ007

    assert {month: n for month, n in shown.items() if n} == dict(owed.ending)
    assert f"a liability of {owed.amount.amount:,} EUR" in page.text
    assert f"{owed.points:,} points open" in page.text
    costs = [Decimal(r[2].removesuffix(" EUR").replace(",", "")) for r in rows]
    assert abs(sum(costs) - owed.amount.amount) <= Decimal("0.01") * len(costs)
    assert owed.redemption_rate == pytest.approx(
        (s := PointsBalance.of(entries_then(club, at))).spent / (s.spent + s.expired)
    )


def test_spend_of_each_tier(club, page, at):
    """The orders, less what came back of them, of whom each tier holds."""
    held = members_then(club, at)
    since = at.astimezone(MADRID).replace(year=at.year - 1)
    bought: dict[str, list[list[Decimal]]] = {tier: [] for tier in CLUB.tiers}
    with club.reading() as uow:
        for member, tier in held.values():
            orders = [o for o in uow.orders.of(member.customer_id) if since <= o.at < at]
            worth = [
                o.total.amount - sum(r.amount.amount for r in uow.returns.of_order(o.id))
                for o in orders
            ]  # fmt: skip
            bought[tier].append(worth)
    rows = {r[0]: r[1:] for r in page.tables["Spend of a member of club in a year, by tier"][1:]}

    for tier, members in bought.items():
        if not members:
            assert tier not in rows
            continue
        count, buyers, _, each, spent_each, spent = rows[tier]
        assert (number(count), number(buyers)) == (len(members), sum(map(bool, members)))
        assert each == f"{mean(map(len, members)):.2f}"
        assert spent == f"{sum(map(sum, members)):,.2f} EUR"
        assert Decimal(spent_each[:-4].replace(",", "")) == pytest.approx(
            sum(map(sum, members)) / len(members), abs=Decimal("0.006")
        )
    told = tier_spend(club, "club", since=since, until=at)
    assert {t: (s.members, s.spend.amount) for t, s in told.items()} == {
        t: (len(m), sum(map(sum, m), Decimal(0))) for t, m in bought.items()
    }


def test_who_is_near_a_tier(club, page, at):
    later = (at.astimezone(MADRID) - MS).month + 3
    until = at.astimezone(MADRID).replace(year=at.year + later // 13, month=(later - 1) % 12 + 1)
    for title, found in (
        ("Members of club near the next tier", near_promotion(club, "club", at=at - MS)),
        ("Members of club near a fall", near_fall(club, "club", at=at - MS, until=until - MS)),
    ):
        groups = Counter(f"{c.tier} to {c.towards}" for c in found)
        rows = page.tables.get(title, [[]])[1:]
        assert {row[0]: number(row[1]) for row in rows} == dict(groups)
        assert groups


def test_an_earlier_instant_is_told_as_it_was_told_then(tmp_path):
    """What happens later changes nothing of who was near, nor of what was owed."""
    told = []
    for later in (False, True):
        backend = crmcore.connect("memory://", model=MODEL, clock=FrozenClock())
        backend.migrate()
        with backend.unit_of_work(source="till") as uow:
            who = uow.customers.add(a_customer("Ana", at=EARLIER - timedelta(days=90)))
            uow.memberships.enrol(who.id, "club", at=EARLIER - timedelta(days=90))
            orders = [an_order(who, "180", at=EARLIER - timedelta(days=30), nth=1)]
            orders += [an_order(who, "900", at=EARLIER + timedelta(days=3), nth=2)] if later else []
            uow.orders.add_many(orders)
            uow.memberships.earn_many(orders)
        if later:
            crmcore.services.advance(backend, at=EARLIER + timedelta(days=400))
        folder = tmp_path / str(later)
        folder.mkdir()
        page = Page(write_report(backend, folder / "report.html", at=EARLIER))
        told.append({title: rows for title, rows in page.tables.items() if "club" in title})

    assert told[0] == told[1]
    assert told[0]["Members of club near the next tier"][1][:4] == [
        "classic to silver", "1", "10%", "20",
    ]  # fmt: skip


def test_decisions_with_their_cost_and_gain(club, tmp_path):
    page = Page(write_report(club, tmp_path / "report.html", at=AT))
    rows = {r[0]: r[1:] for r in page.tables["Decisions about members of club, in a year"][1:]}
    with club.reading() as uow:
        everything = [
            d for m in uow.memberships.stream() for d in uow.decisions.of(m.customer_id)
        ]  # fmt: skip
    revoked = {d.revokes for d in everything} - {None}
    for subject, (taken, hold, refused, waiting, back, cost, gain) in rows.items():
        own = [d for d in everything if d.subject == subject.replace(" ", "_") and not d.revokes]
        holding = [d for d in own if d.holds and d.id not in revoked]
        assert [taken, hold, back] == [
            str(len(own)), str(len(holding)), str(sum(d.id in revoked for d in own)),
        ]  # fmt: skip
        assert number(refused) + number(waiting) == len(own) - len(holding) - number(back)
        assert cost == f"{sum(d.cost.amount for d in holding if d.cost):,.2f} EUR"
        assert gain == f"{sum(d.value.amount for d in holding if d.value):,.2f} EUR"

    assert set(rows) == {"early promotion", "retention bonus", "upgrade"}
    assert rows["upgrade"][:4] == ["2", "1", "0", "1"]


def test_a_programme_that_nobody_joined_says_so_and_without_one_there_is_no_section(club, tmp_path):
    page = Page(write_report(club, tmp_path / "report.html", at=AT))
    assert "Loyalty: partner club Nobody had joined this programme." in page.text

    bare = crmcore.connect("memory://", model=Model())
    bare.migrate()
    assert "Loyalty" not in Page(write_report(bare, tmp_path / "bare.html", at=AT)).text


def test_points_without_end_and_debts_are_told(tmp_path):
    """A debt takes off what is owed, and has no column."""
    rules = Rules(tiers=[Tier("one"), Tier("two", 500)], expiry=Expiry("never"))
    model = Model(programmes=[Programme("club", rules, point_cost="0.5")])
    backend = crmcore.connect("memory://", model=model)
    backend.migrate()
    begin = datetime(2025, 1, 2, tzinfo=UTC)
    with backend.unit_of_work(actor="Ines") as uow:
        for nth, points in enumerate((100, 40), 1):
            who = uow.customers.add(a_customer(at=begin, nth=nth))
            member = uow.memberships.enrol(who.id, "club", at=begin)
            member = uow.memberships.bonus(member, points, at=begin)
            if nth == 2:
                uow.memberships.adjust(member, -40, at=begin + timedelta(days=40), reason="error")
    page = Page(write_report(backend, tmp_path / "report.html", at=AT))

    assert page.tables["Open points in club by month of expiry"][1:] == [
        ["never", "100", "50.00 EUR"]
    ]
    assert page.tables["Points earned in club by month"][1:] == [
        ["Jan 2025", "140"], ["Feb 2025", "-40"],
    ]  # fmt: skip
    assert "A sum below zero is in the figures, and has no column." in page.text
    assert "No points had been spent, had expired or come back." in page.text
    assert "no member bought anything" in page.text


def test_the_page_names_no_member_in_it(club, tmp_path: Path):
    page = Page(write_report(club, tmp_path / "report.html", at=AT, personal=False))

    assert "Member 1" not in page.source
    assert "C-1" not in page.source
