"""Scores: purchases in, three scores for each customer out, as facts (S49)."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from textwrap import dedent
from typing import Any

import pytest

import crmcore
from crmcore import InvalidInput, MissingExtra
from crmcore.adapters.backend import Backend
from crmcore.cli.samples import Sample, cdnow_sample
from crmcore.services import Scoring, holdout, import_purchases, score
from crmcore.testing import FrozenClock, a_return
from tests.analytics.conftest import dataset
from tests.services.conftest import Open
from tests.services.stored import SOURCE, customer, everything, orders, profile

SCORERS = ["expected_purchases", "lifetime_value", "probability_alive"]
AS_OF = date(2024, 12, 31)


def rows_of(**days: list[str]) -> list[dict[str, str]]:
    """By customer, what was bought when: `"2024-01-10 12.50"`."""
    return [
        {
            "customer_id": who,
            "date": bought.partition(" ")[0],
            "amount": bought.partition(" ")[2] or "20.00",
        }
        for who, purchases in days.items()
        for bought in purchases
    ]


def regulars(count: int = 40) -> list[dict[str, str]]:
    """Customers with different histories, enough to fit a model on."""
    begin = date(2024, 1, 1)
    return rows_of(
        **{
            f"c{n}": [
                f"{begin + timedelta(days=n + again * (9 + 5 * n % 23))} {10 + (n * 7 + again) % 9}"
                for again in range(1 + n % 6)
            ]
            for n in range(count)
        }
    )


def scores_of(backend: Backend, who: str) -> list[crmcore.Score]:
    with backend.reading() as unit:
        return unit.scores.of(customer(backend, who).id)


@pytest.fixture(scope="module")
def sample() -> Sample:
    dataset("CDNOW_sample.txt")
    found = cdnow_sample()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def cdnow(sample: Sample) -> tuple[Backend, Scoring]:
    backend = crmcore.connect("memory://", model=crmcore.Model(currency="USD"))
    backend.migrate()
    import_purchases(backend, sample.rows, source="cdnow")
    return backend, score(backend, as_of=sample.as_of, horizon=39)


class TestCdnow:
    """The papers' sample: what they print comes out of the store."""

    def test_the_parameters_are_the_published_ones(self, cdnow: tuple[Backend, Scoring]):
        """Fader, Hardie and Lee (2005), recomputed to more digits."""
        fitted = cdnow[1].purchases

        assert fitted.params == pytest.approx(
            {"r": 0.2425945, "alpha": 4.4136020, "a": 0.7929220, "b": 2.4259068}, abs=1e-3
        )
        assert fitted.log_likelihood == pytest.approx(-9582.429207, abs=1e-5)
        assert fitted.n_customers == cdnow[1].customers == 2_357

    def test_everybody_has_three_scores(self, cdnow: tuple[Backend, Scoring]):
        backend, scoring = cdnow
        assert scoring.added == 3 * 2_357
        with backend.reading() as unit:
            found = [unit.scores.of(id) for id in scoring.customer_ids[::100]]
        assert all(sorted(s.scorer for s in scores) == SCORERS for scores in found)
        assert {s.at for scores in found for s in scores} == {
            datetime(1997, 9, 30, 23, 59, 59, 999000, tzinfo=UTC)
        }

    def test_the_scores_are_the_models_own(self, cdnow: tuple[Backend, Scoring]):
        """The paper's example: two repeats, the last after 30.43 weeks of 38.86, make 1.226
        purchases in the next 39."""
        backend, scoring = cdnow
        with backend.reading() as unit:
            found = [
                unit.profiles.get(id)["expected_purchases"]
                for id, x, recency, age in zip(
                    scoring.customer_ids,
                    scoring.summary.frequency,
                    scoring.summary.recency,
                    scoring.summary.T,
                    strict=True,
                )
                if (x, round(recency, 2), round(age, 2)) == (2, 30.43, 38.86)
            ]
        assert found
        assert found == pytest.approx([1.226] * len(found), abs=1e-3)

    def test_the_holdout(self, cdnow: tuple[Backend, Scoring], sample: Sample):
        """Expected 1,653.39 purchases in 39 weeks, and 1,882 came."""
        backend, scoring = cdnow
        past = scoring.summary
        expected = scoring.purchases.expected_purchases(
            t=39, frequency=past.frequency, recency=past.recency, T=past.T
        )
        actual = holdout(backend, scoring, until=sample.until)

        assert float(expected.sum()) == pytest.approx(1653.39, abs=0.05)
        assert int(actual.sum()) == 1882
        assert actual.shape == expected.shape

    def test_a_second_run_adds_nothing(self, cdnow: tuple[Backend, Scoring], sample: Sample):
        backend, scoring = cdnow
        before = len(backend.journal())
        again = score(backend, as_of=sample.as_of, horizon=39)

        assert again.added == 0
        assert again.purchases.params == scoring.purchases.params
        assert len(backend.journal()) == before


