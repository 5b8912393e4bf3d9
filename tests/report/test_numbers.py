"""Every figure of the report agrees with one computed without it: by hand, or from the file."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import crmcore
from crmcore import Backend, Customer, Model
from crmcore.cli.samples import cdnow_sample
from crmcore.report import write_report
from crmcore.services import import_purchases, score
from crmcore.testing import a_customer, an_order
from tests.analytics.conftest import dataset
from tests.report.pages import Page
from tests.report.shop import AT, empty, fill, fill_scores, on


@pytest.fixture
def backend() -> Backend:
    return empty()


@pytest.fixture
def people(backend: Backend) -> dict[str, Customer]:
    return fill(backend)


def page_of(backend: Backend, folder: Path, at: datetime = AT) -> Page:
    return Page(write_report(backend, folder / "report.html", at=at))


class TestByHand:
    def test_who_they_are_at_that_instant(self, backend, people, tmp_path):
        page = page_of(backend, tmp_path)

        assert page.tables["Customers by stage of the life cycle"][1:] == [
            ["prospect", "2", "40%"], ["active", "2", "40%"], ["loyal", "1", "20%"],
        ]  # fmt: skip
        assert "Of 5 in all, 2 are prospects (40%) and 3 are customers now (60%)." in page.text
        assert page.tables["Customers by kind"][1:] == [
            ["person", "4", "80%"], ["organisation", "1", "20%"],
        ]  # fmt: skip
        assert page.tables["Customers by language"][1:] == [
            ["es", "3", "60%"], ["en", "1", "20%"], ["not recorded", "1", "20%"],
        ]  # fmt: skip

    def test_a_later_instant_sees_the_later_stage_and_purchase(self, backend, people, tmp_path):
        page = page_of(backend, tmp_path, on(4, 30))

        assert page.tables["Customers by stage of the life cycle"][1:] == [
            ["prospect", "3", "50%"], ["active", "2", "33%"], ["lapsed", "1", "17%"],
        ]  # fmt: skip
        assert "1,899.00" in page.text

    def test_growth_and_moves(self, backend, people, tmp_path):
        page = page_of(backend, tmp_path)

        assert page.tables["New customers by month"][1:] == [
            ["Jan 2024", "2", "2"], ["Feb 2024", "2", "4"],
            ["Mar 2024", "1", "5"], ["Apr 2024", "0", "5"],
        ]  # fmt: skip
        assert page.tables["Buyers by month, first and again"][1:] == [
            ["Jan 2024", "2", "0", "2"], ["Feb 2024", "1", "1", "2"],
            ["Mar 2024", "0", "1", "1"], ["Apr 2024", "0", "1", "1"],
        ]  # fmt: skip
        assert page.tables["Moves in the life cycle by month"] == [
            ["Month", "To active", "To loyal"], ["Jan 2024", "2", "0"], ["Feb 2024", "1", "0"],
            ["Mar 2024", "0", "1"], ["Apr 2024", "0", "0"],
        ]  # fmt: skip
        assert "The last month, April 2024, was not over." in page.text

    def test_value_and_the_smallest_sets(self, backend, people, tmp_path):
        """600, 200 (100 + 50 - 20 + 70) and 100; the cancelled order brought nothing."""
        page = page_of(backend, tmp_path)

        assert page.tables["Customers by revenue"][1:] == [
            ["100–200", "1", "33%", "100.00 EUR", "11%"],
            ["200–500", "1", "33%", "200.00 EUR", "22%"],
            ["500–1k", "1", "33%", "600.00 EUR", "67%"],
        ]
        sets = page.tables["Share of revenue by share of customers, the best first"][1:]
        assert {row[0]: row[1] for row in sets} == {
            "10%": "1", "20%": "1", "30%": "1", "40%": "1", "50%": "1", "60%": "1", "70%": "2",
            "80%": "2", "90%": "3", "95%": "3", "99%": "3", "100%": "3",
        }  # fmt: skip
        assert "1 of 3 customers, 33%, brings 50% of the revenue; 2, 67%, bring 80%." in page.text

    def test_the_cohort_triangle(self, backend, people, tmp_path):
        """Ana and Ben began in January, the company in February; each month counts once."""
        page = page_of(backend, tmp_path)

        assert page.tables["Bought again, in percent of the cohort, by month"][1:] == [
            ["Jan 2024", "2", "1", "1", "1"], ["Feb 2024", "1", "0", "0", ""],
        ]  # fmt: skip
        # Until March, which was over: one of two from January came in February, none of February's.
        assert "33% of 3 customers bought in the month after their first purchase" in page.text

    def test_recency_and_frequency(self, backend, people, tmp_path):
        """On 10 April: Ben bought 7 days before, Ana 21, the company 69."""
        page = page_of(backend, tmp_path)

        assert page.tables["How often, and how long ago"][1:] == [
            ["once", "5–13 weeks", "1", "33%"], ["2 times", "0–4 weeks", "1", "33%"],
            ["3 times", "0–4 weeks", "1", "33%"],
        ]  # fmt: skip

    def test_a_score_counts_as_it_was_then_and_if_it_knows_the_last_purchase(
        self, backend, people, tmp_path
    ):
        fill_scores(backend, people)
        page = page_of(backend, tmp_path)

        assert page.tables["How often, and how long ago: likely alive"][1:] == [
            ["once", "5–13 weeks", "1", "33%", "30%"], ["2 times", "0–4 weeks", "1", "33%", "90%"],
            ["3 times", "0–4 weeks", "1", "33%", "20%"],
        ]  # fmt: skip
        assert "3 customers scored by BG/NBD r=0.25 alpha=4, as of 5 April 2024." in page.text
        assert "Scored: 20% likely alive, lifetime value 250.50 EUR." in page.text
        risky = page.tables["Revenue of the best quarter, by how likely they are alive"]
        assert ["25 to 50%", "1", "600.00 EUR"] in risky
        assert "less than 50% likely alive; they brought 600.00 EUR, 67% of all" in page.text

        late = page_of(backend, tmp_path, on(4, 30))
        assert "2 customers scored" in late.text
        assert "Left out: scores of 1 customer who bought since." in late.text
        assert "80% likely alive" in late.text

    def test_without_scores_their_own_rhythm_tells_who_is_at_risk(self, tmp_path):
        """Three purchases ten days apart, then none for 41 days: 4.1 times as long as usual."""
        backend = empty()
        with backend.unit_of_work() as uow:
            gone = uow.customers.add(a_customer("Gone", at=on(2, 1)))
            uow.orders.add_many(an_order(gone, "50", at=on(2, day)) for day in (9, 19, 29))
        page = page_of(backend, tmp_path)

        title = "Revenue of the best quarter, by time away against their own rhythm"
        assert ["3–5 times", "1", "150.00 EUR"] in page.tables[title]
        assert "3 purchases, the last on 29 February 2024, 5 weeks ago, 4.1 times" in page.text

    def test_the_story_of_the_best(self, backend, people, tmp_path):
        page = page_of(backend, tmp_path)

        assert "The best 3 customers bring 900.00 EUR, 100% of all revenue." in page.text
        assert "Bought once, on 1 February 2024, 9 weeks ago. Active since 1 Feb" in page.text
        assert (
            "3 purchases of 66.67 EUR on average, the first on 10 January 2024, the last on "
            "20 March 2024, 3 weeks ago. Loyal since 21 March 2024." in page.text
        )  # fmt: skip

    def test_days_are_those_of_the_models_zone(self, tmp_path):
        """Half past eleven at night on 31 January in London is February in Madrid."""
        backend = empty()
        late = datetime(2024, 1, 31, 23, 30, tzinfo=UTC)
        with backend.unit_of_work() as uow:
            uow.orders.add(an_order(uow.customers.add(a_customer(at=late)), at=late))
        page = page_of(backend, tmp_path)

        assert page.tables["New customers by month"][1:] == [["Feb 2024", "1", "1"]]
        assert "10 April 2024, 02:00 (Europe/Madrid)" in page.text

    def test_a_currency_without_minor_units_has_none(self, tmp_path):
        backend = crmcore.connect("memory://", model=Model(currency="JPY"))
        backend.migrate()
        with backend.unit_of_work() as uow:
            who = uow.customers.add(a_customer())
            uow.orders.add(an_order(who, "1234567", currency="JPY"))
        page = page_of(backend, tmp_path, datetime(2024, 6, 1, tzinfo=UTC))

        assert "1,234,567 JPY" in page.text
        assert "1,234,567.00" not in page.text


@pytest.fixture(scope="module")
def bought() -> dict[str, list[tuple[date, Decimal]]]:
    found = defaultdict(list)
    for line in dataset("CDNOW_sample.txt").read_text("ascii").splitlines():
        _, who, day, _, amount = line.split()
        when = date(int(day[:4]), int(day[4:6]), int(day[6:]))
        found[who].append((when, Decimal(amount)))
    return dict(found)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    dataset("CDNOW_sample.txt")
    sample = cdnow_sample()
    assert sample is not None
    backend = crmcore.connect("memory://", model=Model(currency="USD"))
    backend.migrate()
    import_purchases(backend, sample.rows, source="cdnow")
    score(backend, as_of=sample.until, horizon=39)
    file = tmp_path_factory.mktemp("cdnow") / "report.html"
    return Page(write_report(backend, file, at=datetime(1998, 7, 1, tzinfo=UTC)))


class TestCdnow:
    """Against the file of the published sample, read line by line in plain Python."""

    def test_the_smallest_sets(self, page, bought):
        spent = sorted((sum(a for _, a in rows) for rows in bought.values()), reverse=True)
        total, expected = sum(spent), {}
        for share in (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100):
            reached = Decimal()
            for number, amount in enumerate(spent, start=1):
                reached += amount
                if 100 * reached >= share * total:
                    expected[f"{share}%"] = f"{number:,}"
                    break
        sets = page.tables["Share of revenue by share of customers, the best first"][1:]

        assert {row[0]: row[1] for row in sets} == expected
        assert f"{expected['50%']} of 2,357 customers" in page.text

    def test_the_cohorts(self, page, bought):
        def month(day: date) -> int:
            return 12 * day.year + day.month

        expected: dict[int, Counter[int]] = defaultdict(Counter)
        for rows in bought.values():
            first = min(month(day) for day, _ in rows)
            for seen in {month(day) for day, _ in rows}:
                expected[first][seen - first] += 1
        shown = page.tables["Bought again, in percent of the cohort, by month"][1:]

        assert [row[0] for row in shown] == ["Jan 1997", "Feb 1997", "Mar 1997"]
        for offset, (first, row) in enumerate(zip(sorted(expected), shown, strict=True)):
            assert row[1:] == [
                f"{expected[first][n]:,}" if n < 18 - offset else "" for n in range(18)
            ]

    def test_totals_classes_and_months(self, page, bought):
        spent = [sum(a for _, a in rows) for rows in bought.values()]
        firsts = Counter(min(day for day, _ in rows).strftime("%b %Y") for rows in bought.values())
        classes = {row[0]: row[1] for row in page.tables["Customers by revenue"][1:]}
        new = {row[0]: row[1] for row in page.tables["New customers by month"][1:] if row[1] != "0"}

        assert f"{sum(spent):,}" in page.text
        assert "6,919" in page.text
        assert classes["20–50"] == str(sum(20 <= amount < 50 for amount in spent))
        assert classes["1k–2k"] == str(sum(1000 <= amount < 2000 for amount in spent))
        assert new == {name: str(n) for name, n in firsts.items()}

    def test_recency_and_frequency(self, page, bought):
        """Who bought four or five times, and last within the last four weeks."""
        rows = page.tables["How often, and how long ago: likely alive"]
        last = date(1998, 6, 30)
        here = [
            rows
            for rows in bought.values()
            if len(rows) in (4, 5) and (last - max(day for day, _ in rows)).days // 7 <= 4
        ]
        (shown,) = (row for row in rows if row[:2] == ["4–5 times", "0–4 weeks"])

        assert shown[2] == str(len(here))
