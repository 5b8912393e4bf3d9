"""What a notebook shows: tables, escaped, personal values masked."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from uuid import UUID

import numpy as np
import pytest

import crmcore
from crmcore import AttributeType, CustomerId, Fold, Measure, Model, Money, Page, Profile
from crmcore.analytics import BetaGeoNBD, GammaGamma, lifetime_value, summarize
from crmcore.domain.html import ABSENT, MASKED, shown
from crmcore.testing import a_customer, an_interaction, an_order

MODEL = Model(
    attributes=(
        AttributeType("seat", "text"),
        AttributeType("nickname", "text", personal=True),
    ),
    measures=(Measure("last_note", "interactions", Fold.LATEST, "topic", personal=True),),
)
NASTY = "<script>alert('x')</script>&"


class Cells(HTMLParser):
    """The rows of cells, and every tag that was met."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.inside = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.inside = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        elif self.inside:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def page(*, limit: int = 50) -> Page:
    backend = crmcore.connect("memory://", model=MODEL)
    backend.migrate()
    with backend.unit_of_work(source="shop") as uow:
        given = {"seat": NASTY, "nickname": "Anita"}
        ana = a_customer("Ana Ruiz", emails=["ana@example.com"], phones=["+34600111222"])
        for name, value in given.items():
            ana = ana.with_attribute(name, value, at=ana.at)
        ana = uow.customers.add(ana)
        uow.orders.add(an_order(ana, "120.00"))
        uow.interactions.add(an_interaction(ana, topic="her illness"))
        uow.customers.add(a_customer("Ben Okri"))
    with backend.reading() as uow:
        found: Page = (
            uow.profiles.where().order_by("order_count", descending=True).page(limit=limit)
        )
    return found


PERSONAL = ("Ana Ruiz", "ana@example.com", "+34600111222", "Anita", "her illness")


def test_personal_values_are_masked_until_asked_for():
    (profile, _) = found = page()

    for view in (profile, found):
        assert not any(value in view._repr_html_() for value in PERSONAL)
        assert not any(value in view.to_html() for value in PERSONAL)
        assert all(value in view.to_html(personal=True) for value in PERSONAL)
        assert "120.00 EUR" in view._repr_html_()


def test_a_profile_is_a_table_of_its_fields():
    profile = page().profiles[0]
    header, *rows = Cells(profile._repr_html_()).rows
    cells = dict(rows)

    assert header == ["field", "value"]
    assert list(cells) == list(profile)
    assert (cells["name"], cells["nickname"], cells["last_note"]) == (MASKED,) * 3
    assert (cells["region"], cells["order_count"], cells["revenue"]) == (ABSENT, "1", "120.00 EUR")
    assert str(profile.customer_id) in profile._repr_html_()


def test_a_page_is_a_table_of_profiles_without_empty_columns():
    found = page()
    header, first, second = Cells(found._repr_html_()).rows

    assert header[0] == "customer"
    assert "region" not in header
    assert [row[0] for row in (first, second)] == [str(p.customer_id) for p in found]
    assert (first[header.index("seat")], second[header.index("seat")]) == (NASTY, ABSENT)
    assert "There are more" not in found.to_html()
    assert "There are more" in page(limit=1).to_html()


def test_everything_is_escaped():
    found = page()

    for view in (found, *found):
        assert Cells(view.to_html(personal=True)).tags <= {
            "table", "caption", "thead", "tbody", "tr", "th", "td", "p",
        }  # fmt: skip


def test_a_profile_whose_marks_are_not_known_shows_nothing():
    made = Profile(CustomerId(UUID(int=1)), {"seat": "12A", "region": None})

    assert Cells(made._repr_html_()).rows[1:] == [["seat", MASKED], ["region", ABSENT]]
    assert Cells(made.to_html(personal=True)).rows[1] == ["seat", "12A"]


def test_html_shows_itself_in_a_notebook():
    text = page().to_html()

    assert text._repr_html_() == str(text)
    assert text.startswith("<table>")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ABSENT),
        (True, "True"),
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (1234.567, "1,234.57"),
        (float("inf"), "inf"),
        (Money("1200.50", "EUR"), "1200.50 EUR"),
        (datetime(2024, 5, 1, 10, 30, 7, tzinfo=UTC), "2024-05-01 10:30+00:00"),
        (("a", "b"), "a, b"),
    ],
)
def test_values_are_shown_for_reading(value, expected):
    assert shown(value) == expected


SUMMARY = summarize(
    customer=[f"{NASTY}{n % 40}" for n in range(120)],
    at=[f"2024-{1 + n % 9:02}-{1 + n % 27:02}" for n in range(120)],
    amount=[1000 + 37 * n for n in range(120)],
    as_of="2024-12-31",
)


def test_a_summary_shows_its_first_rows():
    header, *rows = Cells(SUMMARY._repr_html_()).rows

    assert header == ["customer", "frequency", "recency", "T", "monetary_value"]
    assert len(rows) == 10
    assert rows[0][0] == SUMMARY.customer[0]
    assert rows[0][1] == str(SUMMARY.frequency[0])
    assert "40 customers as of 2024-12-31, times in weeks" in SUMMARY._repr_html_()
    assert "and 30 more" in SUMMARY._repr_html_()


def test_a_fitted_model_shows_parameters_with_standard_errors():
    history = {"frequency": SUMMARY.frequency, "recency": SUMMARY.recency, "T": SUMMARY.T}
    fitted = BetaGeoNBD().fit(**history)
    text = fitted._repr_html_()
    header, *rows = Cells(text).rows

    assert header == ["parameter", "value", "standard error"]
    assert [row[0] for row in rows] == list(fitted.params)
    assert [row[1] for row in rows] == [shown(value) for value in fitted.params.values()]
    assert "FittedBetaGeoNBD" in text
    assert f"Log-likelihood {fitted.log_likelihood:,.2f} over 40 customers" in text
    assert re.search(
        rf"log-likelihood.*{fitted.log_likelihood:,.2f}", fitted.estimate._repr_html_()
    )


def test_what_is_not_determined_has_no_number_for_its_error():
    nobody = GammaGamma().fit(frequency=[0, 0], monetary_value=[0.0, 0.0])

    assert [row[2] for row in Cells(nobody._repr_html_()).rows[1:]] == ["no bound"] * 3
    assert "nobody bought again" in nobody._repr_html_()


@pytest.mark.parametrize("rows", [None, 3, 14])
def test_a_lifetime_value_shows_its_first_rows(rows):
    from crmcore.analytics import BetaGeoNBDProcess, GammaGammaSpend

    many = 2.0 if rows is None else np.full(rows, 2.0)
    found = lifetime_value(
        purchases=BetaGeoNBDProcess(r=0.243, alpha=4.414, a=0.793, b=2.426),
        value=GammaGammaSpend(p=6.25, q=3.74, v=15.44),
        frequency=many, recency=30.43, T=38.86, monetary_value=22.35, horizon=39, discount_rate=0,
    )  # fmt: skip
    header, *shown_rows = Cells(found._repr_html_()).rows

    assert header == ["row", "value", "discounted_purchases", "average_value"]
    assert len(shown_rows) == min(rows or 1, 10)
    assert shown_rows[0][1] == "30.24"
    assert ("and 4 more" in found._repr_html_()) == (rows == 14)
