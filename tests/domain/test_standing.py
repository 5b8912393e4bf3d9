"""Tiers: right at the threshold, monotone in points, and foreseen as they come about (O3, O4)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcore.domain.instants import LATEST
from crmcore.domain.membership import Membership, TierChange, TierReason
from crmcore.domain.periods import Anniversary, Calendar, Expiry, Fixed, Rolling
from crmcore.domain.points import PointsEntry
from crmcore.domain.programme import Programme, Rules, Tier
from crmcore.domain.standing import Standing, counts_of, entitled, period_sums
from crmcore.domain.standing import standing as by_counts
from tests.domain.loyalty import START, TIERS, WHO, a_member, a_programme, counting, day, euros

WINDOWS: list[dict[str, Any]] = [
    {"window": Calendar(), "tier_expiry": Expiry("end_of_next_period")},
    {"window": Calendar(3), "tier_expiry": Expiry("end_of_period")},
    {"window": Calendar(), "tier_expiry": Expiry("after", 12)},
    {"window": Anniversary(), "tier_expiry": Expiry("end_of_next_period")},
    {"window": Rolling(6), "tier_expiry": None},
    {"window": Rolling(12), "tier_expiry": Expiry("after", 6)},
    {"window": Fixed(START, day(500)), "tier_expiry": Expiry("end_of_period")},
]
PROGRAMMES = st.builds(
    lambda window, downgrade, grace: a_programme(**window, downgrade=downgrade, grace=grace),
    st.sampled_from(WINDOWS),
    st.sampled_from(["one_down", "balance_based", "none"]),
    st.sampled_from([0, 0, 30, 45]),
)
DEAR = (Tier("classic"), Tier("silver", 200), Tier("gold", 400), Tier("platinum", 700))
CHANGED = st.builds(
    lambda versions, downgrade, grace: Programme(
        "club",
        [
            Rules(**window, tiers=tiers, downgrade=downgrade, grace=grace, since=day(since))
            for since, (window, tiers) in zip((0, 250, 600), versions, strict=False)
        ],
    ),
    st.lists(
        st.tuples(st.sampled_from(WINDOWS), st.sampled_from([TIERS, DEAR])), min_size=2, max_size=3
    ),
    st.sampled_from(["one_down", "balance_based", "none"]),
    st.sampled_from([0, 0, 30, 45]),
)
"""Rules that change in the middle of a period, the window too."""
VERSIONS = PROGRAMMES | CHANGED
EARNED = st.lists(
    st.tuples(st.integers(0, 1500), st.sampled_from([20, 50, 99, 100, 101, 199, 200, 300, 700])),
    max_size=12,
)


def entries_of(member: Membership, earned: list[tuple[int, int]]) -> list[PointsEntry]:
    return [counting(member, day(number), points) for number, points in earned]


def standing(
    programme: Programme,
    member: Membership,
    entries: Iterable[PointsEntry],
    changes: Iterable[TierChange],
    *,
    at: datetime,
) -> Standing:
    """By a ledger."""
    counts = counts_of(entries).get(member.id, [])
    return by_counts(programme, member, counts, changes, at=at)


def rank(programme: Programme, found: Standing) -> int:
    return programme.rank_of(found.tier)


def kept(programme: Programme, member: Membership, found: Standing) -> list[TierChange]:
    return [
        TierChange(
            customer_id=WHO, membership_id=member.id, programme="club", tier=step.tier,
            at=step.at, until=step.until, reason=step.reason,
        )
        for step in found.steps
    ]  # fmt: skip


def stepwise(
    programme: Programme,
    member: Membership,
    entries: list[PointsEntry],
    instants: list[datetime],
) -> Membership:
    """Advanced at each of these instants, by what had happened until then."""
    changes: list[TierChange] = []
    for at in instants:
        known = [entry for entry in entries if entry.at <= at]
        found = standing(programme, member, known, changes, at=at)
        changes += kept(programme, member, found)
        member = attrs.evolve(
            member, tier=found.tier, tier_since=found.since, tier_until=found.until
        )
    return member


@pytest.mark.parametrize(
    ("points", "tier"),
    [(0, "classic"), (99, "classic"), (100, "silver"), (101, "silver"), (299, "silver"),
     (300, "gold"), (599, "gold"), (600, "platinum"), (601, "platinum")],
)  # fmt: skip
def test_a_tier_begins_at_its_threshold(points: int, tier: str) -> None:
    member = a_member()
    found = standing(a_programme(), member, [counting(member, day(3), points)], [], at=day(3))
    assert found.tier == tier
    before = standing(a_programme(), member, [], [], at=day(3))
    assert before.tier == "classic"


def test_points_spend_or_purchases_reach_a_tier() -> None:
    tiers = (Tier("classic"), Tier("plus", 500, spend=euros(1000), purchases=10))
    programme, member = a_programme(tiers=tiers), a_member()
    for points, spend, purchases, tier in (
        (499, 99_999, 9, "classic"), (500, 0, 0, "plus"),
        (0, 100_000, 0, "plus"), (0, 0, 10, "plus"),
    ):  # fmt: skip
        entry = counting(member, day(1), points, spend=spend, purchases=purchases)
        assert standing(programme, member, [entry], [], at=day(1)).tier == tier


def test_a_calendar_year_is_the_zones() -> None:
    """The last minute of the year in Madrid counts for it, the first of the next one does not."""
    zone = Programme("club", a_programme().rules, zone="Europe/Madrid")
    member = a_member()
    first = counting(member, datetime(2023, 12, 31, 22, 59, 59, tzinfo=UTC), 60)
    second = counting(member, datetime(2023, 12, 31, 23, 0, tzinfo=UTC), 60)
    third = counting(member, datetime(2023, 12, 31, 22, 59, tzinfo=UTC), 60)
    at = datetime(2024, 1, 2, tzinfo=UTC)
    assert standing(zone, member, [first, second], [], at=at).tier == "classic"
    silver = standing(zone, member, [first, third], [], at=at)
    assert silver.tier == "silver"
    assert silver.until == datetime(2024, 12, 31, 23, 0, tzinfo=UTC)


def test_a_rolling_year_lasts_as_long_as_its_days_count() -> None:
    """What counted on the 29th of February counts to the end of the 28th a year later."""
    programme = a_programme(window=Rolling(12), tier_expiry=None)
    member = a_member()
    leap = counting(member, datetime(2024, 2, 29, 12, tzinfo=UTC), 100)
    last = datetime(2025, 3, 1, tzinfo=UTC)
    assert standing(programme, member, [leap], [], at=last - timedelta(milliseconds=1)).tier == (
        "silver"
    )
    fallen = standing(programme, member, [leap], [], at=last)
    assert [(step.tier, step.at, step.reason) for step in fallen.steps] == [
        ("silver", leap.at, TierReason.QUALIFIED), ("classic", last, TierReason.LOWERED),
    ]  # fmt: skip


def test_where_a_member_falls_is_the_policy() -> None:
    """From platinum without activity: one step a year, to nothing at once, or nowhere."""
    member = a_member()
    entry, at = counting(member, day(10), 600), datetime(2025, 1, 1, tzinfo=UTC)
    found = {
        downgrade: standing(a_programme(downgrade=downgrade), member, [entry], [], at=at)
        for downgrade in ("one_down", "balance_based", "none")
    }
    assert [found[name].tier for name in found] == ["gold", "classic", "platinum"]
    assert found["one_down"].until == datetime(2027, 1, 1, tzinfo=UTC)
    assert found["none"].until == LATEST


def test_within_the_grace_a_tier_is_won_back() -> None:
    member, programme = a_member(), a_programme(grace=30)
    year, entry = datetime(2025, 1, 1, tzinfo=UTC), counting(member, day(10), 300)
    soon = counting(member, year + timedelta(days=20), 300)
    late = counting(member, year + timedelta(days=31), 300)
    at = year + timedelta(days=29)
    assert standing(programme, member, [entry], [], at=at).tier == "gold"
    found = standing(programme, member, [entry, soon], [], at=year + timedelta(days=60))
    assert [step.reason for step in found.steps] == [TierReason.QUALIFIED, TierReason.RENEWED]
    found = standing(programme, member, [entry, late], [], at=year + timedelta(days=60))
    assert [step.reason for step in found.steps] == [
        TierReason.QUALIFIED, TierReason.LOWERED, TierReason.QUALIFIED,
    ]  # fmt: skip


def test_a_higher_tier_that_is_reached_in_the_grace_is_entered_then() -> None:
    programme, member = a_programme(grace=30), a_member()
    soon = datetime(2025, 1, 21, tzinfo=UTC)
    bought = [counting(member, day(10), 100), counting(member, soon, 300)]
    found = standing(programme, member, bought, [], at=soon)
    assert (found.tier, found.since) == ("gold", soon)
    assert [step.reason for step in found.steps] == [TierReason.QUALIFIED] * 2


@pytest.mark.parametrize("more", [0, 200])
def test_who_falls_into_the_grace_of_a_lower_tier_has_it_to_the_end_of_that(more: int) -> None:
    """O3: gold and its grace end while silver's own grace lasts; without gold it would last."""
    programme, member = a_programme(window=Rolling(6), tier_expiry=None, grace=45), a_member()
    bought = [counting(member, day(200), 100)]
    bought += [counting(member, day(171), more)] if more else []
    ends = datetime(2024, 1, 21, tzinfo=UTC)  # six months behind the 20th of July
    falls = ends + timedelta(days=45)
    last = standing(programme, member, bought, [], at=falls - timedelta(milliseconds=1))
    assert (last.tier, last.until, last.due_at) == ("silver", ends, falls)
    assert standing(programme, member, bought, [], at=falls).tier == "classic"


