"""Plots in a browser: nothing cut, nothing overlapping, readable in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crmcore.report import plot, plot_tracking
from tests.report.test_browser import CLIPPED, CONTRAST, DESK, PHONE, TOUCHING
from tests.report.test_plots import TABLES

# A plot lies on a card of its own, and a cell of a map on that.
ON_THE_LAST = CONTRAST.replace(".find(r", ".findLast(r")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Each plot as a page of its own."""
    folder = tmp_path_factory.mktemp("plots")
    drawn = {name: plot(table) for name, table in TABLES.items()}
    drawn["each week"] = plot_tracking(TABLES["tracking"], cumulative=False)
    return [one.save(folder / f"{name}.html") for name, one in drawn.items()]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_no_mark_leaves_its_plot_and_no_label_touches_another(
    browser: Any, pages: list[Path], size: dict[str, int]
) -> None:
    page = browser.new_page(viewport=size)
    for file in pages:
        page.goto(file.as_uri())
        assert page.evaluate(CLIPPED) == [], file.stem
        assert page.evaluate(TOUCHING) == [], file.stem
        assert page.locator("svg:visible").count() == 1
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_words_can_be_read(browser: Any, pages: list[Path], scheme: str) -> None:
    page = browser.new_page(viewport=DESK, color_scheme=scheme)
    one_of_each = {type(table): name for name, table in TABLES.items()}
    for file in (file for file in pages if file.stem in one_of_each.values()):
        page.goto(file.as_uri())
        found = page.evaluate(ON_THE_LAST)
        assert len(found) > 5
        assert [entry for entry in found if entry[0] < 4.5] == [], file.stem
    page.close()


def test_a_saved_picture_shows_itself(browser: Any, tmp_path: Path) -> None:
    file = plot(TABLES["tracking"]).save(tmp_path / "tracking.svg")
    asked: list[str] = []
    page = browser.new_page(viewport=DESK)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    stroke = "getComputedStyle(document.querySelector('.actual')).stroke"
    assert page.evaluate(stroke) == "rgb(31, 111, 178)"
    assert asked == [file.as_uri()]
    page.close()