class TestRepeating:
    """Idempotent over the same facts, new over others."""

    def test_the_same_again_writes_nothing(self, backend: Backend):
        import_purchases(backend, regulars(), source=SOURCE)
        first = score(backend, as_of=AS_OF)
        before = everything(backend)

        assert first.added == 3 * 40
        assert score(backend, as_of=AS_OF).added == 0
        assert everything(backend) == before

    def test_other_facts_replace_the_scores_of_the_same_instant(
        self, backend: Backend, clock: FrozenClock
    ):
        """An order that arrived late changes every score; the profile shows the new ones."""
        import_purchases(backend, regulars(), source=SOURCE)
        score(backend, as_of=AS_OF)
        old = profile(backend, "c5")
        import_purchases(backend, rows_of(late=["2024-05-01", "2024-06-01"]), source="late")
        clock.advance()

        again = score(backend, as_of=AS_OF)

        assert again.added == 3 * 41
        new = profile(backend, "c5")
        for scorer in SCORERS:
            assert new[scorer] != old[scorer]
            assert new[f"{scorer}_at"] == old[f"{scorer}_at"]
        assert len(scores_of(backend, "c5")) == 6

    @pytest.mark.parametrize("options", [{"horizon": 26.0}, {"yearly_discount": 0.2}])
    def test_other_options_are_other_scores(
        self, backend: Backend, clock: FrozenClock, options: dict[str, Any]
    ):
        import_purchases(backend, regulars(), source=SOURCE)
        score(backend, as_of=AS_OF)
        clock.advance()

        assert score(backend, as_of=AS_OF, **options).added == 3 * 40

    def test_the_newest_day_shows_in_the_profile(self, backend: Backend, clock: FrozenClock):
        """Also if an older day is scored afterwards."""
        import_purchases(backend, regulars(), source=SOURCE)
        score(backend, as_of=AS_OF)
        shown = profile(backend, "c5")["probability_alive"]
        clock.advance()

        score(backend, as_of=date(2024, 9, 30))

        assert profile(backend, "c5")["probability_alive"] == shown

    def test_what_a_score_tells(self, backend: Backend):
        """Its unit, the model with its parameters, and the ground in words."""
        import_purchases(backend, regulars(), source=SOURCE)
        score(backend, as_of=AS_OF, horizon=26)
        by_scorer = {found.scorer: found for found in scores_of(backend, "c5")}

        assert by_scorer["expected_purchases"].unit == "purchases in 26 weeks"
        assert by_scorer["lifetime_value"].unit == "EUR"
        assert (by_scorer["lifetime_value"].model or "").startswith("Gamma-Gamma p=")
        assert (by_scorer["probability_alive"].model or "").startswith("BG/NBD r=")
        assert "5 repeats" in (by_scorer["probability_alive"].why or "")
        assert "1 repeat," in (scores_of(backend, "c1")[0].why or "")
        assert "bought once" in (scores_of(backend, "c0")[0].why or "")

    def test_tenants_are_scored_apart(self, open_store: Open):
        """(O13)"""
        one, other = open_store(tenant="one"), open_store(tenant="other")
        import_purchases(one, regulars(), source=SOURCE)
        import_purchases(other, regulars(10), source=SOURCE)

        assert score(other, as_of=AS_OF).customers == 10
        assert scores_of(one, "c5") == []