def test_what_renews_at_the_instant_of_a_fall_is_dated_behind_it() -> None:
    """Who fell into a grace, and buys at that instant, has two changes of two instants."""
    programme, member = a_programme(window=Rolling(6), tier_expiry=None, grace=45), a_member()
    bought = [counting(member, day(171), 200), counting(member, day(200), 100)]
    falls = datetime(2024, 2, 5, tzinfo=UTC)
    before = standing(programme, member, bought, [], at=falls)
    held = attrs.evolve(member, tier=before.tier, tier_since=before.since, tier_until=before.until)
    bought += [counting(member, falls, 100)]
    changes = kept(programme, member, before)
    found = standing(programme, held, bought, changes, at=falls + timedelta(days=1))
    assert [(step.tier, step.at) for step in found.steps] == [
        ("silver", falls + timedelta(milliseconds=1))
    ]


def test_whose_grace_lasts_is_in_that_tier_without_a_promotion() -> None:
    """And who is promoted in the grace of a tier and loses that has the rest of the grace."""
    programme, member = a_programme(grace=45), a_member()
    earn, year = counting(member, day(10), 100), datetime(2025, 1, 1, tzinfo=UTC)
    for days, tier in ((0, "silver"), (44, "silver"), (45, "classic")):
        counts = counts_of([earn])[member.id]
        found = entitled(programme, member, counts, [], at=year + timedelta(days=days))
        assert found == (tier, year if tier == "silver" else LATEST)


