"""`crmcore loyalty`: programmes of a stored model, one member's card, who is near a tier."""

from __future__ import annotations

import csv
import stat
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

import crmcore
from crmcore import Backend
from crmcore.services import liability, members_by_tier, near_fall, near_promotion, tier_spend
from crmcore.testing import FrozenClock
from tests.cli.terminals import Shell
from tests.report.club import CLUB, MODEL, fill_club

AT = datetime(2025, 11, 15, 23, tzinfo=UTC)
DAY = ("--at", "2025-11-16")
ONLY = attrs.evolve(MODEL, programmes=[CLUB])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store that a program made, with a club of twelve."""
    folder = tmp_path_factory.mktemp("club")
    backend = connected(folder)
    backend.migrate()
    fill_club(backend, count=12)
    backend.close()
    return folder


def connected(folder: Path) -> Backend:
    url = f"sqlite:///{folder / 'crm.db'}"
    return crmcore.connect(url, model=ONLY, clock=FrozenClock())


@pytest.fixture
def club(store: Path) -> Shell:
    return Shell(store, {})


def test_it_lists_programmes_under_the_stored_model(club: Shell, store: Path):
    (told,) = club("loyalty", "--json").json["programmes"]

    assert (told["programme"], told["tiers"]) == ("club", list(CLUB.tiers))
    assert told["members"] == 12
    assert "classic < silver < gold < black" in club("loyalty").out


def test_show_says_what_the_services_say(club: Shell, store: Path):
    (told,) = club("loyalty", "show", *DAY, "--json").json["programmes"]
    backend = connected(store)
    owed = liability(backend, "club", at=AT)
    until = AT + timedelta(milliseconds=1)
    spend = tier_spend(backend, "club", since=until - timedelta(days=365), until=until)

    assert (told["points"], told["ending"]) == (owed.points, dict(owed.ending))
    assert told["liability"] == {"amount": str(owed.amount.amount), "currency": "EUR"}
    assert {t["tier"]: (t["members"], t["purchases"]) for t in told["tiers"]} == {
        name: (own.members, own.purchases) for name, own in spend.items()
    }
    assert {t["tier"]: t["members"] for t in told["tiers"]} == members_by_tier(
        backend, "club", at=AT
    )
    assert (told["tiers"][2]["asks_points"], told["tiers"][2]["asks_purchases"]) == (450, 12)
    shown = club("loyalty", "show", "club", *DAY).out
    assert "450 points or 12 purchases" in shown
    assert f"{owed.points:,} open points" in shown
    assert f"Liability {owed.amount.amount} EUR" in shown


def test_a_card_says_tier_points_what_is_missing_and_when_they_fall(club: Shell, store: Path):
    told = club("loyalty", "card", "C-3", *DAY, "--json").json
    backend = connected(store)
    with backend.reading() as uow:
        member = uow.memberships.find_by_number("C-3", "club")
        assert member is not None
        foreseen = uow.memberships.project(member, at=AT)
    assert foreseen.to_next is not None
    assert foreseen.falls_at is not None

    assert told["customer"] == str(member.customer_id)
    assert told["tier"] == foreseen.tier
    assert told["points"] + told["pending"] == foreseen.points
    assert told["to_next"]["points"] == foreseen.to_next.points
    assert told["falls_at"] == foreseen.falls_at.isoformat()
    shown = club("loyalty", "card", "C-3", *DAY).out
    assert f"{foreseen.to_next.points} points" in shown
    assert f"to {foreseen.falls_to} on 2026-01-01, if nothing happens" in shown


def test_a_card_names_nobody_without_being_asked(club: Shell):
    for given in ((), ("--json",)):
        assert "Member 3" not in club("loyalty", "card", "C-3", *DAY, *given).out
        assert "C-3" not in club("loyalty", "card", "C-3", *DAY, *given).out
        assert "Member 3" in club("loyalty", "card", "C-3", *DAY, "--personal", *given).out


def test_a_card_that_there_is_not_is_not_told_either(club: Shell):
    told = club("loyalty", "card", "C-999", code=1).err

    assert "C-999" not in told
    assert "Check the number and --programme" in told


def test_who_is_near_is_listed_nearest_first(club: Shell, store: Path):
    told = club("loyalty", "near", *DAY, "--json").json
    backend = connected(store)
    rising = list(near_promotion(backend, "club", at=AT))
    falling = list(near_fall(backend, "club", at=AT, until=AT + timedelta(days=90)))

    for name, found in (("promotion", rising), ("fall", falling)):
        assert told[name]["count"] == len(found) > 1
        ids = [one["membership"] for one in told[name]["members"]]
        assert sorted(ids) == sorted(str(one.membership_id) for one in found)
        gaps = [one["share_missing"] for one in told[name]["members"]]
        assert gaps == sorted(gaps)
    shown = club("loyalty", "near", *DAY).out
    assert "Near the next tier" in shown
    assert "Near a fall" in shown
    assert "points or" in shown


def test_a_tier_a_share_and_a_limit_choose_among_them(club: Shell):
    everybody = club("loyalty", "near", *DAY, "--json").json
    to_gold = club("loyalty", "near", *DAY, "--to", "gold", "--json").json
    closest = club("loyalty", "near", *DAY, "--limit", "1", "--within", "0.05", "--json").json
    none = club("loyalty", "near", *DAY, "--until", "2025-11-17", "--json").json

    for name in ("promotion", "fall"):
        towards = [one["towards"] for one in everybody[name]["members"]]
        assert to_gold[name]["count"] == towards.count("gold")
        assert closest[name]["members"] == everybody[name]["members"][:1]
    assert closest["promotion"]["count"] == 1
    assert none["fall"] == {"count": 0, "members": []}


def test_all_of_them_are_written_to_a_file(club: Shell, store: Path):
    told = club("loyalty", "near", *DAY, "--limit", "1", "--csv", "near.csv")
    everybody = club("loyalty", "near", *DAY, "--json").json
    with (store / "near.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert told.out.endswith("all in near.csv.\n")
    assert "Near a fall" not in told.out
    assert Counter(row["list"] for row in rows) == {
        name: everybody[name]["count"] for name in ("promotion", "fall")
    }
    named = {one["membership"]: one for one in everybody["promotion"]["members"]}
    for row in rows:
        if row["list"] == "promotion":
            one = named[row["membership"]]
            assert row["points_missing"] == str(one["points_missing"] or "")
            assert row["by"] == one["by"]
    assert stat.S_IMODE((store / "near.csv").stat().st_mode) & 0o400


def test_a_narrow_terminal_breaks_no_id(club: Shell):
    shown = club.on_terminal("loyalty", "near", *DAY, columns=80).text
    lists = shown.partition("Near the next tier")[2]

    assert "\ntowards   " in lists
    assert lists.count("\nid ") == 8
    assert max(map(len, lists.splitlines())) <= 100


def test_advance_says_what_fell_due_and_changes_nothing_of_what_was(tmp_path: Path):
    backend = connected(tmp_path)
    backend.migrate()
    fill_club(backend, count=3)
    backend.close()
    shell = Shell(tmp_path, {})
    before = [shell("loyalty", *asked, *DAY).out for asked in (("card", "C-3"), ("near",))]
    first = shell("advance", "--at", "2026-08-01", "--json").json
    again = shell("advance", "--at", "2026-08-01").out

    assert first["programmes"]["club"]["members"] == 3
    assert first["programmes"]["club"]["tier_changes"] >= 3
    assert "club: 0 members due, 0 entries of points, 0 tier changes." in again
    after = [shell("loyalty", *asked, *DAY).out for asked in (("card", "C-3"), ("near",))]
    assert after == before


def test_what_cannot_be_done_is_told_in_one_line(club: Shell):
    for arguments, words in (
        (["near", "--to", "platinum"], "--to: is none of classic, silver, gold, black"),
        (["near", "klub"], "PROGRAMME: is none of club"),
        (["near", "--within", "2"], "--within: must be above 0 and at most 1"),
        (["near", "--limit", "-1"], "--limit: must not be negative"),
        (["show", "klub"], "PROGRAMME: is none of club"),
        (["card", "C-1", "--programme", "klub"], "--programme: is none of club"),
        (["enrol"], "show, card, near"),
    ):
        assert words in club("loyalty", *arguments, code=2).err


def test_of_several_programmes_one_is_named(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    crmcore.connect(url, model=MODEL).migrate()
    shell = Shell(tmp_path, {})

    assert "says which: club, partner_club" in shell("loyalty", "card", "C-1", code=2).err
    assert "0 members" in shell("loyalty", "near", "partner_club").out
    shown = shell("loyalty", "show").out
    assert "club: 0 members" in shown
    assert "partner_club: 0 members" in shown


def test_a_store_without_a_programme_says_so(shop: Shell):
    assert "no loyalty programme" in shop("loyalty").out
    assert "no loyalty programme" in shop("loyalty", "show").out
    assert shop("loyalty", "--json").json == {"programmes": []}
    assert shop("advance", "--json").json["programmes"] == {}
    assert "no loyalty programme" in shop("loyalty", "near", code=2).err
