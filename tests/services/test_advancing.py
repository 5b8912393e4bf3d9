"""Time acts by facts: `advance` makes the moves that are due, and dates them right."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import Customer, InvalidInput, Refused, field
from crmcore.adapters.backend import Backend
from crmcore.domain.life_cycle import DEFAULT_LIFE_CYCLE, LifeCycle, Move, Stage, Standing
from crmcore.services import advance, import_purchases
from crmcore.services import advancing as advancing_module
from tests.services.conftest import Open
from tests.services.stored import SOURCE, customer, customers, everything

IDLE = timedelta(days=182)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def buys(backend: Backend, days: Iterable[str], who: str = "c1") -> None:
    rows = [{"customer_id": who, "date": text, "amount": "5.00"} for text in days]
    import_purchases(backend, rows, source=SOURCE)


def stage(backend: Backend, who: str = "c1") -> tuple[str, datetime]:
    found = customer(backend, who)
    return found.stage, found.stage_since


def stages_passed(backend: Backend, who: str = "c1") -> list[tuple[str, str]]:
    with backend.reading() as unit:
        entries = unit.customers.history(customer(backend, who).id)
    ids = [(entry, entry.ids.index(customer(backend, who).id)) for entry in entries]
    changes = [entry.changes[place] for entry, place in ids if entry.changes]
    return [tuple(change["stage"]) for change in changes if "stage" in change]


class TestTheDefaultLifeCycle:
    """A small history, told by hand."""

    def test_a_first_purchase_acquires(self, backend: Backend):
        """Dated by the first purchase, whenever it is noticed."""
        buys(backend, ["2024-01-10", "2024-02-01"])

        assert advance(backend, at=day("2024-03-01")).moves == {"acquire": 1}
        assert stage(backend) == ("active", day("2024-01-10"))

    def test_a_prospect_stays_one(self, backend: Backend):
        with backend.unit_of_work() as unit:
            unit.customers.add(Customer.person("Eva", at=day("2020-01-01")))

        assert advance(backend, at=day("2024-03-01")).total == 0

    @pytest.mark.parametrize(("past", "expected"), [(-1, "active"), (0, "lapsed"), (1, "lapsed")])
    def test_half_a_year_idle_lapses(self, backend: Backend, past: int, expected: str):
        """To the millisecond, dated when it fell due and not when it was noticed."""
        buys(backend, ["2024-01-10"])
        due = day("2024-01-10") + IDLE

        advance(backend, at=due + timedelta(milliseconds=past))

        since = due if expected == "lapsed" else day("2024-01-10")
        assert stage(backend) == (expected, since)

    def test_five_purchases_make_loyal(self, backend: Backend):
        buys(backend, [f"2024-01-{n:02}" for n in range(1, 6)])

        assert advance(backend, at=day("2024-02-01")).moves == {"acquire": 1, "retain": 1}
        assert stage(backend) == ("loyal", day("2024-01-05"))

    def test_who_comes_back_is_won_back(self, backend: Backend):
        """A purchase behind the lapse wins back; another half year loses again."""
        buys(backend, ["2024-01-10"])
        advance(backend, at=day("2024-12-01"))
        buys(backend, ["2024-12-24"])

        assert advance(backend, at=day("2025-01-01")).moves == {"win_back": 1}
        assert stage(backend) == ("won_back", day("2024-12-24"))
        assert advance(backend, at=day("2026-01-01")).moves == {"lapse": 1}
        assert stage(backend) == ("lapsed", day("2024-12-24") + IDLE)
        assert stages_passed(backend) == [
            ("prospect", "active"), ("active", "lapsed"), ("lapsed", "won_back"),
            ("won_back", "lapsed"),
        ]  # fmt: skip

    def test_a_purchase_of_before_the_lapse_that_arrives_late(self, backend: Backend):
        """It does not win back: nobody came back after they had gone."""
        buys(backend, ["2024-01-10"])
        advance(backend, at=day("2024-12-01"))
        buys(backend, ["2024-02-10"])

        assert advance(backend, at=day("2024-12-02")).total == 0
        assert stage(backend)[0] == "lapsed"

    def test_a_purchase_at_the_very_instant_of_the_lapse(self, backend: Backend):
        """Who shops every 26 weeks is back on the day on which they were lost."""
        buys(backend, ["2024-01-10"])
        due = day("2024-01-10") + IDLE
        advance(backend, at=due)
        buys(backend, [due.date().isoformat()])

        assert advance(backend, at=due + timedelta(days=1)).moves == {"win_back": 1}

    def test_who_bought_since_is_not_idle(self, backend: Backend):
        """Facts later than `at` are known."""
        buys(backend, ["2024-01-10", "2024-12-24"])

        advance(backend, at=day("2024-11-01"))

        assert stage(backend) == ("active", day("2024-01-10"))

    def test_nothing_is_dated_later_than_at(self, backend: Backend):
        """Somebody known only since later is not moved before."""
        with backend.unit_of_work() as unit:
            unit.customers.add(Customer.person(at=day("2024-06-01")))
            known = next(iter(unit.customers.stream()))
            unit.orders.add(
                crmcore.Order(
                    customer_id=known.id, at=day("2023-01-01"), total=crmcore.Money("1", "EUR")
                )
            )

        assert advance(backend, at=day("2024-05-01")).total == 0
        assert advance(backend, at=day("2024-06-01")).moves == {"acquire": 1, "lapse": 1}
        with backend.reading() as unit:
            assert unit.customers.get(known.id).stage_since == day("2024-06-01")


def test_again_for_the_same_instant_nothing_is_left(backend: Backend):
    """Not one row is written."""
    for n in range(6):
        buys(backend, ["2024-01-10", "2024-03-01"][: 1 + n % 2], f"c{n}")
    at = day("2024-08-01")
    assert advance(backend, at=at).moves == {"acquire": 6, "lapse": 3}
    before = everything(backend)

    assert advance(backend, at=at).total == 0
    assert everything(backend) == before


def test_only_those_who_are_due_are_touched(backend: Backend):
    """The others keep their version."""
    buys(backend, ["2024-01-10"], "old")
    buys(backend, ["2024-07-10"], "new")
    advance(backend, at=day("2024-07-11"))
    versions = {name: found.version for name, found in customers(backend).items()}

    advance(backend, at=day("2024-07-12"))

    after = {name: found.version for name, found in customers(backend).items()}
    assert after == versions
    assert customers(backend)["new"].stage == "active"
    assert customers(backend)["old"].stage == "lapsed"


def test_the_journal_tells_who_moved_and_why(backend: Backend):
    """One row per page, with the change of each customer and the actor."""
    for n in range(3):
        buys(backend, ["2024-01-10"], f"c{n}")
    before = len(backend.journal())

    advance(backend, at=day("2024-02-01"), actor="nightly")

    (entry,) = backend.journal()[before:]
    assert (entry.kind, entry.actor, entry.source, len(entry.ids)) == (
        "customers", "nightly", "advance", 3,
    )  # fmt: skip
    assert [change["stage"] for change in entry.changes] == [["prospect", "active"]] * 3


def test_pages_make_no_difference(backend: Backend, monkeypatch: pytest.MonkeyPatch):
    """Everybody is moved, however many fit into one unit of work."""
    monkeypatch.setattr(advancing_module, "BATCH", 3)
    for n in range(10):
        buys(backend, ["2024-01-10"], f"c{n}")

    assert advance(backend, at=day("2024-12-01")).moves == {"acquire": 10, "lapse": 10}


def test_tenants_are_advanced_apart(open_store: Open):
    """(O13)"""
    one, other = open_store(tenant="one"), open_store(tenant="other")
    for backend in (one, other):
        buys(backend, ["2024-01-10"])

    advance(one, at=day("2024-02-01"))

    assert (stage(one)[0], stage(other)[0]) == ("active", "prospect")


def test_a_naive_instant_is_refused(backend: Backend):
    with pytest.raises(InvalidInput):
        advance(backend, at=datetime(2024, 1, 1))  # noqa: DTZ001


def test_an_instant_too_early_is_refused_by_its_name(backend: Backend):
    """Nobody can be idle since before all instants."""
    with pytest.raises(InvalidInput) as caught:
        advance(backend, at=datetime(1000, 1, 1, tzinfo=UTC))
    assert [fault.path for fault in caught.value.faults] == ["at"]


@settings(max_examples=20)
@given(
    gaps=st.lists(st.integers(1, 400), min_size=1, max_size=7),
    steps=st.lists(st.integers(1, 200), max_size=6),
)
def test_how_often_it_runs_makes_no_difference(gaps: list[int], steps: list[int]):
    """Over facts that are all there, many runs end where one run ends."""
    days, at = [], datetime(2020, 1, 1, tzinfo=UTC)
    for gap in gaps:
        days.append(at.date().isoformat())
        at += timedelta(days=gap)
    end = at + timedelta(days=sum(steps))
    found = []
    for run in (steps, []):
        backend = crmcore.connect("memory://")
        backend.migrate()
        buys(backend, days)
        now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=sum(gaps))
        for step in run:
            advance(backend, at=now)
            now += timedelta(days=step)
        advance(backend, at=end)
        found.append(stage(backend))

    assert found[0] == found[1]


@settings(max_examples=20)
@given(gaps=st.lists(st.integers(1, 400), max_size=6))
def test_day_by_day_it_tells_the_story_of_the_facts(gaps: list[int]):
    """Facts and runs in turn, as in life: the stages passed are those that a reader of the
    purchases would write down."""
    backend = crmcore.connect("memory://")
    backend.migrate()
    at, told = datetime(2020, 1, 1, tzinfo=UTC), ["prospect"]
    for count, gap in enumerate([*gaps, 1], start=1):
        buys(backend, [at.date().isoformat()])
        back = {"prospect": "active", "lapsed": "won_back"}.get(told[-1])
        told += [back] if back else []
        told += ["loyal"] if told[-1] == "active" and count >= 5 else []
        told += ["lapsed"] if timedelta(days=gap) >= IDLE else []
        advance(backend, at=at)
        at += timedelta(days=gap)
        advance(backend, at=at)

    passed = stages_passed(backend)
    assert [passed[0][0], *(after for _, after in passed)] == told


class TestTablesOfAHost:
    """Whatever the order of the moves in the table."""

    stages = DEFAULT_LIFE_CYCLE.stages[:4]

    def opened(self, open_store: Open, *moves: Move) -> Backend:
        return open_store(model=crmcore.Model(life_cycle=LifeCycle(self.stages, moves)))

    def test_a_table_written_backwards(self, open_store: Open):
        """A move into a stage asks again for those out of it, so one run suffices."""
        bought = field("purchase_count") >= 1
        backend = self.opened(
            open_store,
            Move("loyal", "lapsed", "lapse", idle=IDLE),
            Move("active", "loyal", "retain", when=bought),
            Move("prospect", "active", "acquire", when=bought, dated="first_purchase_at"),
        )
        buys(backend, ["2024-01-10"])

        made = advance(backend, at=day("2025-01-01"))

        assert made.moves == {"acquire": 1, "retain": 1, "lapse": 1}
        assert advance(backend, at=day("2025-01-01")).total == 0

    def test_of_two_moves_out_of_a_stage_the_first_wins(self, open_store: Open):
        """Also for those who entered it in this very run."""
        bought = field("purchase_count") >= 1
        backend = self.opened(
            open_store,
            Move("active", "loyal", "retain", when=bought),
            Move("prospect", "active", "acquire", when=bought, dated="first_purchase_at"),
            Move("active", "lapsed", "lapse", idle=IDLE),
        )
        buys(backend, ["2024-01-10"])

        advance(backend, at=day("2025-01-01"))

        assert stage(backend)[0] == "loyal"

    def test_a_circle_is_refused(self, open_store: Open):
        """Two moves whose conditions hold for ever would never end."""
        bought = field("purchase_count") >= 1
        backend = self.opened(
            open_store,
            Move("prospect", "active", "there", when=bought),
            Move("active", "prospect", "back", when=bought),
        )
        buys(backend, ["2024-01-10"])

        with pytest.raises(Refused) as caught:
            advance(backend, at=day("2025-01-01"))
        assert caught.value.rule == "life_cycle.no_circle"

    def test_moves_of_decision_are_not_made(self, open_store: Open):
        """A move without a condition waits for somebody."""
        backend = self.opened(open_store, Move("prospect", "active", "acquire"))
        buys(backend, ["2024-01-10"])

        assert advance(backend, at=day("2025-01-01")).total == 0
        with backend.unit_of_work() as unit:
            unit.customers.save(attrs.evolve(customer(backend, "c1"), name="Ana"))
        assert stage(backend)[0] == "prospect"

    def test_a_stage_of_the_hosts_own(self, open_store: Open):
        """The hosts' stages and measures take part as the built-in ones do."""
        vip = Stage("vip", Standing.CUSTOMER)
        rich = field("revenue") >= crmcore.Money("10", "EUR")
        moves = (Move("prospect", "vip", "shine", when=rich),)
        cycle = LifeCycle((*self.stages, vip), moves)
        backend = open_store(model=crmcore.Model(life_cycle=cycle))
        buys(backend, ["2024-01-10", "2024-01-11"])
        buys(backend, ["2024-01-10"], "c2")

        assert advance(backend, at=day("2024-02-01")).moves == {"shine": 1}
        assert stage(backend) == ("vip", day("2024-01-11"))
