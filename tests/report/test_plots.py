"""Plots of the tables of validation: self-contained, described, the same each time."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmcore.analytics import (
    BetaGeoNBDProcess,
    alive_path,
    calibration,
    conditional_expectations,
    frequency_histogram,
    frequency_recency,
    tracking,
)
from crmcore.domain.errors import InvalidInput
from crmcore.report import Plot, plot, plot_tracking
from crmcore.report.charts.axes import steps

SHOP = BetaGeoNBDProcess(r=0.5, alpha=6, a=0.8, b=2.5)
SVG = "{http://www.w3.org/2000/svg}"


def tables() -> dict[str, Any]:
    """One of each kind, of 600 simulated customers; and of almost nothing."""
    n = 600
    seen = SHOP.simulate(n_customers=n, T=52, seed=3)
    known = seen.time <= 39
    last = np.zeros(n)
    np.maximum.at(last, seen.customer[known], seen.time[known])
    who: dict[str, Any] = {
        "frequency": np.bincount(seen.customer[known], minlength=n),
        "recency": last,
        "T": 39,
    }
    later = np.bincount(seen.customer[~known], minlength=n)
    none = 1 - SHOP.probability_of_purchases(n=0, t=13, **who)
    day = np.concatenate([np.zeros(n), np.ceil(seen.time * 7)]).astype("datetime64[D]")
    ids = np.concatenate([np.arange(n), seen.customer])
    until: dict[str, Any] = {"as_of": "1970-10-01", "until": "1970-12-31"}
    busiest = int(np.bincount(seen.customer).argmax())
    nobody: dict[str, Any] = {"frequency": [], "recency": [], "T": []}
    grid: dict[str, Any] = {"frequency": range(1, 15), "recency": range(1, 40)}
    made: dict[str, Any] = {
        "tracking": tracking(SHOP, customer=ids, at=day, **until),
        "tracking of days": tracking(SHOP, customer=ids, at=day, **until, period_days=1),
        "tracking of nothing": tracking(SHOP, customer=[], at=[], **until),
        "tracking without a period": tracking(
            SHOP, customer=[1], at=["1970-10-01"], **until, start="1970-12-30"
        ),
        "histogram": frequency_histogram(SHOP, frequency=who["frequency"], T=39),
        "histogram of nobody": frequency_histogram(SHOP, frequency=[], T=[]),
        "calibration": calibration(predicted=none, happened=later > 0),
        "calibration of one": calibration(predicted=[0.5], happened=[1]),
        "path": alive_path(SHOP, at=day[ids == busiest], until="1971-06-01"),
        "path of a day": alive_path(SHOP, at=["1970-01-01"], until="1970-01-01"),
        "path of decades": alive_path(SHOP, at=day[ids == busiest], until="1999-01-01"),
        "grid": frequency_recency(SHOP, T=39),
        "grid of purchases": frequency_recency(SHOP, T=39, t=13),
        "fine grid": frequency_recency(SHOP, T=39, t=1000, **grid),
        "nobody by frequency": conditional_expectations(SHOP, t=13, **nobody, holdout_frequency=[]),
    }
    kinds: list[Any] = ["frequency", "recency", "T", "time_since_last"]
    for by in kinds:
        made[f"by {by}"] = conditional_expectations(
            SHOP,
            t=13,
            **who,
            holdout_frequency=later,
            by=by,
        )
    return made


TABLES = tables()


@pytest.fixture(params=TABLES, ids=str)
def drawn(request: pytest.FixtureRequest) -> Plot:
    return plot(TABLES[request.param])


def test_a_plot_is_a_document_that_needs_nothing_else(drawn: Plot) -> None:
    root = ET.fromstring(drawn.svg)
    assert root.tag == f"{SVG}svg"
    assert not list(root.iter(f"{SVG}script"))
    for element in root.iter():
        assert not any("href" in name or name.startswith("on") for name in element.attrib)
    style = root.findtext(f"{SVG}style") or ""
    assert "url(" not in style
    assert "@import" not in style
    assert "http" not in drawn.svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert len(drawn.svg) < 150_000


def test_a_plot_says_in_words_what_it_shows(drawn: Plot) -> None:
    root = ET.fromstring(drawn.svg)
    assert root.attrib["role"] == "img"
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    named = {e.attrib["id"]: e.text for e in root.iter() if "id" in e.attrib}
    assert named[root.attrib["aria-labelledby"]] == drawn.title
    assert named[root.attrib["aria-describedby"]] == drawn.sentence
    assert drawn.sentence.endswith(".")
    shown = drawn._repr_html_()
    assert drawn.sentence.replace("<", "&lt;").replace(">", "&gt;") in shown
    assert "<table>" in shown
    assert shown.count("<svg") == 2
    assert drawn._repr_svg_() == drawn.svg


def test_every_coordinate_is_a_number(drawn: Plot) -> None:
    assert "nan" not in drawn.svg
    assert "inf" not in drawn.svg
    for element in ET.fromstring(drawn.svg).iter():
        for name in ("x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "width", "height"):
            if name in element.attrib and element.attrib[name] != "100%":
                assert np.isfinite(float(element.attrib[name]))


def test_the_same_table_is_the_same_plot_and_no_other() -> None:
    drawn = [plot(table).svg for table in TABLES.values()]
    assert [plot(table).svg for table in TABLES.values()] == drawn
    assert len(set(drawn)) == len(drawn)


def test_a_plot_is_saved_as_a_picture_or_as_a_page(tmp_path: Path) -> None:
    drawn = plot(TABLES["grid"])
    assert drawn.save(tmp_path / "grid.svg").read_text("utf-8") == drawn.svg
    page = drawn.save(str(tmp_path / "grid.HTML")).read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert drawn._repr_html_() in page
    with pytest.raises(InvalidInput, match=r"must end in \.svg or \.html"):
        drawn.save(tmp_path / "grid.png")
    with pytest.raises(InvalidInput, match="cannot be written"):
        drawn.save(tmp_path / "nowhere" / "grid.svg")


def test_tracking_is_drawn_cumulative_or_by_period() -> None:
    table = TABLES["tracking"]
    assert plot(table) == plot_tracking(table)
    each = plot_tracking(table, cumulative=False)
    assert (plot(table).title, each.title) == (
        "Repeat purchases, cumulative", "Repeat purchases each week",
    )  # fmt: skip
    assert "each 30 days" in plot_tracking(
        tracking(
            SHOP, customer=[1], at=["1970-01-01"], as_of="1970-06-01", until="1970-12-31",
            period_days=30,
        ),
        cumulative=False,
    ).title  # fmt: skip


def test_what_is_no_such_table_is_refused() -> None:
    with pytest.raises(InvalidInput, match="table"):
        plot(SHOP)  # type: ignore[arg-type]


def test_colours_are_those_of_the_report() -> None:
    def colours(text: str, opening: str) -> dict[str, str]:
        block = text[text.index(opening) :].partition("}")[0]
        return dict(re.findall(r"--([\w-]+): (#\w+)", block))

    page = files("crmcore.report").joinpath("page.css").read_text("utf-8")
    style = files("crmcore.report.plots").joinpath("plot.css").read_text("utf-8")
    for light, dark in (
        (":root {", ".crm-plot {"),
        ("dark) {\n  :root {", "dark) {\n  .crm-plot {"),
    ):
        known, used = colours(page, light), colours(style, dark)
        assert used
        assert used.items() <= known.items()


@given(st.floats(1e-9, 1e12), st.integers(3, 6))
@example(top=1.0, most=5)
@example(top=0.3, most=5)
@example(top=1.3, most=5)
def test_steps_of_an_axis_are_round_few_and_enough(top: float, most: int) -> None:
    found = steps(top, most=most)
    assert found[0] == 0
    assert 2 <= len(found) <= most + 1
    assert found[-1] >= top * (1 - 1e-9)
    assert found[-2] < top
    assert f"{found[1]:e}".partition("e")[0] in ("1.000000", "2.000000", "5.000000")


def test_an_axis_of_nothing_has_an_end() -> None:
    assert steps(0.0) == [0.0, 1.0]
