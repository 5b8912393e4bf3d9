"""The page as a file: it stands alone, escapes what it is given, and keeps names to itself."""

from __future__ import annotations

import re
import stat
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from html import escape
from pathlib import Path

import pytest

import crmcore
from crmcore import Backend, Customer, InvalidInput, NotMigrated
from crmcore.report import write_report
from crmcore.testing import a_score
from tests.report.pages import Page
from tests.report.shop import AT, HOSTILE, empty, fill, fill_hostile, fill_scores

SECTIONS = (
    "Who the customers are", "Growth and life cycle", "Value", "How few bring how much",
    "Recency and frequency", "Cohort retention", "At risk, and worth keeping", "Top customers",
)  # fmt: skip


@pytest.fixture
def backend() -> Backend:
    return empty()


@pytest.fixture
def people(backend: Backend) -> dict[str, Customer]:
    return fill(backend)


def page_of(backend: Backend, folder: Path, **asked: object) -> Page:
    return Page(write_report(backend, folder / "report.html", **({"at": AT} | asked)))  # type: ignore[arg-type]


def test_it_answers_where_it_is_and_replaces_what_was_there(backend, people, tmp_path):
    target = tmp_path / "report.html"
    target.write_text("before")

    assert write_report(backend, str(target), at=AT) == target
    assert target.read_text("utf-8").startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [target]