def test_what_comes_back_lowers_no_tier_before_its_end() -> None:
    """O3: a tier once given is kept, and is not renewed by what came back."""
    member, programme = a_member(), a_programme()
    earn = counting(member, day(10), 300)
    given = standing(programme, member, [earn], [], at=day(11))
    back = attrs.evolve(earn, at=day(20), qualifying=-300, qualifies_at=earn.at)
    held = attrs.evolve(member, tier="gold", tier_since=day(10), tier_until=given.until)
    changes = kept(programme, member, given)
    assert standing(programme, held, [earn, back], changes, at=day(30)).tier == "gold"
    assert standing(programme, held, [earn, back], changes, at=given.until).tier == "classic"
    assert standing(programme, member, [earn, back], [], at=day(30)).tier == "classic"


@given(VERSIONS, EARNED, st.integers(0, 2500))
def test_steps_alternate_and_run_forward(
    programme: Programme, earned: list[tuple[int, int]], until: int
) -> None:
    member = a_member()
    found = standing(programme, member, entries_of(member, earned), [], at=day(until))
    assert [step.at for step in found.steps] == sorted(step.at for step in found.steps)
    assert all(step.at <= day(until) for step in found.steps)
    grace = timedelta(days=programme.rules[0].grace)
    for step in found.steps:
        into_grace = step.reason is TierReason.LOWERED and step.at - grace < step.until
        assert step.at < step.until or into_grace
    assert found.due_at > day(until)
    if found.steps:
        assert (found.steps[-1].tier, found.steps[-1].until) == (found.tier, found.until)


@given(VERSIONS, EARNED, st.lists(st.integers(0, 2500), max_size=8), st.integers(0, 2500))
def test_advancing_often_or_once_is_the_same(
    programme: Programme, earned: list[tuple[int, int]], often: list[int], last: int
) -> None:
    """O4: the tier at an instant does not depend on when `advance` ran before it. `tier_until` is a
    lower bound: what is earned meanwhile counts at that end.
    """
    member = a_member()
    entries = entries_of(member, earned)
    at = day(last)
    once = stepwise(programme, member, entries, [at])
    instants = [*sorted(day(number) for number in often if number < last), at]
    more = stepwise(programme, member, entries, instants)
    assert (more.tier, more.tier_since) == (once.tier, once.tier_since)


@given(VERSIONS, EARNED, st.integers(0, 1500), st.integers(0, 1000))
def test_a_projection_is_what_then_comes_about(
    programme: Programme, earned: list[tuple[int, int]], now: int, later: int
) -> None:
    """O4: told today, without further activity, and evaluated at that date."""
    member = a_member()
    entries = [entry for entry in entries_of(member, earned) if entry.at <= day(now)]
    told = standing(programme, member, entries, [], at=day(now + later))
    then = stepwise(programme, member, entries, [day(now), day(now + later)])
    assert (told.tier, told.until) == (then.tier, then.tier_until)