class TestHardData:
    """What the models cannot tell is said, not invented."""

    def test_nobody_to_score(self, backend: Backend):
        with pytest.raises(InvalidInput, match="nobody had bought by then"):
            score(backend, as_of=AS_OF)

    def test_nobody_to_score_yet(self, backend: Backend):
        """Those who buy later are not there yet."""
        import_purchases(backend, regulars(), source=SOURCE)
        with pytest.raises(InvalidInput, match="nobody had bought by then"):
            score(backend, as_of=date(2023, 12, 31))

    def test_all_bought_once(self, backend: Backend):
        """Without a second purchase there is nothing to learn of spend; the scores that can be
        told are finite, and the fit says what it is worth."""
        rows = rows_of(**{f"c{n}": [f"2024-0{1 + n % 9}-15"] for n in range(20)})
        import_purchases(backend, rows, source=SOURCE)

        scoring = score(backend, as_of=AS_OF)

        assert scoring.purchases.status != "interior"
        assert (scoring.value is None) == (scoring.value_reason is not None)
        found = scores_of(backend, "c3")
        assert {s.scorer for s in found} >= {"probability_alive", "expected_purchases"}
        assert all(0 <= s.value < 1e6 for s in found)

    def test_one_customer(self, backend: Backend):
        import_purchases(backend, rows_of(c1=["2024-01-10", "2024-02-10"]), source=SOURCE)

        assert score(backend, as_of=AS_OF).customers == 1

    def test_gifts_are_purchases_without_a_value(self, backend: Backend):
        """A customer who came again only for gifts has scores like the others."""
        gifts = rows_of(g=["2024-01-10 20.00", "2024-02-10 0", "2024-03-10 0.00"])
        import_purchases(backend, [*regulars(), *gifts], source=SOURCE)

        scoring = score(backend, as_of=AS_OF)

        assert scoring.added == 3 * 41
        assert profile(backend, "g")["lifetime_value"] > 0

    def test_nothing_but_gifts(self, backend: Backend):
        """Frequency can be told, value cannot be learnt."""
        rows = [row | {"amount": "0"} for row in regulars()]
        import_purchases(backend, rows, source=SOURCE)

        scoring = score(backend, as_of=AS_OF)

        assert scoring.added in (2 * 40, 3 * 40)
        assert profile(backend, "c5")["expected_purchases"] > 0

    def test_who_returned_everything_is_not_scored(self, backend: Backend):
        """An order that came back whole was no purchase."""
        import_purchases(backend, regulars(), source=SOURCE)
        import_purchases(backend, rows_of(r=["2024-01-10"]), source=SOURCE)
        with backend.unit_of_work() as unit:
            unit.returns.add(a_return(unit.orders.of(customer(backend, "r").id)[0]))

        scoring = score(backend, as_of=AS_OF)

        assert scoring.customers == 40
        assert profile(backend, "r")["probability_alive"] is None

    def test_a_holdout_after_everything_came_back(self, backend: Backend):
        """Nobody bought by then any more: zeros, in the order of those who were scored."""
        import_purchases(backend, rows_of(c1=["2024-01-10", "2024-02-10"]), source=SOURCE)
        scoring = score(backend, as_of=AS_OF)
        with backend.unit_of_work() as unit:
            for order in orders(backend):
                unit.returns.add(a_return(order))

        assert holdout(backend, scoring, until=date(2025, 6, 30)).tolist() == [0]

    @pytest.mark.parametrize(
        "options",
        [
            {"horizon": -1.0},
            {"horizon": float("nan")},
            {"yearly_discount": -0.1},
            {"as_of": date.max},
        ],
    )
    def test_impossible_options_are_refused(self, backend: Backend, options: dict[str, Any]):
        """Before anything is written."""
        import_purchases(backend, regulars(), source=SOURCE)
        with pytest.raises(InvalidInput):
            score(backend, **(dict[str, Any](as_of=AS_OF) | options))
        assert scores_of(backend, "c5") == []

    def test_a_currency_without_cents(self, open_store: Open):
        """Minor units are what the currency says they are."""
        backend = open_store(model=crmcore.Model(currency="JPY"))
        rows = [row | {"amount": "2000"} for row in regulars()]
        import_purchases(backend, rows, source=SOURCE)

        score(backend, as_of=AS_OF)

        assert "2000.00 each" in (scores_of(backend, "c5")[0].why or "")


def test_days_are_days_of_the_models_zone(open_store: Open):
    """23:30 and 00:30 in Tokyo are two days there, though one in UTC; and the last local day
    ends when it ends there."""
    backend = open_store(model=crmcore.Model(zone="Asia/Tokyo"))
    rows = rows_of(
        two=["2024-01-10T23:30", "2024-01-11T00:30"], one=["2024-01-10T00:30", "2024-01-10T23:30"],
        last=["2024-12-31T23:59:59.999"], late=["2025-01-01T00:00"],
    )  # fmt: skip
    import_purchases(backend, rows, source=SOURCE)

    scoring = score(backend, as_of=AS_OF)

    frequency = dict(zip(scoring.customer_ids, scoring.summary.frequency.tolist(), strict=True))
    assert frequency == {
        customer(backend, name).id: repeats
        for name, repeats in (("two", 1), ("one", 0), ("last", 0))
    }
    assert {s.at for s in scores_of(backend, "two")} == {
        datetime(2024, 12, 31, 14, 59, 59, 999000, tzinfo=UTC)
    }
    assert holdout(backend, scoring, until=date(2025, 1, 1)).sum() == 0


def test_without_numpy_it_names_the_extra():
    """The services can be imported and used without it; what needs it says what to install."""
    code = """
        import sys
        class Blocked:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("numpy", "scipy"):
                    raise ModuleNotFoundError(name=name)
        sys.meta_path.insert(0, Blocked())
        from datetime import date
        import crmcore
        from crmcore.services import (
            compare_segment, find_segments, import_purchases, rfm_cells, score
        )
        backend = crmcore.connect("memory://")
        backend.migrate()
        row = {"customer_id": "c1", "date": "2024-01-10", "amount": "5"}
        assert import_purchases(backend, [row], source="shop").added == 1
        bought = crmcore.field("purchase_count") >= 1
        for ask in (
            lambda: score(backend, as_of=date(2024, 12, 31)),
            lambda: rfm_cells(backend),
            lambda: find_segments(backend, by=["revenue"]),
            lambda: compare_segment(backend, bought),
        ):
            try:
                ask()
            except crmcore.MissingExtra as error:
                print(error.extra)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("analytics\n" * 4, "")
    assert issubclass(MissingExtra, ImportError)
