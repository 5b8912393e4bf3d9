"""The histories of members can fail: each bug planted here is found by them."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from crmcore.adapters.memory import MemoryStore
from crmcore.adapters.memory.transaction import MemoryTransaction
from crmcore.domain import (
    foresight,
    ledger,
    member_tiers,
    memberships,
    periods,
    reversing,
    standing,
)
from crmcore.domain.errors import CrmError
from crmcore.domain.instants import LATEST
from crmcore.domain.ledger import Posting
from crmcore.domain.membership import Membership
from crmcore.domain.memberships import Memberships
from crmcore.domain.points import LotPart, Movement
from crmcore.domain.programme import Programme, Rules
from crmcore.testing import FrozenClock
from crmcore.testing.contract import BackendContract, loyalty_machine_of
from crmcore.testing.contract.loyalty import LOYALTY
from crmcore.testing.contract.segments import migrated
from tests.contract.conftest import memory_make
from tests.contract.test_planted_bugs import commit_late, let_everybody_write

NOTICED = (AssertionError, CrmError, pytest.fail.Exception)
DAY = timedelta(days=1)

REACHED = Rules.rank_reached


def ask_for_more(self, points, spend, purchases):
    return REACHED(self, points - 1, spend - 1, purchases - 1)


def end_a_day_early(self, at, end=periods.Expiry.end, **more):
    found = end(self, at, **more)
    return found if found == LATEST else found - DAY


def end_a_moment_late(programme, member, at, due=ledger.fallen_due):
    return due(programme, member, at - timedelta(milliseconds=1))


def settle_nothing(lots, id):
    return list(lots), []


def redeem_the_last_first(lots, points, order, taken=ledger._taken):
    left, parts = list(lots), []
    while points:
        found = taken(left, 2**53, order)[1]
        if not found:
            break
        id, some = found[-1].lot, min(points, -found[-1].points)
        left = [attrs.evolve(k, points=k.points - some) if k.id == id else k for k in left]
        parts.append(LotPart(id, -some))
        points -= some
    return left, parts


def round_each_part(  # noqa: PLR0917
    programme, member, order, fact, returns, reversal=reversing.reversal, **more
):
    return reversal(programme, member, order, fact, returns=(), **more)


def count_again(  # noqa: PLR0917
    self, member, movement, points, at, more, once=Memberships._once
):
    return once(self, member, movement, points, at, more | {"source_key": None})


def ignore_the_grace(programme, until):
    return until


def wait_for_nothing(programme, member, points, gain=ledger.gain, **more):
    if more["movement"] is Movement.EARN:
        more["movement"] = Movement.BONUS
    return gain(programme, member, points, **more)


def forget_when_it_qualified(*given, qualifies_at, at, reverse=ledger.reverse, **more):
    return reverse(*given, at=at, qualifies_at=at, **more)


def renew_nothing(rights, rank, until, fall):
    return None


def keep_the_rules_of_now(self, at):
    return self.rules[-1]


def forget_the_zone(at, zone):
    return at.date()


def lose_the_end(programme, member, points, *, expires_at=None, gain=ledger.gain, **more):
    return gain(programme, member, points, **more)


def fall_due_never(member, lots, entry, behind=ledger._with):
    return attrs.evolve(behind(member, lots, entry), due_at=LATEST)


def forget_what_comes_later(programme, member, *given, at, known=standing.standing, **more):
    found = known(programme, member, *given, at=at, **more)
    rank = programme.rank_of(found.tier)
    return attrs.evolve(found, due_at=found.until if rank else LATEST)


def let_it_hold(programme, member, entries, changes, rights=standing._rights):
    kept = [attrs.evolve(c, decision_id=None) for c in changes]
    return rights(programme, member, entries, kept)


def foresee_no_end(programme, member, at):
    return Posting(member, ())


def fall_to_the_bottom(programme, rights, rank, at):
    return 0, LATEST


def end_with_the_higher_tier(programme, rights, at, least=0, lasting=standing._lasting):
    return lasting(programme, [r for r in rights if at < r.until], at, least)


def begin_with_the_window(begin, earned, place):
    return begin, 0, 0, 0


def begin_with_the_rules(  # noqa: PLR0917
    rules, window, earned, first, zone, stretches=standing._stretches
):
    return stretches(rules, window, [own for own in earned if own[0] >= first], first, zone)


def end_with_the_rules(programme, earned, stretches=standing._while_it_holds):
    later = [rules.since for rules in programme.rules[1:]]
    for right in stretches(programme, earned):
        yield right._replace(until=min([right.until, *(at for at in later if at > right.since)]))


def pay_with_what_is_pending(member):
    return member.points


def earn_each_time(self, kind, source, keys):
    return set()


BUGS = {
    "a threshold that asks for more": (Rules, "rank_reached", ask_for_more),
    "an end a day early": (periods.Expiry, "end", end_a_day_early),
    "an end a moment late": (ledger, "fallen_due", end_a_moment_late),
    "a debt that is not settled": (ledger, "_settled", settle_nothing),
    "the last points redeemed first": (ledger, "_taken", redeem_the_last_first),
    "returns rounded each alone": (memberships, "reversal", round_each_part),
    "a key that counts twice": (Memberships, "_once", count_again),
    "entries recorded twice": (MemoryTransaction, "keyed", earn_each_time),
    "a grace that is ignored": (standing, "_after_grace", ignore_the_grace),
    "points that never wait": (ledger, "gain", wait_for_nothing),
    "pending points as active ones": (Membership, "active", property(pay_with_what_is_pending)),
    "returns that count from today": (reversing, "reverse", forget_when_it_qualified),
    "tiers that are not renewed": (standing, "_again", renew_nothing),
    "the rules of today for what was": (Programme, "rules_at", keep_the_rules_of_now),
    "days of another zone": (periods, "_local_day", forget_the_zone),
    "transferred points without their end": (ledger, "gain", lose_the_end),
    "what never falls due": (ledger, "_with", fall_due_never),
    "what comes later forgotten": (member_tiers, "standing", forget_what_comes_later),
    "a revoked decision that holds": (standing, "_rights", let_it_hold),
    "a projection in which nothing ends": (vars(foresight)["ledger"], "fallen_due", foresee_no_end),
    "a grace that ends with a higher tier": (standing, "_lasting", end_with_the_higher_tier),
    "a period that begins with its window": (standing, "_since", begin_with_the_window),
    "a rolling window that begins with its rules": (standing, "_stretches", begin_with_the_rules),
    "what was reached ends with its rules": (standing, "_while_it_holds", end_with_the_rules),
    "a fall to the bottom": (standing, "_fallen", fall_to_the_bottom),
}


def lived(times: int) -> None:
    effort = settings(
        max_examples=times, stateful_step_count=30, deadline=None, database=None,
        report_multiple_bugs=False, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    machine = loyalty_machine_of(memory_make(MemoryStore()))
    run_state_machine_as_test(seed(1)(machine), settings=effort)


@pytest.mark.parametrize("bug", BUGS)
def test_a_history_of_members_notices(bug: str, monkeypatch):
    owner, name, planted = BUGS[bug]
    monkeypatch.setattr(owner, name, planted)

    with pytest.raises(NOTICED):
        lived(400)


def test_without_a_bug_no_history_of_members_is_noticed():
    lived(30)


def test_redemptions_that_do_not_wait_for_each_other_are_noticed(memory, monkeypatch):
    """The control of the promise about threads: nobody holds the membership."""
    promise = BackendContract().test_two_redemptions_at_once_do_not_overspend
    promise(migrated(memory, FrozenClock(), LOYALTY))
    other = migrated(memory_make(MemoryStore()), FrozenClock(), LOYALTY)
    monkeypatch.setattr(MemoryStore, "acquire", let_everybody_write)
    monkeypatch.setattr(MemoryTransaction, "commit", commit_late)

    with pytest.raises(NOTICED):
        promise(other)