@given(VERSIONS, EARNED, st.tuples(st.integers(0, 1500), st.integers(1, 500)), st.integers(0, 2500))
def test_more_points_never_lower_a_tier(
    programme: Programme, earned: list[tuple[int, int]], more: tuple[int, int], last: int
) -> None:
    """O3."""
    member = a_member()
    fewer = [entry for entry in entries_of(member, earned) if entry.at <= day(last)]
    all_ = fewer + [entry for entry in entries_of(member, [more]) if entry.at <= day(last)]
    before = standing(programme, member, fewer, [], at=day(last))
    after = standing(programme, member, all_, [], at=day(last))
    assert rank(programme, after) >= rank(programme, before)


@given(VERSIONS, EARNED, st.integers(0, 1500))
def test_what_is_missing_makes_the_next_tier_and_a_point_less_does_not(
    programme: Programme, earned: list[tuple[int, int]], now: int
) -> None:
    """O4: what counts, as it is told, is what the next purchase adds to."""
    member = a_member()
    entries = [entry for entry in entries_of(member, earned) if entry.at < day(now)]
    at = day(now) + timedelta(milliseconds=2)
    held = rank(programme, standing(programme, member, entries, [], at=at))
    rules = programme.rules_from(at)
    if isinstance(rules.window, Fixed) and at >= rules.window.until:
        return
    sums, _ = period_sums(programme, member, counts_of(entries).get(member.id, []), at)
    reached = sums.rank(rules)
    for place, tier in enumerate(rules.tiers[1:], 1):
        asked = tier.points or 0
        for points in {asked - sums.points, asked - sums.points - 1}:
            if points > 0:
                bought = [*entries, counting(member, at, points)]
                later = at + timedelta(milliseconds=1)
                found = rank(programme, standing(programme, member, bought, [], at=later))
                enough = place if sums.points + points >= asked else place - 1
                assert found == max(held, reached, enough)


def test_rules_changed_in_the_middle_of_a_period_hold_from_then_on() -> None:
    """What was earned before reaches by the rules of then; what comes later by the new ones."""
    dear = (Tier("classic"), Tier("silver", 200), Tier("gold", 600))
    cheap = (Tier("classic"), Tier("silver", 100), Tier("gold", 300))
    changed = Programme("club", [Rules(tiers=cheap), Rules(tiers=dear, since=day(100))])
    member = a_member()
    early = counting(member, day(99), 100)
    late = counting(member, day(101), 100)
    assert standing(changed, member, [early], [], at=day(200)).tier == "silver"
    assert standing(changed, member, [late], [], at=day(200)).tier == "classic"
    assert standing(changed, member, [early, late], [], at=day(200)).tier == "silver"


HELD: dict[str, Any] = {"window": Rolling(12), "tier_expiry": None}


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ({"window": Calendar(6)}, {"window": Calendar()}),
        ({"window": Calendar()}, {"window": Calendar(6)}),
        ({"window": Calendar(6)}, HELD),
        (HELD, {"window": Calendar()}),
        ({"window": Anniversary(3)}, {"window": Rolling(9), "tier_expiry": Expiry("after", 6)}),
        ({"window": Fixed(START, day(150))}, {"window": Fixed(START, day(400))}),
    ],
)
@pytest.mark.parametrize(("more", "tier"), [(39, "classic"), (40, "silver"), (41, "silver")])
def test_what_a_period_held_before_its_window_was_the_rule_counts_in_it(
    before: dict[str, Any], behind: dict[str, Any], more: int, tier: str
) -> None:
    """O4: 60 points of July or August, and what is missing of 100 in September."""
    rules = [Rules(tiers=TIERS, **before), Rules(tiers=TIERS, **behind, since=day(242))]
    programme, member = Programme("club", rules), a_member()
    bought = [counting(member, day(212), 60), counting(member, day(245), more)]
    counts = counts_of(bought)[member.id]
    assert period_sums(programme, member, counts, day(245))[0].points == 60 + more
    assert standing(programme, member, bought, [], at=day(250)).tier == tier


@pytest.mark.parametrize("often", [True, False])
@pytest.mark.parametrize("more", [True, False])
def test_a_point_earned_under_dearer_rules_takes_nothing_that_was_reached(
    more: bool, often: bool
) -> None:
    """O3: what reached a tier under the rules of then holds it as long as those say."""
    dear = Rules(tiers=(Tier("classic"), Tier("silver", 200)), since=day(181), **HELD)
    cheap = Rules(tiers=(Tier("classic"), Tier("silver", 100)), **HELD)
    programme, member = Programme("club", [cheap, dear]), a_member()
    bought = [counting(member, day(120), 150)]
    bought += [counting(member, day(212), 1)] if more else []
    found = stepwise(programme, member, bought, [day(121), day(250)] if often else [day(250)])
    assert (found.tier, found.tier_until) == ("silver", datetime(2024, 5, 2, tzinfo=UTC))