def test_what_fails_leaves_the_former_file_alone(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("before")
    with pytest.raises(NotMigrated):
        write_report(crmcore.connect("memory://"), target, at=AT)

    assert target.read_text() == "before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_not_there_is_said(backend, people, tmp_path):
    with pytest.raises(InvalidInput, match=r"^path: cannot be written: No such file"):
        write_report(backend, tmp_path / "nowhere" / "report.html", at=AT)


def test_a_page_with_names_is_for_its_owner_alone(backend, people, tmp_path):
    named = write_report(backend, tmp_path / "named.html", at=AT)
    bare = write_report(backend, tmp_path / "bare.html", at=AT, personal=False)

    assert stat.S_IMODE(named.stat().st_mode) == 0o600
    assert stat.S_IMODE(bare.stat().st_mode) == 0o644


def test_it_names_nothing_that_a_browser_would_fetch(backend, people, tmp_path):
    page = page_of(backend, tmp_path)

    assert not {"script", "iframe", "img", "object", "embed", "video", "audio"} & set(page.tags)
    assert re.findall(r'(?:src|href|action|srcset|data)="(?!#)([^"]*)"', page.source) == ["data:,"]
    assert not re.search(r"url\(|@import|https?:", page.source)


def test_its_policy_allows_its_own_style_and_nothing_else(backend, people, tmp_path):
    page = page_of(backend, tmp_path)
    (style,) = re.findall(r"<style>(.*?)</style>", page.source, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()

    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page.source)
    assert policy.replace("&#39;", "'") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    assert " style=" not in page.source
    assert not re.search(r"\son[a-z]+=", page.source)


def test_it_says_what_it_rests_on(backend, people, tmp_path):
    page = page_of(backend, tmp_path)

    assert "As of 10 April 2024, 02:00 (Europe/Madrid)" in page.text
    assert "EUR, net of what was cancelled or came back" in page.text
    assert "Scores none are stored" in page.text
    assert re.search(r"Made by crmcore \S+", page.text)


def test_every_section_and_every_chart_has_its_parts(backend, people, tmp_path):
    """A title, a sentence with a figure, a name and a description, and a table."""
    fill_scores(backend, people)
    page = page_of(backend, tmp_path)

    assert [s for s in SECTIONS if f">{escape(s)}</h2>" not in page.source] == []
    charts = page.source.split('<div class="chart">')[1:]
    assert len(charts) == len(page.tables) >= 11
    for chart in charts:
        sentence = re.search(r'<p class="sentence"><bdi>(.*?)</bdi>', chart)
        assert sentence is not None
        assert re.search(r"\d", sentence[1])
        assert chart.count("<svg ") == chart.count("</title><desc ") == 2
        assert chart.count("<details>") == chart.count("<table>") == 1
        assert chart.index("<h3>") < chart.index("<svg ") < chart.index("<table>")


def test_ids_are_there_once(backend, people, tmp_path):
    page = page_of(backend, tmp_path)
    ids = re.findall(r'\bid="([^"]*)"', page.source)
    named = re.findall(r'aria-(?:labelledby|describedby)="([^"]*)"', page.source)

    assert len(ids) == len(set(ids))
    assert {word for words in named for word in words.split()} <= set(ids)


def test_what_customers_are_called_is_written_and_never_run(backend, tmp_path):
    fill_hostile(backend)
    page = page_of(backend, tmp_path, title=HOSTILE[0])

    for name in HOSTILE:
        assert " ".join(name.split()) in page.text
        assert not re.search(r"[<>]", name) or name not in page.source
    assert page.source.count("<script") == page.source.count("<img") == 0
    assert page.source.count("</style>") == page.source.count("</title></head>".lower()) + 1
    assert "49" not in re.findall(r"\{\{ 7 \* 7 \}\}|49 %", page.text)
    assert "{{ 7 * 7 }}" in page.text


def test_without_personal_values_there_are_ids_alone(backend, people, tmp_path):
    named = page_of(backend, tmp_path)
    bare = page_of(backend, tmp_path, personal=False)

    for word in ("Ana", "Ben", "Cia"):
        assert f"<bdi>{word}</bdi>" in named.source
        assert word not in bare.text
    assert str(people["ana"].id) in bare.text
    assert "ana@example.com" not in named.source
    assert named.tables == bare.tables


def test_who_has_no_name_goes_by_an_identifier(backend, people, tmp_path):
    from crmcore.testing import an_order

    with backend.unit_of_work() as uow:
        uow.orders.add(an_order(people["eve"], "5000", at=AT.replace(month=3)))

    assert "<bdi>E-5</bdi>" in page_of(backend, tmp_path).source


def test_an_empty_store_says_so_in_every_section(backend, tmp_path):
    page = page_of(backend, tmp_path)

    assert [page.text.count(f" {section} ") >= 1 for section in SECTIONS] == [True] * 8
    assert page.source.count('class="nothing"') == 8
    assert page.tables == {}


def test_a_store_without_purchases_says_so(backend, tmp_path):
    from crmcore.testing import a_customer

    with backend.unit_of_work() as uow:
        uow.customers.add(a_customer(at=AT.replace(month=1)))
    page = page_of(backend, tmp_path)

    assert page.source.count("Nobody had bought anything.") == 7
    assert "The journal has no move from one stage to another." in page.text


def test_free_purchases_have_no_revenue_to_share(backend, tmp_path):
    from crmcore.testing import a_customer, an_order

    with backend.unit_of_work() as uow:
        who = uow.customers.add(a_customer(at=AT.replace(month=1)))
        uow.orders.add(an_order(who, "0", at=AT.replace(month=2)))
    page = page_of(backend, tmp_path)

    assert "There is no revenue to share." in page.text
    assert page.tables["Customers by revenue"][1][1] == "1"


def test_unless_told_the_report_is_of_the_whole_of_today(backend, people, tmp_path):
    """By the backend's clock; the scores of today are dated at its end."""
    with backend.unit_of_work(source="shop") as uow:
        who = next(uow.customers.stream())
        late = datetime(2024, 6, 1, 21, 59, 59, 999_000, tzinfo=UTC)
        uow.scores.add(a_score(who, 0.5, scorer="probability_alive", at=late))
    page = page_of(backend, tmp_path, at=None)

    assert "As of 1 June 2024, 24:00 (Europe/Madrid)" in page.text
    assert "none are stored" not in page.text


def test_an_instant_without_a_zone_and_a_title_that_is_no_text_are_invalid(backend, tmp_path):
    with pytest.raises(InvalidInput):
        page_of(backend, tmp_path, at=datetime(2024, 1, 1))  # noqa: DTZ001  it is the point
    with pytest.raises(InvalidInput):
        page_of(backend, tmp_path, title="\0")
    assert list(tmp_path.iterdir()) == []


def test_the_same_store_and_instant_give_the_same_file(backend, people, tmp_path):
    one, two = (page_of(backend, tmp_path).source for _ in range(2))

    assert one == two
